"""Explanations in simulated clusters: they never fail, cover everything, and change nothing."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from meseta.allocator.allocator import Question
from meseta.allocator.explanation import Explainer
from meseta.allocator.verdict import Reason
from meseta.sim.failures import LivenessViolation
from meseta.sim.master_node import MasterNode
from meseta.sim.node import Step
from meseta.sim.plan import swarm_plan
from meseta.sim.simulation import Simulation
from meseta.sim.trace import Trace

SEEDS = range(1, 13)


class Asker:
    """Asks the masters of a run for explanations, after about one of their steps in ten."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.reasons: Counter[str] = Counter()

    def observe(self, step: Step) -> None:
        master = step.node.machine if isinstance(step.node, MasterNode) else None
        if master is None or self.chance.random() > 0.1:
            return
        state, now = master.state, step.node.clock.now()
        question = Question(offset=self.chance.randrange(3), limit=self.chance.choice((1, 1000)))
        for framework_id in state.frameworks:
            for skip in state.allocator.explain(framework_id, now, question).skips:
                self.reasons[skip.reason] += 1


def simulation_of(seed: int, *observers: Any) -> Simulation:
    simulation = Simulation(swarm_plan(seed), Trace(), check_every=100)
    simulation.observers.extend(observers)
    return simulation


@pytest.mark.parametrize("first", SEEDS[::4])
def test_explanations_change_nothing_at_any_step(first: int) -> None:
    reasons: Counter[str] = Counter()
    for seed in range(first, first + 4):
        asker = Asker(seed)
        asked, left_alone = simulation_of(seed, asker.observe).run(), simulation_of(seed).run()
        assert asked == left_alone
        assert asked.failure is None
        reasons += asker.reasons
    assert reasons.total() > 500
    assert len(reasons) > 4


def test_an_agent_that_is_said_to_come_next_for_ever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Explainer, "_next", lambda *arguments: (Reason.NEXT, Reason.NEXT.value))
    monkeypatch.setattr("meseta.allocator.reasons.Reasons.reason", lambda *arguments: Reason.NEXT)
    monkeypatch.setattr("meseta.allocator.invariants._check_nothing_is_forgotten", lambda allocator: None)
    failure = simulation_of(1).run().failure
    assert isinstance(failure, LivenessViolation)
    assert "is to be offered" in str(failure)


def test_an_explanation_that_leaves_something_out_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meseta.sim.convergence.EXPLAINED_MAX", 1)
    failure = simulation_of(1).run().failure
    assert isinstance(failure, LivenessViolation)
    assert "nothing explains why" in str(failure)
