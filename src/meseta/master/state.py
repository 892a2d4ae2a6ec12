"""What a master knows: frameworks, agents, tasks, executors and offers, and the effects under way.

Records refer to each other by id, never by reference, so that the graph has no cycles; the exceptions are
the sub-dictionaries by which a framework and an agent hold their tasks, executors and offers: both hold
the same `Task`, `Executor` and `Offer` objects, and those hold ids only.

The same resources are accounted for three times: in the tasks, executors and offers here, and in the
allocator. `meseta.master.invariants` says how the accounts must agree after every event.

Code outside of this package may read any of this and must change none of it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from meseta.allocator.allocator import Allocator
from meseta.allocator.quota import Quota
from meseta.ids import NO_PID, AgentId, ExecutorId, FrameworkId, OfferId, OperationId, Pid, TaskId
from meseta.machine import Deadlines
from meseta.master.approval import Approvers
from meseta.master.config import MasterConfig
from meseta.master.counters import new_counters
from meseta.master.effects import (
    AgentMessage,
    FrameworkMessage,
    Link,
    Log,
    MasterEffect,
    OfferedAgent,
    OperatorEvent,
    Persist,
    Publish,
    SendToAgent,
    SendToFramework,
    Unlink,
)
from meseta.master.events import (
    Peer,
    RegistrationRequested,
    ReregistrationRequested,
    StreamId,
    SubscribeRequested,
    Ticket,
)
from meseta.master.pending import AskedOfRegistry, Pending
from meseta.master.plans import Removals, Revocations, TaskKey, Wishes
from meseta.master.registry import Deactivation, Mutation
from meseta.records import (
    ENDED_OPERATIONS,
    TERMINAL_STATES,
    AgentInfo,
    ExecutorInfo,
    FrameworkCapability,
    FrameworkInfo,
    MachineKey,
    OfferConstraints,
    OperationStatus,
    ResourceOperation,
    Statuses,
    TaskInfo,
    TaskRecord,
    TaskState,
)
from meseta.resources import Resources

ENDED_STATES = TERMINAL_STATES | {TaskState.TASK_UNREACHABLE}
"""States in which a task holds no resources."""


class Task(msgspec.Struct, eq=False, gc=False):
    """A task that a framework launched or an agent reported, until its end is acknowledged.

    Nothing in it leads back to it, so the garbage collector need not look at it: there are very many.
    """

    info: TaskInfo | TaskRecord
    framework_id: FrameworkId
    agent_id: AgentId
    executor_id: ExecutorId | None
    """None for command tasks."""
    role: str
    state: TaskState = TaskState.TASK_STAGING
    statuses: Statuses = ()
    """Newest last; of several in a row with the same state only the last is kept."""
    sent_state: TaskState | None = None
    """State and uuid of the newest update that was sent to the framework and wants an acknowledgement."""
    sent_uuid: bytes | None = None

    @property
    def task_id(self) -> TaskId:
        """What its framework calls it."""
        return self.info.task_id

    @property
    def resources(self) -> Resources:
        """What it holds until it ends."""
        return self.info.resources

    @property
    def key(self) -> TaskKey:
        """What is unique: ids of tasks are, within their framework."""
        return self.framework_id, self.task_id

    @property
    def holds_resources(self) -> bool:
        """Tell whether the task's resources are accounted to it."""
        return self.state not in ENDED_STATES

    def __repr__(self) -> str:
        return f"Task({self.task_id!r}, {self.state.name})"


class Executor:
    """An executor of a framework's own, or of a pod; those of command tasks are not known to a master."""

    __slots__ = ("agent_id", "executor_id", "framework_id", "info", "resources", "role")

    def __init__(self, info: ExecutorInfo, framework_id: FrameworkId, agent_id: AgentId, role: str) -> None:
        self.info = info
        self.executor_id = info.executor_id
        self.framework_id = framework_id
        self.agent_id = agent_id
        self.resources = info.resources
        self.role = role


class Offer:
    """Resources of an agent that are promised to a role of a framework until it answers."""

    __slots__ = ("agent_id", "framework_id", "id", "resources", "role")

    def __init__(
        self, id: OfferId, framework_id: FrameworkId, role: str, agent_id: AgentId, resources: Resources
    ) -> None:
        self.id = id
        self.framework_id = framework_id
        self.role = role
        self.agent_id = agent_id
        self.resources = resources


