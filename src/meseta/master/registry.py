"""What must survive the master: which agents were admitted, are unreachable or gone; quotas and weights.

Handlers ask for a mutation with `Persist(mutation, ticket)` and keep a pending record under the ticket; what
follows from the mutation happens when `Persisted(ticket)` comes back. Tickets are persisted in order.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meseta.allocator.quota import Quota
from meseta.ids import AgentId
from meseta.records import NO_MAINTENANCE, AgentInfo, Schedule


class AdmitAgent(msgspec.Struct, frozen=True, gc=False):
    """A new agent is admitted; `info.id` is set."""

    info: AgentInfo


class UpdateAgentInfo(msgspec.Struct, frozen=True, gc=False):
    """An admitted agent describes itself anew; `info.id` is set."""

    info: AgentInfo


class MarkReachable(msgspec.Struct, frozen=True, gc=False):
    """An agent that was unreachable, or that this registry has forgotten, is admitted again."""

    info: AgentInfo


class MarkUnreachable(msgspec.Struct, frozen=True, gc=False):
    """An agent has not answered for too long. `since` is seconds since the epoch."""

    agent_id: AgentId
    since: float


class RemoveAgent(msgspec.Struct, frozen=True, gc=False):
    """An agent has left for good or was replaced."""

    agent_id: AgentId


class MarkGone(msgspec.Struct, frozen=True, gc=False):
    """An operator says that an agent will never be back. `since` is seconds since the epoch."""

    agent_id: AgentId
    since: float


class ForgetAgents(msgspec.Struct, frozen=True, gc=False):
    """Agents that have been unreachable or gone for long enough are not remembered any more."""

    agent_ids: tuple[AgentId, ...]


class DrainState(Enum):
    """How far the draining of an agent is."""

    DRAINING = "draining"
    DRAINED = "drained"


class Drain(msgspec.Struct, frozen=True, gc=False):
    """An operator wants an agent empty."""

    state: DrainState = DrainState.DRAINING
    max_grace_period_s: float | None = None
    """So long tasks may take to end at most; None: as long as they say themselves."""
    mark_gone: bool = False
    """Whether the agent is marked gone when it is empty."""


class Deactivation(msgspec.Struct, frozen=True, gc=False):
    """An operator wants nothing of an agent offered; with `drain`, what runs there is to end."""

    drain: Drain | None = None

    @property
    def draining(self) -> bool:
        """Tell whether something may still be running there."""
        return self.drain is not None and self.drain.state is DrainState.DRAINING


class Deactivate(msgspec.Struct, frozen=True, gc=False):
    """An agent is deactivated, draining or drained."""

    agent_id: AgentId
    deactivation: Deactivation


class Reactivate(msgspec.Struct, frozen=True, gc=False):
    """An agent may be offered again."""

    agent_id: AgentId


class UpdateQuota(msgspec.Struct, frozen=True, gc=False):
    """Some top-level roles have other quotas, all from the same moment on; NO_QUOTA: none any more."""

    quotas: tuple[tuple[str, Quota], ...]


class UpdateWeights(msgspec.Struct, frozen=True, gc=False):
    """The weights of roles are these: all that are set, changed or not."""

    weights: tuple[tuple[str, float], ...]


class UpdateMaintenance(msgspec.Struct, frozen=True, gc=False):
    """The maintenance schedule, and which machines are down, are these from now on."""

    schedule: Schedule


Mutation = (
    AdmitAgent
    | UpdateAgentInfo
    | MarkReachable
    | MarkUnreachable
    | RemoveAgent
    | MarkGone
    | ForgetAgents
    | Deactivate
    | Reactivate
    | UpdateMaintenance
    | UpdateQuota
    | UpdateWeights
)
"""A mutation that takes an agent out of the registry, or marks it gone, also forgets its deactivation."""


class Recovered(msgspec.Struct, frozen=True, gc=False):
    """What the registry of a master that starts to lead holds."""

    agents: tuple[AgentInfo, ...] = ()
    """Admitted agents; each has its id."""
    unreachable: tuple[tuple[AgentId, float], ...] = ()
    """Unreachable agents, and since when (epoch), oldest first."""
    gone: tuple[tuple[AgentId, float], ...] = ()
    """Agents that were marked gone, and since when (epoch), oldest first."""
    deactivated: tuple[tuple[AgentId, Deactivation], ...] = ()
    """Which of the admitted and unreachable agents are deactivated."""
    schedule: Schedule = NO_MAINTENANCE
    quotas: tuple[tuple[str, Quota], ...] = ()
    """By top-level role."""
    weights: tuple[tuple[str, float], ...] = ()
    """By role; none if no operator has ever changed one at run time."""


NOTHING_RECOVERED = Recovered()
