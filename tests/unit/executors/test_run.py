"""The words in which an executor says how a process ended."""

from __future__ import annotations

import pytest

from meseta.executors.run import describe


@pytest.mark.parametrize(
    ("wait_status", "text"),
    [
        (0, "exited with status 0"),
        (5 << 8, "exited with status 5"),
        (15, "terminated with signal Terminated"),
        (9, "terminated with signal Killed"),
        (11 | 0x80, "terminated with signal Segmentation fault (core dumped)"),
        (None, "terminated with unknown status"),
    ],
)
def test_wait_statuses_read_as_in_mesos(wait_status: int | None, text: str) -> None:
    assert describe(wait_status) == text
