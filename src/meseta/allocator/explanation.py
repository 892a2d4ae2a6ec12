"""Why nothing is offered: the verdicts of the allocation, put in words.

`verdict.offerable` gives the reason for one client and one agent, in the allocation as here, so that an
explanation is never a guess. Who could be offered something, but whose turn is not first, is told who is
ahead: the first in the order of turns for whom the same agent has something. An answer looks at no more
pairs than it was asked for, and at no more than `AHEAD_MAX` others for each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import chain, islice, takewhile

from meseta.allocator.agents import AgentAccount
from meseta.allocator.allocator import Explanation, Question, Skip
from meseta.allocator.filters import Refusals
from meseta.allocator.frameworks import FrameworkAccount
from meseta.allocator.ledger import Ledger
from meseta.allocator.sorter import OWN, Client, Node, lineage
from meseta.allocator.verdict import Reason
from meseta.ids import AgentId

Judge = Callable[[Client, AgentAccount], Reason]
"""Says why a client is not offered an agent."""
Ahead = tuple[Client, ...]

AHEAD_MAX = 8
ROLES_NAMED_MAX = 3


class Explainer:
    """Explains one moment. `by_lot`: turns are drawn, so that nobody is ahead of anybody."""

    def __init__(
        self,
        ledger: Ledger,
        refusals: Refusals,
        holders: Mapping[AgentId, Client],
        judge: Judge,
        now: float,
        *,
        by_lot: bool,
        paused: bool,
    ) -> None:
        self._ledger = ledger
        self._refusals = refusals
        self._holders = holders
        self._judge = judge
        self._now = now
        self._by_lot = by_lot
        self._paused = paused

    def explain(self, framework: FrameworkAccount, question: Question) -> Explanation:
        """Return the page of the explanation that was asked for."""
        clients = [c for role, c in framework.clients.items() if question.role in (None, role)]
        agents = self._ledger.agents
        if question.agent_id is not None:
            agents = {known: agent for known, agent in agents.items() if known == question.agent_id}
        count, skips = len(agents), []
        start, end = question.offset, question.offset + question.limit
        for client in clients:
            ahead: Ahead | None = None
            for agent in islice(agents.values(), max(0, start), max(0, end)):
                reason = self._judge(client, agent)
                if reason is Reason.NEXT and ahead is None:
                    ahead = self._ahead_of(client)
                skips.append(self._skip(reason, agent, client, ahead or ()))
            start, end = start - count, end - count
        return Explanation(total=count * len(clients), skips=skips)

    def _skip(self, reason: Reason, agent: AgentAccount, client: Client, ahead: Ahead) -> Skip:
        detail = str(reason.value)
        left_s = None
        if reason is Reason.NEXT:
            reason, detail = self._next(agent, client, ahead)
        elif reason is Reason.NOTHING_FREE and agent.offered:
            reason, detail = Reason.OFFERED, _whose_offer(agent, client)
        elif reason is Reason.QUOTA_LIMIT:
            detail = f"the quota limit of role {client.top} leaves too little of the agent"
        elif reason is Reason.HEADROOM:
            needy = _some_of(self._ledger.quotas.needy)
            detail = f"what is free on the agent is kept back for the guarantees of {needy}"
        elif reason is Reason.HELD_BACK:
            holder = self._holders[agent.id]
            detail = f"what is free on the agent is held back for framework {holder.framework_id}"
        elif reason in (Reason.REFUSED, Reason.REFUSED_PART):
            refusals = self._refusals.of(client, agent.id)
            left_s = max(0.0, max(map(self._refusals.ends_s, refusals)) - self._now)
        return Skip(agent.id, client.role, reason.name, detail, left_s)

    def _next(self, agent: AgentAccount, client: Client, ahead: Ahead) -> tuple[Reason, str]:
        """Say what a client waits for that may be offered an agent."""
        if self._paused:
            return Reason.PAUSED, Reason.PAUSED.value
        first = next((other for other in ahead if self._judge(other, agent) is Reason.NEXT), None)
        if first is None:
            return Reason.NEXT, Reason.NEXT.value
        return Reason.BEHIND, self._compare(first, client)

    def _ahead_of(self, client: Client) -> Ahead:
        """Return the first of those who have turns before a client."""
        if self._by_lot:
            return ()
        before = takewhile(lambda other: other is not client, self._turns())
        return tuple(islice(before, AHEAD_MAX))

    def _turns(self) -> Iterator[Client]:
        """Iterate over all that have turns: those first whose roles miss some of their guarantees."""
        tree, needy = self._ledger.tree, self._ledger.quotas.needy
        first = sum(node.mask for role in needy if (node := tree.node(role)) is not None)
        return chain(tree.turns(first), tree.turns(~first))

    def _compare(self, first: Client, client: Client) -> str:
        """Say by what another client is ahead."""
        who = f"framework {first.framework_id} in role {first.role} is served first"
        needy = self._ledger.quotas.needy
        if first.top in needy and client.top not in needy:
            return f"{who}: its role misses some of its guarantees"
        theirs, ours = next(
            (a, b) for a, b in zip(_from_root(first), _from_root(client), strict=False) if a is not b
        )
        high, low = map(self._ledger.tree.priority, (theirs, ours))
        if high != low:
            return f"{who}: the priority of {_name(theirs)} is {high}, that of {_name(ours)} {low}"
        share, other = (f"{self._ledger.tree.share(node):.3g}" for node in (theirs, ours))
        if share == other:
            return f"{who}: the shares are the same, and it was served less often or comes first by name"
        return f"{who}: the share of {_name(theirs)} is {share}, that of {_name(ours)} {other}"


def _whose_offer(agent: AgentAccount, client: Client) -> str:
    """Say who is to answer an offer of an agent: the client itself, or one of the others."""
    holder = client if client in agent.offered else next(iter(agent.offered))
    who = "the framework itself" if holder is client else f"framework {holder.framework_id}"
    return f"what was free on the agent is offered to {who}, which has not answered"


def _from_root(client: Client) -> list[Node]:
    return list(lineage(client))[::-1]


def _name(node: Node) -> str:
    if isinstance(node, Client):
        return f"framework {node.name}"
    return f"role {node.path.removesuffix('/.')} itself" if node.name == OWN else f"role {node.path}"


def _some_of(roles: Collection[str]) -> str:
    """Name some roles, and say how many more there are."""
    names = sorted(roles)
    more = f" and {len(names) - ROLES_NAMED_MAX} more" if len(names) > ROLES_NAMED_MAX else ""
    return f"role {', '.join(names[:ROLES_NAMED_MAX])}{more}"
