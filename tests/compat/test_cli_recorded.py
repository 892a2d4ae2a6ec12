"""The commands that show things, against what a live Mesos answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meseta.cli.main import run
from tests.unit.cli.scripted_http import Answer, scripted_server

ANSWERS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "cli_v0_answers.json").read_text())


@pytest.fixture(autouse=True)
def master(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A master that gives the recorded answers, found through the environment."""
    with scripted_server({path: Answer(body=body) for path, body in ANSWERS.items()}) as server:
        monkeypatch.setenv("MESETA_MASTER", server.address)
        yield


def shown(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that a command prints."""
    assert run(arguments) == 0
    return capsys.readouterr().out.splitlines()


def test_agents(capsys: pytest.CaptureFixture[str]) -> None:
    header, first, second = shown(["agents"], capsys)
    assert header.split() == "ID ADDRESS STATE CPUS MEM DISK ATTRIBUTES SINCE".split()
    assert "0.6 / 6  96 MB / 6 GB" in first
    assert "rack=r1 slot=3.0 range=[1-10]" in first
    assert "127.0.0.1:17142  active  0.7 / 5" in second


def test_frameworks(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(["frameworks"], capsys)
    assert len(lines) == 1 + len(ANSWERS["/frameworks"]["frameworks"])
    everything = shown(["frameworks", "--all"], capsys)
    assert len(everything) == len(lines) + len(ANSWERS["/frameworks"]["completed_frameworks"])
    assert all(" ended " in line for line in everything[len(lines) :])


def test_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(["tasks"], capsys)
    assert len(lines) > 1
    assert all("TASK_RUNNING" in line for line in lines[1:])
    assert len(shown(["tasks", "--all"], capsys)) == 1 + len(ANSWERS["/tasks"]["tasks"])
    of_one = shown(["tasks", "--all", "--framework", "0003"], capsys)
    assert of_one[1:]
    assert all("-0003 " in line for line in of_one[1:])


def test_roles(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(["roles"], capsys)
    golden = next(line for line in lines if line.startswith("golden"))
    assert "cpus 0.8, disk 32 MB, mem 160 MB" in golden
    ads = next(line for line in lines if line.startswith("ads"))
    assert "cpus 1, mem 512 MB  cpus 4, mem 2 GB" in ads


def test_offers(capsys: pytest.CaptureFixture[str]) -> None:
    _, offer = shown(["offers"], capsys)
    assert "4.399  5.9 GB  19 GB  [31002-31999]" in offer


def test_state(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(["state"], capsys)
    assert lines[0].startswith("Master of golden: http://127.0.0.1:")
    assert "Agents: 2 active" in lines
    assert any(line.split() == "cpus 11 1.3 4.399 5.301".split() for line in lines)


@pytest.mark.parametrize(
    ("command", "path", "key"),
    [("agents", "/slaves", "slaves"), ("tasks", "/tasks", "tasks"), ("roles", "/roles", "roles")],
)
def test_json_is_what_the_master_said(
    command: str, path: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [command, "--json", *(["--all"] if command == "tasks" else [])]
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out) == ANSWERS[path][key]
