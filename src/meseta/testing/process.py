"""A libprocess process for tests: sends any message, keeps what it receives, waits for what must come.

async with Process("scheduler(1)") as driver:
    driver.send(master, v0.Call(…))
    offers = await driver.receive(i.ResourceOffersMessage)
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from meseta.runtime.http1 import NOT_FOUND, Request
from meseta.runtime.links import Links
from meseta.runtime.server import HttpServer
from meseta.runtime.streams import Responder

MessageT = TypeVar("MessageT")
TIMEOUT_S = 20.0
RECEIVED_MAX = 100_000


class Process:
    """One process on a port of its own on the loopback interface."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pid = ""
        self.received: deque[tuple[str, str, bytes]] = deque(maxlen=RECEIVED_MAX)
        """Sender, message name and body of what came and was not taken yet."""
        self.exited: list[str] = []
        """Addresses whose linked connections broke."""
        self.on_receive: Callable[[str, str, bytes], bool] = lambda sender, name, body: False
        """Takes a message instead of keeping it, if it returns true."""
        self._came = asyncio.Event()

    async def __aenter__(self) -> Process:
        self._server = HttpServer(self._refuse, on_message=self._take)
        host, port = await self._server.listen("127.0.0.1", 0)
        self.pid = f"{self.name}@{host}:{port}"
        self.links = Links()
        self.links.on_exited(self.exited.append)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Die: close the port and all connections."""
        await self._server.close()
        await self.links.close()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.pid.rpartition(":")[2])

    def send(self, to: str, message: Any, *, name: str | None = None, sender: str | None = None) -> None:
        """Send a protobuf message, or bytes under `name`."""
        body = message if isinstance(message, bytes) else message.SerializeToString()
        self.links.send(to, sender or self.pid, name or message.DESCRIPTOR.full_name, body)

    async def receive(
        self,
        kind: type[MessageT],
        matching: Callable[[MessageT], bool] = lambda message: True,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> MessageT:
        """Return the first message of this class that matches, and take it and all of its kind before it.

        Raises TimeoutError with what came instead.
        """
        wanted: str = kind.DESCRIPTOR.full_name  # type: ignore[attr-defined]
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    self._came.clear()
                    found = self._find(kind, wanted, matching)
                    if found is not None:
                        return found
                    await self._came.wait()
        except TimeoutError:
            came = [name for _, name, _ in self.received]
            raise TimeoutError(f"{self.pid} waited in vain for {wanted}; there are {came}") from None

    def _find(
        self, kind: type[MessageT], wanted: str, matching: Callable[[MessageT], bool]
    ) -> MessageT | None:
        for entry in list(self.received):
            if entry[1] == wanted:
                self.received.remove(entry)
                message: MessageT = kind.FromString(entry[2])  # type: ignore[attr-defined]
                if matching(message):
                    return message
        return None

    def _take(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        if receiver != self.name:
            return False
        if not self.on_receive(sender, name, body):
            self.received.append((sender, name, body))
            self._came.set()
        return True

    def _refuse(self, request: Request, responder: Responder) -> None:
        responder.send(NOT_FOUND)
