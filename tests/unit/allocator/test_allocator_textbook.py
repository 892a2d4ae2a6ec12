"""What has to be as in Mesos for the choices to be the same, one by one.

`tests/properties/test_allocator.py` compares with the textbook algorithm on random instances; these are the
points in which a faster algorithm is tempted to differ.
"""

from __future__ import annotations

import random
from fractions import Fraction

from meseta.allocator.policies import dominant_share
from meseta.resources import Kind, Ranges, Reservation, Resources, ValueType
from tests.unit.allocator.allocator_kit import Cluster

AGENT = Resources.scalars(cpus=4, mem=4096)
PORTS = Resources.of([(Kind("ports", ValueType.RANGES), Ranges.from_pairs([(31000, 31009)]))])


def test_shares_are_rounded_as_in_mesos() -> None:
    """Thousandths, then units, then the weight: another order of divisions flips ties in the last bit."""
    chance = random.Random(1)
    differ = 0
    for _ in range(5000):
        milli, total = chance.randrange(1, 10**7), chance.randrange(1, 10**7)
        weight = chance.choice([1.0, 0.3, 2.0, 3.0])
        share = dominant_share({"cpus": milli}, [("cpus", total / 1000.0)], weight)
        assert share == (milli / 1000.0) / (total / 1000.0) / weight
        differ += share != float(Fraction(milli, total) / Fraction(weight))
    assert differ > 0, "the exact share would do"


def test_the_order_on_one_agent_is_that_of_its_beginning() -> None:
    """Limits leave the larger part of an agent to others: they come in the order of before."""
    cluster = Cluster()
    for role in ("a", "b", "c"):
        cluster.allocator.update_quota(role, {}, {"cpus": 1000})
        cluster.framework(f"f{role}", role)
    cluster.agent("one", AGENT)
    decided = cluster.allocate()
    assert [one.role for one in decided] == ["a", "b", "c"]
    assert [one.resources.scalar("mem") for one in decided] == [4_096_000, 0, 0]


def test_subtrees_are_visited_as_a_whole() -> None:
    """Not by the shares of all frameworks: a/y, which has nothing, waits for its parent's turn."""
    cluster = Cluster()
    more, less = Resources.scalars(cpus=2), Resources.scalars(cpus=1)
    cluster.agent("used", more + less, {"fx": {"a/x": more}, "fb": {"b": less}})
    for name, role in (("fx", "a/x"), ("fy", "a/y"), ("fb", "b")):
        cluster.framework(name, role)
    cluster.agent("free", AGENT)
    (offer,) = cluster.allocate()
    assert offer.framework_id == "fb"


def test_what_is_held_from_the_start_counts_as_allocated_once() -> None:
    """At equal shares the one that was allocated to less often goes first, whatever its name."""
    cluster = Cluster()
    half = Resources.scalars(cpus=1)
    cluster.agent("one", half + half, {"b": {"r": half + half}})
    cluster.agent("two", half, {"a": {"r": half}})
    cluster.agent("three", half, {"a": {"r": half}})
    cluster.framework("a", "r")
    cluster.framework("b", "r")
    cluster.agent("free", AGENT)
    (offer,) = cluster.allocate()
    assert offer.framework_id == "b"


def test_a_count_never_falls() -> None:
    cluster = Cluster()
    for name in ("a", "b"):
        cluster.framework(name, "r")
    cluster.agent("one", AGENT)
    (offer,) = cluster.allocate()
    assert offer.framework_id == "a"
    cluster.give_back(offer)
    (offer,) = cluster.allocate(1.0)
    assert offer.framework_id == "b"


def test_what_is_not_limited_passes_a_limit() -> None:
    """If anything is worth an offer, ports and reservations go to roles that may not have more scalars."""
    cluster = Cluster(min_allocatable_resources=())
    cluster.allocator.update_quota("a", {}, {"cpus": 0, "mem": 0})
    mine = Resources.of([(Kind("cpus", reservations=(Reservation("a", False),)), 1000)])
    cluster.framework("f", "a")
    cluster.agent("one", AGENT + PORTS + mine)
    (offer,) = cluster.allocate()
    assert offer.resources == PORTS + mine


def test_the_end_of_a_refusal_waits_for_the_batch() -> None:
    cluster = Cluster()
    cluster.framework("f", "r")
    cluster.agent("one", AGENT)
    (offer,) = cluster.allocate(0.25)
    cluster.decline(offer, refuse_s=2.5)
    assert cluster.allocate(2.6) == []  # It is over at 2.75, and a batch at 3.
    assert len(cluster.allocate(0.15)) == 1
