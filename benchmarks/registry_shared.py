"""Admission of 10,000 agents into a shared registry, against bare clients that write the same.

    python -m benchmarks.registry_shared [agents]

As `benchmarks.registry`, with a real ZooKeeper and a real etcd, each one server on loopback: the registrar
and its store admit agents in bursts; then kazoo, or msgspec and `http.client`, write the same records in as
many transactions. CPU is that of this process. A service that is not installed is left out. Then one
admission after the other against one write of the bare client.

Goal: CPU at most 1.5 times that of the bare client.
"""

from __future__ import annotations

import gc
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from kazoo.client import KazooClient

from benchmarks.registry import Admissions, agents, p99
from meseta.master.registry import AdmitAgent
from meseta.runtime import etcd as e
from meseta.runtime import loop
from meseta.runtime import zookeeper as z
from meseta.runtime.stores.etcd import EtcdSpace
from meseta.runtime.stores.shared import SharedStore, Space
from meseta.runtime.stores.zookeeper import ZooKeeperSpace
from tests.integration import etcd, zookeeper

AGENTS = 10_000
ROUNDS = 3
SINGLES = 300
TIMEOUT_S = 60.0

Commits = list[Mapping[str, bytes | None]]


class RecordingStore(SharedStore):
    """A store that notes what it is given."""

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.commits: Commits = []

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        self.commits.append(changes)
        super().commit(changes)


async def ours(space: Space, mutations: list[AdmitAgent]) -> tuple[float, float, Commits]:
    """Return CPU seconds of the registrar, p99 of one admission after that, and what was committed."""
    store = RecordingStore(space)
    admissions = Admissions(store)
    await admissions.registrar.recover()
    start = time.process_time()
    await admissions.all(mutations)
    used, commits = time.process_time() - start, list(store.commits)
    singles = []
    for mutation in mutations[:SINGLES]:
        start = time.perf_counter()
        await admissions.one(mutation)
        singles.append(time.perf_counter() - start)
    await admissions.registrar.close()
    return used, p99(singles), commits


def bare_zookeeper(hosts: str, commits: Commits) -> tuple[float, float]:
    """Return CPU seconds of kazoo for the same, and p99 of one write."""
    client = KazooClient(hosts=hosts)
    client.start()
    client.create("/bare", b"")
    start = time.process_time()
    for changes in commits:
        transaction = client.transaction()
        transaction.set_data("/bare", b"")
        for key, body in changes.items():
            transaction.create(f"/bare/{key.replace('/', '-')}", body)
        transaction.commit()
    used = time.process_time() - start
    singles = [_timed(lambda: client.set("/bare", bytes(600))) for _ in range(SINGLES)]
    client.delete("/bare", recursive=True)
    client.stop()
    client.close()
    return used, p99(singles)


def bare_etcd(hosts: str, commits: Commits) -> tuple[float, float]:
    """Return CPU seconds of http.client for the same, and p99 of one write."""
    host, port = hosts.split(":")
    connection = http.client.HTTPConnection(host, int(port))

    def write(changes: Mapping[str, bytes | None]) -> None:
        puts = [
            {"request_put": {"key": b"/bare/" + key.encode(), "value": body}} for key, body in changes.items()
        ]
        connection.request("POST", "/v3/kv/txn", msgspec.json.encode({"success": puts}))
        assert connection.getresponse().read()

    start = time.process_time()
    for changes in commits:
        write(changes)
    used = time.process_time() - start
    singles = [_timed(lambda: write({"one": bytes(600)})) for _ in range(SINGLES)]
    connection.close()
    return used, p99(singles)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(
    name: str,
    folder: Callable[[], str],
    space: Callable[[str], Space],
    bare: Callable[[Commits], tuple[float, float]],
    mutations: list[AdmitAgent],
) -> dict[str, Any]:
    """Return the figures of one service: the least of several rounds, taken in turn."""
    mine, theirs = [], []
    commits: Commits = []
    for _ in range(ROUNDS):
        used, one_s, commits = loop.run(ours(space(folder()), mutations))
        mine.append((used, one_s))
        theirs.append(bare(commits))
    cpu_s, bare_s = min(used for used, _ in mine), min(used for used, _ in theirs)
    return {
        "name": f"registry.{name}",
        "agents": len(mutations),
        "commits": len(commits),
        "cpu_s": cpu_s,
        "bare_cpu_s": bare_s,
        "ratio": cpu_s / bare_s,
        "p99_ms": min(one for _, one in mine) * 1e3,
        "bare_p99_ms": min(one for _, one in theirs) * 1e3,
    }


def main() -> None:
    """Measure and print."""
    mutations = agents(int(sys.argv[1]) if len(sys.argv) > 1 else AGENTS)
    gc.collect()
    gc.freeze()
    results = []
    with tempfile.TemporaryDirectory() as place:
        if not zookeeper.is_missing:
            with zookeeper.zookeeper(Path(place)) as servers:
                results.append(
                    measure(
                        "zookeeper",
                        servers.folder,
                        lambda folder: ZooKeeperSpace(z.parse_address(folder), TIMEOUT_S),
                        lambda commits: bare_zookeeper(servers.hosts, commits),
                        mutations,
                    )
                )
        if not etcd.is_missing:
            with etcd.etcd(Path(place)) as ensemble:
                results.append(
                    measure(
                        "etcd",
                        ensemble.folder,
                        lambda folder: EtcdSpace(e.parse_address(folder), TIMEOUT_S),
                        lambda commits: bare_etcd(ensemble.hosts, commits),
                        mutations,
                    )
                )
    for figures in results:
        show(figures)


def show(figures: dict[str, Any]) -> None:
    """Print what was measured, for people and for `python -m benchmarks`."""
    print(
        f"{figures['agents']} admissions into {figures['name'].partition('.')[2]} in {figures['commits']} "
        f"commits: {figures['cpu_s']:.3f} s of CPU, its bare client {figures['bare_cpu_s']:.3f} s: "
        f"{figures['ratio']:.2f} times; one admission: p99 {figures['p99_ms']:.2f} ms, one bare write "
        f"{figures['bare_p99_ms']:.2f} ms"
    )
    print(json.dumps({key: round(v, 4) if isinstance(v, float) else v for key, v in figures.items()}))


if __name__ == "__main__":
    main()
