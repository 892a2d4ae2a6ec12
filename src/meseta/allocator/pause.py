"""The pause after a failover.

A master that has just come to lead knows its quotas, but not yet who holds what: agents tell it as they
come back. What the first of them have free may be what a role is guaranteed, so nothing is offered until
enough agents are there, or until it is plain that they will not come.
"""

from __future__ import annotations

from collections.abc import Sized


class Pause:
    """When nothing may be offered. `agents` are those that are there."""

    def __init__(self, agents: Sized) -> None:
        self._agents = agents
        self._awaited = 0
        self.ends_s = 0.0
        """When it is over, however few agents are there."""

    def start(self, awaited: int, ends_s: float) -> None:
        """Pause until so many agents are there."""
        self._awaited = awaited
        self.ends_s = ends_s

    def lasts(self, now: float) -> bool:
        """Tell whether too few agents are back after a failover."""
        return now < self.ends_s and len(self._agents) < self._awaited
