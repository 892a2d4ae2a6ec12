"""What the detectors have in common that ask a service who leads.

Each leader is told once, and again when it cannot be reached. If the service cannot be reached for as long as
a session lasts, nobody is known to lead: another one may by then.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from meseta.errors import WireError
from meseta.machine import Entropy
from meseta.runtime.detectors.detector import OnDetected, Warn
from meseta.runtime.detectors.patience import Patience
from meseta.wire.master_info import MasterInfo


class ServiceDetector(ABC):
    """A `Detector`, but for how it looks: that calls `_see…`, `_doubt` and `_trust`."""

    def __init__(
        self, address: object, session_timeout_s: float, entropy: Entropy, on_detected: OnDetected, warn: Warn
    ) -> None:
        """`address` is the service's, for people."""
        self._name = str(address)
        self._session_timeout_s = session_timeout_s
        self._on_detected = on_detected
        self._warn = warn
        self._patience = Patience(entropy, self._repeat)
        self._has_told = False
        self._entry: object = None
        self._leader: MasterInfo | None = None
        self._forgetting: asyncio.TimerHandle | None = None

    @abstractmethod
    def start(self) -> None:
        """Look for the leading master."""

    @abstractmethod
    def _leave(self) -> None:
        """Look no more."""

    def on_lost(self) -> None:
        """The leader cannot be reached: say again who it is, after a while."""
        self._patience.wait()

    def on_reached(self) -> None:
        """The leader answers."""
        self._patience.reset()

    def stop(self) -> None:
        """Tell nothing more."""
        self._patience.stop()
        self._trust()
        self._leave()

    def _see(self, entry: object, name: str, read: Callable[[], MasterInfo]) -> None:
        """The leader's entry is this one, with this name; `read` returns what it says."""
        if entry == self._entry:
            return
        self._entry = entry
        try:
            self._tell(read())
        except WireError as fault:
            self._warn(f"{name} in {self._name} does not say which master it is: {fault}")
            self._tell(None)

    def _see_nobody(self) -> None:
        """Nobody has an entry."""
        if self._entry is not None or not self._has_told:
            self._entry = None
            self._tell(None)

    def _trust(self) -> None:
        """The service can be reached."""
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None

    def _doubt(self, reason: str = "") -> None:
        """The service cannot be reached. `reason` is said once, until it can be again."""
        if self._forgetting is None:
            if reason:
                self._warn(reason)
            loop = asyncio.get_running_loop()
            self._forgetting = loop.call_later(self._session_timeout_s, self._forget)

    def _forget(self) -> None:
        self._warn(f"{self._name} cannot be reached: the leading master is not known")
        self._entry = None
        self._tell(None)

    def _tell(self, leader: MasterInfo | None) -> None:
        self._has_told = True
        self._leader = leader
        self._patience.stop()
        self._patience.reset()
        self._on_detected(leader)

    def _repeat(self) -> None:
        if self._leader is not None:
            self._on_detected(self._leader)
