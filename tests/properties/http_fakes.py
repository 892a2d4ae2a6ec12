"""A server without sockets: bytes are handed to its connections, and what they write is collected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from meseta.runtime.connection import Connection
from meseta.runtime.server import HttpServer

ResultT = TypeVar("ResultT")

_loop = asyncio.new_event_loop()


def run(main: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Run on one loop that all examples share; making one for each would take most of the time."""

    async def call() -> ResultT:
        return await main()

    return _loop.run_until_complete(call())


class FakeTransport:
    """The peer's view: what was written, and whether the connection is closed."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.unsent_bytes = 0
        self.closed = False
        self.paused = False
        self.ended = False

    def get_extra_info(self, name: str) -> Any:
        return ("192.0.2.1", 40000) if name == "peername" else None

    def write(self, data: bytes) -> None:
        assert not self.closed, "written after closing"
        self.written += data

    def writelines(self, pieces: Iterable[bytes]) -> None:
        for data in pieces:
            self.write(data)

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        self.paused = False


async def feed(server: HttpServer, pieces: Iterable[bytes], turns: int = 3) -> FakeTransport:
    """Let a new peer send these pieces, one read each, until it is cut off; some turns later it leaves."""
    transport = FakeTransport()
    connection = Connection(server)
    connection.connection_made(transport)
    for piece in pieces:
        while transport.paused and not transport.closed:
            await asyncio.sleep(0)
        if piece and not transport.closed:
            connection.data_received(piece)
            if len(piece) % 3 == 0:
                await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    return transport
