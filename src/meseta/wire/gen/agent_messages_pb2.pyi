from meseta.wire.gen import driver_messages_pb2 as _driver_messages_pb2
from meseta.wire.gen import frameworks_pb2 as _frameworks_pb2
from meseta.wire.gen import ids_pb2 as _ids_pb2
from meseta.wire.gen import machines_pb2 as _machines_pb2
from meseta.wire.gen import offers_pb2 as _offers_pb2
from meseta.wire.gen import resource_provider_pb2 as _resource_provider_pb2
from meseta.wire.gen import resources_pb2 as _resources_pb2
from meseta.wire.gen import tasks_pb2 as _tasks_pb2
from meseta.wire.gen import values_pb2 as _values_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SlaveInfo(_message.Message):
    __slots__ = ("hostname", "resources", "attributes", "id", "checkpoint", "port", "domain")
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    hostname: str
    resources: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Resource]
    attributes: _containers.RepeatedCompositeFieldContainer[_values_pb2.Attribute]
    id: _ids_pb2.AgentID
    checkpoint: bool
    port: int
    domain: _values_pb2.DomainInfo
    def __init__(self, hostname: _Optional[str] = ..., resources: _Optional[_Iterable[_Union[_resources_pb2.Resource, _Mapping]]] = ..., attributes: _Optional[_Iterable[_Union[_values_pb2.Attribute, _Mapping]]] = ..., id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ..., checkpoint: _Optional[bool] = ..., port: _Optional[int] = ..., domain: _Optional[_Union[_values_pb2.DomainInfo, _Mapping]] = ...) -> None: ...

