"""An HTTP/1.1 client for the SDK and the command line: calls over a kept connection, and endless streams.

    client = HttpClient()
    response = await client.request("POST", "http://host:5050/api/v1", {"Content-Type": "…"}, body)
    stream = await client.stream("POST", url, headers, body)
    async for chunk in stream: ...

Calls to one origin share one connection and are pipelined, so that they arrive in the order in which they
were made. A stream has a connection of its own. Redirects and refusals are the caller's business. A Unix
socket is named by its percent-encoded path: `http+unix://%2Frun%2Fdocker.sock/info`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import httptools

from meseta.errors import UnreachableError
from meseta.runtime.http1 import gzip_decompress

MIB = 1024 * 1024
_HEAD_BYTES_MAX = 1 * MIB
_STREAM_BUFFER_BYTES = 1 * MIB  # of a stream that nobody reads, before its peer is not read either


@dataclass(frozen=True, slots=True)
class ClientResponse:
    """A whole answer. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class HttpClient:
    """Holds the kept connections. Use it from one loop, and close it."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, body_bytes_max: int = 512 * MIB) -> None:
        """`tls` is for https; by default certificates are checked against those of the system."""
        self._tls = tls
        self._body_bytes_max = body_bytes_max
        self._kept: dict[tuple[str, str], _Connection] = {}
        self._connecting: dict[tuple[str, str], asyncio.Lock] = {}
        self._streams: set[_Connection] = set()

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float = 30.0,
    ) -> ClientResponse:
        """Ask, and wait for the whole answer.

        Raises UnreachableError if the peer cannot be reached, breaks off, or takes longer than `timeout_s`.
        The connection is given up then, and with it other calls to the same origin that wait for an answer.
        """
        origin = _split(url)
        request = _encode_request(method, origin, {"Accept-Encoding": "gzip", **(headers or {})}, body)
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._kept_connection(origin)
                exchange = connection.ask(request, method, closes=_asks_to_close(headers))
                await exchange.complete
        except TimeoutError:
            raise UnreachableError(f"{url} has not answered within {timeout_s:g} s") from None
        finally:
            if connection is not None and not exchange.is_done():
                connection.abort()
        return ClientResponse(exchange.status, exchange.headers, self._inflate(exchange, url))

    async def stream(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float = 30.0,
    ) -> ClientStream:
        """Ask, and wait for the head of the answer only. Close the stream after use.

        Raises UnreachableError as `request` does; `timeout_s` is for the head.
        """
        origin = _split(url)
        request = _encode_request(method, origin, headers or {}, body)
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._connect(origin, streams=True)
                exchange = connection.ask(request, method, closes=True)
                await exchange.head
        except TimeoutError:
            raise UnreachableError(f"{url} has not answered within {timeout_s:g} s") from None
        finally:
            if connection is not None and not exchange.has_head():
                connection.abort()
        self._streams.add(connection)
        return ClientStream(connection, exchange, self._streams)

    async def aclose(self) -> None:
        """Close all connections, also those of streams."""
        for connection in (*self._kept.values(), *self._streams):
            connection.abort()
        self._kept.clear()
        self._streams.clear()
        await asyncio.sleep(0)

    async def _kept_connection(self, url: SplitResult) -> _Connection:
        origin = (url.scheme, url.netloc)
        async with self._connecting.setdefault(origin, asyncio.Lock()):
            connection = self._kept.get(origin)
            if connection is None or not connection.usable:
                connection = self._kept[origin] = await self._connect(url, streams=False)
        return connection

    async def _connect(self, url: SplitResult, *, streams: bool) -> _Connection:
        loop = asyncio.get_running_loop()
        connection = _Connection(url.netloc, self._body_bytes_max, streams=streams)
        try:
            if url.scheme == "http+unix":
                await loop.create_unix_connection(lambda: connection, unquote(url.netloc))
            else:
                tls = (self._tls or ssl.create_default_context()) if url.scheme == "https" else None
                port = url.port or (443 if tls else 80)
                await loop.create_connection(lambda: connection, url.hostname or "", port, ssl=tls)
        except (OSError, UnicodeError) as error:
            raise UnreachableError(f"cannot connect to {unquote(url.netloc)}: {_reason(error)}") from error
        return connection

    def _inflate(self, exchange: _Exchange, url: str) -> bytes:
        body = b"".join(exchange.pieces)
        if exchange.headers.get("content-encoding", "").lower() != "gzip" or not body:
            return body
        try:
            inflated = gzip_decompress(body, self._body_bytes_max)
        except ValueError as error:
            raise UnreachableError(f"{url} has sent a body that is {error}") from None
        if inflated is None:
            raise UnreachableError(f"{url} has sent a body of more than {self._body_bytes_max} bytes")
        return inflated


class ClientStream:
    """An answer that comes in pieces. Iterate over it once; a chunk is whatever arrived, not a record."""

    def __init__(self, connection: _Connection, exchange: _Exchange, streams: set[_Connection]) -> None:
        self._connection = connection
        self._exchange = exchange
        self._streams = streams
        self.status = exchange.status
        self.headers = exchange.headers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces until the end of the answer. Raises UnreachableError if the peer breaks off before."""
        exchange = self._exchange
        while True:
            while exchange.pieces:
                piece = exchange.pieces.popleft()
                exchange.size_bytes -= len(piece)
                self._connection.read_on(exchange)
                yield piece
            if exchange.is_done():
                await exchange.complete
                return
            exchange.arrived.clear()
            await exchange.arrived.wait()

    async def read(self) -> bytes:
        """All that is left of the answer."""
        return b"".join([piece async for piece in self])

    async def aclose(self) -> None:
        """Leave: the peer sees the connection end."""
        self._streams.discard(self._connection)
        self._connection.abort()
        await asyncio.sleep(0)


