"""Offers that end without an answer: taken out of the accounts, their resources given back."""

from __future__ import annotations

from collections.abc import Iterable

from meseta.master.effects import InverseRescinded, Rescinded
from meseta.master.state import InverseOffer, Offer, State
from meseta.records import Filters


def take_offer(state: State, offer: Offer) -> None:
    """Take an offer out of the accounts here; its resources stay allocated to its framework."""
    del state.offers[offer.id]
    del state.frameworks[offer.framework_id].offers[offer.id]
    del state.agents[offer.agent_id].offers[offer.id]
    if state.config.offer_timeout_s is not None:
        state.deadlines.cancel(("offer", offer.id))


def discard_offer(state: State, offer: Offer, filters: Filters | None, now: float) -> None:
    """End an offer and give its resources back, without a word to the framework."""
    take_offer(state, offer)
    state.allocator.recover(offer.framework_id, offer.agent_id, offer.role, offer.resources, filters, now)


def rescind_offers(state: State, offers: Iterable[Offer], now: float, filters: Filters | None = None) -> None:
    """End offers, give their resources back, and tell their frameworks."""
    for offer in list(offers):
        discard_offer(state, offer, filters, now)
        state.tell(state.frameworks[offer.framework_id], Rescinded(offer.id))


def take_inverse_offer(state: State, offer: InverseOffer) -> None:
    """Take an inverse offer out of the accounts here; the allocator still waits for an answer."""
    del state.inverse_offers[offer.id]
    del state.frameworks[offer.framework_id].inverse_offers[offer.id]
    del state.agents[offer.agent_id].inverse_offers[offer.id]
    if state.config.offer_timeout_s is not None:
        state.deadlines.cancel(("inverse", offer.id))


def withdraw_inverse_offers(state: State, offers: Iterable[InverseOffer], now: float) -> None:
    """End inverse offers that were not answered, and tell their frameworks."""
    for offer in list(offers):
        take_inverse_offer(state, offer)
        state.allocator.update_inverse_offer(offer.agent_id, offer.framework_id, None, None, now)
        state.tell(state.frameworks[offer.framework_id], InverseRescinded(offer.id))
