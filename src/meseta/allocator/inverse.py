"""Inverse offers: asking frameworks to vacate agents before maintenance.

Every active framework that holds something of an agent with a planned unavailability is asked, once at a
time: until it answers, or the question is withdrawn, it is not asked about that agent again. After an
answer it is asked again with the next batch, unless it has refused that for a while. The time rules are
those of refused offers, except that less than an allocation interval is possible
(src/master/allocator/mesos/hierarchical.cpp).

A new unavailability is a new question: earlier refusals and answers no longer count.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping

import msgspec

from meseta.allocator.allocator import InverseAllocation, InverseStatus
from meseta.allocator.filters import refuse_s
from meseta.ids import AgentId, FrameworkId
from meseta.records import Filters, Unavailability

LATER_MIN = 256
"""So many times to look again are kept, whether they mean something or not."""

FrameworksOn = Callable[[AgentId], Iterable[FrameworkId]]
"""From an agent to the active frameworks that hold something there."""


class _Window(msgspec.Struct):
    """The planned unavailability of one agent."""

    unavailability: Unavailability
    outstanding: set[FrameworkId]
    statuses: dict[FrameworkId, InverseStatus]


class InverseOffers:
    """Who is to be asked, who has been, and what they said. Times are seconds of the master's clock."""

    __slots__ = ("_dirty", "_due", "_interval_s", "_later", "_refused", "_windows")

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._windows: dict[AgentId, _Window] = {}
        self._refused: dict[FrameworkId, dict[AgentId, float]] = {}
        """Until when a framework does not want to be asked about an agent."""
        self._dirty: dict[AgentId, None] = {}
        self._due: float | None = None
        """When dirty agents want to be looked at."""
        self._later: list[tuple[float, AgentId]] = []
        """A heap of when agents are to be looked at again."""

    def __contains__(self, agent_id: AgentId) -> bool:
        return agent_id in self._windows

    def statuses(self) -> Mapping[AgentId, Mapping[FrameworkId, InverseStatus]]:
        """Return the latest answers, by agent with a planned unavailability."""
        return {agent_id: dict(window.statuses) for agent_id, window in self._windows.items()}

    # What changes.

    def plan(self, agent_id: AgentId, unavailability: Unavailability | None, now: float) -> None:
        """Replace the planned unavailability of an agent."""
        self.forget_agent(agent_id)
        if unavailability is not None:
            self._windows[agent_id] = _Window(unavailability, set(), {})
            self.touch(agent_id, now)

    @property
    def is_needed(self) -> bool:
        """Tell whether maintenance of any agent is planned."""
        return bool(self._windows)

    def touch(self, agent_id: AgentId, now: float) -> None:
        """Note that a framework holds something more of an agent."""
        if agent_id in self._windows:
            self._dirty[agent_id] = None
            self._due = now if self._due is None else min(self._due, now)

    def touch_all(self, now: float) -> None:
        """Note that a framework is there that may hold something of any agent."""
        for agent_id in self._windows:
            self.touch(agent_id, now)

    def answer(
        self,
        agent_id: AgentId,
        framework_id: FrameworkId,
        accepted: bool | None,
        filters: Filters | None,
        now: float,
    ) -> None:
        """Take note of an answer; None: there was none, and the question is withdrawn."""
        window = self._windows.get(agent_id)
        if window is None:
            return
        if framework_id in window.outstanding:
            window.outstanding.remove(framework_id)
            if accepted is not None:
                window.statuses[framework_id] = InverseStatus(accepted, now)
        refused_s = refuse_s(filters, 0.0) if filters is not None else 0.0
        if refused_s:
            by_agent = self._refused.setdefault(framework_id, {})
            by_agent[agent_id] = max(by_agent.get(agent_id, 0.0), now + refused_s)
            heapq.heappush(self._later, (self._batch_s(by_agent[agent_id]), agent_id))
        else:
            heapq.heappush(self._later, (self._next_batch_s(now), agent_id))
        self._tidy(now)

    def revive(self, framework_id: FrameworkId, now: float) -> None:
        """Drop what a framework has refused."""
        for agent_id in self._refused.pop(framework_id, {}):
            self.touch(agent_id, now)

    def forget_framework(self, framework_id: FrameworkId) -> None:
        """Forget a removed framework."""
        self._refused.pop(framework_id, None)
        for window in self._windows.values():
            window.outstanding.discard(framework_id)
            window.statuses.pop(framework_id, None)

    def forget_agent(self, agent_id: AgentId) -> None:
        """Forget a removed agent, or one without a planned unavailability."""
        self._windows.pop(agent_id, None)
        self._dirty.pop(agent_id, None)
        for framework_id, by_agent in list(self._refused.items()):
            by_agent.pop(agent_id, None)
            if not by_agent:
                del self._refused[framework_id]

    # Decisions.

    def deadline(self) -> float | None:
        """Return when somebody may have to be asked."""
        due = self._due if self._dirty else None
        later = self._later[0][0] if self._later else None
        if due is None or later is None:
            return later if due is None else due
        return min(due, later)

    def take(self, now: float, frameworks_on: FrameworksOn) -> list[InverseAllocation]:
        """Decide who is asked now, and remember that they are."""
        while self._later and self._later[0][0] <= now:
            self.touch(heapq.heappop(self._later)[1], now)
        asked = []
        for agent_id in self._dirty:
            window = self._windows[agent_id]
            for framework_id in dict.fromkeys(frameworks_on(agent_id)):
                if framework_id not in window.outstanding and not self._refuses(framework_id, agent_id, now):
                    window.outstanding.add(framework_id)
                    asked.append(InverseAllocation(framework_id, agent_id, window.unavailability))
        self._dirty.clear()
        self._due = None
        return asked

    def _refuses(self, framework_id: FrameworkId, agent_id: AgentId, now: float) -> bool:
        by_agent = self._refused.get(framework_id, {})
        until = by_agent.get(agent_id)
        if until is not None and until <= now:
            del by_agent[agent_id]
            if not by_agent:
                del self._refused[framework_id]
            until = None
        return until is not None

    def _tidy(self, now: float) -> None:
        """Start the heap anew when most of it means nothing any more."""
        if len(self._later) <= LATER_MIN:
            return
        refused = [
            (self._batch_s(until), agent_id)
            for by_agent in self._refused.values()
            for agent_id, until in by_agent.items()
        ]
        if len(self._later) > 4 * (len(self._windows) + len(refused)):
            next_s = self._next_batch_s(now)
            self._later = sorted([*refused, *((next_s, agent_id) for agent_id in self._windows)])

    def _next_batch_s(self, now: float) -> float:
        return (math.floor(now / self._interval_s) + 1) * self._interval_s

    def _batch_s(self, when: float) -> float:
        """Return the time of the first batch at or after `when`."""
        return math.ceil(when / self._interval_s) * self._interval_s
