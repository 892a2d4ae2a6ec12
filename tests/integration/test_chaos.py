"""The short form of `make chaos`, and that it finds what it looks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from meseta.daemon.process import EXIT_BUG, EXIT_DEPOSED
from tests.chaos.__main__ import run
from tests.chaos.journal import Journal, Memory
from tests.chaos.programs import Program
from tests.chaos.tally import tally
from tests.integration.daemons import wait_for


def test_nothing_is_lost_when_processes_are_killed(tmp_path: Path) -> None:
    found = run(tmp_path, kind="none", agents=2, frameworks=2, duration_s=8.0, seed=1, strike_every_s=1.0)
    assert found.is_clean, list(found.lines())
    assert found.finished > 0


def write(directory: Path, *lines: tuple[str, ...]) -> None:
    journal = Journal(directory / "f1.journal")
    for line in lines:
        journal.write(line)


def framework(directory: Path, *command: str) -> Program:
    return Program("framework", "f1", list(command), directory / "f1.log")


LAUNCHED = (("framework", "F"), ("launch", "f1-1-1", "S0"))
FINISHED = ("update", "f1-1-1", "TASK_FINISHED", "aa", "")


def test_a_task_that_ends_well(tmp_path: Path) -> None:
    write(tmp_path, *LAUNCHED, FINISHED, FINISHED, ("done", ""))
    for name in ("starts", "ends"):
        (tmp_path / name).write_text("f1-1-1\n")
    found = tally(tmp_path, [framework(tmp_path)])
    assert found.is_clean
    assert (found.launched, found.finished, found.again, found.duplicates) == (1, 1, 0, 1)


def test_a_job_is_run_again_when_its_task_ends_badly(tmp_path: Path) -> None:
    write(tmp_path, *LAUNCHED, ("update", "f1-1-1", "TASK_FAILED", "aa", ""))
    memory = Memory("f1")
    memory.read(Journal(tmp_path / "f1.journal"))
    assert memory.next_tasks(2) == ["f1-1-2", "f1-2-1"]
    assert memory.alive == {}


@pytest.mark.parametrize(
    ("lines", "starts", "ends", "says"),
    [
        ([("done", "")], "", "", "f1-1-1: nobody knows how it ended"),
        ([FINISHED, ("done", "")], "f1-1-1", "", "f1-1-1: finished, and did not do its work"),
        ([FINISHED], "f1-1-1", "f1-1-1", "f1: did not come to an end"),
        ([FINISHED, ("done", "")], "f1-1-1 5\nf1-1-1 6", "f1-1-1", "f1-1-1: 2 times"),
        (
            [("void", "f1-1-1"), ("done", "")],
            "f1-1-1",
            "f1-1-1",
            "f1-1-1: it has run, and its framework takes it for never launched",
        ),
        (
            [("update", "f1-1-1", "TASK_GONE", "", ""), ("done", "")],
            "f1-1-1",
            "f1-1-1",
            "f1-1-1: has run to its end, and was said to be TASK_GONE",
        ),
        (
            [FINISHED, ("update", "f1-1-1", "TASK_LOST", "bb", ""), ("done", "")],
            "f1-1-1",
            "f1-1-1",
            "f1-1-1: TASK_FINISHED, then TASK_LOST",
        ),
    ],
)
def test_what_must_not_be_is_found(
    tmp_path: Path, lines: list[tuple[str, ...]], starts: str, ends: str, says: str
) -> None:
    write(tmp_path, *LAUNCHED, *lines)
    (tmp_path / "starts").write_text(starts)
    (tmp_path / "ends").write_text(ends)
    found = tally(tmp_path, [framework(tmp_path)])
    assert [*found.lost, *found.twice, *found.contradictions] == [says]
    assert not found.is_clean


@pytest.mark.parametrize(("status", "crashes"), [(0, []), (EXIT_DEPOSED, []), (EXIT_BUG, [EXIT_BUG])])
def test_a_process_that_dies_of_a_bug_is_found(tmp_path: Path, status: int, crashes: list[int]) -> None:
    write(tmp_path, ("done", ""))
    program = framework(tmp_path, "sh", "-c", f"exit {status}")
    program.start()
    wait_for(lambda: not program.runs, "it to end")
    program.look(now=0.0, restart_s=1.0)
    program.look(now=0.5, restart_s=1.0)
    assert program.crashes == crashes
    assert tally(tmp_path, [program]).is_clean is not bool(crashes)
