"""Refusals: the rules of time, and what they hold back."""

from __future__ import annotations

import math

import pytest

from meseta.allocator.filters import REFUSALS_PER_AGENT_MAX, REFUSE_MAX_S, Refusals, refuse_s
from meseta.allocator.sorter import Client, RoleTree
from meseta.ids import AgentId, FrameworkId
from meseta.records import Filters
from meseta.resources import Resources

AGENT = AgentId("agent")


def client() -> Client:
    return RoleTree().add(FrameworkId("f"), "r")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (5.0, 5.0),
        (0.0, 0.0),
        (0.001, 1.0),
        (-1.0, 5.0),
        (math.nan, 5.0),
        (math.inf, REFUSE_MAX_S),
        (4294967295.0, REFUSE_MAX_S),
    ],
)
def test_time_rules(given: float, expected: float) -> None:
    assert refuse_s(Filters(given), interval_s=1.0) == expected


def test_the_default_holds_at_least_an_interval() -> None:
    assert refuse_s(Filters(-1.0), interval_s=20.0) == 20.0


def test_a_refusal_ends_with_the_first_batch_after_its_time() -> None:
    refusals, someone = Refusals(interval_s=1.0), client()
    refusals.add(someone, AGENT, Resources.scalars(cpus=1), until=6.3)
    assert refusals.next_s() == 7.0
    assert refusals.expire(6.9) == []
    (ended,) = refusals.expire(7.0)
    assert (ended.client, ended.agent_id) == (someone, AGENT)
    assert len(refusals) == 0
    assert refusals.next_s() is None


def test_a_refusal_of_more_replaces_one_of_less_that_ends_before() -> None:
    refusals, someone = Refusals(interval_s=1.0), client()
    refusals.add(someone, AGENT, Resources.scalars(cpus=1), until=5.0)
    refusals.add(someone, AGENT, Resources.scalars(cpus=1, mem=1), until=9.0)
    refusals.add(someone, AGENT, Resources.scalars(cpus=2, mem=1), until=3.0)
    assert [refusal.batch for refusal in refusals.of(someone, AGENT)] == [9, 3]


def test_refusals_of_one_agent_are_limited() -> None:
    refusals, someone = Refusals(interval_s=1.0), client()
    for index in range(REFUSALS_PER_AGENT_MAX + 3):
        refusals.add(someone, AGENT, Resources.scalars(**{f"r{index}": 1}), until=100.0 + index)
    assert len(refusals) == REFUSALS_PER_AGENT_MAX
    assert min(refusal.batch for refusal in refusals) == 103


def test_batches_that_end_nothing_do_not_pile_up() -> None:
    refusals, someone = Refusals(interval_s=1.0), client()
    for index in range(10_000):
        refusals.add(someone, AGENT, Resources.scalars(cpus=1), until=float(10_000 + index))
        refusals.remove_client(someone)
    assert refusals.next_s() is None
    assert len(refusals) == 0


def test_removal_by_agent() -> None:
    refusals, someone = Refusals(interval_s=1.0), client()
    other = AgentId("other")
    refusals.add(someone, AGENT, Resources.scalars(cpus=1), until=5.0)
    refusals.add(someone, other, Resources.scalars(cpus=1), until=5.0)
    assert refusals.remove_agent(AGENT) == [someone]
    assert [refusal.agent_id for refusal in refusals] == [other]
    assert refusals.remove_client(someone) == [other]
