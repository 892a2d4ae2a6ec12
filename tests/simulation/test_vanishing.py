"""Machines of schedulers that fall silent: a standby follows, and nothing is lost by it."""

from __future__ import annotations

from collections import Counter

from meseta.sim.plan import VANISHING, swarm_plan
from meseta.sim.simulation import Simulation
from meseta.sim.trace import Trace

SEEDS = range(1, 13)
CHECK_EVERY = 20


def test_schedulers_whose_machines_fall_silent_are_followed() -> None:
    found: Counter[str] = Counter()
    for seed in SEEDS:
        simulation = Simulation(swarm_plan(seed, only=(VANISHING,)), Trace(on=False), check_every=CHECK_EVERY)
        failure = simulation.run().failure
        assert failure is None, f"seed {seed}: {failure}"
        found.update(simulation.faults.counts)
        found.update(simulation.marks.counts)
    assert found[VANISHING] > 0
    assert found["silent scheduler is followed"] > found[VANISHING] / 2
    assert found["standby takes over"] >= found["silent scheduler is followed"]
