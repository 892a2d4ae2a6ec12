"""State of a live Mesos 1.12: rebuilt from its v1 answers, shown by our v0 endpoints and again as v1.

Key order counts in v0 JSON: it is the order that Mesos writes. Where Mesos goes through a hash table (agents,
frameworks, tasks, roles of reservations), order means nothing and is not compared.
"""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from meseta.ids import AgentId, ExecutorId, FrameworkId, OfferId, Pid
from meseta.master.effects import OfferedAgent
from meseta.master.events import StreamId
from meseta.master.state import AgentState, Executor, FrameworkState, Offer, State, Task
from meseta.records import TaskRecord
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.json import from_dict
from meseta.wire.lift import lift_agent, lift_executor, lift_framework
from meseta.wire.reported_tasks import lift_task_record
from meseta.wire.resources import lift_resources
from tests.unit.agent.agent_kit import Book, command_task
from tests.unit.api.api_kit import AgentSite, MasterSite
from tests.unit.master.master_kit import Playground

DATA = Path(__file__).parent / "data"
RECORDED = json.loads((DATA / "operator_master_snapshot.json").read_text())
PIDS = {
    each["id"]: Pid(each["pid"])
    for name in ("frameworks", "completed_frameworks")
    for each in RECORDED["state"][name]
    if "pid" in each
}
SHAPES = json.loads((DATA / "operator_agent_shapes.json").read_text())


# Rebuilding the state ---------------------------------------------------------------------------------


def _seconds(shown: dict[str, Any], name: str) -> float | None:
    return shown[name]["nanoseconds"] / 1e9 if name in shown else None


def _resources(shown: list[dict[str, Any]]) -> Any:
    return lift_resources([from_dict(m.Resource, each) for each in shown]).resources


def _task(shown: dict[str, Any]) -> Task:
    read = from_dict(m.Task, shown).SerializeToString()
    record: TaskRecord = lift_task_record(read, {})
    task = Task(
        record, record.framework_id, record.agent_id, record.executor_id, record.allocation_role or "*"
    )
    task.state, task.statuses = record.state, record.statuses
    task.sent_state, task.sent_uuid = record.status_update_state, record.status_update_uuid
    return task


def _framework(shown: dict[str, Any], number: int) -> FrameworkState:
    info = lift_framework(from_dict(m.FrameworkInfo, shown["framework_info"]))
    assert info.id is not None
    return FrameworkState(
        id=info.id,
        info=info,
        completed_tasks=deque(),
        peer=PIDS.get(info.id, StreamId(number)),
        connected=shown["connected"],
        active=shown["active"],
        registered_time=_seconds(shown, "registered_time"),
        reregistered_time=_seconds(shown, "reregistered_time"),
        unregistered_time=_seconds(shown, "unregistered_time"),
    )


def _agent(shown: dict[str, Any]) -> AgentState:
    info = lift_agent(from_dict(m.AgentInfo, shown["agent_info"]))
    assert info.id is not None
    registered = _seconds(shown, "registered_time")
    assert registered is not None
    return AgentState(
        id=info.id,
        info=info,
        pid=Pid(shown["pid"]),
        version=shown["version"],
        capabilities=frozenset(each["type"] for each in shown["capabilities"]),
        total=_resources(shown["total_resources"]),
        registered_time=registered,
        reregistered_time=_seconds(shown, "reregistered_time"),
        offered=OfferedAgent(info.id, Pid(shown["pid"]), info),
    )


