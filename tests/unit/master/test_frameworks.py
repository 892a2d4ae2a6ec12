"""Frameworks: subscribed, refused, failed over, disconnected, updated, removed."""

from __future__ import annotations

from typing import Any

import pytest

from meseta.ids import NO_PID, FrameworkId, OfferId, Pid, TaskId
from meseta.master import effects, events
from meseta.master.events import RequestId, StreamId
from meseta.master.validation import FRAMEWORK_BYTES_MAX
from meseta.records import OfferConstraints, TaskState
from tests.unit.master.master_kit import (
    EPOCH,
    STREAM,
    Playground,
    executor,
    pid_of,
    replaced,
    states,
    subscribe,
    task,
    told,
    told_agent,
)

DRIVER = Pid("scheduler-1@10.0.0.9:4000")
OTHER_DRIVER = Pid("scheduler-2@10.0.0.8:4000")


def kinds(done: list[Any], peer: Any) -> list[str]:
    """Return the kinds of the messages that a scheduler was sent."""
    return [type(message).__name__ for message in told(done, peer, object)]


# Subscribing


def test_ids_are_numbered() -> None:
    play = Playground()
    assert [play.subscribe(StreamId(n)) for n in range(3)] == ["m-0000", "m-0001", "m-0002"]


def test_subscribed_and_a_heartbeat_come_first() -> None:
    play = Playground()
    assert kinds(play.feed(subscribe(STREAM)), STREAM) == ["Subscribed", "Heartbeat"]
    assert kinds(play.feed(subscribe(DRIVER)), DRIVER) == ["Subscribed"]


@pytest.mark.parametrize(
    ("info", "fault"),
    [
        ({"fault": "'FrameworkInfo.role' must not be set"}, "'FrameworkInfo.role' must not be set"),
        ({"id": FrameworkId("a/b")}, "'a/b' contains invalid characters"),
        ({"failover_timeout_s": 1e20}, "The framework failover_timeout (1e+20) is invalid"),
        ({"failover_timeout_s": float("inf")}, "The framework failover_timeout (inf) is invalid"),
        (
            {"roles": ("a b",), "capabilities": frozenset()},
            "'FrameworkInfo.role' is not a valid role: Role component 'a b' is invalid because it contains"
            " backspace or whitespace",
        ),
        (
            {"roles": ("/a",)},
            "'FrameworkInfo.roles' contains invalid role: Role '/a' cannot start with a slash",
        ),
        ({"roles": ("db",)}, "Roles { db } are not present in the master's --roles"),
        ({"user": "root"}, "User 'root' is not allowed to run frameworks without --root_submissions set"),
        ({"suppressed": ("b", "a")}, "Suppressed roles { a, b } are not contained in the set of roles"),
    ],
)
def test_a_refused_subscription_is_an_error_and_the_end_of_the_stream(
    info: dict[str, Any], fault: str
) -> None:
    play = Playground(roles=frozenset({"web"}), root_submissions=False)
    done = play.feed(subscribe(STREAM, **{"user": "nobody", **info}))
    assert [message.message for message in told(done, STREAM, effects.Errored)] == [fault]
    assert done[-1] == effects.CloseStream(STREAM)
    assert not play.state.frameworks


def test_constraints_are_checked() -> None:
    play = Playground()
    event = subscribe(STREAM)
    foreign = replaced(event, constraints=OfferConstraints(by_role={"b": ()}))
    (error,) = told(play.feed(foreign), STREAM, effects.Errored)
    assert error.message == (
        "Offer constraints specify `role_constraints` for a role 'b'not contained in the set of roles"
    )
    (error,) = told(play.feed(replaced(event, constraints_fault="x")), STREAM, effects.Errored)
    assert error.message == "Offer constraints are not valid: x"


