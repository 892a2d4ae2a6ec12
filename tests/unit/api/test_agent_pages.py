"""The agent's endpoints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meseta.agent import events as e
from meseta.agent.agent import Agent
from meseta.agent.effects import Reply
from meseta.api.agent_operator import RECOVERING
from meseta.wire.gen import mesos_pb2 as m
from tests.unit.agent.agent_kit import Book, command_task, config
from tests.unit.api.api_kit import AgentSite, FakeResponder


def _id(value: str, parent: str | None = None) -> dict[str, Any]:
    return {"value": value} | ({"parent": {"value": parent}} if parent else {})


@pytest.fixture
def book() -> Book:
    book = Book().register()
    raw = m.TaskInfo(name="t1", task_id=m.TaskID(value="t1")).SerializePartialToString()
    book.run(command_task(raw=raw))
    book.start()
    return book


@pytest.fixture
def site(book: Book) -> AgentSite:
    return AgentSite(book.agent.state)


def test_state_and_calls_tell_of_a_task(site: AgentSite) -> None:
    (framework,) = site.get("/state").json["frameworks"]
    (executor,) = framework["executors"]
    assert [task["id"] for task in executor["tasks"]] == ["t1"]
    assert executor["source"] == "t1"
    shown = site.call("GET_STATE").json["get_state"]
    assert [task["task_id"]["value"] for task in shown["get_tasks"]["launched_tasks"]] == ["t1"]
    assert shown["get_executors"]["executors"][0]["executor_info"]["executor_id"] == {"value": "t1"}
    assert len(shown["get_frameworks"]["frameworks"]) == 1
    assert site.call("GET_AGENT").json["get_agent"]["agent_info"]["hostname"] == "host1"


def test_containers_are_selected(site: AgentSite) -> None:
    (shown,) = site.get("/containers").json
    assert shown["status"]["container_id"]["value"] == shown["container_id"]
    assert site.get("/containers?container_id=nope").json == []
    assert len(site.get(f"/containers?framework_id={shown['framework_id']}").json) == 1
    assert site.get("/monitor/statistics").json == [], "nothing could be measured"


def test_an_agent_that_recovers_answers_503() -> None:
    fresh = Agent(config(), __import__("random").Random(1))
    site = AgentSite(fresh.state)
    assert site.get("/state").response is RECOVERING
    assert site.call("GET_STATE").code == 503
    assert site.get("/health").code == 200


def test_launch_is_answered_when_the_container_runs(site: AgentSite) -> None:
    wanted = {"container_id": _id("child", "parent"), "command": {"value": "true"}}
    waiting = site.call("LAUNCH_NESTED_CONTAINER", launch_nested_container=wanted)
    (event,) = site.fed
    assert isinstance(event, e.ContainerLaunchRequested)
    assert (event.container_id, event.command.value if event.command else "") == ("parent.child", "true")
    assert waiting.response is None
    site.operator.perform(Reply(request=event.request))
    assert waiting.code == 200
    assert len(site.operator.replies) == 0


def test_wait_tells_the_status(site: AgentSite) -> None:
    waiting = site.call("WAIT_CONTAINER", wait_container={"container_id": _id("c")})
    (event,) = site.fed
    site.operator.perform(Reply(request=event.request, wait_status=1280))
    assert waiting.json == {"type": "WAIT_CONTAINER", "wait_container": {"exit_status": 1280}}


def test_kill_and_remove_of_nobody(site: AgentSite) -> None:
    killed = site.call("KILL_CONTAINER", kill_container={"container_id": _id("nobody"), "signal": 15})
    (event,) = site.fed
    assert (event.container_id, event.signal) == ("nobody", 15)
    site.operator.perform(Reply(request=event.request, code=404, message="x"))
    assert killed.text == "Container 'nobody' cannot be found (or is already killed)"
    site.fed.clear()
    removed = site.call("REMOVE_NESTED_CONTAINER", remove_nested_container={"container_id": _id("c", "p")})
    site.operator.perform(Reply(request=site.fed[0].request, code=500, message="still runs"))
    assert (removed.code, removed.text) == (500, "still runs")


def test_a_peer_that_left_is_forgotten(site: AgentSite) -> None:
    waiting: FakeResponder = site.call("WAIT_CONTAINER", wait_container={"container_id": _id("c")})
    waiting.leave()
    site.operator.perform(Reply(request=site.fed[0].request))
    assert waiting.response is None


@pytest.mark.parametrize("type", ["ADD_RESOURCE_PROVIDER_CONFIG", "READ_LOG"])
def test_calls_that_are_not_there_say_so(site: AgentSite, type: str) -> None:
    fields: dict[str, Any] = {
        "ADD_RESOURCE_PROVIDER_CONFIG": {"info": {"type": "a.b", "name": "n"}},
        "READ_LOG": {"source": "AGENT"},
    }
    assert site.call(type, **{type.lower(): fields[type]}).code == 501


def test_attaching_needs_a_switchboard(site: AgentSite) -> None:
    headers = {
        "content-type": "application/json",
        "accept": "application/recordio",
        "message-accept": "application/json",
    }

    def attach(container_id: str) -> FakeResponder:
        call = {
            "type": "ATTACH_CONTAINER_OUTPUT",
            "attach_container_output": {"container_id": _id(container_id)},
        }
        return site.ask("POST", "/api/v1", json.dumps(call).encode(), headers)

    (shown,) = site.get("/containers").json
    assert attach(shown["container_id"]).text == "I/O switchboard server was disabled for this container"
    assert attach("nobody").code == 404
