"""The life of a command task, from the master's word to the last acknowledgement."""

from __future__ import annotations

import pytest

from meseta.agent.effects import (
    Checkpoint,
    DestroyContainer,
    ExecutorExited,
    PrepareSandbox,
    SignalContainer,
    StartContainer,
    UpdateCheckpoint,
)
from meseta.agent.events import (
    ContainerExited,
    ContainerStarted,
    ContainerStartFailed,
    KillTaskReceived,
    SandboxFailed,
    SandboxPrepared,
)
from meseta.ids import TaskId
from meseta.records import (
    CommandInfo,
    FrameworkCapability,
    TaskReason,
    TaskSource,
    TaskState,
    Uri,
)
from meseta.resources import Resources
from tests.unit.agent.agent_kit import AGENT, FRAMEWORK, MASTER, WORK_DIR, Book, command_task, framework


@pytest.fixture
def book() -> Book:
    return Book().register()


STARTING, RUNNING = TaskState.TASK_STARTING, TaskState.TASK_RUNNING
FINISHED, FAILED, KILLED = TaskState.TASK_FINISHED, TaskState.TASK_FAILED, TaskState.TASK_KILLED


def running(book: Book, **changes: object) -> str:
    """Run a task until its RUNNING is acknowledged; return its container's id."""
    book.run(command_task(**changes), framework(False, FrameworkCapability.TASK_KILLING_STATE))
    plan = book.only(StartContainer).plan
    book.start()
    assert book.acknowledge() == [STARTING, RUNNING]
    return plan.container_id


def exited(book: Book, container_id: str, status: int | None) -> None:
    book.do(ContainerExited(container_id=container_id, wait_status=status))


def kill(book: Book, grace_s: float | None = None) -> None:
    book.do(
        KillTaskReceived(sender=MASTER, framework_id=FRAMEWORK, task_id=TaskId("t1"), grace_period_s=grace_s)
    )


def test_a_task_is_one_effect_and_is_reported_as_mesos_does(book: Book) -> None:
    book.run(command_task(value="echo hi"))
    (effect,) = book.effects
    assert isinstance(effect, StartContainer)
    plan = effect.plan
    assert (plan.file, plan.argv) == ("/bin/sh", ("sh", "-c", "echo hi"))
    assert plan.user == "nobody"
    run = f"{WORK_DIR}/slaves/{AGENT}/frameworks/{FRAMEWORK}/executors/t1/runs"
    assert plan.sandbox.path == f"{run}/{plan.container_id}"
    assert plan.sandbox.latest == f"{run}/latest"
    book.start(pid=77)
    update = book.updates()[0]
    assert update.latest_state is STARTING
    status = update.status
    assert (status.state, status.source, status.executor_id) == (STARTING, TaskSource.SOURCE_EXECUTOR, "t1")
    assert (status.agent_id, status.timestamp, status.reason) == (AGENT, book.now, None)
    assert status.container_status is not None
    assert status.container_status.executor_pid == 77
    assert status.container_status.ip_addresses == ("10.0.0.1",)
    assert book.acknowledge() == [STARTING, RUNNING]


def test_exit_zero_is_finished_and_leaves_nothing(book: Book) -> None:
    exited(book, running(book), 0)
    assert book.updates()[0].status.message == "Command exited with status 0"
    assert not book.all(ExecutorExited)
    assert book.acknowledge() == [FINISHED]
    assert not book.agent.state.frameworks
    assert FRAMEWORK in book.agent.state.completed_frameworks


def test_other_exits_are_failed_without_a_reason(book: Book) -> None:
    exited(book, running(book), 3 << 8)
    status = book.updates()[0].status
    assert (status.state, status.message, status.reason) == (FAILED, "Command exited with status 3", None)


def test_a_kill_escalates_after_the_grace_of_the_call(book: Book) -> None:
    container = running(book, kill_grace_period_s=60.0)
    kill(book, 5.0)
    assert book.only(SignalContainer).signal == 15
    assert book.acknowledge() == [TaskState.TASK_KILLING]
    assert not book.wait(4.9)
    book.wait(0.2)
    assert book.only(DestroyContainer).container_id == container
    exited(book, container, 9)
    status = book.updates()[0].status
    assert (status.state, status.message) == (KILLED, "Command terminated with signal Killed")


def test_a_second_kill_may_only_shorten_the_wait(book: Book) -> None:
    running(book)
    kill(book, 30.0)
    book.acknowledge()
    kill(book, 60.0)
    kill(book, 10.0)
    assert not book.effects
    book.wait(10.1)
    book.only(DestroyContainer)


def test_without_a_policy_the_wait_is_three_seconds(book: Book) -> None:
    running(book)
    kill(book)
    book.acknowledge()
    book.wait(2.9)
    assert not book.all(DestroyContainer)
    book.wait(0.2)
    book.only(DestroyContainer)


