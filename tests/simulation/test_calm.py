"""Runs in which nothing goes wrong."""

from __future__ import annotations

import pytest

from meseta.sim.plan import swarm_plan
from meseta.sim.simulation import Simulation
from meseta.sim.trace import Trace


@pytest.mark.parametrize("seed", range(1, 16))
def test_a_cluster_without_faults_comes_to_rest(seed: int) -> None:
    outcome = Simulation(swarm_plan(seed, only=()), Trace(on=False), check_every=5).run()
    assert outcome.failure is None
    assert outcome.tasks > 0
