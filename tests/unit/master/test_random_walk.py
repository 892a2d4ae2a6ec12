"""Whatever happens in whatever order: nothing raises, and the accounts agree after every event.

Agents and frameworks come, go, crash and come back with the truth about what they run; schedulers answer
offers well and badly; messages come from strangers, twice, and too late.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from meseta.ids import AgentId, ExecutorId, FrameworkId, OfferId, Pid, TaskId, new_uuid
from meseta.master import effects, events
from meseta.master.events import Peer, RequestId, StreamId, Ticket
from meseta.records import (
    ExecutorType,
    Filters,
    Launch,
    LaunchGroup,
    MachineId,
    TaskGroupInfo,
    TaskRecord,
    TaskState,
    Unavailability,
    Window,
)
from meseta.resources import Resources
from meseta.wire.registry import Changes, changes_of, read_registry
from tests.unit.master.master_kit import (
    CAPABLE,
    Playground,
    agent_info,
    executor,
    pid_of,
    register,
    replaced,
    subscribe,
    task,
    updated,
)

STEPS = 1000
NUMBERED = ("agents", "frameworks", "offers", "operations")
ABLE = frozenset({"MULTI_ROLE", "AGENT_DRAINING"})
ENDS = (TaskState.TASK_FINISHED, TaskState.TASK_FAILED, TaskState.TASK_KILLED)
ALIVE = (TaskState.TASK_STARTING, TaskState.TASK_RUNNING, TaskState.TASK_KILLING)


class Walk:
    """A master in a world that does as it likes."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.config: dict[str, Any] = {
            "offer_timeout_s": self.random.choice([None, 5.0]),
            "agent_reregister_timeout_s": 40.0,
            "unreachable_tasks_max": 3,
            "agent_removal_interval_s": self.random.choice([None, None, 60.0]),
            "past_agents_max": 3,
            "forgetting_interval_s": 50.0,
        }
        self.play = Playground(**self.config)
        self.state = self.play.state
        self.past_counters: Counter[str] = Counter()
        """What masters have counted that died."""
        self.tasks = 0
        self.streams = 0
        self.held: dict[AgentId, dict[tuple[FrameworkId, TaskId], TaskState]] = {}
        """What each agent believes that it runs."""
        self.names: dict[AgentId, str] = {}
        self.seen: list[FrameworkId] = []
        self.play.persists = seed % 3 != 0
        self.unwritten: list[Ticket] = []
        """What a slow registry has still to write."""
        self.registry: dict[str, bytes] = {}
        """What is in the registry when all of that is written."""

    def step(self) -> None:
        """Let one thing happen."""
        actions: list[Callable[[], None]] = [
            self.register,
            self.subscribe,
            self.pass_time,
            *[self.answer] * 6,
            *[self.report] * 6,
            *[self.acknowledge] * 5,
            self.kill,
            self.break_agent,
            self.break_framework,
            self.return_agent,
            self.return_agent,
            self.pong,
            self.pong,
            self.suppress,
            self.reconcile,
            self.end_framework,
            self.end_executor,
            self.leave,
            self.operate,
            self.bound,
            self.fail_over,
            self.answer_inverse,
            self.write,
            self.write,
        ]
        self.random.choice(actions)()

    def feed(self, event: Any) -> None:
        """Let an event happen, and agents take note of what they are told to run."""
        for effect in self.play.feed(event):
            self.note(effect)

    def note(self, effect: Any) -> None:
        """Let agents do as they are told, most of the time, and the registry take its time."""
        if isinstance(effect, effects.Persist):
            apply(changes_of((effect.mutation,)), self.registry)
            if not self.play.persists:
                self.unwritten.append(effect.ticket)
        if not isinstance(effect, effects.SendToAgent) or self.random.random() < 0.05:
            return
        id = self.state.agent_pids.get(effect.pid)
        message = effect.message
        if id is None:
            return
        held = self.held.setdefault(id, {})
        if isinstance(message, effects.RunTask):
            held[(message.framework_id, message.task.task_id)] = TaskState.TASK_STAGING
        elif isinstance(message, effects.RunTaskGroup):
            for info in message.group.tasks:
                held[(message.framework_id, info.task_id)] = TaskState.TASK_STAGING
        elif isinstance(message, effects.ShutdownFramework):
            for key in [key for key in held if key[0] == message.framework_id]:
                del held[key]

    def write(self) -> None:
        """Let the registry write some of what it was asked to, in order."""
        count = self.random.randrange(len(self.unwritten) + 1)
        tickets, self.unwritten = self.unwritten[:count], self.unwritten[count:]
        for ticket in tickets:
            self.feed(events.Persisted(ticket=ticket))

    def pick(self, things: Any) -> Any:
        """Return one of these, or None if there are none."""
        things = list(things)
        return self.random.choice(things) if things else None

    def register(self) -> None:
        name = f"a{self.random.randrange(5)}"
        event = register(name, cpus=self.random.choice([1, 4]), capabilities=ABLE)
        self.feed(event)
        id = self.state.agent_pids.get(event.sender)
        if id is not None:
            self.names[id] = name

    def subscribe(self) -> None:
        self.streams += 1
        id = self.pick(self.seen) if self.random.random() < 0.5 else None
        peer: Peer = StreamId(self.streams)
        if self.random.random() < 0.3:
            peer = Pid(f"scheduler@10.0.0.{self.random.randrange(4)}:1")
        event = subscribe(
            peer,
            id=id,
            force=self.random.random() < 0.7,
            roles=self.random.choice([("web",), ("db",), ("web", "db")]),
            capabilities=self.random.choice([CAPABLE, frozenset({2, 6})]),
            checkpoint=self.random.random() < 0.6,
            failover_timeout_s=self.random.choice([0.0, 30.0]),
        )
        self.feed(replaced(event, standby=isinstance(peer, int) and self.random.random() < 0.3))
        self.seen = list(dict.fromkeys([*self.seen, *self.state.frameworks]))

    def pass_time(self) -> None:
        for effect in self.play.run(self.random.choice([0.1, 1, 10, 30])):
            self.note(effect)

    def call(self, kind: type[Any], framework_id: FrameworkId, **fields: Any) -> None:
        peer = self.state.frameworks[framework_id].peer
        if peer is not None:
            self.feed(kind(framework_id=framework_id, sender=peer, **fields))

    def answer(self) -> None:
        offer = self.pick(self.state.offers.values())
        if offer is None:
            self.pass_time()
            return
        filters = Filters(refuse_s=self.random.choice([-1.0, 0.0, 3.0]))
        if self.random.random() < 0.2:
            ids = (offer.id, OfferId("none"))
            self.call(events.OffersDeclined, offer.framework_id, offer_ids=ids, filters=filters)
            return
        ids = (offer.id,) if self.random.random() < 0.9 else (offer.id, OfferId("none"))
        operations = tuple(self.operation(offer) for _ in range(self.random.randrange(3)))
        self.call(
            events.OffersAccepted, offer.framework_id, offer_ids=ids, operations=operations, filters=filters
        )

    def operation(self, offer: Any) -> Any:
        tasks = []
        for _ in range(self.random.randrange(3)):
            self.tasks += self.random.random() < 0.9
            own = executor(f"e{self.random.randrange(2)}", 0.1, 32) if self.random.random() < 0.3 else None
            more = {"executor": own} if own is not None else {}
            tasks.append(
                task(f"t{self.tasks}", offer.agent_id, cpus=self.random.choice([0.1, 0.5, 9]), mem=16, **more)
            )
        if self.random.random() < 0.3:
            pod = executor(f"p{self.random.randrange(2)}", 0.1, 32, type=ExecutorType.DEFAULT)
            return LaunchGroup(executor=pod, group=TaskGroupInfo(tasks=tuple(tasks)))
        return Launch(tasks=tuple(tasks))

    def report(self) -> None:
        agent_id = self.pick(self.held)
        key = self.pick(self.held.get(agent_id, {}))
        agent = self.state.agents.get(agent_id)
        if key is None or agent is None:
            return
        old = self.held[agent_id][key]
        new = self.random.choice(ALIVE + ENDS)
        if old not in ENDS:
            self.held[agent_id][key] = new
        told = self.random.choice(ALIVE) if self.random.random() < 0.1 else new
        uuid = new_uuid(self.random)
        self.feed(updated(agent.pid, key[0], agent_id, key[1], told, uuid, latest=new))

    def acknowledge(self) -> None:
        framework = self.pick(self.state.frameworks.values())
        task = self.pick(framework.tasks.values()) if framework is not None else None
        if task is None:
            return
        fields = {"agent_id": task.agent_id, "task_id": task.task_id, "uuid": task.sent_uuid or b"u" * 16}
        self.call(events.UpdateAcknowledged, framework.id, **fields)
        if task.task_id not in framework.tasks:
            self.held.get(task.agent_id, {}).pop((framework.id, task.task_id), None)

    def kill(self) -> None:
        framework = self.pick(self.state.frameworks.values())
        if framework is not None:
            self.call(events.KillRequested, framework.id, task_id=self.pick(framework.tasks) or TaskId("x"))

    def break_agent(self) -> None:
        agent = self.pick(self.state.agents.values())
        if agent is not None and self.random.random() < 0.5:
            self.feed(events.PeerExited(address=agent.pid.rpartition("@")[2]))

    def break_framework(self) -> None:
        peer = self.pick(self.state.peers)
        if isinstance(peer, int):
            self.feed(events.StreamClosed(stream=StreamId(peer)))
        elif peer is not None:
            self.feed(events.PeerExited(address=peer.rpartition("@")[2]))

    def return_agent(self) -> None:
        id = self.pick(self.names)
        if id is None:
            return
        name = self.names[id]
        records = tuple(
            TaskRecord(
                task_id=task_id,
                name=task_id,
                framework_id=framework_id,
                agent_id=id,
                executor_id=self.random.choice([None, ExecutorId("e0")]),
                state=state,
                resources=Resources.scalars(cpus=0.1, mem=16),
                allocation_role="web",
            )
            for (framework_id, task_id), state in self.held.get(id, {}).items()
        )
        ids = dict.fromkeys(record.framework_id for record in records)
        frameworks = tuple(
            replaced(subscribe(StreamId(0)).info, id=framework_id, checkpoint=True) for framework_id in ids
        )
        port = self.random.choice([5051, 5051, 5052])
        self.feed(
            events.ReregistrationRequested(
                sender=Pid(f"slave(1)@10.0.1.{name[1:]}:{port}"),
                info=agent_info(name, cpus=self.random.choice([1, 4]), id=id),
                version="1.12.0",
                capabilities=frozenset({"MULTI_ROLE"}),
                frameworks=frameworks,
                executors=tuple(
                    executor("e0", 0.1, 32, framework_id=framework_id, allocation_role="web")
                    for framework_id in ids
                    if self.random.random() < 0.5
                ),
                tasks=records,
            )
        )

    def pong(self) -> None:
        for pid in list(self.state.agent_pids):
            if self.random.random() < 0.8:
                self.feed(events.PongReceived(sender=pid))

    def answer_inverse(self) -> None:
        offer = self.pick(self.state.inverse_offers.values())
        if offer is not None:
            kind = self.random.choice([events.InverseOffersAccepted, events.InverseOffersDeclined])
            filters = Filters(refuse_s=self.random.choice([0.0, 3.0]))
            self.call(kind, offer.framework_id, offer_ids=(offer.id,), filters=filters)

    def suppress(self) -> None:
        framework = self.pick(self.state.frameworks.values())
        if framework is not None:
            kind = self.random.choice([events.Suppressed, events.Revived])
            self.call(kind, framework.id, roles=self.random.choice([(), ("web",), ("x",)]))

    def reconcile(self) -> None:
        framework = self.pick(self.state.frameworks.values())
        if framework is not None:
            self.call(events.ReconcileRequested, framework.id)

    def end_framework(self) -> None:
        framework = self.pick(self.state.frameworks.values())
        if framework is not None and self.random.random() < 0.3:
            kind = self.random.choice([events.TeardownRequested, events.DeactivationRequested])
            self.call(kind, framework.id)

    def end_executor(self) -> None:
        agent = self.pick(self.state.agents.values())
        framework_id = self.pick(agent.executors) if agent is not None else None
        if agent is None or framework_id is None:
            return
        id = self.pick(agent.executors[framework_id])
        self.feed(
            events.ExecutorExited(
                sender=agent.pid, agent_id=agent.id, framework_id=framework_id, executor_id=id, status=0
            )
        )

    def leave(self) -> None:
        agent = self.pick(self.state.agents.values())
        if agent is not None and self.random.random() < 0.3:
            self.feed(events.UnregistrationRequested(sender=agent.pid, agent_id=agent.id))

    def operate(self) -> None:
        """Let an operator ask for something about agents or machines."""
        state, chance = self.state, self.random
        known = [*state.agents, *state.past.unreachable, *state.past.gone, AgentId("nobody")]
        machines = tuple(
            MachineId(name, pid_of(name).rpartition("@")[2].partition(":")[0])
            for name in (f"a{number}" for number in range(5))
            if chance.random() < 0.4
        )
        window = Window(machines, Unavailability(chance.randrange(10**18)))
        about_agent: dict[str, Any] = {"request": RequestId(1), "agent_id": chance.choice(known)}
        about_machines: dict[str, Any] = {"request": RequestId(1), "machines": machines}
        event = chance.choice(
            [
                events.AgentDrainRequested(**about_agent, mark_gone=chance.random() < 0.3),
                events.AgentDeactivationRequested(**about_agent),
                events.AgentReactivationRequested(**about_agent),
                events.AgentReactivationRequested(**about_agent),
                events.AgentGoneRequested(**about_agent),
                events.MaintenanceScheduled(request=RequestId(1), windows=(window,) if machines else ()),
                events.MaintenanceStartRequested(**about_machines),
                events.MaintenanceStopRequested(**about_machines),
                events.MaintenanceStopRequested(request=RequestId(1), machines=state.wishes.schedule.down),
            ]
        )
        self.feed(event)

    def bound(self) -> None:
        """Let an operator ask for something about roles."""
        chance, role = self.random, self.random.choice(["web", "db"])
        amounts = {"cpus": chance.choice([0.5, 2.0, 9.0])}
        config = events.QuotaConfig(
            role=role,
            guarantees=amounts if chance.random() < 0.5 else {},
            limits=amounts if chance.random() < 0.5 else {},
        )
        event = chance.choice(
            [
                events.QuotaUpdateRequested(
                    request=RequestId(1), configs=(config,), force=chance.random() < 0.5
                ),
                events.QuotaRemovalRequested(request=RequestId(1), role=role),
                events.WeightsUpdateRequested(
                    request=RequestId(1), weights=((role, chance.choice([0.0, 2.0])),)
                ),
            ]
        )
        self.feed(event)

    def fail_over(self) -> None:
        """Let the master die before it hears what the registry has written, and another one begin."""
        if self.random.random() < 0.9:
            return
        self.past_counters.update(self.state.counters)
        old, self.unwritten = self.play, []
        self.play = Playground(recovered=read_registry(self.registry), **self.config)
        self.play.persists, self.state = old.persists, self.play.state
        for name in NUMBERED:  # A real one has an id of its own, and so have all things that it numbers.
            setattr(self.state.issued, name, getattr(old.state.issued, name))

    def finish(self) -> None:
        """Let the registry write all."""
        while self.unwritten:
            ticket = self.unwritten.pop(0)
            self.feed(events.Persisted(ticket=ticket))


