"""Task states, reasons and sources with Mesos's numbers, and the status updates that carry them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import overload

import msgspec

from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, TaskId
from meseta.resources import Resources


class TaskState(IntEnum):
    """Where a task is in its life; numbers and names are those of the wire."""

    TASK_STARTING = 0
    TASK_RUNNING = 1
    TASK_FINISHED = 2
    TASK_FAILED = 3
    TASK_KILLED = 4
    TASK_LOST = 5
    TASK_STAGING = 6
    TASK_ERROR = 7
    TASK_KILLING = 8
    TASK_DROPPED = 9
    TASK_UNREACHABLE = 10
    TASK_GONE = 11
    TASK_GONE_BY_OPERATOR = 12
    TASK_UNKNOWN = 13


TERMINAL_STATES = frozenset(
    {
        TaskState.TASK_FINISHED,
        TaskState.TASK_FAILED,
        TaskState.TASK_KILLED,
        TaskState.TASK_LOST,
        TaskState.TASK_ERROR,
        TaskState.TASK_DROPPED,
        TaskState.TASK_GONE,
        TaskState.TASK_GONE_BY_OPERATOR,
    }
)


def is_terminal(state: TaskState) -> bool:
    """Tell whether a task in `state` holds no resources any more."""
    return state in TERMINAL_STATES


class TaskSource(IntEnum):
    """Who made a status update; set by agent and master, never trusted from an executor."""

    SOURCE_MASTER = 0
    SOURCE_AGENT = 1
    SOURCE_EXECUTOR = 2


class TaskReason(IntEnum):
    """Why a task is in its state. v1 names; v0 says SLAVE where these say AGENT."""

    REASON_COMMAND_EXECUTOR_FAILED = 0
    REASON_EXECUTOR_TERMINATED = 1
    REASON_EXECUTOR_UNREGISTERED = 2
    REASON_FRAMEWORK_REMOVED = 3
    REASON_GC_ERROR = 4
    REASON_INVALID_FRAMEWORKID = 5
    REASON_INVALID_OFFERS = 6
    REASON_MASTER_DISCONNECTED = 7
    REASON_CONTAINER_LIMITATION_MEMORY = 8
    REASON_RECONCILIATION = 9
    REASON_AGENT_DISCONNECTED = 10
    REASON_AGENT_REMOVED = 11
    REASON_AGENT_RESTARTED = 12
    REASON_AGENT_UNKNOWN = 13
    REASON_TASK_INVALID = 14
    REASON_TASK_UNAUTHORIZED = 15
    REASON_TASK_UNKNOWN = 16
    REASON_CONTAINER_PREEMPTED = 17
    REASON_RESOURCES_UNKNOWN = 18
    REASON_CONTAINER_LIMITATION = 19
    REASON_CONTAINER_LIMITATION_DISK = 20
    REASON_CONTAINER_LAUNCH_FAILED = 21
    REASON_CONTAINER_UPDATE_FAILED = 22
    REASON_EXECUTOR_REGISTRATION_TIMEOUT = 23
    REASON_EXECUTOR_REREGISTRATION_TIMEOUT = 24
    REASON_TASK_GROUP_INVALID = 25
    REASON_TASK_GROUP_UNAUTHORIZED = 26
    REASON_IO_SWITCHBOARD_EXITED = 27
    REASON_TASK_CHECK_STATUS_UPDATED = 28
    REASON_TASK_HEALTH_CHECK_STATUS_UPDATED = 29
    REASON_TASK_KILLED_DURING_LAUNCH = 30
    REASON_AGENT_REMOVED_BY_OPERATOR = 31
    REASON_AGENT_REREGISTERED = 32
    REASON_MAX_COMPLETION_TIME_REACHED = 33
    REASON_AGENT_DRAINING = 34
    REASON_REVOKED = 5000
    """Ended so that a role gets what is guaranteed to it; only for those who know. Mesos has none for it."""


class ContainerStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a task runs, as its agent knows it; fills what the executor's `container_status` leaves out."""

    container_id: ContainerId
    executor_pid: int | None = None
    ip_addresses: tuple[str, ...] = ()


class TaskStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an executor, agent or master says of a task. `timestamp` is seconds since the epoch."""

    task_id: TaskId
    state: TaskState
    source: TaskSource | None = None
    reason: TaskReason | None = None
    message: str | None = None
    agent_id: AgentId | None = None
    executor_id: ExecutorId | None = None
    timestamp: float | None = None
    uuid: bytes | None = None
    """16 bytes when the receiver must acknowledge, else None."""
    healthy: bool | None = None
    unreachable_time: float | None = None
    container_status: ContainerStatus | None = None
    limitation: Resources | None = None
    """Of what its container used so much that it was ended, as the agent knows it; None: what `raw` says."""
    data: bytes | None = None
    """What the executor says to the scheduler, opaque and maybe large: passed on, and kept by nobody."""
    raw: bytes = b""
    """What else the sender said (labels, container_status, check_status, …), as v1 TaskStatus bytes.
    Fields named above win over those in `raw`, also when they are None. Empty when there is nothing else."""


class LateStatuses(msgspec.Struct, frozen=True, gc=False):
    """Statuses that are lifted, all of them, when somebody looks: after a failover hardly anybody does."""

    raw: bytes
    """What `lift` can do with: one object, for there are very many of these."""
    count: int
    lift: Callable[[bytes], tuple[TaskStatus, ...]]

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[TaskStatus]:
        return iter(self.lift(self.raw))

    @overload
    def __getitem__(self, index: int) -> TaskStatus: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[TaskStatus, ...]: ...

    def __getitem__(self, index: int | slice) -> TaskStatus | tuple[TaskStatus, ...]:
        return self.lift(self.raw)[index]


Statuses = tuple[TaskStatus, ...] | LateStatuses
"""Of a task, newest last."""


class StatusUpdate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A status on its way from an agent to a framework, at least once and in order per task."""

    framework_id: FrameworkId
    executor_id: ExecutorId | None
    agent_id: AgentId | None
    status: TaskStatus
    timestamp: float
    uuid: bytes | None
    latest_state: TaskState | None = None
    """The newest state that the agent knows; resources are released on it before its own update comes."""
