"""Playbooks of the scheduler session: events in, effects out, no network and no clock."""

from __future__ import annotations

from typing import Any

import pytest

from meseta.ids import AgentId, FrameworkId, TaskId
from meseta.sdk.events import (
    NO_CALL,
    TEARDOWN_CALL,
    Acknowledge,
    CallAnswered,
    CallBroken,
    CallRequested,
    CloseStream,
    ConcludeCall,
    Deliver,
    Effect,
    ErrorArrived,
    Event,
    EventArrived,
    HeartbeatArrived,
    LeaderDetected,
    OpenStream,
    ReportDisconnected,
    ReportStopped,
    ReportSubscribed,
    Revive,
    ReviveRequested,
    RolesChanged,
    SendCall,
    Started,
    StopRequested,
    StreamBroken,
    StreamOpened,
    StreamRedirected,
    StreamRefused,
    Subscribed,
    Suppress,
    SuppressRequested,
    Teardown,
    Token,
    UpdateArrived,
    UpdateSettled,
)
from meseta.sdk.session import (
    BACKOFF_MAX_S,
    HEARTBEAT_INTERVAL_S,
    SILENT_HEARTBEATS,
    SUBSCRIBE_TIMEOUT_S,
    TEARDOWN_TIMEOUT_S,
    Phase,
    SchedulerSession,
)

FRAMEWORK = FrameworkId("m-0000")
TOKEN = Token(agent_id=AgentId("m-S0"), task_id=TaskId("t"), uuid=b"0123456789abcdef")


class Dice:
    """Chance that always says the same."""

    def __init__(self, value: float = 0.5) -> None:
        self.value = value

    def random(self) -> float:
        return self.value

    def getrandbits(self, k: int, /) -> int:
        return 0


class Play:
    """Runs a session by hand, with a clock that only tests move."""

    def __init__(self, *masters: str, **options: Any) -> None:
        self.session = SchedulerSession(masters or ("a",), ("eng", "web"), Dice(), **options)
        self.now = 100.0
        self.attempt = 0

    def say(self, event: Event) -> list[Effect]:
        return self.note(self.session.handle(event, self.now))

    def note(self, effects: list[Effect]) -> list[Effect]:
        for effect in effects:
            if isinstance(effect, OpenStream):
                self.attempt = effect.attempt
        return effects

    def ring(self) -> list[Effect]:
        """Let time pass until the session's next deadline."""
        deadline = self.session.deadline()
        assert deadline is not None
        self.now = max(self.now, deadline)
        return self.note(self.session.tick(self.now))

    def subscribe(self) -> list[Effect]:
        if self.session.phase.value == "idle":
            self.say(Started())
        return self.accept()

    def accept(self) -> list[Effect]:
        self.say(StreamOpened(attempt=self.attempt, stream_id=f"stream-{self.attempt}"))
        return self.say(
            Subscribed(
                attempt=self.attempt, framework_id=FRAMEWORK, heartbeat_interval_s=15.0, payload="info"
            )
        )


def only(effects: list[Effect]) -> Any:
    assert len(effects) == 1, effects
    return effects[0]


def test_subscribes_as_a_new_framework_and_sends_calls_with_the_stream_id() -> None:
    play = Play()
    opened = only(play.say(Started()))
    assert (opened.address, opened.framework_id, opened.suppressed_roles) == ("a", None, ())
    assert play.accept() == [ReportSubscribed(framework_id=FRAMEWORK, again=False, payload="info")]
    call = only(play.say(CallRequested(number=7, call="KILL")))
    assert call == SendCall(
        number=7, attempt=1, address="a", stream_id="stream-1", framework_id=FRAMEWORK, call="KILL"
    )
    assert only(play.say(CallAnswered(number=7, status=202, reason="", attempt=1))) == ConcludeCall(
        number=7, status=202, reason=""
    )


def test_takes_over_a_framework_by_its_id() -> None:
    play = Play(framework_id=FRAMEWORK)
    assert only(play.say(Started())).framework_id == FRAMEWORK


def test_a_lost_stream_is_opened_again_with_the_same_framework_and_suppressed_roles() -> None:
    play = Play()
    play.subscribe()
    assert only(play.say(SuppressRequested(number=1, roles=("web",)))).call == Suppress(("web",))
    lost = play.say(StreamBroken(attempt=1, reason="connection reset"))
    assert lost == [CloseStream(attempt=1), ReportDisconnected(reason="connection reset")]
    opened = only(play.ring())
    assert (opened.framework_id, opened.suppressed_roles) == (FRAMEWORK, ("web",))
    assert play.accept()[0].again


