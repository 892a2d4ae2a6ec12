"""Running `meseta` as a user does, and looking for what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

LIMIT_S = 120.0
POLL_S = 0.05
MESETA = (sys.executable, "-m", "meseta.cli")


class LocalCluster(NamedTuple):
    """A cluster that `meseta local` runs."""

    process: subprocess.Popen[str]
    master: str
    agents: list[str]
    work_dir: Path

    def meseta(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this cluster, to its end."""
        return subprocess.run(
            [*MESETA, *arguments], capture_output=True, text=True, timeout=LIMIT_S, env=self.environment
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command on this cluster."""
        return subprocess.Popen(
            [*MESETA, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def tasks(self) -> list[dict[str, Any]]:
        """All tasks, ended ones too."""
        tasks: list[dict[str, Any]] = json.loads(self.meseta("tasks", "--all", "--json").stdout)
        return tasks

    @property
    def environment(self) -> dict[str, str]:
        """With the master's address, as a user would export it."""
        return {**os.environ, "MESETA_MASTER": self.master}


@contextmanager
def local_cluster(work_dir: Path, agents: int = 2) -> Iterator[LocalCluster]:
    """Run `meseta local` for the time of the block."""
    process = subprocess.Popen(
        [*MESETA, "local", "--port=0", f"--agents={agents}", f"--work_dir={work_dir}", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        told = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        yield LocalCluster(process, told["master"], told["agents"], work_dir)
    finally:
        interrupt(process)


def interrupt(process: subprocess.Popen[str], signum: int = signal.SIGINT) -> int:
    """Send Ctrl-C and return the exit status."""
    if process.poll() is None:
        process.send_signal(signum)
    return process.wait(LIMIT_S)


def processes_of(mark: str) -> list[int]:
    """The other processes that have a text in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if mark in line:
                found.append(int(entry.name))
    return found


def until(is_so: Callable[[], object], what: str) -> None:
    """Wait for something."""
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline, f"waited {LIMIT_S:g} s for {what}"
        time.sleep(POLL_S)
