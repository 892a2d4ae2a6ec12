"""Tasks wait for the disk on their way to executors, with what else these are told behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.agent.deliveries import Deliveries
from meseta.agent.effects import (
    CloseExecutorStream,
    KillTask,
    LaunchTask,
    LaunchTaskGroup,
    SendToExecutor,
    Shutdown,
)
from meseta.agent.events import ExecutorPeer
from meseta.ids import AgentId, ExecutorId, FrameworkId, Pid, TaskId
from meseta.records import ExecutorInfo, FrameworkInfo, TaskGroupInfo, TaskInfo
from meseta.resources import Resources

OLD = Pid("executor(1)@10.0.0.1:7")
FRAMEWORK = FrameworkInfo(user="root", name="f", id=FrameworkId("f"))
EXECUTOR = ExecutorInfo(executor_id=ExecutorId("e"), resources=Resources.EMPTY)


class Place:
    """A disk that takes one write at a time, when it is told to, and what was performed."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.waiting: list[Callable[[], None]] = []
        self._performers = Deliveries(self.done.append, self.done.append, self.waiting.append).performers()

    def perform(self, *effects: Any) -> None:
        for effect in effects:
            self._performers[type(effect)](effect)

    def write(self) -> None:
        self.waiting.pop(0)()


def launch(peer: ExecutorPeer, name: str) -> SendToExecutor:
    info = TaskInfo(task_id=TaskId(name), name=name, agent_id=AgentId("a"), resources=Resources.EMPTY)
    return SendToExecutor(peer, LaunchTask(framework=FRAMEWORK, task=info))


def kill(peer: ExecutorPeer, name: str) -> SendToExecutor:
    return SendToExecutor(peer, KillTask(framework_id=FrameworkId("f"), task_id=TaskId(name)))


def test_no_executor_is_given_a_task_before_it_is_written_down() -> None:
    place = Place()
    group = LaunchTaskGroup(framework=FRAMEWORK, executor=EXECUTOR, group=TaskGroupInfo(tasks=()))
    given = [launch(7, "t"), SendToExecutor(8, group), launch(OLD, "u")]
    place.perform(*given)
    assert place.done == []
    for number in range(3):
        place.write()
        assert place.done == given[: number + 1]


def test_what_an_executor_is_told_after_a_task_waits_behind_it() -> None:
    place = Place()
    place.perform(launch(7, "t"), kill(7, "t"), launch(7, "u"), SendToExecutor(7, Shutdown()))
    place.perform(CloseExecutorStream(7))
    assert place.done == []
    place.write()
    assert place.done == [launch(7, "t"), kill(7, "t")]
    place.write()
    assert place.done[2:] == [launch(7, "u"), SendToExecutor(7, Shutdown()), CloseExecutorStream(7)]


def test_other_executors_are_not_held_up() -> None:
    place = Place()
    place.perform(launch(7, "t"), kill(8, "v"), kill(OLD, "w"), CloseExecutorStream(8))
    assert place.done == [kill(8, "v"), kill(OLD, "w"), CloseExecutorStream(8)]
    place.write()
    place.perform(kill(7, "t"))
    assert place.done[3:] == [launch(7, "t"), kill(7, "t")]
