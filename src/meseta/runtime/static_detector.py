"""Finds a master whose address is given: resolves it at once, and again whenever it was out of reach.

Mesos's agent waits for missed pings (75 s) before it looks for such a master again; here the end of the link
is enough. The waits between attempts double from 0.5 to 10 s and are random within, so that a cluster does
not come at once.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import structlog

from meseta.errors import ConfigError
from meseta.ids import Pid
from meseta.machine import Entropy

RETRY_MIN_S = 0.5
RETRY_MAX_S = 10.0
MASTER_PORT = 5050

log = structlog.get_logger()


class StaticDetector:
    """Tells `on_detected` where the master is; None as long as its name cannot be resolved."""

    def __init__(self, address: str, entropy: Entropy, on_detected: Callable[[Pid | None], None]) -> None:
        """`address` is `host:port` or `host`. Raises ConfigError if it is neither."""
        self.host, self._port = _split(address)
        self._entropy = entropy
        self._on_detected = on_detected
        self._retry_s = RETRY_MIN_S
        self._timer: asyncio.TimerHandle | None = None
        self._attempt: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look for the master."""
        self._timer = None
        self._attempt = asyncio.get_running_loop().create_task(self._detect())

    def on_lost(self) -> None:
        """The master cannot be reached: look again after a while."""
        if self._timer is None:
            wait_s = self._retry_s * (0.5 + self._entropy.random() / 2)
            self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self.start)

    def on_reached(self) -> None:
        """The master answers: should it be lost again, do not wait long at first."""
        self._retry_s = RETRY_MIN_S

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._attempt is not None:
            self._attempt.cancel()

    async def _detect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self.host, self._port, family=socket.AF_INET)
        except OSError as error:
            log.warning(f"the master's name '{self.host}' cannot be resolved: {error.strerror or error}")
            self._on_detected(None)
            self.on_lost()
        else:
            self._on_detected(Pid(f"master@{found[0][4][0]}:{self._port}"))


def _split(address: str) -> tuple[str, int]:
    host, colon, port = address.removeprefix("master@").rpartition(":")
    if not colon:
        return address, MASTER_PORT
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"--master={address} is not usable: expected host:port, such as 10.0.0.1:5050")
    return host, int(port)