class InverseOffer:
    """A framework is asked to leave an agent, and has not answered."""

    __slots__ = ("agent_id", "framework_id", "id")

    def __init__(self, id: OfferId, framework_id: FrameworkId, agent_id: AgentId) -> None:
        self.id = id
        self.framework_id = framework_id
        self.agent_id = agent_id


class Operation:
    """An operation that was sent to an agent, or reported by one, until its end is acknowledged."""

    __slots__ = ("agent_id", "framework_id", "info", "status", "statuses", "uuid")

    def __init__(
        self,
        uuid: bytes,
        info: ResourceOperation,
        framework_id: FrameworkId | None,
        agent_id: AgentId,
        status: OperationStatus,
        statuses: tuple[OperationStatus, ...] = (),
    ) -> None:
        self.uuid = uuid
        self.info = info
        self.framework_id = framework_id
        """None for an operator's operation."""
        self.agent_id = agent_id
        self.status = status
        """The newest; the end stays."""
        self.statuses = statuses
        """Those that the agent sent; newest last."""

    @property
    def ended(self) -> bool:
        """Tell whether the operation's status will not change any more."""
        return self.status.state in ENDED_OPERATIONS


@dataclass(slots=True, eq=False)
class FrameworkState:
    """A framework that this master serves, or served and remembers. Times are seconds since the epoch."""

    id: FrameworkId
    info: FrameworkInfo
    """With its id."""
    completed_tasks: deque[Task]
    """Newest last; bounded."""
    peer: Peer | None = None
    """Where its scheduler is, or was last; None for a framework that is known from agents only."""
    connected: bool = False
    active: bool = False
    """Whether it is offered resources."""
    recovered: bool = False
    """Whether it is known from agents only and has not subscribed with this master."""
    suppressed: frozenset[str] = frozenset()
    """Roles that it asked not to be offered anything in."""
    constraints: OfferConstraints | None = None
    registered_time: float | None = None
    reregistered_time: float | None = None
    unregistered_time: float | None = None
    tasks: dict[TaskId, Task] = field(default_factory=dict)
    executors: dict[AgentId, dict[ExecutorId, Executor]] = field(default_factory=dict)
    offers: dict[OfferId, Offer] = field(default_factory=dict)
    inverse_offers: dict[OfferId, InverseOffer] = field(default_factory=dict)
    agents: dict[AgentId, None] = field(default_factory=dict)
    """Agents that may know the framework: something of it runs or ran there. In order of first use."""
    unreachable_tasks: dict[TaskId, Task] = field(default_factory=dict)
    """Tasks on agents that became unreachable, oldest first; bounded."""
    standbys: dict[Peer, SubscribeRequested] = field(default_factory=dict)
    """Who waits to take it over, and with which words, longest wait first; bounded."""
    unacknowledged: dict[StreamId, int] = field(default_factory=dict)
    """While standbys wait: how many heartbeats in a row the machine at each stream has not acknowledged."""
    demand: dict[str, dict[str, int]] = field(default_factory=dict)
    """What it has requested and not used since, by role: thousandths by name."""
    silent_since: float | None = None
    """When it first let an offer time out after its last answer to one; by the machine's clock."""

    @property
    def pid(self) -> Pid:
        """The driver's pid; `NO_PID` for a framework on HTTP or one that has not subscribed."""
        return self.peer if isinstance(self.peer, str) else NO_PID

    @property
    def partition_aware(self) -> bool:
        """Tell whether the framework understands the states that agents' absence can lead to."""
        return FrameworkCapability.PARTITION_AWARE in self.info.capabilities

    def __str__(self) -> str:
        return f"{self.id} ({self.info.name})"


