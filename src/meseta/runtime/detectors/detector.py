"""What finds the leading master."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from meseta.wire.master_info import MasterInfo

OnDetected = Callable[[MasterInfo | None], None]
"""Who leads now, None if that is not known. Always `pid` and `port` are there, and `hostname` or the address.

It may be told again: then the same master is to be tried again.
"""


Warn = Callable[[str], None]
"""Takes a sentence for people about what keeps a detector from its work."""


class Detector(Protocol):
    """Tells its `OnDetected` who leads, from `start` to `stop`, on the loop that it was started on."""

    def start(self) -> None:
        """Look for the leading master."""
        ...

    def on_lost(self) -> None:
        """The master cannot be reached: tell again who leads, after a while if it is the same."""
        ...

    def on_reached(self) -> None:
        """The master answers: should it be lost again, do not wait long at first."""
        ...

    def stop(self) -> None:
        """Tell nothing more; returns at once."""
        ...
