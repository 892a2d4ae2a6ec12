"""The master says with all that it tells an agent which of the agent's requests it counts under."""

from __future__ import annotations

from collections.abc import Iterable

from meseta.ids import AgentId
from meseta.master import effects, events
from meseta.master.effects import MasterEffect
from tests.unit.master.master_kit import Playground, agent_info, pid_of, register, task

A1 = pid_of("a1")
FIRST, SECOND = b"1" * 16, b"2" * 16


def names(done: Iterable[MasterEffect], kind: type) -> list[bytes | None]:
    return [
        effect.registration
        for effect in done
        if isinstance(effect, effects.SendToAgent) and isinstance(effect.message, kind)
    ]


def returning(agent_id: AgentId, name: bytes | None) -> events.ReregistrationRequested:
    info = agent_info(id=agent_id)
    return events.ReregistrationRequested(sender=A1, info=info, version="1.12.0", registration=name)


def test_answers_and_launches_count_under_the_latest_request() -> None:
    play = Playground()
    framework_id = play.subscribe()
    assert names(play.feed(register(registration=FIRST)), effects.AgentRegistered) == [FIRST]
    (offer,) = play.offers(framework_id)
    agent_id = offer.agent.id
    done = play.launch(framework_id, offer, task("t1", agent_id))
    assert names(done, effects.RunTask) == [FIRST]
    assert names(play.feed(register(registration=SECOND)), effects.AgentRegistered) == [SECOND]
    done = play.call(events.KillRequested, framework_id, task_id="t1")
    assert names(done, effects.KillTask) == [SECOND]
    done = play.feed(returning(agent_id, FIRST))
    assert names(done, effects.AgentReregistered) == [FIRST]


def test_agents_that_name_nothing_are_told_nothing_of_names() -> None:
    play = Playground()
    framework_id = play.subscribe()
    assert names(play.feed(register()), effects.AgentRegistered) == [None]
    (offer,) = play.offers(framework_id)
    done = play.launch(framework_id, offer, task("t1", offer.agent.id))
    assert names(done, effects.RunTask) == [None]


def test_one_that_is_not_let_in_is_told_so_under_its_request() -> None:
    play = Playground()
    agent_id = play.register()
    elsewhere = events.ReregistrationRequested(
        sender=pid_of("a7"),
        info=agent_info("other", id=agent_id),
        version="1.12.0",
        registration=SECOND,
    )
    assert names(play.feed(elsewhere), effects.Shutdown) == [SECOND]
