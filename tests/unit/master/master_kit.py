"""A master to play with: short ways to say what happens, and to look at what it does."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.ids import AgentId, ExecutorId, FrameworkId, MasterId, OfferId, Pid, TaskId, new_uuid
from meseta.master import effects, events
from meseta.master.config import MasterConfig
from meseta.master.effects import MasterEffect, OfferRecord
from meseta.master.events import Peer, StreamId
from meseta.master.invariants import check
from meseta.master.master import Master
from meseta.master.registry import NOTHING_RECOVERED, Recovered
from meseta.records import (
    AgentInfo,
    ExecutorInfo,
    Filters,
    FrameworkCapability,
    FrameworkInfo,
    Launch,
    Operation,
    StatusUpdate,
    TaskInfo,
    TaskState,
    TaskStatus,
)
from meseta.resources import Resources
from meseta.security.approvers import PERMISSIVE

MASTER_ID = MasterId("m")
STREAM = StreamId(1)
EPOCH = 1_000_000.0
CAPABLE = frozenset(
    {
        FrameworkCapability.MULTI_ROLE,
        FrameworkCapability.RESERVATION_REFINEMENT,
        FrameworkCapability.PARTITION_AWARE,
    }
)
T = TypeVar("T")


class Playground:
    """A master with a registry that writes at once, and time that moves when told."""

    def __init__(self, *, recovered: Recovered = NOTHING_RECOVERED, check_each: bool = True, **config: Any):
        entropy = random.Random(1)
        self.entropy = entropy
        self.now = 0.0
        self.check_each = check_each
        self.persists = True
        """Whether registry writes complete at once."""
        self.config = MasterConfig(id=MASTER_ID, pid=Pid("master@10.0.0.1:5050"), hostname="master", **config)
        self.master = Master(
            self.config,
            HierarchicalAllocator(entropy),
            PERMISSIVE,
            epoch_offset_s=EPOCH,
            recovered=recovered,
        )
        self.state = self.master.state

    def feed(self, event: Any) -> list[MasterEffect]:
        """Let an event happen, and registry writes complete."""
        done = list(self.master.handle(event, self.now))
        if self.check_each:
            check(self.state)
        if self.persists:
            for effect in list(done):
                if isinstance(effect, effects.Persist):
                    done += self.feed(events.Persisted(ticket=effect.ticket))
        return done

    def run(self, seconds: float = 0.0) -> list[MasterEffect]:
        """Let time pass, ticking at every deadline."""
        end = self.now + seconds
        done: list[MasterEffect] = []
        for _ in range(100_000):
            due = self.master.deadline()
            if due is None or due > end:
                self.now = end
                return done
            self.now = max(self.now, due)
            ticked = list(self.master.tick(self.now))
            if self.check_each:
                check(self.state)
            for effect in ticked:
                done.append(effect)
                if isinstance(effect, effects.Persist) and self.persists:
                    done += self.feed(events.Persisted(ticket=effect.ticket))
        raise AssertionError("the master wants to tick for ever")

    # Frameworks

    def subscribe(self, peer: Peer = STREAM, *, force: bool = True, **info: Any) -> FrameworkId:
        """Subscribe a framework; return its id."""
        done = self.feed(subscribe(peer, force=force, **info))
        (message,) = told(done, peer, effects.Subscribed)
        return message.framework_id

    def call(self, kind: type[Any], framework_id: FrameworkId, **fields: Any) -> list[MasterEffect]:
        """Let the framework's present scheduler call."""
        peer = self.state.frameworks[framework_id].peer
        return self.feed(kind(framework_id=framework_id, sender=peer, **fields))

    def offers(self, framework_id: FrameworkId, seconds: float = 1.0) -> tuple[OfferRecord, ...]:
        """Let time pass until the framework gets offers."""
        peer = self.state.frameworks[framework_id].peer
        assert peer is not None
        batches = told(self.run(seconds), peer, effects.Offered)
        return tuple(offer for batch in batches for offer in batch.offers)

    def accept(
        self,
        framework_id: FrameworkId,
        offer_ids: Iterable[OfferId | OfferRecord],
        *operations: Operation,
        refuse_s: float = 5.0,
    ) -> list[MasterEffect]:
        """Accept offers."""
        ids = tuple(offer.id if isinstance(offer, OfferRecord) else offer for offer in offer_ids)
        return self.call(
            events.OffersAccepted,
            framework_id,
            offer_ids=ids,
            operations=operations,
            filters=Filters(refuse_s=refuse_s),
        )

    def launch(self, framework_id: FrameworkId, offer: OfferRecord, *tasks: TaskInfo) -> list[MasterEffect]:
        """Accept an offer to launch tasks."""
        return self.accept(framework_id, [offer.id], Launch(tasks=tasks))

    # Agents

    def register(self, name: str = "a1", cpus: float = 4, mem: float = 4096, **more: Any) -> AgentId:
        """Register an agent; return its id."""
        done = self.feed(register(name, cpus, mem, **more))
        (message,) = told_agent(done, pid_of(name), effects.AgentRegistered)
        return message.agent_id

    def update(
        self,
        framework_id: FrameworkId,
        agent_id: AgentId,
        task_id: str,
        state: TaskState,
        *,
        latest: TaskState | None = None,
        uuid: bytes | None = None,
        **status: Any,
    ) -> list[MasterEffect]:
        """Let an agent report a task's state."""
        event = updated(
            self.state.agents[agent_id].pid,
            framework_id,
            agent_id,
            task_id,
            state,
            uuid or new_uuid(self.entropy),
            latest=latest,
            **status,
        )
        return self.feed(event)

    def acknowledge(self, framework_id: FrameworkId, agent_id: AgentId, task_id: str) -> list[MasterEffect]:
        """Acknowledge the newest update that was sent for a task."""
        uuid = self.state.frameworks[framework_id].tasks[TaskId(task_id)].sent_uuid
        return self.call(
            events.UpdateAcknowledged, framework_id, agent_id=agent_id, task_id=TaskId(task_id), uuid=uuid
        )

    def running(self, task_id: str = "t1", **info: Any) -> tuple[FrameworkId, AgentId]:
        """Return a framework and an agent with a running task whose updates are acknowledged."""
        framework_id = self.subscribe(**info)
        agent_id = self.register()
        (offer,) = self.offers(framework_id)
        self.launch(framework_id, offer, task(task_id, agent_id))
        self.update(framework_id, agent_id, task_id, TaskState.TASK_RUNNING)
        self.acknowledge(framework_id, agent_id, task_id)
        return framework_id, agent_id


