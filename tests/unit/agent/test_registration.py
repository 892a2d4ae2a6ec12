"""Finding a master, being admitted, losing it, and leaving."""

from __future__ import annotations

from itertools import pairwise

import pytest

from meseta.agent.effects import (
    AgentCheckpoint,
    Authenticate,
    Checkpoint,
    Exit,
    Link,
    Pong,
    PrepareSandbox,
    Register,
    Reregister,
    SendToMaster,
    StartContainer,
    Unregister,
    UpdateAgent,
    UpdateStatus,
)
from meseta.agent.events import (
    AgentRegistered,
    AgentReregistered,
    AgentUnregisterRequested,
    Authenticated,
    AuthenticationFailed,
    Checkpointed,
    ContainerExited,
    ContainerStarted,
    KillTaskReceived,
    MasterDetected,
    PeerExited,
    PingReceived,
    ReconciledTask,
    Recovered,
    SandboxPrepared,
    ShutdownFrameworkReceived,
    ShutdownReceived,
    UpdateAcknowledged,
)
from meseta.agent.state import Phase
from meseta.ids import AgentId, FrameworkId, Pid, TaskId
from meseta.records import TaskReason, TaskState, TaskStatus
from tests.unit.agent.agent_kit import AGENT, FRAMEWORK, MASTER, Book, command_task, framework

OBSERVER = Pid("slave-observer(1)@10.0.0.9:5050")
OTHER = Pid("master@10.0.0.8:5050")


@pytest.fixture
def book() -> Book:
    return Book().register()


def test_nothing_happens_before_recovery() -> None:
    book = Book()
    assert not book.do(MasterDetected(MASTER))
    book.do(Recovered())
    assert book.only(Link).pid == MASTER


def test_registration_is_repeated_with_ever_longer_random_waits() -> None:
    book = Book()
    book.do(Recovered(), MasterDetected(MASTER))
    assert not book.all(Register)
    times = []
    while len(times) < 12:
        due = book.agent.deadline()
        assert due is not None
        book.wait(due - book.now)
        for message in book.all(Register):
            assert message.agent.hostname == "host1"
            times.append(book.now)
    gaps = [after - before for before, after in pairwise(times)]
    for number, gap in enumerate(gaps):
        assert gap <= min(2.0 * 2**number, 60.0)
    assert max(gaps) > 10


def test_the_first_answer_gives_the_id_and_is_written_down() -> None:
    book = Book()
    book.do(Recovered(), MasterDetected(MASTER))
    book.wait(1.0)
    book.do(AgentRegistered(sender=MASTER, agent_id=AGENT, total_ping_timeout_s=75.0))
    record = book.only(Checkpoint).record
    assert isinstance(record, AgentCheckpoint)
    assert record.agent.id == AGENT
    assert book.only(UpdateAgent).agent_id == AGENT
    assert book.agent.state.phase is Phase.RUNNING


def test_rivals_of_the_master_are_not_heard() -> None:
    book = Book()
    book.do(Recovered(), MasterDetected(MASTER))
    assert not book.do(AgentRegistered(sender=OTHER, agent_id=AGENT))
    assert book.agent.state.id is None


def test_pings_are_answered_to_the_observer(book: Book) -> None:
    book.do(PingReceived(sender=OBSERVER, connected=True))
    assert book.effects == [SendToMaster(master=OBSERVER, message=Pong())]


def test_an_agent_that_is_called_disconnected_registers_again(book: Book) -> None:
    book.do(PingReceived(sender=OBSERVER, connected=False))
    assert book.agent.state.phase is Phase.DISCONNECTED
    assert book.all(Pong)
    book.wait(1.0)
    assert book.all(Reregister)


def test_a_silent_master_is_sought_again() -> None:
    book = Book()
    book.do(Recovered(), MasterDetected(MASTER))
    book.wait(1.0)
    book.do(AgentRegistered(sender=MASTER, agent_id=AGENT, total_ping_timeout_s=75.0))
    book.wait(74.0)
    assert book.agent.state.phase is Phase.RUNNING
    book.do(PingReceived(sender=OBSERVER, connected=True))
    book.wait(74.0)
    assert book.agent.state.phase is Phase.RUNNING
    book.wait(1.5)
    assert book.agent.state.phase is Phase.DISCONNECTED


def test_a_broken_link_to_the_master_is_noticed_at_once(book: Book) -> None:
    book.do(PeerExited("10.0.0.7:1234"))
    assert book.agent.state.phase is Phase.RUNNING
    book.do(PeerExited("10.0.0.9:5050"))
    assert book.agent.state.phase is Phase.DISCONNECTED


