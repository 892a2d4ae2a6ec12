"""What it costs an agent to run a command task, against a bare `posix_spawn` of the same command.

    python -m benchmarks.agent_launch [tasks] [directory]

A real agent process and its supervisor; this process plays the master over real sockets. Latency is from
RunTask being sent to TASK_RUNNING having come back, which includes making a sandbox, checkpoints, and two
updates; the floor is a spawn and a wait in this process, in the same run. First one task at a time, then many
at once. The agent works in memory (/dev/shm), so that the figures are its own: an agent makes 17 files and
directories for a task that is checkpointed, and what that takes depends on the disk.

Goals: at most 5 times the floor, and nothing left behind after 1,000 tasks.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from meseta.runtime import loop
from meseta.runtime.links import Links
from meseta.runtime.linux.processes import Forest, read_forest
from meseta.runtime.server import HttpServer
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m

TASKS = 1000
MEMORY = "/dev/shm"
TOGETHER = 150
COMMAND = "/bin/true"
PREFIX = "mesos.internal."
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
DEADLINE_S = 120.0


class Times(NamedTuple):
    """When a task was asked for, ran, and had ended; seconds."""

    sent: float
    running: float
    finished: float


class Held(NamedTuple):
    """What the agent and its supervisor hold."""

    descriptors: int
    rss_kb: int
    processes: int


class Master:
    """Runs tasks on one agent and takes the times of their updates."""

    def __init__(self, *, checkpoint: bool) -> None:
        self.agent = ""
        self.admitted = asyncio.Event()
        self._framework = m.FrameworkInfo(
            user="root",
            name="bench",
            id=m.FrameworkID(value="bench-0000"),
            checkpoint=checkpoint,
            roles=["*"],
        )
        self._sent: dict[str, float] = {}
        self._running: dict[str, float] = {}
        self._ended: dict[str, asyncio.Future[Times]] = {}

    async def start(self) -> str:
        """Listen; return the address."""
        self._links = Links()
        self._server = HttpServer(lambda request, responder: None, on_message=self._on_message)
        host, port = await self._server.listen("127.0.0.1", 0)
        self._pid = f"master@{host}:{port}"
        return f"{host}:{port}"

    async def stop(self) -> None:
        """Close everything."""
        await self._server.close()
        await self._links.close()

    def run(self, name: str) -> asyncio.Future[Times]:
        """Have a task run; the future is its times, once its end is known."""
        task = m.TaskInfo(
            name=name,
            task_id=m.TaskID(value=name),
            agent_id=m.AgentID(value="bench-S0"),
            command=m.CommandInfo(shell=False, value=COMMAND),
        )
        for kind, amount in (("cpus", 0.01), ("mem", 1.0)):
            task.resources.add(name=kind, type=m.Value.SCALAR).scalar.value = amount
            task.resources[-1].allocation_info.role = "*"
        ended = self._ended[name] = asyncio.get_running_loop().create_future()
        self._sent[name] = time.perf_counter()
        self._send(i.RunTaskMessage(framework=self._framework, task=task, pid="@0.0.0.0:0"))
        return ended

    def _send(self, message: Any) -> None:
        name = PREFIX + type(message).__name__
        self._links.send(self.agent, self._pid, name, message.SerializeToString())

    def _on_message(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        if name == f"{PREFIX}RegisterSlaveMessage":
            self.agent = sender
            self._links.link(sender)
            self._send(i.SlaveRegisteredMessage(slave_id=m.AgentID(value="bench-S0")))
        elif name == f"{PREFIX}UpdateSlaveMessage":
            self.admitted.set()
        elif name == f"{PREFIX}StatusUpdateMessage":
            self._on_update(i.StatusUpdateMessage.FromString(body).update)
        return True

    def _on_update(self, update: i.StatusUpdate) -> None:
        now = time.perf_counter()
        name, state = update.status.task_id.value, update.status.state
        self._send(
            i.StatusUpdateAcknowledgementMessage(
                slave_id=update.slave_id,
                framework_id=update.framework_id,
                task_id=update.status.task_id,
                uuid=update.uuid,
            )
        )
        if state == m.TASK_RUNNING:
            self._running[name] = now
        elif state != m.TASK_STARTING:
            assert state == m.TASK_FINISHED, update
            self._ended.pop(name).set_result(Times(self._sent.pop(name), self._running.pop(name), now))


class AgentProcess:
    """The agent under test, with its supervisor."""

    def __init__(self, directory: Path, master: str) -> None:
        flags = {
            "ip": "127.0.0.1",
            "hostname": "127.0.0.1",
            "port": "0",
            "master": master,
            "work_dir": str(directory / "work"),
            "resources": "cpus:1000;mem:1000000;disk:1000",
            "isolation": "posix",
            "registration_backoff_factor": "10ms",
            "quiet": "true",
        }
        arguments = [f"--{name}={value}" for name, value in flags.items()]
        self._process = subprocess.Popen([sys.executable, "-m", "meseta.daemon.agent", *arguments])
        self._directory = directory

    def cpu_s(self) -> float:
        """CPU time of both, and of the supervisor's children that have ended."""
        return sum(sum(map(int, _stat(pid)[11:15])) * TICK_S for pid in self._pids())

    def held(self) -> Held:
        """What both hold, and how many processes there are below the supervisor."""
        pids, forest = self._pids(), read_forest()
        return Held(
            sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
            sum(int(_stat(pid)[21]) * PAGE_KB for pid in pids),
            len(_below(forest, pids)),
        )

    def end(self) -> None:
        """End both."""
        for pid in reversed(self._pids()):
            os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def _pids(self) -> list[int]:
        """The agent, and the supervisor, which the agent has started."""
        return [self._process.pid, *_below(read_forest(), [self._process.pid])]


