"""Whatever happens, in whatever order: every task ends exactly once, and nothing is left behind.

A small seeded world performs the effects late, early or never, kills what it is told to, and loses messages.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from meseta.agent.agent import Agent
from meseta.agent.effects import (
    AgentEffect,
    Checkpoint,
    DestroyContainer,
    KillTask,
    LaunchTask,
    PrepareSandbox,
    Register,
    RemoveContainer,
    Reregister,
    SendToExecutor,
    SendToMaster,
    Shutdown,
    SignalContainer,
    StartContainer,
    UpdateStatus,
)
from meseta.agent.events import (
    AgentEvent,
    AgentRegistered,
    AgentReregistered,
    Checkpointed,
    ContainerExited,
    ContainerStarted,
    ContainerStartFailed,
    ExecutorStreamClosed,
    ExecutorSubscribed,
    ExecutorUpdated,
    KillTaskReceived,
    MasterDetected,
    Recovered,
    RunTaskGroupReceived,
    RunTaskReceived,
    SandboxFailed,
    SandboxPrepared,
    ShutdownExecutorReceived,
    UpdateAcknowledged,
)
from meseta.agent.invariants import check
from meseta.ids import ContainerId, ExecutorId, TaskId, new_uuid
from meseta.records import (
    CommandInfo,
    TaskGroupInfo,
    TaskState,
    TaskStatus,
    Uri,
    is_terminal,
)
from tests.unit.agent.agent_kit import (
    AGENT,
    FRAMEWORK,
    MASTER,
    command_task,
    config,
    custom_executor,
    executor_task,
    framework,
    pod_executor,
)

NEVER = 1e9


class World:
    """Performs effects at random times, as processes, disks, executors and the master would."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.agent = Agent(config(), random.Random(seed + 1))
        self.now = 0.0
        self.events: list[tuple[float, int, AgentEvent]] = []
        self.count = 0
        self.running: set[ContainerId] = set()
        self.stream = 0
        self.checkpoint = self.chance.random() < 0.5
        self.ends: dict[TaskId, set[bytes]] = {}
        self.executor_of: dict[ContainerId, ExecutorId] = {}
        self.removed: set[ContainerId] = set()

    def later(self, event: AgentEvent, most_s: float) -> None:
        self.count += 1
        self.events.append((self.now + self.chance.random() * most_s, self.count, event))

    def run(self) -> None:
        """Until nothing more is to come."""
        while True:
            self.events.sort()
            next_event = self.events[0][0] if self.events else NEVER
            due = self.agent.deadline()
            if self.quiet() and next_event == NEVER:
                return
            assert self.now < 10_000, "the agent never comes to rest"
            if due is not None and due <= next_event:
                self.now = max(self.now, due)
                effects = self.agent.tick(self.now)
            else:
                self.now, _, event = self.events.pop(0)
                effects = self.agent.handle(event, self.now)
            check(self.agent.state)
            for effect in effects:
                self.perform(effect)

    def quiet(self) -> bool:
        state = self.agent.state
        return not state.frameworks and not self.running and not len(state.updates)

    def perform(self, effect: AgentEffect) -> None:
        match effect:
            case Checkpoint(ticket=int(ticket)):
                self.later(Checkpointed(ticket), 0.0)
            case PrepareSandbox(container_id=container):
                failed = SandboxFailed(container_id=container, message="404")
                self.later(failed if self.chance.random() < 0.2 else SandboxPrepared(container), 2.0)
            case StartContainer(plan=plan):
                self.start(plan.container_id, dict(plan.environment)["MESOS_EXECUTOR_ID"])
            case SignalContainer(container_id=container, signal=signal):
                if self.chance.random() < 0.5:
                    self.exit(container, signal)
            case DestroyContainer(container_id=container):
                self.exit(container, 9)
            case RemoveContainer(container_id=container):
                assert container not in self.running, "its end is still to be learnt"
                self.removed.add(container)
            case SendToMaster(message=message):
                self.to_master(message)
            case SendToExecutor(peer=peer, message=message):
                self.to_executor(peer, message)

    def start(self, container: ContainerId, executor: str) -> None:
        if self.chance.random() < 0.1:
            self.later(ContainerStartFailed(container_id=container, message="fork"), 1.0)
            return
        self.running.add(container)
        self.executor_of[container] = ExecutorId(executor)
        started = ContainerStarted(container_id=container, pid=len(self.executor_of))
        self.count += 1
        self.events.append((self.now, self.count, started))
        if executor.startswith("custom"):
            if self.chance.random() < 0.9:
                self.subscribe(executor)
        elif self.chance.random() < 0.7:
            self.exit(container, self.chance.choice([0, 256]), 8.0)

    def subscribe(self, executor: str) -> None:
        self.stream += 1
        self.later(
            ExecutorSubscribed(stream=self.stream, framework_id=FRAMEWORK, executor_id=ExecutorId(executor)),
            3.0,
        )

    def exit(self, container: ContainerId, status: int, most_s: float = 1.0) -> None:
        if container in self.running:
            self.running.discard(container)
            self.later(ContainerExited(container_id=container, wait_status=status), most_s)

    def to_master(self, message: Any) -> None:
        if isinstance(message, Register):
            self.later(AgentRegistered(sender=MASTER, agent_id=AGENT, total_ping_timeout_s=NEVER), 1.0)
        elif isinstance(message, Reregister):
            self.later(AgentReregistered(sender=MASTER, agent_id=AGENT, total_ping_timeout_s=NEVER), 1.0)
        elif isinstance(message, UpdateStatus) and self.chance.random() < 0.8:
            update = message.update
            assert update.uuid is not None
            task = update.status.task_id
            if is_terminal(update.status.state) and update.status.message != "Cannot find executor":
                self.ends.setdefault(task, set()).add(update.uuid)
            acknowledged = UpdateAcknowledged(
                sender=MASTER, framework_id=FRAMEWORK, task_id=task, uuid=update.uuid
            )
            self.later(acknowledged, 0.5)

    def to_executor(self, peer: Any, message: Any) -> None:
        owner = self.agent.state.streams.get(peer)
        if owner is None:
            return
        if isinstance(message, LaunchTask) and self.chance.random() < 0.8:
            self.report(owner.executor_id, message.task.task_id, TaskState.TASK_RUNNING, 1.0)
            if self.chance.random() < 0.5:
                self.report(owner.executor_id, message.task.task_id, TaskState.TASK_FINISHED, 5.0)
        elif isinstance(message, KillTask):
            self.report(owner.executor_id, message.task_id, TaskState.TASK_KILLED, 1.0)
        elif isinstance(message, Shutdown) and self.chance.random() < 0.5:
            for container, executor in self.executor_of.items():
                if executor == owner.executor_id and container in self.running:
                    self.exit(container, 0)
                    break

    def report(self, executor: ExecutorId, task: TaskId, state: TaskState, most_s: float) -> None:
        status = TaskStatus(task_id=task, state=state, uuid=new_uuid(self.chance))
        self.later(ExecutorUpdated(framework_id=FRAMEWORK, executor_id=executor, status=status), most_s)

    def submit(self, number: int) -> list[TaskId]:
        """Send a task or a pod at some time, maybe a kill some time after."""
        info = framework(self.checkpoint)
        kind = self.chance.choice(["command", "fetching", "pod", "custom"])
        names = [f"{kind}{number}"]
        event: AgentEvent
        if kind == "pod":
            names = [f"pod{number}-{member}" for member in range(self.chance.randint(1, 3))]
            group = TaskGroupInfo(tasks=tuple(command_task(name) for name in names))
            executor = pod_executor(self.chance.choice(["pod-a", "pod-b"]))
            event = RunTaskGroupReceived(sender=MASTER, framework=info, executor=executor, group=group)
        elif kind == "custom":
            executor = custom_executor(self.chance.choice(["custom-a", "custom-b"]))
            event = RunTaskReceived(sender=MASTER, framework=info, task=executor_task(names[0], executor))
        else:
            uris = (Uri(value="http://x/y"),) if kind == "fetching" else ()
            task = command_task(names[0], command=CommandInfo(value="x", uris=uris))
            event = RunTaskReceived(sender=MASTER, framework=info, task=task)
        self.later(event, 20.0)
        tasks = [TaskId(name) for name in names]
        if self.chance.random() < 0.4:
            kill = KillTaskReceived(sender=MASTER, framework_id=FRAMEWORK, task_id=tasks[0])
            self.later(kill, 40.0)
        return tasks

    def finish(self) -> None:
        """In the end the framework kills what still runs, again and again."""
        for executor in ("pod-a", "pod-b", "custom-a", "custom-b"):
            for after in (100.0, 200.0):
                event = ShutdownExecutorReceived(
                    sender=MASTER, framework_id=FRAMEWORK, executor_id=ExecutorId(executor)
                )
                self.count += 1
                self.events.append((self.now + after, self.count, event))


@pytest.mark.parametrize("seed", range(60))
def test_every_task_ends_once(seed: int) -> None:
    world = World(seed)
    world.later(Recovered(), 0.0)
    world.later(MasterDetected(MASTER), 0.1)
    world.now = 5.0
    tasks = [task for number in range(12) for task in world.submit(number)]
    for _ in range(world.chance.randint(0, 3)):
        world.later(MasterDetected(MASTER), 40.0)
        world.later(ExecutorStreamClosed(1), 40.0)
    world.finish()
    for number, task in enumerate(tasks):
        kill = KillTaskReceived(sender=MASTER, framework_id=FRAMEWORK, task_id=task)
        world.events.append((300.0 + number, 10_000 + number, kill))
    world.now = 0.0
    world.run()
    state = world.agent.state
    for task in tasks:
        assert len(world.ends.get(task, ())) == 1, (seed, task)
    assert not len(state.containers)
    assert world.executor_of.keys() <= world.removed
    assert not state.owners
    assert not state.streams
    assert not state.writing
    assert len(state.updates) == 0
