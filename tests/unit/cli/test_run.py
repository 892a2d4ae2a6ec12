"""`meseta run`: what it launches, and the status that it exits with."""

from __future__ import annotations

import pytest

from meseta.cli.main import run
from meseta.cli.run_session import exit_status, needed
from meseta.sdk import Task
from meseta.sdk.tasks import task_update
from meseta.wire.gen import mesos_pb2


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("Command exited with status 3", 3),
        ("Command exited with status 0", 1),
        ("Command terminated with signal Killed", 137),
        ("Command terminated with signal Terminated", 143),
        ("Command terminated with signal Segmentation fault (core dumped)", 139),
        ("Task uses more resources than it was offered", 1),
        ("", 1),
    ],
)
def test_the_exit_status_is_that_of_the_task(message: str, status: int) -> None:
    update = task_update(mesos_pb2.TaskStatus(task_id={"value": "t"}, state="TASK_FAILED", message=message))
    assert exit_status(update) == status


@pytest.mark.parametrize("pair", ["A", "=b", ""])
def test_environment_has_a_form(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "--env", pair, "--", "true"]) == 2
    assert "KEY=VALUE" in capsys.readouterr().err


def test_no_master_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "--master", "127.0.0.1:1", "--", "true"]) == 69
    assert "no master answers" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("cpus 4", "at character 6: expected a comparison"),
        ("cpus >= 4 and", "at character 14"),
        ("", "at character 1"),
    ],
)
def test_a_bad_filter_is_said_before_anybody_is_asked(
    expression: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["run", "--master", "127.0.0.1:1", "--where", expression, "--", "true"]) == 2
    said = capsys.readouterr().err
    assert f"--where '{expression}' cannot be used: {fault}" in said
    assert said.count("\n") == 1


def test_what_tasks_need_together() -> None:
    tasks = [Task(command="true", cpus=0.5, mem=64), Task(command="true", cpus=1, mem=64, gpus=1)]
    assert needed(tasks) == {"cpus": 1.5, "mem": 128, "gpus": 1}
    assert needed([]) == {}
