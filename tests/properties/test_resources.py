"""Laws of the resource algebra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meseta.resources import (
    EMPTY,
    Disk,
    DiskType,
    Format,
    Kind,
    Ranges,
    Reservation,
    Resources,
    ValueType,
    from_milli,
    from_records,
    parse_resources,
    to_milli,
    to_records,
)
from meseta.resources.faults import is_overlapping
from meseta.resources.ranges import SPAN_MAX

Law = Callable[..., None]


def law(*strategies: st.SearchStrategy[Any]) -> Callable[[Law], Law]:
    """Check a law on examples, however long one takes on a busy machine."""
    return lambda check: settings(max_examples=100)(given(*strategies)(check))


ENG = Reservation("eng", dynamic=False)
ADS = Reservation("ads", dynamic=True, principal="ops", labels=(("a", "b"),))
REFINED = (ENG, Reservation("eng/web", dynamic=True))

reservations = st.sampled_from([(), (ENG,), (ADS,), REFINED])
disks = st.sampled_from(
    [
        None,
        Disk(source_type=DiskType.PATH, source_root="/a"),
        Disk(source_type=DiskType.MOUNT, source_root="/b"),
        Disk(source_type=DiskType.RAW, source_id="i", source_vendor="acme"),
        Disk("v1", "ops", "data", mode="RW"),
        Disk("v1", "other", "elsewhere", mode="RW"),
        Disk("v2", "ops", "data", mode="RW", source_type=DiskType.PATH),
    ]
)
scalar_kinds = st.builds(
    Kind, st.sampled_from(["cpus", "mem"]), reservations=reservations, revocable=st.booleans()
)
disk_kinds = st.builds(
    lambda held, disk, shared: Kind(
        "disk",
        reservations=held,
        disk=disk,
        shared=shared and disk is not None and disk.persistence_id is not None,
    ),
    reservations,
    disks,
    st.booleans(),
)
scalars = st.tuples(scalar_kinds | disk_kinds, st.integers(1, 5000))

pairs = st.tuples(st.integers(0, 60), st.integers(0, 10)).map(lambda p: (p[0], p[0] + p[1]))
wide_pairs = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(
    lambda p: (p[0] * SPAN_MAX - (p[0] > 0), (p[0] + p[1]) * SPAN_MAX)
)
ranges = st.lists(pairs | wide_pairs, min_size=1, max_size=5).map(Ranges.from_pairs)
ports = st.tuples(st.builds(Kind, st.just("ports"), st.just(ValueType.RANGES), reservations), ranges)
names = st.tuples(
    st.builds(Kind, st.just("names"), st.just(ValueType.SET), reservations),
    st.frozensets(st.sampled_from("abcde"), min_size=1),
)

vectors = st.lists(scalars | ports | names, max_size=6).map(Resources.of)
sums = st.lists(scalars, max_size=6).map(Resources.of)


# Monoid -------------------------------------------------------------------------------------------------


@law(vectors, vectors, vectors)
def test_addition_is_a_commutative_monoid(a: Resources, b: Resources, c: Resources) -> None:
    assert a + b == b + a
    assert hash(a + b) == hash(b + a)
    assert (a + b) + c == a + (b + c)
    assert a + EMPTY == EMPTY + a == a


@law(vectors, vectors)
def test_what_was_added_can_be_taken_away(a: Resources, b: Resources) -> None:
    total = a + b
    assert total.contains(a)
    assert total.contains(b)
    if not is_overlapping(a, b):
        assert total - b == a
        assert total.subtract(b) == a
    assert (total - b) + b == total


@law(vectors, vectors)
def test_subtract_and_minus_agree_where_minus_is_allowed(a: Resources, b: Resources) -> None:
    if a.contains(b):
        assert a - b == a.subtract(b)
    rest = a.subtract(b)
    assert a.contains(rest)
    assert all(quantity for _, quantity in rest)


@law(vectors)
def test_vectors_are_made_of_what_they_yield(a: Resources) -> None:
    assert Resources.of(a) == a
    assert a.interned() == a


# Order --------------------------------------------------------------------------------------------------


@law(vectors, vectors, vectors)
def test_contains_is_a_partial_order(a: Resources, b: Resources, c: Resources) -> None:
    assert a.contains(a)
    assert a.contains(EMPTY)
    if a.contains(b) and b.contains(a):
        assert a == b
    if a.contains(b) and b.contains(c):
        assert a.contains(c)
    assert (a + b + c).contains(a + b)


@law(sums, sums, sums)
def test_addition_keeps_the_order(a: Resources, b: Resources, c: Resources) -> None:
    assert a.contains(b) == (a + c).contains(b + c)


# Parts --------------------------------------------------------------------------------------------------


@law(vectors)
def test_filters_partition(a: Resources) -> None:
    assert a.reserved() + a.unreserved() == a
    assert a.revocable() + a.nonrevocable() == a
    assert a.shared() + a.nonshared() == a
    assert sum(a.reservations().values(), EMPTY) == a.reserved()
    volumes = a.persistent_volumes()
    assert volumes + a.filter(lambda kind: not kind.is_persistent_volume) == a


@law(vectors)
def test_roles_below_may_use_what_roles_above_may(a: Resources) -> None:
    assert a.allocatable_to("eng/web").contains(a.allocatable_to("eng"))
    assert a.allocatable_to("eng").contains(a.unreserved())
    assert a.allocatable_to("other") == a.unreserved()


@law(sums, st.dictionaries(st.sampled_from(["cpus", "mem", "disk"]), st.integers(0, 4000)))
def test_shrinking_stays_within_targets(a: Resources, targets: dict[str, int]) -> None:
    unshared = a.nonshared()
    shrunk = unshared.shrink(targets)
    assert all(shrunk.scalar(name) <= target for name, target in targets.items())
    assert all(shrunk.scalar(name) == unshared.scalar(name) for name in unshared.names() - targets.keys())


# Conversions --------------------------------------------------------------------------------------------


@law(vectors, vectors)
def test_conversions_conserve_quantities(a: Resources, b: Resources) -> None:
    total = a + b
    unreserved = b.unreserved()
    reserved = total.convert(unreserved, unreserved.push_reservation(ADS))
    assert reserved is not None
    assert reserved.to_unreserved().names() == total.names()
    if not is_overlapping(a, b) and not total.shared():
        assert reserved.quantities() == total.quantities()
    assert unreserved.push_reservation(ADS).pop_reservation() == unreserved
    plain = b.nonshared()
    assert plain.without_volumes().quantities() == plain.quantities()


@law(vectors, vectors)
def test_conversions_need_what_they_consume(a: Resources, b: Resources) -> None:
    assert (a.convert(b, EMPTY) is None) == (not a.contains(b))


# Text and records ---------------------------------------------------------------------------------------


@law(st.lists(st.tuples(st.sampled_from(["cpus", "mem"]), st.integers(0, 10**9)), max_size=4), ranges)
def test_text_round_trip(amounts: list[tuple[str, int]], held: Ranges) -> None:
    expected = Resources.of([(Kind(name), milli) for name, milli in amounts])
    expected += Resources.of({Kind("ports", ValueType.RANGES): held})
    assert parse_resources(str(expected)) == expected


@law(vectors, st.sampled_from(Format), st.none() | st.just("eng"))
def test_records_round_trip(a: Resources, format: Format, role: str | None) -> None:
    read, read_role = from_records(to_records(a, allocation_role=role, format=format))
    assert read.nonshared() == a.nonshared()
    assert a.shared().contains(read.shared())
    assert read.quantities() == a.quantities()
    assert read_role == (role if a else None)


@law(st.integers(0, 10**12))
def test_milli_units_are_exact(milli: int) -> None:
    assert to_milli(from_milli(milli)) == milli
    assert from_milli(-milli) == -from_milli(milli)


# Ranges against sets ------------------------------------------------------------------------------------

small = st.lists(pairs, max_size=6)


@law(small, small)
def test_ranges_are_sets(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    a, b = Ranges.from_pairs(left), Ranges.from_pairs(right)
    x, y = set(a), set(b)
    assert x == {n for begin, end in left for n in range(begin, end + 1)}
    assert set(a | b) == x | y
    assert set(a & b) == x & y
    assert set(a - b) == x - y
    assert (a >= b) == (x >= y)
    assert (a == b) == (x == y)
    assert a.count() == len(x)


@law(ranges, ranges, ranges)
def test_wide_ranges_obey_the_laws_of_sets(a: Ranges, b: Ranges, c: Ranges) -> None:
    assert Ranges.from_pairs(a.pairs()) == a
    assert (a - b) | (a & b) == a
    assert a - (b | c) == (a - b) - c == (a - b) & (a - c)
    assert (a >= b) == (a | b == a) == (b - a == Ranges())
    assert (a | b).count() + (a & b).count() == a.count() + b.count()
