"""Streams of updates that arrive at least once and in order: the sending side.

    push ──▶ [front | queued … ] ──acknowledge──▶ next front        one stream per key, one update in flight
               │        ▲
               └─ due ──┘  not acknowledged: again after 10 s, 20 s, 40 s … 10 min

Agents use one stream per task, executors one per update's task too. Nothing is sent from here: callers send
what `push`, `acknowledge`, `due` and `resume` hand back. While paused (the receiver is out of reach)
updates only queue up. A stream ends when its terminal update is acknowledged, unless more was pushed behind
it (a task id that is used again before its last end is settled).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from meseta.machine import Deadlines

KeyT = TypeVar("KeyT", bound=Hashable)
UpdateT = TypeVar("UpdateT")

RETRY_MIN_S = 10.0
RETRY_MAX_S = 600.0
QUEUED_MAX = 10_000
"""Updates that one stream holds; more are refused until some are acknowledged."""
REMEMBERED_MAX = 1_000
"""Acknowledged updates per stream that are still recognised when they come again."""


class Pushed(Enum):
    """What became of an update that was pushed."""

    FRONT = "front"
    """It is next: send it now."""
    QUEUED = "queued"
    """It will be handed out later."""
    DUPLICATE = "duplicate"
    """It is known already, maybe even acknowledged."""
    FULL = "full"
    """The stream holds `QUEUED_MAX` updates; the sender has to come again."""


class Acknowledgement(NamedTuple, Generic[UpdateT]):
    """What an acknowledgement settled."""

    update: UpdateT
    next: UpdateT | None
    """To be sent now; None if there is none or the streams are paused."""
    ended: bool
    """The update was terminal: its stream is gone."""


class _Stream(Generic[UpdateT]):
    __slots__ = ("queue", "remembered", "retry_s", "uuids")

    def __init__(self) -> None:
        self.queue: deque[tuple[bytes, UpdateT, bool]] = deque()
        self.uuids: set[bytes] = set()
        self.remembered: deque[bytes] = deque()
        self.retry_s = RETRY_MIN_S

    def settle_front(self) -> tuple[UpdateT, bool]:
        """Take out the front; remember it, and forget the oldest of too many."""
        uuid, update, terminal = self.queue.popleft()
        self.remembered.append(uuid)
        if len(self.remembered) > REMEMBERED_MAX:
            self.uuids.discard(self.remembered.popleft())
        return update, terminal


class Streams(Generic[KeyT, UpdateT]):
    """All streams of one sender. Updates are named by the 16 bytes of their uuid."""

    __slots__ = ("_deadlines", "_paused", "_streams")

    def __init__(self, *, paused: bool = False) -> None:
        self._streams: dict[KeyT, _Stream[UpdateT]] = {}
        self._deadlines = Deadlines()
        self._paused = paused

    def __len__(self) -> int:
        return len(self._streams)

    def __contains__(self, key: KeyT) -> bool:
        return key in self._streams

    def knows(self, key: KeyT, uuid: bytes) -> bool:
        """Tell whether an update was pushed before, and its stream has not ended."""
        stream = self._streams.get(key)
        return stream is not None and uuid in stream.uuids

    def push(self, key: KeyT, uuid: bytes, update: UpdateT, now: float, *, terminal: bool = False) -> Pushed:
        """Add an update to the stream `key`, making the stream if need be."""
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = _Stream()
        if uuid in stream.uuids:
            return Pushed.DUPLICATE
        if len(stream.queue) >= QUEUED_MAX:
            return Pushed.FULL
        stream.uuids.add(uuid)
        stream.queue.append((uuid, update, terminal))
        if self._paused or len(stream.queue) > 1:
            return Pushed.QUEUED
        self._start(key, stream, now)
        return Pushed.FRONT

    def acknowledge(self, key: KeyT, uuid: bytes, now: float) -> Acknowledgement[UpdateT] | None:
        """Settle the update in flight; None if `uuid` is not its name (late, repeated or wrong)."""
        stream = self._streams.get(key)
        if stream is None or not stream.queue or stream.queue[0][0] != uuid:
            return None
        update, terminal = stream.settle_front()
        self._deadlines.cancel(key)
        if terminal and not stream.queue:
            del self._streams[key]
            return Acknowledgement(update, None, True)
        if not stream.queue or self._paused:
            return Acknowledgement(update, None, False)
        self._start(key, stream, now)
        return Acknowledgement(update, stream.queue[0][1], False)

    def due(self, now: float) -> list[UpdateT]:
        """Return the updates that are to be sent again, and double the time until the next repetition."""
        again = []
        for key in self._deadlines.due(now):
            stream = self._streams[key]
            stream.retry_s = min(2 * stream.retry_s, RETRY_MAX_S)
            self._deadlines.arm(key, now + stream.retry_s)
            again.append(stream.queue[0][1])
        return again

    def deadline(self) -> float | None:
        """When `due` has something to hand out next."""
        return self._deadlines.next()

    def pause(self) -> None:
        """Hand out nothing until `resume`."""
        self._paused = True
        for key in self._streams:
            self._deadlines.cancel(key)

    def resume(self, now: float) -> list[UpdateT]:
        """Go on; return the front of every stream, to be sent now."""
        self._paused = False
        fronts = []
        for key, stream in self._streams.items():
            if stream.queue:
                self._start(key, stream, now)
                fronts.append(stream.queue[0][1])
        return fronts

    def drop(self, key: KeyT) -> None:
        """Forget a stream with all that it holds: nobody is left to receive it."""
        if self._streams.pop(key, None) is not None:
            self._deadlines.cancel(key)

    def pending(self, key: KeyT) -> Iterator[UpdateT]:
        """The updates of a stream that are not acknowledged, oldest first."""
        stream = self._streams.get(key)
        return iter(()) if stream is None else (update for _, update, _ in stream.queue)

    def unsettled(self) -> Iterator[KeyT]:
        """The keys of streams that hold something that is not acknowledged."""
        return (key for key, stream in self._streams.items() if stream.queue)

    def _start(self, key: KeyT, stream: _Stream[UpdateT], now: float) -> None:
        stream.retry_s = RETRY_MIN_S
        self._deadlines.arm(key, now + RETRY_MIN_S)
