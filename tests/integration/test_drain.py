"""Hosts are drained, and taken down and up, on real processes that die in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meseta.cli.main import run
from tests.integration.daemons import DaemonProcess, wait_for
from tests.integration.test_registry import Cluster

STUBBORN = "echo $$ > pid; trap '' TERM; while :; do sleep 0.1; done"
"""A task that only SIGKILL ends."""
GRACE = "1secs"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.end()


def meseta(cluster: Cluster, *words: str) -> int:
    """Run a command in this process."""
    return run([*words, "--master", cluster.master.address])


def start_task(cluster: Cluster) -> subprocess.Popen[bytes]:
    """Run a stubborn task, by a framework in a process of its own, and wait until it runs."""
    command = ["run", "--master", cluster.master.address, "--cpus", "0.5", "--mem", "32"]
    process = subprocess.Popen(
        [sys.executable, "-m", "meseta.cli", *command, "--", "sh", "-c", STUBBORN],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: states(cluster) == ["TASK_RUNNING"], "the task to run")
    return process


def states(cluster: Cluster) -> list[str]:
    return [task["state"] for task in cluster.master.get("/tasks")["tasks"]]


def agent_of(cluster: Cluster) -> dict[str, Any]:
    """The only agent, as the master shows it; nothing while it is away."""
    found: list[dict[str, Any]] = cluster.master.get("/slaves")["slaves"]
    return found[0] if found else {}


def drain_state(cluster: Cluster) -> str | None:
    state: str | None = agent_of(cluster).get("drain_info", {}).get("state")
    return state


def pid_of_task(directory: Path) -> int:
    """The process of the task, which may run for a moment before it has told its pid."""

    def told() -> list[str]:
        found = directory.glob("a1/work/slaves/*/frameworks/*/executors/*/runs/*-*/pid")
        return [text for path in found if (text := path.read_text().strip())]

    wait_for(told, "the task to tell its pid")
    (pid,) = told()
    return int(pid)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_a_drain_survives_the_death_of_the_master_and_of_the_agent(cluster: Cluster) -> None:
    agent = cluster.start_agent("a1")
    wait_for(lambda: len(cluster.ids()) == 1, "the agent to register")
    (id,) = cluster.ids()
    framework = start_task(cluster)
    pid = pid_of_task(cluster.directory)
    assert meseta(cluster, "agents", "drain", id, "--grace", GRACE) == 0
    assert drain_state(cluster) == "DRAINING"
    assert agent.get("/state")["drain_config"] == {
        "max_grace_period": {"nanoseconds": 1_000_000_000},
        "mark_gone": False,
    }
    agent.kill()
    cluster.master.kill()
    cluster.master.start()
    agent.start()
    assert is_alive(pid)
    wait_for(lambda: drain_state(cluster) == "DRAINED", "the agent to be drained")
    assert not is_alive(pid)
    assert framework.wait(timeout=60) != 0
    assert not agent_of(cluster)["active"]
    wait_for(lambda: "drain_config" not in agent.get("/state"), "the agent to be empty")

    cluster.master.kill()
    cluster.master.start()
    wait_for(lambda: drain_state(cluster) == "DRAINED", "the agent to be back, and still drained")
    assert meseta(cluster, "agents", "reactivate", id) == 0
    assert agent_of(cluster)["active"]
    framework = start_task(cluster)
    framework.send_signal(signal.SIGTERM)
    framework.wait(timeout=60)


def ended(agent: DaemonProcess) -> bool:
    return agent.process.poll() is not None


def test_a_machine_goes_down_and_comes_up(cluster: Cluster) -> None:
    agent = cluster.start_agent("a1")
    wait_for(lambda: len(cluster.ids()) == 1, "the agent to register")
    before = cluster.ids()
    assert meseta(cluster, "maintenance", "plan", "localhost", "--start", "1hrs") == 0
    assert meseta(cluster, "maintenance", "down", "localhost") == 0
    wait_for(lambda: cluster.ids() == set(), "the agent to be written off")
    wait_for(lambda: ended(agent), "the agent to shut down")

    cluster.master.kill()
    cluster.master.start()
    assert cluster.master.get("/maintenance/status")["down_machines"][0]["hostname"] == "localhost"
    agent.start()
    wait_for(lambda: ended(agent), "the agent to be refused")
    assert "Machine is `DOWN`" in agent.log.read_text()
    assert meseta(cluster, "maintenance", "up", "localhost") == 0
    agent.start()
    wait_for(lambda: cluster.ids() == before, "the agent to be back under its id")


def test_a_gone_agent_may_join_only_as_a_new_one(cluster: Cluster) -> None:
    agent = cluster.start_agent("a1")
    wait_for(lambda: len(cluster.ids()) == 1, "the agent to register")
    (id,) = cluster.ids()
    assert meseta(cluster, "agents", "gone", id, "--yes") == 0
    wait_for(lambda: ended(agent), "the agent to shut down")
    cluster.master.kill()
    cluster.master.start()
    agent.start()
    wait_for(lambda: ended(agent), "the agent to be refused")
    assert cluster.ids() == set()
    (cluster.directory / "a1/work/meta/slaves/latest").unlink()
    agent.start()
    wait_for(lambda: len(cluster.ids()) == 1, "the machine to be back")
    assert cluster.ids() != {id}
