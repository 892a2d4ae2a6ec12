"""Executors that are processes of their own: v1 over HTTP and v0 over libprocess."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from meseta.agent.effects import (
    Acknowledged,
    Checkpoint,
    CloseExecutorStream,
    DeliverToFramework,
    DestroyContainer,
    ErrorEvent,
    ExecutorExited,
    KillTask,
    LaunchTask,
    LaunchTaskGroup,
    Link,
    Message,
    SendToExecutor,
    SendToFramework,
    Shutdown,
    StartContainer,
    Subscribed,
    UpdateContainer,
)
from meseta.agent.events import (
    ContainerExited,
    ContainerStartFailed,
    ExecutorRegistered,
    ExecutorStreamClosed,
    ExecutorSubscribed,
    ExecutorUpdated,
    FrameworkUpdated,
    KillTaskReceived,
    MessageForExecutorReceived,
    MessageForFrameworkReceived,
    RunTaskGroupReceived,
    ShutdownExecutorReceived,
    ShutdownFrameworkReceived,
    UnacknowledgedUpdate,
)
from meseta.agent.views import executor_call_fault
from meseta.ids import ExecutorId, Pid, TaskId, new_uuid
from meseta.records import (
    FrameworkCapability,
    TaskGroupInfo,
    TaskReason,
    TaskSource,
    TaskState,
    TaskStatus,
)
from meseta.resources import Resources
from tests.unit.agent.agent_kit import (
    AGENT,
    FRAMEWORK,
    MASTER,
    WORK_DIR,
    Book,
    command_task,
    custom_executor,
    executor_task,
    framework,
    pod_executor,
)

E1 = ExecutorId("e1")
EXECUTOR_PID = Pid("executor(1)@10.0.0.1:4000")


@pytest.fixture
def book() -> Book:
    return Book().register()


def subscribe(stream: int = 1, **changes: object) -> ExecutorSubscribed:
    return ExecutorSubscribed(stream=stream, framework_id=FRAMEWORK, executor_id=E1, **changes)  # type: ignore[arg-type]


def update(book: Book, state: TaskState, task: str = "t1", **changes: object) -> TaskStatus:
    """Have the executor report; return what it said."""
    settings = {
        "task_id": TaskId(task),
        "state": state,
        "uuid": new_uuid(book.agent.state.entropy),
        **changes,
    }
    status = TaskStatus(**settings)  # type: ignore[arg-type]
    book.do(ExecutorUpdated(framework_id=FRAMEWORK, executor_id=E1, status=status))
    return status


def up(book: Book, **changes: object) -> str:
    """Run a task on an executor that has subscribed; return the container's id."""
    book.run(executor_task(), **changes)  # type: ignore[arg-type]
    container = book.only(StartContainer).plan.container_id
    book.start()
    book.do(subscribe())
    return container


def exited(book: Book, container: str, status: int | None) -> None:
    book.do(ContainerExited(container_id=container, wait_status=status))


def test_an_executor_is_started_and_given_what_waits_for_it(book: Book) -> None:
    book.run(executor_task("t1"))
    plan = book.only(StartContainer).plan
    environment = dict(plan.environment)
    assert environment["MESOS_EXECUTOR_ID"] == "e1"
    assert environment["MESOS_DIRECTORY"] == plan.sandbox.path
    assert plan.resources == Resources.scalars(cpus=1.1, mem=64)
    book.run(executor_task("t2"))
    assert not book.effects
    book.start()
    book.do(subscribe())
    greeting = book.only(Subscribed)
    assert (greeting.container_id, greeting.agent.id) == (plan.container_id, AGENT)
    assert [launch.task.task_id for launch in book.all(LaunchTask)] == ["t1", "t2"]
    assert book.only(UpdateContainer).resources == Resources.scalars(cpus=2.1, mem=96)
    book.run(executor_task("t3"))
    assert book.only(LaunchTask).task.task_id == "t3"


def test_an_executor_may_burst_as_far_as_its_tasks_together(book: Book) -> None:
    book.run(executor_task("t1", limits=(("cpus", 2.0), ("mem", float("inf")))))
    assert book.only(StartContainer).plan.limits == (("cpus", 2.1), ("mem", float("inf")))
    book.start()
    book.run(executor_task("t2"))
    book.do(subscribe())
    assert book.only(UpdateContainer).limits == (("cpus", 3.1), ("mem", float("inf")))


def test_a_v0_executor_is_linked_to(book: Book) -> None:
    book.run(executor_task(), framework(True), framework_pid=Pid("scheduler@10.0.0.2:1"))
    book.do(ExecutorRegistered(pid=EXECUTOR_PID, framework_id=FRAMEWORK, executor_id=E1))
    assert book.only(Link).pid == EXECUTOR_PID
    assert book.only(LaunchTask).framework_pid == "scheduler@10.0.0.2:1"
    assert book.all(Checkpoint)[0].path.endswith("pids/libprocess.pid")


