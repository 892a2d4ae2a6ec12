"""Agents: admitted, refused, pinged, lost, back again, gone; and a master that has just begun to lead."""

from __future__ import annotations

from typing import Any

import pytest

from meseta.ids import AgentId, ExecutorId, FrameworkId, Pid, TaskId
from meseta.master import effects, events
from meseta.master.events import StreamId
from meseta.master.registry import (
    AdmitAgent,
    MarkReachable,
    MarkUnreachable,
    Recovered,
    RemoveAgent,
    UpdateAgentInfo,
)
from meseta.records import Domain, FrameworkInfo, TaskRecord, TaskState
from meseta.resources import Kind, Resources
from tests.unit.master.master_kit import (
    CAPABLE,
    EPOCH,
    STREAM,
    Playground,
    agent_info,
    executor,
    pid_of,
    register,
    replaced,
    states,
    subscribe,
    task,
    told,
    told_agent,
    updated,
)

A1 = pid_of("a1")
TASK = Resources.scalars(cpus=1, mem=128)


def record(
    task_id: str = "t1",
    state: TaskState = TaskState.TASK_RUNNING,
    framework_id: str = "m-0000",
    agent_id: str = "m-S0",
    **more: Any,
) -> TaskRecord:
    """Return a task as an agent reports it."""
    filled: dict[str, Any] = {"executor_id": None, "allocation_role": "web", "resources": TASK}
    filled.update(more)
    return TaskRecord(
        task_id=TaskId(task_id),
        name=task_id,
        framework_id=FrameworkId(framework_id),
        agent_id=AgentId(agent_id),
        state=state,
        **filled,
    )


def framework_info(id: str = "m-0000", **more: Any) -> FrameworkInfo:
    """Return a framework as an agent reports it."""
    filled: dict[str, Any] = {"user": "root", "name": "f", "roles": ("web",), "capabilities": CAPABLE}
    filled.update({"checkpoint": True, **more})
    return FrameworkInfo(id=FrameworkId(id), **filled)


def reregister(*tasks: TaskRecord, name: str = "a1", id: str = "m-S0", **more: Any) -> Any:
    """Return the event of an agent that comes back."""
    filled: dict[str, Any] = {
        "sender": pid_of(name),
        "info": agent_info(name, id=AgentId(id)),
        "version": "1.12.0",
        "capabilities": frozenset({"MULTI_ROLE"}),
        "frameworks": tuple(framework_info(id) for id in dict.fromkeys(t.framework_id for t in tasks)),
    }
    filled.update(more)
    return events.ReregistrationRequested(tasks=tasks, **filled)


def persisted(done: list[Any], kind: type[Any]) -> list[Any]:
    """Return the mutations of a kind that were asked for."""
    return [
        effect.mutation
        for effect in done
        if isinstance(effect, effects.Persist) and isinstance(effect.mutation, kind)
    ]


# Registration


def test_an_agent_is_admitted_after_the_registry_says_so() -> None:
    play = Playground()
    play.persists = False
    (persist,) = play.feed(register())
    assert isinstance(persist, effects.Persist)
    assert isinstance(persist.mutation, AdmitAgent)
    assert persist.mutation.info.id == "m-S0"
    assert play.feed(register()) == []
    assert not play.state.agents
    done = play.feed(events.Persisted(ticket=persist.ticket))
    (message,) = told_agent(done, A1, effects.AgentRegistered)
    assert (message.agent_id, message.ping_timeout_s) == ("m-S0", 75.0)
    assert told_agent(done, A1, effects.Ping) == [effects.Ping(connected=True)]
    assert effects.Link(A1) in done


def test_a_registered_agent_that_asks_again_is_answered_again() -> None:
    play = Playground()
    assert [play.register(), play.register()] == ["m-S0", "m-S0"]
    assert play.register("a2") == "m-S1"


@pytest.mark.parametrize(
    "event",
    [
        register(version="0.28.2"),
        register(version="one"),
        replaced(register(), info=replaced(agent_info(), domain=Domain(region="r", zone="z"))),
    ],
)
def test_agents_that_do_not_fit_are_ignored(event: Any) -> None:
    done = Playground().feed(event)
    assert [type(effect) for effect in done] == [effects.Log]


