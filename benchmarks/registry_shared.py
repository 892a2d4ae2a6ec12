"""Admission of 10,000 agents into a shared registry, against bare clients that write the same.

    python -m benchmarks.registry_shared [agents]

As `benchmarks.registry`, with a real ZooKeeper and a real etcd, each one server on loopback: the registrar
and its store admit agents in bursts, and beside it kazoo, or msgspec and `http.client`, write the same
records, already encoded, in as many transactions. CPU is that of this process; the median of the rounds'
ratios counts. A service that is not installed is left out. Then one admission after the other against one
write of the bare client.

Goal: CPU at most 1.5 times that of the bare client.
"""

from __future__ import annotations

import gc
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
from kazoo.client import KazooClient

from benchmarks.registry import Admissions, Commits, Pairs, admitted, agents, p99, ratios
from meseta.master.registry import AdmitAgent
from meseta.runtime import loop
from meseta.runtime.service_address import Address, parse_address
from meseta.runtime.stores.etcd import EtcdSpace
from meseta.runtime.stores.shared import SharedStore, Space
from meseta.runtime.stores.store import Store
from meseta.runtime.stores.zookeeper import ZooKeeperSpace
from tests.integration import etcd, zookeeper

AGENTS = 10_000
ROUNDS = 11
SINGLES = 300
TIMEOUT_S = 60.0


class RecordingStore(SharedStore):
    """A store that notes what it is given."""

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.commits: Commits = []

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        self.commits.append(changes)
        super().commit(changes)


class Bare(Protocol):
    """A client alone."""

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Write these records in one transaction."""
        ...

    def close(self) -> None:
        """Break the connection."""
        ...


class BareZooKeeper:
    """Kazoo."""

    def __init__(self, address: Address) -> None:
        self._place = address.path
        self._client = KazooClient(hosts=address.hosts)
        self._client.start()
        self._client.create(self._place, b"")

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        transaction = self._client.transaction()
        transaction.set_data(self._place, b"")
        for key, body in changes.items():
            transaction.create(f"{self._place}/{key.replace('/', '-')}", body)
        transaction.commit()

    def close(self) -> None:
        self._client.stop()
        self._client.close()


class BareEtcd:
    """What encodes the calls of etcd, and http.client."""

    def __init__(self, address: Address) -> None:
        self._place = f"{address.path}/".encode()
        self._connection = http.client.HTTPConnection(*address.servers[0])

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        puts = [
            {"request_put": {"key": self._place + key.encode(), "value": body}}
            for key, body in changes.items()
        ]
        self._connection.request("POST", "/v3/kv/txn", msgspec.json.encode({"success": puts}))
        answer = self._connection.getresponse()
        assert answer.read()
        assert answer.status == 200

    def close(self) -> None:
        self._connection.close()


def written(bare: Bare, commits: Commits) -> float:
    """Return CPU seconds of the bare client."""
    with closing(bare):
        start = time.process_time()
        for changes in commits:
            bare.write(changes)
        return time.process_time() - start


async def singles(store: Store, bare: Bare, mutations: list[AdmitAgent]) -> tuple[float, float]:
    """Return p99 of one admission, and of one write of the bare client, in seconds; taken in turns."""
    admissions = Admissions(store)
    await admissions.registrar.recover()
    admitted_s, written_s = [], []
    with closing(bare):
        for number, mutation in enumerate(mutations):
            start = time.perf_counter()
            await admissions.all([mutation])
            admitted_s.append(time.perf_counter() - start)
            start = time.perf_counter()
            bare.write({str(number): bytes(600)})
            written_s.append(time.perf_counter() - start)
    await admissions.registrar.close()
    return p99(admitted_s), p99(written_s)


class Service(NamedTuple):
    """A service that runs, and what writes to it; each of them to a place of its own."""

    name: str
    store: Callable[[], SharedStore]
    recording: Callable[[], RecordingStore]
    bare: Callable[[], Bare]


def services(directory: Path) -> Iterator[Service]:
    """Start each service that is installed, for as long as it is looked at."""
    if not zookeeper.is_missing:
        with zookeeper.zookeeper(directory) as servers:
            yield _service("zookeeper", servers.folder, ZooKeeperSpace, BareZooKeeper)
    if not etcd.is_missing:
        with etcd.etcd(directory) as ensemble:
            yield _service("etcd", ensemble.folder, EtcdSpace, BareEtcd)


def _service(
    name: str,
    folder: Callable[[], str],
    space: Callable[[Address, float], Space],
    bare: Callable[[Address], Bare],
) -> Service:
    def new_space() -> Space:
        return space(parse_address(folder()), TIMEOUT_S)

    return Service(
        name,
        lambda: SharedStore(new_space()),
        lambda: RecordingStore(new_space()),
        lambda: bare(parse_address(folder())),
    )


async def measure(service: Service, mutations: list[AdmitAgent]) -> dict[str, Any]:
    """Return the figures of one service."""
    recording = service.recording()
    await admitted(recording, mutations)

    async def ours() -> float:
        return await admitted(service.store(), mutations)

    async def theirs() -> float:
        return written(service.bare(), recording.commits)

    pairs = Pairs()
    await pairs.take(ROUNDS, ours, theirs)
    admission_s, write_s = await singles(service.store(), service.bare(), mutations[:SINGLES])
    return {
        "name": f"registry.{service.name}",
        "agents": len(mutations),
        "commits": len(recording.commits),
        **pairs.figures(),
        "p99_ms": admission_s * 1e3,
        "bare_p99_ms": write_s * 1e3,
    }


def main() -> None:
    """Measure and print."""
    mutations = agents(int(sys.argv[1]) if len(sys.argv) > 1 else AGENTS)
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as place:
        for service in services(Path(place)):
            show(loop.run(measure(service, mutations)))


def show(figures: dict[str, Any]) -> None:
    """Print what was measured, for people and for `python -m benchmarks`."""
    print(
        f"{figures['agents']} admissions into {figures['name'].partition('.')[2]} in {figures['commits']} "
        f"commits: {ratios(figures)}; one admission: p99 {figures['p99_ms']:.2f} ms, one bare write "
        f"{figures['bare_p99_ms']:.2f} ms"
    )
    print(json.dumps({key: round(v, 4) if isinstance(v, float) else v for key, v in figures.items()}))


if __name__ == "__main__":
    main()