def test_an_executor_that_nobody_waits_for_is_sent_away(book: Book) -> None:
    book.do(subscribe(5))
    assert book.all(ErrorEvent)
    assert book.all(Shutdown)
    assert book.only(CloseExecutorStream).stream == 5
    book.do(ExecutorRegistered(pid=EXECUTOR_PID, framework_id=FRAMEWORK, executor_id=E1))
    book.only(Shutdown)


def test_an_executor_that_does_not_register_in_time_is_destroyed(book: Book) -> None:
    book.run(executor_task())
    container = book.only(StartContainer).plan.container_id
    book.start()
    book.wait(60.0)
    assert book.only(DestroyContainer).container_id == container
    exited(book, container, 9)
    status = book.updates()[0].status
    assert status.reason is TaskReason.REASON_EXECUTOR_REGISTRATION_TIMEOUT
    assert status.message == "Executor did not register within 1mins"
    assert book.only(ExecutorExited).status == 9


def test_an_executor_that_cannot_start_fails_its_tasks(book: Book) -> None:
    book.run(executor_task())
    container = book.only(StartContainer).plan.container_id
    book.do(ContainerStartFailed(container_id=container, message="no such file"))
    status = book.updates()[0].status
    assert (status.state, status.source) == (TaskState.TASK_FAILED, TaskSource.SOURCE_AGENT)
    assert status.reason is TaskReason.REASON_CONTAINER_LAUNCH_FAILED
    assert status.container_status is None
    assert book.only(ExecutorExited).status == -1


def test_updates_are_filled_in_forwarded_and_acknowledged(book: Book) -> None:
    container = up(book)
    said = update(book, TaskState.TASK_RUNNING, source=TaskSource.SOURCE_MASTER, message="hi")
    status = book.updates()[0].status
    assert (status.source, status.executor_id, status.agent_id) == (TaskSource.SOURCE_EXECUTOR, "e1", AGENT)
    assert (status.uuid, status.message, status.timestamp) == (said.uuid, "hi", book.now)
    assert status.container_status is not None
    assert status.container_status.container_id == container
    assert book.only(Acknowledged).uuid == said.uuid
    assert book.agent.state.streams == {1: (FRAMEWORK, E1)}


def test_a_repeated_update_is_acknowledged_and_not_sent_again(book: Book) -> None:
    up(book)
    said = update(book, TaskState.TASK_STARTING)
    update(book, TaskState.TASK_RUNNING)
    book.do(ExecutorUpdated(framework_id=FRAMEWORK, executor_id=E1, status=said))
    book.only(Acknowledged)
    assert not book.updates()
    task = book.agent.state.frameworks[FRAMEWORK].executors[E1].tasks[TaskId("t1")]
    assert task.state is TaskState.TASK_RUNNING


def test_nothing_follows_a_terminal_update(book: Book) -> None:
    up(book)
    update(book, TaskState.TASK_KILLED)
    assert book.all(UpdateContainer)
    update(book, TaskState.TASK_FINISHED)
    book.only(Acknowledged)
    assert not book.updates()


@pytest.mark.parametrize(
    "changes", [{"uuid": None}, {"uuid": bytes(16)}, {"agent_id": "other-S1"}, {"uuid": b"short"}]
)
def test_broken_updates_are_counted_and_dropped(book: Book, changes: dict[str, object]) -> None:
    up(book)
    update(book, TaskState.TASK_RUNNING, **changes)
    assert not book.effects
    assert book.agent.state.counters.as_metrics()["slave/invalid_status_updates"] == 1


def test_an_update_about_an_unknown_task_goes_to_the_framework(book: Book) -> None:
    up(book)
    update(book, TaskState.TASK_RUNNING, task="other")
    assert book.states() == [TaskState.TASK_RUNNING]


def test_staging_from_an_executor_shuts_it_down(book: Book) -> None:
    up(book)
    update(book, TaskState.TASK_STAGING)
    book.only(Shutdown)


def test_an_executor_that_ends_takes_its_tasks_with_it(book: Book) -> None:
    container = up(book)
    update(book, TaskState.TASK_RUNNING)
    book.acknowledge()
    exited(book, container, 1 << 8)
    status = book.updates()[0].status
    assert (status.state, status.reason) == (TaskState.TASK_FAILED, TaskReason.REASON_EXECUTOR_TERMINATED)
    assert status.message == "Executor terminated"
    assert book.only(ExecutorExited).status == 256
    assert book.acknowledge() == [TaskState.TASK_FAILED]
    assert not book.agent.state.frameworks
    assert not book.agent.state.streams


