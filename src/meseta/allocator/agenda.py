"""Which agents are to be looked at, and when: what is due now, a little later, or with the next batch.

Batches are at multiples of the allocation interval. An agent is on the agenda at most once per list, so
the agenda never outgrows the cluster.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from meseta.ids import AgentId
from meseta.machine import Entropy


def draw(items: list[Any], count: int, entropy: Entropy) -> None:
    """Move `count` random items to the front, in random order."""
    for index in range(min(count, len(items))):
        other = index + int(entropy.random() * (len(items) - index))
        items[index], items[other] = items[other], items[index]


class Agenda:
    """The agents to look at. Times are seconds of the master's clock."""

    __slots__ = ("_all", "_batch", "_dirty", "_due", "_interval_s", "_waiting")

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._dirty: dict[AgentId, None] = {}
        self._all = False
        """Whether all agents are dirty, those named and others."""
        self._due: float | None = None
        """When dirty agents want to be looked at."""
        self._waiting: dict[AgentId, None] = {}
        self._batch = 0
        """The number of the batch that the waiting ones wait for."""

    def __contains__(self, agent_id: AgentId) -> bool:
        return self._all or agent_id in self._dirty or agent_id in self._waiting

    def touch(self, agent_id: AgentId, due: float) -> None:
        """Look at an agent at `due` or before."""
        self._dirty[agent_id] = None
        self._due = due if self._due is None else min(due, self._due)

    def touch_all(self, due: float) -> None:
        """Look at all agents at `due` or before."""
        self._all = True
        self._due = due if self._due is None else min(due, self._due)

    def wait_for_batch(self, agent_id: AgentId, now: float) -> None:
        """Look at an agent with the first batch after `now`."""
        if not self._waiting:
            self._batch = self._next_batch(now)
        self._waiting[agent_id] = None

    def next_batch_s(self, now: float) -> float:
        """Return the time of the first batch after `now`."""
        return self._next_batch(now) * self._interval_s

    def _next_batch(self, now: float) -> int:
        return math.floor(now / self._interval_s) + 1

    def forget(self, agent_id: AgentId) -> None:
        """Take a removed agent off the agenda."""
        self._dirty.pop(agent_id, None)
        self._waiting.pop(agent_id, None)

    def deadline(self) -> float | None:
        """Return when the next agent wants to be looked at."""
        batch = self._batch * self._interval_s if self._waiting else None
        if batch is None or self._due is None:
            return self._due if batch is None else batch
        return min(batch, self._due)

    def take(self, now: float, known: Iterable[AgentId]) -> list[AgentId]:
        """Take off what may be looked at, due or not, but for what waits for a later batch."""
        if self._waiting and self._batch * self._interval_s <= now:
            self._dirty.update(self._waiting)
            self._waiting.clear()
        taken = list(known if self._all else self._dirty)
        self._dirty.clear()
        self._all, self._due = False, None
        return taken
