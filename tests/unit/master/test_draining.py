"""Agents that operators drain, deactivate and reactivate."""

from __future__ import annotations

from typing import Any

import pytest

from meseta.ids import AgentId, FrameworkId, TaskId
from meseta.master import effects, events
from meseta.master.effects import MasterEffect, Reply
from meseta.master.registry import Deactivate, Deactivation, Drain, DrainState, Reactivate, Recovered
from meseta.records import TaskRecord, TaskState
from meseta.resources import Resources
from tests.unit.master.master_kit import (
    EPOCH,
    STREAM,
    Playground,
    agent_info,
    pid_of,
    register,
    told,
    told_agent,
)
from tests.unit.master.test_gone import REQUEST, replies

CAPABLE = frozenset({"MULTI_ROLE", "AGENT_DRAINING"})
ASYNC = CAPABLE | {"RESOURCE_PROVIDER"}


def ask(play: Playground, kind: type[Any], id: AgentId, **fields: Any) -> list[MasterEffect]:
    """Let an operator ask."""
    return play.feed(kind(request=REQUEST, agent_id=id, **fields))


def drain(play: Playground, id: AgentId, **fields: Any) -> list[MasterEffect]:
    return ask(play, events.AgentDrainRequested, id, **fields)


def busy(play: Playground) -> tuple[FrameworkId, AgentId]:
    """A framework and an agent that can drain, with a task."""
    framework_id, agent_id = play.running()
    play.state.agents[agent_id].capabilities = CAPABLE
    return framework_id, agent_id


def end(play: Playground, framework_id: FrameworkId, agent_id: AgentId) -> list[MasterEffect]:
    """Let the task end and its end be acknowledged."""
    play.update(framework_id, agent_id, "t1", TaskState.TASK_KILLED)
    return play.acknowledge(framework_id, agent_id, "t1")


def wanted(play: Playground, id: AgentId) -> Deactivation | None:
    return play.state.wishes.deactivated.get(id)


def back(id: AgentId, *tasks: TaskRecord, capabilities: frozenset[str] = CAPABLE, name: str = "a1") -> Any:
    fresh = register(name)
    return events.ReregistrationRequested(
        sender=fresh.sender,
        info=agent_info(name, id=id),
        version="1.12.0",
        capabilities=capabilities,
        tasks=tasks,
    )


def test_from_draining_to_drained() -> None:
    play = Playground()
    framework_id, agent_id = busy(play)
    assert play.offers(framework_id, 6)
    done = drain(play, agent_id, max_grace_period_s=2.0)
    assert replies(done) == [(200, "")]
    assert told(done, STREAM, effects.Rescinded)
    assert told_agent(done, pid_of("a1"), effects.DrainAgent) == [effects.DrainAgent(2.0, False)]
    assert wanted(play, agent_id) == Deactivation(Drain(DrainState.DRAINING, 2.0))
    assert not play.offers(framework_id, 60)
    assert play.state.agents[agent_id].drain_started == EPOCH + play.now - 60
    refusal = [(400, "Agent is still in the DRAINING state")]
    assert replies(ask(play, events.AgentReactivationRequested, agent_id)) == refusal
    end(play, framework_id, agent_id)
    assert wanted(play, agent_id) == Deactivation(Drain(DrainState.DRAINED, 2.0))
    assert replies(ask(play, events.AgentReactivationRequested, agent_id)) == [(200, "")]
    assert wanted(play, agent_id) is None
    assert play.offers(framework_id, 6)


def test_an_empty_agent_is_drained_at_once() -> None:
    play = Playground()
    agent_id = play.register(capabilities=CAPABLE)
    mutations = [e.mutation for e in drain(play, agent_id) if isinstance(e, effects.Persist)]
    assert mutations == [
        Deactivate(agent_id, Deactivation(Drain())),
        Deactivate(agent_id, Deactivation(Drain(DrainState.DRAINED))),
    ]


