"""CPU time of the pure master machine per task life cycle, driven with records only.

One life cycle: an offer is accepted with one task, the agent reports TASK_RUNNING and TASK_FINISHED, both
are acknowledged, and the freed resources are offered again.

    python benchmarks/master_machine.py [--agents 100] [--frameworks 10] [--tasks 50000]
"""

from __future__ import annotations

import argparse
import gc
import random
import time
import tracemalloc
from collections import deque

from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.ids import AgentId, FrameworkId, MasterId, OfferId, Pid, TaskId, new_uuid
from meseta.master import effects, events
from meseta.master.config import MasterConfig
from meseta.master.events import StreamId
from meseta.master.master import Master
from meseta.records import (
    AgentInfo,
    Filters,
    FrameworkCapability,
    FrameworkInfo,
    Launch,
    StatusUpdate,
    TaskInfo,
    TaskSource,
    TaskState,
    TaskStatus,
)
from meseta.resources import Resources
from meseta.security.approvers import PERMISSIVE

TASK = Resources.scalars(cpus=1, mem=128)
NO_FILTER = Filters(refuse_s=0.0)
AGENT = frozenset({"MULTI_ROLE", "RESERVATION_REFINEMENT"})


class Bench:
    """A master, its agents and frameworks, and the offers that wait for an answer."""

    def __init__(self, agents: int, frameworks: int) -> None:
        self.random = random.Random(1)
        config = MasterConfig(id=MasterId("m"), pid=Pid("master@10.0.0.1:5050"), hostname="master")
        self.master = Master(config, HierarchicalAllocator(self.random), PERMISSIVE, epoch_offset_s=0.0)
        self.now = 0.0
        self.seconds = {"accept": 0.0, "update": 0.0, "acknowledge": 0.0, "offer": 0.0}
        self.offers: deque[effects.OfferRecord] = deque()
        self.pids: dict[AgentId, Pid] = {}
        for number in range(frameworks):
            self._subscribe(number)
        for number in range(agents):
            self._register(number)

    def _subscribe(self, number: int) -> None:
        info = FrameworkInfo(
            user="root",
            name=f"f{number}",
            roles=(f"role-{number % 4}",),
            capabilities=frozenset({FrameworkCapability.MULTI_ROLE, FrameworkCapability.PARTITION_AWARE}),
        )
        self.master.handle(events.SubscribeRequested(peer=StreamId(number), info=info), self.now)

    def _register(self, number: int) -> None:
        pid = Pid(f"slave(1)@10.1.{number // 250}.{number % 250}:5051")
        info = AgentInfo(hostname=f"a{number}", port=5051, resources=Resources.scalars(cpus=1, mem=128))
        request = events.RegistrationRequested(sender=pid, info=info, version="1.12.0", capabilities=AGENT)
        for effect in self.master.handle(request, self.now):
            if isinstance(effect, effects.Persist):
                self.master.handle(events.Persisted(ticket=effect.ticket), self.now)
        self.pids[self.master.state.agent_pids[pid]] = pid

    def timed(self, what: str, event: events.MasterEvent) -> None:
        """Let one event happen, on the clock of one of the parts."""
        begin = time.perf_counter()
        self.master.handle(event, self.now)
        self.seconds[what] += time.perf_counter() - begin

    def tick(self) -> None:
        """Let a little time pass, and gather the offers that are made."""
        self.now += 0.01
        begin = time.perf_counter()
        done = self.master.tick(self.now)
        self.seconds["offer"] += time.perf_counter() - begin
        for effect in done:
            if isinstance(effect, effects.SendToFramework) and isinstance(effect.message, effects.Offered):
                self.offers.extend(effect.message.offers)

    def live(self, number: int, *, end: bool = True) -> None:
        """Let a task live in the oldest offer."""
        offer = self.offers.popleft()
        framework_id, agent_id = offer.framework_id, offer.agent.id
        peer = self.master.state.frameworks[framework_id].peer
        assert peer is not None
        task_id = TaskId(f"task-{number}")
        info = TaskInfo(
            task_id=task_id, name="task", agent_id=agent_id, resources=TASK, has_command=True, raw=b"x" * 250
        )
        accepted = events.OffersAccepted(
            framework_id=framework_id,
            sender=peer,
            offer_ids=(OfferId(offer.id),),
            operations=(Launch(tasks=(info,)),),
            filters=NO_FILTER,
        )
        self.timed("accept", accepted)
        for state in (TaskState.TASK_RUNNING, TaskState.TASK_FINISHED)[: 2 if end else 1]:
            self._report(framework_id, agent_id, task_id, state, peer)

    def _report(
        self,
        framework_id: FrameworkId,
        agent_id: AgentId,
        task_id: TaskId,
        state: TaskState,
        peer: events.Peer,
    ) -> None:
        uuid = new_uuid(self.random)
        status = TaskStatus(
            task_id=task_id,
            state=state,
            source=TaskSource.SOURCE_EXECUTOR,
            agent_id=agent_id,
            timestamp=1.0,
            uuid=uuid,
            raw=b"y" * 80,
        )
        update = StatusUpdate(
            framework_id=framework_id,
            executor_id=None,
            agent_id=agent_id,
            status=status,
            timestamp=1.0,
            uuid=uuid,
            latest_state=state,
        )
        pid = self.pids[agent_id]
        self.timed("update", events.UpdateReceived(sender=pid, update=update, pid=pid))
        acknowledged = events.UpdateAcknowledged(
            framework_id=framework_id, sender=peer, agent_id=agent_id, task_id=task_id, uuid=uuid
        )
        self.timed("acknowledge", acknowledged)


def cycles(agents: int, frameworks: int, tasks: int) -> None:
    """Print the time per life cycle, and its parts."""
    bench = Bench(agents, frameworks)
    gc.collect()
    gc.freeze()
    for part in bench.seconds:
        bench.seconds[part] = 0.0
    for number in range(tasks):
        while not bench.offers:
            bench.tick()
        bench.live(number)
    total = sum(bench.seconds.values())
    parts = ", ".join(f"{part} {seconds / tasks * 1e6:.1f}" for part, seconds in bench.seconds.items())
    print(f"{total / tasks * 1e6:.1f} µs per life cycle ({parts}; {agents} agents, {frameworks} frameworks)")


def memory(tasks: int) -> None:
    """Print the memory that a running task takes, its records and raw bytes included."""
    bench = Bench(tasks, 1)
    while len(bench.offers) < tasks:
        bench.tick()
    tracemalloc.start()
    for number in range(tasks):
        bench.live(number, end=False)
    gc.collect()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{grown / tasks:.0f} bytes per running task ({tasks} tasks)")


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--frameworks", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=50_000)
    options = parser.parse_args()
    cycles(options.agents, options.frameworks, options.tasks)
    memory(10_000)


if __name__ == "__main__":
    main()
