"""One allocation over some agents: first what roles miss of their guarantees, then fair shares.

In the first stage only roles have turns that miss some of their guarantees, and an agent is offered to one
only if it helps. In the second all have turns, and what they are offered is cut down to the limit of their
role and to what the guarantees of others leave. Without quota there is only the second.

With thousands of roles that have reached their limits, asking each about each agent would cost what it
costs Mesos. So the clients of a role whose limit leaves less than the usual minimum that is worth an offer
are masked out at once, and all clients when the headroom is used up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from meseta.allocator.agents import AgentAccount
from meseta.allocator.allocator import Allocation
from meseta.allocator.filters import Refusals
from meseta.allocator.ledger import Ledger
from meseta.allocator.sorter import Client
from meseta.allocator.terms import TermsOfAll
from meseta.allocator.verdict import QUOTA_REASONS, Reason, offerable
from meseta.ids import AgentId
from meseta.resources import EMPTY, Resources

Turns = Callable[[int], Iterator[Client]]
"""From candidates (a mask) to the order of their turns on one agent."""


class Round:
    """One allocation. No client must be added, removed or made to want while it lasts."""

    __slots__ = (
        "_holders",
        "_ledger",
        "_needy",
        "_refusals",
        "_shut",
        "_terms",
        "_turns",
        "decided",
        "taken",
    )

    def __init__(
        self,
        ledger: Ledger,
        terms: TermsOfAll,
        refusals: Refusals,
        turns: Turns,
        holders: Mapping[AgentId, Client],
    ) -> None:
        """`holders` are those to whom alone what is free on some agents is offered."""
        self._holders = holders
        self._ledger = ledger
        self._turns = turns
        self._terms = terms
        self._refusals = refusals
        self.decided: list[Allocation] = []
        self.taken: dict[AgentId, Resources] = {}
        """Shared resources that have been offered: each only once in a round."""
        self._needy = self._shut = 0
        quotas = ledger.quotas
        if quotas.enforced:
            self._needy = sum(self._bits(role) for role in quotas.needy)
            for role in quotas.roles():
                self._shut_out(role)

    def give_guarantees(self, agent: AgentAccount) -> None:
        """Offer an agent to those whose roles miss some of their guarantees, as far as it helps them."""
        quotas = self._ledger.quotas
        lasting = self._blocked(agent) & ~self._ledger.held_back.bits(agent.id)
        for client in self._turns(self._needy & ~lasting & ~self._ledger.demands.met):
            if client.top not in quotas.needy:
                continue
            terms = self._terms.by_client[client]
            taken = self._taken(agent)
            offer = offerable(agent, client, terms, self._refusals, quotas, taken, guaranteed=True)
            if not isinstance(offer, Reason):
                self._give(agent, client, offer)
                if not agent.available:
                    return

    def share(self, agent: AgentAccount) -> None:
        """Offer an agent to those whose turn it is until nothing is left or nobody wants it."""
        available = agent.available
        enforced = self._ledger.quotas.enforced
        candidates = self._ledger.tree.root.mask
        if blocked := self._blocked(agent):
            candidates &= ~blocked
        if met := self._ledger.demands.met:
            candidates &= ~met
        held = self._shut & candidates if self._shut and agent.plain else 0
        if self._holders and (holder := self._holders.get(agent.id)) is not None:
            if enforced:  # They may come to miss some of their guarantees.
                held |= candidates & ~holder.bit
            candidates &= holder.bit
        if held:
            candidates &= ~held
        terms, refusals, quotas = self._terms.by_client, self._refusals, self._ledger.quotas
        for client in self._turns(candidates):
            taken = self._taken(agent) if self.taken else EMPTY
            offer = offerable(agent, client, terms[client], refusals, quotas, taken)
            if isinstance(offer, Reason):
                if enforced and offer in QUOTA_REASONS:
                    held |= client.bit
                if agent.available is available:
                    agent.block(client, available)
                continue
            self._give(agent, client, offer)
            if agent.available is EMPTY:
                break
            if enforced:
                held |= client.bit
        if held:
            self._ledger.held_back.add(agent.id, held)

    def _taken(self, agent: AgentAccount) -> Resources:
        return self.taken.get(agent.id, EMPTY)

    def _give(self, agent: AgentAccount, client: Client, offer: Resources) -> None:
        self._ledger.hold(agent, client, offer)
        agent.offer(client, offer)
        self.decided.append(Allocation(client.framework_id, client.role, agent.id, offer))
        if not agent.plain and (shared := offer.shared()):
            self.taken[agent.id] = self._taken(agent) + shared
        quotas = self._ledger.quotas
        if quotas.enforced:
            if self._needy and client.top not in quotas.needy:
                self._needy &= ~self._bits(client.top)
            self._shut_out(client.top)

    def _blocked(self, agent: AgentAccount) -> int:
        """Return the bits of the clients that need not be asked about an agent."""
        if agent.blocked and not agent.is_blocked_at(agent.available):
            agent.blocked = 0
        return agent.blocked

    def _shut_out(self, role: str) -> None:
        """Mask out those for whom quota leaves nothing any more."""
        quotas, usual, ordinary = self._ledger.quotas, self._terms.usual, self._terms.ordinary
        if quotas.shuts_out(role, usual):
            self._shut |= self._bits(role) & ordinary
        if self._shut != ordinary and quotas.shuts_out_all(usual):
            self._shut = ordinary

    def _bits(self, role: str) -> int:
        """Return the bits of the clients of a top-level role that want offers."""
        node = self._ledger.tree.node(role)
        return 0 if node is None else node.mask
