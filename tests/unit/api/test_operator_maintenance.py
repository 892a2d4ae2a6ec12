"""Maintenance over both operator APIs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meseta.master import events
from tests.unit.api.api_kit import MasterSite
from tests.unit.master.master_kit import Playground
from tests.unit.master.test_maintenance import answer, asked

M1 = {"hostname": "a1", "ip": "10.0.1.1"}
WINDOW = {
    "machine_ids": [M1],
    "unavailability": {
        "start": {"nanoseconds": 2 * 10**18},
        "duration": {"nanoseconds": 3600 * 10**9},
    },
}
NOTHING: dict[str, Any] = {}


@pytest.fixture
def play() -> Playground:
    return Playground()


@pytest.fixture
def site(play: Playground) -> MasterSite:
    return MasterSite(play)


def post(site: MasterSite, path: str, body: object) -> tuple[int, str]:
    got = site.ask("POST", path, json.dumps(body).encode())
    return got.code, got.text


def test_calls(site: MasterSite) -> None:
    assert site.call("GET_MAINTENANCE_SCHEDULE").json["get_maintenance_schedule"] == {"schedule": NOTHING}
    plan = {"schedule": {"windows": [WINDOW]}}
    got = site.call("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule=plan)
    assert (got.code, got.text) == (200, "")
    shown = site.call("GET_MAINTENANCE_SCHEDULE").json["get_maintenance_schedule"]["schedule"]
    assert shown == {"windows": [WINDOW]}
    status = site.call("GET_MAINTENANCE_STATUS").json["get_maintenance_status"]["status"]
    assert status == {"draining_machines": [{"id": M1}]}
    assert site.call("START_MAINTENANCE", start_maintenance={"machines": [M1]}).code == 200
    status = site.call("GET_MAINTENANCE_STATUS").json["get_maintenance_status"]["status"]
    assert status == {"down_machines": [M1]}
    assert site.call("STOP_MAINTENANCE", stop_maintenance={"machines": [M1]}).code == 200
    assert site.call("STOP_MAINTENANCE", stop_maintenance={"machines": [M1]}).code == 400


def test_endpoints(site: MasterSite) -> None:
    assert site.get("/maintenance/schedule").json == NOTHING
    assert post(site, "/maintenance/schedule", {"windows": [WINDOW]}) == (200, "")
    assert site.get("/maintenance/schedule").json == {"windows": [WINDOW]}
    assert post(site, "/machine/down", [M1]) == (200, "")
    assert site.get("/maintenance/status").json == {"down_machines": [M1]}
    assert post(site, "/machine/up", [M1]) == (200, "")
    assert site.get("/maintenance/status").json == NOTHING


def test_answers_are_shown(site: MasterSite, play: Playground) -> None:
    framework_id, _ = play.running()
    post(site, "/maintenance/schedule", {"windows": [WINDOW]})
    answer(play, framework_id, *asked(play.run(6)), accepted=False)
    (machine,) = site.get("/maintenance/status").json["draining_machines"]
    (status,) = machine["statuses"]
    assert (status["status"], status["framework_id"]["value"]) == ("DECLINE", framework_id)
    assert status["timestamp"]["nanoseconds"] == round(play.state.wall(play.now) * 1e9)
    play.call(events.TeardownRequested, framework_id)
    assert site.get("/maintenance/status").json == {"draining_machines": [{"id": M1}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/maintenance/schedule", b"{"),
        ("/maintenance/schedule", b"[]"),
        ("/maintenance/schedule", b'{"windows":[{"machine_ids":[]}]}'),
        ("/machine/down", b"{}"),
        ("/machine/down", b"[1]"),
        ("/machine/up", b"\xff"),
    ],
)
def test_what_is_not_read(site: MasterSite, path: str, body: bytes) -> None:
    got = site.ask("POST", path, body)
    assert got.code == 400
    assert got.text
    assert site.ask("PUT", path, body).code == 405


def test_too_many_machines_are_refused(site: MasterSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meseta.wire.maintenance.MACHINES_MAX", 1)
    many = [M1, {"hostname": "a2"}]
    assert post(site, "/machine/down", many) == (400, "2 machines are named, 1 is the most")
    code, text = post(
        site, "/maintenance/schedule", {"windows": [WINDOW, WINDOW | {"machine_ids": many[1:]}]}
    )
    assert (code, text) == (400, "2 machines are named, 1 is the most")
    assert site.call("STOP_MAINTENANCE", stop_maintenance={"machines": many}).code == 400