def test_the_maximum_completion_time_fails_the_task(book: Book) -> None:
    container = running(book, max_completion_s=5.0)
    book.wait(5.0)
    book.only(SignalContainer)
    assert not book.updates()
    exited(book, container, 15)
    status = book.updates()[0].status
    assert status.state is FAILED
    assert status.reason is TaskReason.REASON_MAX_COMPLETION_TIME_REACHED
    assert status.message == "Command terminated with signal Terminated"


def test_what_is_to_be_fetched_comes_before_the_start(book: Book) -> None:
    uris = (Uri(value="http://example.com/a.tgz"),)
    book.run(command_task(command=CommandInfo(value="true", uris=uris)))
    prepare = book.only(PrepareSandbox)
    assert prepare.uris == uris
    assert not book.all(StartContainer)
    book.do(SandboxPrepared(prepare.container_id))
    book.only(StartContainer)


def test_a_fetch_that_fails_fails_the_task(book: Book) -> None:
    book.run(command_task(command=CommandInfo(value="true", uris=(Uri(value="nowhere"),))))
    book.do(SandboxFailed(container_id=book.only(PrepareSandbox).container_id, message="no such file"))
    status = book.updates()[0].status
    assert status.reason is TaskReason.REASON_CONTAINER_LAUNCH_FAILED
    assert status.message == "Failed to launch container: no such file"
    assert book.acknowledge() == [FAILED]
    assert not book.agent.state.frameworks


def test_a_kill_gives_a_fetch_up(book: Book) -> None:
    book.run(command_task(command=CommandInfo(value="true", uris=(Uri(value="slow"),))))
    container = book.only(PrepareSandbox).container_id
    kill(book)
    assert book.only(DestroyContainer).container_id == container
    kill(book)
    assert not book.all(DestroyContainer)
    book.do(SandboxFailed(container_id=container, message="the fetch was given up"))
    status = book.updates()[0].status
    assert status.reason is TaskReason.REASON_TASK_KILLED_DURING_LAUNCH
    assert status.message == "Killed before its command was started"
    assert book.acknowledge() == [KILLED]


def test_a_start_that_fails_fails_the_task(book: Book) -> None:
    book.run(command_task())
    plan = book.only(StartContainer).plan
    book.do(ContainerStartFailed(container_id=plan.container_id, message="fork: out of memory"))
    assert book.acknowledge() == [FAILED]


def test_a_kill_before_the_start_waits_for_the_process(book: Book) -> None:
    book.run(command_task())
    container = book.only(StartContainer).plan.container_id
    kill(book)
    assert not book.effects
    book.do(ContainerStarted(container_id=container, pid=5))
    book.only(DestroyContainer)
    assert not book.updates()
    exited(book, container, 9)
    assert book.updates()[0].status.reason is TaskReason.REASON_TASK_KILLED_DURING_LAUNCH
    assert book.acknowledge() == [KILLED]


def test_too_much_memory_is_a_limitation(book: Book) -> None:
    container = running(book)
    book.do(
        ContainerExited(
            container_id=container, wait_status=9, limitation="mem", message="Memory limit exceeded"
        )
    )
    status = book.updates()[0].status
    assert status.reason is TaskReason.REASON_CONTAINER_LIMITATION_MEMORY
    assert (status.state, status.message) == (FAILED, "Memory limit exceeded")
    assert status.limitation == Resources.scalars(mem=command_task().resources.scalar("mem") / 1000)


def test_a_checkpointing_framework_sees_nothing_that_is_not_written(book: Book) -> None:
    book.run(command_task(), framework(True))
    paths = [effect.path.rpartition("/")[2] for effect in book.all(Checkpoint)]
    assert paths == [
        "framework.info",
        "framework.pid",
        "executor.info",
        "executor_generated_for_command_task",
        "task.info",
    ]
    assert isinstance(book.effects[-1], StartContainer)
    book.start()
    kinds = [type(effect).__name__ for effect in book.effects]
    assert kinds == ["Checkpoint", "Checkpoint", "Checkpoint", "SendToMaster"]
    assert book.acknowledge() == [STARTING, RUNNING]
    acks = [
        e for e in book.all(Checkpoint) if isinstance(e.record, UpdateCheckpoint) and e.record.acknowledged
    ]
    assert len(acks) == 2


def test_updates_come_again_until_they_are_acknowledged(book: Book) -> None:
    book.run(command_task())
    book.start()
    first = book.updates()[0]
    book.wait(10.0)
    (again,) = book.updates()
    assert (again.uuid, again.status, again.latest_state) == (first.uuid, first.status, RUNNING)
    book.wait(20.0)
    assert book.updates() == [again]


def test_what_a_framework_had_run_is_remembered_when_it_comes_back() -> None:
    book = Book(max_completed_executors_per_framework=2).register()
    for name in ("t1", "t2", "t3"):
        book.run(command_task(name))
        container = book.only(StartContainer).plan.container_id
        book.start()
        assert book.acknowledge() == [STARTING, RUNNING]
        book.do(ContainerExited(container_id=container, wait_status=0))
        assert book.acknowledge() == [FINISHED]
        assert not book.agent.state.frameworks
    (gone,) = book.agent.state.completed_frameworks.values()
    assert [executor.id for executor in gone.completed] == ["t2", "t3"]
