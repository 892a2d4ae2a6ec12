"""Waits between attempts to reach a master: they double, and are random within, so that a cluster does not
come at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meseta.machine import Entropy

WAIT_MIN_S = 0.5
WAIT_MAX_S = 10.0


class Patience:
    """Calls `again` after a while."""

    def __init__(self, entropy: Entropy, again: Callable[[], None]) -> None:
        self._entropy = entropy
        self._again = again
        self._wait_s = WAIT_MIN_S
        self._timer: asyncio.TimerHandle | None = None

    def wait(self) -> None:
        """Call `again` after a while, longer than the last one; not twice if it is awaited already."""
        if self._timer is None:
            wait_s = self._wait_s * (0.5 + self._entropy.random() / 2)
            self._wait_s = min(2 * self._wait_s, WAIT_MAX_S)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._ring)

    def reset(self) -> None:
        """Wait shortly again next time."""
        self._wait_s = WAIT_MIN_S

    def stop(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self._again()
