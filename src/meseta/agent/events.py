"""Everything that an agent is told. `Agent.HANDLERS` shows what it does about each.

Events of the master carry `sender`, the pid that the message came from, and `registration`, the request of
the agent that it counts under: what does not come from the leading master, or comes from a process that led
at its address before, is dropped by the machine. Times are seconds; records are those of `meseta.records`.
"""

from __future__ import annotations

import msgspec

from meseta.containers.events import (
    CheckFinished,
    ContainerEvent,
    ContainerExited,
    ContainerStarted,
    ContainerStartFailed,
    SandboxFailed,
    SandboxPrepared,
)
from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, Pid, TaskId
from meseta.records import (
    CommandInfo,
    ExecutorInfo,
    FrameworkInfo,
    OperationStatus,
    ResourceOperation,
    TaskGroupInfo,
    TaskInfo,
    TaskStatus,
)
from meseta.resources import Resources

__all__ = [
    "AgentEvent",
    "AgentRegistered",
    "AgentReregistered",
    "AgentUnregisterRequested",
    "Authenticated",
    "AuthenticationFailed",
    "CheckFinished",
    "Checkpointed",
    "ContainerExited",
    "ContainerKillRequested",
    "ContainerLaunchRequested",
    "ContainerRemovalRequested",
    "ContainerStartFailed",
    "ContainerStarted",
    "ContainerWaitRequested",
    "DiskUsageSampled",
    "DrainReceived",
    "ExecutorPeer",
    "ExecutorRegistered",
    "ExecutorReregistered",
    "ExecutorStreamClosed",
    "ExecutorSubscribed",
    "ExecutorUpdated",
    "FrameworkUpdated",
    "FromMaster",
    "KillTaskReceived",
    "MasterDetected",
    "MessageForExecutorReceived",
    "MessageForFrameworkReceived",
    "OperationAcknowledged",
    "OperationReceived",
    "PeerExited",
    "PingReceived",
    "ReconcileOperationsReceived",
    "ReconciledTask",
    "Recovered",
    "RunTaskGroupReceived",
    "RunTaskReceived",
    "SandboxFailed",
    "SandboxPrepared",
    "ShutdownExecutorReceived",
    "ShutdownFrameworkReceived",
    "ShutdownReceived",
    "UnacknowledgedUpdate",
    "UpdateAcknowledged",
]

ExecutorPeer = int | Pid
"""How to reach an executor: the number of its event stream (v1 HTTP), or its libprocess pid (v0)."""


# ── the master comes and goes ─────────────────────────────────────────────────────────────────────────


class MasterDetected(msgspec.Struct, frozen=True, gc=False):
    """The detector says who leads now; None: nobody, or not known. Repeating the same pid means "again"."""

    pid: Pid | None


class Authenticated(msgspec.Struct, frozen=True, gc=False):
    """`Authenticate` has succeeded at `master`."""

    master: Pid


class AuthenticationFailed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`Authenticate` has failed at `master`; `refused` if the credential is wrong, else it may be retried."""

    master: Pid
    refused: bool
    message: str = ""


class FromMaster(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what the master says."""

    sender: Pid
    registration: bytes | None = None
    """None: it counts whenever it arrives, or the master is Mesos's."""


class AgentRegistered(FromMaster, frozen=True, kw_only=True):
    """The master has admitted this agent under `agent_id`."""

    agent_id: AgentId
    total_ping_timeout_s: float | None = None


