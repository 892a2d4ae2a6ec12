"""A master that is killed and started again: CPU and memory until all agents with their tasks are back.

    python -m benchmarks.failover [AGENTS] [TASKS_PER_AGENT] [MANY] [--whole]

1. AGENTS agents (10,000) with 10 tasks each, which have 10 labels and are of 5 frameworks, are admitted, the
   master is killed with -9 and started again on its registry; all agents come back at once. CPU of the new
   master until the last has its answer; its start, in which it reads the registry, is reported apart.
2. The same with MANY agents (50,000) with 2 tasks each: how many connections were refused or broken, and how
   large the master became.

With `--whole` each task has two statuses, which tell of its container, its process and its address, as those
of a Mesos agent do.

Ten agents share a port and a connection, so that MANY need no more descriptors than there are: the master
parses, lifts and answers each one's messages all the same.

Goals: 2.0 s of CPU for 10,000 agents with 100,000 tasks; none refused. How long frameworks and agents take to
find the next of several masters is measured in `benchmarks.leader_failover`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import subprocess
import sys
import tempfile
import time
from uuid import uuid4

from benchmarks.emulation import Agents
from benchmarks.processes import cpu_s, rss_bytes, start_master
from meseta.runtime import loop
from meseta.wire.gen import mesos_pb2 as m

PER_PORT = 10
FRAMEWORKS = 5
LABELS = 10
TIMEOUT_S = 200.0
PATIENCE_S = 3.0
CPUS = 4


class Returning(Agents):
    """Agents on one port that come back with tasks."""

    def __init__(self, master: str, first: int, tasks: int, *, whole: bool) -> None:
        super().__init__(PER_PORT, master, hold=True, first=first, cpus=CPUS)
        self._tasks = tasks
        self._whole = whole
        self._reports: dict[int, bytes] = {}
        self.returned: set[str] = set()
        self.broken = 0

    async def start(self) -> None:
        """Register, and write down what will be said on the return."""
        await super().start()
        self._links.on_exited(self._on_exited)
        for n in range(self._first, self._first + self._count):
            self._reports[n] = self._report(n)
            self._links.link(self._master)

    def come_back(self) -> None:
        """Say it, all agents at once that have no answer yet."""
        for n, report in self._reports.items():
            if f"slave({n})" not in self.returned:
                self._send(n, "ReregisterSlaveMessage", report)

    def _on_exited(self, address: str) -> None:
        self.broken += 1

    def _on_message(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        if name == "mesos.internal.SlaveReregisteredMessage":
            self.returned.add(receiver)
        return super()._on_message(receiver, sender, name, body)

    def _report(self, n: int) -> bytes:
        message = self._reregistration(n)
        for number in range(min(FRAMEWORKS, self._tasks)):
            message.frameworks.append(framework_info(number))
        for number in range(self._tasks):
            task = running_task(f"t{n}-{number}", number % FRAMEWORKS, message.slave.id.value)
            if self._whole:
                tell_all(task)
            message.tasks.append(task)
        return message.SerializeToString()


def framework_info(number: int) -> m.FrameworkInfo:
    """Return what agents say of a framework."""
    info = m.FrameworkInfo(user="nobody", name=f"load-{number}", checkpoint=True, roles=["*"])
    info.id.value = f"load-{number:04}"
    info.failover_timeout = 3600.0
    for kind in ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE"):
        info.capabilities.add(type=m.FrameworkInfo.Capability.Type.Value(kind))
    return info


def running_task(task_id: str, framework: int, agent_id: str) -> m.Task:
    """Return a task with its last status, as an agent reports it."""
    task = m.Task(name=task_id, state=m.TASK_RUNNING, status_update_state=m.TASK_RUNNING)
    task.task_id.value, task.agent_id.value = task_id, agent_id
    task.framework_id.value = f"load-{framework:04}"
    task.status_update_uuid = random.randbytes(16)
    for name, amount in (("cpus", 0.1), ("mem", 32.0)):
        resource = task.resources.add(name=name, type=m.Value.SCALAR)
        resource.scalar.value = amount
        resource.allocation_info.role = "*"
    status = task.statuses.add(state=m.TASK_RUNNING, timestamp=1.0, uuid=task.status_update_uuid)
    status.task_id.value, status.agent_id.value = task_id, agent_id
    status.source = m.TaskStatus.SOURCE_EXECUTOR
    for number in range(LABELS):
        task.labels.labels.add(key=f"key{number}", value=f"value{number}")
    return task


def tell_all(task: m.Task) -> None:
    """Let a task have the statuses that the agent of a command task has of it."""
    task.statuses[0].executor_id.value = task.task_id.value
    where = task.statuses[0].container_status
    where.container_id.value, where.executor_pid = str(uuid4()), random.randrange(1000, 4_194_304)
    address = ".".join(str(random.randrange(1, 255)) for _ in range(4))
    where.network_infos.add().ip_addresses.add(ip_address=address)
    running = task.statuses.add()
    running.CopyFrom(task.statuses[0])
    task.statuses[0].state, task.statuses[0].uuid = m.TASK_STARTING, random.randbytes(16)


class Cluster:
    """A master with a registry, and its agents."""

    def __init__(self, directory: str, *, whole: bool) -> None:
        self._whole = whole
        self._flags = (f"--work_dir={directory}", "--agent_ping_timeout=10mins")
        self.process, self.master = start_master(0, *self._flags)
        self.port = int(self.master.rpartition(":")[2])
        self.agents: list[Returning] = []

    async def admit(self, agents: int, tasks: int) -> None:
        """Let agents in."""
        for first in range(1, agents + 1, PER_PORT):
            self.agents.append(Returning(self.master, first, tasks, whole=self._whole))
        for start in range(0, len(self.agents), 100):
            await asyncio.gather(*(a.start() for a in self.agents[start : start + 100]))

    def kill(self) -> None:
        """End the master."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> subprocess.Popen[bytes]:
        """Start the next one at the same address; returns when it listens."""
        self.process, self.master = start_master(self.port, *self._flags)
        return self.process

    @property
    def returned(self) -> int:
        """How many agents have their answer."""
        return sum(len(agents.returned) for agents in self.agents)

    async def until_returned(self, count: int) -> None:
        """Wait for all, who say it again when nothing has moved for a while, as agents do."""
        before, moved = -1, time.perf_counter()
        async with asyncio.timeout(TIMEOUT_S):
            while self.returned < count:
                await asyncio.sleep(0.02)
                if self.returned != before:
                    before, moved = self.returned, time.perf_counter()
                elif time.perf_counter() - moved > PATIENCE_S:
                    moved = time.perf_counter()
                    for agents in self.agents:
                        agents.come_back()

    async def stop(self) -> None:
        """End everything."""
        self.process.kill()
        self.process.wait()
        for agents in self.agents:
            await agents.stop()


