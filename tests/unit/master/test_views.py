"""Sums and counts for endpoints and metrics."""

from __future__ import annotations

from meseta.ids import FrameworkId
from meseta.master import views
from meseta.records import TaskState
from meseta.resources import Resources
from tests.unit.master.master_kit import Playground, executor, task


def playing() -> tuple[Playground, FrameworkId]:
    """Return a master with one executor, two tasks (one ended) and an open offer."""
    play = Playground()
    framework_id, agent_id = play.subscribe(roles=("web", "db")), play.register()
    (offer,) = play.offers(framework_id)
    play.launch(
        framework_id,
        offer,
        task("t1", agent_id, executor=executor("e1")),
        task("t2", agent_id, cpus=0.5, mem=64),
    )
    play.update(framework_id, agent_id, "t1", TaskState.TASK_RUNNING)
    play.update(framework_id, agent_id, "t2", TaskState.TASK_FINISHED)
    play.offers(framework_id, seconds=8)
    return play, framework_id


def test_sums() -> None:
    play, framework_id = playing()
    framework = play.state.frameworks[framework_id]
    (agent,) = play.state.agents.values()
    used = Resources.scalars(cpus=1.5, mem=192, disk=10)
    assert views.used_by_framework(framework) == used
    assert views.used_on_agent(agent) == used
    assert views.offered_to_framework(framework) == agent.total - used
    assert views.offered_on_agent(agent) == agent.total - used


def test_counts() -> None:
    play, framework_id = playing()
    tasks = play.state.frameworks[framework_id].tasks.values()
    assert views.task_counts(tasks) == {TaskState.TASK_RUNNING: 1, TaskState.TASK_FINISHED: 1}


def test_gauges() -> None:
    play, _ = playing()
    gauges = views.gauges(play.state, play.now)
    assert gauges["master/slaves_active"] == 1
    assert gauges["master/frameworks_connected"] == 1
    assert gauges["master/outstanding_offers"] == 1
    assert gauges["master/tasks_running"] == 1
    assert gauges["master/cpus_total"] == 4
    assert gauges["master/cpus_used"] == 1.5
    assert gauges["master/cpus_percent"] == 0.375
    assert gauges["master/cpus_revocable_total"] == 0
