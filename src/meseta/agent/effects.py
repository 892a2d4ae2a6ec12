"""Everything that an agent wants done. Effects are performed in the order in which they come.

    SendToMaster, SendToFramework   a libprocess message to a pid
    SendToExecutor                  an event on a v1 stream or a message to a v0 pid, whichever the peer is
    Link, Authenticate              connections
    Checkpoint                      write to the meta directory; answered by `Checkpointed` if it has a ticket
    ContainerEffect                 see `containers.effects`
    Reply                           the answer to an operator's or executor's request
    Exit                            the end

Messages name their fields as v1 does. Where a record has no `raw`, the edge encodes its fields.
"""

from __future__ import annotations

import msgspec

from meseta.agent.events import ExecutorPeer
from meseta.containers.effects import (
    ContainerEffect,
    ContainerPlan,
    DestroyContainer,
    LinkVolumes,
    PrepareSandbox,
    RemoveContainer,
    RunCheck,
    Sandbox,
    SignalContainer,
    StartContainer,
    UpdateContainer,
)
from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, Pid, TaskId
from meseta.records import (
    AgentInfo,
    ExecutorInfo,
    FrameworkInfo,
    OperationStatus,
    ResourceOperation,
    StatusUpdate,
    TaskGroupInfo,
    TaskInfo,
    TaskRecord,
)
from meseta.resources import Resources

__all__ = [
    "Acknowledged",
    "AgentCheckpoint",
    "AgentEffect",
    "Authenticate",
    "Checkpoint",
    "CheckpointRecord",
    "CloseExecutorStream",
    "ContainerEffect",
    "ContainerPlan",
    "DeliverToFramework",
    "DestroyContainer",
    "ErrorEvent",
    "ExecutorCheckpoint",
    "ExecutorExited",
    "ExecutorMessage",
    "Exit",
    "FrameworkCheckpoint",
    "KillTask",
    "LaunchTask",
    "LaunchTaskGroup",
    "Link",
    "LinkVolumes",
    "MakeVolume",
    "MasterMessage",
    "Message",
    "OperationReport",
    "OperationUpdate",
    "Pong",
    "PrepareSandbox",
    "Reconnect",
    "Register",
    "RemoveContainer",
    "RemovePath",
    "RemoveVolume",
    "Reply",
    "Reregister",
    "ResourcesCheckpoint",
    "Resubscribed",
    "RunCheck",
    "SampleDiskUsage",
    "Sandbox",
    "SendToExecutor",
    "SendToFramework",
    "SendToMaster",
    "Shutdown",
    "SignalContainer",
    "StartContainer",
    "Subscribed",
    "TaskCheckpoint",
    "TaskReport",
    "TextCheckpoint",
    "Unregister",
    "UpdateAgent",
    "UpdateCheckpoint",
    "UpdateContainer",
    "UpdateStatus",
]


# ── to the master ─────────────────────────────────────────────────────────────────────────────────────


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """RegisterSlave: ask to be admitted."""

    agent: AgentInfo
    version: str
    capabilities: tuple[str, ...]
    resource_version_uuid: bytes
    registration_uuid: bytes
    checkpointed_resources: Resources = Resources.EMPTY


class TaskReport(msgspec.Struct, frozen=True):
    """A task for re-registration: `record` holds its state, `info` what it was asked as.

    The edge forms the wire's `Task` from both.
    """

    record: TaskRecord
    info: TaskInfo


class Reregister(msgspec.Struct, frozen=True, kw_only=True):
    """ReregisterSlave: ask to be taken back, and say all that is here."""

    agent: AgentInfo
    version: str
    capabilities: tuple[str, ...]
    resource_version_uuid: bytes
    registration_uuid: bytes
    checkpointed_resources: Resources = Resources.EMPTY
    frameworks: tuple[FrameworkInfo, ...] = ()
    executors: tuple[ExecutorInfo, ...] = ()
    """Not those generated for command tasks, nor those that have ended: they hold nothing."""
    tasks: tuple[TaskReport, ...] = ()
    completed_frameworks: tuple[FrameworkInfo, ...] = ()


class Unregister(msgspec.Struct, frozen=True, gc=False):
    """UnregisterSlave."""

    agent_id: AgentId


class OperationReport(msgspec.Struct, frozen=True, kw_only=True):
    """An operation whose last status is not acknowledged yet (the wire's `Operation`)."""

    operation_uuid: bytes
    operation: ResourceOperation
    latest_status: OperationStatus
    framework_id: FrameworkId | None = None
    statuses: tuple[OperationStatus, ...] = ()


