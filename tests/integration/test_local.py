"""`meseta local`: it comes up, says where, and leaves nothing running."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.integration.command_line import LIMIT_S, MESETA, interrupt, local_cluster, processes_of, until


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_not_even_tasks_that_ignore_signals(tmp_path: Path, signum: signal.Signals) -> None:
    mark = f"mark-{os.getpid()}-{signum.name}"
    with local_cluster(tmp_path / "c", agents=1) as cluster:
        assert len(cluster.agents) == 1
        running = cluster.start("run", f"trap '' TERM INT HUP; setsid sleep 300 & echo {mark}; sleep 301; :")
        assert running.stdout is not None
        assert running.stdout.readline().strip() == mark
        assert processes_of(mark)
        assert processes_of(str(tmp_path / "c"))
        running.kill()
        running.wait(LIMIT_S)
        assert interrupt(cluster.process, signum) == 0
        assert processes_of(mark) == []
        assert processes_of(str(tmp_path / "c")) == []
    assert (tmp_path / "c" / "agent-1").is_dir()


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*MESETA, "local", f"--port={port}", f"--work_dir={tmp_path}"],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    assert done.returncode == 1
    assert "master has ended with status 64" in done.stderr
    assert "ddress already in use" in done.stderr
    assert processes_of(str(tmp_path)) == []


def test_the_end_of_a_daemon_ends_the_cluster(tmp_path: Path) -> None:
    with local_cluster(tmp_path, agents=1) as cluster:
        (victim,) = processes_of(f"--work_dir={tmp_path}/master")
        os.kill(victim, signal.SIGKILL)
        until(lambda: cluster.process.poll() is not None, "meseta local to notice")
        assert cluster.process.returncode == 1
    assert processes_of(str(tmp_path)) == []