def apply(changes: Changes, registry: dict[str, bytes]) -> None:
    """Write records."""
    for key, record in changes.items():
        if record is None:
            registry.pop(key, None)
        else:
            registry[key] = record


def check_registry(walk: Walk) -> None:
    """The next master will know of agents, machines and roles what this one knows."""
    state, found = walk.state, read_registry(walk.registry)
    assert {info.id for info in found.agents} == {*state.agents, *state.recovered_agents}
    assert dict(found.unreachable) == state.past.unreachable
    assert dict(found.gone) == state.past.gone
    assert dict(found.deactivated) == state.wishes.deactivated
    assert found.schedule == state.wishes.schedule
    assert dict(found.quotas) == state.quotas == state.asked.quotas
    assert dict(found.weights) == state.weights == state.asked.weights
    assert not state.pending
    assert not state.registering
    assert not state.reregistering
    assert not state.wishes.marking_gone
    assert set(state.past.tasks) <= set(state.past.unreachable)


@pytest.mark.parametrize("seed", range(12))
def test_the_accounts_agree_whatever_happens(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(STEPS):
        walk.step()
    walk.finish()
    check_registry(walk)


def test_a_flood_of_calls_does_no_harm() -> None:
    play = Playground(check_each=False)
    framework_id, agent_id = play.running()
    for _ in range(20_000):
        play.call(events.ReconcileRequested, framework_id, tasks=((TaskId("x"), agent_id),))
        play.call(events.Revived, framework_id)
    ids = tuple(OfferId(f"m-O{number}") for number in range(20_000))
    play.accept(framework_id, [*ids, ids[0]], Launch(tasks=(task("t", agent_id),)))
    assert play.state.counters["master/tasks_dropped"] == 1
