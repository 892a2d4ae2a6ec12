"""Short runs with faults. What a failing seed does is shown by `meseta simulate --seed N`."""

from __future__ import annotations

from pathlib import Path

import pytest

from meseta.sim.plan import swarm_plan
from meseta.sim.simulation import Simulation
from meseta.sim.trace import Trace

SEEDS = 500
CHUNK = 25
CHECK_EVERY = 20


def failures(seeds: list[int], only: tuple[str, ...] | None = None) -> list[str]:
    found = []
    for seed in seeds:
        simulation = Simulation(swarm_plan(seed, only=only), Trace(on=False), check_every=CHECK_EVERY)
        outcome = simulation.run()
        if outcome.failure is not None:
            found.append(f"seed {seed}: {outcome.failure.sort}: {outcome.failure}")
    return found


@pytest.mark.parametrize("first", range(1, SEEDS + 1, CHUNK))
def test_faults_are_survived(first: int) -> None:
    assert failures(list(range(first, first + CHUNK))) == []


def test_a_cluster_without_faults_comes_to_rest() -> None:
    assert failures(list(range(1, 11)), only=()) == []


def test_seeds_that_found_bugs_stay_quiet() -> None:
    lines = Path(__file__).with_name("seeds.txt").read_text().splitlines()
    assert failures([int(line.split()[0]) for line in lines if not line.startswith("#")]) == []
