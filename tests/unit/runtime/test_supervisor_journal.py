from __future__ import annotations

import os
from pathlib import Path

import pytest

from meseta.runtime.linux.journal import LINES_SLACK, Journal, JournalError

BOOT = "boot-1"


def reopen(journal: Journal, directory: Path, boot_id: str = BOOT, now: float = 100.0) -> Journal:
    journal.close()
    return Journal(str(directory), boot_id, now)


def states(journal: Journal) -> dict[str, tuple[int, float | None, int | None]]:
    return {key: (entry.pid, entry.exited, entry.wait_status) for key, entry in journal.entries.items()}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(str(tmp_path), BOOT, 0.0)
    journal.spawned("runs", 10, 1000, 1.0)
    journal.spawned("ended", 11, 1001, 2.0)
    journal.exited("ended", 256, 3.0)
    journal.spawned("gone", 12, 1002, 4.0)
    journal.exited("gone", 0, 5.0)
    journal.forget("gone")
    return journal


def test_entries_are_there_after_a_restart(journal: Journal, tmp_path: Path) -> None:
    expected = {"runs": (10, None, None), "ended": (11, 3.0, 256)}
    assert states(journal) == expected
    journal = reopen(journal, tmp_path)
    assert states(journal) == expected
    assert journal.entries["runs"].start_ticks == 1000
    assert journal.entries["runs"].started == 1.0


def test_nothing_outlives_the_boot_but_what_is_known(journal: Journal, tmp_path: Path) -> None:
    journal = reopen(journal, tmp_path, "boot-2", now=50.0)
    assert states(journal) == {"runs": (10, 50.0, None), "ended": (11, 3.0, 256)}


def test_a_line_cut_off_at_the_end_is_ignored(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(path.read_bytes()[:-3])
    assert set(reopen(journal, tmp_path).entries) == {"runs", "ended", "gone"}


def test_only_one_supervisor_has_the_directory(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="another supervisor"):
        Journal(str(tmp_path), BOOT, 0.0)


def test_the_file_does_not_grow_for_ever(journal: Journal, tmp_path: Path) -> None:
    for number in range(LINES_SLACK):
        journal.spawned(str(number), number, 0, 0.0)
        journal.exited(str(number), 0, 0.0)
        journal.forget(str(number))
    assert (tmp_path / "journal").read_bytes().count(b"\n") < LINES_SLACK + 10
    assert set(reopen(journal, tmp_path).entries) == {"runs", "ended"}


def test_a_full_disk_loses_nothing_once_there_is_room(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda fd, data: 1)
        journal.spawned("during", 13, 0, 0.0)
    journal.spawned("after", 14, 0, 0.0)
    assert set(reopen(journal, tmp_path).entries) == {"runs", "ended", "during", "after"}
