"""Outgoing libprocess messages: one socket per remote address, and the news that a linked peer is gone.

    send ──▶ queue of the address ──one write per turn──▶ socket
    link ──▶ the socket stays, and its end, or a failure to connect, is told once: on_exited

An address to which nobody is linked has a temporary socket, closed when it has been quiet for a moment.
Replies to messages say nothing that a sender could use, so they are read and dropped. Like in libprocess a
message is delivered at most once: what is queued when a socket fails is lost, and what exceeds the queue is
dropped, both counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meseta.runtime.libprocess import encode_head, encode_message, parse_pid
from meseta.runtime.loop import TurnFlusher

COUNTERS = ("connects_failed", "messages_dropped", "messages_lost", "messages_sent", "pids_malformed")


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """Bounds on what one `Links` holds."""

    messages_max: int = 500_000
    """Queued for one address."""
    bytes_max: int = 256 * 1024 * 1024
    """Queued for one address."""
    connects_max: int = 256
    """Attempts to connect that are under way; further ones wait."""
    heads_max: int = 16_384
    """Remembered message heads; then all are forgotten."""
    connect_timeout_s: float = 10.0
    linger_s: float = 1.0
    """A temporary socket on which nothing happened for this long is closed."""


class _Socket(asyncio.Protocol):
    """The way to one address, from the moment that it is wanted."""

    __slots__ = (
        "_links",
        "address",
        "linked",
        "marked",
        "paused",
        "queue",
        "queued_bytes",
        "transport",
        "used_at",
    )

    def __init__(self, links: Links, address: str) -> None:
        self._links = links
        self.address = address
        self.linked: set[str] = set()
        self.queue: list[bytes] = []
        self.queued_bytes = 0
        self.transport: Any = None
        self.marked = False
        self.paused = False
        self.used_at = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Replies to messages: dropped, but a temporary socket waits for them."""
        if not self.linked:
            self.used_at = asyncio.get_running_loop().time()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self._links.socket_ended(self)

    def flush(self) -> None:
        """Write what is queued, unless the peer must first take what it was sent before."""
        self.marked = False
        if self.queue and self.transport is not None and not self.paused:
            self.transport.write(self.queue[0] if len(self.queue) == 1 else b"".join(self.queue))
            self._links.counters["messages_sent"] += len(self.queue)
            self.queue.clear()
            self.queued_bytes = 0


