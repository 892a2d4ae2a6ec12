"""What a master asks to be done: messages to frameworks and agents, registry writes, events for operators.

The driver performs effects in the order given. Messages are records in the master's own terms; the edge
turns one record into the v1 event or the v0 message, depending on the peer. Effects hold references to
shared immutable records (`FrameworkInfo`, `AgentInfo`, `TaskInfo`), so that an edge may cache by identity
what it makes of them.
"""

from __future__ import annotations

import msgspec

from meseta.ids import AgentId, ExecutorId, FrameworkId, OfferId, Pid, TaskId
from meseta.master.events import Peer, RequestId, StreamId, Ticket
from meseta.master.registry import Mutation
from meseta.records import (
    AgentInfo,
    ExecutorInfo,
    FrameworkInfo,
    OperationStatus,
    ResourceOperation,
    StatusUpdate,
    TaskGroupInfo,
    TaskInfo,
    TaskState,
    TaskStatus,
    Unavailability,
)
from meseta.resources import Resources


class _Effect(msgspec.Struct, frozen=True, gc=False):
    """Base of effects and of the records that they carry."""


# To frameworks --------------------------------------------------------------------------------------


class Subscribed(_Effect, frozen=True, gc=False):
    """The framework is subscribed. v1: SUBSCRIBED. v0: FrameworkRegistered or FrameworkReregistered."""

    framework_id: FrameworkId
    reregistered: bool
    """Whether the master knew the framework before (v0 only; a forced failover counts as new)."""
    heartbeat_interval_s: float


class OfferedAgent(_Effect, frozen=True, gc=False):
    """What offers say of an agent. One record is shared by all offers of an agent until it changes."""

    id: AgentId
    pid: Pid
    info: AgentInfo
    unavailability: Unavailability | None = None


class OfferRecord(_Effect, frozen=True, gc=False):
    """One offer: some resources of one agent for one role of one framework."""

    id: OfferId
    framework_id: FrameworkId
    role: str
    agent: OfferedAgent
    resources: Resources
    executor_ids: tuple[ExecutorId, ...] = ()
    """The framework's executors on that agent."""


class Offered(_Effect, frozen=True, gc=False):
    """New offers. v1: OFFERS. v0: ResourceOffers with the agents' pids.

    `info` tells the edge how to write resources: MULTI_ROLE frameworks see `allocation_info`, others do
    not; without RESERVATION_REFINEMENT resources are written in the old form.
    """

    info: FrameworkInfo
    offers: tuple[OfferRecord, ...]


class Rescinded(_Effect, frozen=True, gc=False):
    """An offer is no longer valid. v1: RESCIND. v0: RescindResourceOffer."""

    offer_id: OfferId


class InverseOfferRecord(_Effect, frozen=True, gc=False):
    """The framework is asked to vacate an agent for maintenance."""

    offer_id: OfferId
    framework_id: FrameworkId
    agent: OfferedAgent
    unavailability: Unavailability


class InverseOffered(_Effect, frozen=True, gc=False):
    """New inverse offers. v1: INVERSE_OFFERS. v0: InverseOffers with the agents' pids."""

    offers: tuple[InverseOfferRecord, ...]


class InverseRescinded(_Effect, frozen=True, gc=False):
    """The request to vacate is withdrawn. v1: RESCIND_INVERSE_OFFER."""

    offer_id: OfferId


class Revoked(_Effect, frozen=True, gc=False):
    """Tasks are to end so that a role gets what is guaranteed to it. v1: REVOKE. v0: nothing.

    `deadline_s` is when they are killed, in seconds since the epoch; None: they may run on.
    """

    role: str
    task_ids: tuple[TaskId, ...]
    deadline_s: float | None


class Updated(_Effect, frozen=True, gc=False):
    """A task's status. v1: UPDATE (without uuid when `update.uuid` is None). v0: StatusUpdate.

    `pid` is what the v0 message says about whom to acknowledge to: the agent's pid, `NO_PID` for what the
    master made itself, nothing for answers to reconciliation.
    """

    update: StatusUpdate
    pid: Pid | None = None


class Delivered(_Effect, frozen=True, gc=False):
    """Bytes from an executor. v1: MESSAGE. v0: ExecutorToFramework."""

    framework_id: FrameworkId
    agent_id: AgentId
    executor_id: ExecutorId
    data: bytes


class Failed(_Effect, frozen=True, gc=False):
    """An executor is over, or (without its id) an agent. v1: FAILURE. v0: ExitedExecutor, LostSlave."""

    framework_id: FrameworkId
    agent_id: AgentId
    executor_id: ExecutorId | None = None
    status: int | None = None


class Errored(_Effect, frozen=True, gc=False):
    """The scheduler is refused or has been replaced; nothing follows. v1: ERROR. v0: FrameworkError."""

    message: str


