"""`meseta quota` and `meseta weights`, against a server with prepared answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meseta.cli.amounts import amounts_text, parse_amounts
from meseta.cli.main import run
from meseta.errors import ConfigError
from tests.unit.cli.scripted_http import Answer, ScriptedServer, scripted_server

WEB = {
    "role": "web",
    "guarantee": {"cpus": 2.0},
    "limit": {"cpus": 4.0, "gpus": 0.0},
    "consumed": {"cpus": 1.5, "mem": 64.0},
}
ROLES = Answer(body={"roles": [{"name": "web", "quota": WEB}, {"name": "db", "quota": {"role": "db"}}]})
SET = ["quota", "set", "web", "--guarantee", "cpus=2", "--limit", "cpus=4,gpus=0"]


def calls(server: ScriptedServer) -> list[Any]:
    """The operator calls that a server was sent."""
    pairs = zip(server.targets, server.bodies, strict=True)
    return [json.loads(body) for target, body in pairs if target == "/api/v1"]


def test_only_roles_with_quota_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_server({"/roles": ROLES}) as master:
        assert run(["quota", "list", "--master", master.address]) == 0
        assert run(["quota", "list", "--json", "--master", master.address]) == 0
    table, _, listed = capsys.readouterr().out.partition("[")
    assert [line.split() for line in table.splitlines()] == [
        ["ROLE", "GUARANTEE", "CONSUMED", "LIMIT"],
        ["web", "cpus", "2", "cpus", "1.5,", "gpus", "0", "cpus", "4,", "gpus", "0"],
    ]
    assert json.loads("[" + listed) == [WEB]


def test_a_quota_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_server({"/roles": ROLES, "/api/v1": Answer()}) as master:
        assert run([*SET, "--force", "--master", master.address]) == 0
    config = {
        "role": "web",
        "guarantees": {"cpus": {"value": 2.0}},
        "limits": {"cpus": {"value": 4.0}, "gpus": {"value": 0.0}},
    }
    assert calls(master) == [
        {"type": "UPDATE_QUOTA", "update_quota": {"force": True, "quota_configs": [config]}}
    ]
    assert "web" in capsys.readouterr().out


def test_the_words_of_a_refusal_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_server({"/api/v1": Answer(400, b"Invalid QuotaConfig: too much")}) as master:
        assert run([*SET, "--master", master.address]) == 1
    assert capsys.readouterr().err == "meseta: the master refuses: Invalid QuotaConfig: too much\n"


def test_changes_follow_the_leader() -> None:
    with scripted_server({"/roles": ROLES, "/master/api/v1": Answer()}) as leader:
        moved = Answer(307, headers={"Location": f"//{leader.address}/master/api/v1"})
        with scripted_server({"/api/v1": moved, "/roles": ROLES}) as standby:
            leader.answers["/api/v1"] = Answer()
            assert run([*SET, "--master", standby.address]) == 0
    assert len(calls(leader)) == 1


def test_a_quota_is_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_server({"/roles": ROLES, "/api/v1": Answer()}) as master:
        assert run(["quota", "remove", "web", "--master", master.address]) == 0
        assert run(["quota", "remove", "db", "--master", master.address]) == 1
    assert calls(master) == [
        {"type": "UPDATE_QUOTA", "update_quota": {"force": False, "quota_configs": [{"role": "web"}]}}
    ]
    assert capsys.readouterr().err == "meseta: role 'db' has no quota; see 'meseta quota list'\n"


def test_a_quota_of_nothing_is_no_quota(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["quota", "set", "web"]) == 2
    assert "meseta quota remove web" in capsys.readouterr().err


def test_weights_are_set_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    weights = Answer(body=[{"role": "eng/web", "weight": 2.5}])
    with scripted_server({"/weights": weights, "/api/v1": Answer()}) as master:
        assert run(["weights", "set", "eng/web=2.5", "db=1", "--master", master.address]) == 0
        assert run(["weights", "list", "--json", "--master", master.address]) == 0
    infos = [{"role": "eng/web", "weight": 2.5}, {"role": "db", "weight": 1.0}]
    assert calls(master) == [{"type": "UPDATE_WEIGHTS", "update_weights": {"weight_infos": infos}}]
    assert "eng/web  2.5" in " ".join(capsys.readouterr().out.split("\n"))


def test_amounts() -> None:
    assert parse_amounts(" cpus = 1.5,mem=64 ", "--limit") == {"cpus": 1.5, "mem": 64.0}
    assert parse_amounts("", "--limit") == {}
    assert amounts_text({"cpus": 0.0, "mem": 2048.0}) == "mem 2 GB"
    assert amounts_text({}) == "-"


@pytest.mark.parametrize("text", ["cpus", "cpus=", "=1", "cpus=x", "cpus=nan", "cpus:1"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--limit: '.*' is not usable: expected name=number"):
        parse_amounts(text, "--limit")
