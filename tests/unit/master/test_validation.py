"""What the HTTP edge asks before it answers 202: the ladder of refusals, in order."""

from __future__ import annotations

from meseta.ids import FrameworkId, Pid
from meseta.master import events
from meseta.master.events import StreamId
from meseta.master.validation import Refusal, call_refusal, subscribe_refusal
from meseta.records import FrameworkInfo
from tests.unit.master.master_kit import STREAM, Playground

TEXT = "59b13df2-251b-48f6-9115-d032de61df04"


def test_a_call_that_is_in_order() -> None:
    play = Playground()
    framework_id = play.subscribe()
    assert call_refusal(play.state, framework_id, None, STREAM, TEXT) is None


def test_the_ladder_of_a_call() -> None:
    play = Playground()
    framework_id = play.subscribe(principal="me", failover_timeout_s=60.0)
    state = play.state
    assert call_refusal(state, FrameworkId("x"), "you", None, None) == Refusal(
        400, "Framework cannot be found"
    )
    assert call_refusal(state, framework_id, "you", None, None) == Refusal(
        400,
        "Authenticated principal 'you' does not match principal 'me' set in `FrameworkInfo`",
    )
    assert call_refusal(state, framework_id, "me", None, None) == Refusal(
        400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header"
    )
    for stream in (None, StreamId(2)):
        assert call_refusal(state, framework_id, "me", stream, TEXT) == Refusal(
            400,
            f"The stream ID '{TEXT}' included in this request didn't match the stream ID currently associated"
            " with framework ID m-0000",
        )
    play.feed(events.StreamClosed(stream=STREAM))
    assert call_refusal(state, framework_id, "me", STREAM, TEXT) == Refusal(
        403, "Framework is not subscribed"
    )


def test_a_driver_s_framework_cannot_call_over_http() -> None:
    play = Playground()
    framework_id = play.subscribe(Pid("s@1.1.1.1:1"))
    assert call_refusal(play.state, framework_id, None, None, None) == Refusal(
        403, "Framework is not connected via HTTP"
    )


def test_subscriptions_that_get_no_stream() -> None:
    info = FrameworkInfo(user="u", name="n", principal="me")
    assert subscribe_refusal(info, None, None) is None
    assert subscribe_refusal(info, "me", None) is None
    refused = subscribe_refusal(info, "you", None)
    assert refused is not None
    assert refused.code == 400
    assert subscribe_refusal(info, "me", TEXT) == Refusal(
        400, "Subscribe calls should not include the 'Mesos-Stream-Id' header"
    )
