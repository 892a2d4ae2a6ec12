"""Virtual time: one heap of what is to happen, in the order of time and, at one time, of asking.

There is no loop, no thread and no clock here. Time jumps from one entry to the next, so a quiet hour costs
nothing, and one seed always gives one run: nothing else decides what happens when.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

from meseta.sim.failures import Crash
from meseta.sim.trace import Trace

Delivery = Callable[[], None]
STANDING_MAX = 1_000_000
"""Deliveries at one moment."""


class World:
    """What is to happen when. `now` is seconds since the start of the run."""

    def __init__(self, seed: int, trace: Trace) -> None:
        self.seed = seed
        self.trace = trace
        self.now = 0.0
        self.deliveries = 0
        """How many have been made."""
        self._heap: list[tuple[float, int, Delivery]] = []
        self._sequence = 0

    def chance(self, concern: str) -> random.Random:
        """Return a source of chance for one concern, independent of all others of the same seed.

        So a fault that is added does not reshuffle everything else.
        """
        return random.Random(f"{self.seed}/{concern}")

    def at(self, when: float, delivery: Delivery) -> None:
        """Let `delivery` be made at `when`; what lies in the past is made as soon as possible."""
        self._sequence += 1
        heapq.heappush(self._heap, (max(when, self.now), self._sequence, delivery))

    def after(self, delay_s: float, delivery: Delivery) -> None:
        """Let `delivery` be made in `delay_s` seconds."""
        self.at(self.now + delay_s, delivery)

    def run(self, until: float) -> None:
        """Make everything happen that is due before `until`, and let it be that time then.

        Raises:
            Crash: time does not pass any more: a machine's timer is due again and again.
        """
        heap = self._heap
        standing = 0
        while heap and heap[0][0] < until:
            when, _, delivery = heapq.heappop(heap)
            standing = standing + 1 if when == self.now else 0
            if standing > STANDING_MAX:
                raise Crash(f"time stands still at {when:.6f}: something is due again and again")
            self.now = when
            self.deliveries += 1
            delivery()
        self.now = until
