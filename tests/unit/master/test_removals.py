"""Giving agents up one by one, and not too many of them after a failover."""

from __future__ import annotations

from meseta.ids import AgentId
from meseta.master import effects, events
from meseta.master.registry import MarkReachable, MarkUnreachable, Recovered
from tests.unit.master.master_kit import Playground, agent_info, pid_of, register
from tests.unit.master.test_draining import back


def given_up(done: list[effects.MasterEffect]) -> list[AgentId]:
    """The agents that the registry was told are unreachable."""
    mutations = [e.mutation for e in done if isinstance(e, effects.Persist)]
    return [mutation.agent_id for mutation in mutations if isinstance(mutation, MarkUnreachable)]


def test_agents_are_given_up_one_by_one() -> None:
    play = Playground(agent_removal_interval_s=600.0)
    ids = [play.register(f"a{n}") for n in (1, 2, 3)]
    done = play.run(80)
    assert given_up(done) == ids[:1]
    assert play.state.counters["master/slave_unreachable_scheduled"] == 3
    play.feed(events.PongReceived(sender=pid_of("a2")))
    for _ in range(9):
        play.run(60)
        play.feed(events.PongReceived(sender=pid_of("a2")))
    assert given_up(play.run(70)) == ids[2:]
    assert play.state.counters["master/slave_unreachable_canceled"] == 1
    assert not play.state.removals.waiting
    assert ids[1] in play.state.agents


def test_an_agent_that_was_back_in_time_begins_to_wait_anew() -> None:
    play = Playground(agent_removal_interval_s=600.0)
    ids = [play.register(f"a{n}") for n in (1, 2)]
    assert given_up(play.run(80)) == ids[:1]
    play.feed(back(ids[1], name="a2"))
    assert not play.state.removals.waiting
    for _ in range(11):
        play.feed(events.PongReceived(sender=pid_of("a2")))
        play.run(50)
    play.feed(events.PongReceived(sender=pid_of("a2")))
    play.feed(events.PeerExited(address="10.0.1.2:5051"))
    assert not given_up(play.run(60))  # Its turn would have come meanwhile.


def recovered(count: int) -> Recovered:
    return Recovered(agents=tuple(agent_info(f"a{n}", id=AgentId(f"old-S{n}")) for n in range(1, count + 1)))


def test_after_a_failover_too() -> None:
    play = Playground(recovered=recovered(3), agent_removal_interval_s=600.0)
    assert given_up(play.run(610)) == ["old-S1"]
    play.feed(back(AgentId("old-S1"), name="a1"))
    play.feed(back(AgentId("old-S2"), name="a2"))
    for _ in range(20):
        play.run(40)
        for name in ("a1", "a2"):
            play.feed(events.PongReceived(sender=pid_of(name)))
    assert "old-S3" in play.state.past.unreachable
    assert {"old-S1", "old-S2"} <= set(play.state.agents)


def test_rather_than_give_too_many_up_the_master_ends() -> None:
    play = Playground(recovered=recovered(4), recovery_agent_removal_limit=0.5)
    play.feed(back(AgentId("old-S1"), name="a1"))
    done = play.run(601)
    (effect,) = [e for e in done if isinstance(e, effects.Resign)]
    assert effect.message.startswith("3 of 4 agents did not come back within 600secs after the failover")
    assert not {"old-S2", "old-S3", "old-S4"} & set(given_up(done))


def test_the_limit_itself_is_allowed() -> None:
    play = Playground(recovered=recovered(2), recovery_agent_removal_limit=0.5)
    play.feed(back(AgentId("old-S1"), name="a1"))
    play.feed(register("a3"))
    done = play.run(601)
    assert "old-S2" in given_up(done)
    assert not [e for e in done if isinstance(e, effects.Resign)]


def test_an_agent_that_comes_while_it_is_given_up_is_heard_when_that_is_written() -> None:
    play = Playground(recovered=recovered(1))
    play.persists = False
    done = play.run(610)
    assert given_up(done) == ["old-S1"]
    (ticket,) = (effect.ticket for effect in done if isinstance(effect, effects.Persist))
    assert play.feed(back(AgentId("old-S1"), name="a1")) == []
    play.feed(events.Persisted(ticket=ticket))
    (again,) = play.feed(back(AgentId("old-S1"), name="a1"))
    assert isinstance(again, effects.Persist)
    assert isinstance(again.mutation, MarkReachable)
