from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ShallowReregistration(_message.Message):
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
    slave: bytes
    tasks: _containers.RepeatedScalarFieldContainer[bytes]
    executor_infos: _containers.RepeatedScalarFieldContainer[bytes]
    completed_frameworks: _containers.RepeatedScalarFieldContainer[bytes]
    version: str
    checkpointed_resources: _containers.RepeatedScalarFieldContainer[bytes]
    frameworks: _containers.RepeatedScalarFieldContainer[bytes]
    agent_capabilities: _containers.RepeatedScalarFieldContainer[bytes]
    resource_version_uuid: bytes
    registration_uuid: bytes
    def __init__(self, slave: _Optional[bytes] = ..., tasks: _Optional[_Iterable[bytes]] = ..., executor_infos: _Optional[_Iterable[bytes]] = ..., completed_frameworks: _Optional[_Iterable[bytes]] = ..., version: _Optional[str] = ..., checkpointed_resources: _Optional[_Iterable[bytes]] = ..., frameworks: _Optional[_Iterable[bytes]] = ..., agent_capabilities: _Optional[_Iterable[bytes]] = ..., resource_version_uuid: _Optional[bytes] = ..., registration_uuid: _Optional[bytes] = ...) -> None: ...

class ShallowArchive(_message.Message):
    __slots__ = ("framework_info", "tasks")
    FRAMEWORK_INFO_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    framework_info: bytes
    tasks: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, framework_info: _Optional[bytes] = ..., tasks: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ShallowTask(_message.Message):
    __slots__ = ("name", "task_id", "framework_id", "executor_id", "agent_id", "state", "resources", "statuses", "status_update_state", "status_update_uuid", "labels", "discovery", "container", "user", "health_check", "kill_policy", "limits")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    STATUS_UPDATE_STATE_FIELD_NUMBER: _ClassVar[int]
    STATUS_UPDATE_UUID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    DISCOVERY_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    HEALTH_CHECK_FIELD_NUMBER: _ClassVar[int]
    KILL_POLICY_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    name: str
    task_id: bytes
    framework_id: bytes
    executor_id: bytes
    agent_id: bytes
    state: int
    resources: _containers.RepeatedScalarFieldContainer[bytes]
    statuses: _containers.RepeatedScalarFieldContainer[bytes]
    status_update_state: int
    status_update_uuid: bytes
    labels: bytes
    discovery: bytes
    container: bytes
    user: str
    health_check: bytes
    kill_policy: bytes
    limits: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, name: _Optional[str] = ..., task_id: _Optional[bytes] = ..., framework_id: _Optional[bytes] = ..., executor_id: _Optional[bytes] = ..., agent_id: _Optional[bytes] = ..., state: _Optional[int] = ..., resources: _Optional[_Iterable[bytes]] = ..., statuses: _Optional[_Iterable[bytes]] = ..., status_update_state: _Optional[int] = ..., status_update_uuid: _Optional[bytes] = ..., labels: _Optional[bytes] = ..., discovery: _Optional[bytes] = ..., container: _Optional[bytes] = ..., user: _Optional[str] = ..., health_check: _Optional[bytes] = ..., kill_policy: _Optional[bytes] = ..., limits: _Optional[_Iterable[bytes]] = ...) -> None: ...
