"""Strict priority in simulated clusters: who goes first, and that all comes to rest while things fail."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from meseta.resources import Resources
from meseta.sim.plan import Plan, swarm_plan
from meseta.sim.simulation import Simulation, run_calm
from meseta.sim.temper import Temper
from meseta.sim.trace import Trace

PRIORITIES = {"a": 2, "a/x": -1, "b": 1, "own-0": 3}
SEEDS = range(1, 17)


@pytest.mark.parametrize("first", range(1, len(SEEDS), 8))
def test_clusters_with_priorities_come_to_rest(first: int) -> None:
    for seed in range(first, first + 8):
        plan = swarm_plan(seed)
        plan = replace(plan, allocator=plan.allocator | {"role_priorities": PRIORITIES})
        outcome = Simulation(plan, Trace(on=False), check_every=20).run()
        assert outcome.failure is None, f"seed {seed}: {outcome.failure}"


def test_the_higher_priority_has_all_that_it_can_use() -> None:
    """It wants half of the cluster, and has it however much the other wants."""
    agent = Resources.scalars(cpus=4, mem=4096, disk=1000)
    wishes = (("prod", 8), ("batch", 1000))
    plan = Plan(
        seed=1,
        duration_s=300.0,
        agents=(agent,) * 4,
        frameworks=tuple(
            Temper(role=role, cpus=1, mem=512, alive_max=wish, task_s=10.0, refuse_s=1.0)
            for role, wish in wishes
        ),
        allocator={"role_priorities": {"prod": 10}},
    )
    running = {share.role: share.running for share in run_calm(plan).shares}
    assert running["prod"] > 7.5
    assert running["batch"] > 6.5