def test_suppress_and_revive_while_disconnected_count_at_the_next_subscription() -> None:
    play = Play()
    play.subscribe()
    play.say(StreamBroken(attempt=1, reason="gone"))
    assert only(play.say(SuppressRequested(number=1))).status == 202
    assert only(play.say(ReviveRequested(number=2, roles=("eng",)))).status == 202
    assert only(play.ring()).suppressed_roles == ("web",)
    play.accept()
    assert only(play.say(ReviveRequested(number=3))).call == Revive(())
    assert play.session.suppressed == set()


def test_changed_roles_count_at_the_next_subscription() -> None:
    play = Play()
    play.subscribe()
    play.say(RolesChanged(roles=("ops", "web"), suppressed=("ops",)))
    play.say(StreamBroken(attempt=1, reason="gone"))
    assert only(play.ring()).suppressed_roles == ("ops",)


def test_follows_redirects_to_the_leader_and_returns_to_the_list_afterwards() -> None:
    play = Play("a", "b")
    play.say(Started())
    assert only(play.say(StreamRedirected(attempt=1, address="c"))).address == "c"
    assert play.accept()
    play.say(StreamBroken(attempt=2, reason="gone"))
    assert only(play.ring()).address == "a", "the master that knew the leader is asked again"
    play.say(StreamBroken(attempt=play.attempt, reason="refused"))
    assert only(play.ring()).address == "b"


def test_endless_redirects_count_as_a_failure() -> None:
    play = Play("a", "b")
    play.say(Started())
    for _ in range(5):
        only(play.say(StreamRedirected(attempt=play.attempt, address="a")))
    assert play.say(StreamRedirected(attempt=play.attempt, address="a")) == [CloseStream(attempt=6)]
    assert only(play.ring()).address == "b"


def test_backoff_grows_to_a_limit_and_starts_anew_after_a_stream_that_lasted() -> None:
    play = Play()
    play.say(Started())
    delays = []
    for _ in range(12):
        before = play.now
        play.say(StreamBroken(attempt=play.attempt, reason="refused"))
        play.ring()
        delays.append(play.now - before)
    assert delays[:3] == pytest.approx([0.125, 0.25, 0.5])
    assert delays == sorted(delays)
    assert delays[-1] == pytest.approx(BACKOFF_MAX_S / 2)
    play.accept()
    play.now += BACKOFF_MAX_S + 1
    before = play.now
    play.say(StreamBroken(attempt=play.attempt, reason="gone"))
    play.ring()
    assert play.now - before == pytest.approx(0.125)


def test_five_missing_heartbeats_end_the_stream() -> None:
    play = Play()
    play.subscribe()
    play.now += 70
    play.say(HeartbeatArrived(attempt=1))
    assert play.session.deadline() == play.now + 75
    lost = play.ring()
    assert lost[0] == CloseStream(attempt=1)
    assert isinstance(lost[1], ReportDisconnected)
    assert "fell silent" in lost[1].reason
    assert isinstance(only(play.ring()), OpenStream)


def test_any_event_counts_as_a_sign_of_life() -> None:
    play = Play()
    play.subscribe()
    play.now += 70
    assert play.say(EventArrived(attempt=1, payload="offers")) == [Deliver(payload="offers")]
    assert play.session.deadline() == play.now + 75


def test_a_master_that_never_answers_is_given_up() -> None:
    play = Play("a", "b")
    play.say(Started())
    assert play.session.deadline() == play.now + SUBSCRIBE_TIMEOUT_S
    assert play.ring() == [CloseStream(attempt=1)]
    assert only(play.ring()).address == "b"


def test_what_a_given_up_stream_still_says_is_dropped() -> None:
    play = Play()
    play.subscribe()
    play.say(StreamBroken(attempt=1, reason="gone"))
    assert play.say(EventArrived(attempt=1, payload="late")) == []
    assert play.say(ErrorArrived(attempt=1, message="late")) == []


@pytest.mark.parametrize(
    ("status", "final"), [(400, True), (401, True), (403, True), (500, False), (503, False)]
)
def test_a_refused_subscription_ends_the_session_only_if_trying_again_cannot_help(
    status: int, final: bool
) -> None:
    play = Play()
    play.say(Started())
    effects = play.say(StreamRefused(attempt=1, status=status, reason="because"))
    assert any(isinstance(effect, ReportStopped) for effect in effects) == final
    assert (play.session.deadline() is None) == final


