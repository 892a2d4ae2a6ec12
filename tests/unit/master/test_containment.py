"""Allocation modules that fail: nothing of it reaches a framework, and the master goes on."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from meseta.allocator.allocator import Allocation, AllocatorOptions
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.ids import AgentId, FrameworkId
from meseta.master.effects import Log, MasterEffect, Offered
from meseta.master.events import Peer, StreamId
from meseta.resources import EMPTY, Resources
from tests.unit.master.master_kit import STREAM, Playground, told

OTHER = StreamId(2)
Wrong = Callable[[Allocation], Any]


class Meddling(HierarchicalAllocator):
    """Decides something wrong, or raises, as long as it is told to."""

    wrong: Wrong | None = None
    raises = mute = False

    def allocate(self, now: float, agents_max: int) -> list[Allocation]:
        if self.raises:
            raise ZeroDivisionError("no idea")
        decided = super().allocate(now, agents_max)
        return decided if self.wrong is None else [self.wrong(one) for one in decided]

    def deadline(self) -> float | None:
        if self.mute:
            raise KeyError("when")
        return super().deadline()


def playground() -> tuple[Playground, Meddling]:
    world = Playground(check_each=False)
    module = Meddling(random.Random(1), AllocatorOptions())
    world.state.allocator = module
    return world, module


def offered(effects: list[MasterEffect], peer: Peer = STREAM) -> list[Resources]:
    return [offer.resources for message in told(effects, peer, Offered) for offer in message.offers]


def warnings(effects: list[MasterEffect]) -> list[str]:
    return [
        effect.text for effect in effects if isinstance(effect, Log) and "Allocation module" in effect.text
    ]


WRONG: dict[str, tuple[Wrong, str]] = {
    "no allocation": (lambda one: "lunch", "'lunch', which is no Allocation"),
    "a stranger": (
        lambda one: Allocation(FrameworkId("x"), one.role, one.agent_id, one.resources),
        "something to framework x, which is not active",
    ),
    "no agent": (
        lambda one: Allocation(one.framework_id, one.role, AgentId("x"), one.resources),
        "agent x, which is not active",
    ),
    "a foreign role": (
        lambda one: Allocation(one.framework_id, "x", one.agent_id, one.resources),
        "something in role x, to which framework",
    ),
    "nothing": (
        lambda one: Allocation(one.framework_id, one.role, one.agent_id, EMPTY),
        "nothing of agent",
    ),
    "what is not there": (
        lambda one: Allocation(one.framework_id, one.role, one.agent_id, one.resources + one.resources),
        "where cpus:4; mem:4096",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_offered_is_not(wrong: str) -> None:
    world, module = playground()
    world.subscribe()
    world.register()
    module.wrong, words = WRONG[wrong]
    effects = world.run(1.0)
    assert offered(effects) == []
    assert any(
        "test_containment.Meddling wanted to offer" in text and words in text for text in warnings(effects)
    )
    assert world.state.counters["master/allocator_faults"] >= 1


def test_a_module_that_raises_is_asked_again_later() -> None:
    world, module = playground()
    world.subscribe()
    world.register()
    module.raises = True
    effects = world.run(1.0)
    assert offered(effects) == []
    assert "raised ZeroDivisionError('no idea')" in warnings(effects)[0]
    assert world.state.counters["master/allocator_faults"] <= 3
    module.raises = False
    assert len(offered(world.run(1.5))) == 1


def test_a_module_without_a_deadline_offers_nothing_and_is_blamed_once() -> None:
    world, module = playground()
    world.subscribe()
    world.register()
    module.mute = True
    assert offered(world.run(5.0)) == []
    assert world.state.counters["master/allocator_faults"] == 1
    module.mute = False
    assert len(offered(world.run(1.0))) == 1


@pytest.mark.parametrize("answer", [float("nan"), "much", ZeroDivisionError("oh")])
def test_a_policy_that_fails(answer: object) -> None:
    failing = True

    def share(allocated: Mapping[str, int], totals: Sequence[tuple[str, float]], weight: float) -> float:
        if not failing:
            return 0.0
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]

    world = Playground(check_each=False)
    world.state.allocator = HierarchicalAllocator(random.Random(1), AllocatorOptions(), share=share)
    for peer in (STREAM, OTHER):
        world.subscribe(peer)
    world.register()
    effects = world.run(0.5)
    assert offered(effects) == offered(effects, OTHER) == []
    assert "test_a_policy_that_fails.<locals>.share" in warnings(effects)[0]
    failing = False
    effects = world.run(1.5)
    assert len(offered(effects) + offered(effects, OTHER)) == 1


@pytest.mark.parametrize("method", ["allocate", "deadline"])
def test_a_bug_of_the_built_in_allocator_is_no_mishap(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("the books do not agree")

    world = Playground()
    world.subscribe()
    world.register()
    monkeypatch.setattr(HierarchicalAllocator, method, fail)
    with pytest.raises(AssertionError, match="the books do not agree"):
        world.run(1.0)
