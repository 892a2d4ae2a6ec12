"""How much a daemon logs: a level from 0 on, which may be raised for some time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that will happen, unless it is cancelled."""

    def cancel(self) -> None:
        """Let it not happen."""
        ...


Later = Callable[[float, Callable[[], None]], Timer]
"""Calls a function after some seconds; `call_later` of an event loop is one."""


class Verbosity:
    """The level in force. `apply` is told of every change."""

    def __init__(self, later: Later, apply: Callable[[int], None], original: int = 0) -> None:
        self.level = original
        self.original = original
        self._later = later
        self._apply = apply
        self._revert: Timer | None = None

    def set(self, level: int, duration_s: float) -> None:
        """Change the level, and change it back after `duration_s`."""
        if self._revert is not None:
            self._revert.cancel()
            self._revert = None
        self._change(level)
        if level != self.original:
            self._revert = self._later(max(0.0, duration_s), self._on_over)

    def _on_over(self) -> None:
        self._revert = None
        self._change(self.original)

    def _change(self, level: int) -> None:
        if level != self.level:
            self.level = level
            self._apply(level)
