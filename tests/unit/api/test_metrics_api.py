"""Metrics."""

from __future__ import annotations

from meseta.api.metrics import encode_name
from tests.unit.agent.agent_kit import Book
from tests.unit.api.api_kit import AgentSite, MasterSite
from tests.unit.master.master_kit import Playground


def test_the_snapshot_is_numbers_in_order() -> None:
    shown = MasterSite().get("/metrics/snapshot").json
    assert list(shown) == sorted(shown)
    assert all(isinstance(value, float) for value in shown.values())
    assert shown["master/uptime_secs"] == 100.0
    assert shown["master/elected"] == 1.0


def test_gauges_follow_the_state() -> None:
    play = Playground()
    framework_id, _ = play.running()
    play.run(10.0)
    site = MasterSite(play, metrics=(lambda: {"extra": 1},))
    shown = site.get("/metrics/snapshot?timeout=5secs").json
    assert shown["master/cpus_used"] == 1.0
    assert shown["master/cpus_percent"] == 0.25
    assert shown["master/tasks_running"] == 1.0
    assert shown[f"master/frameworks/f/{framework_id}/tasks/active/task_running"] == 1.0
    assert shown["allocator/mesos/resources/cpus/total"] == 4.0
    assert shown["allocator/mesos/resources/cpus/offered_or_allocated"] == 4.0
    assert shown["extra"] == 1.0
    metrics = site.call("GET_METRICS", get_metrics={}).json["get_metrics"]["metrics"]
    assert {"name": "master/tasks_running", "value": 1.0} in metrics


def test_names_of_frameworks_are_escaped() -> None:
    assert encode_name("a b (C++)/~x") == "a%20b%20(C%2B%2B)%2F%7Ex"


def test_the_agent_counts_too() -> None:
    shown = AgentSite(Book().register().agent.state).get("/metrics/snapshot").json
    assert shown["slave/registered"] == 1.0
    assert shown["slave/cpus_total"] == 8.0
    assert shown["slave/cpus_used"] == 0.0