def subscribe(peer: Peer, *, force: bool = True, suppressed: tuple[str, ...] = (), **info: Any) -> Any:
    """Return the event of a scheduler that subscribes."""
    filled = {"user": "root", "name": "f", "roles": ("web",), "capabilities": CAPABLE, "checkpoint": True}
    filled.update(info)
    return events.SubscribeRequested(
        peer=peer, info=FrameworkInfo(**filled), force=force, suppressed_roles=suppressed
    )


def pid_of(name: str) -> Pid:
    """Return the pid of an agent by its name: `a1` is at 10.0.1.1."""
    return Pid(f"slave(1)@10.0.1.{name[1:]}:5051")


def agent_info(name: str = "a1", cpus: float = 4, mem: float = 4096, id: AgentId | None = None) -> AgentInfo:
    """Return what an agent says of itself."""
    return AgentInfo(
        hostname=name, port=5051, resources=Resources.scalars(cpus=cpus, mem=mem, disk=1000), id=id
    )


def register(name: str = "a1", cpus: float = 4, mem: float = 4096, **more: Any) -> Any:
    """Return the event of an agent that registers."""
    filled: dict[str, Any] = {"version": "1.12.0", "capabilities": frozenset({"MULTI_ROLE"})}
    filled.update(more)
    return events.RegistrationRequested(sender=pid_of(name), info=agent_info(name, cpus, mem), **filled)


def task(task_id: str, agent_id: AgentId, cpus: float = 1, mem: float = 128, **more: Any) -> TaskInfo:
    """Return a command task."""
    filled: dict[str, Any] = {"has_command": "executor" not in more, "raw": b"x" * 200}
    filled.update(more)
    return TaskInfo(
        task_id=TaskId(task_id),
        name=task_id,
        agent_id=agent_id,
        resources=Resources.scalars(cpus=cpus, mem=mem),
        **filled,
    )


def executor(
    executor_id: str, cpus: float = 0.5, mem: float = 64, disk: float = 10, **more: Any
) -> ExecutorInfo:
    """Return an executor."""
    return ExecutorInfo(
        executor_id=ExecutorId(executor_id),
        resources=Resources.scalars(cpus=cpus, mem=mem, disk=disk),
        **more,
    )


def updated(
    sender: Pid,
    framework_id: FrameworkId,
    agent_id: AgentId,
    task_id: str,
    state: TaskState,
    uuid: bytes | None,
    *,
    latest: TaskState | None = None,
    **status: Any,
) -> events.UpdateReceived:
    """Return the event of an agent's status update."""
    record = TaskStatus(task_id=TaskId(task_id), state=state, agent_id=agent_id, uuid=uuid, **status)
    update = StatusUpdate(
        framework_id=framework_id,
        executor_id=None,
        agent_id=agent_id,
        status=record,
        timestamp=1.0,
        uuid=uuid,
        latest_state=latest,
    )
    return events.UpdateReceived(sender=sender, update=update, pid=sender)


def told(done: Iterable[MasterEffect], peer: Peer, kind: type[T]) -> list[T]:
    """Return the messages of a kind that a scheduler was sent."""
    return [
        e.message
        for e in done
        if isinstance(e, effects.SendToFramework) and e.peer == peer and isinstance(e.message, kind)
    ]


def told_agent(done: Iterable[MasterEffect], pid: Pid, kind: type[T]) -> list[T]:
    """Return the messages of a kind that an agent was sent."""
    return [
        e.message
        for e in done
        if isinstance(e, effects.SendToAgent) and e.pid == pid and isinstance(e.message, kind)
    ]


def states(done: Iterable[MasterEffect], peer: Peer = STREAM) -> list[tuple[str, str]]:
    """Return the task states that a scheduler was told."""
    return [(u.update.status.task_id, u.update.status.state.name) for u in told(done, peer, effects.Updated)]


def refusals(done: Iterable[MasterEffect], peer: Peer = STREAM) -> list[str | None]:
    """Return the messages of the task updates that a scheduler was told."""
    return [u.update.status.message for u in told(done, peer, effects.Updated)]


def replaced(record: T, **changes: Any) -> T:
    """Return a record with some fields changed."""
    return msgspec.structs.replace(record, **changes)
