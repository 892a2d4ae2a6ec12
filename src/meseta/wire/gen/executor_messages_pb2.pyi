from meseta.wire.gen import agent_messages_pb2 as _agent_messages_pb2
from meseta.wire.gen import task_messages_pb2 as _task_messages_pb2
from meseta.wire.gen import frameworks_pb2 as _frameworks_pb2
from meseta.wire.gen import ids_pb2 as _ids_pb2
from meseta.wire.gen import tasks_pb2 as _tasks_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegisterExecutorMessage(_message.Message):
    __slots__ = ("framework_id", "executor_id")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    executor_id: _ids_pb2.ExecutorID
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., executor_id: _Optional[_Union[_ids_pb2.ExecutorID, _Mapping]] = ...) -> None: ...

class ExecutorRegisteredMessage(_message.Message):
    __slots__ = ("executor_info", "framework_id", "framework_info", "slave_id", "slave_info")
    EXECUTOR_INFO_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_INFO_FIELD_NUMBER: _ClassVar[int]
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    SLAVE_INFO_FIELD_NUMBER: _ClassVar[int]
    executor_info: _tasks_pb2.ExecutorInfo
    framework_id: _ids_pb2.FrameworkID
    framework_info: _frameworks_pb2.FrameworkInfo
    slave_id: _ids_pb2.AgentID
    slave_info: _agent_messages_pb2.SlaveInfo
    def __init__(self, executor_info: _Optional[_Union[_tasks_pb2.ExecutorInfo, _Mapping]] = ..., framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., framework_info: _Optional[_Union[_frameworks_pb2.FrameworkInfo, _Mapping]] = ..., slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ..., slave_info: _Optional[_Union[_agent_messages_pb2.SlaveInfo, _Mapping]] = ...) -> None: ...

class ReconnectExecutorMessage(_message.Message):
    __slots__ = ("slave_id",)
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    slave_id: _ids_pb2.AgentID
    def __init__(self, slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ...) -> None: ...

class ReregisterExecutorMessage(_message.Message):
    __slots__ = ("executor_id", "framework_id", "tasks", "updates")
    EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    executor_id: _ids_pb2.ExecutorID
    framework_id: _ids_pb2.FrameworkID
    tasks: _containers.RepeatedCompositeFieldContainer[_tasks_pb2.TaskInfo]
    updates: _containers.RepeatedCompositeFieldContainer[_task_messages_pb2.StatusUpdate]
    def __init__(self, executor_id: _Optional[_Union[_ids_pb2.ExecutorID, _Mapping]] = ..., framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., tasks: _Optional[_Iterable[_Union[_tasks_pb2.TaskInfo, _Mapping]]] = ..., updates: _Optional[_Iterable[_Union[_task_messages_pb2.StatusUpdate, _Mapping]]] = ...) -> None: ...

class ExecutorReregisteredMessage(_message.Message):
    __slots__ = ("slave_id", "slave_info")
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    SLAVE_INFO_FIELD_NUMBER: _ClassVar[int]
    slave_id: _ids_pb2.AgentID
    slave_info: _agent_messages_pb2.SlaveInfo
    def __init__(self, slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ..., slave_info: _Optional[_Union[_agent_messages_pb2.SlaveInfo, _Mapping]] = ...) -> None: ...

class ExitedExecutorMessage(_message.Message):
    __slots__ = ("slave_id", "framework_id", "executor_id", "status")
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    slave_id: _ids_pb2.AgentID
    framework_id: _ids_pb2.FrameworkID
    executor_id: _ids_pb2.ExecutorID
    status: int
    def __init__(self, slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ..., framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., executor_id: _Optional[_Union[_ids_pb2.ExecutorID, _Mapping]] = ..., status: _Optional[int] = ...) -> None: ...

class ExecutorToFrameworkMessage(_message.Message):
    __slots__ = ("slave_id", "framework_id", "executor_id", "data")
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    slave_id: _ids_pb2.AgentID
    framework_id: _ids_pb2.FrameworkID
    executor_id: _ids_pb2.ExecutorID
    data: bytes
    def __init__(self, slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ..., framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., executor_id: _Optional[_Union[_ids_pb2.ExecutorID, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class FrameworkToExecutorMessage(_message.Message):
    __slots__ = ("slave_id", "framework_id", "executor_id", "data")
    SLAVE_ID_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    slave_id: _ids_pb2.AgentID
    framework_id: _ids_pb2.FrameworkID
    executor_id: _ids_pb2.ExecutorID
    data: bytes
    def __init__(self, slave_id: _Optional[_Union[_ids_pb2.AgentID, _Mapping]] = ..., framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., executor_id: _Optional[_Union[_ids_pb2.ExecutorID, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...
