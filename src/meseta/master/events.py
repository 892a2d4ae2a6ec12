"""What can happen to a master. Every message, call, completion and broken connection is one of these.

An event has been decoded, authenticated and checked for what needs no state; what needs state is decided
by its handler. Times are no part of events: the driver passes `now` beside them.

A framework's way back is its `Peer`: the number of the subscription stream that it opened over HTTP, or
the pid of its driver. Both kinds of schedulers send the same events. Calls carry the peer as `sender`;
a call that does not come from the framework's present peer is dropped, as it is from a scheduler that
has failed over. (Over HTTP such a call has been answered with a status code before:
`meseta.master.validation.call_refusal`.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NewType

import msgspec

from meseta.ids import AgentId, ExecutorId, FrameworkId, OfferId, OperationId, Pid, TaskId
from meseta.records import (
    AgentInfo,
    ExecutorInfo,
    Filters,
    FrameworkInfo,
    MachineId,
    OfferConstraints,
    Operation,
    OperationStatus,
    ResourceOperation,
    StatusUpdate,
    TaskRecord,
    Window,
)
from meseta.resources import Resources

StreamId = NewType("StreamId", int)
"""Number that the HTTP edge gives to a subscription stream; never used twice by one process."""

Peer = StreamId | Pid
"""Where a framework is reached; `isinstance(peer, int)` tells an HTTP stream."""

RequestId = NewType("RequestId", int)
"""Number under which an edge waits for a `Reply`."""

Ticket = NewType("Ticket", int)
"""Number of a `Persist` effect, repeated by its `Persisted` event."""

DEFAULT_FILTERS = Filters()


class _Event(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Base of all events: immutable, not tracked by the collector (events form no cycles)."""


class Call(_Event, frozen=True, gc=False, kw_only=True):
    """Base of what a subscribed scheduler asks."""

    framework_id: FrameworkId
    sender: Peer


# Schedulers: subscription ---------------------------------------------------------------------------


class SubscribeRequested(_Event, frozen=True, gc=False, kw_only=True):
    """A scheduler wants to be a framework: a new one, or the one that `info.id` names.

    Driver messages RegisterFramework and ReregisterFramework are this too (`force` = failover).
    """

    peer: Peer
    info: FrameworkInfo
    force: bool = True
    """Whether to take over from another live driver; HTTP subscriptions always do."""
    standby: bool = False
    """Whether to wait while another scheduler has the framework; over HTTP only."""
    suppressed_roles: tuple[str, ...] = ()
    constraints: OfferConstraints | None = None
    constraints_fault: str | None = None
    """What is wrong with the offer constraints, in Mesos's words (after "… are not valid: ")."""
    principal: str | None = None
    """Who the connection was authenticated as."""


class FrameworkUpdateRequested(Call, frozen=True, gc=False, kw_only=True):
    """UPDATE_FRAMEWORK: the framework describes itself anew. Answered by `Reply(request, …)` when given."""

    info: FrameworkInfo
    suppressed_roles: tuple[str, ...] = ()
    constraints: OfferConstraints | None = None
    constraints_fault: str | None = None
    request: RequestId | None = None


class TeardownRequested(Call, frozen=True, gc=False, kw_only=True):
    """TEARDOWN, or a driver's UnregisterFramework: end the framework and all that it runs."""


class DeactivationRequested(Call, frozen=True, gc=False, kw_only=True):
    """A driver's DeactivateFramework: no more offers, until it subscribes again."""


# Schedulers: offers ---------------------------------------------------------------------------------


class OffersAccepted(Call, frozen=True, gc=False, kw_only=True):
    """ACCEPT, or a driver's LaunchTasks: use these offers for these operations, in order."""

    offer_ids: tuple[OfferId, ...]
    operations: tuple[Operation, ...] = ()
    filters: Filters = DEFAULT_FILTERS
    """How long what is left over is not to be offered to the framework again."""


class OffersDeclined(Call, frozen=True, gc=False, kw_only=True):
    """DECLINE: the framework does not want these offers."""

    offer_ids: tuple[OfferId, ...]
    filters: Filters = DEFAULT_FILTERS


class InverseOffersAccepted(Call, frozen=True, gc=False, kw_only=True):
    """ACCEPT_INVERSE_OFFERS: the framework will vacate what maintenance needs."""

    offer_ids: tuple[OfferId, ...]
    filters: Filters = DEFAULT_FILTERS


