"""What a framework that brings executors of its own remembers of them, and what it sends them.

Tasks mostly go to an executor that is on their agent already, as far as the framework knows; one of which it
was told that it has ended may be started again under the same id.
"""

from __future__ import annotations

import random

import msgspec

from meseta.ids import AgentId, ExecutorId
from meseta.master import effects as x
from meseta.master import events as e
from meseta.records import CommandInfo, ExecutorInfo, ExecutorType, TaskInfo
from meseta.resources import Resources
from meseta.sim.failures import SafetyViolation
from meseta.sim.programs import FOREVER_S, ExecutorProgram
from meseta.sim.routing import Ask

EXECUTOR = Resources.scalars(cpus=0.1, mem=32, disk=1)
"""What an executor needs for itself."""
USED = 0.3
"""Likelihood that a framework has executors of its own."""
NEW = 0.2
"""Likelihood that tasks get a new executor, though there is one."""
FORGOTTEN = 0.5
"""Likelihood that the id of an executor that has ended is not used again."""
ENDED = 0.15
"""Likelihood that an executor is told to end, where it would be sent a message."""


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How a framework uses executors of its own, and what these are like. Times are means in seconds."""

    often: float = 0.0
    """Likelihood that tasks are given to one."""
    libprocess: float = 0.0
    """Likelihood that one speaks v0."""
    crash_s: float = 0.0
    """When one ends by mistake; 0: never."""
    hungry: float = 0.0
    """Likelihood that it uses too much memory instead."""
    late: float = 0.0
    """Likelihood that it takes up to `late_s` until it comes to its agent."""
    late_s: float = 0.0
    idle_s: float = 0.0
    """How long one stays without tasks; 0: as long as it may."""
    stubborn_s: float = 0.0
    """How long one takes to leave, at most."""
    bother_s: float = 0.0
    """How often one is sent a message, or is told to end; 0: never."""


NO_HABITS = Habits()


class OwnExecutors:
    """The executors of one framework."""

    def __init__(self, name: str, habits: Habits, chance: random.Random) -> None:
        self._name = name
        self._habits = habits
        self._chance = chance
        self._last = 0
        self._here: dict[AgentId, ExecutorInfo] = {}
        """The newest on each agent."""
        self.ends: dict[ExecutorId, int] = {}
        """How often it was told of the end of each."""
        self._sent: set[bytes] = set()

    def choose(self, offer: x.OfferRecord) -> ExecutorInfo | None:
        """Return the executor for tasks on an offer, if they are to have one of the framework's own."""
        if self._chance.random() >= self._habits.often or not offer.resources.scalar("disk"):
            return None
        info = self._here.get(offer.agent.id)
        if info is None or self._chance.random() < NEW:
            info = self._here[offer.agent.id] = self._new()
        return info

    def forget_all(self) -> None:
        """The framework is over, and its executors with it."""
        self._here.clear()

    def on_failed(self, agent_id: AgentId, executor_id: ExecutorId) -> None:
        """Hear that an executor has ended."""
        self.ends[executor_id] = self.ends.get(executor_id, 0) + 1
        here = self._here.get(agent_id)
        if here is not None and here.executor_id == executor_id and self._chance.random() < FORGOTTEN:
            del self._here[agent_id]

    def bother(self) -> Ask | None:
        """Return a call to one of its executors: mostly a message, sometimes that it is to end."""
        if not self._here:
            return None
        agent_id = self._chance.choice(list(self._here))
        fields = {"agent_id": agent_id, "executor_id": self._here[agent_id].executor_id}
        if self._chance.random() < ENDED:
            return Ask(e.ExecutorShutdownRequested, fields)
        data = f"{fields['executor_id']} {len(self._sent)}".encode()
        self._sent.add(data)
        return Ask(e.MessageSent, {**fields, "data": data})

    def on_message(self, delivered: x.Delivered) -> None:
        """Hear an executor say something back.

        Raises:
            SafetyViolation: it was said to nobody, or to another executor.
        """
        said = delivered.data
        if said not in self._sent or not said.startswith(f"{delivered.executor_id} ".encode()):
            raise SafetyViolation(f"{self._name} hears {said!r} from {delivered.executor_id}")

    def _new(self) -> ExecutorInfo:
        habits, chance = self._habits, self._chance
        self._last += 1
        id = ExecutorId(f"{self._name}.e{self._last}")
        is_late = chance.random() < habits.late
        program = ExecutorProgram(
            what=id,
            seconds=round(chance.expovariate(1 / habits.crash_s), 3) if habits.crash_s else FOREVER_S,
            status=1,
            hungry=chance.random() < habits.hungry,
            stubborn=round(chance.random() * habits.stubborn_s, 3),
            libprocess=chance.random() < habits.libprocess,
            late=round(chance.random() * habits.late_s, 3) if is_late else 0.0,
            idle=round(chance.expovariate(1 / habits.idle_s), 3) if habits.idle_s else FOREVER_S,
        )
        return ExecutorInfo(
            executor_id=id,
            type=ExecutorType.CUSTOM,
            resources=EXECUTOR,
            command=CommandInfo(value=program.command()),
        )


def given_to(tasks: list[TaskInfo], executor: ExecutorInfo) -> list[TaskInfo]:
    """Let an executor of its framework's own run tasks, which say what they do where a command would be."""
    return [msgspec.structs.replace(task, executor=executor, has_command=False) for task in tasks]


def speaks_libprocess(info: ExecutorInfo) -> bool:
    """Tell whether an executor speaks v0, which knows no groups of tasks."""
    assert info.command is not None, "an executor has a command"
    return ExecutorProgram.of(info.command.value or "").libprocess


def drawn_habits(chance: random.Random) -> Habits:
    """Draw whether and how a framework uses executors of its own."""
    pick = chance.choice
    if chance.random() >= USED:
        return NO_HABITS
    return Habits(
        often=pick([0.5, 1.0]),
        libprocess=pick([0.0, 0.5, 1.0]),
        crash_s=pick([0.0, 0.0, 30.0]),
        hungry=pick([0.0, 0.3]),
        late=pick([0.0, 0.0, 0.3]),
        late_s=pick([2.0, 15.0]),
        idle_s=pick([0.0, 1.0, 10.0]),
        stubborn_s=pick([0.0, 2.0, 10.0]),
        bother_s=pick([0.0, 1.0, 5.0]),
    )
