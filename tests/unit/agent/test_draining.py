"""An agent that is being emptied: across restarts, and with executors that cannot be reached at the time."""

from __future__ import annotations

import pytest

from meseta.agent import paths
from meseta.agent.effects import (
    Checkpoint,
    DrainCheckpoint,
    KillTask,
    RemovePath,
    SignalContainer,
)
from meseta.agent.events import (
    ContainerExited,
    DrainReceived,
    ExecutorReregistered,
    Recovered,
    RecoveredContainer,
    RecoveredDraining,
    RecoveredExecutor,
    RecoveredFramework,
)
from meseta.records import FrameworkCapability, TaskReason, TaskState
from meseta.wire.checkpoints import checkpoint_records, read_drain
from tests.unit.agent.agent_kit import (
    AGENT,
    FRAMEWORK,
    MASTER,
    Book,
    command_task,
    custom_executor,
    framework,
)
from tests.unit.agent.test_recovery import C1, EXECUTOR_PID, come_back, command, custom

DRAINING = RecoveredDraining(2.0, mark_gone=False)
PATH = f"meta/slaves/{AGENT}/drain.config"


def recover(executor: RecoveredExecutor) -> Book:
    """An agent that was draining when it went down, with one executor that lives."""
    book = Book()
    found = RecoveredFramework(info=framework(True), executors=(executor,))
    container = RecoveredContainer(container_id=C1, pid=7)
    book.do(Recovered(agent_id=AGENT, frameworks=(found,), containers=(container,), draining=DRAINING))
    return book


@pytest.mark.parametrize("asked", [RecoveredDraining(None, mark_gone=True), RecoveredDraining(2.5)])
def test_what_is_written_is_read(asked: RecoveredDraining) -> None:
    records = checkpoint_records(DrainCheckpoint(asked.max_grace_period_s, asked.mark_gone))
    assert isinstance(records[0], bytes)
    assert read_drain(records[0]) == asked


def test_it_is_written_down_until_the_agent_is_empty() -> None:
    book = Book().register()
    book.run(command_task())
    book.start()
    book.acknowledge()
    container = next(iter(book.agent.state.owners))
    book.do(DrainReceived(sender=MASTER, max_grace_period_s=2.0))
    (written,) = [e for e in book.all(Checkpoint) if isinstance(e.record, DrainCheckpoint)]
    assert (written.path, written.record) == (PATH, DrainCheckpoint(2.0))
    assert paths.drain_config(AGENT) == PATH
    book.do(ContainerExited(container_id=container, wait_status=15))
    book.acknowledge()
    assert book.only(RemovePath).path == PATH


def test_an_empty_agent_has_nothing_to_do() -> None:
    book = Book().register()
    book.effects.clear()
    book.do(DrainReceived(sender=MASTER))
    assert book.agent.state.draining is None
    assert not book.effects


def test_after_a_restart_it_goes_on() -> None:
    book = recover(command(Book(), TaskState.TASK_RUNNING, acknowledged=1))
    book.only(SignalContainer)
    come_back(book)
    book.do(ContainerExited(container_id=C1, wait_status=15))
    status = book.updates()[0].status
    assert (status.state, status.reason) == (TaskState.TASK_KILLED, TaskReason.REASON_AGENT_DRAINING)
    book.acknowledge()
    assert book.agent.state.draining is None


def test_an_executor_that_comes_back_later_is_told_then() -> None:
    book = recover(custom(Book(), EXECUTOR_PID))
    executor_id = custom_executor().executor_id
    book.do(ExecutorReregistered(pid=EXECUTOR_PID, framework_id=FRAMEWORK, executor_id=executor_id))
    kill = book.only(KillTask)
    assert (kill.task_id, kill.grace_period_s) == ("t1", 2.0)


def test_a_task_that_is_still_being_killed_is_not_gone() -> None:
    able = (FrameworkCapability.PARTITION_AWARE, FrameworkCapability.TASK_KILLING_STATE)
    book = Book().register()
    book.run(command_task(), framework(False, *able))
    book.start()
    book.acknowledge()
    container = next(iter(book.agent.state.owners))
    book.do(DrainReceived(sender=MASTER, mark_gone=True))
    assert book.states() == [TaskState.TASK_KILLING]
    assert book.acknowledge() == [TaskState.TASK_KILLING]
    book.do(ContainerExited(container_id=container, wait_status=15))
    assert book.states() == [TaskState.TASK_GONE_BY_OPERATOR]
