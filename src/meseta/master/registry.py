"""What must survive the master: which agents were admitted, which are unreachable, which are gone.

Handlers ask for a mutation with `Persist(mutation, ticket)` and keep a pending record under the ticket; what
follows from the mutation happens when `Persisted(ticket)` comes back. Tickets are persisted in order.
"""

from __future__ import annotations

import msgspec

from meseta.ids import AgentId
from meseta.records import AgentInfo


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


Mutation = AdmitAgent | UpdateAgentInfo | MarkReachable | MarkUnreachable | RemoveAgent


class Recovered(msgspec.Struct, frozen=True, gc=False):
    """What the registry of a master that starts to lead holds."""

    agents: tuple[AgentInfo, ...] = ()
    """Admitted agents; each has its id."""
    unreachable: tuple[tuple[AgentId, float], ...] = ()
    """Unreachable agents, and since when (epoch), oldest first."""


NOTHING_RECOVERED = Recovered()