class UpdateAgent(msgspec.Struct, frozen=True, kw_only=True):
    """UpdateSlave: resource version and operations; follows every (re-)registration."""

    agent_id: AgentId
    resource_version_uuid: bytes
    operations: tuple[OperationReport, ...] = ()
    update_oversubscribed: bool = False
    oversubscribed: Resources = Resources.EMPTY


class UpdateStatus(msgspec.Struct, frozen=True, kw_only=True):
    """StatusUpdate. `pid` is the agent's own: where the acknowledgement is to go."""

    update: StatusUpdate
    pid: Pid


class OperationUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """UpdateOperationStatus."""

    agent_id: AgentId
    operation_uuid: bytes
    status: OperationStatus
    latest_status: OperationStatus
    framework_id: FrameworkId | None = None


class ExecutorExited(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """ExitedExecutor, not sent for command tasks. `status` is a wait status, -1 if unknown."""

    agent_id: AgentId
    framework_id: FrameworkId
    executor_id: ExecutorId
    status: int


class DeliverToFramework(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """ExecutorToFramework: through the master, or straight to a v0 framework's pid."""

    agent_id: AgentId
    framework_id: FrameworkId
    executor_id: ExecutorId
    data: bytes


class Pong(msgspec.Struct, frozen=True, gc=False):
    """PongSlave: answers a ping; goes to the observer that sent it."""


MasterMessage = (
    Register
    | Reregister
    | Unregister
    | UpdateAgent
    | UpdateStatus
    | OperationUpdate
    | ExecutorExited
    | DeliverToFramework
    | Pong
)


class SendToMaster(msgspec.Struct, frozen=True, kw_only=True):
    """Send `message` to `master`; a pong goes to the pid of an observer."""

    master: Pid
    message: MasterMessage


class SendToFramework(msgspec.Struct, frozen=True, kw_only=True):
    """Send straight to a v0 framework's driver."""

    pid: Pid
    message: DeliverToFramework


# ── to executors ──────────────────────────────────────────────────────────────────────────────────────


class Subscribed(msgspec.Struct, frozen=True, kw_only=True):
    """v1 SUBSCRIBED; v0 ExecutorRegistered."""

    executor: ExecutorInfo
    framework: FrameworkInfo
    agent: AgentInfo
    container_id: ContainerId


class Resubscribed(msgspec.Struct, frozen=True, kw_only=True):
    """v0 ExecutorReregistered. (A v1 executor that comes back gets `Subscribed` again.)"""

    agent: AgentInfo


class Reconnect(msgspec.Struct, frozen=True, gc=False):
    """v0 ReconnectExecutor: the agent has restarted. v1 executors come back by themselves."""

    agent_id: AgentId


class LaunchTask(msgspec.Struct, frozen=True, kw_only=True):
    """v1 LAUNCH; v0 RunTask, which needs the framework and its pid too."""

    framework: FrameworkInfo
    task: TaskInfo
    framework_pid: Pid | None = None


class LaunchTaskGroup(msgspec.Struct, frozen=True, kw_only=True):
    """v1 LAUNCH_GROUP."""

    framework: FrameworkInfo
    executor: ExecutorInfo
    group: TaskGroupInfo


class KillTask(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """v1 KILL; v0 KillTask. `grace_period_s` None: without a kill policy."""

    framework_id: FrameworkId
    task_id: TaskId
    grace_period_s: float | None = None


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """v1 ACKNOWLEDGED; v0 StatusUpdateAcknowledgement."""

    agent_id: AgentId
    framework_id: FrameworkId
    task_id: TaskId
    uuid: bytes


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """v1 MESSAGE; v0 FrameworkToExecutor."""

    agent_id: AgentId
    framework_id: FrameworkId
    executor_id: ExecutorId
    data: bytes


class Shutdown(msgspec.Struct, frozen=True, gc=False):
    """v1 SHUTDOWN; v0 ShutdownExecutor."""


class ErrorEvent(msgspec.Struct, frozen=True, gc=False):
    """v1 ERROR. v0 has no such message: not sent to pids."""

    message: str


ExecutorMessage = (
    Subscribed
    | Resubscribed
    | Reconnect
    | LaunchTask
    | LaunchTaskGroup
    | KillTask
    | Acknowledged
    | Message
    | Shutdown
    | ErrorEvent
)


class SendToExecutor(msgspec.Struct, frozen=True):
    """Send `message` on the stream or to the pid that `peer` is."""

    peer: ExecutorPeer
    message: ExecutorMessage


class CloseExecutorStream(msgspec.Struct, frozen=True, gc=False):
    """End a v1 stream properly, with its last chunk."""

    stream: int


class Link(msgspec.Struct, frozen=True, gc=False):
    """Keep a connection to `pid`; `PeerExited` tells when it breaks."""

    pid: Pid


class Authenticate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Prove the agent's credential to `master`, giving up after `timeout_s` (not refused)."""

    master: Pid
    timeout_s: float


# ── storage ───────────────────────────────────────────────────────────────────────────────────────────


class AgentCheckpoint(msgspec.Struct, frozen=True):
    """`slave.info`. It also makes `meta/slaves/latest` point at the agent's directory."""

    agent: AgentInfo


class FrameworkCheckpoint(msgspec.Struct, frozen=True):
    """`framework.info`."""

    framework: FrameworkInfo


class ExecutorCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """`executor.info`. For command tasks `executor` has no `raw`."""

    executor: ExecutorInfo
    command_task: bool


class TaskCheckpoint(msgspec.Struct, frozen=True):
    """`task.info`: both forms, so that nothing of the request is lost."""

    report: TaskReport
    group: str | None = None
    """Name of the pod that the task came in, which it shares with the other tasks of that."""


class UpdateCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One record appended to `task.updates`: an update, or the acknowledgement of `acknowledged`."""

    update: StatusUpdate | None = None
    acknowledged: bytes | None = None


class ResourcesCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """`resources_and_operations.state`: the total after operations, and the operations not yet settled."""

    total: Resources
    operations: tuple[OperationReport, ...] = ()


class DrainCheckpoint(msgspec.Struct, frozen=True, gc=False):
    """How the agent is to be emptied: `drain.config`."""

    max_grace_period_s: float | None = None
    mark_gone: bool = False


class TextCheckpoint(msgspec.Struct, frozen=True, gc=False):
    """A plain text file: pids; empty for markers (`http.marker`, `executor.sentinel`)."""

    text: str = ""


CheckpointRecord = (
    AgentCheckpoint
    | FrameworkCheckpoint
    | ExecutorCheckpoint
    | TaskCheckpoint
    | UpdateCheckpoint
    | ResourcesCheckpoint
    | DrainCheckpoint
    | TextCheckpoint
)


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Write `record` to `path`: replace the file at once, except that `UpdateCheckpoint` is appended.

    Writes take effect in the order in which they are asked for. With a ticket, `Checkpointed(ticket)` comes
    back when this one and all before it would survive the end of this process.
    """

    path: str
    """Relative to the work directory, as formed by `agent.paths`."""
    record: CheckpointRecord
    ticket: int | None = None


class RemovePath(msgspec.Struct, frozen=True, gc=False):
    """Delete a file or directory tree below the work directory, in the background."""

    path: str


class MakeVolume(msgspec.Struct, frozen=True, gc=False):
    """Make the directory of a persistent volume, if it is not there, before any later effect."""

    path: str
    """Absolute path."""


class RemoveVolume(msgspec.Struct, frozen=True, gc=False):
    """Let the directory of a persistent volume be gone before any later effect, with all that is in it."""

    path: str
    """Absolute path."""
    is_mount: bool = False
    """The directory itself stays."""


class SampleDiskUsage(msgspec.Struct, frozen=True, gc=False):
    """Measure the disk of the work directory; answered by `DiskUsageSampled`."""


# ── answers, and the end ──────────────────────────────────────────────────────────────────────────────


class Reply(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The answer to request `request`: an HTTP code, a text for people, and for waits how it ended."""

    request: int
    code: int = 200
    message: str = ""
    wait_status: int | None = None
    state: str | None = None
    """Task state in v1's words, where a wait was answered about a container of a task."""


class Exit(msgspec.Struct, frozen=True, gc=False):
    """Stop this process: everything is shut down, or the operator must act as `message` says."""

    message: str
    code: int = 0


AgentEffect = (
    SendToMaster
    | SendToFramework
    | SendToExecutor
    | CloseExecutorStream
    | Link
    | Authenticate
    | Checkpoint
    | RemovePath
    | MakeVolume
    | RemoveVolume
    | SampleDiskUsage
    | Reply
    | Exit
    | ContainerEffect
)
"""Every effect of the agent machine."""
