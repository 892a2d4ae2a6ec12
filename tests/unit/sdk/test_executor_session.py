"""Playbooks of the executor session."""

from __future__ import annotations

from meseta.ids import TaskId
from meseta.sdk.executor_events import (
    CloseStream,
    Deliver,
    Effect,
    ErrorArrived,
    Event,
    EventArrived,
    MessageMade,
    OpenStream,
    ReportDisconnected,
    ReportShutdown,
    ReportStopped,
    ReportSubscribed,
    SendHeartbeat,
    SendMessage,
    SendUpdate,
    Started,
    StopRequested,
    StreamBroken,
    StreamRefused,
    Subscribed,
    TasksLaunched,
    UpdateAcknowledged,
    UpdateMade,
)
from meseta.sdk.executor_session import (
    FLUSH_TIMEOUT_S,
    HEARTBEAT_INTERVAL_S,
    REGISTRATION_TIMEOUT_S,
    ExecutorSession,
)

TASK = TaskId("t")


class Dice:
    def random(self) -> float:
        return 0.5

    def getrandbits(self, k: int, /) -> int:
        return 0


class Play:
    """Runs a session by hand, with a clock that only tests move."""

    def __init__(self, recovery_timeout_s: float | None = 900.0) -> None:
        self.session = ExecutorSession(Dice(), recovery_timeout_s=recovery_timeout_s, backoff_max_s=2.0)
        self.now = 0.0
        self.attempt = 0

    def say(self, event: Event) -> list[Effect]:
        return self.note(self.session.handle(event, self.now))

    def note(self, effects: list[Effect]) -> list[Effect]:
        for effect in effects:
            if isinstance(effect, OpenStream):
                self.attempt = effect.attempt
        return effects

    def ring(self) -> list[Effect]:
        deadline = self.session.deadline()
        assert deadline is not None
        self.now = max(self.now, deadline)
        return self.note(self.session.tick(self.now))

    def subscribe(self) -> list[Effect]:
        if not self.attempt:
            self.say(Started())
        return self.say(Subscribed(attempt=self.attempt, payload="infos"))

    def launch(self) -> list[Effect]:
        return self.say(TasksLaunched(attempt=self.attempt, tasks=((TASK, "task"),), payload="launch"))

    def update(self, number: int, terminal: bool = False) -> list[Effect]:
        uuid = bytes([number]) * 16
        return self.say(UpdateMade(task_id=TASK, uuid=uuid, terminal=terminal, payload=f"update {number}"))

    def acknowledge(self, number: int) -> list[Effect]:
        return self.say(UpdateAcknowledged(attempt=self.attempt, task_id=TASK, uuid=bytes([number]) * 16))

    def lose(self) -> list[Effect]:
        return self.say(StreamBroken(attempt=self.attempt, reason="reset"))


def test_updates_of_a_task_go_out_one_by_one_as_they_are_acknowledged() -> None:
    play = Play()
    assert play.say(Started()) == [OpenStream(attempt=1, tasks=(), updates=())]
    assert play.subscribe() == [ReportSubscribed(again=False, payload="infos")]
    assert play.launch() == [Deliver(payload="launch")]
    assert play.update(1) == [SendUpdate(payload="update 1")]
    assert play.update(2, terminal=True) == []
    assert play.acknowledge(1) == [SendUpdate(payload="update 2")]
    assert play.acknowledge(1) == []
    assert play.acknowledge(2) == []
    assert play.session.unacknowledged == 0


def test_an_update_is_sent_again_until_it_is_acknowledged() -> None:
    play = Play()
    play.subscribe()
    play.update(1)
    assert play.ring() == [SendUpdate(payload="update 1")]
    assert play.ring() == [SendUpdate(payload="update 1")]
    play.acknowledge(1)
    assert play.session.deadline() == HEARTBEAT_INTERVAL_S


