"""The server over real sockets: order, streams, bounds, and what one peer may not do to another."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meseta.runtime import loop
from meseta.runtime.http1 import Request, Response
from meseta.runtime.limits import Limits
from meseta.runtime.server import HttpServer
from meseta.runtime.streams import Responder, ResponseStream

DEADLINE_S = 60
OK = Response(200)
SMALL_GZIP = gzip.compress(bytes(2000), mtime=0)
"""Unpacks to 2000 bytes. It carries no time of day, which would name the test differently in each worker."""


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a test on the loop that the daemons use, and fail rather than hang."""

    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await main()

    loop.run(bounded())


class Peer:
    """A client that writes and reads bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def get(self, target: str) -> tuple[str, bytes]:
        self.writer.write(f"GET {target} HTTP/1.1\r\n\r\n".encode())
        return await self.answer()

    async def answer(self) -> tuple[str, bytes]:
        """Head and body of the next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"Content-Length: (\d+)", head)
        return head, await self.reader.readexactly(int(length[1])) if length else b""

    async def chunk(self) -> bytes:
        size = int(await self.reader.readline(), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def is_cut_off(self) -> bool:
        """Whether the connection ends without another byte."""
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def serve(
    handler: Callable[[Request, Responder], None], **options: Any
) -> AsyncIterator[tuple[HttpServer, int]]:
    server = HttpServer(handler, **options)
    _, port = await server.listen("127.0.0.1", 0)
    try:
        yield server, port
    finally:
        await server.close()
        assert server.connections == 0


async def connect(port: int) -> Peer:
    return Peer(*await asyncio.open_connection("127.0.0.1", port))


async def read_answers(peer: Peer, count: int) -> None:
    for _ in range(count):
        await peer.answer()


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_delayed_answers_go_out_in_the_order_of_the_requests() -> None:
    async def main() -> None:
        waiting: dict[str, Responder] = {}

        def handle(request: Request, responder: Responder) -> None:
            waiting[request.path] = responder

        async with serve(handle) as (_, port):
            peer = await connect(port)
            peer.writer.write(b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(4)))
            await until(lambda: len(waiting) == 4)
            for number in (2, 0, 3, 1):
                waiting[f"/{number}"].send(Response(200, (), b"%d" % number))
            assert [(await peer.answer())[1] for _ in range(4)] == [b"0", b"1", b"2", b"3"]

    run(main)


def test_a_stream_holds_back_later_answers_until_it_ends() -> None:
    async def main() -> None:
        streams: list[ResponseStream] = []

        def handle(request: Request, responder: Responder) -> None:
            if request.path == "/stream":
                streams.append(responder.start_stream(OK))
            else:
                responder.send(Response(200, (), b"after"))

        async with serve(handle) as (_, port):
            peer = await connect(port)
            peer.writer.write(b"GET /stream HTTP/1.1\r\n\r\nGET /after HTTP/1.1\r\n\r\n")
            await until(lambda: streams)
            streams[0].write(b"3\nabc")
            streams[0].write(b"1\nd")
            head, _ = await peer.answer()
            assert "Transfer-Encoding: chunked" in head
            assert [await peer.chunk(), await peer.chunk()] == [b"3\nabc", b"1\nd"]
            streams[0].end()
            assert streams[0].closed
            assert await peer.chunk() == b""
            assert (await peer.answer())[1] == b"after"

    run(main)


def test_requests_beyond_the_bound_wait_unhandled() -> None:
    async def main() -> None:
        waiting: list[Responder] = []
        limits = Limits(pipelined_max=5)
        async with serve(lambda _, responder: waiting.append(responder), limits=limits) as (server, port):
            peer = await connect(port)
            peer.writer.write(b"GET / HTTP/1.1\r\n\r\n" * 20_000)
            answers = asyncio.create_task(read_answers(peer, 20_000))
            while not answers.done():
                assert len(waiting) <= 5
                while waiting:
                    waiting.pop().send(OK)
                await asyncio.sleep(0)
            await answers
            assert server.counters["http_requests"] == 20_000

    run(main)


