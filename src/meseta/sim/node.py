"""One process with a machine in it: what `runtime.driver` is in production, on virtual time.

A node can crash, which loses its machine and everything that only the process knew, can be started again,
and can be paused: then nothing is handled, and everything that came meanwhile is handled late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from meseta.machine import Machine
from meseta.sim.clock import Clock
from meseta.sim.failures import Crash, SimulationFailure
from meseta.sim.trace import describe
from meseta.sim.world import World

EventT = TypeVar("EventT")
EffectT = TypeVar("EffectT")
LATER_S = 1e-6
"""A timer that rang too early, by the last bit of a division, rings again after this."""


class Step(NamedTuple):
    """One call of a machine: what it was told (None: that time has passed), and what it wants done."""

    node: Node[Any, Any]
    event: Any
    effects: list[Any]


Observer = Callable[[Step], None]


class Node(Generic[EventT, EffectT]):
    """A process at an address. `observers` see every step of its machine."""

    def __init__(
        self, world: World, name: str, address: str, clock: Clock, observers: list[Observer]
    ) -> None:
        self.world = world
        self.name = name
        self.address = address
        self.clock = clock
        self.incarnation = 0
        """How often the process was started."""
        self.up = False
        self.paused = False
        self._observers = observers
        self._machine: Machine[EventT, EffectT] | None = None
        self._performers: Mapping[type, Callable[[Any], None]] = {}
        self._inbox: deque[EventT] = deque()
        self._busy = False
        self._timer_at: float | None = None

    def boot(
        self, machine: Machine[EventT, EffectT], performers: Mapping[type, Callable[[Any], None]]
    ) -> None:
        """Start the process with a fresh machine."""
        assert not self.up, f"{self.name} runs already"
        self.up = True
        self.paused = False
        self.incarnation += 1
        self._machine = machine
        self._performers = performers
        self._timer_at = None
        self._rearm()

    def halt(self) -> None:
        """End the process at once."""
        self.up = False
        self.paused = False
        self._machine = None
        self._inbox.clear()

    def feed(self, event: EventT) -> None:
        """Hand one event to the machine and do what it answers, now or right after the present one."""
        if not self.up:
            return
        self._inbox.append(event)
        if not self._busy and not self.paused:
            self._drain()

    def pause(self) -> None:
        """Let the process hang."""
        self.paused = True

    def resume(self) -> None:
        """Let a process that hangs go on."""
        if self.paused:
            self.paused = False
            self._drain()
            self._timer_at = None
            self._rearm()

    def _drain(self) -> None:
        self._busy = True
        try:
            while self._inbox and self._machine is not None:
                event = self._inbox.popleft()
                self._step(event, partial(self._machine.handle, event))
        finally:
            self._busy = False
        self._rearm()

    def _step(self, event: EventT | None, call: Callable[[float], Any]) -> None:
        """Let the machine do one thing, show it to observers, and do what it wants."""
        trace = self.world.trace
        if trace.on:
            what, kind = ("tick", "") if event is None else ("in", type(event).__name__)
            details = "" if event is None else describe(event)
            trace.line(self.world.now, self.name, what, kind, details)
        try:
            effects = list(call(self.clock.now()))
        except SimulationFailure:
            raise
        except Exception as bug:
            told = "a timer" if event is None else f"{type(event).__name__} {describe(event)}"
            raise Crash(f"{self.name} failed on {told}: {type(bug).__name__}: {bug}") from bug
        if self._observers:
            step = Step(self, event, effects)
            for observer in self._observers:
                observer(step)
        performers = self._performers
        for effect in effects:
            performers[type(effect)](effect)

    def _rearm(self) -> None:
        """Let the timer ring no later than the machine's deadline."""
        due = None if self._machine is None else self._machine.deadline()
        if due is None or (self._timer_at is not None and self._timer_at <= due):
            return
        self._timer_at = due
        self.world.at(self.clock.world_time(due), partial(self._ring, self.incarnation, due))

    def _ring(self, incarnation: int, due: float) -> None:
        if incarnation != self.incarnation or self._timer_at != due or self._machine is None or self.paused:
            return
        self._timer_at = None
        wanted, now = self._machine.deadline(), self.clock.now()
        if wanted is not None and wanted <= now:
            self._busy = True
            try:
                self._step(None, self._machine.tick)
            finally:
                self._busy = False
            self._drain()
        elif wanted is not None:
            self._timer_at = wanted
            when = max(self.clock.world_time(wanted), self.world.now + LATER_S)
            self.world.at(when, partial(self._ring, incarnation, wanted))
