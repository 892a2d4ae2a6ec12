"""Agents that operators mark gone: what their frameworks are told, and how they are refused."""

from __future__ import annotations

import pytest

from meseta.ids import AgentId, TaskId
from meseta.master import effects, events
from meseta.master.effects import MasterEffect
from meseta.master.events import RequestId
from meseta.master.registry import ForgetAgents, Recovered
from meseta.records import FrameworkCapability, TaskReason, TaskState
from tests.unit.master.master_kit import (
    CAPABLE,
    EPOCH,
    STREAM,
    Playground,
    agent_info,
    pid_of,
    refusals,
    register,
    states,
    told,
    told_agent,
)

UNAWARE = CAPABLE - {FrameworkCapability.PARTITION_AWARE}
REQUEST = RequestId(7)
A1 = AgentId("m-S0")


def replies(done: list[MasterEffect]) -> list[tuple[int, str]]:
    """What requests were answered."""
    return [(e.code, e.text) for e in done if isinstance(e, effects.Reply)]


def gone(play: Playground, id: AgentId) -> list[MasterEffect]:
    """Mark an agent gone."""
    return play.feed(events.AgentGoneRequested(request=REQUEST, agent_id=id))


def back(id: AgentId, name: str = "a1") -> events.ReregistrationRequested:
    """An agent that comes back with nothing."""
    fresh = register(name)
    return events.ReregistrationRequested(
        sender=fresh.sender, info=agent_info(name, id=id), version="1.12.0", capabilities=fresh.capabilities
    )


@pytest.mark.parametrize(
    ("capabilities", "state", "reason"),
    [
        (CAPABLE, "TASK_GONE_BY_OPERATOR", TaskReason.REASON_AGENT_REMOVED_BY_OPERATOR),
        (UNAWARE, "TASK_LOST", TaskReason.REASON_AGENT_REMOVED),
    ],
)
def test_tasks_end_and_the_agent_is_shut_down(
    capabilities: frozenset[FrameworkCapability], state: str, reason: TaskReason
) -> None:
    play = Playground()
    framework_id, agent_id = play.running(capabilities=capabilities)
    play.offers(framework_id, 6)
    done = gone(play, agent_id)
    assert replies(done) == [(200, "")]
    assert states(done) == [("t1", state)]
    (update,) = told(done, STREAM, effects.Updated)
    assert update.update.status.reason is reason
    assert told(done, STREAM, effects.Rescinded)
    assert told(done, STREAM, effects.Failed)
    assert told_agent(done, pid_of("a1"), effects.Shutdown)
    assert agent_id not in play.state.agents
    assert play.state.past.gone == {agent_id: EPOCH + play.now}


def test_a_gone_agent_does_not_come_back() -> None:
    play = Playground()
    agent_id = play.register()
    gone(play, agent_id)
    done = play.feed(back(agent_id))
    (message,) = told_agent(done, pid_of("a1"), effects.Shutdown)
    assert message.message == "Agent has been marked gone"
    assert agent_id not in play.state.agents
    assert play.register("a1") != agent_id  # The machine may join as a new agent.


def test_unreachable_tasks_are_buried() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    play.feed(events.PeerExited(address="10.0.1.1:5051"))
    play.run(700)
    assert agent_id in play.state.past.unreachable
    done = gone(play, agent_id)
    assert states(done) == [("t1", "TASK_GONE_BY_OPERATOR")]
    framework = play.state.frameworks[framework_id]
    assert not framework.unreachable_tasks
    assert framework.completed_tasks[-1].state is TaskState.TASK_GONE_BY_OPERATOR
    assert agent_id not in play.state.past.unreachable


def test_an_agent_that_is_awaited_can_be_marked() -> None:
    play = Playground(recovered=Recovered(agents=(agent_info(id=AgentId("old-S1")),)))
    framework_id = play.subscribe()
    done = gone(play, AgentId("old-S1"))
    assert replies(done) == [(200, "")]
    assert told(done, STREAM, effects.Failed)
    assert not play.state.recovered_agents
    assert told_agent(play.feed(back(AgentId("old-S1"))), pid_of("a1"), effects.Shutdown)
    asked = play.call(events.ReconcileRequested, framework_id, tasks=((TaskId("t9"), AgentId("old-S1")),))
    assert states(asked) == [("t9", "TASK_GONE_BY_OPERATOR")]
    assert refusals(asked) == ["Reconciliation: Task is gone"]


def test_refusals() -> None:
    play = Playground()
    assert replies(gone(play, AgentId("nobody"))) == [(404, "Agent 'nobody' not found")]
    agent_id = play.register()
    play.persists = False
    written = [e for e in gone(play, agent_id) if isinstance(e, effects.Persist)]
    text = f"Agent '{agent_id}' is already being transitioned to gone"
    assert replies(gone(play, agent_id)) == [(503, text)]
    assert not play.feed(back(agent_id))  # It is told when the registry has written.
    play.persists = True
    assert replies(play.feed(events.Persisted(ticket=written[0].ticket))) == [(200, "")]
    assert replies(gone(play, agent_id)) == [(200, "")]


def test_an_agent_that_leaves_is_not_marked_in_between() -> None:
    play = Playground()
    agent_id = play.register()
    play.persists = False
    play.feed(events.UnregistrationRequested(sender=pid_of("a1"), agent_id=agent_id))
    text = f"Agent '{agent_id}' is being transitioned to removed"
    assert replies(gone(play, agent_id)) == [(503, text)]


def test_the_registry_is_rid_of_old_agents() -> None:
    old = tuple((AgentId(f"old-S{n}"), EPOCH - 10 + n) for n in range(5))
    play = Playground(
        recovered=Recovered(gone=old[:2], unreachable=old[2:]),
        past_agents_max=1,
        past_agents_max_s=3600.0,
        forgetting_interval_s=60.0,
    )
    done = play.run(61)
    (effect,) = [e for e in done if isinstance(e, effects.Persist)]
    assert effect.mutation == ForgetAgents((AgentId("old-S2"), AgentId("old-S3"), AgentId("old-S0")))
    assert list(play.state.past.gone) == ["old-S1"]
    assert list(play.state.past.unreachable) == ["old-S4"]
    play.run(3600)
    assert not play.state.past.gone
    assert not play.state.past.unreachable
