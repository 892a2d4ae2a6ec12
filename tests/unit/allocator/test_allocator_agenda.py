"""Which agents are looked at, and when."""

from __future__ import annotations

import random

from meseta.allocator.agenda import Agenda, draw
from meseta.ids import AgentId

A, B = AgentId("a"), AgentId("b")


def test_the_earliest_wish_counts() -> None:
    agenda = Agenda(interval_s=1.0)
    assert agenda.deadline() is None
    agenda.touch(A, due=5.0)
    agenda.touch(B, due=3.0)
    agenda.touch(A, due=4.0)
    assert agenda.deadline() == 3.0
    assert agenda.take(0.0, [A, B]) == [A, B]
    assert agenda.deadline() is None


def test_who_waits_for_the_batch_is_not_taken_before() -> None:
    agenda = Agenda(interval_s=2.0)
    agenda.wait_for_batch(A, now=2.0)
    agenda.touch(B, due=9.0)
    assert agenda.deadline() == 4.0
    assert agenda.take(3.9, [A, B]) == [B]
    assert A in agenda
    assert agenda.take(4.0, [A, B]) == [A]
    assert A not in agenda


def test_all_means_all_that_are_known_then() -> None:
    agenda = Agenda(interval_s=1.0)
    agenda.touch_all(due=1.0)
    assert A in agenda
    assert agenda.take(1.0, [A, B]) == [A, B]
    assert A not in agenda


def test_removed_agents_are_forgotten() -> None:
    agenda = Agenda(interval_s=1.0)
    agenda.touch(A, due=0.0)
    agenda.wait_for_batch(A, now=0.0)
    agenda.forget(A)
    assert agenda.take(5.0, []) == []


def test_draw_is_fair() -> None:
    chance = random.Random(5)
    first = [0] * 4
    for _ in range(4000):
        items = [0, 1, 2, 3]
        draw(items, 1, chance)
        first[items[0]] += 1
        assert sorted(items) == [0, 1, 2, 3]
    assert all(900 < count < 1100 for count in first)