class InverseOffersDeclined(Call, frozen=True, gc=False, kw_only=True):
    """DECLINE_INVERSE_OFFERS: the framework will not vacate what maintenance needs."""

    offer_ids: tuple[OfferId, ...]
    filters: Filters = DEFAULT_FILTERS


class Revived(Call, frozen=True, gc=False, kw_only=True):
    """REVIVE: drop the framework's filters and offer again, in these roles (none named: all)."""

    roles: tuple[str, ...] = ()


class Suppressed(Call, frozen=True, gc=False, kw_only=True):
    """SUPPRESS: offer nothing more in these roles (none named: all)."""

    roles: tuple[str, ...] = ()


class ResourceRequest(_Event, frozen=True, gc=False, kw_only=True):
    """One thing that a framework needs."""

    resources: Resources
    role: str | None = None
    """In which of its roles; None: in the first."""
    agent_id: AgentId | None = None
    """Where; None: anywhere."""


class ResourcesRequested(Call, frozen=True, gc=False, kw_only=True):
    """REQUEST: all that the framework says it needs beyond what it has."""

    requests: tuple[ResourceRequest, ...] = ()


# Schedulers: tasks, executors, operations -------------------------------------------------------------


class KillRequested(Call, frozen=True, gc=False, kw_only=True):
    """KILL: end a task."""

    task_id: TaskId
    agent_id: AgentId | None = None
    kill_policy: bytes | None = None
    """v1 KillPolicy as it came; passed on to the executor."""


class ExecutorShutdownRequested(Call, frozen=True, gc=False, kw_only=True):
    """SHUTDOWN: end an executor and all of its tasks."""

    agent_id: AgentId
    executor_id: ExecutorId


class UpdateAcknowledged(Call, frozen=True, gc=False, kw_only=True):
    """ACKNOWLEDGE: the framework has taken note of a status update. `uuid` is a well-formed UUID."""

    agent_id: AgentId
    task_id: TaskId
    uuid: bytes


class ReconcileRequested(Call, frozen=True, gc=False, kw_only=True):
    """RECONCILE: tell the state of these tasks; of all when there are none."""

    tasks: tuple[tuple[TaskId, AgentId | None], ...] = ()


class MessageSent(Call, frozen=True, gc=False, kw_only=True):
    """MESSAGE: bytes for an executor, best effort."""

    agent_id: AgentId
    executor_id: ExecutorId
    data: bytes


class OperationUpdateAcknowledged(Call, frozen=True, gc=False, kw_only=True):
    """ACKNOWLEDGE_OPERATION_STATUS: the framework has taken note of an operation's status."""

    agent_id: AgentId
    operation_id: OperationId
    uuid: bytes
    resource_provider_id: str | None = None


class OperationsReconcileRequested(Call, frozen=True, gc=False, kw_only=True):
    """RECONCILE_OPERATIONS: tell the state of these operations; of all when there are none."""

    operations: tuple[tuple[OperationId, AgentId | None], ...] = ()


# Agents ---------------------------------------------------------------------------------------------


class RegistrationRequested(_Event, frozen=True, gc=False, kw_only=True):
    """RegisterSlave: an agent without an id wants to join."""

    sender: Pid
    info: AgentInfo
    version: str
    capabilities: frozenset[str] = frozenset()
    """Names of AgentCapability, such as `MULTI_ROLE`."""
    checkpointed: Resources = Resources.EMPTY
    """Dynamic reservations and volumes that it remembers."""
    resource_version: bytes | None = None
    registration: bytes | None = None
    """The agent's name for this request, with which it is answered; None: it has none."""
    principal: str | None = None
    fault: str | None = None
    """What is wrong with the message itself."""


