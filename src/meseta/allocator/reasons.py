"""Why a client is not offered an agent now: all that stands between the two, first what lasts longest.

An allocation passes over clients and agents that cannot come together without a word, for neither of them
has a turn then. Who asks for a reason asks about those too; for the rest `verdict.offerable` is asked, as
in the allocation.
"""

from __future__ import annotations

from meseta.allocator.agents import AgentAccount
from meseta.allocator.filters import Refusals
from meseta.allocator.holding import Holding
from meseta.allocator.ledger import Ledger
from meseta.allocator.sorter import Client
from meseta.allocator.terms import TermsOfAll
from meseta.allocator.verdict import Reason, offerable
from meseta.allocator.whitelist import Whitelist


class Reasons:
    """What one allocator knows that decides who is offered what."""

    def __init__(
        self, ledger: Ledger, terms: TermsOfAll, refusals: Refusals, holding: Holding, whitelist: Whitelist
    ) -> None:
        self._ledger = ledger
        self._terms = terms
        self._refusals = refusals
        self._holding = holding
        self._whitelist = whitelist

    def reason(self, client: Client, agent: AgentAccount) -> Reason:
        """Say why a client is not offered an agent; NEXT if it may be."""
        return self._of_client(client) or self._of_agent(agent) or self._of_both(client, agent)

    def _of_client(self, client: Client) -> Reason | None:
        framework = self._ledger.frameworks[client.framework_id]
        if client.role not in framework.roles:
            return Reason.NOT_SUBSCRIBED
        if not framework.active:
            return Reason.FRAMEWORK_INACTIVE
        if client.role in framework.suppressed:
            return Reason.SUPPRESSED
        return Reason.DEMAND_MET if client.bit & self._ledger.demands.met else None

    def _of_agent(self, agent: AgentAccount) -> Reason | None:
        if not agent.active:
            return Reason.AGENT_INACTIVE
        return None if self._whitelist.admits(agent) else Reason.NOT_WHITELISTED

    def _of_both(self, client: Client, agent: AgentAccount) -> Reason:
        terms, quotas = self._terms.by_client[client], self._ledger.quotas
        if client.top in quotas.needy:
            offer = offerable(agent, client, terms, self._refusals, quotas, guaranteed=True)
            if not isinstance(offer, Reason):
                return Reason.NEXT
        offer = offerable(agent, client, terms, self._refusals, quotas)
        if isinstance(offer, Reason):
            return offer
        is_free = self._holding.holders.get(agent.id, client) is client
        return Reason.NEXT if is_free else Reason.HELD_BACK