def test_subscribing_again_carries_what_the_agent_has_not_acknowledged() -> None:
    play = Play()
    play.subscribe()
    play.launch()
    play.update(1)
    play.update(2)
    assert play.lose() == [CloseStream(attempt=1), ReportDisconnected(reason="reset")]
    assert play.update(3) == []
    opened = play.ring()
    assert opened == [OpenStream(attempt=3, tasks=("task",), updates=("update 1", "update 2", "update 3"))]
    assert play.now == 1.0
    assert play.subscribe() == [ReportSubscribed(again=True, payload="infos")]
    assert play.acknowledge(1) == [SendUpdate(payload="update 2")]


def test_an_update_made_while_subscribing_is_sent_afterwards() -> None:
    play = Play()
    play.say(Started())
    play.update(1)
    assert play.subscribe()[1:] == [SendUpdate(payload="update 1")]


def test_a_task_with_an_acknowledged_update_is_not_carried_any_more() -> None:
    play = Play()
    play.subscribe()
    play.launch()
    play.update(1)
    play.acknowledge(1)
    play.lose()
    assert play.ring() == [OpenStream(attempt=3, tasks=(), updates=())]


def test_an_agent_that_stays_away_longer_than_the_recovery_window_ends_the_executor() -> None:
    play = Play(recovery_timeout_s=10.0)
    play.subscribe()
    play.lose()
    effects: list[Effect] = []
    while not any(isinstance(effect, ReportShutdown) for effect in effects):
        effects = play.ring()
        if any(isinstance(effect, OpenStream) for effect in effects):
            play.say(
                StreamRefused(attempt=play.attempt, status=503, reason="Agent has not finished recovery")
            )
    assert play.now == 10.0


def test_without_checkpointing_a_lost_agent_is_the_end() -> None:
    play = Play(recovery_timeout_s=None)
    play.subscribe()
    kinds = [type(effect) for effect in play.lose()]
    assert kinds == [CloseStream, ReportShutdown]
    assert play.session.deadline() is None
    assert play.say(StopRequested()) == [CloseStream(attempt=2), ReportStopped(unacknowledged=0)]


def test_the_first_subscription_is_tried_for_a_while_even_without_checkpointing() -> None:
    play = Play(recovery_timeout_s=None)
    play.say(Started())
    assert play.lose() == [CloseStream(attempt=1)]
    assert isinstance(play.ring()[0], OpenStream)
    while not any(isinstance(effect, ReportShutdown) for effect in play.ring()):
        play.lose()
    assert play.now == REGISTRATION_TIMEOUT_S


def test_errors_and_refusals_end_the_executor() -> None:
    for event in (
        ErrorArrived(attempt=1, message="unwanted"),
        StreamRefused(attempt=1, status=400, reason="Framework cannot be found"),
    ):
        play = Play()
        play.say(Started())
        assert isinstance(play.say(event)[1], ReportShutdown)
        assert play.lose() == []


def test_messages_go_out_only_while_subscribed() -> None:
    play = Play()
    assert play.say(MessageMade(payload="m")) == []
    play.subscribe()
    assert play.say(MessageMade(payload="m")) == [SendMessage(payload="m")]
    assert play.say(EventArrived(attempt=1, payload="kill")) == [Deliver(payload="kill")]


def test_heartbeats_are_sent_every_half_an_hour() -> None:
    play = Play()
    play.subscribe()
    assert play.ring() == [SendHeartbeat()]
    assert play.ring() == [SendHeartbeat()]
    assert play.now == 2 * HEARTBEAT_INTERVAL_S


def test_stopping_waits_for_acknowledgements() -> None:
    play = Play()
    play.subscribe()
    play.update(1, terminal=True)
    assert play.say(StopRequested()) == []
    assert play.acknowledge(1) == [CloseStream(attempt=1), ReportStopped(unacknowledged=0)]


def test_stopping_does_not_wait_for_ever() -> None:
    play = Play()
    play.subscribe()
    play.update(1, terminal=True)
    play.say(StopRequested())
    assert play.ring() == [CloseStream(attempt=1), ReportStopped(unacknowledged=1)]
    assert play.now == FLUSH_TIMEOUT_S
