"""Inverse offers: frameworks that use an agent are asked to leave it before its maintenance.

The allocator says whom to ask, and when again; here is what has been asked and waits for an answer. An answer
changes nothing but what operators are shown: whoever stays is ended when the machine goes down.
"""

from __future__ import annotations

from meseta.ids import FrameworkId, OfferId, offer_id
from meseta.master.containment import decide_inverse
from meseta.master.effects import InverseOffered, InverseOfferRecord
from meseta.master.events import InverseOffersAccepted, InverseOffersDeclined
from meseta.master.rescinding import take_inverse_offer, withdraw_inverse_offers
from meseta.master.senders import caller
from meseta.master.state import InverseOffer, State


def make_inverse_offers(state: State, now: float) -> None:
    """Ask whom the allocator says, in one message per framework."""
    batches: dict[FrameworkId, list[InverseOfferRecord]] = {}
    for asked in decide_inverse(state, now):
        framework, agent = state.frameworks.get(asked.framework_id), state.agents.get(asked.agent_id)
        if framework is None or not framework.active or agent is None or not agent.active:
            state.allocator.update_inverse_offer(asked.agent_id, asked.framework_id, None, None, now)
            continue
        id = offer_id(state.config.id, state.issued.offers)
        state.issued.offers += 1
        offer = InverseOffer(id, framework.id, agent.id)
        state.inverse_offers[id] = framework.inverse_offers[id] = agent.inverse_offers[id] = offer
        if state.config.offer_timeout_s is not None:
            state.deadlines.arm(("inverse", id), now + state.config.offer_timeout_s)
        record = InverseOfferRecord(id, framework.id, agent.offered, asked.unavailability)
        batches.setdefault(framework.id, []).append(record)
    for framework_id, batch in batches.items():
        state.tell(state.frameworks[framework_id], InverseOffered(tuple(batch)))


def on_inverse_offer_timed_out(state: State, id: OfferId, now: float) -> None:
    """Withdraw a question that was not answered in time; the allocator asks again."""
    offer = state.inverse_offers.get(id)
    if offer is not None:
        withdraw_inverse_offers(state, (offer,), now)


def on_inverse_offers_answered(
    state: State, event: InverseOffersAccepted | InverseOffersDeclined, now: float
) -> None:
    """Note what a framework answers."""
    framework = caller(state, event)
    if framework is None:
        return
    accepted = isinstance(event, InverseOffersAccepted)
    for id in event.offer_ids:
        offer = framework.inverse_offers.get(id)
        if offer is None:
            state.warn(f"Ignoring answer of framework {framework} to inverse offer {id}: it is not valid")
            continue
        take_inverse_offer(state, offer)
        state.allocator.update_inverse_offer(offer.agent_id, framework.id, accepted, event.filters, now)