def test_a_domain_may_be_required() -> None:
    play = Playground(require_agent_domain=True, domain=Domain(region="r", zone="z"))
    assert not persisted(play.feed(register()), AdmitAgent)
    with_domain = replaced(register(), info=replaced(agent_info(), domain=Domain(region="r", zone="z")))
    assert persisted(play.feed(with_domain), AdmitAgent)


def test_an_agent_that_is_being_written_off_is_not_told_its_old_id() -> None:
    play = Playground()
    play.register()
    play.persists = False
    (persist,) = (effect for effect in play.run(76) if isinstance(effect, effects.Persist))
    assert play.feed(register()) == []
    play.persists = True
    play.feed(events.Persisted(ticket=persist.ticket))
    assert play.register() == "m-S1"


def test_a_new_agent_at_the_address_of_a_disconnected_one_replaces_it() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    play.feed(events.PeerExited(address="10.0.1.1:5051"))
    done = play.feed(register())
    assert persisted(done, RemoveAgent) == [RemoveAgent(agent_id)]
    assert states(done) == [("t1", "TASK_LOST")]
    assert told_agent(done, A1, effects.AgentRegistered)[0].agent_id == "m-S1"
    assert list(play.state.agents) == ["m-S1"]
    assert play.state.counters["master/slave_removals/reason_registered"] == 1
    assert told(done, STREAM, effects.Failed)[0].agent_id == agent_id
    assert play.state.frameworks[framework_id].connected


# Pings and lost connections


def test_an_agent_that_answers_pings_stays() -> None:
    play = Playground()
    agent_id = play.register()
    for _ in range(20):
        play.run(15)
        play.feed(events.PongReceived(sender=A1))
    assert agent_id in play.state.agents


def test_unanswered_pings_make_an_agent_unreachable() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    start = play.now
    done = play.run(74 - start)
    assert not persisted(done, MarkUnreachable)
    done = play.run(76 - play.now)
    (mark,) = persisted(done, MarkUnreachable)
    assert mark == MarkUnreachable(agent_id, EPOCH + 75)
    (update,) = told(done, STREAM, effects.Updated)
    status = update.update.status
    assert (status.state, status.unreachable_time) == (TaskState.TASK_UNREACHABLE, EPOCH + 75)
    assert (status.reason.name, status.message) == ("REASON_AGENT_REMOVED", "health check timed out")  # type: ignore[union-attr]
    assert told(done, STREAM, effects.Failed) == [effects.Failed(framework_id, agent_id)]
    framework = play.state.frameworks[framework_id]
    assert (list(framework.tasks), list(framework.unreachable_tasks)) == ([], ["t1"])
    assert play.state.past.unreachable == {agent_id: EPOCH + 75}
    done = play.call(events.ReconcileRequested, framework_id, tasks=((TaskId("x"), agent_id),))
    assert states(done) == [("x", "TASK_UNREACHABLE")]
    play.register("a2")
    (offer,) = play.offers(framework_id)
    assert states(play.launch(framework_id, offer, task("t1", AgentId("m-S1")))) == [("t1", "TASK_ERROR")]


def test_an_unreachable_agent_comes_back_with_its_tasks() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    play.run(76)
    done = play.feed(reregister(record()))
    assert persisted(done, MarkReachable)
    (update,) = told(done, STREAM, effects.Updated)
    status = update.update.status
    assert (status.state.name, status.message) == ("TASK_RUNNING", "Unreachable agent re-reregistered")
    assert status.reason is not None
    assert status.reason.name == "REASON_AGENT_REREGISTERED"
    framework = play.state.frameworks[framework_id]
    assert (list(framework.tasks), list(framework.unreachable_tasks)) == (["t1"], [])
    assert play.state.past.unreachable == {}
    assert play.state.agents[agent_id].tasks[framework_id]


def test_operators_hear_of_the_tasks_of_an_agent_that_comes_back() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    play.run(76)
    play.feed(events.SubscriberAdded())
    done = play.feed(reregister(record()))
    assert [effect.event for effect in done if isinstance(effect, effects.Publish)] == [
        effects.TaskAdded(framework_id, TaskId("t1")),
        effects.AgentAdded(agent_id),
    ]