def test_reregistration_tells_all_that_is_here_and_updates_wait_for_it(book: Book) -> None:
    book.run(command_task())
    plan = book.only(StartContainer).plan
    book.start()
    book.acknowledge()
    book.do(MasterDetected(None))
    book.do(ContainerExited(container_id=plan.container_id, wait_status=0))
    assert not book.effects
    book.do(MasterDetected(OTHER))
    book.wait(1.0)
    message = book.all(Reregister)[0]
    (report,) = message.tasks
    assert report.record.state is TaskState.TASK_FINISHED
    assert report.record.status_update_state is TaskState.TASK_RUNNING
    assert report.record.executor_id is None
    assert [info.id for info in message.frameworks] == [FRAMEWORK]
    assert message.executors == ()
    book.do(AgentReregistered(sender=OTHER, agent_id=AGENT))
    assert book.states() == [TaskState.TASK_FINISHED]


@pytest.mark.parametrize(("aware", "state"), [(True, TaskState.TASK_DROPPED), (False, TaskState.TASK_LOST)])
def test_tasks_that_only_the_master_knows_are_given_up(book: Book, aware: bool, state: TaskState) -> None:
    book.do(MasterDetected(MASTER))
    book.wait(1.0)
    lost = TaskStatus(task_id=TaskId("x"), state=TaskState.TASK_STAGING)
    unknown = ReconciledTask(framework_id=FrameworkId("f"), tasks=(lost,), partition_aware=aware)
    book.do(AgentReregistered(sender=MASTER, agent_id=AGENT, reconciliations=(unknown,)))
    (update,) = book.updates()
    assert (update.status.state, update.status.reason) == (state, TaskReason.REASON_RECONCILIATION)
    assert update.framework_id == "f"


def test_another_id_is_fatal(book: Book) -> None:
    book.do(AgentReregistered(sender=MASTER, agent_id=AgentId("m-S9")))
    assert book.only(Exit).code == 1
    assert "m-S9" in book.only(Exit).message


def test_a_credential_is_proved_before_registering() -> None:
    book = Book(authenticate=True)
    book.do(Recovered(), MasterDetected(MASTER))
    book.wait(1.0)
    assert 5.0 <= book.only(Authenticate).timeout_s <= 6.0
    book.do(AuthenticationFailed(master=MASTER, refused=False))
    book.wait(0.0)
    book.only(Authenticate)
    book.do(Authenticated(MASTER))
    book.only(Register)


def test_a_wrong_credential_ends_the_agent() -> None:
    book = Book(authenticate=True)
    book.do(Recovered(), MasterDetected(MASTER))
    book.wait(1.0)
    book.do(AuthenticationFailed(master=MASTER, refused=True, message="bad secret"))
    assert "bad secret" in book.only(Exit).message


def test_unregistering_stops_everything_and_exits(book: Book) -> None:
    book.run(command_task())
    plan = book.only(StartContainer).plan
    book.start()
    book.do(AgentUnregisterRequested())
    assert book.only(Unregister).agent_id == AGENT
    assert not book.all(Exit)
    book.do(ContainerExited(container_id=plan.container_id, wait_status=15))
    assert not book.all(UpdateStatus)
    assert book.only(Exit).code == 0


def test_an_idle_agent_exits_when_the_master_says_so(book: Book) -> None:
    book.do(ShutdownReceived(sender=MASTER, message="go away"))
    assert book.only(Exit).message == "go away"
    assert not book.run(command_task(), framework())


def test_executors_that_have_ended_are_not_reported_as_they_hold_nothing(book: Book) -> None:
    book.run_group(command_task())
    frame = book.only(PrepareSandbox).container_id
    book.start()
    nested = book.agent.state.frameworks[FRAMEWORK].executor_of(TaskId("t1"))
    assert nested is not None
    container = nested.tasks[TaskId("t1")].container_id
    assert container is not None
    book.do(SandboxPrepared(frame), ContainerExited(container_id=container, wait_status=0))
    book.do(MasterDetected(MASTER))
    book.wait(1.0)
    message = book.all(Reregister)[0]
    assert not message.executors
    assert [report.record.state for report in message.tasks] == [TaskState.TASK_FINISHED]


def finish_task(book: Book) -> None:
    book.run(command_task())
    container = book.only(StartContainer).plan.container_id
    book.start()
    book.acknowledge()
    book.do(ContainerExited(container_id=container, wait_status=0))


def asked_about(state: TaskState, task_id: str = "t1") -> AgentReregistered:
    status = TaskStatus(task_id=TaskId(task_id), state=state)
    missing = ReconciledTask(framework_id=FRAMEWORK, tasks=(status,))
    return AgentReregistered(sender=MASTER, agent_id=AGENT, reconciliations=(missing,))


def test_of_a_task_that_has_ended_its_end_is_told_again_not_that_it_is_unknown(book: Book) -> None:
    finish_task(book)
    (uuid,) = [update.uuid for update in book.updates()]
    book.acknowledge()
    book.do(MasterDetected(MASTER))
    book.wait(1.0)
    book.do(asked_about(TaskState.TASK_FINISHED))
    assert [(update.uuid, update.status.state) for update in book.updates()] == [
        (uuid, TaskState.TASK_FINISHED)
    ]
    assert not len(book.agent.state.updates)


