"""Holding agents back for those who need much at once.

Small tasks end one by one, and what each leaves is offered to whoever takes little: a framework that needs
more of one agent than ever becomes free at once would wait for ever (the Mesos paper, 4.6). So a client
with a minimum of its own or an offer filter that has been offered nothing for the starvation timeout gets
one agent to itself: the one that lacks least of what the client asks for, of those that have enough
altogether. What becomes free there is offered to nobody else in the second stage of an allocation, until
the client is offered it; guarantees of roles go before.

This is bounded: a client has one agent held back, all together `HELD_MAX`, each for `HELD_TIMEOUTS`
timeouts. Then the client waits anew. A look for an agent costs a pass over the agents; an allocation makes
at most `LOOKS_MAX`, and a client gets one per timeout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf

from meseta.allocator.agents import AgentAccount
from meseta.allocator.amounts import amount
from meseta.allocator.constraints import is_excluded
from meseta.allocator.filters import Refusals
from meseta.allocator.ledger import Ledger
from meseta.allocator.offer_filter import Amount, Both, Either, Rest
from meseta.allocator.quota import Quotas
from meseta.allocator.sorter import Client
from meseta.allocator.terms import Terms
from meseta.allocator.verdict import within_terms
from meseta.ids import AgentId
from meseta.resources import Resources

HELD_MAX = 8
"""Agents that are held back at a time."""
HELD_TIMEOUTS = 20
"""How many timeouts an agent is held back at most."""
LOOKS_MAX = 4
"""Looks for an agent in one allocation."""
PAUSE_S = 1.0
"""How long those wait who have no look in this allocation."""


class Holding:
    """Who waits since when, and which agents are held back for whom. No timeout: nothing ever is."""

    __slots__ = ("_agents", "_due", "_holders", "_next", "_timeout_s")

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._due: dict[Client, float] = {}
        """When a client has waited too long, or an agent was held back for it long enough."""
        self._next: float | None = None
        """Not later than the first of these times."""
        self._holders: dict[AgentId, Client] = {}
        self._agents: dict[Client, AgentId] = {}

    @property
    def holders(self) -> Mapping[AgentId, Client]:
        """The agents that are held back, and for whom."""
        return self._holders

    def deadline(self) -> float | None:
        """Return when to ask for `take_due`, or earlier."""
        return self._next

    def watch(self, client: Client, now: float) -> None:
        """Begin to count how long a client waits, unless that goes on."""
        if self._timeout_s and client not in self._due:
            self._set_due(client, now + self._timeout_s)

    def unwatch(self, client: Client) -> AgentId | None:
        """Forget a client. Return the agent that is held back no longer."""
        self._due.pop(client, None)
        if not self._due:
            self._next = None
        return self.release(client)

    def on_offered(self, client: Client, now: float) -> AgentId | None:
        """Note that a client waits no longer. Return the agent that is held back no longer."""
        if client not in self._due:
            return None
        self._set_due(client, now + self._timeout_s)
        return self.release(client)

    def take_due(self, now: float) -> list[Client]:
        """Return some of those whose time is up; they wait anew."""
        if self._next is None or now < self._next:
            return []
        due = sorted((when, client.path, client) for client, when in self._due.items() if when <= now)
        for _, _, client in due:
            self._due[client] = now + PAUSE_S
        taken = [client for _, _, client in due[:LOOKS_MAX]]
        for client in taken:
            self._due[client] = now + self._timeout_s
        self._next = min(self._due.values(), default=None)
        return taken

    def is_full(self) -> bool:
        """Tell whether no more agents are to be held back."""
        return len(self._holders) >= HELD_MAX

    def hold(self, client: Client, agent_id: AgentId, now: float) -> None:
        """Hold an agent back for a client."""
        assert client not in self._agents
        assert agent_id not in self._holders
        self._agents[client] = agent_id
        self._holders[agent_id] = client
        self._set_due(client, now + HELD_TIMEOUTS * self._timeout_s)

    def release(self, client: Client) -> AgentId | None:
        """Hold nothing back for a client any more. Return the agent."""
        agent_id = self._agents.pop(client, None)
        if agent_id is not None:
            del self._holders[agent_id]
        return agent_id

    def forget_agent(self, agent_id: AgentId, now: float) -> None:
        """Look for another agent at once in place of one that is of no use any more."""
        client = self._holders.get(agent_id)
        if client is not None:
            self.release(client)
            self._set_due(client, now)

    def _set_due(self, client: Client, when: float) -> None:
        self._due[client] = when
        self._next = when if self._next is None else min(when, self._next)


def look_after(
    holding: Holding,
    ledger: Ledger,
    terms: Mapping[Client, Terms],
    refusals: Refusals,
    is_allowed: Callable[[AgentAccount], bool],
    now: float,
) -> list[AgentAccount]:
    """Hold agents back for those who have waited too long. Return those that are held back no longer.

    Nothing is held back on agents that are not allowed, nor for those whose demand is met.
    """
    agents, quotas, met = ledger.agents, ledger.quotas, ledger.demands.met
    free = []
    for agent_id, client in list(holding.holders.items()):
        agent = agents[agent_id]
        able = is_allowed(agent) and not client.bit & met
        if not (able and is_suitable(agent, client, terms[client], refusals, quotas)):
            holding.forget_agent(agent_id, now)
            free.append(agent)
    for client in holding.take_due(now):
        if (held := holding.release(client)) is not None:
            free.append(agents[held])
        elif not holding.is_full() and not client.bit & met:
            others = (
                agent for agent in agents.values() if agent.id not in holding.holders and is_allowed(agent)
            )
            found = nearest(others, client, terms[client], refusals, quotas)
            if found is not None:
                holding.hold(client, found.id, now)
    return free


def nearest(
    agents: Iterable[AgentAccount], client: Client, terms: Terms, refusals: Refusals, quotas: Quotas
) -> AgentAccount | None:
    """Return the agent that lacks least of what a client asks for; of equals the first by id."""
    suitable = [agent for agent in agents if is_suitable(agent, client, terms, refusals, quotas)]
    return min(
        suitable, key=lambda agent: (missing(agent, client, terms, agent.available), agent.id), default=None
    )


def is_suitable(
    agent: AgentAccount, client: Client, terms: Terms, refusals: Refusals, quotas: Quotas
) -> bool:
    """Tell whether a client could be offered an agent if enough were free there."""
    if not agent.active or agent.traits & ~terms.copes_with:
        return False
    if terms.constraints is not None and is_excluded(terms.constraints, client.role, agent.info):
        return False
    if refusals.of(client, agent.id):
        return False
    total = quotas.within_limit(client.top, agent.total) if quotas.enforced else agent.total
    return missing(agent, client, terms, total) == 0.0


def missing(agent: AgentAccount, client: Client, terms: Terms, free: Resources) -> float:
    """Return how much of what a client asks for is missing in `free`, in proportion; inf: a wrong agent."""
    if not agent.plain:
        free = within_terms(free.allocatable_to(client.role), terms)
    rest: Rest = True if terms.wanted is None else agent.rest_of(terms.wanted)
    of_minimum = min(
        (sum(_lack(free, *pair) for pair in quantities.items()) for quantities in terms.minimum), default=0.0
    )
    return of_minimum + _lacking(rest, free)


def _lacking(rest: Rest, free: Resources) -> float:
    match rest:
        case bool():
            return 0.0 if rest else inf
        case Amount():
            return _lack(free, rest.name, rest.least)
        case Both():
            return sum((_lacking(part, free) for part in rest.parts), 0.0)  # type: ignore[arg-type]
        case Either():
            return min(_lacking(part, free) for part in rest.parts)  # type: ignore[arg-type]


def _lack(free: Resources, name: str, least: int) -> float:
    return max(0, least - amount(free, name)) / least if least else 0.0