def test_a_broken_connection_stops_offers_and_ends_what_does_not_checkpoint() -> None:
    play = Playground()
    framework_id, agent_id = play.running(checkpoint=False)
    (offer,) = play.offers(framework_id, seconds=7)
    done = play.feed(events.PeerExited(address="10.0.1.1:5051"))
    assert told(done, STREAM, effects.Rescinded)[0].offer_id == offer.id
    assert states(done) == [("t1", "TASK_LOST")]
    (update,) = told(done, STREAM, effects.Updated)
    assert update.update.status.message == "Agent a1 disconnected"
    agent = play.state.agents[agent_id]
    assert (agent.connected, agent.active) == (False, False)
    assert play.feed(events.PeerExited(address="10.0.1.1:5051")) == []


def test_a_task_that_checkpoints_survives_a_broken_connection() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    assert states(play.feed(events.PeerExited(address="10.0.1.1:5051"))) == []
    play.call(events.KillRequested, framework_id, task_id=TaskId("t1"))
    done = play.feed(reregister(record()))
    assert told_agent(done, A1, effects.AgentReregistered)[0].reconciliations == ()
    assert told_agent(done, A1, effects.KillTask) == [effects.KillTask(framework_id, TaskId("t1"))]
    assert states(done) == []
    assert len(told_agent(done, A1, effects.UpdateFramework)) == 1
    assert play.state.agents[agent_id].active


def test_a_disconnected_agent_that_does_not_come_back_is_unreachable() -> None:
    play = Playground(agent_reregister_timeout_s=20.0)
    play.running()
    play.feed(events.PeerExited(address="10.0.1.1:5051"))
    done = play.run(21)
    assert states(done) == [("t1", "TASK_UNREACHABLE")]
    assert told(done, STREAM, effects.Updated)[0].update.status.message == (
        "agent did not reregister within 20secs after disconnecting"
    )


def test_one_broken_connection_takes_all_agents_at_its_address() -> None:
    play = Playground()
    event = register()
    second = replaced(event, sender=Pid("slave(2)@10.0.1.1:5051"))
    play.feed(event)
    play.feed(second)
    play.feed(events.PeerExited(address="10.0.1.1:5051"))
    assert [agent.connected for agent in play.state.agents.values()] == [False, False]


# Re-registration of an agent that is known


def test_tasks_that_a_known_agent_does_not_report_are_asked_about() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    done = play.feed(reregister())
    (message,) = told_agent(done, A1, effects.AgentReregistered)
    (asked,) = message.reconciliations
    assert asked.framework_id == framework_id
    assert asked.framework is play.state.frameworks[framework_id].info
    assert [(s.task_id, s.state.name) for s in asked.statuses] == [("t1", "TASK_RUNNING")]
    play.update(framework_id, agent_id, "t1", TaskState.TASK_LOST)
    play.acknowledge(framework_id, agent_id, "t1")
    assert not play.state.frameworks[framework_id].tasks


def test_executors_that_a_known_agent_does_not_report_are_over() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, task("t1", agent_id, executor=executor("e1")))
    play.feed(reregister(record(executor_id=ExecutorId("e1"))))
    assert not play.state.agents[agent_id].executors


def test_a_task_that_was_given_up_is_killed_when_its_agent_still_runs_it() -> None:
    play = Playground()
    framework_id, _ = play.running(checkpoint=False)
    play.feed(events.PeerExited(address="10.0.1.1:5051"))
    done = play.feed(reregister(record()))
    assert told_agent(done, A1, effects.KillTask) == [effects.KillTask(framework_id, TaskId("t1"))]


def test_an_id_that_somebody_has_taken_is_not_given() -> None:
    play = Playground()
    play.feed(reregister(name="a9"))
    assert play.register() == "m-S1"
    play.persists = False
    (persist,) = play.feed(register("a2"))
    play.persists = True
    play.feed(reregister(name="a3", id=persist.mutation.info.id))  # type: ignore[union-attr]
    done = play.feed(events.Persisted(ticket=persist.ticket))  # type: ignore[union-attr]
    assert not told_agent(done, pid_of("a2"), effects.AgentRegistered)
    assert play.register("a2") == "m-S3"