class Heartbeat(_Effect, frozen=True, gc=False):
    """The stream is alive. v1 only."""


class OperationUpdated(_Effect, frozen=True, gc=False):
    """An operation's status. v1: UPDATE_OPERATION_STATUS. v0: the same event."""

    framework_id: FrameworkId
    status: OperationStatus


FrameworkMessage = (
    Subscribed
    | Offered
    | Rescinded
    | InverseOffered
    | InverseRescinded
    | Revoked
    | Updated
    | Delivered
    | Failed
    | Errored
    | Heartbeat
    | OperationUpdated
)


class SendToFramework(_Effect, frozen=True, gc=False):
    """Send one message to a scheduler. A peer that is gone by now is no error."""

    peer: Peer
    message: FrameworkMessage


class CloseStream(_Effect, frozen=True, gc=False):
    """End a subscription stream properly, after what was sent to it. No `StreamClosed` follows."""

    stream: StreamId


class ProbeStream(_Effect, frozen=True, gc=False):
    """Say by `StreamProbed` whether the machine at the other end acknowledges what was sent to a stream.

    It does if nothing is left to acknowledge, or it acknowledged something within the last `within_s`
    seconds. A stream that is gone by now is no error, and has no answer.
    """

    stream: StreamId
    within_s: float


# To agents ------------------------------------------------------------------------------------------


class AgentRegistered(_Effect, frozen=True, gc=False):
    """SlaveRegistered: this is your id, and so long may you wait for a ping."""

    agent_id: AgentId
    ping_timeout_s: float


class ReconciledTasks(_Effect, frozen=True, gc=False):
    """Tasks of a framework that an agent did not report although it should have.

    The agent is told of the framework because how it answers depends on what that can do.
    """

    framework_id: FrameworkId
    framework: FrameworkInfo
    statuses: tuple[TaskStatus, ...]


class AgentReregistered(_Effect, frozen=True, gc=False):
    """SlaveReregistered, with the tasks that the agent is to answer for."""

    agent_id: AgentId
    ping_timeout_s: float
    reconciliations: tuple[ReconciledTasks, ...] = ()


class Ping(_Effect, frozen=True, gc=False):
    """PingSlave, to be sent by a process of its own (Mesos: `slave-observer(N)`)."""

    connected: bool


class RunTask(_Effect, frozen=True, gc=False):
    """RunTask. Where `task` (or its executor) has no allocation role the edge fills in `role`, and where its
    executor has no framework id, `framework_id`."""

    framework_id: FrameworkId
    framework: FrameworkInfo
    framework_pid: Pid
    """`NO_PID` for frameworks on HTTP."""
    task: TaskInfo
    role: str
    launch_executor: bool
    resource_version: bytes | None = None


class RunTaskGroup(_Effect, frozen=True, gc=False):
    """RunTaskGroup. Where tasks or the executor have no allocation role the edge fills in `role`."""

    framework_id: FrameworkId
    framework: FrameworkInfo
    executor: ExecutorInfo
    group: TaskGroupInfo
    role: str
    launch_executor: bool
    resource_version: bytes | None = None


class KillTask(_Effect, frozen=True, gc=False):
    """KillTask; `kill_policy` is a v1 KillPolicy as the framework sent it."""

    framework_id: FrameworkId
    task_id: TaskId
    kill_policy: bytes | None = None


class ShutdownExecutor(_Effect, frozen=True, gc=False):
    """ShutdownExecutor."""

    framework_id: FrameworkId
    executor_id: ExecutorId


class ShutdownFramework(_Effect, frozen=True, gc=False):
    """ShutdownFramework: end all executors of the framework."""

    framework_id: FrameworkId


class UpdateFramework(_Effect, frozen=True, gc=False):
    """UpdateFramework: the scheduler has moved or described itself anew."""

    framework_id: FrameworkId
    framework: FrameworkInfo
    framework_pid: Pid


class DeliverToExecutor(_Effect, frozen=True, gc=False):
    """FrameworkToExecutor: bytes from a scheduler."""

    framework_id: FrameworkId
    agent_id: AgentId
    executor_id: ExecutorId
    data: bytes


class AcknowledgeUpdate(_Effect, frozen=True, gc=False):
    """StatusUpdateAcknowledgement from the scheduler."""

    framework_id: FrameworkId
    agent_id: AgentId
    task_id: TaskId
    uuid: bytes


class AcknowledgeOperation(_Effect, frozen=True, gc=False):
    """AcknowledgeOperationStatus from the scheduler."""

    status_uuid: bytes
    operation_uuid: bytes
    resource_provider_id: str | None = None


class ApplyOperation(_Effect, frozen=True, gc=False):
    """ApplyOperation. Where its resources have no allocation role the edge fills in `role`, if given."""

    framework_id: FrameworkId | None
    """None for an operator's operation."""
    operation: ResourceOperation
    role: str | None
    operation_uuid: bytes
    resource_version: bytes


