"""What an agent finds that nobody will use again, in directories laid out like its own."""

from __future__ import annotations

from pathlib import Path

from meseta.ids import AgentId
from meseta.runtime.leftovers import leftovers

AGENT = AgentId("m-S1")


def make(work: Path, *files: str) -> None:
    for file in files:
        path = work / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def run(work: Path, executor: str, *containers: str) -> None:
    for root in ("", "meta/"):
        for container in containers:
            make(work, f"{root}slaves/m-S1/frameworks/f/executors/{executor}/runs/{container}/x")
    runs = work / f"meta/slaves/m-S1/frameworks/f/executors/{executor}/runs"
    (runs / "latest").symlink_to(runs / containers[-1])
    make(work, f"meta/slaves/m-S1/frameworks/f/executors/{executor}/executor.info")


def test_a_fresh_work_directory_has_none(tmp_path: Path) -> None:
    assert leftovers(str(tmp_path), None) == []


def test_other_agents_are_left_over(tmp_path: Path) -> None:
    make(tmp_path, "slaves/m-S0/x", "meta/slaves/m-S0/slave.info", "meta/slaves/m-S1/slave.info")
    (tmp_path / "meta/slaves/latest").symlink_to(tmp_path / "meta/slaves/m-S1")
    assert leftovers(str(tmp_path), AGENT) == ["slaves/m-S0", "meta/slaves/m-S0"]
    assert leftovers(str(tmp_path), None) == ["slaves/m-S0", "meta/slaves/m-S0", "meta/slaves/m-S1"]


def test_all_but_the_last_runs_are_left_over(tmp_path: Path) -> None:
    make(tmp_path, "meta/slaves/m-S1/frameworks/f/framework.info")
    run(tmp_path, "once", "c1")
    run(tmp_path, "again", "c2", "c3")
    runs = "slaves/m-S1/frameworks/f/executors/again/runs/c2"
    assert leftovers(str(tmp_path), AGENT) == [runs, f"meta/{runs}"]


def test_what_was_not_checkpointed_is_left_over(tmp_path: Path) -> None:
    make(tmp_path, "meta/slaves/m-S1/frameworks/f/framework.info")
    make(tmp_path, "slaves/m-S1/frameworks/f/executors/e/runs/c1/stdout")
    make(tmp_path, "slaves/m-S1/frameworks/g/executors/e/runs/c2/stdout")
    assert leftovers(str(tmp_path), AGENT) == [
        "slaves/m-S1/frameworks/f/executors/e",
        "slaves/m-S1/frameworks/g",
    ]
