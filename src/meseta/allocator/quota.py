"""Quota: what a role is guaranteed and what it may have at most, with the sub-roles below it.

A top-level role consumes of its quota what is reserved to it or below, used or not, and what its
frameworks and those of its sub-roles hold of contested resources. Contested are unreserved, non-revocable
scalars: quota is about nothing else, and everything else is offered as if there were none.

    limit       consumed <= limit, per name; what an offer holds beyond is cut off
    guarantee   enough contested resources stay free for what is still missing of all guarantees:
                    required headroom = sum over roles of max(0, guarantee - consumed)
                    surplus = free contested resources - required headroom
                so an offer to others is cut down to the surplus

All sums are kept with every change of a holding, in time that follows the change. While there is no
quota nothing is kept; the first quota adds everything up once (src/master/allocator/mesos/hierarchical.cpp
adds up in every cycle).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from meseta.allocator.agents import AgentAccount
from meseta.allocator.amounts import add, less, subtract
from meseta.allocator.terms import Minimum
from meseta.resources import Kind, Resources, ValueType

Quantities = dict[str, int]
"""Milli-units by name."""


class Quota(msgspec.Struct, frozen=True):
    """The quota of one role, in milli-units by name. A name that is missing is not guaranteed or limited."""

    guarantees: Mapping[str, int] = {}
    limits: Mapping[str, int] = {}

    @classmethod
    def legacy(cls, guarantee: Mapping[str, int]) -> Quota:
        """Return what SET_QUOTA means: the guarantee is the limit too."""
        return cls(dict(guarantee), dict(guarantee))


NO_QUOTA = Quota()


class Stake(msgspec.Struct):
    """What one agent adds to the sums."""

    consumed: dict[str, Quantities]
    """By top-level role."""
    free: Mapping[str, int]


NO_STAKE = Stake({}, {})


def top_of(role: str) -> str:
    """Return the top-level role of a role."""
    return role.partition("/")[0]


def is_contested(kind: Kind) -> bool:
    """Tell whether quota is about resources of this kind."""
    return kind.type is ValueType.SCALAR and not kind.is_reserved and not kind.revocable


def contested(resources: Resources) -> Mapping[str, int]:
    """Return the quantities that quota is about."""
    return resources.unreserved().nonrevocable().quantities()


def stake_of(agent: AgentAccount) -> Stake:
    """Add up what one agent adds to the sums."""
    consumed: dict[str, Quantities] = {}
    for client, resources in agent.held.items():
        add(consumed.setdefault(client.top, {}), contested(resources))
    for kind, quantity, _ in agent.total.entries():
        if kind.is_reserved and isinstance(quantity, int):
            add(consumed.setdefault(top_of(kind.role), {}), {kind.name: quantity})
    return Stake(consumed, contested(agent.available))


class Quotas:
    """All quotas, what is consumed of them, and the headroom."""

    __slots__ = ("_by_role", "consumed", "enforced", "free", "needy", "required")

    def __init__(self) -> None:
        self._by_role: dict[str, Quota] = {}
        self.enforced = False
        """Whether any role has a quota; if not, nothing is kept here."""
        self.consumed: dict[str, Quantities] = {}
        """By top-level role, with quota or without."""
        self.free: Quantities = {}
        """Contested resources that nobody holds."""
        self.required: Quantities = {}
        """What is missing of all guarantees."""
        self.needy: dict[str, None] = {}
        """Roles that miss some of their guarantees."""

    def of(self, role: str) -> Quota:
        """Return the quota of a top-level role."""
        return self._by_role.get(role, NO_QUOTA)

    def roles(self) -> list[str]:
        """Return the roles that have a quota."""
        return list(self._by_role)

    # Keeping the sums.

    def set(self, role: str, quota: Quota, agents: Iterable[AgentAccount]) -> None:
        """Replace the quota of a top-level role; NO_QUOTA removes it."""
        if not self._by_role:
            for agent in agents:
                self.exchange(NO_STAKE, stake_of(agent))
        self._require(role, -1)
        if quota.guarantees or quota.limits:
            self._by_role[role] = quota
        else:
            self._by_role.pop(role, None)
        self._require(role, +1)
        self.enforced = bool(self._by_role)
        if not self.enforced:
            self.consumed, self.free, self.required, self.needy = {}, {}, {}, {}

    def hold(self, role: str, quantities: Mapping[str, int]) -> None:
        """Count contested resources, free before, as held in a top-level role."""
        self._consume(role, quantities)
        for name, quantity in quantities.items():
            self.free[name] = self.free.get(name, 0) - quantity

    def release(self, role: str, quantities: Mapping[str, int]) -> None:
        """Count contested resources, held before in a top-level role, as free."""
        self._consume(role, {name: -quantity for name, quantity in quantities.items()})
        add(self.free, quantities)

    def exchange(self, before: Stake, after: Stake) -> None:
        """Bring the sums up to date after an agent's stake was `before`."""
        for role in {**before.consumed, **after.consumed}:
            change = dict(after.consumed.get(role, {}))
            subtract(change, before.consumed.get(role, {}))
            self._consume(role, change)
        add(self.free, after.free)
        subtract(self.free, before.free)

    def _consume(self, role: str, change: Mapping[str, int]) -> None:
        guarantees = self.of(role).guarantees
        if guarantees:
            self._require(role, -1)
        consumed = self.consumed.setdefault(role, {})
        add(consumed, change)
        if not any(consumed.values()):
            del self.consumed[role]
        if guarantees:
            self._require(role, +1)

    def _require(self, role: str, sign: int) -> None:
        """Take what a role misses of its guarantees out of the required headroom (-1), or put it there."""
        missing = self.missing(role)
        for name, quantity in missing.items():
            left = self.required.get(name, 0) + sign * quantity
            if left:
                self.required[name] = left
            else:
                del self.required[name]
        if missing and sign > 0:
            self.needy[role] = None
        else:
            self.needy.pop(role, None)

    # What there is room for.

    def missing(self, role: str) -> Quantities:
        """Return what a top-level role misses of its guarantees, without the names of which it has enough."""
        consumed = self.consumed.get(role, {})
        guarantees = self.of(role).guarantees
        return less(guarantees, consumed)

    def room(self, role: str) -> Quantities:
        """Return how much more a top-level role may have, of the names that are limited."""
        consumed = self.consumed.get(role, {})
        return {name: max(0, limit - consumed.get(name, 0)) for name, limit in self.of(role).limits.items()}

    def surplus(self) -> Quantities:
        """Return what is free beyond the required headroom, of the names of which some is required."""
        return {name: max(0, self.free.get(name, 0) - required) for name, required in self.required.items()}

    def within_limit(self, role: str, offer: Resources) -> Resources:
        """Cut an offer down to what a top-level role may still have."""
        return _cut(offer, self.room(role)) if self.of(role).limits else offer

    def within_surplus(self, offer: Resources) -> Resources:
        """Cut an offer down so that the required headroom stays free."""
        return _cut(offer, self.surplus()) if self.required else offer

    def with_guarantee(self, role: str, offer: Resources) -> Resources | None:
        """Cut an offer to a role that misses guarantees; None if there is nothing of what it misses.

        What is missing is given whatever the headroom; the rest within the limit and the surplus.
        """
        missing = self.missing(role)
        rest = offer.filter(is_contested)
        given = rest.shrink({name: missing.get(name, 0) for name in rest.quantities()})
        if not given:
            return None
        room, quantities = self.room(role), given.quantities()
        more = rest - given
        more = more.shrink({name: max(0, limit - quantities.get(name, 0)) for name, limit in room.items()})
        more = more.shrink(self.surplus())
        return given + more + offer.filter(lambda kind: not is_contested(kind))

    def shuts_out(self, role: str, minimum: Minimum) -> bool:
        """Tell whether the limit of a top-level role leaves too little of unreserved scalars for an offer."""
        return _is_short(self.room(role), minimum)

    def shuts_out_all(self, minimum: Minimum) -> bool:
        """Tell whether the required headroom leaves too little of unreserved scalars for any offer."""
        return bool(self.required) and _is_short(self.surplus(), minimum)


def _cut(offer: Resources, rooms: Mapping[str, int]) -> Resources:
    """Cut the contested scalars of an offer down to the rooms, of names that have one."""
    quantities = contested(offer)
    if all(quantities.get(name, 0) <= room for name, room in rooms.items()):
        return offer
    return offer.filter(is_contested).shrink(rooms) + offer.filter(lambda kind: not is_contested(kind))


def _is_short(rooms: Mapping[str, int], minimum: Minimum) -> bool:
    return bool(minimum) and all(
        any(rooms.get(name, quantity) < quantity for name, quantity in alternative.items())
        for alternative in minimum
    )
