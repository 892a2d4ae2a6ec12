"""Tasks and executors after the launch: updates, acknowledgements, kills, messages, reconciliation."""

from __future__ import annotations

import pytest

from meseta.ids import AgentId, ExecutorId, FrameworkId, Pid, TaskId
from meseta.master import effects, events
from meseta.records import ContainerStatus, TaskState
from meseta.resources import Resources
from tests.unit.master.master_kit import (
    STREAM,
    Playground,
    executor,
    pid_of,
    refusals,
    states,
    task,
    told,
    told_agent,
    updated,
)

A1 = pid_of("a1")


def test_latest_state_frees_resources_before_its_own_update_comes() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    play.update(framework_id, agent_id, "t1", TaskState.TASK_KILLING, latest=TaskState.TASK_KILLED)
    assert play.state.counters["master/tasks_killed"] == 1
    running = play.state.frameworks[framework_id].tasks[TaskId("t1")]
    assert running.state is TaskState.TASK_KILLED
    assert not running.holds_resources
    play.acknowledge(framework_id, agent_id, "t1")
    assert TaskId("t1") in play.state.frameworks[framework_id].tasks
    play.update(framework_id, agent_id, "t1", TaskState.TASK_KILLED)
    play.acknowledge(framework_id, agent_id, "t1")
    assert not play.state.frameworks[framework_id].tasks


def test_an_ended_task_stays_ended() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED)
    done = play.update(framework_id, agent_id, "t1", TaskState.TASK_RUNNING)
    assert states(done) == [("t1", "TASK_RUNNING")]
    assert play.state.frameworks[framework_id].tasks[TaskId("t1")].state is TaskState.TASK_FINISHED


def test_of_statuses_with_one_state_the_last_is_kept() -> None:
    play = Playground(statuses_max=3)
    framework_id, agent_id = play.running()
    for message in ("a", "b"):
        play.update(framework_id, agent_id, "t1", TaskState.TASK_RUNNING, message=message)
    kept = play.state.frameworks[framework_id].tasks[TaskId("t1")]
    assert [status.message for status in kept.statuses] == ["b"]
    for _ in range(10):
        play.update(framework_id, agent_id, "t1", TaskState.TASK_STARTING)
        play.update(framework_id, agent_id, "t1", TaskState.TASK_RUNNING)
    assert len(kept.statuses) == 3


def test_a_status_that_is_too_big_is_kept_without_its_bytes() -> None:
    play = Playground(status_bytes_max=100)
    framework_id, agent_id = play.running()
    done = play.update(framework_id, agent_id, "t1", TaskState.TASK_KILLING, raw=b"x" * 101)
    assert len(told(done, STREAM, effects.Updated)[0].update.status.raw) == 101
    assert play.state.frameworks[framework_id].tasks[TaskId("t1")].statuses[-1].raw == b""


def test_the_data_of_a_status_is_passed_on_and_not_kept() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    done = play.update(framework_id, agent_id, "t1", TaskState.TASK_KILLING, data=b"d" * 10_000, raw=b"x")
    assert told(done, STREAM, effects.Updated)[0].update.status.data == b"d" * 10_000
    kept = play.state.frameworks[framework_id].tasks[TaskId("t1")].statuses[-1]
    assert (kept.data, kept.raw) == (None, b"x")


@pytest.mark.parametrize(
    "event",
    [
        updated(A1, FrameworkId("m-0000"), AgentId("none"), "t1", TaskState.TASK_FAILED, b"u" * 16),
        updated(
            Pid("x@9.9.9.9:9"), FrameworkId("m-0000"), AgentId("m-S0"), "t1", TaskState.TASK_FAILED, b"u" * 16
        ),
        updated(A1, FrameworkId("m-0000"), AgentId("m-S0"), "t1", TaskState.TASK_FAILED, None),
        updated(A1, FrameworkId("m-0000"), AgentId("m-S0"), "t1", TaskState.TASK_UNREACHABLE, b"u" * 16),
        updated(A1, FrameworkId("m-0000"), AgentId("m-S0"), "t1", TaskState.TASK_UNKNOWN, b"u" * 16),
    ],
    ids=["unknown agent", "not the agent", "no uuid", "unreachable", "unknown state"],
)
def test_invalid_updates_are_dropped_and_counted(event: events.UpdateReceived) -> None:
    play = Playground()
    framework_id, _ = play.running()
    assert [type(effect) for effect in play.feed(event)] == [effects.Log]
    assert play.state.frameworks[framework_id].tasks[TaskId("t1")].state is TaskState.TASK_RUNNING
    assert play.state.counters["master/invalid_status_updates"] == 1