class Links:
    """Sends messages, and watches the peers that somebody is linked to. Use it from its loop only."""

    def __init__(self, limits: LinkLimits | None = None) -> None:
        self.limits = limits or LinkLimits()
        self.counters: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        """What has happened since the start, for metrics."""
        self._turn = TurnFlusher()
        self._sockets: dict[str, _Socket] = {}
        self._leaving: set[_Socket] = set()
        self._heads: dict[tuple[str, str, str], tuple[str, bytes]] = {}
        """Of receiver, sender and name: the receiver's address, and the head of such messages."""
        self._exited: list[Callable[[str], None]] = []
        self._connects: set[asyncio.Task[None]] = set()
        self._to_connect: deque[_Socket] = deque()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._closed = False

    def on_exited(self, callback: Callable[[str], None]) -> None:
        """Have `callback` told the address `host:port` whenever linked peers at it are gone."""
        self._exited.append(callback)

    def send(self, to_pid: str, from_pid: str, name: str, body: bytes) -> bool:
        """Queue a message. False if it was dropped: the receiver is no pid, or its queue is full."""
        known = self._heads.get((to_pid, from_pid, name))
        if known is None:
            known = self._learn_head(to_pid, from_pid, name)
        if known is None or self._closed:
            return False
        address, head = known
        socket = self._sockets.get(address) or self._open(address)
        limits = self.limits
        if len(socket.queue) >= limits.messages_max or socket.queued_bytes + len(body) > limits.bytes_max:
            self.counters["messages_dropped"] += 1
            return False
        data = encode_message(head, body)
        socket.queue.append(data)
        socket.queued_bytes += len(data)
        if not socket.linked:
            socket.used_at = asyncio.get_running_loop().time()
        if not socket.marked and socket.transport is not None:
            socket.marked = True
            self._turn.mark(socket)
        return True

    def link(self, pid: str, *, reconnect: bool = False) -> bool:
        """Keep a connection to the peer of this pid. False if it is no pid.

        `reconnect` replaces a connection that exists, which finds out whether it was only thought to be
        alive.
        """
        parsed = parse_pid(pid)
        if parsed is None or self._closed:
            return False
        address = parsed.address
        linked = self._replace(address) if reconnect else ()
        socket = self._sockets.get(address) or self._open(address)
        socket.linked.update(linked)
        socket.linked.add(pid)
        return True

    def unlink(self, pid: str) -> None:
        """Forget a link. With the last one of an address its connection becomes temporary."""
        parsed = parse_pid(pid)
        socket = self._sockets.get(parsed.address) if parsed is not None else None
        if socket is not None and pid in socket.linked:
            socket.linked.discard(pid)
            socket.used_at = asyncio.get_running_loop().time()
            self._arm_sweep()

    async def close(self) -> None:
        """Write what is queued on open connections, then close all of them. Nothing is told to
        `on_exited`."""
        self._closed = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self._to_connect.clear()
        for task in tuple(self._connects):
            task.cancel()
        await asyncio.gather(*self._connects, return_exceptions=True)
        for socket in (*self._sockets.values(), *self._leaving):
            socket.linked.clear()
            self._end(socket)
        self._sockets.clear()
        deadline = asyncio.get_running_loop().time() + self.limits.linger_s
        while self._leaving and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.001)
        for socket in self._leaving:
            socket.transport.abort()

    # ---- sockets ------------------------------------------------------------------------------------------

    def _open(self, address: str) -> _Socket:
        socket = self._sockets[address] = _Socket(self, address)
        self._to_connect.append(socket)
        self._start_connects()
        self._arm_sweep()
        return socket

    def _start_connects(self) -> None:
        while self._to_connect and len(self._connects) < self.limits.connects_max:
            task = asyncio.get_running_loop().create_task(self._connect(self._to_connect.popleft()))
            self._connects.add(task)
            task.add_done_callback(self._on_connect_ended)

    def _on_connect_ended(self, task: asyncio.Task[None]) -> None:
        self._connects.discard(task)
        self._start_connects()

    async def _connect(self, socket: _Socket) -> None:
        loop = asyncio.get_running_loop()
        host, _, port = socket.address.rpartition(":")
        try:
            async with asyncio.timeout(self.limits.connect_timeout_s):
                await loop.create_connection(lambda: socket, host, int(port))
        except (OSError, UnicodeError):  # the second for a host name that cannot be encoded
            self.counters["connects_failed"] += 1
            self.socket_ended(socket)

    def socket_ended(self, socket: _Socket) -> None:
        """A socket is closed, or could not be opened."""
        self.counters["messages_lost"] += len(socket.queue)
        socket.queue.clear()
        self._leaving.discard(socket)
        if self._sockets.get(socket.address) is socket:
            del self._sockets[socket.address]
        if socket.linked:
            socket.linked.clear()
            for callback in self._exited:
                callback(socket.address)

    def _replace(self, address: str) -> set[str]:
        """Let the socket of an address go, if it is connected; the pids that were linked over it."""
        socket = self._sockets.get(address)
        if socket is None or socket.transport is None:
            return set()
        del self._sockets[address]
        linked, socket.linked = socket.linked, set()
        self._end(socket)
        return linked

    def _end(self, socket: _Socket) -> None:
        """Close a socket once its queue is written."""
        transport = socket.transport
        if transport is not None:
            socket.paused = False
            socket.flush()
            self._leaving.add(socket)
            transport.close()

    def _arm_sweep(self) -> None:
        if self._sweep_timer is None:
            loop = asyncio.get_running_loop()
            self._sweep_timer = loop.call_later(self.limits.linger_s / 2, self._sweep)

    def _sweep(self) -> None:
        """Close temporary sockets that are quiet."""
        self._sweep_timer = None
        quiet_since = asyncio.get_running_loop().time() - self.limits.linger_s
        temporary = [socket for socket in self._sockets.values() if not socket.linked]
        for socket in temporary:
            if socket.transport is not None and not socket.queue and socket.used_at <= quiet_since:
                del self._sockets[socket.address]
                self._end(socket)
        if temporary:
            self._arm_sweep()

    def _learn_head(self, to_pid: str, from_pid: str, name: str) -> tuple[str, bytes] | None:
        receiver = parse_pid(to_pid)
        if receiver is None:
            self.counters["pids_malformed"] += 1
            return None
        if len(self._heads) >= self.limits.heads_max:
            self._heads.clear()
        known = (receiver.address, encode_head(receiver, from_pid, name))
        self._heads[to_pid, from_pid, name] = known
        return known
