"""Finding the leading master, and what its answers mean."""

from __future__ import annotations

import json

import pytest

from meseta.cli.main import run
from tests.unit.cli.scripted_http import Answer, scripted_server

SLAVES = {"/slaves": Answer(body={"slaves": []})}
NOBODY = "127.0.0.1:1"


def failure(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a command that says something to stderr; return its status and that one line."""
    status = run(arguments)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return status, said.err


def test_a_redirect_leads_to_the_leader(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_server(SLAVES) as leader:
        location = {"Location": f"//{leader.address}/master/slaves"}
        with scripted_server({"/slaves": Answer(307, headers=location)}) as standby:
            assert run(["agents", "--json", "--master", standby.address]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert leader.targets == ["/slaves"]


def test_masters_are_tried_in_turn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_server(SLAVES) as leader:
        monkeypatch.setenv("MESOS_MASTER", f"{NOBODY},{leader.address}")
        assert run(["agents", "--json"]) == 0
    assert capsys.readouterr().out.strip() == "[]"


def test_redirects_in_a_circle_end(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_server({}) as master:
        master.answers["/slaves"] = Answer(307, headers={"Location": f"//{master.address}/slaves"})
        status, said = failure(["agents", "--master", master.address], capsys)
    assert (status, "redirects without an end" in said) == (69, True)


def test_a_standby_that_knows_no_leader(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_server({"/slaves": Answer(307)}) as standby:
        status, said = failure(["agents", "--master", standby.address], capsys)
    assert (status, "knows no leading master" in said) == (69, True)


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    status, said = failure(["agents", "--master", NOBODY], capsys)
    assert status == 69
    assert "meseta local" in said
    assert "--master" in said


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (Answer(401, b"no"), 77, "it does not let you"),
        (Answer(500, b"broken"), 76, "broken"),
        (Answer(404), 76, "404"),
        (Answer(200, b"<html>"), 76, "really a master"),
    ],
)
def test_answers_that_are_none(
    answer: Answer, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with scripted_server({"/slaves": answer}) as master:
        ended, said = failure(["agents", "--master", master.address], capsys)
    assert (ended, words in said) == (status, True)


def test_no_address(capsys: pytest.CaptureFixture[str]) -> None:
    status, said = failure(["agents", "--master", "ftp://a/b"], capsys)
    assert status == 2
    assert "ftp" in said