def test_an_agent_cannot_tell_of_a_task_on_another() -> None:
    play = Playground()
    framework_id, _ = play.running()
    other = play.register("a2")
    before = play.state.frameworks[framework_id].tasks[TaskId("t1")]
    uuid, statuses = before.sent_uuid, before.statuses
    play.update(framework_id, other, "t1", TaskState.TASK_FAILED)
    task = play.state.frameworks[framework_id].tasks[TaskId("t1")]
    assert (task.state, task.sent_uuid, task.statuses) == (TaskState.TASK_RUNNING, uuid, statuses)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (
            updated(A1, FrameworkId("m-0000"), AgentId("x"), "t1", TaskState.TASK_FAILED, b"u" * 16),
            "agent x is",
        ),
        (
            updated(
                Pid("x@9.9.9.9:9"), FrameworkId("m-0000"), AgentId("m-S0"), "t", TaskState.TASK_LOST, b"u"
            ),
            "agent m-S0 is at slave(1)@10.0.1.1:5051",
        ),
        (updated(A1, FrameworkId("m-0000"), AgentId("m-S0"), "t1", TaskState.TASK_FAILED, None), "no uuid"),
    ],
)
def test_the_log_says_why_an_update_is_ignored(event: events.UpdateReceived, why: str) -> None:
    play = Playground()
    play.running()
    (line,) = play.feed(event)
    assert isinstance(line, effects.Log)
    assert why in line.text


def test_an_update_without_a_pid_is_passed_on_with_the_agent_s() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    event = updated(A1, framework_id, agent_id, "t1", TaskState.TASK_KILLING, b"u" * 16)
    done = play.feed(events.UpdateReceived(sender=A1, update=event.update, pid=None))
    assert told(done, STREAM, effects.Updated)[0].pid == A1


def test_an_update_of_an_unknown_task_is_passed_on_and_may_be_acknowledged() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    assert states(play.update(framework_id, agent_id, "ghost", TaskState.TASK_LOST)) == [
        ("ghost", "TASK_LOST")
    ]
    assert play.state.counters["master/invalid_status_updates"] == 1
    done = play.call(
        events.UpdateAcknowledged,
        framework_id,
        agent_id=agent_id,
        task_id=TaskId("ghost"),
        uuid=b"u" * 16,
    )
    assert len(told_agent(done, A1, effects.AcknowledgeUpdate)) == 1


def test_updates_for_a_disconnected_framework_are_noted_but_not_acknowledgeable() -> None:
    play = Playground()
    framework_id, agent_id = play.running(failover_timeout_s=60.0)
    play.feed(events.StreamClosed(stream=STREAM))
    done = play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED)
    assert told(done, STREAM, effects.Updated) == []
    assert play.state.frameworks[framework_id].tasks[TaskId("t1")].state is TaskState.TASK_FINISHED


def test_only_the_update_that_was_sent_can_be_acknowledged() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, task("t1", agent_id))
    call = {"agent_id": agent_id, "task_id": TaskId("t1"), "uuid": b"u" * 16}
    assert play.call(events.UpdateAcknowledged, framework_id, **call) == []
    play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED, uuid=b"v" * 16)
    assert len(play.call(events.UpdateAcknowledged, framework_id, **call)) == 1
    assert TaskId("t1") in play.state.frameworks[framework_id].tasks
    assert play.call(events.UpdateAcknowledged, framework_id, **{**call, "agent_id": AgentId("x")}) == []
    assert play.state.counters["master/invalid_status_update_acknowledgements"] == 2