class ReconcileOperations(_Effect, frozen=True, gc=False):
    """ReconcileOperations: the agent has not reported these; it says so of those that it does not know."""

    operation_uuids: tuple[bytes, ...]


class CheckpointResources(_Effect, frozen=True, gc=False):
    """CheckpointResources, for agents without resource providers: what operations have made of theirs."""

    resources: Resources


class DrainAgent(_Effect, frozen=True, gc=False):
    """DrainSlave: end all tasks, within `max_grace_period_s` if that is given."""

    max_grace_period_s: float | None = None
    mark_gone: bool = False
    """Whether kills are to be told to partition-aware frameworks as TASK_GONE_BY_OPERATOR."""


class Shutdown(_Effect, frozen=True, gc=False):
    """Shutdown: the agent may not go on; it ends all frameworks and itself. `message` says why."""

    message: str


AgentMessage = (
    AgentRegistered
    | AgentReregistered
    | Ping
    | RunTask
    | RunTaskGroup
    | KillTask
    | ShutdownExecutor
    | ShutdownFramework
    | UpdateFramework
    | DeliverToExecutor
    | AcknowledgeUpdate
    | AcknowledgeOperation
    | ApplyOperation
    | ReconcileOperations
    | CheckpointResources
    | DrainAgent
    | Shutdown
)


TIMELESS = frozenset({Ping, DeliverToExecutor, AcknowledgeUpdate, AcknowledgeOperation})
"""Messages that are as good when they arrive late, after the agent has registered with another master
process: what a framework has acknowledged stays acknowledged.
"""


class SendToAgent(_Effect, frozen=True, gc=False):
    """Send one libprocess message to an agent. An agent that is gone by now is no error."""

    pid: Pid
    message: AgentMessage
    registration: bytes | None = None
    """Under which request of the agent it counts, unless it is timeless; None: always."""


# Transport, registry, operators ---------------------------------------------------------------------


class Link(_Effect, frozen=True, gc=False):
    """Keep a connection to the pid's address; when it breaks, `PeerExited` comes once."""

    pid: Pid


class Unlink(_Effect, frozen=True, gc=False):
    """The connection to the pid's address need not be kept for this pid any more."""

    pid: Pid


class Persist(_Effect, frozen=True, gc=False):
    """Make a registry mutation durable, then feed `Persisted` with the ticket."""

    mutation: Mutation
    ticket: Ticket


class Reply(_Effect, frozen=True, gc=False):
    """Answer the HTTP request that waits under `request`: a status code, and a sentence (may be empty)."""

    request: RequestId
    code: int
    text: str = ""


class Resign(_Effect, frozen=True, gc=False):
    """End the master's process: it must not go on. `message` says why, and what to do."""

    message: str


class Log(_Effect, frozen=True, gc=False):
    """Tell the operator in the log. `level` is info or warning."""

    level: str
    text: str


class TaskAdded(_Effect, frozen=True, gc=False):
    """TASK_ADDED: a task was launched, or is back with its agent. The edge reads it from the state."""

    framework_id: FrameworkId
    task_id: TaskId


class TaskUpdated(_Effect, frozen=True, gc=False):
    """TASK_UPDATED: a task's newest state, and the status that tells it."""

    framework_id: FrameworkId
    status: TaskStatus
    state: TaskState


class AgentAdded(_Effect, frozen=True, gc=False):
    """AGENT_ADDED: an agent has joined, or is back. The edge reads it from the master's state."""

    agent_id: AgentId


class AgentRemoved(_Effect, frozen=True, gc=False):
    """AGENT_REMOVED: an agent has left or is unreachable."""

    agent_id: AgentId


class FrameworkAdded(_Effect, frozen=True, gc=False):
    """FRAMEWORK_ADDED: a framework has subscribed for the first time."""

    framework_id: FrameworkId


class FrameworkUpdated(_Effect, frozen=True, gc=False):
    """FRAMEWORK_UPDATED: a framework has subscribed again or has described itself anew."""

    framework_id: FrameworkId


class FrameworkRemoved(_Effect, frozen=True, gc=False):
    """FRAMEWORK_REMOVED: a framework is over. `info` is what it last said of itself."""

    framework_id: FrameworkId
    info: FrameworkInfo


OperatorEvent = (
    TaskAdded | TaskUpdated | AgentAdded | AgentRemoved | FrameworkAdded | FrameworkUpdated | FrameworkRemoved
)


class Publish(_Effect, frozen=True, gc=False):
    """Tell operators' event streams. Made only while there are some."""

    event: OperatorEvent


MasterEffect = (
    SendToFramework
    | CloseStream
    | ProbeStream
    | SendToAgent
    | Link
    | Unlink
    | Persist
    | Reply
    | Resign
    | Log
    | Publish
)
