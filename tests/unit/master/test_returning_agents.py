"""What an agent that comes back says of itself counts from then on; what has left leaves nothing behind."""

from __future__ import annotations

from meseta.attributes import Attribute, AttributeType
from meseta.ids import AgentId, FrameworkId, TaskId
from meseta.master import effects, events
from meseta.master.events import ReregistrationRequested, StreamId
from meseta.master.tasks import kept_statuses
from meseta.records import LateStatuses, TaskRecord, TaskState, TaskStatus
from meseta.resources import Resources
from tests.unit.master.master_kit import (
    EPOCH,
    Playground,
    agent_info,
    executor,
    pid_of,
    register,
    replaced,
    states,
    subscribe,
    task,
    told_agent,
)

A1 = pid_of("a1")
RACK = Attribute("rack", AttributeType.TEXT, "r2")


def returning(agent_id: AgentId, **changes: object) -> ReregistrationRequested:
    """Return the event of an agent that comes back with other attributes and more of everything."""
    info = replaced(agent_info(cpus=8, id=agent_id), attributes=(RACK,))
    filled = {
        "sender": A1,
        "info": info,
        "version": "1.13.0",
        "capabilities": frozenset({"MULTI_ROLE", "HIERARCHICAL_ROLE"}),
        "resource_version": b"v" * 16,
        **changes,
    }
    return ReregistrationRequested(**filled)  # type: ignore[arg-type]


def test_a_known_agent_is_what_it_says_now() -> None:
    play = Playground()
    framework_id = play.subscribe(roles=("eng/web",))
    agent_id = play.register()
    assert play.offers(framework_id) == (), "the agent cannot cope with hierarchical roles"
    event = returning(agent_id)
    play.feed(event)
    agent = play.state.agents[agent_id]
    assert (agent.info, agent.version, agent.capabilities) == (event.info, "1.13.0", event.capabilities)
    assert agent.resource_version == event.resource_version
    assert agent.reregistered_time == EPOCH + play.now
    (offer,) = play.offers(framework_id)
    assert (offer.agent.info, offer.resources.scalar("cpus")) == (event.info, 8000)
    done = play.launch(framework_id, offer, task("t1", agent_id))
    (message,) = told_agent(done, A1, effects.RunTask)
    assert message.resource_version == event.resource_version


def test_an_agent_says_when_its_resources_have_changed() -> None:
    play = Playground()
    agent_id = play.register()
    play.feed(events.AgentUpdated(sender=A1, agent_id=agent_id, resource_version=b"w" * 16))
    play.feed(events.AgentUpdated(sender=A1, agent_id=agent_id))
    assert play.state.agents[agent_id].resource_version == b"w" * 16


def test_without_checkpointing_executors_end_with_the_connection() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(checkpoint=False), play.register()
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, task("t1", agent_id, executor=executor("e1")))
    play.feed(events.PeerExited(address="10.0.1.1:5051"))
    assert not play.state.agents[agent_id].executors
    assert not play.state.frameworks[framework_id].executors


def test_executors_go_with_their_agent() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, task("t1", agent_id, executor=executor("e1")))
    play.run(76)
    framework = play.state.frameworks[framework_id]
    assert (framework.executors, framework.agents) == ({}, {})


def test_a_task_that_did_not_come_back_is_unreachable_no_more() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    play.run(76)
    assert TaskId("t1") in play.state.frameworks[framework_id].unreachable_tasks
    play.feed(returning(agent_id))
    assert not play.state.frameworks[framework_id].unreachable_tasks
    assert not play.state.past.tasks
    asked = play.call(events.ReconcileRequested, framework_id, tasks=((TaskId("t1"), agent_id),))
    assert states(asked) == [("t1", "TASK_GONE")]


def test_a_task_that_comes_back_is_history_no_more() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    play.feed(events.UnregistrationRequested(sender=A1, agent_id=agent_id))
    framework = play.state.frameworks[framework_id]
    assert [task.task_id for task in framework.completed_tasks] == ["t1"]
    running = TaskRecord(
        task_id=TaskId("t1"),
        name="t1",
        framework_id=framework_id,
        agent_id=agent_id,
        executor_id=None,
        state=TaskState.TASK_RUNNING,
        resources=Resources.scalars(cpus=1),
        allocation_role="web",
        statuses=(TaskStatus(task_id=TaskId("t1"), state=TaskState.TASK_RUNNING, data=b"d", message="hi"),),
    )
    play.feed(returning(agent_id, frameworks=(framework.info,), tasks=(running,)))
    assert (list(framework.tasks), list(framework.completed_tasks)) == (["t1"], [])
    (status,) = framework.tasks[TaskId("t1")].statuses
    assert (status.message, status.data) == ("hi", None)


def test_a_framework_of_which_only_the_agent_knows_something_is_shut_down_there() -> None:
    play = Playground()
    framework_id = play.subscribe()
    info = play.state.frameworks[framework_id].info
    play.feed(returning(AgentId("old-S0"), frameworks=(info,)))
    done = play.call(events.TeardownRequested, framework_id)
    assert told_agent(done, A1, effects.ShutdownFramework) == [effects.ShutdownFramework(framework_id)]


def test_nothing_is_left_of_those_that_have_left() -> None:
    play = Playground(offer_timeout_s=60.0)
    framework_id, agent_id = play.running()
    play.feed(subscribe(StreamId(2)))
    play.register("a2")
    play.feed(events.PeerExited(address="10.0.1.2:5051"))
    play.feed(register("a2"))
    play.offers(framework_id, seconds=6)
    play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED)
    for id in list(play.state.frameworks):
        play.call(events.TeardownRequested, id)
    for agent in list(play.state.agents.values()):
        play.feed(events.UnregistrationRequested(sender=agent.pid, agent_id=agent.id))
    state = play.state
    kept = (state.deadlines, state.addresses, state.peers, state.agent_pids, state.offers, state.pending)
    one_timer = [1] + [0] * 7  # That of the agents that are to be forgotten.
    assert [len(each) for each in (*kept, state.registering, state.reregistering)] == one_timer
    assert list(state.completed_frameworks) == [framework_id, FrameworkId("m-0001")]


def test_agents_that_come_back_at_once_are_not_pinged_at_once() -> None:
    play = Playground()
    for number in range(100):
        id = AgentId(f"old-S{number}")
        play.feed(returning(id, sender=pid_of(f"a{number}"), info=agent_info(f"a{number}", id=id)))
    pings = []
    for _ in range(15):
        done = play.run(1)
        pings.append(sum(isinstance(getattr(effect, "message", None), effects.Ping) for effect in done))
    assert sum(pings) == 100
    assert max(pings) <= 10


def test_late_statuses_are_kept_as_they_are_unless_they_are_too_many_or_too_long() -> None:
    config = Playground().state.config
    status = TaskStatus(task_id=TaskId("t"), state=TaskState.TASK_RUNNING, raw=b"x" * 9000)
    few, long, many = (
        LateStatuses(raw, count, lambda raw, count=count: (status,) * count)  # type: ignore[misc]
        for raw, count in ((b"a", 1), (b"a" * 9000, 1), (b"a", 17))
    )
    assert kept_statuses(config, few) is few
    assert kept_statuses(config, long) == (replaced(status, raw=b""),)
    assert len(kept_statuses(config, many)) == 16
