"""What an agent makes of what it finds when it starts."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from meseta.agent import paths
from meseta.agent.effects import (
    DestroyContainer,
    ExecutorExited,
    Link,
    Reconnect,
    Register,
    RemoveContainer,
    RemovePath,
    Reregister,
    Resubscribed,
    RunCheck,
    SendToExecutor,
    SignalContainer,
    Subscribed,
)
from meseta.agent.events import (
    AgentReregistered,
    CheckFinished,
    ContainerExited,
    DiskUsageSampled,
    ExecutorReregistered,
    ExecutorSubscribed,
    KillTaskReceived,
    MasterDetected,
    ReconciledTask,
    Recovered,
    RecoveredContainer,
    RecoveredExecutor,
    RecoveredFramework,
    RecoveredTask,
)
from meseta.agent.executors import command_executor_info
from meseta.ids import ContainerId, Pid, TaskId, new_uuid
from meseta.records import (
    ContainerStatus,
    ExecutorInfo,
    HealthCheck,
    HealthCheckType,
    TaskReason,
    TaskState,
    TaskStatus,
)
from tests.unit.agent.agent_kit import (
    AGENT,
    FRAMEWORK,
    MASTER,
    Book,
    command_task,
    custom_executor,
    executor_task,
    framework,
    pod_executor,
)

C1 = ContainerId("c1")
EXECUTOR_PID = Pid("executor(1)@10.0.0.1:4000")
RUNNING = TaskState.TASK_RUNNING


@pytest.fixture
def book() -> Book:
    return Book()


def said(book: Book, state: TaskState, container: str = C1, task: str = "t1") -> TaskStatus:
    return TaskStatus(
        task_id=TaskId(task),
        state=state,
        uuid=new_uuid(book.agent.state.entropy),
        timestamp=900.0,
        container_status=ContainerStatus(container_id=ContainerId(container)),
    )


def recover(book: Book, executor: RecoveredExecutor, *containers: RecoveredContainer) -> None:
    found = RecoveredFramework(info=framework(True), executors=(executor,))
    book.do(Recovered(agent_id=AGENT, frameworks=(found,), containers=containers))


def come_back(book: Book) -> Reregister:
    """Register again; return what the master is told."""
    before = list(book.effects)
    book.do(MasterDetected(MASTER))
    book.wait(1.0)
    message = book.all(Reregister)[0]
    book.do(AgentReregistered(sender=MASTER, agent_id=AGENT))
    book.effects = before + book.effects
    return message


def command(book: Book, *states: TaskState, acknowledged: int = 0) -> RecoveredExecutor:
    task = command_task()
    updates = tuple(said(book, state) for state in states)
    uuids = tuple(update.uuid for update in updates[:acknowledged] if update.uuid is not None)
    recovered = RecoveredTask(info=task, updates=updates, acknowledged=uuids)
    return RecoveredExecutor(
        info=command_executor_info(FRAMEWORK, task), container_id=C1, command_task=True, tasks=(recovered,)
    )


def test_a_fresh_agent_registers_anew(book: Book) -> None:
    book.do(Recovered(), MasterDetected(MASTER))
    book.wait(1.0)
    book.only(Register)


def test_a_command_task_survives_with_its_exit_status(book: Book) -> None:
    executor = command(book, TaskState.TASK_STARTING, RUNNING, acknowledged=2)
    recover(book, executor, RecoveredContainer(container_id=C1, pid=7))
    (report,) = come_back(book).tasks
    assert report.record.state is RUNNING
    assert not book.updates()
    book.do(ContainerExited(container_id=C1, wait_status=3 << 8))
    status = book.updates()[0].status
    assert (status.state, status.message) == (TaskState.TASK_FAILED, "Command exited with status 3")
    assert status.container_status is not None
    assert status.container_status.executor_pid == 7
    assert book.acknowledge() == [TaskState.TASK_FAILED]
    assert not book.agent.state.frameworks


def test_a_command_task_that_ended_meanwhile_is_reported(book: Book) -> None:
    executor = command(book, TaskState.TASK_STARTING, RUNNING, acknowledged=1)
    recover(book, executor, RecoveredContainer(container_id=C1, pid=7, exited=True, wait_status=0))
    come_back(book)
    assert book.acknowledge() == [RUNNING, TaskState.TASK_FINISHED]


def test_a_command_task_without_a_process_has_failed(book: Book) -> None:
    recover(book, command(book))
    come_back(book)
    status = book.updates()[0].status
    assert (status.state, status.reason) == (TaskState.TASK_FAILED, TaskReason.REASON_EXECUTOR_TERMINATED)


def test_a_recovered_task_can_be_killed(book: Book) -> None:
    executor = command(book, RUNNING, acknowledged=1)
    recover(book, executor, RecoveredContainer(container_id=C1, pid=7))
    come_back(book)
    book.do(KillTaskReceived(sender=MASTER, framework_id=FRAMEWORK, task_id=TaskId("t1")))
    book.wait(3.0)
    book.only(DestroyContainer)


def test_an_end_that_was_not_acknowledged_is_sent_again(book: Book) -> None:
    executor = command(book, RUNNING, TaskState.TASK_FINISHED, acknowledged=1)
    recover(book, executor, RecoveredContainer(container_id=C1, pid=7, exited=True, wait_status=0))
    come_back(book)
    assert book.acknowledge() == [TaskState.TASK_FINISHED]
    assert not book.agent.state.frameworks


def test_what_was_settled_leaves_nothing(book: Book) -> None:
    recover(book, command(book, RUNNING, TaskState.TASK_FINISHED, acknowledged=2))
    assert not book.agent.state.frameworks


def test_an_executor_that_was_dealt_with_stays_gone(book: Book) -> None:
    executor = replace(command(book, RUNNING), completed=True)
    recover(book, executor, RecoveredContainer(container_id=C1, pid=7))
    assert not book.agent.state.frameworks
    assert book.only(DestroyContainer).container_id == C1


def test_what_earlier_lives_have_left_is_collected() -> None:
    book = Book(gc_delay_s=100.0)
    running, gone = command(book, RUNNING, acknowledged=1), replace(custom(book), completed=True)
    gone = replace(gone, container_id=ContainerId("c2"))
    found = RecoveredFramework(info=framework(True), executors=(running, gone))
    book.do(
        Recovered(
            agent_id=AGENT,
            frameworks=(found,),
            containers=(RecoveredContainer(container_id=C1, pid=7),),
            garbage=("slaves/old", "meta/slaves/old"),
        )
    )
    book.wait(120.0)
    book.do(DiskUsageSampled(0.0))
    removed = {effect.path for effect in book.all(RemovePath)}
    runs = paths.executor_dir(AGENT, FRAMEWORK, gone.info.executor_id)
    assert removed >= {"slaves/old", "meta/slaves/old", runs, f"meta/{runs}", f"{runs}/runs/c2"}
    assert not any("executors/t1" in path for path in removed)


def test_unknown_containers_are_destroyed(book: Book) -> None:
    book.do(Recovered(agent_id=AGENT, containers=(RecoveredContainer(container_id=C1, pid=3),)))
    assert book.only(DestroyContainer).container_id == C1


def custom(book: Book, pid: Pid | None = None, http: bool = False) -> RecoveredExecutor:
    update = said(book, RUNNING)
    assert update.uuid is not None
    task = RecoveredTask(info=executor_task(), updates=(update,), acknowledged=(update.uuid,))
    return RecoveredExecutor(
        info=custom_executor(), container_id=C1, command_task=False, pid=pid, http=http, tasks=(task,)
    )


@pytest.mark.parametrize("info", [custom_executor(), pod_executor(), custom_executor("t1")])
def test_an_executor_of_which_no_task_was_written_down_comes_to_nothing(
    book: Book, info: ExecutorInfo
) -> None:
    command_task = info.executor_id == "t1"
    recover(book, RecoveredExecutor(info=info, container_id=C1, command_task=command_task))
    assert not book.agent.state.frameworks
    come_back(book)
    assert not book.updates()


def test_a_v0_executor_is_asked_to_come_back(book: Book) -> None:
    recover(book, custom(book, EXECUTOR_PID), RecoveredContainer(container_id=C1, pid=7))
    assert book.only(Link).pid == EXECUTOR_PID
    assert book.only(Reconnect).agent_id == AGENT
    book.do(
        ExecutorReregistered(
            pid=EXECUTOR_PID, framework_id=FRAMEWORK, executor_id=custom_executor().executor_id
        )
    )
    book.only(Resubscribed)
    assert [info.executor_id for info in come_back(book).executors] == ["e1"]
    book.wait(60.0)
    assert not book.all(DestroyContainer)


def test_a_v0_executor_is_asked_again_until_it_comes_back() -> None:
    book = Book(executor_reregistration_retry_interval_s=0.5)
    recover(book, custom(book, EXECUTOR_PID), RecoveredContainer(container_id=C1, pid=7))
    book.only(Reconnect)
    book.wait(1.1)
    assert {effect.peer for effect in book.effects if isinstance(effect, SendToExecutor)} == {EXECUTOR_PID}
    assert len(book.all(Reconnect)) == 2
    back = ExecutorReregistered(
        pid=EXECUTOR_PID, framework_id=FRAMEWORK, executor_id=custom_executor().executor_id
    )
    book.do(back)
    book.only(Resubscribed)
    assert not book.do(back), "it answers each time that it was asked"
    book.wait(60.0)
    assert not book.all(Reconnect)
    assert not book.all(DestroyContainer)


def test_a_v0_executor_that_is_given_up_is_not_asked_any_more() -> None:
    book = Book(executor_reregistration_retry_interval_s=0.5)
    recover(book, custom(book, EXECUTOR_PID), RecoveredContainer(container_id=C1, pid=7))
    book.wait(1.9)
    assert len(book.all(Reconnect)) == 3
    book.wait(60.0)
    book.only(DestroyContainer)
    assert not book.all(Reconnect)


def test_a_v1_executor_comes_back_by_itself(book: Book) -> None:
    recover(book, custom(book, http=True), RecoveredContainer(container_id=C1, pid=7))
    assert not book.all(Reconnect)
    book.do(ExecutorSubscribed(stream=1, framework_id=FRAMEWORK, executor_id=custom_executor().executor_id))
    book.only(Subscribed)


def test_an_executor_that_stays_silent_is_destroyed(book: Book) -> None:
    recover(book, custom(book, http=True), RecoveredContainer(container_id=C1, pid=7))
    come_back(book)
    book.wait(2.0)
    book.only(DestroyContainer)
    book.do(ContainerExited(container_id=C1, wait_status=9))
    status = book.updates()[0].status
    assert status.reason is TaskReason.REASON_EXECUTOR_REREGISTRATION_TIMEOUT
    assert status.message == "Executor did not reregister within 2secs"


def test_an_executor_that_ended_meanwhile_takes_its_tasks_with_it(book: Book) -> None:
    ended = RecoveredContainer(container_id=C1, pid=7, exited=True, wait_status=1 << 8)
    recover(book, custom(book, http=True), ended)
    come_back(book)
    assert book.states() == [TaskState.TASK_FAILED]


def test_an_executor_with_nothing_left_takes_no_other_with_it(book: Book) -> None:
    done = RecoveredExecutor(info=custom_executor("done"), container_id=ContainerId("c0"), command_task=False)
    found = RecoveredFramework(info=framework(True), executors=(done, custom(book, http=True)))
    book.do(Recovered(agent_id=AGENT, frameworks=(found,), containers=()))
    come_back(book)
    assert book.states() == [TaskState.TASK_FAILED]


def pod(book: Book, **states: TaskState) -> RecoveredExecutor:
    """Tasks of one group, each reported up to its state; task `a` ran in container `c1.a`."""
    tasks = []
    for name, state in states.items():
        updates = [said(book, RUNNING, f"{C1}.{name}", name)]
        if state is not RUNNING:
            updates.append(said(book, state, f"{C1}.{name}", name))
        uuids = tuple(update.uuid for update in updates if update.uuid is not None)
        task = command_task(name)
        tasks.append(RecoveredTask(info=task, updates=tuple(updates), acknowledged=uuids, group="g"))
    return RecoveredExecutor(info=pod_executor(), container_id=C1, command_task=False, tasks=tuple(tasks))


def nested(name: str, **ended: Any) -> RecoveredContainer:
    return RecoveredContainer(container_id=ContainerId(f"{C1}.{name}"), pid=7, **ended)


def test_a_pod_goes_on_with_the_tasks_that_are_left(book: Book) -> None:
    recover(book, pod(book, a=RUNNING, b=RUNNING), nested("a"), nested("b", exited=True, wait_status=0))
    come_back(book)
    assert book.acknowledge() == [TaskState.TASK_FINISHED]
    book.do(ContainerExited(container_id=nested("a").container_id, wait_status=0))
    assert book.only(ExecutorExited).status == 0
    assert book.acknowledge() == [TaskState.TASK_FINISHED]
    assert not book.agent.state.frameworks


def test_a_task_that_fails_after_a_restart_takes_its_pod_with_it(book: Book) -> None:
    recover(book, pod(book, a=RUNNING, b=RUNNING), nested("a"), nested("b"))
    come_back(book)
    book.do(ContainerExited(container_id=nested("b").container_id, wait_status=5 << 8))
    assert book.only(SignalContainer).container_id == nested("a").container_id


@pytest.mark.parametrize("how", ["meanwhile", "before"])
def test_a_pod_with_a_task_that_had_failed_is_killed(book: Book, how: str) -> None:
    if how == "before":
        recover(book, pod(book, a=RUNNING, b=TaskState.TASK_FAILED), nested("a"))
    else:
        ended = nested("b", exited=True, wait_status=1 << 8)
        recover(book, pod(book, a=RUNNING, b=RUNNING), nested("a"), ended)
    assert book.only(SignalContainer).container_id == nested("a").container_id


def test_another_pod_on_the_executor_is_left_alone(book: Book) -> None:
    both = pod(book, a=RUNNING, b=RUNNING)
    first, second = both.tasks
    recover(book, replace(both, tasks=(first, replace(second, group="h"))), nested("a"), nested("b"))
    book.do(ContainerExited(container_id=nested("b").container_id, wait_status=5 << 8))
    assert not book.all(SignalContainer)


def test_the_time_that_a_task_may_take_goes_on(book: Book) -> None:
    executor = command(book, RUNNING, acknowledged=1)
    (task,) = executor.tasks
    # It was reported as running at 900, and the book begins at 1000.
    task = replace(task, info=replace(task.info, max_completion_s=110.0))
    recover(book, replace(executor, tasks=(task,)), RecoveredContainer(container_id=C1, pid=7))
    come_back(book)
    book.wait(8.0)
    assert not book.all(SignalContainer)
    book.wait(2.0)
    book.only(SignalContainer)


def test_a_kill_goes_on(book: Book) -> None:
    recover(book, command(book, RUNNING, TaskState.TASK_KILLING), RecoveredContainer(container_id=C1, pid=7))
    assert book.only(SignalContainer).signal == 15
    book.wait(3.0)
    book.only(DestroyContainer)


def test_what_health_checks_said_is_not_forgotten(book: Book) -> None:
    check = HealthCheck(
        type=HealthCheckType.TCP, port=80, grace_period_s=1e6, consecutive_failures=1, delay_s=0.0
    )
    executor = command(book, RUNNING, acknowledged=1)
    (task,) = executor.tasks
    updates = tuple(replace(update, healthy=True) for update in task.updates)
    task = replace(task, info=replace(task.info, health_check=check), updates=updates)
    recover(book, replace(executor, tasks=(task,)), RecoveredContainer(container_id=C1, pid=7))
    book.wait(0.0)
    # It was well once: so the grace period is over.
    book.do(CheckFinished(check=book.only(RunCheck).check, fault="no answer"))
    book.only(SignalContainer)


def test_a_task_that_started_unreported_is_reported(book: Book) -> None:
    recover(book, command(book), RecoveredContainer(container_id=C1, pid=7))
    come_back(book)
    assert book.acknowledge() == [TaskState.TASK_STARTING, RUNNING]


def test_the_end_of_an_orphan_is_forgotten(book: Book) -> None:
    book.do(Recovered(agent_id=AGENT, containers=(RecoveredContainer(container_id=C1, pid=7),)))
    assert book.only(DestroyContainer).container_id == C1
    book.do(ContainerExited(container_id=C1, wait_status=9))
    assert book.only(RemoveContainer).container_id == C1


def test_the_end_of_a_task_that_an_earlier_life_has_settled_is_told_again(book: Book) -> None:
    settled = command(book, RUNNING, TaskState.TASK_FINISHED, acknowledged=2)
    recover(book, replace(settled, completed=True))
    book.do(MasterDetected(MASTER))
    book.wait(1.0)
    status = TaskStatus(task_id=TaskId("t1"), state=TaskState.TASK_FINISHED)
    missing = ReconciledTask(framework_id=FRAMEWORK, tasks=(status,))
    book.do(AgentReregistered(sender=MASTER, agent_id=AGENT, reconciliations=(missing,)))
    (update,) = book.updates()
    assert update.status == settled.tasks[0].updates[-1]