@pytest.mark.parametrize("believed", [TaskState.TASK_RUNNING, TaskState.TASK_KILLING])
def test_the_same_goes_for_a_master_that_an_old_request_told_that_it_runs(
    book: Book, believed: TaskState
) -> None:
    """A request to register again may come late, over a connection of its own, before the next one."""
    finish_task(book)
    (uuid,) = [update.uuid for update in book.updates()]
    book.acknowledge()
    book.do(MasterDetected(MASTER))
    book.wait(1.0)
    book.do(asked_about(believed))
    assert [(update.uuid, update.status.state) for update in book.updates()] == [
        (uuid, TaskState.TASK_FINISHED)
    ]


def test_a_task_that_never_came_is_lost_though_another_of_its_name_has_ended(book: Book) -> None:
    finish_task(book)
    book.acknowledge()
    book.do(MasterDetected(MASTER))
    book.wait(1.0)
    book.do(asked_about(TaskState.TASK_STAGING))
    assert book.states() == [TaskState.TASK_LOST]


def test_an_end_that_is_acknowledged_while_it_is_reported_is_told_again(book: Book) -> None:
    finish_task(book)
    (update,) = book.updates()
    book.do(MasterDetected(MASTER))
    book.wait(1.0)
    (report,) = book.all(Reregister)[0].tasks
    assert report.record.state is TaskState.TASK_FINISHED
    assert update.uuid is not None
    book.do(UpdateAcknowledged(sender=MASTER, framework_id=FRAMEWORK, task_id=TaskId("t1"), uuid=update.uuid))
    for uuids in ([update.uuid], []):
        book.do(AgentReregistered(sender=MASTER, agent_id=AGENT))
        assert [again.uuid for again in book.updates()] == uuids


def test_that_a_task_is_unknown_is_reported_once(book: Book) -> None:
    book.run(command_task("other"))
    book.start()
    book.acknowledge()
    kill = KillTaskReceived(sender=MASTER, framework_id=FRAMEWORK, task_id=TaskId("x"))
    book.do(asked_about(TaskState.TASK_STAGING, "x"), kill, kill)
    assert book.states() == [TaskState.TASK_LOST]
    assert book.acknowledge() == [TaskState.TASK_LOST]


def test_a_task_of_an_earlier_life_that_has_ended_for_the_master_did_so(book: Book) -> None:
    book.do(asked_about(TaskState.TASK_FINISHED, "x"))
    assert book.states() == [TaskState.TASK_FINISHED]


def test_nothing_is_left_to_be_said_of_a_framework_that_is_shut_down(book: Book) -> None:
    book.do(asked_about(TaskState.TASK_STAGING))
    book.do(ShutdownFrameworkReceived(sender=MASTER, framework_id=FRAMEWORK))
    book.wait(100.0)
    assert not book.updates()
    assert not len(book.agent.state.updates)


def test_an_update_that_is_written_when_its_framework_is_shut_down_is_not_sent() -> None:
    book = Book().register()
    book.run(command_task(), framework(checkpoint=True))
    agent = book.agent
    (plan,) = (effect.plan for effect in book.all(StartContainer))
    effects = agent.handle(ContainerStarted(container_id=plan.container_id, pid=1), book.now)
    tickets = [e.ticket for e in effects if isinstance(e, Checkpoint) and e.ticket is not None]
    assert tickets
    agent.handle(ShutdownFrameworkReceived(sender=MASTER, framework_id=FRAMEWORK), book.now)
    for ticket in tickets:
        assert not agent.handle(Checkpointed(ticket), book.now)
    assert not len(agent.state.updates)


def test_a_framework_that_is_shut_down_is_not_reported_and_gets_no_new_tasks(book: Book) -> None:
    book.run(command_task())
    book.start()
    book.acknowledge()
    book.do(ShutdownFrameworkReceived(sender=MASTER, framework_id=FRAMEWORK))
    book.do(MasterDetected(MASTER))
    book.wait(1.0)
    message = book.all(Reregister)[0]
    assert (message.frameworks, message.tasks) == ((), ())
    book.do(AgentReregistered(sender=MASTER, agent_id=AGENT))
    book.run(command_task("t2"))
    assert not book.all(StartContainer)
    (update,) = book.updates()
    assert (update.status.task_id, update.status.state) == ("t2", TaskState.TASK_LOST)


def test_a_master_that_has_forgotten_an_agent_hears_all_of_it_again(book: Book) -> None:
    book.do(MasterDetected(MASTER))
    book.wait(1.0)
    again = AgentReregistered(sender=MASTER, agent_id=AGENT)
    book.do(again)
    book.effects.clear()
    book.do(again)
    assert book.only(UpdateAgent).agent_id == AGENT