def test_an_agent_that_changed_is_written_first() -> None:
    play = Playground()
    play.register()
    info = agent_info("a1", cpus=8, id=AgentId("m-S0"))
    done = play.feed(reregister(info=info))
    assert persisted(done, UpdateAgentInfo) == [UpdateAgentInfo(info)]
    assert play.state.agents[AgentId("m-S0")].total.scalar("cpus") == 8000


def test_an_agent_on_another_machine_is_shut_down() -> None:
    play = Playground()
    play.register()
    done = play.feed(reregister(sender=Pid("slave(1)@10.9.9.9:5051")))
    (message,) = told_agent(done, Pid("slave(1)@10.9.9.9:5051"), effects.Shutdown)
    assert message.message == "Agent attempted to reregister with different IP / hostname"


def test_an_agent_whose_address_another_has_taken_is_not_pinged_there() -> None:
    play = Playground()
    play.register()
    play.feed(reregister(id="old-S0"))
    pings = told_agent(play.run(80), A1, effects.Ping)
    assert set(pings) == {effects.Ping(connected=True)}
    assert list(play.state.past.unreachable) == ["m-S0", "old-S0"]


def test_a_framework_that_is_long_forgotten_is_shut_down_on_a_known_agent() -> None:
    play = Playground(completed_frameworks_max=0)
    framework_id, _ = play.running()
    play.call(events.TeardownRequested, framework_id)
    done = play.feed(reregister(record()))
    assert told_agent(done, A1, effects.ShutdownFramework) == [effects.ShutdownFramework(framework_id)]
    assert not play.state.frameworks


def test_an_agent_may_come_back_at_another_port() -> None:
    play = Playground()
    play.register()
    moved = Pid("slave(1)@10.0.1.1:6000")
    done = play.feed(reregister(sender=moved))
    assert [effect for effect in done if isinstance(effect, effects.Link | effects.Unlink)] == [
        effects.Unlink(A1),
        effects.Link(moved),
    ]
    assert play.state.agent_pids == {moved: "m-S0"}
    play.feed(events.PeerExited(address="10.0.1.1:5051"))
    assert play.state.agents[AgentId("m-S0")].connected


# A new master


def test_an_agent_brings_its_frameworks_and_tasks_to_a_new_master() -> None:
    play = Playground()
    done = play.feed(
        reregister(
            record(executor_id=ExecutorId("e1")),
            record("t2", TaskState.TASK_FINISHED),
            executors=(executor("e1", framework_id=FrameworkId("m-0000"), allocation_role="web"),),
        )
    )
    assert persisted(done, MarkReachable)
    framework = play.state.frameworks[FrameworkId("m-0000")]
    assert framework.recovered
    assert list(framework.tasks) == ["t1", "t2"]
    (message,) = told(
        play.feed(subscribe(Pid("s@1.1.1.1:1"), id=framework.id)), Pid("s@1.1.1.1:1"), effects.Subscribed
    )
    assert message.reregistered
    assert not framework.recovered
    (offer,) = play.offers(framework.id)
    assert offer.resources.scalar("cpus") == 4000 - 1000 - 500


def test_an_agent_brings_the_history_of_frameworks_to_a_new_master() -> None:
    ended = record("t0", TaskState.TASK_FINISHED)
    stranger = record("t9", TaskState.TASK_FINISHED, framework_id="m-0009")
    play = Playground()
    play.feed(
        reregister(
            record("t1"),
            completed=(
                events.CompletedFramework(info=framework_info(), tasks=(ended, ended)),
                events.CompletedFramework(info=framework_info("m-0009"), tasks=(stranger,)),
            ),
        )
    )
    framework = play.state.frameworks[FrameworkId("m-0000")]
    assert [(t.task_id, t.agent_id, t.state) for t in framework.completed_tasks] == [
        ("t0", "m-S0", TaskState.TASK_FINISHED)
    ]
    assert list(play.state.frameworks) == ["m-0000"]


