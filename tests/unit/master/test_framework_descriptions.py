"""What a framework says of itself, from subscription to subscription: kept, passed on, told to operators."""

from __future__ import annotations

from typing import Any

from meseta.ids import FrameworkId
from meseta.master import effects, events
from meseta.master.events import RequestId, StreamId
from meseta.records import OfferConstraints
from tests.unit.master.master_kit import (
    EPOCH,
    STREAM,
    Playground,
    pid_of,
    replaced,
    subscribe,
    told_agent,
)

WANTS = OfferConstraints({"web": ()})


def update(play: Playground, framework_id: FrameworkId, **fields: Any) -> list[Any]:
    """Let a framework describe itself anew; `name` is what may change of its info."""
    info = play.state.frameworks[framework_id].info
    name = fields.pop("name", info.name)
    return play.call(
        events.FrameworkUpdateRequested,
        framework_id,
        info=replaced(info, name=name),
        request=RequestId(7),
        **fields,
    )


def published(done: list[Any]) -> list[Any]:
    """Return what operators were told."""
    return [effect.event for effect in done if isinstance(effect, effects.Publish)]


def test_what_it_wants_is_what_it_said_last() -> None:
    play = Playground()
    framework_id = play.subscribe()
    framework = play.state.frameworks[framework_id]
    play.feed(replaced(subscribe(StreamId(2), id=framework_id, suppressed=("web",)), constraints=WANTS))
    assert (framework.suppressed, framework.constraints) == ({"web"}, WANTS)
    update(play, framework_id)
    assert (framework.suppressed, framework.constraints) == (frozenset(), None)


def test_when_it_came_and_came_back_is_known() -> None:
    play = Playground()
    play.run(5)
    framework_id = play.subscribe()
    play.run(5)
    play.subscribe(StreamId(2), id=framework_id)
    framework = play.state.frameworks[framework_id]
    assert (framework.registered_time, framework.reregistered_time) == (EPOCH + 5, EPOCH + 10)
    play.call(events.TeardownRequested, framework_id)
    assert (framework.active, framework.unregistered_time) == (False, EPOCH + 10)


def test_one_that_comes_from_another_master_is_registered_now() -> None:
    play = Playground()
    play.run(5)
    framework_id = play.subscribe(id=FrameworkId("old-0001"))
    assert play.state.frameworks[framework_id].registered_time == EPOCH + 5


def test_agents_and_operators_hear_of_changes_only() -> None:
    play = Playground()
    framework_id, _ = play.running()
    play.feed(events.SubscriberAdded())
    same = update(play, framework_id, suppressed_roles=("web",))
    assert (told_agent(same, pid_of("a1"), object), published(same)) == ([], [])
    changed = update(play, framework_id, name="new")
    (message,) = told_agent(changed, pid_of("a1"), effects.UpdateFramework)
    assert message.framework.name == "new"
    assert published(changed) == [effects.FrameworkUpdated(framework_id)]


def test_operators_hear_of_one_that_an_id_alone_makes_known() -> None:
    play = Playground()
    play.feed(events.SubscriberAdded())
    framework_id = FrameworkId("old-0001")
    done = play.feed(subscribe(STREAM, id=framework_id))
    assert published(done) == [effects.FrameworkAdded(framework_id), effects.FrameworkUpdated(framework_id)]


def test_one_that_vanished_meanwhile_is_told_so() -> None:
    play = Playground()
    framework_id = play.subscribe()
    info = play.state.frameworks[framework_id].info
    play.call(events.TeardownRequested, framework_id)
    late = events.FrameworkUpdateRequested(
        framework_id=framework_id, sender=STREAM, info=info, request=RequestId(7)
    )
    assert play.feed(late)[-1] == effects.Reply(RequestId(7), 409, "Framework cannot be found")


class NoRoleButWeb:
    """Lets frameworks be in the role web only."""

    def approves(self, action: str, subject: str | None, object: str | None, /) -> bool:
        return object == "web"


def test_a_role_that_it_may_not_have_is_forbidden() -> None:
    play = Playground()
    framework_id = play.subscribe()
    play.state.approvers = NoRoleButWeb()
    info = replaced(play.state.frameworks[framework_id].info, roles=("web", "db"))
    done = play.call(events.FrameworkUpdateRequested, framework_id, info=info, request=RequestId(7))
    assert done == [
        effects.Reply(RequestId(7), 403, "Not authorized to register framework 'f' with role 'db'")
    ]
    assert play.state.frameworks[framework_id].info.roles == ("web",)