class AgentState(msgspec.Struct, eq=False):
    """An agent that was admitted and has neither left nor become unreachable. Times: since the epoch."""

    id: AgentId
    info: AgentInfo
    """With its id."""
    pid: Pid
    version: str
    capabilities: frozenset[str]
    total: Resources
    """With checkpointed and oversubscribed resources."""
    registered_time: float
    offered: OfferedAgent
    """The part of an offer that tells of the agent, shared by all its offers."""
    reregistered_time: float | None = None
    resource_version: bytes | None = None
    registration: bytes | None = None
    """The request that it was last answered, by its own name for it."""
    oversubscribed: Resources = Resources.EMPTY
    connected: bool = True
    active: bool = True
    """Whether its resources are offered."""
    pings_missed: int = 0
    leaving: Ticket | None = None
    """The registry is being told that the agent is unreachable or has left."""
    tasks: dict[FrameworkId, dict[TaskId, Task]] = {}
    executors: dict[FrameworkId, dict[ExecutorId, Executor]] = {}
    offers: dict[OfferId, Offer] = {}
    inverse_offers: dict[OfferId, InverseOffer] = {}
    operations: dict[bytes, Operation] = {}
    """By uuid."""
    killed: dict[TaskKey, None] = {}
    """Tasks that a framework wants killed; the agent is told again when it registers again."""
    revoked: dict[TaskKey, str] = {}
    """Those of them that are killed for a role's guarantee, and for which role."""
    deactivation: Deactivation | None = None
    """What an operator wants; the same record as in `Wishes.deactivated`."""
    drain_started: float | None = None
    """When this master told the agent to drain."""

    def __str__(self) -> str:
        return f"{self.id} at {self.pid} ({self.info.hostname})"


class PastAgents:
    """Agents that were here and are not; of each kind the oldest first, and not too many."""

    def __init__(self) -> None:
        self.unreachable: dict[AgentId, float] = {}
        """Since when (epoch)."""
        self.tasks: dict[AgentId, tuple[TaskKey, ...]] = {}
        """What was on each unreachable agent; the tasks themselves are in their frameworks' accounts."""
        self.gone: dict[AgentId, float] = {}
        """Those that an operator has marked gone, and since when (epoch)."""
        self.removed: dict[AgentId, None] = {}
        """Those that have left."""


class Issued:
    """How many numbers of each kind this master has given away: the next ids are made of them."""

    __slots__ = ("agents", "frameworks", "offers", "operations", "tickets")

    def __init__(self) -> None:
        self.agents = self.frameworks = self.offers = self.operations = self.tickets = 0


class ModuleHealth:
    """What an allocation module has done wrong of late."""

    def __init__(self) -> None:
        self.retry_s = 0.0
        """Before this time it is not asked, because it has raised."""
        self.is_mute = False
        """Whether it raised when it was last asked for its deadline."""


class State:
    """All that a master knows, and the effects of the event that it is busy with."""

    def __init__(
        self,
        config: MasterConfig,
        allocator: Allocator,
        approvers: Approvers,
        epoch_offset_s: float,
    ) -> None:
        self.config = config
        self.allocator = allocator
        self.approvers = approvers
        self.epoch_offset_s = epoch_offset_s
        """Add it to `now` to get seconds since the epoch."""
        self.leads_since = 0.0
        self.allocator_health = ModuleHealth()
        self.deadlines = Deadlines()
        self.effects: list[MasterEffect] = []
        self.counters = new_counters()
        self.task_states: dict[TaskState, int] = dict.fromkeys(TaskState, 0)
        """How many tasks of `FrameworkState.tasks` are in each state."""
        self.subscribers = 0
        """Operators' event streams that are open."""

        self.frameworks: dict[FrameworkId, FrameworkState] = {}
        self.completed_frameworks: dict[FrameworkId, FrameworkState] = {}
        """Oldest first; bounded."""
        self.peers: dict[Peer, FrameworkId] = {}
        """Connected frameworks."""
        self.standbys: dict[Peer, FrameworkId] = {}
        """Streams of schedulers that wait for one."""
        self.agents: dict[AgentId, AgentState] = {}
        self.agent_pids: dict[Pid, AgentId] = {}
        self.addresses: dict[str, dict[Pid, None]] = {}
        """Linked pids of agents and drivers by `ip:port`."""
        self.offers: dict[OfferId, Offer] = {}
        self.inverse_offers: dict[OfferId, InverseOffer] = {}
        self.operations: dict[FrameworkId, dict[OperationId, Operation]] = {}
        """Those with ids; also of frameworks that are not there yet. All are found by their agents."""

        self.recovered_agents: dict[AgentId, AgentInfo] = {}
        """Agents of the registry that have not registered again since the master started."""
        self.past = PastAgents()
        self.removals = Removals()
        self.wishes = Wishes()
        self.revocations = Revocations()
        self.quotas: dict[str, Quota] = {}
        """By top-level role; a role without guarantees and limits has none. Bounded."""
        self.weights: dict[str, float] = {}
        """By role, where they were set. Bounded."""
        self.asked = AskedOfRegistry()
        self.pending: dict[Ticket, Pending] = {}
        """What waits for the registry."""
        self.registering: dict[Pid, Ticket] = {}
        self.reregistering: dict[AgentId, Ticket] = {}
        self.issued = Issued()

    def wall(self, now: float) -> float:
        """Return `now` as seconds since the epoch."""
        return now + self.epoch_offset_s

    def tell(self, framework: FrameworkState, message: FrameworkMessage) -> None:
        """Send a message to the framework's scheduler, if it has one."""
        if framework.connected and framework.peer is not None:
            self.effects.append(SendToFramework(framework.peer, message))

    def tell_agent(self, agent: AgentState, message: AgentMessage) -> None:
        """Send a message to an agent, connected or not."""
        self.effects.append(SendToAgent(agent.pid, message, agent.registration))

    def publish(self, event: OperatorEvent) -> None:
        """Tell operators, if any listen."""
        if self.subscribers:
            self.effects.append(Publish(event))

    def persist(self, mutation: Mutation, pending: Pending) -> Ticket:
        """Ask for a registry write and remember what follows from it."""
        self.issued.tickets += 1
        ticket = Ticket(self.issued.tickets)
        self.pending[ticket] = pending
        self.effects.append(Persist(mutation, ticket))
        return ticket

    def warn(self, text: str) -> None:
        """Log that somebody asked for what cannot be done."""
        self.effects.append(Log("warning", text))

    def note(self, text: str) -> None:
        """Log what an operator may want to know."""
        self.effects.append(Log("info", text))

    def link(self, pid: Pid) -> None:
        """Watch the connection to a pid."""
        self.addresses.setdefault(address_of(pid), {})[pid] = None
        self.effects.append(Link(pid))

    def unlink(self, pid: Pid) -> None:
        """Watch the connection to a pid no more, unless an agent or a driver is still found by it."""
        address = address_of(pid)
        pids = self.addresses.get(address, {})
        if pid not in pids or pid in self.agent_pids or pid in self.peers:
            return
        del pids[pid]
        if not pids:
            del self.addresses[address]
        self.effects.append(Unlink(pid))


