"""Admission of 10,000 agents into the registry, against bare SQLite that writes the same in the same commits.

    python -m benchmarks.registry [agents] [directory]

Agents come in bursts, as many a turn of the loop as a busy master takes in (`BURST`). First the registrar
writes them, and the benchmark notes what each commit held; then SQLite alone writes those commits: the same
rows and statements, from this thread, already encoded. CPU is that of the whole process, the writing thread
included; both are done many times in turn, on new files and after a collection of garbage, and the median
of the rounds' ratios counts. A disk of memory (/dev/shm) lets the figures be those of the programs.

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
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

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
ROUNDS = 40
SINGLES = 300
FRAME_BYTES = 4096 + 24
"""A page in SQLite's log."""
MEMORY = "/dev/shm"
ANY_TICKET = Ticket(0)
LAST_TICKET = Ticket(1)

Commits = list[Mapping[str, bytes | None]]
Measured = Callable[[], Awaitable[float]]
"""It does something and returns the CPU seconds that this took."""


class RecordingStore(SqliteStore):
    """A store that notes what it is given."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.commits: Commits = []

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        self.commits.append(changes)
        super().commit(changes)


class Pairs:
    """CPU seconds of two ways to do the same, each measured right beside the other."""

    def __init__(self) -> None:
        self._ours: list[float] = []
        self._bare: list[float] = []

    async def take(self, rounds: int, ours: Measured, bare: Measured) -> None:
        """Measure both once to warm up, and then so many times; who is first changes with each round."""
        await ours()
        await bare()
        for number in range(rounds):
            for measured, into in ((ours, self._ours), (bare, self._bare))[:: 1 if number % 2 else -1]:
                gc.collect()
                into.append(await measured())

    def figures(self) -> dict[str, float]:
        """Return the medians; of the ratios, each of one round, the least and the quartiles, too."""
        ratios = [mine / theirs for mine, theirs in zip(self._ours, self._bare, strict=True)]
        low, middle, high = quantiles(ratios, n=4)
        return {
            "cpu_s": median(self._ours),
            "bare_cpu_s": median(self._bare),
            "ratio": middle,
            "ratio_min": min(ratios),
            "ratio_low": low,
            "ratio_high": high,
        }


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
    """A registrar, and what is to be written when the last of its writes is done.

    Nothing else happens in between: what a task costs that waits for each burst is not the registrar's.
    """

    def __init__(self, store: Store) -> None:
        self.registrar = Registrar(store, self._on_persisted, self._fail)
        self._bursts: Iterator[list[AdmitAgent]] = iter(())
        self._done = asyncio.get_running_loop().create_future()

    async def all(self, mutations: list[AdmitAgent]) -> None:
        """Write burst after burst; return when everything is durable."""
        self._bursts = iter([mutations[start : start + BURST] for start in range(0, len(mutations), BURST)])
        self._done = asyncio.get_running_loop().create_future()
        self._go_on()
        await self._done

    def _go_on(self) -> None:
        burst = next(self._bursts, None)
        if burst is None:
            self._done.set_result(None)
            return
        write = self.registrar.write
        last = burst.pop()
        for mutation in burst:
            write(mutation, ANY_TICKET)
        write(last, LAST_TICKET)

    def _on_persisted(self, ticket: Ticket) -> None:
        if ticket == LAST_TICKET:
            self._go_on()

    @staticmethod
    def _fail(fault: BaseException) -> None:
        raise fault


async def admitted(store: Store, mutations: list[AdmitAgent]) -> float:
    """Return CPU seconds of the registrar."""
    admissions = Admissions(store)
    await admissions.registrar.recover()
    start = time.process_time()
    await admissions.all(mutations)
    used = time.process_time() - start
    await admissions.registrar.close()
    return used


def written(path: str, commits: Commits) -> float:
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


async def pairs(mutations: list[AdmitAgent]) -> tuple[dict[str, float], Commits]:
    """Return the figures of the registrar and of SQLite, and what either has committed."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as place:
        recording = RecordingStore(f"{place}/recorded.db")
        await admitted(recording, mutations)

    async def ours() -> float:
        with tempfile.TemporaryDirectory(dir=MEMORY) as place:
            return await admitted(SqliteStore(f"{place}/ours.db"), mutations)

    async def bare() -> float:
        with tempfile.TemporaryDirectory(dir=MEMORY) as place:
            return written(f"{place}/bare.db", recording.commits)

    measured = Pairs()
    await measured.take(ROUNDS, ours, bare)
    return measured.figures(), recording.commits


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
            await admissions.all([mutation])
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
    figures, commits = await pairs(mutations)
    with tempfile.TemporaryDirectory(dir=directory) as place:
        admission_s, sync_s = await singles(Path(place), mutations[:SINGLES])
    return {
        "agents": count,
        "commits": len(commits),
        **figures,
        "p99_ms": admission_s * 1e3,
        "fdatasync_p99_ms": sync_s * 1e3,
        "p99_ratio": admission_s / sync_s,
    }


def ratios(figures: Mapping[str, float]) -> str:
    """Say what `Pairs` found."""
    return (
        f"{figures['cpu_s']:.4f} s of CPU, the bare client {figures['bare_cpu_s']:.4f} s; in one round "
        f"{figures['ratio']:.2f} times (median; quartiles {figures['ratio_low']:.2f} and "
        f"{figures['ratio_high']:.2f}, least {figures['ratio_min']:.2f})"
    )


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else AGENTS
    figures = loop.run(measure(count, sys.argv[2] if len(sys.argv) > 2 else None))
    print(f"{count} admissions into SQLite in {figures['commits']} commits: {ratios(figures)}")
    print(
        f"one admission: p99 {figures['p99_ms']:.2f} ms, fdatasync {figures['fdatasync_p99_ms']:.2f} ms: "
        f"{figures['p99_ratio']:.2f} times"
    )
    rounded = {name: round(value, 4) for name, value in figures.items()}
    print(json.dumps({"name": "registry.admission", **rounded}))


if __name__ == "__main__":
    main()
