"""Checkers find bugs: each test breaks the product in one place, and the run has to fail for that reason."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from meseta.agent import agent
from meseta.agent import events as agent_events
from meseta.agent.tasks import on_run_task_received
from meseta.allocator import verdict
from meseta.master import events as master_events
from meseta.master import master
from meseta.master.frameworks import on_subscribe_requested
from meseta.master.registry import Mutation, Reactivate
from meseta.sim.disk import Registry
from meseta.sim.failures import Crash, LivenessViolation, SafetyViolation, SimulationFailure
from meseta.sim.plan import calm_plan
from meseta.sim.simulation import Simulation
from meseta.sim.temper import Temper
from meseta.sim.trace import Trace


def failure() -> SimulationFailure | None:
    tempers = (Temper(role="a", task_s=5.0, picky=0.5), Temper(role="b", task_s=5.0, picky=0.5))
    plan = replace(calm_plan(1, agents=2, frameworks=2, duration_s=20.0), frameworks=tempers)
    return Simulation(plan, Trace(on=False)).run().failure


def nothing(state: Any, event: Any, now: float) -> None:
    """Forget to do something."""


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert failure() is None


def test_a_failed_assertion_is_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(state: Any, event: Any, now: float) -> None:
        assert event.info.name != "framework-1", "the name is wrong"
        on_subscribe_requested(state, event, now)

    monkeypatch.setitem(master.HANDLERS, master_events.SubscribeRequested, fail)
    found = failure()
    assert isinstance(found, Crash)
    assert "the name is wrong" in str(found)


def test_updates_that_nobody_acknowledges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(master.HANDLERS, master_events.UpdateAcknowledged, nothing)
    found = failure()
    assert isinstance(found, LivenessViolation)
    assert "nobody acknowledged" in str(found)


def test_an_acknowledgement_that_no_framework_has_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def acknowledge(state: Any, event: Any, now: float) -> None:
        framework = next(iter(state.frameworks.values()))
        agent_id = next(iter(state.agents))
        task_id = next(iter(framework.tasks), "")
        master.on_update_received(state, event, now)
        if task_id:
            early = master_events.UpdateAcknowledged(
                framework_id=framework.id,
                sender=framework.peer,
                agent_id=agent_id,
                task_id=event.update.status.task_id,
                uuid=event.update.uuid,
            )
            master.on_update_acknowledged(state, early, now)

    monkeypatch.setitem(master.HANDLERS, master_events.UpdateReceived, acknowledge)
    found = failure()
    assert isinstance(found, SafetyViolation)
    assert "its framework did not do that" in str(found)


def test_offers_that_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(state: Any, event: Any, now: float) -> None:
        framework = state.frameworks[event.framework_id]
        for offer_id in event.offer_ids:
            framework.offers.pop(offer_id, None)

    monkeypatch.setitem(master.HANDLERS, master_events.OffersDeclined, lose)
    found = failure()
    assert isinstance(found, SafetyViolation)
    assert "other offers" in str(found) or "no framework has" in str(found)


def test_offers_that_never_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(master.HANDLERS, master_events.OffersDeclined, nothing)
    found = failure()
    assert isinstance(found, LivenessViolation)
    assert "was never offered what is free" in str(found)


def test_tasks_that_agents_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(state: Any, event: Any, now: float) -> None:
        if not event.task.task_id.endswith("3"):
            on_run_task_received(state, event, now)

    monkeypatch.setitem(agent.HANDLERS, agent_events.RunTaskReceived, forget)
    found = failure()
    assert isinstance(found, LivenessViolation)
    assert "TASK_STAGING at the master and nothing at its agent" in str(found)


def test_tasks_that_run_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def repeat(state: Any, event: Any, now: float) -> None:
        on_run_task_received(state, event, now)
        framework = state.frameworks[event.framework.id]
        del state.frameworks[framework.id]
        on_run_task_received(state, event, now)

    monkeypatch.setitem(agent.HANDLERS, agent_events.RunTaskReceived, repeat)
    found = failure()
    assert isinstance(found, SafetyViolation)
    assert "is started on" in str(found)


def test_a_registry_that_loses_a_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: Registry, mutation: Mutation) -> None:
        if not isinstance(mutation, Reactivate):
            apply(self, mutation)

    apply = Registry.apply
    plan = replace(calm_plan(1, agents=2, frameworks=1, duration_s=20.0), upkeep_s=2.0)
    assert Simulation(plan, Trace(on=False)).run().failure is None
    monkeypatch.setattr(Registry, "apply", write)
    found = Simulation(plan, Trace(on=False)).run().failure
    assert isinstance(found, LivenessViolation)
    assert "the registry holds deactivated agents" in str(found)


def test_an_offer_that_its_framework_does_not_want(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> SimulationFailure | None:
        temper = Temper(role="a", cpus=3.0, task_s=9.0, refuse_s=0.0, filters=True, expression=True)
        plan = calm_plan(1, agents=2, frameworks=1, duration_s=20.0)
        return Simulation(replace(plan, frameworks=(temper,)), Trace(on=False)).run().failure

    assert run() is None
    monkeypatch.setattr(verdict, "is_wanted", lambda rest, free: True)
    found = run()
    assert isinstance(found, SafetyViolation)
    assert "framework-0 wants cpus >= 3 and mem >= 256 and not hostname == 'none'" in str(found)
