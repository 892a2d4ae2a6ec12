"""Admission of 10,000 agents into the registry, against bare SQLite that writes the same in the same commits.

    python -m benchmarks.registry [agents] [directory]

Agents come in bursts, as many a turn of the loop as a busy master takes in (`BURST`). First the registrar
writes them, and the benchmark notes what each commit held; then SQLite alone writes those commits: the same
rows and statements, from this thread, already encoded. CPU is that of the whole process, the writing thread
included; both are done several times in turn, and the least of each counts. A disk of memory (/dev/shm) lets
the figures be those of the programs.

Then, on a real disk, one admission after the other, against an append and an `fdatasync` of as many bytes as
an admission makes SQLite append.

Goals: CPU at most 1.5 times that of SQLite; p99 of one admission at most 1.5 times that of the sync.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from meseta.ids import AgentId
from meseta.master.events import Ticket
from meseta.master.registry import AdmitAgent
from meseta.records import AgentInfo
from meseta.runtime import loop
from meseta.runtime.stores.registrar import Registrar
from meseta.runtime.stores.sqlite import SqliteStore
from meseta.runtime.stores.store import Store
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_agent

AGENTS = 10_000
BURST = 100
ROUNDS = 7
SINGLES = 300
FRAME_BYTES = 4096 + 24
"""A page in SQLite's log."""
MEMORY = "/dev/shm"
ANY_TICKET = Ticket(0)

Commits = list[Mapping[str, bytes | None]]


class RecordingStore(SqliteStore):
    """A store that notes what it is given."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.commits: Commits = []

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        self.commits.append(changes)
        super().commit(changes)


def agents(count: int) -> list[AdmitAgent]:
    """Return the mutations that admit agents of a usual shape."""
    slave = i.SlaveInfo(port=5051, checkpoint=True)
    for name, amount in (("cpus", 16.0), ("mem", 65536.0), ("disk", 500_000.0)):
        slave.resources.add(name=name, type=m.Value.SCALAR).scalar.value = amount
    ports = slave.resources.add(name="ports", type=m.Value.RANGES)
    ports.ranges.range.add(begin=31000, end=32000)
    slave.attributes.add(name="rack", type=m.Value.TEXT).text.value = "r17"
    return [AdmitAgent(_named(slave, number)) for number in range(count)]


def _named(slave: i.SlaveInfo, number: int) -> AgentInfo:
    slave.hostname = f"host{number:05}.example.com"
    slave.id.value = f"7e0c5a9e-3d4f-4a53-9a6b-0c1d2e3f4a5b-S{number}"
    info = lift_agent(slave)
    assert info.id == AgentId(slave.id.value)
    return info


class Admissions:
    """A registrar, and how many of its writes are done."""

    def __init__(self, store: Store) -> None:
        self.registrar = Registrar(store, self._count, self._fail)
        self._done = 0
        self._wanted = 0
        self._reached = asyncio.Event()

    async def all(self, mutations: list[AdmitAgent]) -> None:
        """Write burst after burst; return when everything is durable."""
        write = self.registrar.write
        for start in range(0, len(mutations), BURST):
            for mutation in mutations[start : start + BURST]:
                write(mutation, ANY_TICKET)
            await self._until(min(start + BURST, len(mutations)))

    async def one(self, mutation: AdmitAgent) -> None:
        """Write one; return when it is durable."""
        self.registrar.write(mutation, ANY_TICKET)
        await self._until(self._done + 1)

    async def _until(self, count: int) -> None:
        self._wanted = count
        self._reached.clear()
        if self._done < count:
            await self._reached.wait()

    def _count(self, ticket: Ticket) -> None:
        self._done += 1
        if self._done == self._wanted:
            self._reached.set()

    @staticmethod
    def _fail(fault: BaseException) -> None:
        raise fault


async def ours(path: str, mutations: list[AdmitAgent]) -> tuple[float, Commits]:
    """Return CPU seconds of the registrar, and what it has committed."""
    store = RecordingStore(path)
    admissions = Admissions(store)
    await admissions.registrar.recover()
    start = time.process_time()
    await admissions.all(mutations)
    used = time.process_time() - start
    await admissions.registrar.close()
    return used, store.commits


def bare(path: str, commits: Commits) -> float:
    """Return CPU seconds of SQLite for the same."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE records (key TEXT NOT NULL UNIQUE, record BLOB NOT NULL)")
        start = time.process_time()
        for changes in commits:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                "INSERT INTO records (key, record) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET record = excluded.record",
                changes.items(),
            )
            database.execute("COMMIT")
        return time.process_time() - start


async def singles(directory: Path, mutations: list[AdmitAgent]) -> tuple[float, float]:
    """Return p99 of one admission, and of a sync of as many bytes, in seconds; taken in turns."""
    admissions = Admissions(SqliteStore(str(directory / "singles.db")))
    await admissions.registrar.recover()
    log = directory / "singles.db-wal"
    admitted, synced = [], []
    with (directory / "floor").open("wb", buffering=0) as file:
        for mutation in mutations:
            before = log.stat().st_size
            start = time.perf_counter()
            await admissions.one(mutation)
            admitted.append(time.perf_counter() - start)
            frames = bytes(max(FRAME_BYTES, log.stat().st_size - before))
            start = time.perf_counter()
            file.write(frames)
            os.fdatasync(file.fileno())
            synced.append(time.perf_counter() - start)
    await admissions.registrar.close()
    return p99(admitted), p99(synced)


def p99(values: list[float]) -> float:
    """Return the 99th percentile."""
    return sorted(values)[int(len(values) * 0.99)]


async def measure(count: int, directory: str | None) -> dict[str, float]:
    """Return the figures."""
    mutations = agents(count)
    gc.collect()
    gc.freeze()  # as the daemon does when it has started
    registrar_s, sqlite_s, commits = [], [], Commits()
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=MEMORY) as place:
            used, commits = await ours(f"{place}/ours.db", mutations)
            registrar_s.append(used)
            sqlite_s.append(bare(f"{place}/bare.db", commits))
    with tempfile.TemporaryDirectory(dir=directory) as place:
        admission_s, sync_s = await singles(Path(place), mutations[:SINGLES])
    return {
        "agents": count,
        "commits": len(commits),
        "cpu_s": min(registrar_s),
        "sqlite_cpu_s": min(sqlite_s),
        "ratio": min(registrar_s) / min(sqlite_s),
        "p99_ms": admission_s * 1e3,
        "fdatasync_p99_ms": sync_s * 1e3,
        "p99_ratio": admission_s / sync_s,
    }


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else AGENTS
    figures = loop.run(measure(count, sys.argv[2] if len(sys.argv) > 2 else None))
    print(
        f"{count} admissions in {figures['commits']} commits: {figures['cpu_s']:.3f} s of CPU, bare SQLite "
        f"{figures['sqlite_cpu_s']:.3f} s: {figures['ratio']:.2f} times"
    )
    print(
        f"one admission: p99 {figures['p99_ms']:.2f} ms, fdatasync {figures['fdatasync_p99_ms']:.2f} ms: "
        f"{figures['p99_ratio']:.2f} times"
    )
    rounded = {name: round(value, 4) for name, value in figures.items()}
    print(json.dumps({"name": "registry.admission", **rounded}))


if __name__ == "__main__":
    main()
