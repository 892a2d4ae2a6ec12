"""Open subscription streams: who listens, in which format, and under which stream id.

A stream has a number, by which machines know it, and on the scheduler API a text id that clients repeat
in every call. Events are framed as RecordIO records, one HTTP chunk each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from meseta.runtime.http1 import Response
from meseta.runtime.streams import Responder, ResponseStream
from meseta.wire import recordio

JSON = "application/json"
PROTOBUF = "application/x-protobuf"


@dataclass(slots=True, eq=False)
class Subscription:
    """One open stream."""

    number: int
    id: str | None
    stream: ResponseStream
    as_json: bool

    def write(self, record: bytes) -> None:
        """Send one event."""
        self.stream.write(recordio.encode(record))

    def acknowledges(self, within_s: float) -> bool:
        """Tell whether the reader's machine has acknowledged something of late, or has nothing left to."""
        return self.stream.acknowledges(within_s)


class Subscriptions:
    """The open streams of one API."""

    def __init__(self) -> None:
        self._count = 0
        self._by_number: dict[int, Subscription] = {}
        self._by_id: dict[str, Subscription] = {}

    def __len__(self) -> int:
        return len(self._by_number)

    def open(
        self,
        responder: Responder,
        *,
        as_json: bool,
        stream_id: str | None,
        on_closed: Callable[[int, str], None],
    ) -> Subscription:
        """Answer with an endless stream. `on_closed(number, reason)` tells when the peer leaves it."""
        self._count += 1
        number = self._count
        headers = [("Mesos-Stream-Id", stream_id)] if stream_id is not None else []
        headers.append(("Content-Type", JSON if as_json else PROTOBUF))
        stream = responder.start_stream(Response(200, tuple(headers)))
        subscription = Subscription(number, stream_id, stream, as_json)
        self._by_number[number] = subscription
        if stream_id is not None:
            self._by_id[stream_id] = subscription

        def closed(reason: str) -> None:
            if self._forget(number):
                on_closed(number, reason)

        stream.on_closed(closed)
        return subscription

    def get(self, number: int) -> Subscription | None:
        """Return the stream of this number, if it is open."""
        return self._by_number.get(number)

    def by_id(self, stream_id: str | None) -> Subscription | None:
        """Return the stream with this text id, if it is open."""
        return self._by_id.get(stream_id) if stream_id is not None else None

    def close(self, number: int) -> None:
        """End a stream properly."""
        subscription = self._by_number.get(number)
        if subscription is not None and self._forget(number):
            subscription.stream.end()

    def _forget(self, number: int) -> bool:
        subscription = self._by_number.pop(number, None)
        if subscription is None:
            return False
        if subscription.id is not None:
            self._by_id.pop(subscription.id, None)
        return True