def test_a_shutdown_waits_for_the_grace_period_and_destroys(book: Book) -> None:
    container = up(book)
    book.do(ShutdownExecutorReceived(sender=MASTER, framework_id=FRAMEWORK, executor_id=E1))
    book.only(Shutdown)
    book.wait(4.9)
    assert not book.effects
    book.wait(0.2)
    assert book.only(DestroyContainer).container_id == container
    exited(book, container, 9)
    book.only(ExecutorExited)


def test_a_shut_down_framework_is_silent_and_forgotten(book: Book) -> None:
    container = up(book)
    update(book, TaskState.TASK_RUNNING)
    book.do(ShutdownFrameworkReceived(sender=MASTER, framework_id=FRAMEWORK))
    book.only(Shutdown)
    update(book, TaskState.TASK_KILLED)
    assert not book.effects
    book.run(executor_task("t2"), launch_executor=True)
    assert book.only(ExecutorExited).executor_id == "e1"
    assert book.acknowledge() == [TaskState.TASK_LOST]
    exited(book, container, 0)
    assert not book.updates()
    assert not book.agent.state.frameworks
    assert book.agent.deadline() is None or not book.agent.state.updates


def test_kills_reach_the_executor_with_their_policy(book: Book) -> None:
    up(book)
    kill = KillTaskReceived(sender=MASTER, framework_id=FRAMEWORK, task_id=TaskId("t1"), grace_period_s=7.0)
    book.do(kill)
    assert book.only(KillTask).grace_period_s == 7.0
    book.do(replace(kill, task_id=TaskId("unknown")))
    status = book.updates()[0].status
    assert (status.state, status.message) == (TaskState.TASK_LOST, "Cannot find executor")


def test_a_task_killed_while_it_waits_never_reaches_its_executor(book: Book) -> None:
    book.run(executor_task())
    book.start()
    book.do(KillTaskReceived(sender=MASTER, framework_id=FRAMEWORK, task_id=TaskId("t1")))
    status = book.updates()[0].status
    assert status.reason is TaskReason.REASON_TASK_KILLED_DURING_LAUNCH
    assert book.acknowledge() == [TaskState.TASK_KILLED]
    book.do(subscribe())
    assert not book.all(Subscribed)
    book.only(Shutdown)


def test_a_group_on_a_custom_executor_is_one_event_and_dies_as_one(book: Book) -> None:
    group = TaskGroupInfo(tasks=(executor_task("a"), executor_task("b")))
    run = RunTaskGroupReceived(sender=MASTER, framework=framework(), executor=custom_executor(), group=group)
    book.do(run)
    book.start()
    book.do(KillTaskReceived(sender=MASTER, framework_id=FRAMEWORK, task_id=TaskId("a")))
    assert book.states() == [TaskState.TASK_KILLED, TaskState.TASK_KILLED]
    again = TaskGroupInfo(tasks=(executor_task("c"), executor_task("d")))
    book.do(replace(run, group=again))
    book.do(subscribe())
    assert book.only(LaunchTaskGroup).group is again
    assert not book.all(LaunchTask)


def test_a_second_subscription_closes_the_first_and_settles_what_was_lost(book: Book) -> None:
    up(book, info=framework(False, FrameworkCapability.PARTITION_AWARE))
    book.run(executor_task("t2"), framework(False, FrameworkCapability.PARTITION_AWARE))
    lost = TaskStatus(
        task_id=TaskId("t1"), state=TaskState.TASK_RUNNING, uuid=new_uuid(book.agent.state.entropy)
    )
    book.do(subscribe(2, unacknowledged_updates=(UnacknowledgedUpdate(lost),), unacknowledged_tasks=()))
    assert book.only(CloseExecutorStream).stream == 1
    assert [(u.status.task_id, u.status.state) for u in book.updates()] == [
        ("t1", TaskState.TASK_RUNNING),
        ("t2", TaskState.TASK_DROPPED),
    ]
    assert book.updates()[1].status.reason is TaskReason.REASON_AGENT_RESTARTED
    assert book.only(Acknowledged).uuid == lost.uuid
    assert book.effects.index(SendToExecutor(2, book.only(Subscribed))) < book.effects.index(
        SendToExecutor(2, book.only(Acknowledged))
    ), "nothing comes before the greeting"
    book.do(ExecutorStreamClosed(1))
    assert book.agent.state.streams == {2: (FRAMEWORK, E1)}
    book.do(ExecutorStreamClosed(2))
    assert not book.agent.state.streams


