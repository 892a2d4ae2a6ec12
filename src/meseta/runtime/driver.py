"""The one place where a pure machine meets the world: feed events, perform effects, keep its timer.

    performer of effect type ◀── effects ── machine.handle(event, now) ◀── event ── edges
                                            machine.tick(now)          ◀── one timer

The driver decides nothing. An event that arrives while another is handled (a performer may complete
at once) waits in the inbox, so handlers never nest. One timer per machine is re-armed once per batch.

A failed assertion in a machine is a bug: its state can no longer be trusted, so the driver reports it
and hands it to `on_bug`, which in a daemon ends the process.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from meseta.machine import Machine

EventT = TypeVar("EventT")
EffectT = TypeVar("EffectT")


class Driver(Generic[EventT, EffectT]):
    """Runs one machine on the current asyncio loop. Not thread-safe: feed it from the loop only."""

    def __init__(
        self,
        machine: Machine[EventT, EffectT],
        performers: Mapping[type, Callable[[Any], None]],
        *,
        clock: Callable[[], float],
        on_bug: Callable[[BaseException], None],
    ) -> None:
        self._machine = machine
        self._performers = performers
        self._clock = clock
        self._on_bug = on_bug
        self._inbox: deque[EventT] = deque()
        self._busy = False
        self._stopped = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self._rearm_due = False
        self._loop = asyncio.get_running_loop()

    def feed(self, event: EventT) -> None:
        """Hand one event to the machine and perform what it answers, now or right after the current one."""
        if self._stopped:
            return
        self._inbox.append(event)
        if not self._busy:
            self._drain()

    def start(self) -> None:
        """Arm the first timer."""
        self._rearm()

    def stop(self) -> None:
        """Stop performing; later events are dropped."""
        self._stopped = True
        self._inbox.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drain(self) -> None:
        self._busy = True
        try:
            while self._inbox and not self._stopped:
                self._perform(self._machine.handle(self._inbox.popleft(), self._clock()))
        except Exception as bug:
            self._stopped = True
            self._on_bug(bug)
        finally:
            self._busy = False
        if not self._rearm_due:
            self._rearm_due = True
            self._loop.call_soon(self._rearm)

    def _perform(self, effects: Iterable[EffectT]) -> None:
        performers = self._performers
        for effect in effects:
            performers[type(effect)](effect)

    def _tick(self) -> None:
        self._timer = None
        self._timer_at = None
        if self._stopped:
            return
        now = self._clock()
        due = self._machine.deadline()
        self._busy = True
        try:
            if due is not None and due <= now:
                self._perform(self._machine.tick(now))
        except Exception as bug:
            self._stopped = True
            self._on_bug(bug)
        finally:
            self._busy = False
        self._drain()

    def _rearm(self) -> None:
        """Let the timer ring no later than the machine's deadline.

        Done once per turn of the loop, however many events it brought. A timer that rings too early costs
        one look; moving it with every event would cost more.
        """
        self._rearm_due = False
        due = None if self._stopped else self._machine.deadline()
        if due is None or (self._timer_at is not None and self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_later(max(0.0, due - self._clock()), self._tick)