def test_a_drained_agent_is_marked_gone() -> None:
    play = Playground()
    framework_id, agent_id = busy(play)
    drain(play, agent_id, mark_gone=True)
    assert agent_id in play.state.agents
    done = end(play, framework_id, agent_id)
    assert told_agent(done, pid_of("a1"), effects.Shutdown)
    assert agent_id in play.state.past.gone
    assert not play.state.wishes.deactivated


def test_deactivation_keeps_tasks() -> None:
    play = Playground()
    framework_id, agent_id = busy(play)
    assert replies(ask(play, events.AgentDeactivationRequested, agent_id)) == [(200, "")]
    assert not play.offers(framework_id, 60)
    end(play, framework_id, agent_id)
    assert wanted(play, agent_id) == Deactivation()
    ask(play, events.AgentReactivationRequested, agent_id)
    assert play.offers(framework_id, 6)


def test_a_draining_agent_that_is_deactivated_goes_on_draining() -> None:
    play = Playground()
    _, agent_id = busy(play)
    drain(play, agent_id)
    ask(play, events.AgentDeactivationRequested, agent_id)
    assert wanted(play, agent_id) == Deactivation(Drain())


def test_what_the_registry_is_being_told_counts() -> None:
    play = Playground()
    _, agent_id = busy(play)
    play.persists = False
    drain(play, agent_id)
    done = ask(play, events.AgentReactivationRequested, agent_id)
    assert replies(done) == [(400, "Agent is still in the DRAINING state")]


@pytest.mark.parametrize("capabilities", [CAPABLE, ASYNC])
def test_a_new_master_goes_on(capabilities: frozenset[str]) -> None:
    id = AgentId("old-S1")
    recovered = Recovered(agents=(agent_info(id=id),), deactivated=((id, Deactivation(Drain())),))
    play = Playground(recovered=recovered)
    framework_id = play.subscribe()
    record = TaskRecord(
        task_id=TaskId("t1"),
        name="t1",
        framework_id=framework_id,
        agent_id=id,
        executor_id=None,
        state=TaskState.TASK_RUNNING,
        resources=Resources.scalars(cpus=1),
        allocation_role="web",
    )
    done = play.feed(back(id, record, capabilities=capabilities))
    assert told_agent(done, pid_of("a1"), effects.DrainAgent) == [effects.DrainAgent()]
    assert not play.offers(framework_id, 60)
    end(play, framework_id, id)
    assert wanted(play, id) == Deactivation(Drain(DrainState.DRAINED))
    assert told_agent(play.feed(back(id)), pid_of("a1"), effects.DrainAgent)


def test_operations_are_waited_for() -> None:
    id = AgentId("old-S1")
    recovered = Recovered(agents=(agent_info(id=id),), deactivated=((id, Deactivation(Drain())),))
    play = Playground(recovered=recovered)
    play.feed(back(id, capabilities=ASYNC))
    assert wanted(play, id) == Deactivation(Drain())
    play.feed(events.AgentUpdated(sender=pid_of("a1"), agent_id=id, operations=()))
    assert wanted(play, id) == Deactivation(Drain(DrainState.DRAINED))


def test_a_disconnected_agent_is_told_when_it_is_back() -> None:
    play = Playground()
    framework_id, agent_id = busy(play)
    drain(play, agent_id)
    play.feed(events.PeerExited(address="10.0.1.1:5051"))
    play.run(700)
    assert agent_id in play.state.past.unreachable
    assert wanted(play, agent_id) == Deactivation(Drain())
    assert replies(drain(play, agent_id, max_grace_period_s=1.0)) == [(200, "")]
    done = play.feed(back(agent_id))
    assert told_agent(done, pid_of("a1"), effects.DrainAgent) == [effects.DrainAgent(1.0)]
    assert wanted(play, agent_id) == Deactivation(Drain(DrainState.DRAINED, 1.0))
    assert not play.offers(framework_id, 60)


