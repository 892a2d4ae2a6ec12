"""Agents that say what cannot be: refused, or borne without harm to the accounts."""

from __future__ import annotations

import pytest

from meseta.ids import AgentId, FrameworkId, TaskId, new_uuid
from meseta.master import events
from meseta.records import TaskRecord, TaskState
from meseta.resources import Resources
from tests.unit.master.master_kit import (
    STREAM,
    Playground,
    agent_info,
    pid_of,
    register,
    replaced,
    states,
    subscribe,
    updated,
)


def report(amount: Resources) -> events.ReregistrationRequested:
    """An agent that is back with a task that holds `amount`."""
    framework_id = FrameworkId("m-0000")
    task = TaskRecord(
        task_id=TaskId("t1"),
        name="t1",
        framework_id=framework_id,
        agent_id=AgentId("m-S7"),
        executor_id=None,
        state=TaskState.TASK_RUNNING,
        resources=amount,
        allocation_role="web",
    )
    return events.ReregistrationRequested(
        sender=pid_of("a1"),
        info=agent_info(id=AgentId("m-S7")),
        version="1.12.0",
        capabilities=frozenset({"MULTI_ROLE"}),
        frameworks=(replaced(subscribe(STREAM).info, id=framework_id),),
        tasks=(task,),
    )


def test_a_message_with_a_fault_is_refused_and_counted() -> None:
    play = Playground()
    play.feed(register(fault="it has no hostname"))
    play.feed(replaced(report(Resources.scalars(cpus=1)), fault="a task is there twice"))
    assert not play.state.agents
    assert not play.state.frameworks
    assert play.state.counters["master/slave_registrations_refused"] == 2


@pytest.mark.parametrize("version", ["", "x", "1.2", "9" * 5000 + ".1.1", "1.2." + "9" * 5000, "٣.١.١"])
def test_odd_versions(version: str) -> None:
    play = Playground()
    play.feed(register(version=version))
    refused = play.state.counters["master/slave_registrations_refused"]
    assert (refused, len(play.state.agents)) in ((1, 0), (0, 1))


def test_what_runs_may_be_more_than_an_agent_has() -> None:
    play = Playground()
    play.feed(report(Resources.scalars(cpus=64, gpus=1)))
    framework_id, agent_id = FrameworkId("m-0000"), AgentId("m-S7")
    assert play.state.frameworks[framework_id].tasks[TaskId("t1")].agent_id == agent_id
    play.subscribe(id=framework_id)
    assert all(offer.resources.scalar("cpus") == 0 for offer in play.offers(framework_id))
    play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED)
    assert play.offers(framework_id)[0].resources.scalar("cpus") == 4000


@pytest.mark.parametrize("state", [TaskState.TASK_UNREACHABLE, TaskState.TASK_UNKNOWN])
def test_agents_cannot_tell_of_states_that_only_a_master_knows(state: TaskState) -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    for told, latest in ((state, None), (TaskState.TASK_RUNNING, state)):
        pid, uuid = play.state.agents[agent_id].pid, new_uuid(play.entropy)
        done = play.feed(updated(pid, framework_id, agent_id, "t1", told, uuid, latest=latest))
        assert states(done) == []
    assert play.state.counters["master/invalid_status_updates"] == 2