def test_an_error_event_is_the_end() -> None:
    play = Play()
    play.subscribe()
    effects = play.say(ErrorArrived(attempt=1, message="Framework failed over"))
    fault = "the master ended the framework: Framework failed over"
    assert effects == [CloseStream(attempt=1), ReportStopped(fault=fault)]
    assert play.session.deadline() is None
    assert only(play.say(CallRequested(number=3, call="KILL"))).status == 0
    assert play.say(Started()) == []


def test_updates_are_acknowledged_when_settled_and_not_passed_on_twice() -> None:
    play = Play()
    play.subscribe()
    update = UpdateArrived(attempt=1, token=TOKEN, payload="running")
    assert play.say(update) == [Deliver(payload="running", token=TOKEN)]
    assert play.say(update) == [], "a repeat while the application is at it"
    sent = only(play.say(UpdateSettled(token=TOKEN)))
    assert (sent.number, sent.call) == (NO_CALL, Acknowledge(TOKEN))
    again = only(play.say(update))
    assert again.call == Acknowledge(TOKEN), "the acknowledgement was lost"
    assert play.say(CallBroken(number=NO_CALL, reason="reset", sent=True)) == []


def test_an_update_settled_while_disconnected_is_acknowledged_at_its_repetition() -> None:
    play = Play()
    play.subscribe()
    play.say(UpdateArrived(attempt=1, token=TOKEN, payload="running"))
    play.say(StreamBroken(attempt=1, reason="gone"))
    assert play.say(UpdateSettled(token=TOKEN)) == []
    play.ring()
    play.accept()
    repeated = play.say(UpdateArrived(attempt=play.attempt, token=TOKEN, payload="running"))
    assert only(repeated).call == Acknowledge(TOKEN)


def test_repeats_come_through_if_the_application_wants_them() -> None:
    play = Play(repeats=True)
    play.subscribe()
    update = UpdateArrived(attempt=1, token=TOKEN, payload="running")
    assert play.say(update) == play.say(update) == [Deliver(payload="running", token=TOKEN)]


def test_calls_while_disconnected_and_refused_calls_are_concluded_with_the_reason() -> None:
    play = Play()
    assert only(play.say(CallRequested(number=1, call="KILL"))).status == 0
    play.subscribe()
    play.say(CallRequested(number=2, call="KILL"))
    assert only(play.say(CallAnswered(number=2, status=400, reason="bad", attempt=1))) == ConcludeCall(
        number=2, status=400, reason="bad"
    )
    assert only(play.say(CallBroken(number=3, reason="reset", sent=True))) == ConcludeCall(
        number=3, status=0, reason="reset"
    )


@pytest.mark.parametrize("status", [307, 403])
def test_a_master_that_disowns_the_subscription_makes_it_subscribe_again(status: int) -> None:
    play = Play()
    play.subscribe()
    play.say(CallRequested(number=2, call="KILL"))
    answer = CallAnswered(number=2, status=status, reason="not subscribed", attempt=1)
    kinds = [type(effect) for effect in play.say(answer)]
    assert kinds == [ConcludeCall, CloseStream, ReportDisconnected]
    assert play.say(answer) == [ConcludeCall(number=2, status=status, reason="not subscribed")]


def test_leaving_with_teardown_waits_for_the_answer() -> None:
    play = Play()
    play.subscribe()
    sent = only(play.say(StopRequested(teardown=True)))
    assert (sent.number, sent.call) == (TEARDOWN_CALL, Teardown())
    assert play.say(StreamBroken(attempt=1, reason="end of stream")) == []
    done = play.say(CallAnswered(number=TEARDOWN_CALL, status=202, reason="", attempt=1))
    assert done == [CloseStream(attempt=1), ReportStopped(fault=None)]


def test_a_teardown_that_got_lost_is_made_again() -> None:
    play = Play()
    play.subscribe()
    play.say(StopRequested(teardown=True))
    play.say(StreamBroken(attempt=1, reason="gone"))
    play.say(CallBroken(number=TEARDOWN_CALL, reason="gone", sent=True))
    play.ring()
    assert play.accept()[-1].call == Teardown()