# Kill, shutdown, messages


def test_kill_is_passed_on_with_its_policy() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    done = play.call(events.KillRequested, framework_id, task_id=TaskId("t1"), kill_policy=b"p")
    assert told_agent(done, A1, effects.KillTask) == [effects.KillTask(framework_id, TaskId("t1"), b"p")]
    assert play.state.agents[agent_id].killed.keys() == {(framework_id, "t1")}


def test_kill_of_an_unknown_task_is_reconciled_and_on_the_wrong_agent_ignored() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    assert states(play.call(events.KillRequested, framework_id, task_id=TaskId("x"))) == [
        ("x", "TASK_UNKNOWN")
    ]
    done = play.call(events.KillRequested, framework_id, task_id=TaskId("x"), agent_id=agent_id)
    assert states(done) == [("x", "TASK_GONE")]
    done = play.call(events.KillRequested, framework_id, task_id=TaskId("t1"), agent_id=AgentId("x"))
    assert [type(effect) for effect in done] == [effects.Log]


def test_executors_are_shut_down_and_end() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, task("t1", agent_id, executor=executor("e1")))
    shutdown = {"agent_id": agent_id, "executor_id": ExecutorId("e1")}
    done = play.call(events.ExecutorShutdownRequested, framework_id, **shutdown)
    assert told_agent(done, A1, effects.ShutdownExecutor) == [effects.ShutdownExecutor(framework_id, "e1")]  # type: ignore[arg-type]
    ended = {"sender": A1, "agent_id": agent_id, "framework_id": framework_id, "status": 9}
    done = play.feed(events.ExecutorExited(executor_id=ExecutorId("e1"), **ended))  # type: ignore[arg-type]
    (failure,) = told(done, STREAM, effects.Failed)
    assert (failure.executor_id, failure.status) == ("e1", 9)
    assert play.feed(events.ExecutorExited(executor_id=ExecutorId("e1"), **ended)) == []  # type: ignore[arg-type]
    done = play.call(
        events.ExecutorShutdownRequested, framework_id, agent_id=AgentId("x"), executor_id=ExecutorId("e")
    )
    assert [type(effect) for effect in done] == [effects.Log]


def test_bytes_pass_both_ways() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    call = {"agent_id": agent_id, "executor_id": ExecutorId("e"), "data": b"hello"}
    (message,) = told_agent(
        play.call(events.MessageSent, framework_id, **call), A1, effects.DeliverToExecutor
    )
    assert message.data == b"hello"
    back = events.ExecutorMessageReceived(
        sender=A1, framework_id=framework_id, agent_id=agent_id, executor_id=ExecutorId("e"), data=b"world"
    )
    assert told(play.feed(back), STREAM, effects.Delivered)[0].data == b"world"
    assert play.call(events.MessageSent, framework_id, **{**call, "agent_id": AgentId("x")}) == []
    assert play.state.counters["master/invalid_framework_to_executor_messages"] == 1


# Reconciliation


def test_explicit_reconciliation() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    done = play.call(
        events.ReconcileRequested,
        framework_id,
        tasks=(
            (TaskId("t1"), agent_id),
            (TaskId("a"), None),
            (TaskId("b"), AgentId("none")),
            (TaskId("c"), agent_id),
        ),
    )
    assert states(done) == [
        ("t1", "TASK_RUNNING"),
        ("a", "TASK_UNKNOWN"),
        ("b", "TASK_UNKNOWN"),
        ("c", "TASK_GONE"),
    ]
    assert refusals(done) == [
        "Reconciliation: Latest task state",
        "Reconciliation: Task is unknown",
        "Reconciliation: Task is unknown",
        "Reconciliation: Task is unknown to the agent",
    ]
    for message in told(done, STREAM, effects.Updated):
        assert (message.pid, message.update.uuid) == (None, None)