class ReconciledTask(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks of one framework that the master believes to be here and that the agent did not report."""

    framework_id: FrameworkId
    tasks: tuple[TaskStatus, ...]
    """Only the ids and states matter."""
    partition_aware: bool = False
    """Whether the framework is, if the master says."""


class AgentReregistered(FromMaster, frozen=True, kw_only=True):
    """The master has taken this agent back."""

    agent_id: AgentId
    reconciliations: tuple[ReconciledTask, ...] = ()
    total_ping_timeout_s: float | None = None


class PingReceived(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The master's observer asks whether the agent is there. `sender` is the observer's pid."""

    sender: Pid
    connected: bool


class RunTaskReceived(FromMaster, frozen=True, kw_only=True):
    """Run `task` on its executor: that of `task.executor`, or a command executor of its own."""

    framework: FrameworkInfo
    task: TaskInfo
    framework_pid: Pid | None = None
    """None for frameworks on HTTP."""
    launch_executor: bool | None = None
    """False: the executor must be there already. None: the master does not say, start one if needed."""
    resource_version_uuid: bytes | None = None
    """The agent's own resource version that the master acted upon; a stale one drops the task."""


class RunTaskGroupReceived(FromMaster, frozen=True, kw_only=True):
    """Run the tasks of a pod on `executor`, all or none."""

    framework: FrameworkInfo
    executor: ExecutorInfo
    group: TaskGroupInfo
    launch_executor: bool | None = None
    resource_version_uuid: bytes | None = None


class KillTaskReceived(FromMaster, frozen=True, kw_only=True):
    """Kill a task. `grace_period_s` is that of the call's kill policy, None without one."""

    framework_id: FrameworkId
    task_id: TaskId
    grace_period_s: float | None = None


class ShutdownExecutorReceived(FromMaster, frozen=True, kw_only=True):
    """Shut an executor down, on behalf of its framework."""

    framework_id: FrameworkId
    executor_id: ExecutorId


class ShutdownFrameworkReceived(FromMaster, frozen=True, kw_only=True):
    """A framework is gone: shut all of its executors down."""

    framework_id: FrameworkId


class FrameworkUpdated(FromMaster, frozen=True, kw_only=True):
    """A framework has a new pid or changed its description (which old masters leave out)."""

    framework_id: FrameworkId
    pid: Pid | None = None
    framework: FrameworkInfo | None = None


class MessageForExecutorReceived(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A framework's message. It may come from the master or, from v0 frameworks, directly."""

    framework_id: FrameworkId
    executor_id: ExecutorId
    data: bytes


class UpdateAcknowledged(FromMaster, frozen=True, kw_only=True):
    """The framework has acknowledged a status update."""

    framework_id: FrameworkId
    task_id: TaskId
    uuid: bytes


class OperationReceived(FromMaster, frozen=True, kw_only=True):
    """Apply an operation on the agent's resources."""

    operation_uuid: bytes
    operation: ResourceOperation
    framework_id: FrameworkId | None = None
    """None for an operator's operation."""
    resource_version_uuid: bytes | None = None


class OperationAcknowledged(FromMaster, frozen=True, kw_only=True):
    """The receiver of an operation's status has acknowledged it."""

    operation_uuid: bytes
    status_uuid: bytes


class ReconcileOperationsReceived(FromMaster, frozen=True, kw_only=True):
    """The master asks about operations that the agent did not report."""

    operation_uuids: tuple[bytes, ...]


class DrainReceived(FromMaster, frozen=True, kw_only=True):
    """Kill all tasks, with at most `max_grace_period_s` each (None: as each says)."""

    max_grace_period_s: float | None = None
    mark_gone: bool = False


class ShutdownReceived(FromMaster, frozen=True, kw_only=True):
    """The master wants this agent gone: stop everything and exit."""

    message: str = ""


# ── executors ─────────────────────────────────────────────────────────────────────────────────────────


class UnacknowledgedUpdate(msgspec.Struct, frozen=True):
    """An update that an executor sent before and repeats because nobody acknowledged it."""

    status: TaskStatus


class ExecutorSubscribed(msgspec.Struct, frozen=True, kw_only=True):
    """A v1 executor has opened the event stream `stream`, for the first time or again."""

    stream: int
    framework_id: FrameworkId
    executor_id: ExecutorId
    unacknowledged_tasks: tuple[TaskInfo, ...] = ()
    unacknowledged_updates: tuple[UnacknowledgedUpdate, ...] = ()


class ExecutorRegistered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A v0 executor says that it is up, at `pid`."""

    pid: Pid
    framework_id: FrameworkId
    executor_id: ExecutorId


class ExecutorReregistered(msgspec.Struct, frozen=True, kw_only=True):
    """A v0 executor answers `Reconnect` after an agent restart."""

    pid: Pid
    framework_id: FrameworkId
    executor_id: ExecutorId
    unacknowledged_tasks: tuple[TaskInfo, ...] = ()
    unacknowledged_updates: tuple[UnacknowledgedUpdate, ...] = ()


class ExecutorUpdated(msgspec.Struct, frozen=True, kw_only=True):
    """An executor reports on one of its tasks. `peer` is where to acknowledge, None: not asked for.

    A v1 call has no stream of its own: its edge leaves `peer` None, and the acknowledgement goes to the
    executor's stream.
    """

    framework_id: FrameworkId
    executor_id: ExecutorId
    status: TaskStatus
    peer: ExecutorPeer | None = None


class MessageForFrameworkReceived(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An executor's message to its framework."""

    framework_id: FrameworkId
    executor_id: ExecutorId
    data: bytes


class ExecutorStreamClosed(msgspec.Struct, frozen=True, gc=False):
    """An executor's event stream broke off. It may come back until its container ends."""

    stream: int


class PeerExited(msgspec.Struct, frozen=True, gc=False):
    """A link made by `Link` broke: every process at `address` ("ip:port") is out of reach."""

    address: str


# ── storage ───────────────────────────────────────────────────────────────────────────────────────────


class Checkpointed(msgspec.Struct, frozen=True, gc=False):
    """The `Checkpoint` with this ticket is on disk, and so are all that were asked for before it."""

    ticket: int


class DiskUsageSampled(msgspec.Struct, frozen=True, gc=False):
    """How much of the disk of the work directory is used, from 0 to 1; answers `SampleDiskUsage`."""

    used: float


class RecoveredContainer(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor knows of a container that was started before the agent was."""

    container_id: ContainerId
    pid: int | None
    exited: bool = False
    wait_status: int | None = None


class RecoveredTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task as checkpointed: what was asked for, then its updates and which of them are acknowledged."""

    info: TaskInfo
    updates: tuple[TaskStatus, ...] = ()
    acknowledged: tuple[bytes, ...] = ()
    group: str | None = None
    """Name of the pod that it came in."""


class RecoveredExecutor(msgspec.Struct, frozen=True, kw_only=True):
    """An executor as checkpointed, with its latest container."""

    info: ExecutorInfo
    container_id: ContainerId
    command_task: bool
    """It was generated for a task without an executor of its own."""
    pid: Pid | None = None
    """Where a v0 executor was."""
    http: bool = False
    """It had subscribed over HTTP."""
    completed: bool = False
    """Its end had been dealt with, and so had its tasks': only their files are left."""
    tasks: tuple[RecoveredTask, ...] = ()


class RecoveredFramework(msgspec.Struct, frozen=True, kw_only=True):
    """A framework as checkpointed."""

    info: FrameworkInfo
    pid: Pid | None = None
    executors: tuple[RecoveredExecutor, ...] = ()


class RecoveredOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation as checkpointed: its end was not acknowledged."""

    operation_uuid: bytes
    operation: ResourceOperation
    status: OperationStatus
    """With a uuid."""
    framework_id: FrameworkId | None = None


class RecoveredDraining(msgspec.Struct, frozen=True, gc=False):
    """How the agent was being emptied."""

    max_grace_period_s: float | None = None
    mark_gone: bool = False


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What the disk and the supervisor hold; the first event of an agent's life.

    A fresh agent gets it empty. `agent_id` is None when the agent must register anew, also after a
    reboot with another configuration.
    """

    agent_id: AgentId | None = None
    reconfigured: bool = False
    """The agent keeps its id and has changed since it was written down."""
    total: Resources | None = None
    """The agent's resources after all operations, if any were applied."""
    operations: tuple[RecoveredOperation, ...] = ()
    """Operations whose ends were not acknowledged."""
    draining: RecoveredDraining | None = None
    """The agent was being emptied."""
    frameworks: tuple[RecoveredFramework, ...] = ()
    containers: tuple[RecoveredContainer, ...] = ()
    garbage: tuple[str, ...] = ()
    """What earlier lives have left: paths relative to the work directory, for the garbage collection."""


# ── the operator ──────────────────────────────────────────────────────────────────────────────────────


class ContainerLaunchRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Start a nested or standalone container, for an executor or an operator. Answered by `Reply`."""

    request: int
    container_id: ContainerId
    """`parent.child` for a nested one."""
    command: CommandInfo | None = None
    resources: Resources = Resources.EMPTY
    container: bytes = b""


class ContainerWaitRequested(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Tell when and how a container ended. Answered by `Reply`, maybe much later."""

    request: int
    container_id: ContainerId


class ContainerKillRequested(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Send `signal` to a container's first process. Answered by `Reply`."""

    request: int
    container_id: ContainerId
    signal: int = 9


class ContainerRemovalRequested(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Forget a container that has ended, with its sandbox. Answered by `Reply`."""

    request: int
    container_id: ContainerId


class AgentUnregisterRequested(msgspec.Struct, frozen=True, gc=False):
    """The operator takes the agent away (SIGUSR1): tell the master, stop everything, exit."""

    message: str = ""


AgentEvent = (
    MasterDetected
    | Authenticated
    | AuthenticationFailed
    | AgentRegistered
    | AgentReregistered
    | PingReceived
    | RunTaskReceived
    | RunTaskGroupReceived
    | KillTaskReceived
    | ShutdownExecutorReceived
    | ShutdownFrameworkReceived
    | FrameworkUpdated
    | MessageForExecutorReceived
    | UpdateAcknowledged
    | OperationReceived
    | OperationAcknowledged
    | ReconcileOperationsReceived
    | DrainReceived
    | ShutdownReceived
    | ExecutorSubscribed
    | ExecutorRegistered
    | ExecutorReregistered
    | ExecutorUpdated
    | MessageForFrameworkReceived
    | ExecutorStreamClosed
    | PeerExited
    | Checkpointed
    | DiskUsageSampled
    | Recovered
    | ContainerLaunchRequested
    | ContainerWaitRequested
    | ContainerKillRequested
    | ContainerRemovalRequested
    | AgentUnregisterRequested
    | ContainerEvent
)
"""Every event of the agent machine."""
