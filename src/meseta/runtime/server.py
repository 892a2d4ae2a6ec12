"""An HTTP/1.1 server whose handler is a plain function: called with each request, answering when it likes.

    server = HttpServer(handle, on_message=deliver)
    host, port = await server.listen("127.0.0.1", 0)

libprocess messages arrive on the same port and go to `on_message` instead. See `connection` for how bytes
become requests, `streams` for how they are answered, `limits` for what is refused.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable

from meseta.runtime.connection import Connection, Handler, OnMessage
from meseta.runtime.heads import Head, HeadMemory
from meseta.runtime.http1 import Request
from meseta.runtime.limits import Limits
from meseta.runtime.loop import TurnFlusher
from meseta.runtime.streams import SERVER_CLOSED

_BACKLOG = 4096
_SWEEP_S = 1.0

COUNTERS = (
    "connections_accepted",
    "connections_refused",
    "http_bad_requests",
    "http_bodies_over_limit",
    "http_bugs",
    "http_cut_slow",
    "http_heads_over_limit",
    "http_requests",
    "http_timeouts",
    "messages_malformed",
    "messages_received",
    "messages_undeliverable",
    "streams_cut_slow",
)


class HttpServer:
    """Serves one handler on any number of addresses. Not thread-safe: use it from its loop only.

    `handler(request, responder)` must not block. If it raises, the peer gets 500 and the loop's exception
    handler is told. `on_message(receiver, sender, name, body)` says whether there is such a receiver.
    `wants_body_stream(request)` says, from its head alone, whether to handle a request before its body has
    come.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        limits: Limits | None = None,
        on_message: OnMessage | None = None,
        wants_body_stream: Callable[[Request], bool] | None = None,
    ) -> None:
        self.handler = handler
        self.limits = limits or Limits()
        self.on_message = on_message
        self.wants_body_stream = wants_body_stream
        self.counters: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        """What has happened since the start, for metrics."""
        self.turn = TurnFlusher()
        self.heads = HeadMemory(self._is_ordinary)
        self.unfinished_bytes = 0
        self._connections: set[Connection] = set()
        self._unfinished: set[Connection] = set()
        self._stalled: set[Connection] = set()
        self._listeners: list[asyncio.AbstractServer] = []
        self._sweep_timer: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    async def listen(
        self, host: str | None, port: int, *, tls: ssl.SSLContext | None = None
    ) -> tuple[str, int]:
        """Listen on an address; port 0 means any free one. Returns the address and port. Raises OSError."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: Connection(self), host, port, ssl=tls, backlog=_BACKLOG)
        for listening in listener.sockets:
            _bear_silence(listening.fileno(), self.limits.silence_timeout_s)
        self._listeners.append(listener)
        address = listener.sockets[0].getsockname()
        return address[0], address[1]

    async def listen_unix(self, path: str) -> None:
        """Listen on a Unix socket. Raises OSError."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_unix_server(lambda: Connection(self), path, backlog=_BACKLOG)
        self._listeners.append(listener)

    async def close(self) -> None:
        """Stop listening, and break all connections off."""
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self._connections):
            connection.cut(SERVER_CLOSED)
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None
        for listener in self._listeners:
            await listener.wait_closed()
        self._listeners.clear()
        while self._connections:
            await asyncio.sleep(0)

    # ---- for connections ----------------------------------------------------------------------------------

    def connection_opened(self, connection: Connection) -> bool:
        """Take a new connection in, if there is room for it."""
        if len(self._connections) >= self.limits.connections_max:
            self.counters["connections_refused"] += 1
            return False
        self.counters["connections_accepted"] += 1
        self._connections.add(connection)
        return True

    def connection_closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)
        self._unfinished.discard(connection)
        self._stalled.discard(connection)

    def watch_unfinished(self, connection: Connection) -> None:
        """Look every second whether its request goes on."""
        self._unfinished.add(connection)
        self._arm_sweep()

    def watch_stalled(self, connection: Connection) -> None:
        """Look every second whether its peer reads."""
        self._stalled.add(connection)
        self._arm_sweep()

    def _is_ordinary(self, head: Head) -> bool:
        """Whether requests with this head, if they come at once, are just handled."""
        if head.body_bytes > self.limits.body_bytes_max:
            return False
        wants_body_stream = self.wants_body_stream
        if wants_body_stream is None or not head.body_bytes:
            return True
        return not wants_body_stream(Request.with_head(head, b"", ("", 0)))

    def _arm_sweep(self) -> None:
        if self._sweep_timer is None:
            self._sweep_timer = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        """One timer for all connections: arming one for each would cost more than all of this."""
        self._sweep_timer = None
        now = asyncio.get_running_loop().time()
        self._unfinished = {one for one in self._unfinished if one.is_unfinished(now)}
        self._stalled = {one for one in self._stalled if one.is_stalled(now)}
        if self._unfinished or self._stalled:
            self._arm_sweep()


def _bear_silence(fd: int, seconds: float) -> None:
    """Break off connections that a listener accepts when their peers acknowledge nothing for so long."""
    with socket.socket(fileno=os.dup(fd)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * seconds))