def _rebuild(recorded: dict[str, Any]) -> State:
    state = Playground().state
    for shown in recorded["get_agents"]["agents"]:
        agent = _agent(shown)
        state.agents[agent.id] = agent
    frameworks = recorded["get_frameworks"]
    for known, shown_ones in (
        (state.frameworks, frameworks["frameworks"]),
        (state.completed_frameworks, frameworks["completed_frameworks"]),
    ):
        for number, shown in enumerate(shown_ones):
            framework = _framework(shown, number)
            known[framework.id] = framework
            for offer in shown.get("offers", ()):
                _add_offer(state, framework, offer)
    everybody = state.frameworks | state.completed_frameworks
    for shown in recorded["get_tasks"]["tasks"]:
        task = _task(shown)
        everybody[task.framework_id].tasks[task.task_id] = task
        state.agents[task.agent_id].tasks.setdefault(task.framework_id, {})[task.task_id] = task
    for shown in recorded["get_tasks"]["completed_tasks"]:
        task = _task(shown)
        everybody[task.framework_id].completed_tasks.append(task)
    for shown in recorded["executors"]:
        _add_executor(state, shown)
    return state


def _add_offer(state: State, framework: FrameworkState, shown: dict[str, Any]) -> None:
    agent_id = AgentId(shown["agent_id"]["value"])
    role = shown["allocation_info"]["role"]
    offer_id = OfferId(shown["id"]["value"])
    offer = Offer(offer_id, framework.id, role, agent_id, _resources(shown["resources"]))
    framework.offers[offer.id] = state.agents[agent_id].offers[offer.id] = offer


def _add_executor(state: State, shown: dict[str, Any]) -> None:
    info = lift_executor(from_dict(m.ExecutorInfo, shown["executor_info"]))
    framework_id = FrameworkId(shown["executor_info"]["framework_id"]["value"])
    agent_id = AgentId(shown["agent_id"]["value"])
    executor = Executor(info, framework_id, agent_id, info.allocation_role or "*")
    executors = state.frameworks[framework_id].executors.setdefault(agent_id, {})
    executors[ExecutorId(info.executor_id)] = executor
    state.agents[agent_id].executors.setdefault(framework_id, {})[info.executor_id] = executor


@pytest.fixture(scope="module")
def site() -> MasterSite:
    return MasterSite(state=_rebuild(RECORDED))


# Comparing --------------------------------------------------------------------------------------------


def _normal(value: Any) -> Any:
    """Times come with more digits from v1; what has an id is put in its order."""
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, dict):
        return {key: _normal(each) for key, each in value.items()}
    if isinstance(value, list):
        normal = [_normal(each) for each in value]
        if normal and isinstance(normal[0], dict):
            normal.sort(key=_identity)
        return normal
    return value


def _identity(shown: dict[str, Any]) -> str:
    """What puts objects in order that come from hash tables: ids, or roles and names of resources."""
    names = ("framework_id", "id", "task_id", "allocation_info")
    found = [shown.get(name) for name in names]
    return json.dumps([*found, shown.get("name")] if any(found) else [])


def _ordered(value: Any) -> Any:
    """The same with objects as lists, so that the order of keys counts but in what is shown as a message."""
    if isinstance(value, dict):
        messages = ("health_check", "discovery", "container", "container_status", "labels", "command")
        return [[key, each if key in messages else _ordered(each)] for key, each in value.items()]
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    return value


@pytest.mark.parametrize("name", ["slaves", "frameworks", "completed_frameworks", "recovered_slaves"])
def test_state_shows_what_mesos_showed(site: MasterSite, name: str) -> None:
    ours, theirs = _normal(site.get("/state").json[name]), _normal(RECORDED["state"][name])
    for framework in ours:
        for executor in framework.get("executors", ()):
            executor["command"].pop("shell")  # its default came into the message by way of JSON
    assert ours == theirs


@pytest.mark.parametrize("name", ["slaves", "completed_frameworks"])
def test_state_keeps_the_order_of_keys(site: MasterSite, name: str) -> None:
    ours, theirs = _normal(site.get("/state").json[name]), _normal(RECORDED["state"][name])
    assert _ordered(ours) == _ordered(theirs)


def test_frameworks_keep_the_order_of_keys(site: MasterSite) -> None:
    for ours, theirs in zip(
        _normal(site.get("/frameworks").json["frameworks"]),
        _normal(RECORDED["state"]["frameworks"]),
        strict=True,
    ):
        assert list(ours) == list(theirs)
        assert _ordered(ours["tasks"]) == _ordered(theirs["tasks"])
        assert _ordered(ours["completed_tasks"]) == _ordered(theirs["completed_tasks"])


