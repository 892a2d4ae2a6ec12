"""One seed is one run, whatever the process: the order of sets differs from process to process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from meseta.sim.plan import swarm_plan
from meseta.sim.simulation import Simulation
from meseta.sim.trace import Trace

DIGEST = """
from meseta.sim.plan import swarm_plan
from meseta.sim.simulation import Simulation
from meseta.sim.trace import Trace

for seed in ({seeds}):
    print(Simulation(swarm_plan(seed), Trace(), check_every=50).run().digest)
"""
SEEDS = "3, 5, 13"


def digests(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", DIGEST.format(seeds=SEEDS)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def test_runs_are_the_same_with_another_order_of_sets() -> None:
    first, second = digests("1"), digests("4242")
    assert len(first.split()) == 3
    assert first == second


@pytest.mark.parametrize("check_every", [1, 7])
def test_checks_and_traces_change_nothing(check_every: int) -> None:
    lines: list[str] = []
    shown = Simulation(swarm_plan(5), Trace(lines.append), check_every=check_every).run()
    silent = Simulation(swarm_plan(5), Trace(on=False), check_every=100).run()
    assert shown[2:7] == silent[2:7]
    assert len(lines) > 100
    assert max(map(len, lines)) < 190


def test_seeds_differ() -> None:
    runs = [Simulation(swarm_plan(seed), Trace(), check_every=100).run().digest for seed in (1, 2)]
    assert runs[0] != runs[1]
