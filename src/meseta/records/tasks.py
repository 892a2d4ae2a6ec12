"""Tasks and executors, as a framework asks for them and as an agent reports them."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from meseta.ids import AgentId, ExecutorId, FrameworkId, TaskId
from meseta.records.commands import CommandInfo, HealthCheck
from meseta.records.statuses import Statuses, TaskState
from meseta.resources import Resources


class ExecutorType(IntEnum):
    """Who runs the tasks: the built-in pod executor, or the framework's own process."""

    UNKNOWN = 0
    DEFAULT = 1
    CUSTOM = 2


class ExecutorInfo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An executor as asked for. Two tasks may share one only if `raw` is the same message."""

    executor_id: ExecutorId
    framework_id: FrameworkId | None = None
    type: ExecutorType = ExecutorType.CUSTOM
    resources: Resources
    allocation_role: str | None = None
    name: str = ""
    source: str = ""
    shutdown_grace_period_s: float | None = None
    command: CommandInfo | None = None
    container: bytes = b""
    """v1 ContainerInfo; empty if there is none."""
    fault: str | None = None
    """First thing wrong with the message itself; found at the edge."""
    resources_fault: str | None = None
    """Why its resources are no resources: with such an executor or task nothing of an operation is done."""
    raw: bytes = b""
    """v1 ExecutorInfo in canonical (deterministic) bytes, so that equal messages have equal bytes."""


class TaskInfo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A task as a framework asks for it."""

    task_id: TaskId
    name: str
    agent_id: AgentId
    resources: Resources
    allocation_role: str | None = None
    """None when the framework left it out: the master fills in the offer's role."""
    limits: tuple[tuple[str, float], ...] = ()
    executor: ExecutorInfo | None = None
    has_command: bool = False
    command: CommandInfo | None = None
    """What `has_command` announces. The master does not need it, so its edge may leave it out."""
    health_check: HealthCheck | None = None
    container: bytes = b""
    """v1 ContainerInfo; empty if there is none."""
    kill_grace_period_s: float | None = None
    max_completion_s: float | None = None
    fault: str | None = None
    """First thing wrong with the message itself (a health check without a type, say); found at the edge."""
    resources_fault: str | None = None
    """Why its resources are no resources; as in `ExecutorInfo`."""
    contents_fault: str | None = None
    """First thing wrong with its command or container: Mesos looks at these after the resources."""
    raw: bytes = b""
    """v1 TaskInfo as it came."""
    brief: bytes = b""
    """The same without what only its agent needs, to be kept once it runs; empty where that is no shorter."""


class TaskGroupInfo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A pod: tasks that start together on one executor, and fail together."""

    tasks: tuple[TaskInfo, ...]
    raw: bytes = b""


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A task that exists, as agents report it when they re-register (the wire's `Task`)."""

    task_id: TaskId
    name: str
    framework_id: FrameworkId
    agent_id: AgentId
    executor_id: ExecutorId | None
    state: TaskState
    resources: Resources
    allocation_role: str | None
    statuses: Statuses = ()
    status_update_state: TaskState | None = None
    status_update_uuid: bytes | None = None
    resources_fault: str | None = None
    common: bytes = b""
    """The rest of v1's Task: what the fields above do not tell, the framework and the resources. Tasks that
    have it in common, as those of a service, share the object."""