class CompletedFramework(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A framework that an agent has seen the end of, with its tasks there."""

    info: FrameworkInfo
    tasks: tuple[TaskRecord, ...] = ()


class ReregistrationRequested(_Event, frozen=True, gc=False, kw_only=True):
    """ReregisterSlave: an agent that has an id is back and tells all that it runs."""

    sender: Pid
    info: AgentInfo
    """With its id."""
    version: str
    capabilities: frozenset[str] = frozenset()
    checkpointed: Resources = Resources.EMPTY
    resource_version: bytes | None = None
    registration: bytes | None = None
    frameworks: tuple[FrameworkInfo, ...] = ()
    executors: tuple[ExecutorInfo, ...] = ()
    """Without those of command tasks; `framework_id` is set."""
    tasks: tuple[TaskRecord, ...] = ()
    completed: tuple[CompletedFramework, ...] = ()
    principal: str | None = None
    fault: str | None = None
    """What is wrong with the message itself, and with all that it tells."""


class UnregistrationRequested(_Event, frozen=True, gc=False, kw_only=True):
    """UnregisterSlave: an agent leaves for good; its tasks are over."""

    sender: Pid
    agent_id: AgentId


class ReportedOperation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An operation whose end has not been acknowledged to its agent."""

    uuid: bytes
    info: ResourceOperation
    status: OperationStatus
    framework_id: FrameworkId | None = None


class AgentUpdated(_Event, frozen=True, gc=False, kw_only=True):
    """UpdateSlave: an agent's total or its oversubscribable resources have changed. None: unchanged."""

    sender: Pid
    agent_id: AgentId
    total: Resources | None = None
    """Without the oversubscribed part."""
    oversubscribed: Resources | None = None
    resource_version: bytes | None = None
    operations: tuple[ReportedOperation, ...] | None = None


class UpdateReceived(_Event, frozen=True, gc=False, kw_only=True):
    """StatusUpdate from an agent. The edge has checked that the uuid, if any, is well formed."""

    sender: Pid
    update: StatusUpdate
    pid: Pid | None = None
    """Whom to acknowledge to, as the message says; None when it says nothing that is a pid."""


class ExecutorExited(_Event, frozen=True, gc=False, kw_only=True):
    """ExitedExecutor: an executor is over. `status` is that of waitpid."""

    sender: Pid
    agent_id: AgentId
    framework_id: FrameworkId
    executor_id: ExecutorId
    status: int


class ExecutorMessageReceived(_Event, frozen=True, gc=False, kw_only=True):
    """ExecutorToFramework: bytes for a scheduler, best effort."""

    sender: Pid
    agent_id: AgentId
    framework_id: FrameworkId
    executor_id: ExecutorId
    data: bytes


class OperationUpdateReceived(_Event, frozen=True, gc=False, kw_only=True):
    """UpdateOperationStatus from an agent."""

    sender: Pid
    agent_id: AgentId | None
    framework_id: FrameworkId | None
    operation_uuid: bytes
    status: OperationStatus
    latest: OperationStatus | None = None


class PongReceived(_Event, frozen=True, gc=False, kw_only=True):
    """PongSlave: the agent is alive."""

    sender: Pid


# Transport, registry, operator ----------------------------------------------------------------------


class PeerExited(_Event, frozen=True, gc=False, kw_only=True):
    """The linked connection to `address` (`ip:port`) broke or could not be made; all its pids are gone."""

    address: str


class StreamClosed(_Event, frozen=True, gc=False, kw_only=True):
    """A subscription stream ended at the scheduler's side, or was cut off because it read too slowly."""

    stream: StreamId
    reason: str = ""


class StreamProbed(_Event, frozen=True, gc=False, kw_only=True):
    """The answer to `ProbeStream`: whether the machine at the other end acknowledges what it is sent."""

    stream: StreamId
    acknowledges: bool


class Persisted(_Event, frozen=True, gc=False, kw_only=True):
    """The registry mutation of this ticket is durable. (When a write fails, the master stops.)"""

    ticket: Ticket


class FrameworkTeardownRequested(_Event, frozen=True, gc=False, kw_only=True):
    """An operator ends a framework. Authorized before; answered by `Reply`."""

    request: RequestId
    framework_id: FrameworkId


class OperationRequested(_Event, frozen=True, gc=False, kw_only=True):
    """An operator wants an operation done on an agent's free resources. Answered by `Reply`."""

    request: RequestId
    agent_id: AgentId
    operation: ResourceOperation
    principal: str | None = None


class AgentGoneRequested(_Event, frozen=True, gc=False, kw_only=True):
    """An operator says that an agent will never be back. Answered by `Reply`."""

    request: RequestId
    agent_id: AgentId


class AgentDrainRequested(_Event, frozen=True, gc=False, kw_only=True):
    """An operator wants an agent emptied, and nothing of it offered. Answered by `Reply`."""

    request: RequestId
    agent_id: AgentId
    max_grace_period_s: float | None = None
    mark_gone: bool = False


class AgentDeactivationRequested(_Event, frozen=True, gc=False, kw_only=True):
    """An operator wants nothing of an agent offered. Answered by `Reply`."""

    request: RequestId
    agent_id: AgentId


class AgentReactivationRequested(_Event, frozen=True, gc=False, kw_only=True):
    """An operator wants an agent offered again. Answered by `Reply`."""

    request: RequestId
    agent_id: AgentId


class QuotaConfig(_Event, frozen=True, gc=False, kw_only=True):
    """The quota that a role is to have: amounts by name, in natural units, as somebody has written them."""

    role: str
    guarantees: Mapping[str, float] = {}
    limits: Mapping[str, float] = {}


class QuotaUpdateRequested(_Event, frozen=True, gc=False, kw_only=True):
    """An operator replaces the quotas of some roles: all or none. Answered by `Reply`."""

    request: RequestId
    configs: tuple[QuotaConfig, ...]
    force: bool = False
    """Whether to do it even if a role has more already, or the cluster less than is promised."""
    principal: str | None = None


class QuotaSetRequested(_Event, frozen=True, gc=False, kw_only=True):
    """An operator sets the quota of a role in the older way. Answered by `Reply`."""

    request: RequestId
    role: str
    guarantee: Mapping[str, int] = {}
    """Milli-units by name; the limit, too."""
    force: bool = False
    principal: str | None = None
    fault: str | None = None
    """What is wrong with the request itself."""


class QuotaRemovalRequested(_Event, frozen=True, gc=False, kw_only=True):
    """An operator takes the quota of a role away. Answered by `Reply`."""

    request: RequestId
    role: str
    path: str | None = None
    """That of the endpoint, which refusals name; None for a call."""
    principal: str | None = None


class WeightsUpdateRequested(_Event, frozen=True, gc=False, kw_only=True):
    """An operator sets the weights of some roles. Answered by `Reply`."""

    request: RequestId
    weights: tuple[tuple[str, float], ...]
    principal: str | None = None


class MaintenanceScheduled(_Event, frozen=True, gc=False, kw_only=True):
    """An operator replaces the maintenance schedule. Answered by `Reply`."""

    request: RequestId
    windows: tuple[Window, ...]


class MaintenanceStartRequested(_Event, frozen=True, gc=False, kw_only=True):
    """An operator takes machines down. Answered by `Reply`."""

    request: RequestId
    machines: tuple[MachineId, ...]


class MaintenanceStopRequested(_Event, frozen=True, gc=False, kw_only=True):
    """An operator has machines up again. Answered by `Reply`."""

    request: RequestId
    machines: tuple[MachineId, ...]


class WhitelistChanged(_Event, frozen=True, gc=False, kw_only=True):
    """Offer only agents on these hosts; None: on all."""

    hostnames: frozenset[str] | None


class SubscriberAdded(_Event, frozen=True, gc=False, kw_only=True):
    """An operator's event stream was opened; `Publish` effects are made while there is one."""


class SubscriberRemoved(_Event, frozen=True, gc=False, kw_only=True):
    """An operator's event stream ended."""


MasterEvent = (
    SubscribeRequested
    | FrameworkUpdateRequested
    | TeardownRequested
    | DeactivationRequested
    | OffersAccepted
    | OffersDeclined
    | InverseOffersAccepted
    | InverseOffersDeclined
    | Revived
    | Suppressed
    | ResourcesRequested
    | KillRequested
    | ExecutorShutdownRequested
    | UpdateAcknowledged
    | ReconcileRequested
    | MessageSent
    | OperationUpdateAcknowledged
    | OperationsReconcileRequested
    | RegistrationRequested
    | ReregistrationRequested
    | UnregistrationRequested
    | AgentUpdated
    | UpdateReceived
    | ExecutorExited
    | ExecutorMessageReceived
    | OperationUpdateReceived
    | PongReceived
    | PeerExited
    | StreamClosed
    | StreamProbed
    | Persisted
    | FrameworkTeardownRequested
    | OperationRequested
    | AgentGoneRequested
    | AgentDrainRequested
    | AgentDeactivationRequested
    | AgentReactivationRequested
    | MaintenanceScheduled
    | MaintenanceStartRequested
    | MaintenanceStopRequested
    | QuotaUpdateRequested
    | QuotaSetRequested
    | QuotaRemovalRequested
    | WeightsUpdateRequested
    | WhitelistChanged
    | SubscriberAdded
    | SubscriberRemoved
)
