"""A master that is killed and started again knows its agents; one whose store fails answers nobody."""

from __future__ import annotations

import json
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from meseta.daemon.process import EXIT_CONFIG, EXIT_STORE
from tests.integration.daemons import DaemonProcess, end_supervisors, wait_for

RUN_MASTER = "import sys; from meseta.daemon.master import main; sys.exit(main(sys.argv[1:]))"
KEPT = "the registry {} holds {} agents, and {} unreachable ones"


class Cluster:
    """A master with a registry on the disk, and agents that come and go."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.work = directory / "master"
        self.daemons: list[DaemonProcess] = []
        # A master must come back at the same address; the port is free now.
        with closing(socket.create_server(("127.0.0.1", 0))) as server:
            port = server.getsockname()[1]
        self.master = DaemonProcess(
            "master",
            directory,
            f"--port={port}",
            f"--work_dir={self.work}",
            "--agent_reregister_timeout=6secs",
        )
        self.daemons.append(self.master)

    def start_agent(self, name: str) -> DaemonProcess:
        """Start an agent that the master does not know."""
        place = self.directory / name
        place.mkdir()
        agent = DaemonProcess(
            "agent",
            place,
            "--port=0",
            f"--master={self.master.address}",
            f"--work_dir={place}/work",
            f"--runtime_dir={place}/run",
            "--resources=cpus:1;mem:128;disk:128",
            "--isolation=posix",
            "--registration_backoff_factor=100ms",
        )
        self.daemons.append(agent)
        return agent

    def ids(self, key: str = "slaves") -> set[str]:
        """The ids of the agents that the master has, or awaits (`recovered_slaves`)."""
        return {agent["id"] for agent in self.master.get("/slaves")[key]}

    def knows_its_id(self, agent: str) -> bool:
        """Whether an agent has written its id down: one that is killed before that gets another."""
        return (self.directory / agent / "work/meta/slaves/latest").exists()

    def metric(self, name: str) -> float:
        """A metric of the master."""
        return float(self.master.get("/metrics/snapshot")[name])

    def said(self, agents: int, unreachable: int) -> bool:
        """Whether the master has said at its last start that its registry holds so many."""
        lines = [line for line in self.master.log.read_text().splitlines() if "the registry " in line]
        return lines[-1].endswith(KEPT.format(self.work / "registry.db", agents, unreachable))

    def end(self) -> None:
        """Leave nothing behind."""
        for daemon in self.daemons:
            if daemon.process.poll() is None:
                daemon.kill(signal.SIGKILL)
        end_supervisors(self.directory)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.end()


def test_a_killed_master_awaits_its_agents_and_misses_those_that_died(cluster: Cluster) -> None:
    lives, dies = cluster.start_agent("lives"), cluster.start_agent("dies")
    wait_for(lambda: len(cluster.ids()) == 2, "both agents to register")
    both = cluster.ids()
    for name in ("lives", "dies"):
        wait_for(lambda name=name: cluster.knows_its_id(name), "both agents to have written their ids down")
    dies.kill()
    cluster.master.kill()

    cluster.master.start()
    wait_for(lambda: len(cluster.ids()) == 1, "the agent that lives to come back")
    assert cluster.said(agents=2, unreachable=0)
    assert cluster.ids() < both
    assert cluster.metric("master/slave_registrations") == 0
    wait_for(lambda: cluster.metric("master/recovery_slave_removals") == 1, "the other one to be missed")
    assert cluster.ids("recovered_slaves") == set()

    cluster.master.kill()
    cluster.master.start()
    assert cluster.said(agents=1, unreachable=1)
    dies.start()
    wait_for(lambda: cluster.ids() == both, "both to be back under their ids")
    assert lives.process.poll() is None
    cluster.master.kill(signal.SIGTERM)
    cluster.master.start()
    assert cluster.said(agents=2, unreachable=0)


def test_an_agent_is_told_nothing_that_the_disk_did_not_take(cluster: Cluster) -> None:
    """The disk fills up: the master ends with a sentence, and the agent registers with the next one."""
    log = cluster.work / "registry.db-wal"
    size = log.stat().st_size
    assert cluster.master.log.stat().st_size < size
    resource.prlimit(cluster.master.process.pid, resource.RLIMIT_FSIZE, (size, size))
    agent = cluster.start_agent("a")
    assert cluster.master.process.wait(timeout=60) == EXIT_STORE
    said = cluster.master.log.read_text()
    assert re.search(r"meseta: the registry \S+/registry\.db cannot be written: .+; see to the disk", said)
    assert "Traceback" not in said
    assert not agent.get("/state")["id"]

    cluster.master.start()
    assert cluster.said(agents=0, unreachable=0)
    wait_for(lambda: len(cluster.ids()) == 1, "the agent to register")
    wait_for(lambda: {agent.get("/state")["id"]} == cluster.ids(), "the agent to be told")


def start_master(*arguments: str) -> tuple[int, str]:
    """Start a master that must refuse; return its status and what it says."""
    command = [sys.executable, "-c", RUN_MASTER, "--ip=127.0.0.1", "--port=0", "--hostname=localhost"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_a_second_master_cannot_use_the_same_directory(cluster: Cluster) -> None:
    status, said = start_master(f"--work_dir={cluster.work}")
    assert status == EXIT_STORE
    assert "another master uses the registry" in said
    assert "listens at" not in said


def test_a_registry_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "registry.db")) as database:
        database.execute("PRAGMA user_version = 9")
        database.execute("PRAGMA application_id = 0x4D455345")
    status, said = start_master(f"--work_dir={tmp_path}")
    assert status == EXIT_STORE
    assert "a newer Meseta has written the registry" in said


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ("sqlite", "--registry=sqlite needs --work_dir"),
        ("etcd", "--registry=etcd needs --zk=etcd://host:port/path"),
        ("zookeeper", "--registry=zookeeper needs --zk=zk://host:port/path"),
        ("oracle", "expected sqlite, in_memory, zookeeper, etcd or replicated_log"),
    ],
)
def test_a_registry_flag_that_cannot_be_used_is_refused(flag: str, sentence: str) -> None:
    status, said = start_master(f"--registry={flag}")
    assert status == EXIT_CONFIG
    assert sentence in said


def test_without_a_directory_a_master_says_that_it_forgets(tmp_path: Path) -> None:
    master = DaemonProcess("master", tmp_path, "--port=0")
    try:
        wait_for(lambda: "a restart forgets them" in master.log.read_text(), "the warning")
    finally:
        master.kill(signal.SIGTERM)


def test_the_flag_of_a_unit_file_for_mesos_means_the_disk(tmp_path: Path) -> None:
    master = DaemonProcess(
        "master", tmp_path, "--port=0", "--registry=replicated_log", f"--work_dir={tmp_path}/work"
    )
    try:
        assert "--registry=replicated_log is Mesos's" in master.log.read_text()
        assert (tmp_path / "work" / "registry.db").exists()
    finally:
        master.kill(signal.SIGTERM)


def operate(master: DaemonProcess, type: str, **call: Any) -> int:
    """Make an operator call that changes something; return the status."""
    body = json.dumps({"type": type, type.lower(): call}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{master.address}/api/v1", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return int(answer.status)


def test_quotas_and_weights_survive_a_killed_master(cluster: Cluster) -> None:
    bounds = {"guarantees": {"cpus": {"value": 1.5}}, "limits": {"cpus": {"value": 2}}}
    kept, gone = {"role": "web", **bounds}, {"role": "db", **bounds}
    assert operate(cluster.master, "UPDATE_QUOTA", quota_configs=[kept, gone], force=True) == 200
    assert operate(cluster.master, "UPDATE_WEIGHTS", weight_infos=[{"role": "web", "weight": 2.5}]) == 200
    assert operate(cluster.master, "REMOVE_QUOTA", role="db") == 200
    before = [cluster.master.get(page) for page in ("/quota", "/weights", "/roles")]
    cluster.master.kill()

    cluster.master.start()
    assert [cluster.master.get(page) for page in ("/quota", "/weights", "/roles")] == before
    (role,) = before[2]["roles"]
    assert (role["name"], role["weight"]) == ("web", 2.5)
    assert role["quota"] == {
        "role": "web",
        "guarantee": {"cpus": 1.5},
        "limit": {"cpus": 2.0},
        "consumed": {},
    }
    assert cluster.metric("allocator/mesos/quota/roles/web/resources/cpus/guarantee") == 1.5
