"""The command line."""

from __future__ import annotations

import pytest

from meseta.agent import agent
from meseta.agent import events as agent_events
from meseta.sim.failures import EXIT_CRASH
from meseta.sim.main import EXIT_USAGE, main


def test_one_seed_is_shown_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "5", "--agents", "2", "--frameworks", "1", "--minutes", "0.2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["when", "where", "what", "event", "details"]
    assert any("RegistrationRequested" in line for line in lines)
    assert lines[-1].startswith("seed 5 passed: ")
    assert "seed 5: 2 agents, 1 frameworks, 12 s" in lines


def test_many_seeds_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--seeds", "1-3", "--faults", "breaks,master", "--minutes", "0.3"]
    assert main(options) == 0
    out = capsys.readouterr().out
    assert "3 seeds" in out.splitlines()[-1]
    assert "0 failed" in out.splitlines()[-1]
    assert "corners reached:" in out
    assert main(["--seeds", "3", "--faults", "breaks,master", "--minutes", "0.3", "--jobs", "2"]) == 0
    assert capsys.readouterr().out == out


def test_a_failure_has_its_exit_status_and_tells_how_to_replay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(agent.HANDLERS, agent_events.PingReceived)
    assert main(["--seeds", "4-4", "--faults", "none"]) == EXIT_CRASH
    out = capsys.readouterr().out
    assert "seed 4 failed (crash)" in out
    assert "meseta simulate --seed 4" in out


def test_a_calm_cluster_shows_its_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--agents", "3", "--frameworks", "2", "--minutes", "2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("3 agents, 2 frameworks, 2 minutes\n")
    assert "average use: cpus " in out
    assert "framework-1" in out


@pytest.mark.parametrize(
    "options",
    [
        ["--seeds", "9-1"],
        ["--seeds", "many"],
        ["--agents", "0"],
        ["--minutes", "0"],
        ["--seed", "1", "--faults", "gremlins"],
        ["--seed", "x"],
    ],
)
def test_wrong_options_are_told(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options) == EXIT_USAGE
    assert options[-2] in capsys.readouterr().err