async def crowd(agents: int, tasks: int, *, whole: bool = False) -> dict[str, float]:
    """Kill the master of many agents; measure the next one."""
    with tempfile.TemporaryDirectory(prefix="failover") as directory:
        cluster = Cluster(directory, whole=whole)
        try:
            await cluster.admit(agents, tasks)
            cluster.kill()
            await asyncio.sleep(0.5)
            broken = sum(a.broken for a in cluster.agents)
            process = cluster.restart()
            start_cpu_s, began = cpu_s(process.pid), time.perf_counter()
            for some in cluster.agents:
                some.come_back()
                await asyncio.sleep(0)
            await cluster.until_returned(agents)
            wall_s, used_s = time.perf_counter() - began, cpu_s(process.pid) - start_cpu_s
            await asyncio.sleep(0.5)
            return {
                "start_cpu_s": start_cpu_s,
                "cpu_s": used_s,
                "wall_s": wall_s,
                "refused": sum(a.broken for a in cluster.agents) - broken,
                "rss_bytes": rss_bytes(process.pid),
            }
        finally:
            await cluster.stop()


def main() -> None:
    """Run both and print the figures."""
    logging.disable(logging.CRITICAL)
    given = [a for a in sys.argv[1:] if a != "--whole"]
    agents, tasks, many = (int(a) for a in (given + ["10000", "10", "50000"][len(given) :]))
    figures: dict[str, float] = {}
    some = loop.run(crowd(agents, tasks, whole="--whole" in sys.argv))
    figures |= some
    print(
        f"{agents:,} agents with {agents * tasks:,} tasks are back after {some['cpu_s']:.2f} s of CPU"
        f" ({some['wall_s']:.1f} s beside the generator); starting took {some['start_cpu_s']:.2f} s of CPU"
    )
    print(f"  {some['rss_bytes'] / 2**20:.0f} MiB, {some['refused']:.0f} connections refused or broken")
    if many:
        more = loop.run(crowd(many, 2))
        figures |= {f"many_{name}": value for name, value in more.items()}
        figures["many_bytes_per_agent"] = more["rss_bytes"] / many
        figures["many_accepted"] = 1.0 - more["refused"] / (many // PER_PORT)
        print(
            f"{many:,} agents with {many * 2:,} tasks: {more['cpu_s']:.2f} s of CPU, "
            f"{more['refused']:.0f} connections refused or broken, {more['rss_bytes'] / 2**20:.0f} MiB"
            f" ({figures['many_bytes_per_agent']:,.0f} bytes per agent)"
        )
    print(json.dumps({"name": "master.failover", "agents": agents, "many": many, **figures}))


if __name__ == "__main__":
    main()