def test_an_id_that_the_master_has_never_seen_is_accepted() -> None:
    play = Playground()
    assert play.subscribe(STREAM, id=FrameworkId("old-0007")) == "old-0007"
    play.register()
    assert len(play.offers(FrameworkId("old-0007"))) == 1


def test_an_id_that_somebody_has_taken_is_not_given() -> None:
    play = Playground()
    play.subscribe(StreamId(8), id=FrameworkId("m-0000"))
    assert play.subscribe(StreamId(9)) == "m-0001"


def test_what_a_framework_wants_is_known_from_the_start() -> None:
    play = Playground()
    wants = OfferConstraints({"web": ()})
    done = play.feed(replaced(subscribe(STREAM, suppressed=("web",)), constraints=wants))
    (message,) = told(done, STREAM, effects.Subscribed)
    framework = play.state.frameworks[message.framework_id]
    assert (framework.suppressed, framework.constraints) == ({"web"}, wants)


def test_the_principal_of_the_connection_fills_in() -> None:
    play = Playground()
    play.feed(replaced(subscribe(STREAM), principal="me"))
    assert play.state.frameworks[FrameworkId("m-0000")].info.principal == "me"


# Failing over


def test_a_second_subscription_wins() -> None:
    play = Playground()
    framework_id = play.subscribe()
    play.register()
    play.offers(framework_id)
    done = play.feed(subscribe(StreamId(2), id=framework_id))
    assert kinds(done, STREAM) == ["Errored"]
    assert told(done, STREAM, effects.Errored)[0].message == "Framework failed over"
    assert effects.CloseStream(STREAM) in done
    assert kinds(done, StreamId(2)) == ["Subscribed", "Heartbeat"]
    assert not play.state.offers
    assert told(play.run(20), STREAM, object) == []


def test_failing_over_tells_the_agents_that_run_something() -> None:
    play = Playground()
    framework_id, _ = play.running()
    play.register("a2")
    done = play.feed(subscribe(DRIVER, id=framework_id))
    (update,) = told_agent(done, pid_of("a1"), effects.UpdateFramework)
    assert update.framework_pid == DRIVER
    assert told_agent(done, pid_of("a2"), effects.UpdateFramework) == []


def test_user_and_checkpoint_stay_and_the_principal_must() -> None:
    play = Playground()
    framework_id = play.subscribe(user="me", checkpoint=True)
    play.feed(subscribe(StreamId(2), id=framework_id, user="you", checkpoint=False))
    info = play.state.frameworks[framework_id].info
    assert (info.user, info.checkpoint) == ("me", True)
    done = play.feed(subscribe(StreamId(3), id=framework_id, principal="other"))
    (error,) = told(done, StreamId(3), effects.Errored)
    assert error.message == "Changing framework's principal is not allowed."
    assert play.state.frameworks[framework_id].peer == 2


def test_a_driver_that_asks_twice_is_answered_twice() -> None:
    play = Playground()
    framework_id = play.subscribe(DRIVER)
    (again,) = told(play.feed(subscribe(DRIVER)), DRIVER, effects.Subscribed)
    assert (again.framework_id, again.reregistered) == (framework_id, False)


def test_the_same_driver_again_hears_of_its_offers_and_is_reregistered() -> None:
    play = Playground()
    framework_id = play.subscribe(DRIVER)
    play.register()
    play.offers(framework_id)
    done = play.feed(subscribe(DRIVER, id=framework_id, force=False))
    assert kinds(done, DRIVER) == ["Rescinded", "Subscribed"]
    assert told(done, DRIVER, effects.Subscribed)[0].reregistered


def test_another_driver_needs_force() -> None:
    play = Playground()
    framework_id = play.subscribe(DRIVER)
    done = play.feed(subscribe(OTHER_DRIVER, id=framework_id, force=False))
    assert told(done, OTHER_DRIVER, effects.Errored)[0].message == "Framework failed over"
    done = play.feed(subscribe(OTHER_DRIVER, id=framework_id, force=True))
    assert kinds(done, DRIVER) == ["Errored"]
    assert told(done, OTHER_DRIVER, effects.Subscribed)[0].reregistered is False


