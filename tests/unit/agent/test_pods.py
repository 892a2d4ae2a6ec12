"""Pods on the built-in executor, seen from outside."""

from __future__ import annotations

import pytest

from meseta.agent.effects import (
    Checkpoint,
    DestroyContainer,
    ExecutorExited,
    PrepareSandbox,
    RemovePath,
    SignalContainer,
    StartContainer,
    TaskCheckpoint,
)
from meseta.agent.events import (
    ContainerExited,
    ContainerStarted,
    ContainerStartFailed,
    KillTaskReceived,
    SandboxPrepared,
    ShutdownExecutorReceived,
)
from meseta.ids import ContainerId, ExecutorId, TaskId
from meseta.records import FrameworkCapability, TaskReason, TaskState
from tests.unit.agent.agent_kit import FRAMEWORK, MASTER, Book, command_task, framework

INFO = framework(False, FrameworkCapability.TASK_KILLING_STATE)


@pytest.fixture
def book() -> Book:
    return Book().register()


def launch(book: Book, *names: str) -> dict[str, ContainerId]:
    """Run a pod up to RUNNING; return the containers of its tasks."""
    book.run_group(*(command_task(name) for name in names), info=INFO)
    plans = [effect.plan for effect in book.all(StartContainer)]
    frames = book.all(PrepareSandbox)
    assert set(book.acknowledge()) == {TaskState.TASK_STARTING}
    book.do(*(SandboxPrepared(frame.container_id) for frame in frames))
    book.do(*(ContainerStarted(container_id=plan.container_id, pid=7 + i) for i, plan in enumerate(plans)))
    assert set(book.acknowledge()) == {TaskState.TASK_RUNNING}
    return {name: plan.container_id for name, plan in zip(names, plans, strict=True)}


def exited(book: Book, container: ContainerId, status: int) -> None:
    book.do(ContainerExited(container_id=container, wait_status=status))


def statuses(book: Book) -> list[tuple[str, TaskState]]:
    return [(update.status.task_id, update.status.state) for update in book.updates()]


def test_tasks_run_nested_in_the_executors_sandbox(book: Book) -> None:
    book.run_group(command_task("a"), command_task("b"))
    frame = book.only(PrepareSandbox)
    plans = [effect.plan for effect in book.all(StartContainer)]
    assert len(plans) == 2
    for plan in plans:
        parent, _, child = plan.container_id.partition(".")
        assert parent == frame.container_id
        assert plan.sandbox.path == f"{frame.sandbox.path}/containers/{child}"
        assert dict(plan.environment)["MESOS_SANDBOX"] == plan.sandbox.path
        assert dict(plan.environment)["MESOS_CONTAINER_IP"] == "10.0.0.1"
    starting = book.updates()[0].status.container_status
    assert starting is not None
    assert (starting.container_id, starting.executor_pid) == (plans[0].container_id, None)
    book.do(SandboxPrepared(frame.container_id))
    assert not book.effects


def test_a_running_task_shows_its_own_process(book: Book) -> None:
    containers = launch(book, "a", "b")
    shown = {u.status.task_id: u.status.container_status for u in book.updates()}
    running = shown[TaskId("a")]
    assert running is not None
    assert (running.container_id, running.executor_pid) == (containers["a"], 7)


def test_the_executor_ends_with_its_last_task(book: Book) -> None:
    containers = launch(book, "a", "b")
    exited(book, containers["a"], 0)
    assert not book.all(ExecutorExited)
    book.acknowledge()
    exited(book, containers["b"], 0)
    assert book.only(ExecutorExited).status == 0
    assert book.acknowledge() == [TaskState.TASK_FINISHED]
    assert not book.agent.state.frameworks
    assert not len(book.agent.state.containers)


