"""Acknowledged streams: order, one in flight, repetition, pauses, ends and limits."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meseta import updates
from meseta.updates import Acknowledgement, Pushed, Streams


def uuid(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_one_update_is_in_flight_at_a_time() -> None:
    streams: Streams[str, str] = Streams()
    assert streams.push("t", uuid(1), "starting", 0.0) is Pushed.FRONT
    assert streams.push("t", uuid(2), "running", 0.0) is Pushed.QUEUED
    assert streams.push("u", uuid(3), "starting", 0.0) is Pushed.FRONT
    assert streams.acknowledge("t", uuid(1), 1.0) == Acknowledgement("starting", "running", False)
    assert list(streams.pending("t")) == ["running"]


def test_what_is_not_acknowledged_comes_again_ever_later() -> None:
    streams: Streams[str, str] = Streams()
    streams.push("t", uuid(1), "running", 0.0)
    times = []
    for _ in range(9):
        now = streams.deadline()
        assert now is not None
        assert streams.due(now) == ["running"]
        times.append(now)
    gaps = [b - a for a, b in zip([0.0, *times], times, strict=False)]
    assert gaps == [10, 20, 40, 80, 160, 320, 600, 600, 600]


def test_a_new_front_starts_with_the_shortest_wait() -> None:
    streams: Streams[str, str] = Streams()
    streams.push("t", uuid(1), "starting", 0.0)
    streams.push("t", uuid(2), "running", 0.0)
    streams.due(10.0)
    streams.acknowledge("t", uuid(1), 12.0)
    assert streams.deadline() == 22.0


def test_wrong_and_repeated_acknowledgements_change_nothing() -> None:
    streams: Streams[str, str] = Streams()
    streams.push("t", uuid(1), "starting", 0.0)
    streams.push("t", uuid(2), "running", 0.0)
    assert streams.acknowledge("t", uuid(2), 0.0) is None
    assert streams.acknowledge("x", uuid(1), 0.0) is None
    assert streams.acknowledge("t", uuid(1), 0.0) is not None
    assert streams.acknowledge("t", uuid(1), 0.0) is None


def test_a_known_update_is_recognised_before_and_after_its_acknowledgement() -> None:
    streams: Streams[str, str] = Streams()
    streams.push("t", uuid(1), "running", 0.0)
    assert streams.push("t", uuid(1), "running", 0.0) is Pushed.DUPLICATE
    streams.acknowledge("t", uuid(1), 0.0)
    assert streams.push("t", uuid(1), "running", 0.0) is Pushed.DUPLICATE


def test_the_terminal_acknowledgement_ends_the_stream() -> None:
    streams: Streams[str, str] = Streams()
    streams.push("t", uuid(1), "finished", 0.0, terminal=True)
    assert streams.acknowledge("t", uuid(1), 0.0) == Acknowledgement("finished", None, True)
    assert "t" not in streams
    assert streams.deadline() is None


def test_what_follows_a_terminal_update_keeps_the_stream() -> None:
    streams: Streams[str, str] = Streams()
    streams.push("t", uuid(1), "lost", 0.0, terminal=True)
    streams.push("t", uuid(2), "running", 0.0)
    assert streams.acknowledge("t", uuid(1), 0.0) == Acknowledgement("lost", "running", False)


def test_a_pause_keeps_everything_and_resume_hands_out_the_fronts() -> None:
    streams: Streams[str, str] = Streams(paused=True)
    assert streams.push("t", uuid(1), "starting", 0.0) is Pushed.QUEUED
    streams.push("t", uuid(2), "running", 0.0)
    assert streams.deadline() is None
    assert streams.resume(5.0) == ["starting"]
    assert streams.deadline() == 15.0
    streams.pause()
    assert streams.due(100.0) == []
    assert streams.acknowledge("t", uuid(1), 101.0) == Acknowledgement("starting", None, False)
    assert streams.resume(102.0) == ["running"]


def test_a_stream_holds_a_limited_number_of_updates(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(updates, "QUEUED_MAX", 2)
    monkeypatch.setattr(updates, "REMEMBERED_MAX", 1)
    streams: Streams[str, str] = Streams()
    streams.push("t", uuid(1), "a", 0.0)
    streams.push("t", uuid(2), "b", 0.0)
    assert streams.push("t", uuid(3), "c", 0.0) is Pushed.FULL
    streams.acknowledge("t", uuid(1), 0.0)
    streams.acknowledge("t", uuid(2), 0.0)
    assert streams.push("t", uuid(2), "b", 0.0) is Pushed.DUPLICATE
    assert streams.push("t", uuid(1), "a", 0.0) is Pushed.FRONT


def test_a_dropped_stream_is_never_due() -> None:
    streams: Streams[str, str] = Streams()
    streams.push("t", uuid(1), "running", 0.0)
    streams.drop("t")
    assert streams.deadline() is None
    assert list(streams.pending("t")) == []


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["push", "ack", "tick", "pause", "resume"]), max_size=60))
def test_the_receiver_sees_every_update_in_order(steps: list[str]) -> None:
    streams: Streams[str, int] = Streams()
    now, pushed, seen, in_flight = 0.0, 0, [], None

    def send(update: int | None) -> None:
        nonlocal in_flight
        if update is not None:
            in_flight = update
            if not seen or seen[-1] != update:
                seen.append(update)

    for step in [*steps, "resume", *["ack"] * (len(steps) + 1)]:
        now += 11.0
        if step == "push":
            if streams.push("t", uuid(pushed), pushed, now) is Pushed.FRONT:
                send(pushed)
            pushed += 1
        elif step == "ack" and in_flight is not None:
            done = streams.acknowledge("t", uuid(in_flight), now)
            if done is not None:
                in_flight = None
                send(done.next)
        elif step == "tick":
            for update in streams.due(now):
                send(update)
        elif step == "pause":
            streams.pause()
        elif step == "resume":
            for update in streams.resume(now):
                send(update)
    assert seen == list(range(pushed))