def test_a_driver_cannot_be_two_frameworks() -> None:
    play = Playground()
    play.subscribe(DRIVER)
    done = play.feed(subscribe(DRIVER, id=FrameworkId("other-0001")))
    assert told(done, DRIVER, object) == []
    assert FrameworkId("other-0001") not in play.state.frameworks


# Disconnecting


def test_a_framework_has_its_failover_timeout_to_come_back() -> None:
    play = Playground()
    framework_id, _ = play.running(failover_timeout_s=60.0)
    play.feed(events.StreamClosed(stream=STREAM))
    framework = play.state.frameworks[framework_id]
    assert (framework.connected, framework.active) == (False, False)
    play.run(59)
    assert framework_id in play.state.frameworks
    play.subscribe(StreamId(2), id=framework_id)
    play.run(60)
    assert framework_id in play.state.frameworks


def test_a_framework_that_does_not_come_back_is_removed_with_its_tasks() -> None:
    play = Playground()
    framework_id, _ = play.running(failover_timeout_s=60.0)
    play.feed(events.StreamClosed(stream=STREAM))
    done = play.run(61)
    (shutdown,) = told_agent(done, pid_of("a1"), effects.ShutdownFramework)
    assert shutdown.framework_id == framework_id
    (gone,) = play.state.completed_frameworks.values()
    (killed,) = gone.completed_tasks
    assert killed.state is TaskState.TASK_KILLED
    assert gone.unregistered_time is not None


def test_without_a_timeout_it_is_removed_at_once() -> None:
    play = Playground()
    play.running()
    play.feed(events.StreamClosed(stream=STREAM))
    play.run(0.001)
    assert not play.state.frameworks


def test_a_driver_whose_link_broke_is_told() -> None:
    play = Playground()
    framework_id = play.subscribe(DRIVER, failover_timeout_s=60.0)
    play.register()
    play.offers(framework_id)
    done = play.feed(events.PeerExited(address="10.0.0.9:4000"))
    assert told(done, DRIVER, effects.Errored)[0].message == "Framework disconnected"
    assert not play.state.offers
    done = play.feed(events.Revived(framework_id=framework_id, sender=DRIVER))
    assert told(done, DRIVER, effects.Errored)[0].message == "Framework disconnected"
    done = play.feed(subscribe(DRIVER, id=framework_id, force=False))
    assert told(done, DRIVER, effects.Subscribed)[0].reregistered


def test_a_driver_whose_framework_was_removed_is_told_when_it_calls() -> None:
    """What it was told when its link broke may be lost, if only the way to it is blocked."""
    play = Playground()
    framework_id = play.subscribe(DRIVER)
    play.feed(events.PeerExited(address="10.0.0.9:4000"))
    play.run(0.001)
    assert not play.state.frameworks
    done = play.feed(events.Revived(framework_id=framework_id, sender=DRIVER))
    assert told(done, DRIVER, effects.Errored)[0].message == "Framework has been removed"
    done = play.feed(events.Revived(framework_id=FrameworkId("unknown"), sender=DRIVER))
    assert not told(done, DRIVER, effects.Errored)


def test_a_driver_that_has_left_or_was_replaced_is_watched_no_more() -> None:
    play = Playground()
    framework_id = play.subscribe(DRIVER)
    done = play.feed(subscribe(OTHER_DRIVER, id=framework_id))
    assert effects.Unlink(DRIVER) in done
    done = play.call(events.TeardownRequested, framework_id)
    assert effects.Unlink(OTHER_DRIVER) in done
    assert not play.state.addresses


def test_a_pid_that_is_an_agents_too_stays_watched() -> None:
    play = Playground()
    play.register()
    framework_id = play.subscribe(pid_of("a1"))
    play.call(events.TeardownRequested, framework_id)
    play.feed(events.PeerExited(address="10.0.1.1:5051"))
    assert [agent.connected for agent in play.state.agents.values()] == [False]