def test_a_framework_that_is_gone_already_counts_as_torn_down() -> None:
    play = Play()
    play.subscribe()
    play.say(StopRequested(teardown=True))
    play.say(CallBroken(number=TEARDOWN_CALL, reason="gone", sent=True))
    play.ring()
    assert play.say(ErrorArrived(attempt=play.attempt, message="Framework has been removed"))[-1] == (
        ReportStopped(fault=None)
    )


def test_a_teardown_without_any_master_ends_with_a_fault() -> None:
    play = Play()
    play.subscribe()
    play.say(StreamBroken(attempt=1, reason="gone"))
    began = play.now
    assert play.say(StopRequested(teardown=True)) == []
    effects: list[Effect] = []
    while not any(isinstance(effect, ReportStopped) for effect in effects):
        effects = play.ring()
        if any(isinstance(effect, OpenStream) for effect in effects):
            play.say(StreamBroken(attempt=play.attempt, reason="refused"))
    assert "not torn down" in str(effects[-1])
    assert play.now == began + TEARDOWN_TIMEOUT_S


def test_leaving_for_a_failover_closes_the_stream_at_once() -> None:
    play = Play()
    play.subscribe()
    assert play.say(StopRequested(teardown=False)) == [CloseStream(attempt=1), ReportStopped(fault=None)]


def detecting(leader: str | None = None) -> Play:
    """A session that is told who leads."""
    play = Play()
    play.session = SchedulerSession((), ("eng", "web"), Dice())
    assert play.say(Started()) == []
    assert play.session.deadline() is None
    if leader is not None:
        play.say(LeaderDetected(address=leader))
        play.ring()
    return play


def test_without_masters_it_waits_until_one_is_detected() -> None:
    play = detecting()
    assert play.say(LeaderDetected(address=None)) == [CloseStream(attempt=0)]
    play.say(LeaderDetected(address="a"))
    assert only(play.ring()).address == "a"


def test_another_leader_is_gone_to() -> None:
    play = detecting("a")
    play.accept()
    lost = play.say(LeaderDetected(address="b"))
    assert ReportDisconnected(reason="another master leads") in lost
    assert only(play.ring()).address == "b"


def test_a_stream_is_kept_while_nobody_else_is_known_to_lead() -> None:
    play = detecting("a")
    play.accept()
    assert play.say(LeaderDetected(address="a")) == []
    assert play.say(LeaderDetected(address=None)) == []
    play.say(StreamBroken(attempt=play.attempt, reason="gone"))
    assert play.session.deadline() is None
    play.say(LeaderDetected(address="b"))
    assert only(play.ring()).address == "b"


def test_an_attempt_at_a_master_that_no_longer_leads_is_given_up() -> None:
    play = detecting("a")
    assert play.say(LeaderDetected(address="a")) == []
    assert CloseStream(attempt=play.attempt) in play.say(LeaderDetected(address="b"))
    assert only(play.ring()).address == "b"


def test_a_standby_waits_for_its_turn_and_is_patient_while_heartbeats_come() -> None:
    play = Play("a", "b", framework_id=FRAMEWORK, standby=True)
    assert only(play.say(Started())).standby
    play.say(StreamOpened(attempt=1, stream_id="stream-1"))
    assert play.say(HeartbeatArrived(attempt=1)) == []
    assert play.session.phase is Phase.STANDBY
    assert play.session.deadline() == play.now + SILENT_HEARTBEATS * HEARTBEAT_INTERVAL_S
    assert only(play.say(CallRequested(number=7, call="KILL"))).sent is False
    assert play.accept() == [ReportSubscribed(framework_id=FRAMEWORK, again=False, payload="info")]
    assert only(play.say(CallRequested(number=8, call="KILL"))).stream_id == "stream-1"


def test_a_standby_that_loses_its_stream_stands_by_again_at_the_same_master() -> None:
    play = Play("a", "b", framework_id=FRAMEWORK, standby=True)
    play.say(Started())
    play.say(HeartbeatArrived(attempt=1))
    assert play.say(StreamBroken(attempt=1, reason="gone")) == [CloseStream(attempt=1)]
    opened = only(play.ring())
    assert (opened.address, opened.standby) == ("a", True)


def test_a_standby_that_leaves_tears_nothing_down() -> None:
    play = Play(framework_id=FRAMEWORK, standby=True)
    play.say(Started())
    play.say(HeartbeatArrived(attempt=1))
    assert play.say(StopRequested(teardown=True)) == [CloseStream(attempt=1), ReportStopped(fault=None)]