def test_messages_pass_both_ways(book: Book) -> None:
    up(book)
    book.do(MessageForExecutorReceived(framework_id=FRAMEWORK, executor_id=E1, data=b"in"))
    assert book.only(Message).data == b"in"
    book.do(MessageForFrameworkReceived(framework_id=FRAMEWORK, executor_id=E1, data=b"out"))
    assert book.only(DeliverToFramework).data == b"out"
    book.do(FrameworkUpdated(sender=MASTER, framework_id=FRAMEWORK, pid=Pid("s@10.0.0.2:1")))
    book.do(MessageForFrameworkReceived(framework_id=FRAMEWORK, executor_id=E1, data=b"out"))
    assert book.only(SendToFramework).pid == "s@10.0.0.2:1"
    book.do(MessageForExecutorReceived(framework_id=FRAMEWORK, executor_id=ExecutorId("x"), data=b""))
    assert not book.effects


def drop(book: Book, reason: TaskReason, message: str, state: TaskState = TaskState.TASK_LOST) -> None:
    """Check that the task just sent was refused."""
    status = book.updates()[0].status
    assert (status.state, status.reason, status.message) == (state, reason, message)
    assert status.source is TaskSource.SOURCE_AGENT
    assert status.executor_id is not None


def test_stale_resource_versions_are_refused(book: Book) -> None:
    book.run(executor_task(), resource_version_uuid=b"stale", launch_executor=True)
    drop(book, TaskReason.REASON_INVALID_OFFERS, "Task assumes outdated resource state")
    book.only(ExecutorExited)
    assert not book.agent.state.frameworks
    book.run(executor_task(), resource_version_uuid=book.agent.state.resource_version)
    book.only(StartContainer)


def test_who_starts_the_executor_is_the_masters_to_say(book: Book) -> None:
    aware = framework(False, FrameworkCapability.PARTITION_AWARE)
    book.run(executor_task(), aware, launch_executor=False)
    drop(
        book,
        TaskReason.REASON_EXECUTOR_TERMINATED,
        "No executor is expected to launch and there is none running",
        TaskState.TASK_DROPPED,
    )
    book.run(executor_task(), launch_executor=True)
    book.start()
    book.do(subscribe())
    book.run(executor_task("t2"), launch_executor=True)
    text = "Master wants to launch executor, but one already exists"
    drop(book, TaskReason.REASON_EXECUTOR_TERMINATED, text)
    book.only(Shutdown)
    book.run(executor_task("t3"))
    drop(book, TaskReason.REASON_EXECUTOR_TERMINATED, "Executor terminating")


def test_a_command_task_needs_an_executor_of_its_own(book: Book) -> None:
    up(book)
    book.run(command_task("e1"))
    text = "Cannot reuse an already existing executor for a command task"
    drop(book, TaskReason.REASON_TASK_INVALID, text)


def test_the_executor_of_a_command_task_runs_no_other(book: Book) -> None:
    book.run(command_task("t1"))
    book.start()
    book.run(executor_task("t2", custom_executor("t1")))
    text = "Executor 't1' is that of a command task, which runs no other"
    drop(book, TaskReason.REASON_TASK_INVALID, text)


def test_a_default_executor_runs_groups_only(book: Book) -> None:
    book.run(executor_task("t1", pod_executor()))
    drop(book, TaskReason.REASON_TASK_INVALID, "A default executor runs task groups only")


def test_a_task_that_is_here_is_not_run_again(book: Book) -> None:
    up(book)
    assert not book.run(executor_task())
    assert not book.run(command_task())


def test_calls_are_refused_as_mesos_does(book: Book) -> None:
    state = book.agent.state

    def fault(executor: str, subscribe: bool = False, framework_id: str = FRAMEWORK) -> object:
        return executor_call_fault(state, framework_id, executor, subscribe=subscribe)  # type: ignore[arg-type]

    assert fault("e1") == (400, "Framework cannot be found")
    book.run(executor_task())
    assert fault("nobody") == (400, "Executor cannot be found")
    assert fault("e1") == (403, "Executor is not subscribed")
    assert fault("e1", subscribe=True) is None
    book.start()
    book.do(subscribe())
    assert fault("e1") is None
    assert executor_call_fault(Book().agent.state, FRAMEWORK, E1, subscribe=True) == (
        503,
        "Agent has not finished recovery",
    )


def test_the_sandbox_is_where_mesos_has_it(book: Book) -> None:
    book.run(executor_task())
    path = book.only(StartContainer).plan.sandbox.path
    assert path.startswith(f"{WORK_DIR}/slaves/{AGENT}/frameworks/{FRAMEWORK}/executors/e1/runs/")
