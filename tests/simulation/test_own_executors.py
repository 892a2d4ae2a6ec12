"""Executors of frameworks' own: what a v0 executor does by itself, and what both kinds do in a cluster."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from meseta.agent import effects as told
from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, TaskId, new_uuid
from meseta.records import (
    AgentInfo,
    CommandInfo,
    ExecutorInfo,
    FrameworkInfo,
    TaskInfo,
    TaskState,
    TaskStatus,
)
from meseta.resources import Resources
from meseta.sdk import executor_events as sdk
from meseta.sim.executor_tasks import Work
from meseta.sim.failures import SafetyViolation
from meseta.sim.libprocess_executor import Heard, LibprocessExecutor, LinkBroken, Register, Reregister
from meseta.sim.own_executors import Habits
from meseta.sim.plan import calm_plan
from meseta.sim.programs import ExecutorProgram, Program, program_of
from meseta.sim.simulation import Simulation
from meseta.sim.temper import Temper
from meseta.sim.trace import Trace

OF: dict[str, Any] = {"agent_id": AgentId("a"), "framework_id": FrameworkId("f")}
FRAMEWORK = FrameworkInfo(user="u", name="f", id=FrameworkId("f"))
GREETING = told.Subscribed(
    framework=FRAMEWORK,
    executor=ExecutorInfo(executor_id=ExecutorId("e"), resources=Resources.EMPTY),
    agent=AgentInfo(hostname="h", port=1, resources=Resources.EMPTY, id=AgentId("a")),
    container_id=ContainerId("c"),
)


def task(name: str, program: Program | None = None) -> TaskInfo:
    command = (program or Program(what=name)).command()
    return TaskInfo(
        task_id=TaskId(name),
        name=name,
        agent_id=AgentId("a"),
        resources=Resources.EMPTY,
        command=CommandInfo(value=command),
    )


def launch(name: str, program: Program | None = None) -> told.LaunchTask:
    return told.LaunchTask(framework=FRAMEWORK, task=task(name, program))


# The v0 executor ----------------------------------------------------------------------------------------


def heard(executor: LibprocessExecutor, message: told.ExecutorMessage) -> list[sdk.Effect]:
    return executor.handle(Heard(message=message), 0.0)


def registered(recovery_timeout_s: float | None = 10.0) -> LibprocessExecutor:
    executor = LibprocessExecutor(recovery_timeout_s=recovery_timeout_s)
    assert executor.handle(sdk.Started(), 0.0) == [Register()]
    heard(executor, GREETING)
    return executor


def update(name: str) -> sdk.UpdateMade:
    uuid = new_uuid(random.Random(name))
    status = TaskStatus(task_id=TaskId(name), state=TaskState.TASK_RUNNING, uuid=uuid)
    return sdk.UpdateMade(task_id=status.task_id, uuid=uuid, terminal=False, payload=status)


def test_nothing_is_done_before_the_agent_knows_the_executor() -> None:
    executor = LibprocessExecutor(recovery_timeout_s=10.0)
    executor.handle(sdk.Started(), 0.0)
    assert heard(executor, launch("t")) == []


def test_what_is_not_acknowledged_is_brought_back() -> None:
    executor = registered()
    heard(executor, launch("t"))
    heard(executor, launch("u"))
    for each in (update("t"), update("u")):
        assert executor.handle(each, 0.0) == [sdk.SendUpdate(payload=each.payload)]
    acknowledged = told.Acknowledged(**OF, task_id=TaskId("t"), uuid=update("t").uuid)
    assert heard(executor, acknowledged) == []
    executor.handle(LinkBroken(), 1.0)
    (back,) = heard(executor, told.Reconnect(agent_id=AgentId("a")))
    assert back == Reregister(tasks=(task("u"),), updates=(update("u").payload,))


def test_an_agent_that_does_not_come_back_is_given_up() -> None:
    executor = registered()
    executor.handle(LinkBroken(), 1.0)
    assert executor.deadline() == 11.0
    assert executor.tick(10.9) == []
    (end,) = executor.tick(11.0)
    assert isinstance(end, sdk.ReportShutdown)
    assert heard(executor, launch("t")) == []


def test_without_checkpoints_it_ends_with_its_agent() -> None:
    (end,) = registered(None).handle(LinkBroken(), 1.0)
    assert isinstance(end, sdk.ReportShutdown)


def test_a_task_that_comes_twice_is_a_violation() -> None:
    executor = registered()
    heard(executor, launch("t"))
    with pytest.raises(SafetyViolation, match="twice"):
        heard(executor, launch("t"))


# What its tasks do --------------------------------------------------------------------------------------


class Bench:
    """A process whose time passes when it is told to."""

    def __init__(self, program: ExecutorProgram) -> None:
        self.reported: list[tuple[str, str]] = []
        self.said: list[bytes] = []
        self.stopped = False
        self.ran: set[str] = set()
        self._due: list[Callable[[], None]] = []
        self.work = Work(self, program, random.Random(1), self.ran)

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        self._due.append(action)

    def report(self, task_id: TaskId, state: TaskState) -> None:
        self.reported.append((task_id, state.name))

    def say(self, data: bytes) -> None:
        self.said.append(data)

    def stop(self) -> None:
        self.stopped = True

    def run(self) -> None:
        while self._due:
            self._due.pop(0)()


def test_a_task_goes_through_its_states() -> None:
    bench = Bench(ExecutorProgram(what="e"))
    bench.work.on_told(launch("t", Program(what="t", seconds=1.0)))
    bench.work.on_told(launch("u", Program(what="u", seconds=1.0, status=3)))
    bench.run()
    assert [state for name, state in bench.reported if name == "t"] == [
        "TASK_STARTING",
        "TASK_RUNNING",
        "TASK_FINISHED",
    ]
    assert bench.reported[-1] == ("u", "TASK_FAILED")
    assert bench.ran == {"t", "u"}
    assert not bench.stopped


def test_an_executor_that_leaves_ends_its_tasks_and_takes_no_more() -> None:
    bench = Bench(ExecutorProgram(what="e"))
    bench.work.on_told(launch("t"))
    bench.work.on_told(told.Shutdown())
    bench.work.on_told(launch("u"))
    bench.run()
    assert ("t", "TASK_KILLED") in bench.reported
    assert bench.ran == {"t"}
    assert bench.stopped


def test_one_without_tasks_leaves_by_itself() -> None:
    bench = Bench(ExecutorProgram(what="e", idle=1.0))
    bench.work.on_subscribed(GREETING)
    bench.run()
    assert bench.stopped


def test_messages_are_said_back_and_only_those_for_it_may_come() -> None:
    bench = Bench(ExecutorProgram(what="e"))
    bench.work.on_told(told.Message(**OF, executor_id=ExecutorId("e"), data=b"e 1"))
    assert bench.said == [b"e 1"]
    with pytest.raises(SafetyViolation):
        bench.work.on_told(told.Message(**OF, executor_id=ExecutorId("e"), data=b"f 1"))


@pytest.mark.parametrize(
    "program",
    [
        Program(what="t", seconds=2.5, status=3, stubborn=0.25, hungry=True),
        ExecutorProgram(what="e", libprocess=True, late=1.5, idle=2.0),
        ExecutorProgram(what="e"),
    ],
)
def test_programs_survive_being_commands(program: Program) -> None:
    assert program_of(program.command()) == program


# In a cluster -------------------------------------------------------------------------------------------


def test_executors_of_both_protocols_share_a_cluster() -> None:
    tempers = tuple(
        Temper(role=role, task_s=5.0, executors=Habits(often=1.0, libprocess=libprocess, bother_s=2.0))
        for role, libprocess in (("a", 0.0), ("b", 1.0))
    )
    plan = replace(calm_plan(1, agents=2, frameworks=2, duration_s=40.0), frameworks=tempers)
    simulation = Simulation(plan, Trace(on=False))
    assert simulation.run().failure is None
    for mark in (
        "executor subscribes",
        "executor registers",
        "executor is given what waited for it",
        "executor runs several tasks",
        "message reaches an executor",
        "message of an executor reaches its framework",
        "framework is told that its executor has ended",
    ):
        assert simulation.marks.counts[mark], mark
