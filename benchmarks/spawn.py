"""What it costs to start a process through the supervisor, against a bare `posix_spawn` in the same run.

    python -m benchmarks.spawn [count]

The targets: at most twice the CPU of the floor, and after 1,000 commands no more descriptors, processes or
memory than before.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from typing import NamedTuple

from meseta.runtime.linux.processes import read_stat
from meseta.runtime.linux.supervision import Exited, Rlimit, Spawn, SpawnFailed
from meseta.runtime.linux.supervisor_client import SupervisorClient, SupervisorEvent

ENV = {"PATH": "/usr/bin:/bin"}
PARALLEL = 64
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Milliseconds for one command: wall time, and CPU of all who take part."""

    wall_ms: float
    cpu_ms: float


class Bench:
    """A supervisor and its client; `run` starts commands and waits for their ends."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.client = SupervisorClient(f"{directory}/s", f"{directory}/journal", idle_exit_s=5)
        self.client.on_event(self.on_event)
        self.pid = 0
        self.fields: dict[str, object] = {}
        self._started = self._ended = self._wanted = 0
        self._done: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Bring up the supervisor."""
        self.pid = (await self.client.connect_or_start()).pid

    async def run(self, count: int, parallel: int) -> None:
        """Run `count` commands, `parallel` of them at a time."""
        self._started, self._ended, self._wanted = 0, 0, count
        self._done = asyncio.get_running_loop().create_future()
        for _ in range(min(parallel, count)):
            self._spawn()
        await self._done

    def on_event(self, event: SupervisorEvent) -> None:
        """Start the next command when one has ended."""
        assert not isinstance(event, SpawnFailed), event.reason
        if isinstance(event, Exited):
            assert event.wait_status == 0
            self.client.forget(event.key)
            self._ended += 1
            if self._started < self._wanted:
                self._spawn()
            elif self._ended == self._wanted and self._done is not None:
                self._done.set_result(None)

    def _spawn(self) -> None:
        self._started += 1
        request = Spawn(str(self._started), ("/bin/true",), ENV, self.directory)
        self.client.spawn(request._replace(**self.fields))

    def cpu_s(self) -> float:
        """Return the CPU time of client, supervisor and the commands that have ended."""
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) * TICK_S + time.process_time()


def floor(count: int) -> Cost:
    """Spawn and wait, one after the other, with nothing around it."""
    before, wall = os.times(), time.perf_counter()
    for _ in range(count):
        os.waitpid(os.posix_spawn("/bin/true", ["true"], ENV, setsid=True), 0)
    wall = time.perf_counter() - wall
    cpu = sum(os.times()[:4]) - sum(before[:4])
    return Cost(1e3 * wall / count, 1e3 * cpu / count)


async def supervised(bench: Bench, count: int, parallel: int) -> Cost:
    """Spawn and wait through the supervisor."""
    cpu, wall = bench.cpu_s(), time.perf_counter()
    await bench.run(count, parallel)
    wall = time.perf_counter() - wall
    return Cost(1e3 * wall / count, 1e3 * (bench.cpu_s() - cpu) / count)


def show(name: str, cost: Cost, base: Cost) -> None:
    """Print one line: the cost, and its ratio to the floor."""
    wall, cpu = cost.wall_ms / base.wall_ms, cost.cpu_ms / base.cpu_ms
    print(f"{name:34} {cost.wall_ms:6.3f} ms wall {wall:5.2f}x  {cost.cpu_ms:6.3f} ms CPU {cpu:5.2f}x")


async def measure(count: int) -> None:
    """Print the costs, and what 1,000 commands leave behind."""
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(directory)
        await bench.start()
        await bench.run(50, 1)
        base = floor(count)
        show("floor: posix_spawn + waitpid", base, base)
        fds, stat = len(os.listdir(f"/proc/{bench.pid}/fd")), read_stat(bench.pid)
        show("supervised, one at a time", await supervised(bench, count, 1), base)
        fds_after, stat_after = len(os.listdir(f"/proc/{bench.pid}/fd")), read_stat(bench.pid)
        show(f"supervised, {PARALLEL} at a time", await supervised(bench, count, PARALLEL), base)
        bench.fields = {"rlimits": (Rlimit("CORE", 0, 0),)}
        show("supervised, prepared by a fork", await supervised(bench, count, 1), base)
        assert stat is not None
        assert stat_after is not None
        kb = (stat_after.rss_pages - stat.rss_pages) * os.sysconf("SC_PAGE_SIZE") // 1024
        print(f"after {count} commands: {fds_after - fds:+d} descriptors, {kb:+d} kB resident")
        bench.client.shutdown(kill=True)
        await asyncio.sleep(0.1)


def main() -> None:
    """Run the benchmark from the command line."""
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))


if __name__ == "__main__":
    main()