class _Exchange:
    """One request and its answer."""

    __slots__ = ("arrived", "complete", "head", "headers", "is_head", "pieces", "size_bytes", "status")

    def __init__(self, *, is_head: bool) -> None:
        loop = asyncio.get_running_loop()
        self.is_head = is_head
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: deque[bytes] = deque()
        self.size_bytes = 0
        self.arrived = asyncio.Event()
        self.head: asyncio.Future[None] = loop.create_future()
        self.complete: asyncio.Future[None] = loop.create_future()

    def has_head(self) -> bool:
        """Whether the head has come, and no error instead."""
        return self.head.done() and not self.head.cancelled() and self.head.exception() is None

    def is_done(self) -> bool:
        """Whether it is over, well or badly."""
        return self.complete.done() and not self.complete.cancelled()

    def end(self, error: Exception | None = None) -> None:
        for future in (self.head, self.complete):
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
                future.exception()  # not every caller waits for both
        self.arrived.set()


class _Connection(asyncio.Protocol):
    """The client's end: requests out, answers matched to them in order."""

    def __init__(self, name: str, body_bytes_max: int, *, streams: bool) -> None:
        self._name = unquote(name)
        self._body_bytes_max = body_bytes_max
        self._streams = streams
        self._transport: Any = None
        self._parser: Any = None
        self._exchanges: deque[_Exchange] = deque()
        self._headers: dict[str, str] = {}
        self._quiet_bytes = 0  # since a head or a piece of a body was complete
        self._paused = False
        self.usable = True

    def ask(self, request: bytes, method: str, *, closes: bool) -> _Exchange:
        """Send a request; its answer will be in what is returned. `closes` means that it is the last one."""
        exchange = _Exchange(is_head=method == "HEAD")
        if not self.usable:
            exchange.end(self._broke_off())
            return exchange
        self._exchanges.append(exchange)
        self.usable = not closes
        self._transport.write(request)
        return exchange

    def abort(self) -> None:
        self.usable = False
        self._transport.abort()

    def read_on(self, exchange: _Exchange) -> None:
        """Go on reading if the reader of a stream has caught up."""
        if self._paused and exchange.size_bytes <= _STREAM_BUFFER_BYTES // 2:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    # ---- asyncio.Protocol ---------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        self._quiet_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._give_up(f"has sent what is not HTTP: {error}")
        if self._quiet_bytes > _HEAD_BYTES_MAX:
            self._give_up(f"has sent a head of more than {_HEAD_BYTES_MAX} bytes")

    def connection_lost(self, error: Exception | None) -> None:
        self.usable = False
        self._parser = None
        if self._exchanges and self._ends_with_connection(self._exchanges[0]):
            self._exchanges.popleft().end()
        self._end_all(self._broke_off())

    # ---- httptools callbacks ------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes | None) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1") if value else ""

    def on_headers_complete(self) -> None:
        self._quiet_bytes = 0
        status = self._parser.get_status_code()
        headers, self._headers = self._headers, {}
        if status < 200 or not self._exchanges:
            return
        exchange = self._exchanges[0]
        exchange.status = status
        exchange.headers = headers
        if not exchange.head.done():
            exchange.head.set_result(None)
        if exchange.is_head:  # the parser cannot be told that no body follows, so it ends here
            self.usable = False
            self._exchanges.popleft().end()
            self._transport.close()

    def on_body(self, data: bytes) -> None:
        self._quiet_bytes = 0
        if not self._exchanges:
            return
        exchange = self._exchanges[0]
        exchange.pieces.append(data)
        exchange.size_bytes += len(data)
        exchange.arrived.set()
        if self._streams:
            if exchange.size_bytes > _STREAM_BUFFER_BYTES and not self._paused:
                self._paused = True
                self._transport.pause_reading()
        elif exchange.size_bytes > self._body_bytes_max:
            self._give_up(f"has sent more than {self._body_bytes_max} bytes")

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200 or not self._exchanges:
            return
        keeps_alive = self._parser.should_keep_alive()
        self.usable = self.usable and keeps_alive
        self._exchanges.popleft().end()
        if not keeps_alive or not (self.usable or self._exchanges):
            self._transport.close()

    # ---- endings ------------------------------------------------------------------------------------------

    def _ends_with_connection(self, exchange: _Exchange) -> bool:
        """Whether the answer has no length and no chunks, so that it is complete now."""
        framed = "content-length" in exchange.headers or "transfer-encoding" in exchange.headers
        return exchange.status != 0 and not framed

    def _broke_off(self) -> UnreachableError:
        return UnreachableError(f"{self._name} has closed the connection before the end of its answer")

    def _give_up(self, sentence: str) -> None:
        self._end_all(UnreachableError(f"{self._name} {sentence}"))
        self.abort()

    def _end_all(self, error: Exception) -> None:
        while self._exchanges:
            self._exchanges.popleft().end(error)


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "http+unix") or not parts.netloc:
        raise UnreachableError(f"{url!r} is no URL of the form http://host:port/path")
    return parts


def _encode_request(method: str, url: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    host = "localhost" if url.scheme == "http+unix" else url.netloc.rpartition("@")[2]
    fields = {"Host": host, **headers}
    if body or method in ("POST", "PUT"):
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    for line in lines:
        if "\r" in line or "\n" in line:
            raise ValueError(f"a line break in the head of a request: {line!r}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def _asks_to_close(headers: Mapping[str, str] | None) -> bool:
    fields = {name.lower(): value.lower() for name, value in (headers or {}).items()}
    return fields.get("connection") == "close"


def _reason(error: Exception) -> str:
    """What the operating system says, without the number."""
    return getattr(error, "strerror", None) or str(error)
