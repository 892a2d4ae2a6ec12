"""The algebra: resources are a sum of quantities of different kinds.

A vector maps each kind to how much there is of it:

    scalars        an int in milli-units, so that sums are exact (Mesos's fixed point of 3 decimals)
    ranges         Ranges, such as ports
    sets           a frozenset of names
    undivided      Pieces: the sizes of whole disks and volumes, and one size per copy of a shared one

All four know `>=` for "contains", and all but numbers `|` for "add", so one loop serves them all.
Nothing is ever empty or negative in a vector, so equal vectors have equal items.

Vectors are immutable and share what they can: operations that change nothing return the vector itself,
and `interned` makes equal vectors one object, which is what most agents and offers of a cluster have.
Two vectors are equal in whatever order their kinds came; each keeps its own, in which it is written again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar

from meseta.resources.describe import NO_RESOURCES, kind_text, quantity_text
from meseta.resources.kinds import REFINED, RESERVED, REVOCABLE, SHARED, VOLUME, Kind, Reservation, ValueType
from meseta.resources.ranges import NOTHING, Ranges
from meseta.resources.remembered import remembered

Quantity = int | Ranges | frozenset[str]
"""How much: milli-units, members of ranges, or names."""

INTERNED_MAX = 16_384
"""Equal vectors up to this many are one object; then the table starts anew."""
TOTALS_MAX = 4096
"""Sums that are remembered."""


def to_milli(value: float) -> int:
    """Return an amount in milli-units, rounded half away from zero. The value must be finite."""
    scaled = value * 1000
    nearest = round(scaled)
    if abs(scaled - nearest) == 0.5:
        return math.floor(scaled + 0.5) if scaled > 0 else math.ceil(scaled - 0.5)
    return nearest


def from_milli(milli: int) -> float:
    """Return milli-units in natural units, as the same double that Mesos computes."""
    whole, thousandths = divmod(abs(milli), 1000)
    return math.copysign(whole + thousandths / 1000, milli)


class Pieces:
    """A bag of sizes in milli-units: things that are not added up but counted one by one."""

    __slots__ = ("sizes",)

    sizes: tuple[int, ...]
    """Sorted; a size occurs as often as there are pieces of it."""

    def __init__(self, sizes: Iterable[int]) -> None:
        self.sizes = tuple(sorted(sizes))

    def __or__(self, other: Pieces) -> Pieces:
        return Pieces(self.sizes + other.sizes)

    def __sub__(self, other: Pieces) -> Pieces:
        return Pieces((Counter(self.sizes) - Counter(other.sizes)).elements())

    def __ge__(self, other: Pieces) -> bool:
        return Counter(self.sizes) >= Counter(other.sizes)

    def __bool__(self) -> bool:
        return bool(self.sizes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pieces) and self.sizes == other.sizes

    def __hash__(self) -> int:
        return hash(self.sizes)

    def __repr__(self) -> str:
        return f"Pieces({self.sizes})"


Stock = int | Ranges | frozenset[str] | Pieces
Items = dict[Kind, Stock]
Written = dict[Kind, Kind]


class Resources:
    """An immutable amount of resources of several kinds. Iteration yields (kind, quantity).

    Of an undivided kind each piece is yielded on its own, of a shared one each copy.
    """

    __slots__ = ("_hash", "_items", "_quantities", "_traits", "_written")

    EMPTY: ClassVar[Resources]

    _items: Items
    """By the identity of the kinds."""
    _written: Written | None
    """How kinds were written that carry more than their identity, such as where a volume is mounted."""
    _hash: int | None
    _quantities: dict[str, int] | None
    _traits: int
    """Union of the traits of all kinds; -1 until it is asked for."""

    # Making -----------------------------------------------------------------------------------------

    @classmethod
    def of(cls, items: Mapping[Kind, Quantity] | Iterable[tuple[Kind, Quantity]]) -> Resources:
        """Return the sum of the items; what is empty, zero or negative is left out."""
        total: Items = {}
        written: Written | None = None
        for kind, quantity in items.items() if isinstance(items, Mapping) else items:
            stock = _stock(kind, quantity)
            if stock is None:
                continue
            identity = kind.identity
            if identity is not kind:
                written = {kind.identity: kind, **(written or {})}
            have = total.get(identity)
            total[identity] = stock if have is None else _sum(have, stock)
        return _vector(total, written).interned() if total else EMPTY

    @classmethod
    def scalars(cls, **amounts: float) -> Resources:
        """Return plain unreserved scalars in natural units: `scalars(cpus=0.5, mem=128)`."""
        return cls.of([(Kind(name), to_milli(amount)) for name, amount in amounts.items()])

    def interned(self) -> Resources:
        """Return the one vector that equals this one and has its order."""
        if self._written:
            return self
        ordered = tuple(self._items.items())
        known = _INTERNED.get(ordered)
        if known is not None:
            return known
        if len(_INTERNED) >= INTERNED_MAX:
            _INTERNED.clear()
        _INTERNED[ordered] = self
        return self

    # Arithmetic -------------------------------------------------------------------------------------

    def __add__(self, other: Resources) -> Resources:
        mine, theirs = self._items, other._items
        if not theirs:
            return self
        if not mine:
            return other
        total = mine.copy()
        for kind, more in theirs.items():
            have = total.get(kind)
            if have is None:
                total[kind] = more
            elif type(have) is int:
                total[kind] = have + more  # type: ignore[operator]
            else:
                total[kind] = have | more  # type: ignore[operator]
        return _vector(total, _joined(self._written, other._written))

    def __sub__(self, other: Resources) -> Resources:
        """Take `other` away, which must be contained; `subtract` is for when it may not be."""
        theirs = other._items
        if not theirs:
            return self
        left = self._items.copy()
        for kind, less in theirs.items():
            have = left.get(kind)
            assert have is not None, f"{self} does not contain {other}"
            assert have >= less, f"{self} does not contain {other}"  # type: ignore[operator]
            rest = have - less  # type: ignore[operator]
            if rest:
                left[kind] = rest
            else:
                del left[kind]
        return _vector(left, self._written) if left else EMPTY

    def subtract(self, other: Resources) -> Resources:
        """Take away what there is of `other`: of what is missing, nothing is left (and no debt)."""
        theirs = other._items
        left = self._items.copy()
        for kind, less in theirs.items():
            have = left.get(kind)
            if have is None:
                continue
            rest = have - less  # type: ignore[operator]
            if not rest or (type(rest) is int and rest < 0):
                del left[kind]
            else:
                left[kind] = rest
        return _vector(left, self._written) if left else EMPTY

    def contains(self, other: Resources) -> bool:
        """Tell whether `other` can be taken out of these."""
        have = self._items.get
        for kind, needed in other._items.items():
            mine = have(kind)
            if mine is None or not mine >= needed:  # type: ignore[operator]
                return False
        return True

    def convert(self, consumed: Resources, converted: Resources) -> Resources | None:
        """Put `converted` in the place of `consumed`; None if that is not contained.

        This is what reserving, creating volumes and their opposites do to an agent's resources.
        """
        return self - consumed + converted if self.contains(consumed) else None

    def with_checkpointed(self, checkpointed: Resources) -> Resources | None:
        """Repeat on an agent's own resources what operations had made of them before it restarted.

        None if the agent no longer has what the checkpointed reservations and volumes were made of.
        """
        own = checkpointed.without_volumes()._mapped(_without_dynamic)
        return self.convert(own, checkpointed)

    def shrink(self, targets: Mapping[str, int]) -> Resources:
        """Cut scalars down to at most `targets`, milli-units by name, over all kinds of a name.

        Earlier kinds are served first; what cannot be divided is left out unless all of it fits; names
        without a target and everything that is not a scalar is kept.
        """
        remaining = dict(targets)
        kept: list[tuple[Kind, Quantity]] = []
        for kind, quantity in self:
            if isinstance(quantity, int) and kind.name in remaining:
                room = remaining[kind.name]
                if quantity > room:
                    quantity = room if kind.is_divisible else 0
                remaining[kind.name] = room - quantity
            kept.append((kind, quantity))
        shrunk = Resources.of(kept)
        return self if shrunk == self else shrunk

    # Totals -----------------------------------------------------------------------------------------

    def quantities(self) -> dict[str, int]:
        """Return the totals of scalars by name in milli-units, the copies of a shared volume as one.

        The dict is kept: do not change it.
        """
        if self._quantities is None:
            totals: dict[str, int] = {}
            for kind, stock in self._items.items():
                if kind.type is ValueType.SCALAR:
                    size = stock if type(stock) is int else _size(kind, stock)
                    totals[kind.name] = totals.get(kind.name, 0) + size
            self._quantities = totals
        return self._quantities

    def scalar(self, name: str) -> int:
        """Return the total of one scalar in milli-units, over all kinds."""
        return self.quantities().get(name, 0)

    def ranges(self, name: str) -> Ranges:
        """Return all members of the ranges of a name, over all kinds."""
        total = NOTHING
        for kind, stock in self._items.items():
            if kind.name == name and isinstance(stock, Ranges):
                total = total | stock
        return total

    @property
    def ports(self) -> Ranges:
        """All ports."""
        return self.ranges("ports")

    @property
    def is_plain(self) -> bool:
        """Whether all of it may be offered to everybody alike: nothing is reserved, revocable or shared."""
        return not self._has(RESERVED | REVOCABLE | SHARED)

    @property
    def says_more(self) -> bool:
        """Whether it says things that no comparison sees: equal vectors may say others, or none."""
        return bool(self._written)

    def names(self) -> frozenset[str]:
        """Return the names of what there is anything of."""
        return frozenset(kind.name for kind in self._items)

    # Parts ------------------------------------------------------------------------------------------

    def filter(self, predicate: Callable[[Kind], bool]) -> Resources:
        """Return what is of kinds that satisfy the predicate."""
        kept = {kind: stock for kind, stock in self._items.items() if predicate(kind)}
        if len(kept) == len(self._items):
            return self
        return _vector(kept, self._written) if kept else EMPTY

    def reserved(self, role: str | None = None) -> Resources:
        """Return what is reserved: at all, or to exactly this role."""
        if not self._has(RESERVED):
            return EMPTY
        return self.filter(lambda kind: kind.is_reserved and (role is None or kind.role == role))

    def unreserved(self) -> Resources:
        """Return what is reserved to nobody."""
        return self._without(RESERVED)

    def reservations(self) -> dict[str, Resources]:
        """Return what is reserved, by role."""
        roles = dict.fromkeys(kind.role for kind in self._items if kind.is_reserved)
        return {role: self.reserved(role) for role in roles}

    def allocatable_to(self, role: str) -> Resources:
        """Return what `role` may use: what is unreserved or reserved to it or a role above it."""
        return self.filter(lambda kind: kind.is_allocatable_to(role)) if self._has(RESERVED) else self

    def unrefined(self) -> Resources:
        """Return what has at most one reservation: all that the old format can express."""
        return self._without(REFINED)

    def revocable(self) -> Resources:
        """Return what may be taken back at any time."""
        return self._only(REVOCABLE)

    def nonrevocable(self) -> Resources:
        """Return what may not be taken back."""
        return self._without(REVOCABLE)

    def shared(self) -> Resources:
        """Return what several tasks may use at once."""
        return self._only(SHARED)

    def nonshared(self) -> Resources:
        """Return what one task uses at a time."""
        return self._without(SHARED)

    def persistent_volumes(self) -> Resources:
        """Return the volumes that outlive their tasks."""
        return self._only(VOLUME)

    def checkpointed(self) -> Resources:
        """Return what an agent must write down, because no flag brings it back."""
        return self.filter(lambda kind: kind.is_checkpointed)

    # Conversions of every kind ----------------------------------------------------------------------

    def to_unreserved(self) -> Resources:
        """Return the same without any reservation."""
        return self._mapped(lambda kind: kind.replace(reservations=())) if self._has(RESERVED) else self

    def push_reservation(self, reservation: Reservation) -> Resources:
        """Return the same with one more reservation on top."""
        return self._mapped(lambda kind: kind.replace(reservations=(*kind.reservations, reservation)))

    def pop_reservation(self) -> Resources:
        """Return the same without the last reservation; everything must be reserved."""
        assert all(kind.is_reserved for kind in self._items), f"{self} is not all reserved"
        return self._mapped(lambda kind: kind.replace(reservations=kind.reservations[:-1]))

    def without_volumes(self) -> Resources:
        """Return the same with the plain disk that persistent volumes are made of in their place."""
        if not self._has(VOLUME):
            return self
        return Resources.of((_without_volume(kind), quantity) for kind, quantity, _ in self.entries())

    # Protocol ---------------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        return bool(self._items)

    def __iter__(self) -> Iterator[tuple[Kind, Quantity]]:
        written = self._written or {}
        for identity, stock in self._items.items():
            kind = written.get(identity, identity)
            if isinstance(stock, Pieces):
                for size in stock.sizes:
                    yield kind, size
            else:
                yield kind, stock

    def entries(self) -> Iterator[tuple[Kind, Quantity, int]]:
        """Yield (kind, quantity, copies): shared pieces once with their number, all others one by one."""
        last: tuple[Kind, Quantity] | None = None
        copies = 0
        for entry in self:
            if entry[0].shared and entry == last:
                copies += 1
                continue
            if last is not None:
                yield (*last, copies)
            last, copies = entry, 1
        if last is not None:
            yield (*last, copies)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Resources) and self._items == other._items)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._items.items()))
        return self._hash

    def __reduce__(self) -> tuple[object, ...]:
        return (Resources.of, (tuple(self),))

    def __str__(self) -> str:
        return format_resources(self)

    def __repr__(self) -> str:
        return f"Resources({self})"

    # Helpers ----------------------------------------------------------------------------------------

    def _has(self, trait: int) -> bool:
        if self._traits < 0:
            traits = 0
            for kind in self._items:
                traits |= kind.traits
            self._traits = traits
        return bool(self._traits & trait)

    def _only(self, trait: int) -> Resources:
        return self.filter(lambda kind: bool(kind.traits & trait)) if self._has(trait) else EMPTY

    def _without(self, trait: int) -> Resources:
        return self.filter(lambda kind: not kind.traits & trait) if self._has(trait) else self

    def _mapped(self, change: Callable[[Kind], Kind]) -> Resources:
        return Resources.of((change(kind), quantity) for kind, quantity in self)


def _total_of(*vectors: Resources) -> Resources:
    return sum(vectors, EMPTY).interned()


total_of = remembered(_total_of, TOTALS_MAX)
"""Returns the sum of vectors; for sums that come again and again."""


def format_resources(resources: Resources, allocation_role: str | None = None) -> str:
    """Return resources as errors show them: `cpus:4; ports:[31000-32000]`, `{}` when there are none."""
    parts = []
    for kind, quantity, copies in resources.entries():
        count = f"<{copies}>" if kind.shared else ""
        parts.append(f"{kind_text(kind, allocation_role)}:{quantity_text(quantity)}{count}")
    return "; ".join(parts) or NO_RESOURCES


def _vector(items: Items, written: Written | None) -> Resources:
    """Make a vector of items that satisfy its invariants."""
    made = Resources.__new__(Resources)
    made._items = items
    made._written = written
    made._hash = None
    made._quantities = None
    made._traits = -1
    return made


EMPTY = _vector({}, None)
"""Nothing. No other vector is empty, so `is EMPTY` tells, which is quicker than asking."""
Resources.EMPTY = EMPTY

_INTERNED: dict[tuple[tuple[Kind, Stock], ...], Resources] = {}


def _stock(kind: Kind, quantity: Quantity) -> Stock | None:
    """Return a quantity as vectors keep it, None if it is nothing."""
    if not quantity:
        return None
    if isinstance(quantity, int):
        if quantity < 0:
            return None
        return quantity if kind.is_divisible else Pieces((quantity,))
    return quantity


def _sum(have: Stock, more: Stock) -> Stock:
    return have + more if type(have) is int else have | more  # type: ignore[operator]


def _size(kind: Kind, stock: Stock) -> int:
    if isinstance(stock, Pieces):
        return sum(set(stock.sizes) if kind.shared else stock.sizes)
    assert isinstance(stock, int), "scalars are numbers"
    return stock


def _joined(mine: Written | None, theirs: Written | None) -> Written | None:
    if not theirs:
        return mine
    return {**theirs, **mine} if mine else theirs


def _without_volume(kind: Kind) -> Kind:
    if kind.disk is None or kind.disk.persistence_id is None:
        return kind
    return kind.replace(disk=kind.disk.without_volume(), shared=False)


def _without_dynamic(kind: Kind) -> Kind:
    """Return the kind with no more than the static reservation, which is the outermost if there is one."""
    return kind.replace(reservations=tuple(r for r in kind.reservations if not r.dynamic))
