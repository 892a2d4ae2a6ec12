"""Requests of a live Mesos, byte for byte: we read them as it does, and write the same ones."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httptools
import pytest

from meseta.runtime.libprocess import encode_head, encode_message, parse_pid, read_head
from meseta.runtime.links import Links
from meseta.runtime.server import HttpServer

RAW = sorted((Path(__file__).parent / "data" / "libprocess").glob("*.raw"))


class Recorded:
    """A recorded message, taken apart by a parser that is not ours."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.target = ""
        self.headers: dict[str, str] = {}
        self.body = b""
        httptools.HttpRequestParser(self).feed_data(raw)
        _, self.receiver, self.name = self.target.split("/")

    def on_url(self, url: bytes) -> None:
        self.target = url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body


@pytest.fixture(params=RAW, ids=lambda path: path.stem)
def recorded(request: pytest.FixtureRequest) -> Recorded:
    return Recorded(request.param.read_bytes())


def test_messages_are_written_as_recorded(recorded: Recorded) -> None:
    receiver = parse_pid(f"{recorded.receiver}@{recorded.headers['Host']}")
    assert receiver is not None
    head = encode_head(receiver, recorded.headers["Libprocess-From"], recorded.name)
    assert encode_message(head, recorded.body) == recorded.raw


def test_recorded_heads_need_no_parser(recorded: Recorded) -> None:
    head, end, _ = recorded.raw.partition(b"\r\n\r\n")
    written = read_head(head + end)
    assert written is not None
    target, _, _, sender, host, _ = written
    assert (target, sender, host) == (
        recorded.target,
        recorded.headers["Libprocess-From"],
        recorded.headers["Host"],
    )


def test_recorded_messages_are_delivered(recorded: Recorded) -> None:
    delivered = asyncio.run(deliver(recorded.raw))
    assert delivered == [
        (recorded.receiver, recorded.headers["Libprocess-From"], recorded.name, recorded.body)
    ]


async def deliver(raw: bytes) -> list[tuple[str, str, str, bytes]]:
    """What a server makes of these bytes; the sender sees 202."""
    delivered: list[tuple[str, str, str, bytes]] = []

    def on_message(receiver: str, sender: str, name: str, body: bytes) -> bool:
        delivered.append((receiver, sender, name, body))
        return True

    server = HttpServer(lambda request, responder: responder.abort(), on_message=on_message)
    host, port = await server.listen("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(raw)
    status = await reader.readline()
    date = await reader.readline()
    rest = await reader.readexactly(len(b"Content-Length: 0\r\n\r\n"))
    assert status == b"HTTP/1.1 202 Accepted\r\n"
    assert date.startswith(b"Date: ")
    assert rest == b"Content-Length: 0\r\n\r\n"
    writer.close()
    await server.close()
    return delivered


def test_links_write_as_recorded_but_for_the_port() -> None:
    recorded = Recorded(RAW[0].read_bytes())

    async def sent() -> tuple[bytes, int]:
        received = bytearray()
        complete = asyncio.Event()

        async def on_connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65536):
                received.extend(data)
                if len(received) >= len(recorded.raw):
                    complete.set()
            writer.close()

        listener = await asyncio.start_server(on_connected, "127.0.0.1", 0)
        port: int = listener.sockets[0].getsockname()[1]
        links = Links()
        pid = f"{recorded.receiver}@127.0.0.1:{port}"
        assert links.send(pid, recorded.headers["Libprocess-From"], recorded.name, recorded.body)
        async with asyncio.timeout(60):
            await complete.wait()
        await links.close()
        listener.close()
        return bytes(received), port

    raw, port = asyncio.run(sent())
    host = f"Host: {recorded.headers['Host']}\r\n".encode()
    assert raw == recorded.raw.replace(host, b"Host: 127.0.0.1:%d\r\n" % port)
