"""SUBSCRIBE of the operator API: streams that begin with all that there is and go on with what changes.

Each stream gets SUBSCRIBED and a HEARTBEAT at once, then events as they happen, and a HEARTBEAT at a fixed
interval. Beyond the most that are allowed the oldest stream is ended, as in Mesos.
"""

from __future__ import annotations

from collections.abc import Callable

from meseta.api.context import MasterContext
from meseta.api.streams import Subscription, Subscriptions
from meseta.api.verbosity import Timer
from meseta.master.effects import OperatorEvent, Publish
from meseta.master.events import SubscriberAdded, SubscriberRemoved
from meseta.runtime.streams import Responder
from meseta.wire import v1_operator_events as events
from meseta.wire.v1_operator_master import MasterAnswers


class OperatorStreams:
    """The operators' event streams of one master."""

    def __init__(self, context: MasterContext, answers: Callable[[bool], MasterAnswers]) -> None:
        self._context = context
        self._answers = answers
        self._open = Subscriptions()
        self._timers: dict[int, Timer] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def subscribe(self, responder: Responder, *, as_json: bool) -> None:
        """Answer with a stream."""
        if len(self) >= self._context.subscribers_max:
            self._end(next(iter(self._timers)))
        stream = self._open.open(responder, as_json=as_json, stream_id=None, on_closed=self._on_closed)
        self._context.feed(SubscriberAdded())
        self._arm(stream)
        interval_s = self._context.heartbeat_interval_s
        stream.write(events.subscribed(self._answers(as_json), interval_s))
        stream.write(self._answers(as_json).form.one(events.HEARTBEAT))

    def publish(self, effect: Publish) -> None:
        """Perform the master's effect: tell all streams, encoding once for each format."""
        encoded: dict[bool, bytes | None] = {}
        for number in list(self._timers):
            stream = self._open.get(number)
            if stream is None:
                continue
            if stream.as_json not in encoded:
                encoded[stream.as_json] = self._encode(effect.event, as_json=stream.as_json)
            record = encoded[stream.as_json]
            if record is not None:
                stream.write(record)

    def _encode(self, event: OperatorEvent, *, as_json: bool) -> bytes | None:
        return events.event(self._answers(as_json), self._context.state, event)

    def _arm(self, stream: Subscription) -> None:
        def beat() -> None:
            stream.write(self._answers(stream.as_json).form.one(events.HEARTBEAT))
            if stream.number in self._timers:  # a peer that reads too slowly has been cut off by this
                self._arm(stream)

        later = self._context.later
        self._timers[stream.number] = later(self._context.heartbeat_interval_s, beat)

    def _end(self, number: int) -> None:
        self._open.close(number)
        self._forget(number)

    def _on_closed(self, number: int, reason: str) -> None:
        self._forget(number)

    def _forget(self, number: int) -> None:
        timer = self._timers.pop(number, None)
        if timer is not None:
            timer.cancel()
            self._context.feed(SubscriberRemoved())
