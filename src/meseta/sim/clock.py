"""Clocks of machines: none of them agrees with another, or runs exactly as fast."""

from __future__ import annotations

from meseta.sim.world import World


class Clock:
    """A clock that shows `offset_s` at the start of the run and runs `rate` times as fast as the world."""

    __slots__ = ("_offset_s", "_rate", "_world")

    def __init__(self, world: World, offset_s: float, rate: float = 1.0) -> None:
        self._world = world
        self._offset_s = offset_s
        self._rate = rate

    def now(self) -> float:
        """Return what the clock shows."""
        return self._offset_s + self._world.now * self._rate

    def world_time(self, shown: float) -> float:
        """Return when the clock shows `shown`."""
        return (shown - self._offset_s) / self._rate
