"""The command line as such: finding commands, usage errors, what is imported, exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from meseta.cli import faults
from meseta.cli.main import COMMANDS, run
from meseta.errors import ConfigError, MesetaError, UnreachableError


def test_help_shows_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if f" {name} " not in shown] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert f"meseta {name}" in capsys.readouterr().out


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["agent5"]) == faults.EXIT_USAGE
    assert "see 'meseta --help'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["agents", "--wrong"], ["run"], ["run", "-n", "0", "x"], ["task", "logs"]]
)
def test_usage_errors_are_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == faults.EXIT_USAGE
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"see 'meseta {arguments[0]}" in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version"]) == 0
    assert capsys.readouterr().out.startswith("meseta ")
    assert run(["version", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"version", "mesos_version"}


def test_version_imports_neither_asyncio_nor_protobuf() -> None:
    code = (
        "import sys; from meseta.cli.main import run; run(['version']); "
        "print([name for name in ('asyncio', 'google.protobuf', 'msgspec') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_daemons_get_their_arguments_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["master", "--help"]) == 0
    assert "--allocation_interval=<duration>" in capsys.readouterr().out
    assert run(["master", "--no_such_flag=1"]) == 64
    assert "--no_such_flag" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (UnreachableError("x"), 69),
        (ConfigError("x"), 2),
        (faults.RefusedError("x"), 77),
        (faults.AnswerError("x"), 76),
        (faults.NotFoundError("x"), 1),
        (MesetaError("x"), 1),
    ],
)
def test_exit_statuses(fault: MesetaError, status: int) -> None:
    assert faults.exit_status_of(fault) == status