def test_a_framework_that_comes_first_hears_of_its_tasks() -> None:
    play = Playground()
    framework_id = play.subscribe(STREAM, id=FrameworkId("old-0000"))
    done = play.feed(reregister(record(framework_id="old-0000")))
    assert states(done) == [("t1", "TASK_RUNNING")]
    assert told(done, STREAM, effects.Updated)[0].update.status.message == "Unknown agent reregistered"
    assert list(play.state.frameworks[framework_id].tasks) == ["t1"]
    assert len(told_agent(done, A1, effects.UpdateFramework)) == 1


def test_an_update_that_waits_for_its_acknowledgement_may_be_acknowledged_to_the_new_master() -> None:
    play = Playground()
    ended = record(
        state=TaskState.TASK_FINISHED,
        framework_id="old-0000",
        status_update_state=TaskState.TASK_FINISHED,
        status_update_uuid=b"u" * 16,
    )
    framework_id = play.subscribe(STREAM, id=FrameworkId("old-0000"))
    play.feed(reregister(ended))
    play.acknowledge(framework_id, AgentId("m-S0"), "t1")
    assert not play.state.frameworks[framework_id].tasks


def test_a_task_id_that_is_in_use_elsewhere_is_killed() -> None:
    play = Playground()
    framework_id = play.subscribe(STREAM, id=FrameworkId("old-0000"))
    play.register("a2")
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, task("t1", AgentId("m-S0")))
    done = play.feed(reregister(record(framework_id="old-0000", agent_id="x-S5"), id="x-S5"))
    assert told_agent(done, A1, effects.KillTask) == [effects.KillTask(framework_id, TaskId("t1"))]
    assert play.state.frameworks[framework_id].tasks[TaskId("t1")].agent_id == "m-S0"


def test_frameworks_that_are_over_are_shut_down_on_agents_that_come_back() -> None:
    play = Playground()
    framework_id, _ = play.running()
    play.run(76)
    play.call(events.TeardownRequested, framework_id)
    done = play.feed(reregister(record()))
    assert told_agent(done, A1, effects.ShutdownFramework) == [effects.ShutdownFramework(framework_id)]
    assert not play.state.frameworks


def test_while_agents_of_the_registry_are_away_unknown_tasks_are_not_answered_for() -> None:
    awaited = Recovered(agents=(agent_info("a1", id=AgentId("old-S0")),))
    play = Playground(recovered=awaited)
    framework_id = play.subscribe()
    ask = {"tasks": ((TaskId("x"), None), (TaskId("y"), AgentId("old-S0")))}
    assert play.call(events.ReconcileRequested, framework_id, **ask) == []
    done = play.feed(reregister(id="old-S0"))
    assert not [effect for effect in done if isinstance(effect, effects.Persist)]
    assert states(play.call(events.ReconcileRequested, framework_id, **ask)) == [
        ("x", "TASK_UNKNOWN"),
        ("y", "TASK_GONE"),
    ]


def test_agents_of_the_registry_that_do_not_come_back_are_unreachable() -> None:
    awaited = Recovered(
        agents=(agent_info("a1", id=AgentId("old-S0")),), unreachable=((AgentId("old-S1"), 5.0),)
    )
    play = Playground(recovered=awaited)
    framework_id = play.subscribe()
    done = play.run(601)
    assert persisted(done, MarkUnreachable) == [MarkUnreachable(AgentId("old-S0"), EPOCH + 600)]
    assert told(done, STREAM, effects.Failed) == [effects.Failed(framework_id, AgentId("old-S0"))]
    assert list(play.state.past.unreachable) == ["old-S1", "old-S0"]
    assert play.state.counters["master/recovery_slave_removals"] == 1


# Leaving and changing


def test_an_agent_that_unregisters_is_gone() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    done = play.feed(events.UnregistrationRequested(sender=A1, agent_id=agent_id))
    assert persisted(done, RemoveAgent)
    (update,) = told(done, STREAM, effects.Updated)
    assert update.update.status.message == "Agent a1 removed: the agent unregistered"
    assert effects.Unlink(A1) in done
    assert play.state.past.removed == {agent_id: None}
    assert play.offers(framework_id, seconds=100) == ()


