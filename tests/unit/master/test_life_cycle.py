"""The main path: an agent and a framework join, a task is offered for, launched, updated, acknowledged."""

from __future__ import annotations

from meseta.ids import NO_PID, AgentId, FrameworkId, OfferId
from meseta.master import effects
from meseta.master.events import StreamId
from meseta.records import TaskState
from meseta.resources import Resources
from tests.unit.master.master_kit import EPOCH, Playground, pid_of, states, task, told, told_agent

STREAM = StreamId(1)


def test_a_task_lives() -> None:
    play = Playground()
    framework_id = play.subscribe()
    agent_id = play.register()
    assert (framework_id, agent_id) == (FrameworkId("m-0000"), AgentId("m-S0"))

    (offer,) = play.offers(framework_id)
    assert offer.id == OfferId("m-O0")
    assert offer.resources == Resources.scalars(cpus=4, mem=4096, disk=1000)
    assert offer.agent.info.hostname == "a1"

    (message,) = told_agent(
        play.launch(framework_id, offer, task("t1", agent_id)), pid_of("a1"), effects.RunTask
    )
    assert (message.task.task_id, message.role, message.framework_pid) == ("t1", "web", NO_PID)
    assert message.launch_executor

    done = play.update(framework_id, agent_id, "t1", TaskState.TASK_RUNNING)
    assert states(done) == [("t1", "TASK_RUNNING")]
    (ack,) = told_agent(
        play.acknowledge(framework_id, agent_id, "t1"), pid_of("a1"), effects.AcknowledgeUpdate
    )
    assert ack.task_id == "t1"

    play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED)
    assert play.state.frameworks[framework_id].tasks["t1"].state is TaskState.TASK_FINISHED
    play.acknowledge(framework_id, agent_id, "t1")
    framework = play.state.frameworks[framework_id]
    assert not framework.tasks
    assert [t.task_id for t in framework.completed_tasks] == ["t1"]
    assert play.state.counters["master/tasks_finished"] == 1


def test_freed_resources_are_offered_again_soon() -> None:
    play = Playground()
    framework_id = play.subscribe()
    agent_id = play.register()
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, task("t1", agent_id, cpus=4, mem=4096))
    play.run(10)
    play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED)
    (again,) = play.offers(framework_id, seconds=0.1)
    assert again.resources == Resources.scalars(cpus=4, mem=4096, disk=1000)


def test_a_stream_gets_a_heartbeat_at_once_and_every_fifteen_seconds() -> None:
    play = Playground()
    framework_id = play.subscribe()
    done = play.run(31)
    assert len(told(done, STREAM, effects.Heartbeat)) == 2
    assert play.state.frameworks[framework_id].registered_time == EPOCH
