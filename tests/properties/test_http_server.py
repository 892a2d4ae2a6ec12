"""Any bytes in any pieces: the server neither fails nor answers differently."""

from __future__ import annotations

import asyncio
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from meseta.runtime.http1 import Request, Response, encode_chunk
from meseta.runtime.limits import Limits
from meseta.runtime.server import HttpServer
from meseta.runtime.streams import Responder
from tests.properties.http_fakes import FakeTransport, feed, run

LIMITS = Limits(head_bytes_max=4096, body_bytes_max=10_000, pipelined_max=3)
DATE = re.compile(rb"Date: [^\r]*\r\n")

methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
targets = st.from_regex(r"/[a-z%()0-9/]{0,12}(\?[a-z=&%]{0,8})?", fullmatch=True)
bodies = st.binary(max_size=300)
headers = st.lists(
    st.tuples(
        st.sampled_from(["Accept", "X-Foo", "accept", "Content-Type", "User-Agent", "Accept-Encoding"]),
        st.from_regex(r"[a-zA-Z0-9/;=*, ]{0,20}", fullmatch=True),
    ),
    max_size=4,
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A request, and what the echo handler will say to it."""
    method, target, body = draw(methods), draw(targets), draw(bodies)
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in draw(headers))
    if draw(st.booleans()):
        cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=3)))
        ends = zip([0, *cuts], [*cuts, len(body)], strict=True)
        chunks = [body[a:b] for a, b in ends if a < b]
        raw = head.encode() + b"Transfer-Encoding: chunked\r\n\r\n"
        raw += b"".join(map(encode_chunk, chunks)) + b"0\r\n\r\n"
    else:
        raw = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    return raw, f"{method} {target} ".encode() + body


def echo(request: Request, responder: Responder) -> None:
    text = f"{request.method} {request.target} ".encode() + request.body
    responder.send(Response(200, (("X-Path", request.path),), text, compressible=False))


def echo_later(request: Request, responder: Responder) -> None:
    """Answer in another turn, requests with a longer path first."""
    loop = asyncio.get_running_loop()

    def answer(turns: int) -> None:
        if turns:
            loop.call_soon(answer, turns - 1)
        else:
            echo(request, responder)

    answer(max(0, 8 - len(request.path)))


@st.composite
def cut(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def bodies_of(transport: FakeTransport, heads: list[bool]) -> list[bytes]:
    """The bodies of the answers on the wire; `heads` says which of them are to HEAD."""
    rest = bytes(transport.written)
    found = []
    for is_head in heads:
        head, _, rest = rest.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\nDate: ")
        length = int(re.search(rb"Content-Length: (\d+)", head)[1])  # type: ignore[index]
        found.append(b"" if is_head else rest[:length])
        rest = rest if is_head else rest[length:]
    assert not rest
    return found


@settings(max_examples=100)
@given(st.data(), st.lists(requests(), min_size=1, max_size=8), st.booleans())
def test_requests_are_answered_in_order_however_they_are_cut(
    data: st.DataObject, sent: list[tuple[bytes, bytes]], later: bool
) -> None:
    pieces = data.draw(cut(b"".join(raw for raw, _ in sent)))
    server = HttpServer(echo_later if later else echo, limits=LIMITS)

    transport = run(lambda: feed(server, pieces, turns=60))
    heads = [raw.startswith(b"HEAD") for raw, _ in sent]
    expected = [b"" if is_head else body for (_, body), is_head in zip(sent, heads, strict=True)]
    assert bodies_of(transport, heads) == expected
    assert server.counters["http_requests"] == len(sent)
    assert server.counters["http_bugs"] == 0
    assert server.connections == 0
    assert server.unfinished_bytes == 0


@settings(max_examples=150)
@given(
    st.data(),
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            requests().map(lambda pair: pair[0]),
            requests().flatmap(lambda pair: st.integers(0, len(pair[0])).map(lambda n: pair[0][:n])),
            st.sampled_from(
                [
                    b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
                    b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
                    b"CONNECT a:1 HTTP/1.1\r\n\r\n",
                    b"POST / HTTP/1.1\r\nContent-Length: 20000\r\n\r\n",
                    b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
                    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                    b"GET / HTTP/1.1\r\n" + b"X-Long: " + b"x" * 3000 + b"\r\n\r\n",
                ]
            ),
        ),
        max_size=6,
    ),
)
def test_any_bytes_end_the_same_way_however_they_are_cut(data: st.DataObject, parts: list[bytes]) -> None:
    sent = b"".join(parts)
    whole, counters = run_once([sent])
    in_pieces, counters_in_pieces = run_once(data.draw(cut(sent)))
    assert DATE.sub(b"", in_pieces.written) == DATE.sub(b"", whole.written)
    assert (in_pieces.closed or in_pieces.ended) == (whole.closed or whole.ended)
    assert counters_in_pieces == counters
    assert counters["http_bugs"] == 0


def run_once(pieces: list[bytes]) -> tuple[FakeTransport, dict[str, int]]:
    server = HttpServer(echo, limits=LIMITS)
    transport = run(lambda: feed(server, pieces))
    assert server.unfinished_bytes == 0
    return transport, server.counters