def new_framework(state: State, info: FrameworkInfo) -> FrameworkState:
    """Return the state of a framework that is about to be taken into the accounts."""
    assert info.id, "a framework's id is settled before its state is made"
    return FrameworkState(info.id, info, deque(maxlen=state.config.completed_tasks_max))


def new_agent(
    info: AgentInfo, request: RegistrationRequested | ReregistrationRequested, at: float
) -> AgentState:
    """Return the state of an agent that is about to be taken into the accounts; `at` is epoch seconds."""
    assert info.id, "an agent's id is settled before its state is made"
    return AgentState(
        id=info.id,
        info=info,
        pid=request.sender,
        version=request.version,
        capabilities=request.capabilities,
        total=reported_total(info, request.checkpointed),
        registered_time=at,
        offered=OfferedAgent(info.id, request.sender, info),
        resource_version=request.resource_version,
        registration=request.registration,
    )


def reported_total(info: AgentInfo, checkpointed: Resources) -> Resources:
    """Return what an agent has that says so at its registration: its own resources, after operations.

    Both are the agent's word. Where the second does not fit the first, it is not of this agent.
    """
    total = info.resources.with_checkpointed(checkpointed) if checkpointed else None
    return info.resources if total is None else total


def machine_of(info: AgentInfo, pid: Pid) -> MachineKey:
    """Return which machine an agent is on, by what it says and where it is."""
    return info.hostname.lower(), address_of(pid).rpartition(":")[0]


def address_of(pid: Pid) -> str:
    """Return the `ip:port` part of a pid."""
    return pid.rpartition("@")[2]


def remember(past: dict[Any, Any], key: object, value: object, limit: int) -> None:
    """Put `key` at the end of a bounded memory, dropping the oldest beyond `limit`."""
    past.pop(key, None)
    past[key] = value
    while len(past) > limit:
        del past[next(iter(past))]


def remember_agent(state: State, past: dict[AgentId, float], id: AgentId, since: float, now: float) -> None:
    """Put an agent at the end of a memory that the registry shares.

    Nothing is dropped here, as the registry would keep it: far beyond the limit `forgetting` begins at once.
    """
    past.pop(id, None)
    past[id] = since
    if len(past) > 2 * state.config.past_agents_max:
        state.deadlines.arm(("forgetting", None), now)
