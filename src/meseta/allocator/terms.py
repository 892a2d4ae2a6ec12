"""On which terms a client takes offers: what it copes with, what it wants, what is too little."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntFlag

import msgspec

from meseta.allocator.amounts import amount
from meseta.allocator.offer_filter import OfferFilter, compile_filter
from meseta.allocator.sorter import Client
from meseta.records import FrameworkCapability, FrameworkInfo, OfferConstraints
from meseta.resources import Resources

Minimum = tuple[Mapping[str, int], ...]
"""Alternatives of quantities in milli-units (a port or an item of a set is 1000); (): anything will do."""


class Trait(IntFlag):
    """What a client must cope with to be offered an agent."""

    GPUS = 1
    REMOTE = 2
    SINGLE_ROLE = 4
    FLAT_ROLES = 8


class Terms(msgspec.Struct, frozen=True):
    """The terms of one framework in one role."""

    copes_with: int
    """The traits of agents that are no hindrance."""
    shared: bool
    revocable: bool
    refined: bool
    minimum: Minimum
    constraints: OfferConstraints | None
    wanted: OfferFilter | None


class TermsOfAll:
    """The terms of all clients, and which of them are the usual ones."""

    __slots__ = ("by_client", "ordinary", "usual")

    def __init__(self, usual: Minimum) -> None:
        self.usual = usual
        """The minimum of clients for which none is given."""
        self.ordinary = 0
        """Bits of the clients that take offers from the usual minimum on."""
        self.by_client: dict[Client, Terms] = {}

    def set(self, client: Client, terms: Terms) -> bool:
        """Replace a client's terms, and tell whether it had others."""
        known = self.by_client.get(client)
        self.forget(client)
        self.by_client[client] = terms
        if terms.minimum == self.usual:
            self.ordinary |= client.bit
        return known is not None and known != terms

    def forget(self, client: Client) -> None:
        """Forget a client, if it is known."""
        self.by_client.pop(client, None)
        self.ordinary &= ~client.bit

    def is_picky(self, client: Client) -> bool:
        """Tell whether a client asks for more of an agent than others do."""
        return self.by_client[client].wanted is not None or not client.bit & self.ordinary


def terms_of(info: FrameworkInfo, role: str, minimum: Minimum, constraints: OfferConstraints | None) -> Terms:
    """Return a framework's terms in a role; `minimum` holds where the framework gives none for the role."""
    return Terms(
        copes_with=int(_copes_with(info, role)),
        shared=info.has(FrameworkCapability.SHARED_RESOURCES),
        revocable=info.has(FrameworkCapability.REVOCABLE_RESOURCES),
        refined=info.has(FrameworkCapability.RESERVATION_REFINEMENT),
        minimum=info.offer_filters.get(role, minimum),
        constraints=constraints if constraints is not None and role in constraints.by_role else None,
        wanted=_wanted(info, role),
    )


def is_enough(resources: Resources, minimum: Minimum) -> bool:
    """Tell whether resources are worth an offer."""
    scalars = resources.quantities()
    if not scalars and not resources:
        return False
    for quantities in minimum:
        for name, quantity in quantities.items():
            if scalars.get(name, 0) < quantity and amount(resources, name) < quantity:
                break
        else:
            return True
    return not minimum


def _copes_with(info: FrameworkInfo, role: str) -> Trait:
    traits = Trait(0)
    if info.has(FrameworkCapability.GPU_RESOURCES):
        traits |= Trait.GPUS
    if info.has(FrameworkCapability.REGION_AWARE):
        traits |= Trait.REMOTE
    if not info.has(FrameworkCapability.MULTI_ROLE):
        traits |= Trait.SINGLE_ROLE
    if "/" not in role:
        traits |= Trait.FLAT_ROLES
    return traits


def _wanted(info: FrameworkInfo, role: str) -> OfferFilter | None:
    """Return the offer filter of a role. A master does not take one on that cannot be used."""
    text = info.wanted.get(role)
    compiled = compile_filter(text) if text is not None else None
    return None if isinstance(compiled, str) else compiled
