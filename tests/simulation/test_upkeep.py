"""Agents and machines that an operator takes out of use at random, while machines and links fail."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from meseta.sim.plan import swarm_plan
from meseta.sim.simulation import Simulation
from meseta.sim.trace import Trace

SEEDS = range(1, 31)
CHECK_EVERY = 20
REACHED = (
    "agent is drained",
    "agent is told to drain",
    "agent goes on draining after a restart",
    "agent is marked gone",
    "gone agent is refused",
    "agent of a machine that is down is refused",
    "framework is asked to leave an agent",
    "task is killed as its agent drains",
)


def test_all_is_in_use_again_in_the_end() -> None:
    marks: Counter[str] = Counter()
    for seed in SEEDS:
        plan = replace(swarm_plan(seed), upkeep_s=3.0)
        outcome = Simulation(plan, Trace(on=False), check_every=CHECK_EVERY).run()
        assert outcome.failure is None, f"seed {seed}: {outcome.failure}"
        marks.update(outcome.marks)
    assert [name for name in REACHED if not marks[name]] == []
