from meseta.wire.gen import agent_messages_pb2 as _agent_messages_pb2
from meseta.wire.gen import commands_pb2 as _commands_pb2
from meseta.wire.gen import frameworks_pb2 as _frameworks_pb2
from meseta.wire.gen import ids_pb2 as _ids_pb2
from meseta.wire.gen import offers_pb2 as _offers_pb2
from meseta.wire.gen import resources_pb2 as _resources_pb2
from meseta.wire.gen import tasks_pb2 as _tasks_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunTaskMessage(_message.Message):
    __slots__ = ("framework_id", "framework", "pid", "task", "resource_version_uuids", "launch_executor", "registration_uuid")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_VERSION_UUIDS_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    framework: _frameworks_pb2.FrameworkInfo
    pid: str
    task: _tasks_pb2.TaskInfo
    resource_version_uuids: _containers.RepeatedCompositeFieldContainer[_agent_messages_pb2.ResourceVersionUUID]
    launch_executor: bool
    registration_uuid: _ids_pb2.UUID
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., framework: _Optional[_Union[_frameworks_pb2.FrameworkInfo, _Mapping]] = ..., pid: _Optional[str] = ..., task: _Optional[_Union[_tasks_pb2.TaskInfo, _Mapping]] = ..., resource_version_uuids: _Optional[_Iterable[_Union[_agent_messages_pb2.ResourceVersionUUID, _Mapping]]] = ..., launch_executor: _Optional[bool] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class RunTaskGroupMessage(_message.Message):
    __slots__ = ("framework", "executor", "task_group", "resource_version_uuids", "launch_executor", "registration_uuid")
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    TASK_GROUP_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_VERSION_UUIDS_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    framework: _frameworks_pb2.FrameworkInfo
    executor: _tasks_pb2.ExecutorInfo
    task_group: _tasks_pb2.TaskGroupInfo
    resource_version_uuids: _containers.RepeatedCompositeFieldContainer[_agent_messages_pb2.ResourceVersionUUID]
    launch_executor: bool
    registration_uuid: _ids_pb2.UUID
    def __init__(self, framework: _Optional[_Union[_frameworks_pb2.FrameworkInfo, _Mapping]] = ..., executor: _Optional[_Union[_tasks_pb2.ExecutorInfo, _Mapping]] = ..., task_group: _Optional[_Union[_tasks_pb2.TaskGroupInfo, _Mapping]] = ..., resource_version_uuids: _Optional[_Iterable[_Union[_agent_messages_pb2.ResourceVersionUUID, _Mapping]]] = ..., launch_executor: _Optional[bool] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class KillTaskMessage(_message.Message):
    __slots__ = ("framework_id", "task_id", "kill_policy", "registration_uuid")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    KILL_POLICY_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    task_id: _ids_pb2.TaskID
    kill_policy: _commands_pb2.KillPolicy
    registration_uuid: _ids_pb2.UUID
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., task_id: _Optional[_Union[_ids_pb2.TaskID, _Mapping]] = ..., kill_policy: _Optional[_Union[_commands_pb2.KillPolicy, _Mapping]] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class ShutdownFrameworkMessage(_message.Message):
    __slots__ = ("framework_id", "registration_uuid")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    registration_uuid: _ids_pb2.UUID
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class ShutdownExecutorMessage(_message.Message):
    __slots__ = ("executor_id", "framework_id", "registration_uuid")
    EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    executor_id: _ids_pb2.ExecutorID
    framework_id: _ids_pb2.FrameworkID
    registration_uuid: _ids_pb2.UUID
    def __init__(self, executor_id: _Optional[_Union[_ids_pb2.ExecutorID, _Mapping]] = ..., framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class UpdateFrameworkMessage(_message.Message):
    __slots__ = ("framework_id", "pid", "framework_info", "registration_uuid")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_INFO_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    pid: str
    framework_info: _frameworks_pb2.FrameworkInfo
    registration_uuid: _ids_pb2.UUID
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., pid: _Optional[str] = ..., framework_info: _Optional[_Union[_frameworks_pb2.FrameworkInfo, _Mapping]] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class StatusUpdate(_message.Message):
    __slots__ = ("framework_id", "executor_id", "slave_id", "status", "timestamp", "uuid", "latest_state")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    LATEST_STATE_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    executor_id: _ids_pb2.ExecutorID
    slave_id: _ids_pb2.AgentID
    status: _tasks_pb2.TaskStatus
    timestamp: float
    uuid: bytes
    latest_state: _tasks_pb2.TaskState
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., executor_id: _Optional[_Union[_ids_pb2.ExecutorID, _Mapping]] = ..., slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ..., status: _Optional[_Union[_tasks_pb2.TaskStatus, _Mapping]] = ..., timestamp: _Optional[float] = ..., uuid: _Optional[bytes] = ..., latest_state: _Optional[_Union[_tasks_pb2.TaskState, str]] = ...) -> None: ...

class StatusUpdateMessage(_message.Message):
    __slots__ = ("update", "pid")
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    update: StatusUpdate
    pid: str
    def __init__(self, update: _Optional[_Union[StatusUpdate, _Mapping]] = ..., pid: _Optional[str] = ...) -> None: ...

class StatusUpdateAcknowledgementMessage(_message.Message):
    __slots__ = ("slave_id", "framework_id", "task_id", "uuid")
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    slave_id: _ids_pb2.AgentID
    framework_id: _ids_pb2.FrameworkID
    task_id: _ids_pb2.TaskID
    uuid: bytes
    def __init__(self, slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ..., framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., task_id: _Optional[_Union[_ids_pb2.TaskID, _Mapping]] = ..., uuid: _Optional[bytes] = ...) -> None: ...

class StatusUpdateRecord(_message.Message):
    __slots__ = ("type", "update", "uuid")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UPDATE: _ClassVar[StatusUpdateRecord.Type]
        ACK: _ClassVar[StatusUpdateRecord.Type]
    UPDATE: StatusUpdateRecord.Type
    ACK: StatusUpdateRecord.Type
    TYPE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    type: StatusUpdateRecord.Type
    update: StatusUpdate
    uuid: bytes
    def __init__(self, type: _Optional[_Union[StatusUpdateRecord.Type, str]] = ..., update: _Optional[_Union[StatusUpdate, _Mapping]] = ..., uuid: _Optional[bytes] = ...) -> None: ...

class TaskHealthStatus(_message.Message):
    __slots__ = ("task_id", "healthy", "kill_task", "consecutive_failures")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    KILL_TASK_FIELD_NUMBER: _ClassVar[int]
    CONSECUTIVE_FAILURES_FIELD_NUMBER: _ClassVar[int]
    task_id: _ids_pb2.TaskID
    healthy: bool
    kill_task: bool
    consecutive_failures: int
    def __init__(self, task_id: _Optional[_Union[_ids_pb2.TaskID, _Mapping]] = ..., healthy: _Optional[bool] = ..., kill_task: _Optional[bool] = ..., consecutive_failures: _Optional[int] = ...) -> None: ...

class ApplyOperationMessage(_message.Message):
    __slots__ = ("framework_id", "operation_info", "operation_uuid", "resource_version_uuid", "registration_uuid")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_INFO_FIELD_NUMBER: _ClassVar[int]
    OPERATION_UUID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_VERSION_UUID_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    operation_info: _offers_pb2.Offer.Operation
    operation_uuid: _ids_pb2.UUID
    resource_version_uuid: _agent_messages_pb2.ResourceVersionUUID
    registration_uuid: _ids_pb2.UUID
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., operation_info: _Optional[_Union[_offers_pb2.Offer.Operation, _Mapping]] = ..., operation_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ..., resource_version_uuid: _Optional[_Union[_agent_messages_pb2.ResourceVersionUUID, _Mapping]] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class UpdateOperationStatusMessage(_message.Message):
    __slots__ = ("framework_id", "slave_id", "status", "latest_status", "operation_uuid")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LATEST_STATUS_FIELD_NUMBER: _ClassVar[int]
    OPERATION_UUID_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    slave_id: _ids_pb2.AgentID
    status: _offers_pb2.OperationStatus
    latest_status: _offers_pb2.OperationStatus
    operation_uuid: _ids_pb2.UUID
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ..., status: _Optional[_Union[_offers_pb2.OperationStatus, _Mapping]] = ..., latest_status: _Optional[_Union[_offers_pb2.OperationStatus, _Mapping]] = ..., operation_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class AcknowledgeOperationStatusMessage(_message.Message):
    __slots__ = ("status_uuid", "operation_uuid", "resource_provider_id")
    STATUS_UUID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_UUID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_PROVIDER_ID_FIELD_NUMBER: _ClassVar[int]
    status_uuid: _ids_pb2.UUID
    operation_uuid: _ids_pb2.UUID
    resource_provider_id: _ids_pb2.ResourceProviderID
    def __init__(self, status_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ..., operation_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ..., resource_provider_id: _Optional[_Union[_ids_pb2.ResourceProviderID, _Mapping]] = ...) -> None: ...

class UpdateOperationStatusRecord(_message.Message):
    __slots__ = ("type", "update", "uuid")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UPDATE: _ClassVar[UpdateOperationStatusRecord.Type]
        ACK: _ClassVar[UpdateOperationStatusRecord.Type]
    UPDATE: UpdateOperationStatusRecord.Type
    ACK: UpdateOperationStatusRecord.Type
    TYPE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    type: UpdateOperationStatusRecord.Type
    update: UpdateOperationStatusMessage
    uuid: _ids_pb2.UUID
    def __init__(self, type: _Optional[_Union[UpdateOperationStatusRecord.Type, str]] = ..., update: _Optional[_Union[UpdateOperationStatusMessage, _Mapping]] = ..., uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class ReconcileOperationsMessage(_message.Message):
    __slots__ = ("operations", "framework_id", "registration_uuid")
    class Operation(_message.Message):
        __slots__ = ("operation_uuid", "resource_provider_id", "operation_id")
        OPERATION_UUID_FIELD_NUMBER: _ClassVar[int]
        RESOURCE_PROVIDER_ID_FIELD_NUMBER: _ClassVar[int]
        OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
        operation_uuid: _ids_pb2.UUID
        resource_provider_id: _ids_pb2.ResourceProviderID
        operation_id: _ids_pb2.OperationID
        def __init__(self, operation_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ..., resource_provider_id: _Optional[_Union[_ids_pb2.ResourceProviderID, _Mapping]] = ..., operation_id: _Optional[_Union[_ids_pb2.OperationID, _Mapping]] = ...) -> None: ...
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[ReconcileOperationsMessage.Operation]
    framework_id: _ids_pb2.FrameworkID
    registration_uuid: _ids_pb2.UUID
    def __init__(self, operations: _Optional[_Iterable[_Union[ReconcileOperationsMessage.Operation, _Mapping]]] = ..., framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...

class CheckpointResourcesMessage(_message.Message):
    __slots__ = ("resources", "registration_uuid")
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_UUID_FIELD_NUMBER: _ClassVar[int]
    resources: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Resource]
    registration_uuid: _ids_pb2.UUID
    def __init__(self, resources: _Optional[_Iterable[_Union[_resources_pb2.Resource, _Mapping]]] = ..., registration_uuid: _Optional[_Union[_ids_pb2.UUID, _Mapping]] = ...) -> None: ...
