"""kill -9 of the leader of three masters with ZooKeeper: how long until everybody is back, and what is lost.

    python -m benchmarks.leader_failover [AGENTS …]

By default with 200, 1,000 and 4,000 emulated agents, always with 200 frameworks (the SDK's), which run one
task on every agent. Agents and frameworks find the leader in ZooKeeper as they do in life, and an agent
waits as a real one does before it speaks (`meseta.agent.registration`: up to a second, then up to twice as
long each time). Ten agents share a port and a connection.

The time that ZooKeeper takes to declare the leader's session dead (set to 2 s here, Mesos's default is
10 s) is reported apart: `elected_s` lasts from the kill until the next leader is known, `back_s` from then
until it has all agents and frameworks. Goals: 8 s, and no task lost.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import Popen

from benchmarks.emulation import CPUS_PER_AGENT, Agents
from benchmarks.processes import start_master
from meseta.runtime import loop
from meseta.runtime.detectors.find import find_detector
from meseta.sdk import Offer, Scheduler, Task, TaskState, TaskUpdate
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from tests.integration.zookeeper import is_missing, zookeeper

COUNTS = (200, 1_000, 4_000)
MASTERS = 3
FRAMEWORKS = 200
PER_PORT = 10
TIMEOUT_S = 240.0
BACKOFF_S = 1.0
BACKOFF_MAX_S = 60.0
MASTER_FLAGS = ("--quorum=2", "--zk_session_timeout=2secs", "--agent_ping_timeout=10mins")
LOST = {
    TaskState.TASK_LOST,
    TaskState.TASK_UNREACHABLE,
    TaskState.TASK_DROPPED,
    TaskState.TASK_GONE,
    TaskState.TASK_FAILED,
    TaskState.TASK_ERROR,
}


class Electors(Agents):
    """Agents on one port that keep what they run, and bring it to every new leader."""

    def __init__(self, master: str, first: int, count: int) -> None:
        super().__init__(count, master, hold=True, first=first)
        self._entropy = random.Random(first)  # Frameworks take updates with equal uuids for repetitions.
        self._tasks: dict[str, i.RunTaskMessage] = {}
        self._reports: dict[int, bytes] = {}
        self.returned: set[str] = set()

    def prepare(self) -> None:
        """Write down what will be said to the next leader, so that it costs the generator nothing then."""
        for n in range(self._first, self._first + self._count):
            self._reports[n] = self._report(n)

    def on_leader(self, master: str) -> None:
        """Link to another master, and speak to it, each agent in its time."""
        self._master = master
        self.returned.clear()
        self._links.link(master)
        for n in range(self._first, self._first + self._count):
            asyncio.get_running_loop().call_later(
                random.random() * BACKOFF_S, self._speak, n, master, 2 * BACKOFF_S
            )

    def _speak(self, n: int, master: str, range_s: float) -> None:
        if master != self._master or f"slave({n})" in self.returned:
            return
        self._send(n, "ReregisterSlaveMessage", self._reports[n])
        asyncio.get_running_loop().call_later(
            random.random() * range_s, self._speak, n, master, min(2 * range_s, BACKOFF_MAX_S)
        )

    def _on_message(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        if name == "mesos.internal.RunTaskMessage":
            self._tasks[receiver] = i.RunTaskMessage.FromString(body)
        elif name == "mesos.internal.SlaveReregisteredMessage" and sender == self._master:
            self.returned.add(receiver)
        return super()._on_message(receiver, sender, name, body)

    def _report(self, n: int) -> bytes:
        message = self._reregistration(n)
        ran = self._tasks.get(f"slave({n})")
        if ran is not None:
            message.frameworks.append(ran.framework)
            message.tasks.append(running_task(ran, message.slave.id.value))
        return message.SerializeToString()


def running_task(ran: i.RunTaskMessage, agent_id: str) -> m.Task:
    """Return a task that was started as its agent reports it."""
    task = m.Task(name=ran.task.name, task_id=ran.task.task_id, state=m.TASK_RUNNING)
    task.agent_id.value = agent_id
    task.framework_id.value = ran.framework.id.value
    task.resources.extend(ran.task.resources)
    task.statuses.add(state=m.TASK_RUNNING, task_id=ran.task.task_id, source=m.TaskStatus.SOURCE_EXECUTOR)
    task.status_update_state = m.TASK_RUNNING
    return task


class Frameworks:
    """Frameworks of the SDK that together run one task on every agent."""

    def __init__(self, address: str, count: int) -> None:
        self._schedulers = [
            Scheduler(address, name=f"load-{n}", failover_timeout_s=3600, hold_offers_s=None)
            for n in range(count)
        ]
        self.subscribed: set[str] = set()
        self.running: set[str] = set()
        self.lost: set[str] = set()

    async def start(self) -> None:
        """Subscribe all of them."""
        for scheduler in self._schedulers:
            scheduler.on_subscribed(lambda id: self.subscribed.add(id))
            scheduler.on_offer(launch)
            scheduler.on_update(self._on_update)
            await scheduler.start()
        await until(lambda: len(self.subscribed) == len(self._schedulers), "frameworks to subscribe")

    async def stop(self) -> None:
        """End all of them."""
        await asyncio.gather(*(s.stop(failover=True) for s in self._schedulers), return_exceptions=True)

    def _on_update(self, update: TaskUpdate) -> None:
        if update.state is TaskState.TASK_RUNNING:
            self.running.add(update.task_id)
        elif update.state in LOST:
            self.lost.add(update.task_id)


async def launch(offer: Offer) -> None:
    """Run one task that takes the processors of the agent."""
    if offer.cpus >= CPUS_PER_AGENT:
        await offer.launch(Task(command="sleep 1000", cpus=CPUS_PER_AGENT, mem=32))


class Cluster:
    """Masters, agents and frameworks, which find each other in one folder of ZooKeeper."""

    def __init__(self, folder: str, directory: Path) -> None:
        self._folder = folder
        self.leader = ""
        self.known_at = 0.0
        self._detector = find_detector(folder, random.Random(3), self._on_detected, warn=logging.warning)
        self._masters: dict[str, Popen[bytes]] = {}
        for number in range(MASTERS):
            flags = (f"--zk={folder}", f"--work_dir={directory}/m{number}", *MASTER_FLAGS)
            process, pid = start_master(0, *flags)
            self._masters[pid] = process
        self.agents: list[Electors] = []
        self.frameworks = Frameworks(folder, FRAMEWORKS)

    async def start(self, agents: int) -> None:
        """Return when a task runs on every agent."""
        self._detector.start()
        await until(lambda: self.leader != "", "a leader")
        await asyncio.to_thread(wait_for_service, self.leader)
        for first in range(1, agents + 1, PER_PORT):
            self.agents.append(Electors(self.leader, first, min(PER_PORT, agents + 1 - first)))
        for start in range(0, len(self.agents), 50):
            await asyncio.gather(*(some.start() for some in self.agents[start : start + 50]))
        await self.frameworks.start()
        await until(lambda: len(self.frameworks.running) == agents, "a task on every agent")
        for some in self.agents:
            some.prepare()
        await asyncio.sleep(1.0)

    def _on_detected(self, info: m.MasterInfo | None) -> None:
        pid = info.pid if info is not None else ""
        if pid and pid != self.leader:
            self.leader, self.known_at = pid, time.perf_counter()
            for some in self.agents:
                some.on_leader(pid)

    async def fail_over(self, agents: int) -> dict[str, float]:
        """Kill the leader; measure until the next one has everybody."""
        old, killed_at = self.leader, time.perf_counter()
        self.frameworks.subscribed.clear()
        self._masters[old].kill()
        await until(lambda: self.leader != old, "another leader")
        await until(lambda: sum(len(a.returned) for a in self.agents) == agents, "agents to be back")
        agents_s = time.perf_counter() - self.known_at
        await until(lambda: len(self.frameworks.subscribed) == FRAMEWORKS, "frameworks to be back")
        back_s = time.perf_counter() - self.known_at
        known = await asyncio.to_thread(metrics, self.leader)
        missing = agents - round(known["master/tasks_running"])
        return {
            "elected_s": self.known_at - killed_at,
            "agents_s": agents_s,
            "back_s": back_s,
            "tasks_lost": max(missing, len(self.frameworks.lost)),
            "tasks_kept": 1.0 - max(missing, len(self.frameworks.lost)) / agents,
        }

    async def stop(self) -> None:
        """End everything."""
        self._detector.stop()
        await self.frameworks.stop()
        for process in self._masters.values():
            process.kill()
            process.wait()
        for some in self.agents:
            await some.stop()


@asynccontextmanager
async def cluster(folder: str, directory: Path) -> AsyncIterator[Cluster]:
    """A cluster that surely ends."""
    made = Cluster(folder, directory)
    try:
        yield made
    finally:
        await made.stop()


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited for {what} for {TIMEOUT_S:.0f} s in vain")
        await asyncio.sleep(0.01)


def metrics(pid: str) -> dict[str, float]:
    """Return the metrics of a master."""
    with urllib.request.urlopen(f"http://{pid.partition('@')[2]}/metrics/snapshot", timeout=30) as answer:
        found: dict[str, float] = json.load(answer)
        return found


def wait_for_service(pid: str) -> None:
    """Wait until a leader has read the registry."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if metrics(pid).get("master/elected") == 1:
            return
        time.sleep(0.05)
    raise TimeoutError(f"{pid} does not lead")


async def measure(agents: int) -> dict[str, float]:
    """Start a cluster, and kill its leader."""
    with tempfile.TemporaryDirectory(prefix="failover") as place, zookeeper(Path(place), 1) as ensemble:
        async with cluster(ensemble.folder(), Path(place)) as started:
            await started.start(agents)
            return await started.fail_over(agents)


def main() -> None:
    """Print the figures, and one line of JSON."""
    logging.disable(logging.CRITICAL)
    if is_missing:
        print("not measured: ZooKeeper is not installed")
        return
    figures: dict[str, float] = {}
    for agents in [int(argument) for argument in sys.argv[1:]] or COUNTS:
        done = loop.run(measure(agents))
        print(
            f"{agents:,} agents and {FRAMEWORKS} frameworks: the next leader is known"
            f" {done['elected_s']:.1f} s after the kill, agents are back {done['agents_s']:.1f} s later,"
            f" everybody {done['back_s']:.1f} s later; tasks lost: {done['tasks_lost']:.0f}"
        )
        figures |= {f"{name}_{agents}": value for name, value in done.items()}
    print(json.dumps({"name": "master.leader", **figures}))


if __name__ == "__main__":
    main()