def test_twenty_thousand_calls_at_once_are_answered() -> None:
    async def main() -> None:
        async with serve(lambda _, responder: responder.send(OK)) as (_, port):
            peer = await connect(port)
            peer.writer.write(b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n" * 20_000)
            await read_answers(peer, 20_000)

    run(main)


def test_a_slow_reader_is_cut_off_while_others_go_on() -> None:
    async def main() -> None:
        streams: dict[str, ResponseStream] = {}
        gone: list[tuple[str, str]] = []

        def handle(request: Request, responder: Responder) -> None:
            stream = streams[request.path] = responder.start_stream(OK)
            stream.on_closed(lambda reason: gone.append((request.path, reason)))

        limits = Limits(stream_buffer_bytes_max=200_000)
        async with serve(handle, limits=limits) as (server, port):
            slow, quick = await connect(port), await connect(port)
            slow.writer.transport.pause_reading()
            slow.writer.write(b"GET /slow HTTP/1.1\r\n\r\n")
            quick.writer.write(b"GET /quick HTTP/1.1\r\n\r\n")
            await quick.answer()
            await until(lambda: len(streams) == 2)
            record = b"x" * 50_000
            while not gone:
                for stream in streams.values():
                    stream.write(record)
                assert await quick.chunk() == record
            assert gone == [("/slow", "slow")]
            assert streams["/slow"].closed
            assert not streams["/quick"].closed
            assert server.counters["streams_cut_slow"] == 1
            slow.writer.transport.abort()

    run(main)


def test_one_large_record_does_not_make_a_reader_slow() -> None:
    async def main() -> None:
        streams: list[ResponseStream] = []
        limits = Limits(stream_buffer_bytes_max=10_000)
        handle = lambda _, responder: streams.append(responder.start_stream(OK))  # noqa: E731
        async with serve(handle, limits=limits) as (_, port):
            peer = await connect(port)
            await peer.get("/")
            record = b"x" * 5_000_000
            streams[0].write(record)
            assert await peer.chunk() == record
            assert not streams[0].closed

    run(main)


def test_a_peer_that_leaves_is_noticed_before_and_during_the_answer() -> None:
    async def main() -> None:
        gone: list[str] = []
        responders: list[Responder] = []

        def handle(request: Request, responder: Responder) -> None:
            responders.append(responder)
            responder.on_closed(gone.append)
            if request.path == "/stream":
                responder.start_stream(OK)

        async with serve(handle) as (_, port):
            for target in (b"/wait", b"/stream"):
                peer = await connect(port)
                peer.writer.write(b"GET %b HTTP/1.1\r\n\r\n" % target)
                await until(lambda: responders)
                peer.writer.close()
                await until(lambda: gone)
                assert gone == ["peer"]
                assert responders[0].closed
                if target == b"/wait":
                    responders[0].send(OK)  # does nothing, and does not fail
                gone.clear()
                responders.clear()

    run(main)


@pytest.mark.parametrize(
    ("request_text", "closes"),
    [
        ("GET / HTTP/1.1\r\n\r\n", False),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", True),
        ("GET / HTTP/1.0\r\n\r\n", True),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", False),
        ("GET / HTTP/2.0\r\n\r\n", True),
    ],
)
def test_connections_are_kept_or_closed_like_by_mesos(request_text: str, closes: bool) -> None:
    async def main() -> None:
        later = asyncio.get_running_loop().call_later
        async with serve(lambda _, responder: later(0.01, responder.send, OK)) as (_, port):
            peer = await connect(port)
            peer.writer.write(request_text.encode())
            head, _ = await peer.answer()
            assert head.startswith("HTTP/1.1 200 OK\r\n")
            assert "Connection" not in head
            if closes:
                assert await peer.is_cut_off()
            else:
                await peer.get("/again")

    run(main)


def test_aborted_requests_are_closed_without_an_answer_after_earlier_ones() -> None:
    async def main() -> None:
        responders: list[Responder] = []
        async with serve(lambda _, responder: responders.append(responder)) as (_, port):
            peer = await connect(port)
            peer.writer.write(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
            await until(lambda: len(responders) == 2)
            responders[1].abort()
            responders[0].send(OK)
            await peer.answer()
            assert await peer.is_cut_off()

    run(main)


@pytest.mark.parametrize(
    "garbage", [b"HELLO\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n"]
)
def test_what_is_not_http_is_cut_off_and_disturbs_nobody(garbage: bytes) -> None:
    async def main() -> None:
        async with serve(lambda _, responder: responder.send(OK)) as (server, port):
            good, bad = await connect(port), await connect(port)
            bad.writer.write(garbage)
            assert await bad.is_cut_off()
            assert server.counters["http_bad_requests"] == 1
            await good.get("/")

    run(main)


@pytest.mark.parametrize(
    ("request_bytes", "status", "counter"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n", 413, "http_bodies_over_limit"),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"3e8\r\n" + b"x" * 1000 + b"\r\n",
            413,
            "http_bodies_over_limit",
        ),
        (
            b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
            % (len(SMALL_GZIP), SMALL_GZIP),
            413,
            "http_bodies_over_limit",
        ),
        (
            b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
            400,
            "http_bad_requests",
        ),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 2000, 431, "http_heads_over_limit"),
    ],
)
def test_requests_over_a_limit_are_refused_and_counted(
    request_bytes: bytes, status: int, counter: str
) -> None:
    async def main() -> None:
        limits = Limits(body_bytes_max=999, head_bytes_max=1000)
        async with serve(lambda _, responder: responder.send(OK), limits=limits) as (server, port):
            peer = await connect(port)
            peer.writer.write(request_bytes)
            head, body = await peer.answer()
            assert head.startswith(f"HTTP/1.1 {status} ")
            assert body
            assert await peer.is_cut_off()
            assert server.counters[counter] == 1
            assert server.counters["http_requests"] == 0

    run(main)


