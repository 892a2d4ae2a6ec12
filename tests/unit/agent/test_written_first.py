"""What begins a task waits for the disk, with what is about the same container or executor behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.agent.effects import (
    CloseExecutorStream,
    ContainerPlan,
    DestroyContainer,
    KillTask,
    LaunchTask,
    LaunchTaskGroup,
    RemoveContainer,
    Sandbox,
    SendToExecutor,
    Shutdown,
    SignalContainer,
    StartContainer,
    UpdateContainer,
)
from meseta.agent.events import ExecutorPeer
from meseta.agent.written_first import TARGETS, WrittenFirst
from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, Pid, TaskId
from meseta.records import ExecutorInfo, FrameworkInfo, TaskGroupInfo, TaskInfo
from meseta.resources import Resources

A, B = ContainerId("a"), ContainerId("b")
OLD = Pid("executor(1)@10.0.0.1:7")
FRAMEWORK = FrameworkInfo(user="root", name="f", id=FrameworkId("f"))
EXECUTOR = ExecutorInfo(executor_id=ExecutorId("e"), resources=Resources.EMPTY)


class Place:
    """A disk that takes one write at a time, when it is told to, and what was performed."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.waiting: list[Callable[[], None]] = []
        self._performers = WrittenFirst(
            dict.fromkeys(TARGETS, self.done.append), self.waiting.append
        ).performers()

    def perform(self, *effects: Any) -> None:
        for effect in effects:
            self._performers[type(effect)](effect)

    def write(self) -> None:
        self.waiting.pop(0)()

    def write_all(self) -> None:
        while self.waiting:
            self.write()


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


def start(id: ContainerId) -> StartContainer:
    return StartContainer(
        ContainerPlan(
            container_id=id,
            file="true",
            argv=("true",),
            environment=(),
            sandbox=Sandbox(path="/s"),
            user=None,
        )
    )


def test_nothing_starts_before_it_is_written_down() -> None:
    place = Place()
    place.perform(start(A), start(B))
    assert place.done == []
    place.write_all()
    assert place.done == [start(A), start(B)]


def test_what_follows_a_start_waits_for_it_in_order() -> None:
    place = Place()
    behind = [
        SignalContainer(container_id=A, signal=15),
        DestroyContainer(A),
        UpdateContainer(container_id=A, resources=Resources.EMPTY),
        RemoveContainer(A),
    ]
    place.perform(start(A), *behind)
    assert place.done == []
    place.write_all()
    assert place.done == [start(A), *behind]


def test_other_containers_are_not_held_up() -> None:
    place = Place()
    place.perform(start(B))
    place.write_all()
    place.perform(start(A), DestroyContainer(B))
    assert place.done == [start(B), DestroyContainer(B)]
    place.write_all()
    place.perform(RemoveContainer(A))
    assert place.done[2:] == [start(A), RemoveContainer(A)]
