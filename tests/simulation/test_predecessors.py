"""What a master had sent that died arrives after another one was started at its address."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from meseta.agent import registration
from meseta.agent.events import FromMaster, RunTaskReceived
from meseta.records import is_terminal
from meseta.sim import network
from meseta.sim.network import CALM, ip_of
from meseta.sim.node import Step
from meseta.sim.plan import calm_plan
from meseta.sim.simulation import Simulation
from meseta.sim.temper import Temper
from meseta.sim.trace import Trace

CUT_S = 30.0


class Succession:
    """A cluster with one agent that hears nothing while its master ends and is started again."""

    def __init__(self) -> None:
        temper = Temper(task_s=1.0, alive_max=4, reconcile_s=2.0)
        plan = calm_plan(1, agents=1, frameworks=1, duration_s=60.0)
        plan = replace(plan, frameworks=(temper,), weather=replace(CALM, patience_s=1000.0))
        self.simulation = Simulation(plan, Trace(on=False))
        self.simulation.observers.append(self._observe)
        self.launches: list[RunTaskReceived] = []
        """Those that have reached the agent since it was cut off."""

    def _observe(self, step: Step) -> None:
        if isinstance(step.event, RunTaskReceived):
            self.launches.append(step.event)

    def run(self) -> None:
        """Let the first master die with launches under way, and look what becomes of them."""
        cluster, world = self.simulation.cluster, self.simulation.world
        (master,), (agent,), (framework,) = cluster.masters, cluster.agents, cluster.frameworks
        cluster.start()
        world.run(20.0)
        self.launches.clear()
        way = (ip_of(master.address), ip_of(agent.address))
        cluster.network.block(way)
        world.run(23.0)
        master.crash(silent=False)
        world.run(24.0)
        before = dict(framework.jobs)
        master.start()
        world.run(24.0 + CUT_S)
        assert not self.launches
        self.ended = {id for id, job in before.items() if is_terminal(job.state)}
        """Of which the framework has heard by then that they are over."""
        cluster.network.unblock(way)
        world.run(40.0 + CUT_S)

    def started_late(self) -> set[str]:
        """Return tasks that were started although their framework was told that they are over."""
        started: Any = self.simulation.cluster.agents[0].containers.ran
        return {event.task.task_id for event in self.launches} & self.ended & set(started)


def test_launches_of_a_dead_master_are_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "KERNEL", 1.0)
    succession = Succession()
    succession.run()
    assert {event.task.task_id for event in succession.launches} & succession.ended, "none came late"
    assert not succession.started_late()


def test_without_names_for_registrations_they_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_heard(state: Any, event: FromMaster) -> bool:
        return event.sender == state.master

    monkeypatch.setattr(network, "KERNEL", 1.0)
    monkeypatch.setattr(registration, "is_heard", is_heard)
    monkeypatch.setattr(registration, "_forget_older", lambda state, event: None)
    succession = Succession()
    succession.run()
    assert succession.started_late()
