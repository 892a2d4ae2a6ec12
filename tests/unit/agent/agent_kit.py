"""A playbook for the agent machine: feed events, look at effects."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, TypeVar

from meseta.agent.agent import Agent
from meseta.agent.effects import (
    AgentEffect,
    Checkpoint,
    Register,
    SendToExecutor,
    SendToMaster,
    StartContainer,
    UpdateStatus,
)
from meseta.agent.events import (
    AgentEvent,
    AgentRegistered,
    Checkpointed,
    ContainerStarted,
    MasterDetected,
    Recovered,
    RunTaskGroupReceived,
    RunTaskReceived,
    UpdateAcknowledged,
)
from meseta.agent.invariants import check
from meseta.agent.state import AgentConfig
from meseta.ids import AgentId, ExecutorId, FrameworkId, Pid, TaskId
from meseta.records import (
    CommandInfo,
    ExecutorInfo,
    ExecutorType,
    FrameworkCapability,
    FrameworkInfo,
    StatusUpdate,
    TaskGroupInfo,
    TaskInfo,
    TaskState,
)
from meseta.resources import Resources

MASTER = Pid("master@10.0.0.9:5050")
AGENT = AgentId("m-S0")
FRAMEWORK = FrameworkId("m-0000")
WORK_DIR = "/var/lib/agent"
T = TypeVar("T")


def config(**changes: Any) -> AgentConfig:
    settings: dict[str, Any] = {
        "pid": Pid("slave(1)@10.0.0.1:5051"),
        "hostname": "host1",
        "ip": "10.0.0.1",
        "port": 5051,
        "resources": Resources.scalars(cpus=8, mem=4096),
        "work_dir": WORK_DIR,
        **changes,
    }
    return AgentConfig(**settings)


def framework(checkpoint: bool = False, *capabilities: FrameworkCapability) -> FrameworkInfo:
    return FrameworkInfo(
        user="nobody",
        name="test",
        id=FRAMEWORK,
        checkpoint=checkpoint,
        capabilities=frozenset(capabilities),
    )


def command_task(name: str = "t1", value: str = "sleep 10", **changes: Any) -> TaskInfo:
    settings: dict[str, Any] = {
        "task_id": TaskId(name),
        "name": name,
        "agent_id": AGENT,
        "resources": Resources.scalars(cpus=1, mem=32),
        "has_command": True,
        "command": CommandInfo(value=value),
        **changes,
    }
    return TaskInfo(**settings)


def custom_executor(name: str = "e1", **changes: Any) -> ExecutorInfo:
    settings: dict[str, Any] = {
        "executor_id": ExecutorId(name),
        "framework_id": FRAMEWORK,
        "resources": Resources.scalars(cpus=0.1, mem=32),
        "command": CommandInfo(value="./executor"),
        "raw": b"executor",
        **changes,
    }
    return ExecutorInfo(**settings)


def executor_task(name: str = "t1", executor: ExecutorInfo | None = None, **changes: Any) -> TaskInfo:
    return command_task(
        name, executor=executor or custom_executor(), has_command=False, command=None, **changes
    )


def pod_executor(name: str = "pod") -> ExecutorInfo:
    return custom_executor(name, type=ExecutorType.DEFAULT, command=None)


class Book:
    """One agent under test. `do` feeds an event and checks the invariants; time only moves on request."""

    def __init__(self, **settings: Any) -> None:
        self.agent = Agent(config(**settings), random.Random(1))
        self.now = 1000.0
        self.effects: list[AgentEffect] = []

    def do(self, *events: AgentEvent) -> list[AgentEffect]:
        """Feed events; writes are done at once, as a fast disk would."""
        self.effects = []
        for event in events:
            self._feed(self.agent.handle(event, self.now))
        return self.effects

    def wait(self, seconds: float) -> list[AgentEffect]:
        """Let time pass, ringing every timer on the way."""
        self.effects = []
        end = self.now + seconds
        while (due := self.agent.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self._feed(self.agent.tick(self.now))
        self.now = end
        return self.effects

    def _feed(self, effects: Iterable[AgentEffect]) -> None:
        effects = list(effects)
        self.effects += effects
        check(self.agent.state)
        for effect in effects:
            if isinstance(effect, Checkpoint) and effect.ticket is not None:
                self._feed(self.agent.handle(Checkpointed(effect.ticket), self.now))

    def only(self, kind: type[T]) -> T:
        """The one effect, message to the master or to an executor of a type."""
        found = self.all(kind)
        assert len(found) == 1, (kind, self.effects)
        return found[0]

    def all(self, kind: type[T]) -> list[T]:
        """All effects, messages to the master or to executors of a type."""
        inner = (
            effect.message if isinstance(effect, SendToMaster | SendToExecutor) else effect
            for effect in self.effects
        )
        return [item for item in inner if isinstance(item, kind)]

    def updates(self) -> list[StatusUpdate]:
        """Updates sent to the master."""
        return [message.update for message in self.all(UpdateStatus)]

    def states(self) -> list[TaskState]:
        """States sent to the master."""
        return [update.status.state for update in self.updates()]

    def acknowledge(self) -> list[TaskState]:
        """Acknowledge all updates just sent, and those that follow; return the states, in order."""
        states = []
        pending = self.updates()
        seen: list[AgentEffect] = list(self.effects)
        while pending:
            update = pending.pop(0)
            assert update.uuid is not None
            states.append(update.status.state)
            self.do(
                UpdateAcknowledged(
                    sender=MASTER,
                    framework_id=update.framework_id,
                    task_id=update.status.task_id,
                    uuid=update.uuid,
                )
            )
            seen += self.effects
            pending += self.updates()
        self.effects = seen
        return states

    def register(self) -> Book:
        """Bring the agent up and have it admitted."""
        self.do(Recovered(), MasterDetected(MASTER))
        self.wait(1.0)
        assert self.all(Register)
        self.do(AgentRegistered(sender=MASTER, agent_id=AGENT, total_ping_timeout_s=1e9))
        return self

    def run(self, task: TaskInfo, info: FrameworkInfo | None = None, **changes: Any) -> list[AgentEffect]:
        """Have the master send a task."""
        return self.do(RunTaskReceived(sender=MASTER, framework=info or framework(), task=task, **changes))

    def run_group(self, *tasks: TaskInfo, info: FrameworkInfo | None = None) -> list[AgentEffect]:
        """Have the master send a pod."""
        return self.do(
            RunTaskGroupReceived(
                sender=MASTER,
                framework=info or framework(),
                executor=pod_executor(),
                group=TaskGroupInfo(tasks=tasks),
            )
        )

    def start(self, pid: int = 100) -> list[AgentEffect]:
        """Say of all containers just asked for that they run."""
        plans = [effect.plan for effect in self.all(StartContainer)]
        return self.do(
            *(
                ContainerStarted(container_id=plan.container_id, pid=pid + number)
                for number, plan in enumerate(plans)
            )
        )
