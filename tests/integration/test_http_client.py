"""The client against our server and against peers that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from meseta.errors import UnreachableError
from meseta.runtime.client import HttpClient
from meseta.runtime.http1 import Request, Response
from meseta.runtime.server import HttpServer
from meseta.runtime.streams import Responder, ResponseStream
from tests.integration.test_http_links import closed_port
from tests.integration.test_http_server import run, serve, until


def echo(request: Request, responder: Responder) -> None:
    head = (("X-Method", request.method), ("X-Target", request.target))
    responder.send(Response(200, head, request.body))


@asynccontextmanager
async def raw_peer(answer: bytes, *, closes: bool = True) -> AsyncIterator[str]:
    """A peer that sends these bytes to whoever asks; its URL."""

    async def on_connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        if closes:
            writer.close()
        else:
            await reader.read()
            writer.close()

    listener = await asyncio.start_server(on_connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    finally:
        listener.close()


def test_calls_to_one_origin_share_a_connection_and_keep_their_order() -> None:
    async def main() -> None:
        order: list[str] = []

        def handle(request: Request, responder: Responder) -> None:
            order.append(request.body.decode())
            echo(request, responder)

        async with serve(handle) as (server, port), HttpClient() as client:
            url = f"http://127.0.0.1:{port}/api/v1?x=1"
            calls = [
                client.request("POST", url, {"Content-Type": "text/plain"}, b"%d" % n) for n in range(20)
            ]
            responses = await asyncio.gather(*calls)
            assert [response.body for response in responses] == [b"%d" % n for n in range(20)]
            assert order == [str(n) for n in range(20)]
            assert responses[0].headers["x-target"] == "/api/v1?x=1"
            assert server.counters["connections_accepted"] == 1

    run(main)


def test_compressed_answers_are_inflated_and_head_has_no_body() -> None:
    async def main() -> None:
        body = b"state " * 10_000
        answer = Response(200, (), body)
        async with serve(lambda _, responder: responder.send(answer)) as (_, port), HttpClient() as client:
            url = f"http://127.0.0.1:{port}/"
            response = await client.request("GET", url)
            assert response.headers["content-encoding"] == "gzip"
            assert response.body == body
            for _ in range(2):
                assert (await client.request("HEAD", url)).body == b""
            assert (await client.request("GET", url)).body == body

    run(main)


def test_a_stream_comes_piece_by_piece_and_the_server_sees_its_end() -> None:
    async def main() -> None:
        streams: list[ResponseStream] = []
        gone: list[str] = []

        def handle(request: Request, responder: Responder) -> None:
            streams.append(responder.start_stream(Response(200, (("Mesos-Stream-Id", "one"),))))
            streams[-1].on_closed(gone.append)

        async with serve(handle) as (_, port), HttpClient() as client:
            stream = await client.stream("POST", f"http://127.0.0.1:{port}/", {}, b"{}")
            assert (stream.status, stream.headers["mesos-stream-id"]) == (200, "one")
            pieces = aiter(stream)
            for record in (b"3\nabc", b"1\nd"):
                streams[0].write(record)
                assert await anext(pieces) == record
            await stream.aclose()
            await until(lambda: gone == ["peer"])
            other = await client.stream("POST", f"http://127.0.0.1:{port}/")
            streams[1].write(b"last")
            streams[1].end()
            assert await other.read() == b"last"

    run(main)


def test_a_stream_that_nobody_reads_stops_its_sender() -> None:
    async def main() -> None:
        streams: list[ResponseStream] = []

        def handle(request: Request, responder: Responder) -> None:
            streams.append(responder.start_stream(Response(200)))

        async with serve(handle) as (_, port), HttpClient() as client:
            stream = await client.stream("GET", f"http://127.0.0.1:{port}/")
            streams[0].write(bytes(30_000_000))
            streams[0].end()
            await asyncio.sleep(0.05)
            assert len(await stream.read()) == 30_000_000

    run(main)


def test_a_peer_that_is_not_there_is_named() -> None:
    async def main() -> None:
        async with HttpClient() as client:
            port = closed_port()
            with pytest.raises(UnreachableError, match=rf"cannot connect to 127\.0\.0\.1:{port}: .*refused"):
                await client.request("GET", f"http://127.0.0.1:{port}/")
            with pytest.raises(UnreachableError, match="no URL"):
                await client.request("GET", "127.0.0.1:5050/state")

    run(main)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "closed the connection"),
        (b"SSH-2.0-OpenSSH\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_200_000, "a head of more than"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "not gzip"),
    ],
)
def test_a_peer_that_breaks_off_or_talks_nonsense_is_unreachable(answer: bytes, sentence: str) -> None:
    async def main() -> None:
        async with raw_peer(answer) as url, HttpClient() as client:
            with pytest.raises(UnreachableError, match=sentence):
                await client.request("GET", url)

    run(main)


def test_a_stream_that_breaks_off_raises_after_what_has_come() -> None:
    async def main() -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        async with raw_peer(head + b"3\r\nabc\r\n") as url, HttpClient() as client:
            stream = await client.stream("GET", url)
            pieces = aiter(stream)
            assert await anext(pieces) == b"abc"
            with pytest.raises(UnreachableError):
                await anext(pieces)

    run(main)


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async def main() -> None:
        async with raw_peer(b"HTTP/1.0 200 OK\r\n\r\nall") as url, HttpClient() as client:
            assert (await client.request("GET", url)).body == b"all"
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
        async with raw_peer(interim, closes=False) as url, HttpClient() as client:
            assert (await client.request("GET", url)).status == 204

    run(main)


def test_waiting_has_an_end_and_the_next_call_works() -> None:
    async def main() -> None:
        waiting: list[Responder] = []

        def handle(request: Request, responder: Responder) -> None:
            if request.path == "/never":
                waiting.append(responder)
            else:
                echo(request, responder)

        async with serve(handle) as (_, port), HttpClient() as client:
            url = f"http://127.0.0.1:{port}"
            for ask in (client.request, client.stream):
                with pytest.raises(UnreachableError, match=r"within 0\.05 s"):
                    await ask("GET", url + "/never", timeout_s=0.05)
            assert (await client.request("GET", url + "/now")).status == 200
            await until(lambda: all(responder.closed for responder in waiting))

    run(main)


def test_a_kept_connection_that_the_peer_closed_is_replaced() -> None:
    async def main() -> None:
        async with serve(echo) as (server, port), HttpClient() as client:
            url = f"http://127.0.0.1:{port}/"
            await client.request("GET", url, {"Connection": "close"})
            await client.request("GET", url)
            assert server.counters["connections_accepted"] == 2

    run(main)


def test_a_body_over_the_limit_is_not_taken() -> None:
    async def main() -> None:
        big = Response(200, (), bytes(100_000))
        client = HttpClient(body_bytes_max=50_000)
        async with serve(lambda _, responder: responder.send(big)) as (_, port), client:
            url = f"http://127.0.0.1:{port}/"
            for encoding in ("gzip", "identity"):
                with pytest.raises(UnreachableError, match="more than 50000 bytes"):
                    await client.request("GET", url, {"Accept-Encoding": encoding})

    run(main)


def test_unix_sockets_have_urls(tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "docker.sock")
        server = HttpServer(echo)
        await server.listen_unix(path)
        async with HttpClient() as client:
            response = await client.request("GET", f"http+unix://{quote(path, safe='')}/info")
            assert response.headers["x-target"] == "/info"
        await server.close()

    run(main)


def test_a_header_cannot_carry_another() -> None:
    async def main() -> None:
        async with HttpClient() as client:
            with pytest.raises(ValueError, match="line break"):
                await client.request("GET", "http://127.0.0.1:1/", {"X": "a\r\nY: b"})

    run(main)
