"""The contract of every pure machine: events in, effects out, time as an argument.

    world ──bytes──▶ wire ──event──▶  machine.handle(event, now)  ──effects──▶ runtime ──bytes──▶ world
                                       ▲            │ next deadline
                                       └── tick ◀───┘

A machine is synchronous, owns its state, and never touches a socket, file, clock or protobuf message.
Its driver performs the effects in the order given and feeds completions back as new events, so the
same machine runs in production, in unit tests and in the simulator.

Rules: `handle` never raises for bad input from outside (it refuses, as data); a failed assertion is a
bug and stops the process; what must not be visible before it is durable is emitted only after the
completion event of the effect that made it durable.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable, Iterable
from typing import Any, Protocol, TypeVar

EventT = TypeVar("EventT", contravariant=True)
EffectT = TypeVar("EffectT", covariant=True)


class Machine(Protocol[EventT, EffectT]):
    """A state machine without I/O. `now` is seconds of a clock that never goes back."""

    def handle(self, event: EventT, now: float, /) -> Iterable[EffectT]:
        """Take one event and return what is to be done about it, in order."""
        ...

    def tick(self, now: float, /) -> Iterable[EffectT]:
        """Do whatever is due at `now`."""
        ...

    def deadline(self) -> float | None:
        """Return when `tick` wants to be called next; it may change with every call."""
        ...


class Entropy(Protocol):
    """Seedable chance, the part of `random.Random` that machines use."""

    def random(self) -> float: ...

    def getrandbits(self, k: int, /) -> int: ...


class Deadlines:
    """Named one-shot timers of one machine: at most one per key, cheap to move and to cancel."""

    __slots__ = ("_heap", "_sequence", "_timers")

    def __init__(self) -> None:
        self._timers: dict[Hashable, tuple[float, int, Hashable]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        """The same timers, and those that were replaced or cancelled: they are dropped when they come up."""
        self._sequence = itertools.count()

    def __len__(self) -> int:
        return len(self._timers)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._timers

    def arm(self, key: Hashable, when: float) -> None:
        """Set the timer `key` to `when`, replacing an earlier one."""
        timer = self._timers[key] = (when, next(self._sequence), key)
        heapq.heappush(self._heap, timer)
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._timers):
            self._heap = list(self._timers.values())
            heapq.heapify(self._heap)

    def cancel(self, key: Hashable) -> bool:
        """Forget the timer `key`; say whether there was one."""
        return self._timers.pop(key, None) is not None

    def next(self) -> float | None:
        """Return the earliest time at which a timer is due."""
        heap = self._heap
        while heap and self._timers.get(heap[0][2]) is not heap[0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: float) -> list[Any]:
        """Take out and return the keys due at `now`, earliest first."""
        keys = []
        while (when := self.next()) is not None and when <= now:
            key = heapq.heappop(self._heap)[2]
            del self._timers[key]
            keys.append(key)
        return keys