class RegisterSlaveMessage(_message.Message):
    __slots__ = ("slave", "version", "checkpointed_resources", "agent_capabilities", "resource_version_uuid", "registration_uuid")
    SLAVE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTED_RESOURCES_FIELD_NUMBER: _ClassVar[int]
    AGENT_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_VERSION_UUID_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    slave: SlaveInfo
    version: str
    checkpointed_resources: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Resource]
    agent_capabilities: _containers.RepeatedCompositeFieldContainer[_machines_pb2.AgentInfo.Capability]
    resource_version_uuid: _ids_pb2.UUID
    registration_uuid: _ids_pb2.UUID
    def __init__(self, slave: _Optional[_Union[SlaveInfo, _Mapping]] = ..., version: _Optional[str] = ..., checkpointed_resources: _Optional[_Iterable[_Union[_resources_pb2.Resource, _Mapping]]] = ..., agent_capabilities: _Optional[_Iterable[_Union[_machines_pb2.AgentInfo.Capability, _Mapping]]] = ..., resource_version_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class ReregisterSlaveMessage(_message.Message):
    __slots__ = ("slave", "tasks", "executor_infos", "completed_frameworks", "version", "checkpointed_resources", "frameworks", "agent_capabilities", "resource_version_uuid", "registration_uuid")
    SLAVE_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_INFOS_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FRAMEWORKS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTED_RESOURCES_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORKS_FIELD_NUMBER: _ClassVar[int]
    AGENT_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_VERSION_UUID_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    slave: SlaveInfo
    tasks: _containers.RepeatedCompositeFieldContainer[_tasks_pb2.Task]
    executor_infos: _containers.RepeatedCompositeFieldContainer[_tasks_pb2.ExecutorInfo]
    completed_frameworks: _containers.RepeatedCompositeFieldContainer[Archive.Framework]
    version: str
    checkpointed_resources: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Resource]
    frameworks: _containers.RepeatedCompositeFieldContainer[_frameworks_pb2.FrameworkInfo]
    agent_capabilities: _containers.RepeatedCompositeFieldContainer[_machines_pb2.AgentInfo.Capability]
    resource_version_uuid: _ids_pb2.UUID
    registration_uuid: _ids_pb2.UUID
    def __init__(self, slave: _Optional[_Union[SlaveInfo, _Mapping]] = ..., tasks: _Optional[_Iterable[_Union[_tasks_pb2.Task, _Mapping]]] = ..., executor_infos: _Optional[_Iterable[_Union[_tasks_pb2.ExecutorInfo, _Mapping]]] = ..., completed_frameworks: _Optional[_Iterable[_Union[Archive.Framework, _Mapping]]] = ..., version: _Optional[str] = ..., checkpointed_resources: _Optional[_Iterable[_Union[_resources_pb2.Resource, _Mapping]]] = ..., frameworks: _Optional[_Iterable[_Union[_frameworks_pb2.FrameworkInfo, _Mapping]]] = ..., agent_capabilities: _Optional[_Iterable[_Union[_machines_pb2.AgentInfo.Capability, _Mapping]]] = ..., resource_version_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class SlaveRegisteredMessage(_message.Message):
    __slots__ = ("slave_id", "connection", "registration_uuid")
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    slave_id: _ids_pb2.AgentID
    connection: MasterSlaveConnection
    registration_uuid: _ids_pb2.UUID
    def __init__(self, slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ..., connection: _Optional[_Union[MasterSlaveConnection, _Mapping]] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class SlaveReregisteredMessage(_message.Message):
    __slots__ = ("slave_id", "reconciliations", "connection", "registration_uuid")
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    RECONCILIATIONS_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    slave_id: _ids_pb2.AgentID
    reconciliations: _containers.RepeatedCompositeFieldContainer[_driver_messages_pb2.ReconcileTasksMessage]
    connection: MasterSlaveConnection
    registration_uuid: _ids_pb2.UUID
    def __init__(self, slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ..., reconciliations: _Optional[_Iterable[_Union[_driver_messages_pb2.ReconcileTasksMessage, _Mapping]]] = ..., connection: _Optional[_Union[MasterSlaveConnection, _Mapping]] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class MasterSlaveConnection(_message.Message):
    __slots__ = ("total_ping_timeout_seconds",)
    TOTAL_PING_TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    total_ping_timeout_seconds: float
    def __init__(self, total_ping_timeout_seconds: _Optional[float] = ...) -> None: ...

class UnregisterSlaveMessage(_message.Message):
    __slots__ = ("slave_id",)
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    slave_id: _ids_pb2.AgentID
    def __init__(self, slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ...) -> None: ...

class LostSlaveMessage(_message.Message):
    __slots__ = ("slave_id",)
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    slave_id: _ids_pb2.AgentID
    def __init__(self, slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ...) -> None: ...

class ShutdownMessage(_message.Message):
    __slots__ = ("message", "registration_uuid")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    message: str
    registration_uuid: _ids_pb2.UUID
    def __init__(self, message: _Optional[str] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class PingSlaveMessage(_message.Message):
    __slots__ = ("connected",)
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    connected: bool
    def __init__(self, connected: _Optional[bool] = ...) -> None: ...

class PongSlaveMessage(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UpdateSlaveMessage(_message.Message):
    __slots__ = ("slave_id", "oversubscribed_resources", "update_oversubscribed_resources", "operations", "resource_version_uuid", "resource_providers")
    class Operations(_message.Message):
        __slots__ = ("operations",)
        OPERATIONS_FIELD_NUMBER: _ClassVar[int]
        operations: _containers.RepeatedCompositeFieldContainer[_offers_pb2.Operation]
        def __init__(self, operations: _Optional[_Iterable[_Union[_offers_pb2.Operation, _Mapping]]] = ...) -> None: ...
    class ResourceProvider(_message.Message):
        __slots__ = ("info", "total_resources", "operations", "resource_version_uuid")
        INFO_FIELD_NUMBER: _ClassVar[int]
        TOTAL_RESOURCES_FIELD_NUMBER: _ClassVar[int]
        OPERATIONS_FIELD_NUMBER: _ClassVar[int]
        RESOURCE_VERSION_UUID_FIELD_NUMBER: _ClassVar[int]
        info: _resources_pb2.ResourceProviderInfo
        total_resources: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Resource]
        operations: UpdateSlaveMessage.Operations
        resource_version_uuid: _ids_pb2.UUID
        def __init__(self, info: _Optional[_Union[_resources_pb2.ResourceProviderInfo, _Mapping]] = ..., total_resources: _Optional[_Iterable[_Union[_resources_pb2.Resource, _Mapping]]] = ..., operations: _Optional[_Union[UpdateSlaveMessage.Operations, _Mapping]] = ..., resource_version_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...
    class ResourceProviders(_message.Message):
        __slots__ = ("providers",)
        PROVIDERS_FIELD_NUMBER: _ClassVar[int]
        providers: _containers.RepeatedCompositeFieldContainer[UpdateSlaveMessage.ResourceProvider]
        def __init__(self, providers: _Optional[_Iterable[_Union[UpdateSlaveMessage.ResourceProvider, _Mapping]]] = ...) -> None: ...
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    OVERSUBSCRIBED_RESOURCES_FIELD_NUMBER: _ClassVar[int]
    UPDATE_OVERSUBSCRIBED_RESOURCES_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_VERSION_UUID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    slave_id: _ids_pb2.AgentID
    oversubscribed_resources: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Resource]
    update_oversubscribed_resources: bool
    operations: UpdateSlaveMessage.Operations
    resource_version_uuid: _ids_pb2.UUID
    resource_providers: UpdateSlaveMessage.ResourceProviders
    def __init__(self, slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ..., oversubscribed_resources: _Optional[_Iterable[_Union[_resources_pb2.Resource, _Mapping]]] = ..., update_oversubscribed_resources: _Optional[bool] = ..., operations: _Optional[_Union[UpdateSlaveMessage.Operations, _Mapping]] = ..., resource_version_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ..., resource_providers: _Optional[_Union[UpdateSlaveMessage.ResourceProviders, _Mapping]] = ...) -> None: ...

class ResourceVersionUUID(_message.Message):
    __slots__ = ("resource_provider_id", "uuid")
    RESOURCE_PROVIDER_ID_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    resource_provider_id: _ids_pb2.ResourceProviderID
    uuid: _ids_pb2.UUID
    def __init__(self, resource_provider_id: _Optional[_Union[_ids_pb2.ResourceProviderID, _Mapping]] = ..., uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class DrainSlaveMessage(_message.Message):
    __slots__ = ("config", "registration_uuid")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    config: _machines_pb2.DrainConfig
    registration_uuid: _ids_pb2.UUID
    def __init__(self, config: _Optional[_Union[_machines_pb2.DrainConfig, _Mapping]] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class ResourceProviderCallMessage(_message.Message):
    __slots__ = ("call", "uuid")
    CALL_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    call: _resource_provider_pb2.Call
    uuid: _ids_pb2.UUID
    def __init__(self, call: _Optional[_Union[_resource_provider_pb2.Call, _Mapping]] = ..., uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class ResourceProviderEventMessage(_message.Message):
    __slots__ = ("resource_provider_id", "event", "uuid")
    RESOURCE_PROVIDER_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    resource_provider_id: _ids_pb2.ResourceProviderID
    event: _resource_provider_pb2.Event
    uuid: _ids_pb2.UUID
    def __init__(self, resource_provider_id: _Optional[_Union[_ids_pb2.ResourceProviderID, _Mapping]] = ..., event: _Optional[_Union[_resource_provider_pb2.Event, _Mapping]] = ..., uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class Archive(_message.Message):
    __slots__ = ("frameworks",)
    class Framework(_message.Message):
        __slots__ = ("framework_info", "pid", "tasks")
        FRAMEWORK_INFO_FIELD_NUMBER: _ClassVar[int]
        PID_FIELD_NUMBER: _ClassVar[int]
        TASKS_FIELD_NUMBER: _ClassVar[int]
        framework_info: _frameworks_pb2.FrameworkInfo
        pid: str
        tasks: _containers.RepeatedCompositeFieldContainer[_tasks_pb2.Task]
        def __init__(self, framework_info: _Optional[_Union[_frameworks_pb2.FrameworkInfo, _Mapping]] = ..., pid: _Optional[str] = ..., tasks: _Optional[_Iterable[_Union[_tasks_pb2.Task, _Mapping]]] = ...) -> None: ...
    FRAMEWORKS_FIELD_NUMBER: _ClassVar[int]
    frameworks: _containers.RepeatedCompositeFieldContainer[Archive.Framework]
    def __init__(self, frameworks: _Optional[_Iterable[_Union[Archive.Framework, _Mapping]]] = ...) -> None: ...
