"""The master's v0 endpoints."""

from __future__ import annotations

import json

import pytest

from meseta.records import TaskState
from meseta.wire.scheduler_events import master_info
from tests.unit.api.api_kit import MasterSite
from tests.unit.master.master_kit import Playground, task


def test_state_of_nothing_has_all_the_lists() -> None:
    shown = MasterSite().get("/state").json
    assert shown["cluster"] == "test"
    assert shown["activated_slaves"] == 0.0
    assert [shown[name] for name in ("slaves", "frameworks", "completed_frameworks", "orphan_tasks")] == [
        []
    ] * 4


def test_a_framework_on_http_has_no_pid() -> None:
    play = Playground()
    play.subscribe()
    (shown,) = MasterSite(play).get("/frameworks").json["frameworks"]
    assert "pid" not in shown
    assert shown["unregistered_time"] == 0.0
    assert "reregistered_time" not in shown


def test_tasks_change_with_their_state() -> None:
    play = Playground()
    framework_id = play.subscribe()
    agent_id = play.register()
    site = MasterSite(play)
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, task("t1", agent_id, raw=b""))
    (before,) = site.get("/tasks").json["tasks"]
    play.update(framework_id, agent_id, "t1", TaskState.TASK_RUNNING)
    (after,) = site.get("/tasks").json["tasks"]
    assert (before["state"], after["state"]) == ("TASK_STAGING", "TASK_RUNNING")
    assert [status["state"] for status in after["statuses"]] == ["TASK_RUNNING"]
    summary = site.get("/state-summary").json
    assert summary["slaves"][0]["TASK_RUNNING"] == 1
    assert summary["slaves"][0]["framework_ids"] == [framework_id]
    assert summary["frameworks"][0]["slave_ids"] == [agent_id]


def test_tasks_are_paged_and_selected() -> None:
    play = Playground()
    framework_id = play.subscribe()
    agent_id = play.register()
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, *(task(f"t{n}", agent_id, cpus=0.1, raw=b"") for n in range(4)))
    for n in range(4):
        play.update(framework_id, agent_id, f"t{n}", TaskState.TASK_RUNNING, timestamp=float(n + 1))
    site = MasterSite(play)

    def ids(query: str) -> list[str]:
        return [each["id"] for each in site.get(f"/tasks?{query}").json["tasks"]]

    assert ids("") == ["t3", "t2", "t1", "t0"]
    assert ids("limit=2&offset=1&order=asc") == ["t1", "t2"]
    assert ids("limit=-1&order=sideways") == ["t3", "t2", "t1", "t0"]
    assert ids("limit=x&offset=y") == ["t3", "t2", "t1", "t0"]
    assert ids("task_id=t2") == ["t2"]
    assert ids("framework_id=nobody") == []


def test_roles_sum_up_what_is_below_them() -> None:
    play = Playground(weights={"eng": 2.0, "ops": 3.0})
    play.subscribe(roles=("eng/web",))
    play.register(capabilities=frozenset({"MULTI_ROLE", "HIERARCHICAL_ROLE"}))
    play.run(1.0)
    site = MasterSite(play)
    shown = {each["name"]: each for each in site.get("/roles").json["roles"]}
    assert list(shown) == ["eng", "eng/web", "ops"]
    assert (
        shown["eng"]["offered"] == shown["eng/web"]["offered"] == {"cpus": 4.0, "disk": 1000.0, "mem": 4096.0}
    )
    assert (shown["eng"]["weight"], shown["eng/web"]["weight"]) == (2.0, 1.0)
    assert shown["eng"]["frameworks"] == []
    assert len(shown["eng/web"]["frameworks"]) == 1
    assert shown["ops"]["quota"] == {"role": "ops", "guarantee": {}, "limit": {}, "consumed": {}}
    roles = site.call("GET_ROLES").json["get_roles"]["roles"]
    assert [role["name"] for role in roles] == list(shown)
    assert site.get("/weights").json == [{"role": "eng", "weight": 2.0}, {"role": "ops", "weight": 3.0}]
    assert site.call("GET_WEIGHTS").json["get_weights"]["weight_infos"][0] == {"role": "eng", "weight": 2.0}


def test_one_agent_in_full() -> None:
    play = Playground()
    play.subscribe()
    agent_id = play.register()
    play.run(1.0)
    site = MasterSite(play)
    (shown,) = site.get(f"/slaves?slave_id={agent_id}").json["slaves"]
    assert shown["used_resources_full"] == []
    assert {each["allocation_info"]["role"] for each in shown["offered_resources_full"]} == {"web"}
    assert shown["unreserved_resources_full"][0]["role"] == "*"
    assert site.get("/slaves?slave_id=nobody").json == {"slaves": [], "recovered_slaves": []}


@pytest.mark.parametrize("page", ["/quota", "/maintenance/schedule", "/maintenance/status"])
def test_what_nobody_has_set_is_empty(page: str) -> None:
    assert MasterSite().get(page).json == {}


def test_jsonp_wraps_json() -> None:
    got = MasterSite().get("/version?jsonp=cb")
    assert got.headers["Content-Type"] == "text/javascript"
    assert got.text.startswith('cb({"build_date"')
    assert got.text.endswith("});")
    assert json.loads(got.text[3:-2])["version"] == "1.12.0"


def test_a_master_that_does_not_lead_redirects() -> None:
    other = master_info("other", "10.0.0.2", 5050, "other.example", "1.12.0")
    site = MasterSite(leader=lambda: other)
    moved = site.get("/state?jsonp=x")
    assert (moved.code, moved.headers["Location"]) == (307, "//other.example:5050/master/state?jsonp=x")
    assert site.get("/master/tasks").headers["Location"] == "//other.example:5050/master/tasks"
    assert site.get("/api/v1").code == 307, "the redirect comes before the method is looked at"
    assert site.get("/redirect").headers["Location"] == "//other.example:5050"
    assert site.get("/health").code == 200
    assert site.get("/version").code == 200
    lost = MasterSite(leader=lambda: None)
    assert (lost.get("/state").code, lost.get("/state").text) == (503, "No leader elected")


def test_teardown_by_form() -> None:
    play = Playground()
    framework_id = play.subscribe()
    site = MasterSite(play)
    assert site.ask("POST", "/teardown", b"frameworkId=nobody").text == "No framework found with specified ID"
    assert site.ask("POST", "/teardown", f"frameworkId={framework_id}".encode()).code == 200
    assert framework_id in play.state.completed_frameworks
    assert len(site.replies) == 0


def test_logging_is_toggled_for_a_while() -> None:
    site = MasterSite()
    assert site.get("/logging/toggle").text == "0\n"
    assert site.get("/logging/toggle?level=2&duration=10secs").code == 200
    assert site.get("/logging/toggle").text == "2\n"
    assert site.call("GET_LOGGING_LEVEL").json["get_logging_level"]["level"] == 2
    assert site.timers.all[-1].delay_s == 10.0
    site.timers.fire()
    assert site.get("/logging/toggle").text == "0\n"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("duration=1secs", "Expecting 'level=value' in query.\n"),
        ("level=x&duration=1secs", "Failed to convert 'x' to number.\n"),
        ("level=-1&duration=1secs", "Invalid level '-1'.\n"),
        ("level=1&duration=1parsecs", "Unknown duration unit 'parsecs'.\n"),
    ],
)
def test_logging_refuses(query: str, sentence: str) -> None:
    got = MasterSite().get(f"/logging/toggle?{query}")
    assert (got.code, got.text) == (400, sentence)


def test_the_root_is_there() -> None:
    assert MasterSite().get("/").code == 200