def test_an_end_that_waits_for_its_acknowledgement_is_told_again_when_the_agent_leaves() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED)
    done = play.feed(events.UnregistrationRequested(sender=A1, agent_id=agent_id))
    assert states(done) == [("t1", "TASK_FINISHED")]


def test_nothing_happens_to_an_agent_twice_while_the_registry_writes() -> None:
    play = Playground()
    agent_id = play.register()
    play.persists = False
    leave = events.UnregistrationRequested(sender=A1, agent_id=agent_id)
    (persist,) = play.feed(leave)
    assert play.feed(leave) == []
    assert play.feed(reregister()) == []
    assert isinstance(persist, effects.Persist)
    play.feed(events.Persisted(ticket=persist.ticket))
    assert not play.state.agents


def test_a_new_total_rescinds_offers() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    (offer,) = play.offers(framework_id)
    total = Resources.scalars(cpus=2, mem=4096)
    done = play.feed(events.AgentUpdated(sender=A1, agent_id=agent_id, total=total))
    assert told(done, STREAM, effects.Rescinded) == [effects.Rescinded(offer.id)]
    (again,) = play.offers(framework_id)
    assert again.resources == total
    assert play.feed(events.AgentUpdated(sender=A1, agent_id=agent_id)) == []
    assert len(play.feed(events.AgentUpdated(sender=A1, agent_id=AgentId("x")))) == 1


def test_oversubscribing_rescinds_only_offers_of_what_is_revocable() -> None:
    play = Playground()
    plain, revocable = play.subscribe(StreamId(1)), play.subscribe(StreamId(2), capabilities=CAPABLE | {1})
    agent_id = play.register()
    (offer,) = [*play.offers(plain), *play.offers(revocable)]
    assert offer.framework_id == plain
    spare = Resources.of([(Kind("cpus", revocable=True), 2000)])
    assert not told(oversubscribe(play, agent_id, spare), STREAM, effects.Rescinded)
    (more,) = play.offers(revocable)
    assert more.resources == spare
    done = oversubscribe(play, agent_id, Resources.EMPTY)
    assert told(done, StreamId(2), effects.Rescinded) == [effects.Rescinded(more.id)]
    assert list(play.state.offers) == [offer.id]


def oversubscribe(play: Playground, agent_id: AgentId, resources: Resources) -> list[Any]:
    """Let an agent say what it has to spare."""
    sender = play.state.agents[agent_id].pid
    return play.feed(events.AgentUpdated(sender=sender, agent_id=agent_id, oversubscribed=resources))


def test_messages_of_others_about_an_agent_are_ignored() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    stranger = Pid("slave(1)@9.9.9.9:9")
    play.feed(events.UnregistrationRequested(sender=stranger, agent_id=agent_id))
    play.feed(
        events.ExecutorExited(
            sender=stranger,
            agent_id=agent_id,
            framework_id=framework_id,
            executor_id=ExecutorId("e"),
            status=0,
        )
    )
    play.feed(events.PongReceived(sender=stranger))
    play.feed(updated(stranger, framework_id, agent_id, "t1", TaskState.TASK_FAILED, b"u" * 16))
    assert play.state.frameworks[framework_id].tasks[TaskId("t1")].state is TaskState.TASK_RUNNING
    assert agent_id in play.state.agents


def test_a_whitelist_limits_offers_to_its_hosts() -> None:
    play = Playground()
    play.feed(events.WhitelistChanged(hostnames=frozenset({"a2"})))
    framework_id = play.subscribe(StreamId(5))
    play.register("a1")
    play.register("a2")
    assert [offer.agent.info.hostname for offer in play.offers(framework_id)] == ["a2"]


def test_an_end_that_is_acknowledged_already_does_not_come_back_with_its_agent() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    end = b"e" * 16
    play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED, uuid=end)
    play.acknowledge(framework_id, agent_id, "t1")
    play.run(100.0)
    assert agent_id in play.state.past.unreachable
    finished = record(state=TaskState.TASK_FINISHED, status_update_uuid=end)
    other = record("t2", TaskState.TASK_FINISHED, status_update_uuid=b"o" * 16)
    play.feed(reregister(finished, other))
    assert list(play.state.frameworks[framework_id].tasks) == [TaskId("t2")]