def _below(forest: Forest, pids: list[int]) -> list[int]:
    return [stat.pid for stat in forest.stats.values() if stat.parent in pids and stat.pid not in pids]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def bare() -> tuple[float, float]:
    """Spawn and wait, with nothing around it: wall time and CPU seconds."""
    before, start = _own_cpu_s(), time.perf_counter()
    os.waitpid(os.posix_spawn(COMMAND, [COMMAND], {"PATH": "/usr/bin:/bin"}, setsid=True), 0)
    return time.perf_counter() - start, _own_cpu_s() - before


def _own_cpu_s() -> float:
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def ms(seconds: list[float], quantile: int) -> float:
    """A percentile, in milliseconds."""
    return statistics.quantiles(seconds, n=100)[quantile - 1] * 1e3


async def measure(count: int, place: str | None, *, checkpoint: bool) -> dict[str, float]:
    """Return the figures of one agent."""
    with tempfile.TemporaryDirectory(dir=place) as directory:
        master = Master(checkpoint=checkpoint)
        process = AgentProcess(Path(directory), await master.start())
        try:
            async with asyncio.timeout(DEADLINE_S):
                await master.admitted.wait()
                for number in range(50):
                    await master.run(f"warm-{number}")
                return await _figures(master, process, count)
        finally:
            process.end()
            await master.stop()


async def _figures(master: Master, process: AgentProcess, count: int) -> dict[str, float]:
    before, cpu_s = process.held(), process.cpu_s()
    one_by_one, floors = [], []
    for number in range(count):  # by turns, so that both meet the same machine
        floors.append(bare())
        one_by_one.append(await master.run(f"one-{number}"))
    cpu_s = process.cpu_s() - cpu_s
    after = process.held()
    walls, floor_cpu_s = [wall for wall, _ in floors], sum(cpu for _, cpu in floors)
    running = [times.running - times.sent for times in one_by_one]
    finished = [times.finished - times.sent for times in one_by_one]
    start = time.perf_counter()
    await asyncio.gather(*(master.run(f"all-{number}") for number in range(TOGETHER)))
    together_s = time.perf_counter() - start
    return {
        "floor_p50_ms": ms(walls, 50),
        "floor_cpu_ms": floor_cpu_s / count * 1e3,
        "running_p50_ms": ms(running, 50),
        "running_p99_ms": ms(running, 99),
        "finished_p50_ms": ms(finished, 50),
        "finished_p99_ms": ms(finished, 99),
        "cpu_ms": cpu_s / count * 1e3,
        "ratio_p50": ms(running, 50) / ms(walls, 50),
        "ratio_p99": ms(running, 99) / ms(walls, 99),
        "ratio_cpu": cpu_s / floor_cpu_s,
        "tasks_per_s": TOGETHER / together_s,
        "descriptors_more": after.descriptors - before.descriptors,
        "rss_kb_more": after.rss_kb - before.rss_kb,
        "processes_more": after.processes - before.processes,
    }


def show(title: str, count: int, f: dict[str, float]) -> None:
    """Print the figures for people."""
    rows = (
        ("floor: posix_spawn and wait, ms", f["floor_p50_ms"], None, f["floor_cpu_ms"]),
        ("RunTask to TASK_RUNNING, ms", f["running_p50_ms"], f["running_p99_ms"], None),
        ("RunTask to TASK_FINISHED, ms", f["finished_p50_ms"], f["finished_p99_ms"], f["cpu_ms"]),
        ("TASK_RUNNING / floor", f["ratio_p50"], f["ratio_p99"], f["ratio_cpu"]),
    )
    print(f"{title:34} {'p50':>9} {'p99':>9} {'CPU':>9}")
    for name, *values in rows:
        cells = (f"{'' if value is None else f'{value:.2f}':>9}" for value in values)
        print(f"  {name:32}", *cells)
    print(f"  {TOGETHER} at once: {f['tasks_per_s']:.0f} tasks/s")
    print(
        f"  after {count} tasks: {f['descriptors_more']:+.0f} descriptors, {f['rss_kb_more']:+.0f} kB, "
        f"{f['processes_more']:+.0f} processes"
    )


def main() -> None:
    """Run the benchmark from the command line."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS
    place = sys.argv[2] if len(sys.argv) > 2 else MEMORY if os.path.isdir(MEMORY) else None
    stored = loop.run(measure(count, place, checkpoint=True))
    show("with checkpoints", count, stored)
    plain = loop.run(measure(count, place, checkpoint=False))
    show("without checkpoints", count, plain)
    figures = {name: round(value, 3) for name, value in stored.items()}
    figures |= {f"plain_{name}": round(value, 3) for name, value in plain.items()}
    print(json.dumps({"name": "agent.launch", "tasks": count, **figures}))


if __name__ == "__main__":
    main()