def test_the_head_of_state_has_the_keys_of_mesos(site: MasterSite) -> None:
    optional = {"git_sha", "git_branch", "flags"}
    ours = [key for key in site.get("/state").json if key not in optional]
    assert ours == [key for key in RECORDED["state"] if key not in optional]


def test_tasks_come_newest_first(site: MasterSite) -> None:
    ours = [each["id"] for each in site.get("/tasks").json["tasks"]]
    undated = 5  # made by an executor that sets no time: in no particular order
    assert ours[:-undated] == RECORDED["task_ids"][:-undated]
    assert sorted(ours) == sorted(RECORDED["task_ids"])


@pytest.mark.parametrize("name", ["get_tasks", "get_frameworks", "get_agents"])
def test_v1_shows_what_it_was_made_of(site: MasterSite, name: str) -> None:
    expected = _normal(RECORDED[name])
    for agent in expected.get("agents", ()):
        agent["agent_info"].pop("checkpoint")  # not in v1's schema: Mesos lets it through
    assert _normal(site.call(name.upper()).json[name]) == expected


# Agent ------------------------------------------------------------------------------------------------


def _agent_site() -> AgentSite:
    book = Book().register()
    raw = m.TaskInfo(name="t", task_id=m.TaskID(value="t1")).SerializePartialToString()
    book.run(command_task(allocation_role="*", raw=raw))
    book.start()
    site = AgentSite(book.agent.state)
    for framework in book.agent.state.frameworks.values():
        for executor in framework.executors.values():
            site.measured[executor.container_id] = {
                "timestamp": 1.0,
                "cpus_user_time_secs": 0.1,
                "cpus_system_time_secs": 0.1,
                "mem_rss_bytes": 1000,
            }
    return site


def test_agent_state_has_the_keys_of_mesos() -> None:
    ours, theirs = _agent_site().get("/state").json, SHAPES["state"]
    optional = {"git_sha", "git_branch"}
    assert list(ours) == [key for key in theirs if key not in optional]
    (ours,), (theirs,) = ours["frameworks"], theirs["frameworks"]
    of_one_role = {"principal", "role", "roles"}
    assert [key for key in theirs if key not in of_one_role] == [
        key for key in ours if key not in of_one_role
    ]
    (ours,), (theirs,) = ours["executors"], theirs["executors"]
    assert set(theirs) - {"labels"} <= set(ours)
    (ours,), (theirs,) = ours["tasks"], theirs["tasks"]
    optional = {"labels", "discovery", "health_check"}
    assert [key for key in theirs if key not in optional] == list(ours)


@pytest.mark.parametrize(
    ("page", "name"), [("/containers", "containers"), ("/monitor/statistics", "statistics")]
)
def test_agent_usage_has_the_keys_of_mesos(page: str, name: str) -> None:
    (ours,), theirs = _agent_site().get(page).json, SHAPES[name][0]
    assert list(ours) == list(theirs)
    assert list(ours["statistics"]) == list(theirs["statistics"])


def test_get_containers_has_the_keys_of_mesos() -> None:
    (ours,) = _agent_site().call("GET_CONTAINERS").json["get_containers"]["containers"]
    (theirs,) = SHAPES["get_containers"]
    assert set(ours) == set(theirs)
    assert set(ours["resource_statistics"]) == set(theirs["resource_statistics"])


# Metrics ----------------------------------------------------------------------------------------------


def test_metrics_have_the_names_of_mesos(site: MasterSite) -> None:
    sources = ("allocator/mesos/allocation_run", "registrar/")  # told by the context's further sources
    wanted = [name for name in SHAPES["metrics"]["master"] if not name.startswith(sources)]
    assert set(wanted) <= set(site.get("/metrics/snapshot").json)
    assert set(SHAPES["metrics"]["agent"]) <= set(_agent_site().get("/metrics/snapshot").json)