def test_nothing_is_left_of_an_agent_that_leaves() -> None:
    play = Playground()
    agent_id = play.register(capabilities=CAPABLE)
    play.persists = False
    (asked,) = [e for e in drain(play, agent_id) if isinstance(e, effects.Persist)]
    (left,) = [
        e
        for e in play.feed(events.UnregistrationRequested(sender=pid_of("a1"), agent_id=agent_id))
        if isinstance(e, effects.Persist)
    ]
    play.feed(events.Persisted(ticket=left.ticket))
    done = play.feed(events.Persisted(ticket=asked.ticket))
    assert replies(done) == [(409, "Agent removed while processing the call")]
    assert [e.mutation for e in done if isinstance(e, effects.Persist)] == [Reactivate(agent_id)]


def test_what_is_left_of_an_agent_is_taken_away_once() -> None:
    play = Playground()
    agent_id = play.register(capabilities=CAPABLE)
    play.persists = False
    (asked,) = [e for e in drain(play, agent_id) if isinstance(e, effects.Persist)]
    leave = events.UnregistrationRequested(sender=pid_of("a1"), agent_id=agent_id)
    (left,) = [e for e in play.feed(leave) if isinstance(e, effects.Persist)]
    play.persists = True
    play.feed(events.Persisted(ticket=left.ticket))
    done = play.feed(events.Persisted(ticket=asked.ticket))
    assert [e.mutation for e in done if isinstance(e, effects.Persist)] == [Reactivate(agent_id)]
    assert not play.state.pending


def test_an_agent_that_leaves_is_reactivated_in_vain() -> None:
    play = Playground()
    agent_id = play.register(capabilities=CAPABLE)
    ask(play, events.AgentDeactivationRequested, agent_id)
    play.persists = False
    leave = events.UnregistrationRequested(sender=pid_of("a1"), agent_id=agent_id)
    asked = [*play.feed(leave), *ask(play, events.AgentReactivationRequested, agent_id)]
    play.persists = True
    done = [
        effect
        for each in asked
        if isinstance(each, effects.Persist)
        for effect in play.feed(events.Persisted(ticket=each.ticket))
    ]
    assert replies(done) == [(409, "Agent removed while processing the call")]
    assert not [e for e in done if isinstance(e, effects.Persist)]


@pytest.mark.parametrize("kind", [events.AgentDrainRequested, events.AgentDeactivationRequested])
def test_nothing_is_written_of_an_agent_that_is_being_removed(kind: type[Any]) -> None:
    """A master that died before it took that back would leave it to whoever leads next."""
    play = Playground()
    agent_id = play.register(capabilities=CAPABLE)
    play.persists = False
    play.feed(events.UnregistrationRequested(sender=pid_of("a1"), agent_id=agent_id))
    assert ask(play, kind, agent_id) == [Reply(REQUEST, 409, "Agent is currently being removed")]


def test_nothing_is_written_of_an_agent_that_is_being_forgotten() -> None:
    play = Playground(recovered=Recovered(unreachable=((AgentId("old-S1"), 1.0),)), past_agents_max=0)
    play.persists = False
    play.run(play.config.forgetting_interval_s)
    done = drain(play, AgentId("old-S1"))
    assert done == [Reply(REQUEST, 409, "Agent is currently being removed")]


def test_refusals() -> None:
    play = Playground()
    nobody = AgentId("nobody")
    for kind in (events.AgentDrainRequested, events.AgentDeactivationRequested):
        assert replies(ask(play, kind, nobody)) == [(400, "Unknown agent")]
    refusal = [(400, "Agent is not deactivated")]
    assert replies(ask(play, events.AgentReactivationRequested, nobody)) == refusal
    old = play.register()
    assert replies(drain(play, old)) == [(400, f"Agent {old} is not capable of draining")]
    play.persists = False
    ask(play, events.AgentGoneRequested, old)
    marked = [(409, "Agent is currently being marked gone")]
    assert replies(ask(play, events.AgentDeactivationRequested, old)) == marked
