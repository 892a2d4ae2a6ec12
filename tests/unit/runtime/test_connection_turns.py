"""A connection that sends a lot at once lets others have their turn."""

from __future__ import annotations

import asyncio

from meseta.runtime.connection import Connection
from meseta.runtime.http1 import Request, Response
from meseta.runtime.server import HttpServer
from meseta.runtime.streams import Responder
from tests.properties.http_fakes import FakeTransport

CALL = b"GET /x HTTP/1.1\r\n\r\n"


def answer(request: Request, responder: Responder) -> None:
    responder.send(Response(200))


def test_after_a_large_read_the_socket_is_left_alone_until_the_next_turn() -> None:
    async def scenario() -> None:
        server = HttpServer(answer)
        transport = FakeTransport()
        connection = Connection(server)
        connection.connection_made(transport)
        connection.data_received(CALL * 10)
        assert not transport.paused
        calls = 65_536 // len(CALL) + 1
        connection.data_received(CALL * calls)
        assert transport.paused
        await asyncio.sleep(0)
        assert not transport.paused
        connection.data_received(CALL * calls)
        connection.connection_lost(None)
        await asyncio.sleep(0)
        assert transport.written.count(b"200 OK") == 10 + 2 * calls

    asyncio.run(scenario())