def test_an_aborted_driver_is_offered_nothing() -> None:
    play = Playground()
    framework_id = play.subscribe(DRIVER)
    play.register()
    play.offers(framework_id)
    play.call(events.DeactivationRequested, framework_id)
    assert not play.state.offers
    assert play.offers(framework_id, seconds=10) == ()


def test_the_end_of_a_stream_that_was_replaced_means_nothing() -> None:
    play = Playground()
    framework_id = play.subscribe()
    play.subscribe(StreamId(2), id=framework_id)
    play.feed(events.StreamClosed(stream=STREAM))
    assert play.state.frameworks[framework_id].connected


# Updating


def update(play: Playground, framework_id: FrameworkId, **changes: Any) -> effects.Reply:
    framework = play.state.frameworks[framework_id]
    suppressed = changes.pop("suppressed", ())
    done = play.call(
        events.FrameworkUpdateRequested,
        framework_id,
        info=replaced(framework.info, **changes),
        suppressed_roles=suppressed,
        request=RequestId(7),
    )
    reply = done[-1]
    assert isinstance(reply, effects.Reply)
    return reply


def test_a_framework_describes_itself_anew() -> None:
    play = Playground()
    framework_id, _ = play.running()
    assert update(play, framework_id, name="new").code == 200
    assert play.state.frameworks[framework_id].info.name == "new"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"user": "nobody"},
            "FrameworkInfo update is not valid: Updating 'FrameworkInfo.user' is unsupported; attempted to"
            " update from 'root' to 'nobody'",
        ),
        (
            {"checkpoint": False},
            "FrameworkInfo update is not valid: Updating 'FrameworkInfo.checkpoint' is unsupported; attempted"
            " to update from 'true' to 'false'",
        ),
        (
            {"principal": "x"},
            "FrameworkInfo update is not valid: Changing framework's principal is not allowed.",
        ),
        (
            {"suppressed": ("elsewhere",)},
            "'UpdateFramework' call is not valid: Suppressed roles { elsewhere } are not contained in the set"
            " of roles",
        ),
        ({"fault": "x"}, "Supplied FrameworkInfo is not valid: x"),
    ],
)
def test_an_invalid_description_changes_nothing(changes: dict[str, Any], text: str) -> None:
    play = Playground()
    framework_id = play.subscribe()
    before = play.state.frameworks[framework_id].info
    reply = update(play, framework_id, **changes)
    assert (reply.code, reply.text) == (400, text)
    assert play.state.frameworks[framework_id].info is before


def test_a_driver_hears_of_a_refused_description_only() -> None:
    play = Playground()
    framework_id = play.subscribe(DRIVER)
    info = play.state.frameworks[framework_id].info
    done = play.call(events.FrameworkUpdateRequested, framework_id, info=replaced(info, name="new"))
    assert kinds(done, DRIVER) == []
    done = play.call(events.FrameworkUpdateRequested, framework_id, info=replaced(info, user="x"))
    (error,) = told(done, DRIVER, effects.Errored)
    assert error.message.startswith("FrameworkInfo update is not valid: Updating 'FrameworkInfo.user'")
    done = play.feed(
        events.FrameworkUpdateRequested(framework_id=framework_id, sender=OTHER_DRIVER, info=info)
    )
    assert kinds(done, OTHER_DRIVER) == []


def test_leaving_a_role_rescinds_its_offers() -> None:
    play = Playground()
    framework_id = play.subscribe()
    play.register()
    (offer,) = play.offers(framework_id)
    play.call(
        events.FrameworkUpdateRequested,
        framework_id,
        info=replaced(play.state.frameworks[framework_id].info, roles=("db",)),
    )
    assert OfferId(offer.id) not in play.state.offers
    (again,) = play.offers(framework_id)
    assert again.role == "db"