def test_implicit_reconciliation_tells_what_was_sent_last_with_the_container() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    where = ContainerStatus(container_id="c")  # type: ignore[arg-type]
    play.update(
        framework_id,
        agent_id,
        "t1",
        TaskState.TASK_KILLING,
        latest=TaskState.TASK_KILLED,
        container_status=where,
        healthy=True,
    )
    (message,) = told(play.call(events.ReconcileRequested, framework_id), STREAM, effects.Updated)
    status = message.update.status
    assert (status.state, status.container_status, status.healthy) == (TaskState.TASK_KILLING, where, True)


def test_frameworks_that_do_not_know_of_partitions_hear_task_lost() -> None:
    play = Playground()
    framework_id, _ = play.running(capabilities=frozenset())
    done = play.call(events.ReconcileRequested, framework_id, tasks=((TaskId("x"), None),))
    assert states(done) == [("x", "TASK_LOST")]


# Operators


def test_operators_hear_of_tasks_only_while_they_listen() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    done = play.update(framework_id, agent_id, "t1", TaskState.TASK_KILLING)
    assert not [effect for effect in done if isinstance(effect, effects.Publish)]
    play.feed(events.SubscriberAdded())
    done = play.update(framework_id, agent_id, "t1", TaskState.TASK_KILLED)
    (published,) = [effect.event for effect in done if isinstance(effect, effects.Publish)]
    assert isinstance(published, effects.TaskUpdated)
    assert published.state is TaskState.TASK_KILLED
    play.feed(events.SubscriberRemoved())
    assert play.state.subscribers == 0
    assert play.state.agents[agent_id].total != Resources.EMPTY


# What comes late


def test_an_update_that_comes_after_the_end_does_not_keep_the_task() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    end, earlier = b"e" * 16, b"r" * 16
    play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED, uuid=end)
    play.update(framework_id, agent_id, "t1", TaskState.TASK_RUNNING, uuid=earlier)
    assert states(play.call(events.ReconcileRequested, framework_id)) == [("t1", "TASK_FINISHED")]
    call = {"agent_id": agent_id, "task_id": TaskId("t1")}
    play.call(events.UpdateAcknowledged, framework_id, uuid=end, **call)
    assert not play.state.frameworks[framework_id].tasks


def test_an_end_may_be_acknowledged_that_a_former_scheduler_was_told_of() -> None:
    play = Playground()
    framework_id, agent_id = play.running(failover_timeout_s=60.0)
    end = b"e" * 16
    play.feed(events.StreamClosed(stream=STREAM))
    play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED, uuid=end)
    play.subscribe(id=framework_id)
    call = {"agent_id": agent_id, "task_id": TaskId("t1")}
    play.call(events.UpdateAcknowledged, framework_id, uuid=end, **call)
    assert not play.state.frameworks[framework_id].tasks


def test_a_task_that_was_given_up_is_killed_when_it_turns_out_to_run() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    done = play.update(
        framework_id, agent_id, "ghost", TaskState.TASK_STARTING, latest=TaskState.TASK_RUNNING
    )
    assert told_agent(done, A1, effects.KillTask) == [effects.KillTask(framework_id, TaskId("ghost"))]
    for newest in (TaskState.TASK_FINISHED, None):
        done = play.update(framework_id, agent_id, "ghost", TaskState.TASK_FAILED, latest=newest)
        assert not told_agent(done, A1, effects.KillTask)


def test_an_agent_that_still_reports_for_a_framework_that_is_over_is_told_so() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    play.call(events.TeardownRequested, framework_id)
    done = play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED)
    assert told_agent(done, A1, effects.ShutdownFramework) == [effects.ShutdownFramework(framework_id)]


def test_a_framework_that_the_master_has_never_heard_of_is_awaited_as_long_as_agents() -> None:
    play = Playground(agent_reregister_timeout_s=60.0)
    agent_id, unknown = play.register(), FrameworkId("m-0007")
    for wait_s, expected in ((59.0, []), (2.0, [effects.ShutdownFramework(unknown)])):
        play.run(wait_s)
        done = play.update(unknown, agent_id, "t1", TaskState.TASK_DROPPED)
        assert told_agent(done, A1, effects.ShutdownFramework) == expected
