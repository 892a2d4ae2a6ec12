"""`meseta agents drain` and its like, and `meseta maintenance`, against a server with prepared answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from meseta.cli.main import run
from meseta.cli.maintenance import start_of
from meseta.errors import ConfigError
from tests.unit.cli.scripted_http import Answer, ScriptedServer, scripted_server
from tests.unit.cli.test_quota import calls

AGENT = {
    "id": "m-S1",
    "hostname": "web1.example",
    "port": 5051,
    "pid": "slave(1)@10.0.0.1:5051",
    "registered_time": 1.0,
    "resources": {"cpus": 4.0},
    "used_resources": {"cpus": 1.0},
    "active": False,
}
DRAINED = AGENT | {"id": "m-S2", "deactivated": True, "drain_info": {"state": "DRAINED", "config": {}}}
MACHINE = {"hostname": "web1.example", "ip": "10.0.0.1"}
OTHER = {"hostname": "db1", "ip": "10.0.0.9"}
WINDOW = {"machine_ids": [OTHER], "unavailability": {"start": {"nanoseconds": 10**18}}}
STATUS = {"draining_machines": [{"id": OTHER, "statuses": [{"status": "ACCEPT"}, {"status": "DECLINE"}]}]}
ANSWERS = {
    "/slaves": Answer(body={"slaves": [AGENT], "recovered_slaves": [{"id": "m-S9", "hostname": "db1"}]}),
    "/maintenance/schedule": Answer(body={"windows": [WINDOW]}),
    "/maintenance/status": Answer(body=STATUS),
    "/api/v1": Answer(),
}


@pytest.fixture
def master() -> Iterator[ScriptedServer]:
    with scripted_server(ANSWERS) as server:
        yield server


def meseta(server: ScriptedServer, *arguments: str) -> int:
    return run([*arguments, "--master", server.address])


def asked(server: ScriptedServer, type: str) -> Any:
    """What the only call asked for."""
    (call,) = calls(server)
    assert call["type"] == type
    return call[type.lower()]


@pytest.mark.parametrize("name", ["S1", "m-S1", "WEB1.example"])
def test_agents_are_found_by_what_tells_them_apart(master: ScriptedServer, name: str) -> None:
    assert meseta(master, "agents", "deactivate", name) == 0
    assert asked(master, "DEACTIVATE_AGENT") == {"agent_id": {"value": "m-S1"}}


def test_draining(master: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert meseta(master, "agents", "drain", "db1", "--grace", "1.5secs", "--gone") == 0
    wanted = {
        "agent_id": {"value": "m-S9"},
        "mark_gone": True,
        "max_grace_period": {"seconds": 1, "nanos": 500_000_000},
    }
    assert asked(master, "DRAIN_AGENT") == wanted
    assert capsys.readouterr().out.startswith("Agent m-S9 is draining")


def test_agents_that_are_not_there_are_known_by_their_id(master: ScriptedServer) -> None:
    assert meseta(master, "agents", "gone", "--yes", "other-S4") == 0
    assert asked(master, "MARK_AGENT_GONE") == {"agent_id": {"value": "other-S4"}}
    assert meseta(master, "agents", "reactivate", "nobody") == 1
    assert meseta(master, "agents", "drain", "S1", "--grace", "soon") == 2


def test_states_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    shown = AGENT | {"id": "m-S3", "deactivated": True}
    answer = Answer(body={"slaves": [DRAINED, shown, AGENT]})
    with scripted_server({"/slaves": answer}) as server:
        assert meseta(server, "agents") == 0
    states = [line.split()[2] for line in capsys.readouterr().out.splitlines()]
    assert states == ["STATE", "drained", "deactivated", "disconnected"]


def test_refusals_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    answers = ANSWERS | {"/api/v1": Answer(503, b"Agent 'm-S1' is being transitioned to removed")}
    with scripted_server(answers) as server:
        assert meseta(server, "agents", "gone", "S1", "--yes") == 1
    assert "is being transitioned to removed" in capsys.readouterr().err


def test_plans_keep_other_machines(master: ScriptedServer) -> None:
    assert (
        meseta(master, "maintenance", "plan", "web1.example", "--start", "2030-01-31T22:00", "--for", "4hrs")
        == 0
    )
    mine = {
        "machine_ids": [MACHINE],
        "unavailability": {
            "start": {"nanoseconds": 1896127200 * 10**9},
            "duration": {"nanoseconds": 4 * 3600 * 10**9},
        },
    }
    assert asked(master, "UPDATE_MAINTENANCE_SCHEDULE") == {"schedule": {"windows": [WINDOW, mine]}}


def test_plans_are_cancelled(master: ScriptedServer) -> None:
    assert meseta(master, "maintenance", "cancel", "db1") == 0
    assert asked(master, "UPDATE_MAINTENANCE_SCHEDULE") == {"schedule": {"windows": []}}


@pytest.mark.parametrize(("word", "type"), [("down", "START_MAINTENANCE"), ("up", "STOP_MAINTENANCE")])
def test_machines_go_down_and_up(master: ScriptedServer, word: str, type: str) -> None:
    assert meseta(master, "maintenance", word, "DB1", "x=10.0.0.7") == 0
    assert asked(master, type) == {"machines": [OTHER, {"hostname": "x", "ip": "10.0.0.7"}]}
    assert meseta(master, "maintenance", word, "nobody") == 1


def test_the_schedule_is_shown(master: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert meseta(master, "maintenance", "list") == 0
    assert meseta(master, "maintenance", "list", "--json") == 0
    line = capsys.readouterr().out.splitlines()[1].split()
    assert line == ["db1=10.0.0.9", "draining", "2001-09-09", "01:46", "-", "1", "1"]


def test_times() -> None:
    assert start_of("90secs", 1000.0) == 1090.0
    assert start_of("1970-01-01T01:00+01:00", 1000.0) == 0.0
    with pytest.raises(ConfigError, match="is no time"):
        start_of("tomorrow", 0.0)