# Removing


def test_teardown_ends_everything_and_the_id_is_refused_from_then_on() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    (offer,) = play.offers(framework_id, seconds=7)
    play.launch(framework_id, offer, task("t2", agent_id, executor=executor("e")))
    done = play.call(events.TeardownRequested, framework_id)
    assert states(done) == []
    assert told(done, STREAM, effects.Errored) == []
    assert effects.CloseStream(STREAM) in done
    assert not play.state.agents[agent_id].tasks
    assert not play.state.agents[agent_id].executors
    done = play.feed(subscribe(StreamId(2), id=framework_id))
    assert told(done, StreamId(2), effects.Errored)[0].message == "Framework has been removed"


def test_a_task_whose_end_was_not_acknowledged_keeps_its_state_and_gains_a_status() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED)
    play.call(events.TeardownRequested, framework_id)
    (gone,) = play.state.completed_frameworks.values()
    (ended,) = gone.completed_tasks
    assert ended.state is TaskState.TASK_FINISHED
    assert [s.state.name for s in ended.statuses] == ["TASK_RUNNING", "TASK_FINISHED", "TASK_KILLED"]


def test_tasks_out_of_reach_end_with_their_framework() -> None:
    play = Playground()
    framework_id, _ = play.running()
    play.run(76)
    play.call(events.TeardownRequested, framework_id)
    (gone,) = play.state.completed_frameworks.values()
    assert not gone.unreachable_tasks
    (ended,) = gone.completed_tasks
    assert ended.state is TaskState.TASK_KILLED
    assert [status.state.name for status in ended.statuses] == [
        "TASK_RUNNING",
        "TASK_UNREACHABLE",
        "TASK_KILLED",
    ]


def test_an_operator_ends_a_framework() -> None:
    play = Playground()
    framework_id = play.subscribe()
    request = events.FrameworkTeardownRequested(request=RequestId(1), framework_id=framework_id)
    assert play.feed(request)[-1] == effects.Reply(RequestId(1), 200)
    (reply,) = play.feed(request)
    assert isinstance(reply, effects.Reply)
    assert reply.code == 400


def test_history_is_bounded() -> None:
    play = Playground(completed_frameworks_max=2, completed_tasks_max=3)
    for number in range(4):
        framework_id = play.subscribe(StreamId(number))
        play.call(events.TeardownRequested, framework_id)
    assert list(play.state.completed_frameworks) == ["m-0002", "m-0003"]
    framework_id, agent_id = play.running("t0")
    play.update(framework_id, agent_id, "t0", TaskState.TASK_FINISHED)
    play.acknowledge(framework_id, agent_id, "t0")
    for number in range(1, 5):
        (offer,) = play.offers(framework_id, seconds=7)
        play.launch(framework_id, offer, task(f"t{number}", agent_id))
        play.update(framework_id, agent_id, f"t{number}", TaskState.TASK_FAILED)
        play.acknowledge(framework_id, agent_id, f"t{number}")
    completed = play.state.frameworks[framework_id].completed_tasks
    assert [t.task_id for t in completed] == ["t2", "t3", "t4"]


def test_a_framework_on_http_has_no_pid() -> None:
    play = Playground()
    framework_id = play.subscribe()
    assert play.state.frameworks[framework_id].pid == NO_PID
    assert play.state.frameworks[framework_id].registered_time == EPOCH
    assert TaskId("t") not in play.state.frameworks[framework_id].tasks


def test_a_description_has_a_bound() -> None:
    play = Playground()
    done = play.feed(subscribe(STREAM, raw=bytes(FRAMEWORK_BYTES_MAX + 1)))
    (error,) = told(done, STREAM, effects.Errored)
    assert f"more than the limit of {FRAMEWORK_BYTES_MAX}" in error.message
    assert not play.state.frameworks
    assert play.state.counters["master/framework_registrations_refused"] == 1
