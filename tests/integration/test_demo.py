"""`meseta demo`: the shares settle, and nothing is left running."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.command_line import MESETA, interrupt, processes_of, until

LIMIT_S = 180


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A directory for temporary files whose path is short enough for sockets in it."""
    with tempfile.TemporaryDirectory(prefix="demo-") as path:
        yield Path(path)


def test_both_shares_settle_at_two_thirds(short_tmp: Path) -> None:
    done = subprocess.run(
        [*MESETA, "demo", "--json", f"--time-limit={LIMIT_S}"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S + 60,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(short_tmp)},
    )
    assert done.returncode == 0, done.stderr
    frameworks = json.loads(done.stdout)["frameworks"]
    assert {name: each["dominant_resource"] for name, each in frameworks.items()} == {
        "mem-heavy": "mem",
        "cpu-heavy": "cpus",
    }
    assert all(abs(each["dominant_share"] - 2 / 3) < 0.1 for each in frameworks.values())
    assert processes_of(str(short_tmp)) == []
    assert list(short_tmp.iterdir()) == []


def test_an_interrupt_ends_it_cleanly(short_tmp: Path) -> None:
    running = subprocess.Popen(
        [*MESETA, "demo"],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(short_tmp), "PYTHONUNBUFFERED": "1"},
    )
    until(lambda: processes_of(f"{short_tmp}/"), "its daemons")
    assert interrupt(running) == 130
    assert processes_of(str(short_tmp)) == []
    assert list(short_tmp.iterdir()) == []


def test_time_that_is_too_short_is_a_failure(short_tmp: Path) -> None:
    done = subprocess.run(
        [*MESETA, "demo", "--time-limit=1"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(short_tmp)},
    )
    assert done.returncode == 1
    assert "had not settled" in done.stdout