def test_a_refusal_arrives_although_the_peer_goes_on_sending() -> None:
    async def main() -> None:
        limits = Limits(body_bytes_max=1000)
        async with serve(lambda _, responder: responder.send(OK), limits=limits) as (_, port):
            peer = await connect(port)
            peer.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000))
            head, _ = await peer.answer()
            assert head.startswith("HTTP/1.1 413 ")

    run(main)


def test_all_unfinished_bodies_together_are_bounded() -> None:
    async def main() -> None:
        limits = Limits(unfinished_bytes_max=1500)
        async with serve(lambda _, responder: responder.send(OK), limits=limits) as (server, port):
            first, second = await connect(port), await connect(port)
            head = b"POST / HTTP/1.1\r\nContent-Length: 2000\r\n\r\n"
            first.writer.write(head + bytes(1000))
            await until(lambda: server.unfinished_bytes == 1000)
            second.writer.write(head + bytes(1000))
            assert (await second.answer())[0].startswith("HTTP/1.1 503 ")
            first.writer.write(bytes(1000))
            assert (await first.answer())[0].startswith("HTTP/1.1 200 ")
            assert server.unfinished_bytes == 0

    run(main)


@pytest.mark.parametrize("start", [b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"])
def test_a_request_that_takes_too_long_is_cut_off_but_an_idle_connection_is_not(start: bytes) -> None:
    async def main() -> None:
        limits = Limits(head_timeout_s=0.05, body_timeout_s=0.05)
        async with serve(lambda _, responder: responder.send(OK), limits=limits) as (server, port):
            idle, late = await connect(port), await connect(port)
            late.writer.write(start)
            assert await late.is_cut_off()
            assert server.counters["http_timeouts"] == 1
            await idle.get("/")

    run(main)


def test_a_peer_that_does_not_read_its_answer_is_cut_off() -> None:
    async def main() -> None:
        limits = Limits(stall_timeout_s=0.05)
        big = Response(200, (), bytes(20_000_000))
        async with serve(lambda _, responder: responder.send(big), limits=limits) as (server, port):
            peer = await connect(port)
            peer.writer.transport.pause_reading()
            peer.writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            await until(lambda: server.counters["http_cut_slow"])
            peer.writer.transport.abort()

    run(main)


def test_connections_are_bounded() -> None:
    async def main() -> None:
        limits = Limits(connections_max=1)
        async with serve(lambda _, responder: responder.send(OK), limits=limits) as (server, port):
            first = await connect(port)
            await first.get("/")
            assert await (await connect(port)).is_cut_off()
            assert server.counters["connections_refused"] == 1
            await first.get("/")

    run(main)


@pytest.mark.parametrize(("size", "compressed"), [(1023, False), (1024, True), (400_000, True)])
def test_long_bodies_are_compressed_for_those_who_ask(size: int, compressed: bool) -> None:
    async def main() -> None:
        body = b"meseta " * (size // 7) + b"x" * (size % 7)
        async with serve(lambda _, responder: responder.send(Response(200, (), body))) as (_, port):
            peer = await connect(port)
            peer.writer.write(b"GET / HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\nGET /plain HTTP/1.1\r\n\r\n")
            head, received = await peer.answer()
            assert head.startswith("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nDate") is compressed
            assert (gzip.decompress(received) if compressed else received) == body
            assert (await peer.answer())[1] == body

    run(main)


def test_a_bug_in_the_handler_is_a_500_and_reported() -> None:
    async def main() -> None:
        reported: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: reported.append(context["message"])
        )

        def handle(request: Request, responder: Responder) -> None:
            raise RuntimeError("a bug")

        async with serve(handle) as (server, port):
            peer = await connect(port)
            assert (await peer.get("/"))[0].startswith("HTTP/1.1 500 ")
            assert (await peer.get("/"))[0].startswith("HTTP/1.1 500 ")
            assert len(reported) == 2
            assert server.counters["http_bugs"] == 2

    run(main)


def test_curl_gets_leave_to_send_its_body() -> None:
    async def main() -> None:
        async with serve(lambda request, responder: responder.send(Response(200, (), request.body))) as (
            _,
            port,
        ):
            peer = await connect(port)
            peer.writer.write(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            assert (await peer.answer())[0].startswith("HTTP/1.1 100 ")
            peer.writer.write(b"ab")
            assert (await peer.answer())[1] == b"ab"

    run(main)


def test_a_body_can_be_taken_as_it_comes() -> None:
    async def main() -> None:
        pieces: list[bytes | None] = []

        def handle(request: Request, responder: Responder) -> None:
            def on_piece(piece: bytes | None) -> None:
                pieces.append(piece)
                if piece is None:
                    responder.send(OK)

            request.on_body(on_piece)

        async with serve(handle, wants_body_stream=lambda head: head.path == "/input") as (_, port):
            peer = await connect(port)
            peer.writer.write(b"POST /input HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in (b"one", b"two"):
                peer.writer.write(b"3\r\n%b\r\n" % piece)
                await until(lambda: pieces and pieces[-1] == piece)  # noqa: B023
            peer.writer.write(b"0\r\n\r\n")
            await peer.answer()
            assert pieces == [b"one", b"two", None]

    run(main)


def test_a_paused_body_stops_the_sender_and_a_refused_one_is_dropped() -> None:
    async def main() -> None:
        requests: list[tuple[Request, Responder]] = []
        pieces: list[bytes | None] = []
        body = bytes(8_000_000)
        request_bytes = b"POST /input HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        handle = lambda request, responder: requests.append((request, responder))  # noqa: E731
        async with serve(handle, wants_body_stream=lambda _: True) as (_, port):
            peer = await connect(port)
            peer.writer.write(request_bytes)
            await until(lambda: requests)
            await asyncio.sleep(0.05)
            request, responder = requests[0]
            assert request.body_stream is not None
            request.body_stream.pause()
            request.on_body(pieces.append)
            assert pieces == []
            request.body_stream.resume()
            await until(lambda: pieces and pieces[-1] is None)
            assert b"".join(piece for piece in pieces if piece) == body
            responder.send(OK)
            await peer.answer()
            peer.writer.write(request_bytes)
            await until(lambda: len(requests) == 2)
            requests[1][1].send(Response(400))
            assert (await peer.answer())[0].startswith("HTTP/1.1 400 ")
            peer.writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await until(lambda: len(requests) == 3)

    run(main)


def test_messages_and_calls_share_a_port_and_even_a_connection() -> None:
    async def main() -> None:
        delivered: list[tuple[str, str, str, bytes]] = []

        def on_message(receiver: str, sender: str, name: str, body: bytes) -> bool:
            delivered.append((receiver, sender, name, body))
            return receiver == "master"

        waiting: list[Responder] = []
        async with serve(lambda _, responder: waiting.append(responder), on_message=on_message) as (
            server,
            port,
        ):
            peer = await connect(port)
            peer.writer.write(
                b"GET /state HTTP/1.1\r\n\r\n"
                b"POST /master/a.B HTTP/1.1\r\nLibprocess-From: x@1.2.3.4:5\r\nContent-Length: 2\r\n\r\nhi"
                b"POST /nobody/a.B HTTP/1.1\r\nUser-Agent: libprocess/x@1.2.3.4:5\r\n\r\n"
            )
            await until(lambda: len(delivered) == 2)
            waiting[0].send(OK)
            statuses = [(await peer.answer())[0].split()[1] for _ in range(3)]
            assert statuses == ["200", "202", "404"]
            assert delivered == [
                ("master", "x@1.2.3.4:5", "a.B", b"hi"),
                ("nobody", "x@1.2.3.4:5", "a.B", b""),
            ]
            assert server.counters["messages_undeliverable"] == 1

    run(main)


def test_a_unix_socket_serves_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "api.sock")
        server = HttpServer(
            lambda request, responder: responder.send(Response(200, (), str(request.peer).encode()))
        )
        await server.listen_unix(path)
        peer = Peer(*await asyncio.open_unix_connection(path))
        assert (await peer.get("/"))[1] == b"('', 0)"
        await server.close()
        assert await peer.is_cut_off()

    run(main)


def test_closing_the_server_tells_those_who_answer() -> None:
    async def main() -> None:
        gone: list[str] = []
        server = HttpServer(lambda _, responder: responder.on_closed(gone.append))
        _, port = await server.listen("127.0.0.1", 0)
        peer = await connect(port)
        peer.writer.write(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        await until(lambda: server.counters["http_requests"] == 2)
        await server.close()
        assert gone == ["server", "server"]
        assert await peer.is_cut_off()

    run(main)


def test_what_a_stream_holds_before_its_turn_is_bounded() -> None:
    async def main() -> None:
        streams: list[ResponseStream] = []
        gone: list[str] = []

        def handle(request: Request, responder: Responder) -> None:
            if request.path == "/stream":
                streams.append(responder.start_stream(OK))
                streams[0].on_closed(gone.append)

        async with serve(handle, limits=Limits(stream_buffer_bytes_max=1000)) as (_, port):
            peer = await connect(port)
            peer.writer.write(b"GET /wait HTTP/1.1\r\n\r\nGET /stream HTTP/1.1\r\n\r\n")
            await until(lambda: streams)
            while not streams[0].closed:
                streams[0].write(b"x" * 100)
                await asyncio.sleep(0)
            assert gone == ["slow"]

    run(main)


def test_the_events_of_one_turn_leave_in_one_write() -> None:
    async def main() -> None:
        streams: list[ResponseStream] = []
        async with serve(lambda _, responder: streams.append(responder.start_stream(OK))) as (_, port):
            client = socket.create_connection(("127.0.0.1", port))
            client.setblocking(False)
            running = asyncio.get_running_loop()
            await running.sock_sendall(client, b"GET / HTTP/1.1\r\n\r\n")
            await until(lambda: streams)
            await running.sock_recv(client, 65536)
            for number in range(10):
                streams[0].write(b"%d" % number)
            received = await running.sock_recv(client, 65536)
            assert received == b"".join(b"1\r\n%d\r\n" % number for number in range(10))
            client.close()

    run(main)


def test_a_peer_whose_machine_is_gone_is_given_up() -> None:
    """The kernel does it; that it was asked to is all that can be seen on one machine."""

    async def body() -> None:
        server = HttpServer(lambda request, responder: responder.send(Response(200)), limits=Limits())
        host, port = await server.listen("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        (connection,) = server._connections
        fd = os.dup(connection._transport.get_extra_info("socket").fileno())
        with socket.socket(fileno=fd) as accepted:
            patience_ms = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert patience_ms == 1000 * Limits().silence_timeout_s
        writer.close()
        await server.close()

    run(body)
