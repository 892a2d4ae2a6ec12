"""Guarantees that are kept by ending tasks: in simulated clusters, calm ones and others."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from msgspec.structs import replace

from meseta.master import events as e
from meseta.master import revocation
from meseta.resources import Resources
from meseta.sim.failures import SafetyViolation
from meseta.sim.plan import Plan, swarm_plan
from meseta.sim.simulation import Outcome, Simulation
from meseta.sim.temper import Temper
from meseta.sim.trace import Trace

SEEDS = range(1, 25)
AGENT = Resources.scalars(cpus=4, mem=4096, disk=1000)
ENDED = "task is ended for a guarantee"


def contended(seed: int) -> Plan:
    """A plan with tasks that run long; those of role c may take all before there is a guarantee."""
    plan = swarm_plan(seed, agents=3, frameworks=3)
    frameworks = tuple(
        replace(temper, role=role, demands=role != "c", cpus=1.0, mem=64.0, alive_max=20, services=0.5)
        for role, temper in zip(("a", "b", "c"), plan.frameworks, strict=True)
    )
    return replace(plan, operator_s=0.0, revocation_s=1.0, weights={"c": 5.0}, frameworks=frameworks)


def outcome_of(plan: Plan) -> Outcome:
    """Run a plan in which guarantees are changed every ten seconds, now these, now those."""
    simulation = Simulation(plan, Trace(on=False), check_every=20)
    promises = itertools.cycle([{"a": 3.0, "b": 1.0}, {"a": 1.0, "b": 3.0}])

    def promise() -> None:
        simulation.world.after(10.0, promise)
        if simulation.world.now > plan.duration_s:
            return
        configs = tuple(
            e.QuotaConfig(role=role, guarantees={"cpus": cpus}, limits={})
            for role, cpus in next(promises).items()
        )
        simulation.cluster.operate(
            lambda request: e.QuotaUpdateRequested(request=request, configs=configs, force=True)
        )

    simulation.world.after(10.0, promise)
    return simulation.run()


@pytest.mark.parametrize("first", range(1, len(SEEDS), 8))
def test_nobody_is_taken_below_its_guarantee_and_clusters_come_to_rest(first: int) -> None:
    marks: Counter[str] = Counter()
    for seed in range(first, first + 8):
        outcome = outcome_of(contended(seed))
        assert outcome.failure is None, f"seed {seed}: {outcome.failure}"
        marks.update(outcome.marks)
    assert marks[ENDED] + marks[f"{ENDED}, unannounced"], "no task was ended: the plans show nothing"
    assert marks["framework is told of tasks that are to end"]


def test_a_kill_that_takes_a_role_below_its_guarantee_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation, "_spare", lambda *arguments, **options: {})
    monkeypatch.setattr(revocation, "fault_of", lambda *arguments: None)
    failures = (outcome_of(contended(seed)).failure for seed in SEEDS)
    assert any(isinstance(fault, SafetyViolation) and "guaranteed" in str(fault) for fault in failures)


def test_a_role_gets_what_is_guaranteed_to_it_from_tasks_that_would_never_end() -> None:
    plan = Plan(
        seed=1,
        duration_s=120.0,
        agents=(AGENT,) * 4,
        frameworks=(
            Temper(role="batch", mem=128, alive_max=100, services=1.0, demands=True),
            Temper(role="prod", mem=128, alive_max=0, services=1.0),
        ),
        revocation_s=5.0,
    )
    simulation = Simulation(plan, Trace(on=False))
    cluster, world = simulation.cluster, simulation.world
    guarantee = e.QuotaConfig(role="prod", guarantees={"cpus": 6.0}, limits={})

    def want() -> None:
        cluster.operate(lambda request: e.QuotaUpdateRequested(request=request, configs=(guarantee,)))
        prod = cluster.frameworks[1]
        prod.temper = replace(prod.temper, alive_max=8, demands=True)
        prod.fail_over()

    world.after(30.0, want)
    cluster.start()
    world.run(plan.duration_s)
    running = [sum(not job.over for job in framework.jobs.values()) for framework in cluster.frameworks]
    assert running == [10, 6]
