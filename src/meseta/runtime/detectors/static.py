"""Finds a master whose address is given: resolves it at once, and again whenever it was out of reach.

Mesos's agent waits for missed pings (75 s) before it looks for such a master again; here the end of the link
is enough.
"""

from __future__ import annotations

import asyncio
import socket

from meseta.errors import ConfigError
from meseta.machine import Entropy
from meseta.runtime.detectors.detector import OnDetected, Warn
from meseta.runtime.detectors.patience import Patience
from meseta.wire.master_info import info_of_address

MASTER_PORT = 5050


class StaticDetector:
    """Tells `on_detected` where the master is; None as long as its name cannot be resolved."""

    def __init__(self, address: str, entropy: Entropy, on_detected: OnDetected, warn: Warn) -> None:
        """`address` is `host:port` or `host`. Raises ConfigError if it is neither."""
        self._host, self._port = _split(address)
        self._on_detected = on_detected
        self._warn = warn
        self._patience = Patience(entropy, self.start)
        self._attempt: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look for the master."""
        self._attempt = asyncio.get_running_loop().create_task(self._detect())

    def on_lost(self) -> None:
        """The master cannot be reached: look again after a while."""
        self._patience.wait()

    def on_reached(self) -> None:
        """The master answers: should it be lost again, do not wait long at first."""
        self._patience.reset()

    def stop(self) -> None:
        """Look no more."""
        self._patience.stop()
        if self._attempt is not None:
            self._attempt.cancel()

    async def _detect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, family=socket.AF_INET)
        except OSError as error:
            self._warn(f"the master's name '{self._host}' cannot be resolved: {error.strerror or error}")
            self._on_detected(None)
            self.on_lost()
        else:
            ip = found[0][4][0]
            self._on_detected(info_of_address(self._host, str(ip), self._port))


def _split(address: str) -> tuple[str, int]:
    host, colon, port = address.removeprefix("master@").rpartition(":")
    if not colon:
        return address, MASTER_PORT
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"--master={address} is not usable: expected host:port, such as 10.0.0.1:5050")
    return host, int(port)