def test_one_that_fails_takes_its_group_with_it(book: Book) -> None:
    containers = launch(book, "a", "b")
    other = launch(book, "c")
    exited(book, containers["a"], 1 << 8)
    assert statuses(book) == [("a", TaskState.TASK_FAILED), ("b", TaskState.TASK_KILLING)]
    assert book.only(SignalContainer).container_id == containers["b"]
    book.acknowledge()
    exited(book, containers["b"], 15)
    assert statuses(book) == [("b", TaskState.TASK_KILLED)]
    assert not book.all(ExecutorExited)
    book.acknowledge()
    exited(book, other["c"], 0)
    book.only(ExecutorExited)


def test_one_that_is_killed_takes_its_group_with_it(book: Book) -> None:
    containers = launch(book, "a", "b")
    book.do(KillTaskReceived(sender=MASTER, framework_id=FRAMEWORK, task_id=TaskId("b")))
    book.acknowledge()
    exited(book, containers["b"], 15)
    assert statuses(book) == [("b", TaskState.TASK_KILLED), ("a", TaskState.TASK_KILLING)]


def test_one_that_cannot_start_takes_its_group_with_it(book: Book) -> None:
    book.run_group(command_task("a"), command_task("b"), info=INFO)
    first, second = (effect.plan.container_id for effect in book.all(StartContainer))
    book.acknowledge()
    book.do(ContainerStartFailed(container_id=first, message="no"))
    assert book.updates()[0].status.reason is TaskReason.REASON_CONTAINER_LAUNCH_FAILED
    assert not book.all(SignalContainer)
    book.do(ContainerStarted(container_id=second, pid=9))
    assert book.only(DestroyContainer).container_id == second
    exited(book, second, 9)
    assert statuses(book) == [("b", TaskState.TASK_KILLED)]
    assert not book.all(ExecutorExited), "the sandbox is still being made"
    book.do(SandboxPrepared(ContainerId(second.partition(".")[0])))
    assert book.only(ExecutorExited).status == 0


def test_a_shutdown_kills_all_tasks_first(book: Book) -> None:
    containers = launch(book, "a", "b")
    book.do(ShutdownExecutorReceived(sender=MASTER, framework_id=FRAMEWORK, executor_id=ExecutorId("pod")))
    assert len(book.all(SignalContainer)) == 2
    book.acknowledge()
    exited(book, containers["a"], 15)
    exited(book, containers["b"], 15)
    assert book.only(ExecutorExited).status == 0


def test_a_shutdown_that_is_ignored_ends_in_destruction(book: Book) -> None:
    launch(book, "a", "b")
    book.do(ShutdownExecutorReceived(sender=MASTER, framework_id=FRAMEWORK, executor_id=ExecutorId("pod")))
    book.acknowledge()
    book.wait(3.5)
    assert len(book.all(DestroyContainer)) == 2
    book.wait(3.0)
    assert book.all(ExecutorExited)


def test_tasks_of_a_pod_are_written_down_with_its_name(book: Book) -> None:
    info = framework(True)
    book.run_group(command_task("a"), command_task("b"), info=info)
    (one,) = {record.group for record in written(book)}
    book.run_group(command_task("c"), info=info)
    (other,) = {record.group for record in written(book)}
    assert None not in (one, other)
    assert one != other


def test_a_new_task_with_an_old_id_begins_with_an_empty_directory(book: Book) -> None:
    """Else a restarted agent would take the updates of both for those of one."""
    info = framework(True)
    book.run_group(command_task("a"), command_task("b"), info=info)
    container = book.all(StartContainer)[0].plan.container_id
    book.acknowledge()
    book.do(ContainerStarted(container_id=container, pid=7))
    book.acknowledge()
    exited(book, container, 0)
    assert book.acknowledge() == [TaskState.TASK_FINISHED]
    book.run_group(command_task("a"), info=info)
    changes = [effect for effect in book.effects if isinstance(effect, Checkpoint | RemovePath)]
    assert isinstance(changes[0], RemovePath)
    assert isinstance(changes[1], Checkpoint)
    assert changes[1].path == f"{changes[0].path}/task.info"


def written(book: Book) -> list[TaskCheckpoint]:
    records = [effect.record for effect in book.all(Checkpoint)]
    return [record for record in records if isinstance(record, TaskCheckpoint)]
