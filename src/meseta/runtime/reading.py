"""From bytes to requests: the reading half of a server's connection, and everything that a peer must not do.

The parser (httptools) calls back within `feed`. A request that one read brings whole, which is nearly every
one, costs no bookkeeping; only one that is still unfinished at the end of a read is timed and accounted.

What is wrong with the bytes ends the connection, in one of two ways: bytes that are no HTTP break it off
without an answer, like in Mesos; a request that is too large is refused with a status first.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import httptools

from meseta.runtime.http1 import Request, Response, gzip_decompress, text_response
from meseta.runtime.limits import Limits
from meseta.runtime.streams import BodyStream

_HEADER_NAMES_MAX = 1024

_header_names: dict[bytes, str] = {}


class ReaderHost(Protocol):
    """What reading needs of the server."""

    limits: Limits
    counters: dict[str, int]
    unfinished_bytes: int
    wants_body_stream: Callable[[Request], bool] | None

    def watch_unfinished(self, reader: Any) -> None:
        """Look at it from time to time: see `is_unfinished`."""


class _RefusedError(Exception):
    """Stops the parser in the middle of a request that will not be taken."""


class RequestReader(asyncio.Protocol):
    """Parses what a peer sends. What is to be done with it, the sending half in the subclass knows."""

    __slots__ = (
        "_accounted_bytes",
        "_body",
        "_body_stream",
        "_head_done",
        "_headers",
        "_host",
        "_ignoring",
        "_moved",
        "_parser",
        "_peer",
        "_quiet_bytes",
        "_reading_paused",
        "_refusal",
        "_since",
        "_url",
        "limits",
    )

    def __init__(self, host: ReaderHost) -> None:
        self._host: Any = host
        self.limits = host.limits
        self._peer: tuple[str, int] = ("", 0)
        self._parser: Any = None
        self._reading_paused = False
        self._ignoring = False
        """Whatever still comes in is dropped."""
        # the request that is being read
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: bytes | bytearray = b""
        self._body_stream: BodyStream | None = None
        self._head_done = False
        self._refusal: Response | None = None
        # how far it has come, if one read did not bring all of it
        self._since: float | None = None
        self._moved = False  # this read has brought a piece of a body, or the end of a request
        self._quiet_bytes = 0
        self._accounted_bytes = 0

    # ---- for the subclass ---------------------------------------------------------------------------------

    @abstractmethod
    def _on_request(self, request: Request) -> None:
        """A request is complete."""

    @abstractmethod
    def _deliver_at_once(self) -> bool:
        """Take what was just read as a message, if it is one that can be answered now; False if not."""

    @abstractmethod
    def _start_body_stream(self, request: Request) -> BodyStream | None:
        """Handle a request before its body has come; None if it is to be read whole after all."""

    @abstractmethod
    def _on_continue_expected(self) -> None:
        """The peer waits for leave to send the body."""

    @abstractmethod
    def _on_refused(self, refusal: Response) -> None:
        """Answer with this when the turn comes, then close."""

    @abstractmethod
    def _on_malformed(self) -> None:
        """Close."""

    @abstractmethod
    def _on_late(self) -> None:
        """Break the connection off: the peer takes too long."""

    # ---- reading ------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take what was read from the peer."""
        parser = self._parser
        if parser is None:
            parser = self._parser = httptools.HttpRequestParser(self)
        rest: bytes | memoryview = data
        self._moved = False
        try:
            while True:
                try:
                    parser.feed_data(rest)
                    break
                except httptools.HttpParserUpgrade as upgrade:
                    # The request offered another protocol, and was taken in this one: read on.
                    rest = memoryview(rest)[upgrade.args[0] :]
        except httptools.HttpParserError:
            self._on_parser_stopped()
        if self._url and not self._ignoring:
            self._note_unfinished(len(data))

    def take_body(self) -> bytes:
        """The body that was read, and make room for the next request."""
        body = bytes(self._body)
        self._url = self._body = b""
        self._headers = {}
        return body

    def make_request(self) -> Request:
        """The request that is being read, without its body."""
        parser = self._parser
        return Request(
            parser.get_method().decode("ascii"),
            self._url.decode("latin-1"),
            self._headers,
            keep_alive=parser.should_keep_alive(),
            peer=self._peer,
        )

    # ---- httptools callbacks ------------------------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes | None) -> None:
        if self._head_done:
            return  # a trailer
        try:
            key = _header_names[name]
        except KeyError:
            key = _learn_header_name(name)
        self._headers[key] = value.decode("latin-1") if value else ""

    def on_headers_complete(self) -> None:
        self._head_done = True
        headers = self._headers
        length = headers.get("content-length")
        if length is not None and int(length) > self.limits.body_bytes_max:
            self._refuse_body_too_long()
        if "expect" in headers and headers["expect"].lower() == "100-continue":
            self._on_continue_expected()
        if self._host.wants_body_stream is not None and (length or "transfer-encoding" in headers):
            self._offer_body_stream()

    def on_body(self, data: bytes) -> None:
        self._moved = True
        body = self._body
        if self._body_stream is not None:
            self._body_stream.feed(data)
            return
        if not body:
            self._body = data
        elif isinstance(body, bytearray):
            body += data
        else:
            self._body = bytearray(body + data)
        if len(self._body) > self.limits.body_bytes_max:
            self._refuse_body_too_long()

    def on_message_complete(self) -> None:
        if self._since is not None:
            self._note_finished()
        self._moved = True
        self._head_done = False
        if self._body_stream is not None:
            self._end_body_stream()
        elif "libprocess-from" not in self._headers or not self._deliver_at_once():
            request = self.make_request()
            if request.method == "CONNECT":
                raise _RefusedError  # no tunnels here
            request.body = self._inflate(self.take_body(), request.headers)
            if not request.keep_alive:
                self._ignoring = True
            self._on_request(request)

    # ---- bodies -------------------------------------------------------------------------------------------

    def _inflate(self, body: bytes, headers: dict[str, str]) -> bytes:
        if not body or headers.get("content-encoding", "").lower() != "gzip":
            return body
        try:
            inflated = gzip_decompress(body, self.limits.body_bytes_max)
        except ValueError as error:
            self._host.counters["http_bad_requests"] += 1
            self._refuse_in_parser(400, f"Failed to decompress the body of the request: {error}")
            raise  # the line above has raised
        if inflated is None:
            self._refuse_body_too_long()
            return b""
        return inflated

    def _offer_body_stream(self) -> None:
        request = self.make_request()
        if "content-encoding" not in request.headers:
            self._body_stream = self._start_body_stream(request)

    def _end_body_stream(self) -> None:
        stream, self._body_stream = self._body_stream, None
        assert stream is not None
        self._ignoring = self._ignoring or not self._parser.should_keep_alive()
        self.take_body()
        stream.feed(None)

    # ---- refusing -----------------------------------------------------------------------------------------

    def _refuse_body_too_long(self) -> None:
        self._host.counters["http_bodies_over_limit"] += 1
        self._refuse_in_parser(413, f"The body is longer than {self.limits.body_bytes_max} bytes")

    def _refuse_in_parser(self, status: int, text: str) -> None:
        """Called from within the parser, which must not go on: what follows is the rest of this request."""
        self._refusal = text_response(status, f"{text}.\n")
        raise _RefusedError

    def _refuse(self, refusal: Response) -> None:
        self._refusal = refusal
        self._ignoring = True
        self._note_finished()
        self.take_body()
        self._on_refused(refusal)

    def _on_parser_stopped(self) -> None:
        if self._ignoring:
            return
        if self._refusal is not None:
            self._refuse(self._refusal)
        else:
            self._host.counters["http_bad_requests"] += 1
            self._ignoring = True
            self._on_malformed()

    # ---- requests that take more than one read ------------------------------------------------------------

    def _note_unfinished(self, read_bytes: int) -> None:
        if self._body_stream is not None:  # its reader sets the pace, and may wait for hours
            self._note_finished()
            return
        host, limits = self._host, self.limits
        if self._since is None or self._moved:
            self._since = asyncio.get_running_loop().time()
            self._quiet_bytes = 0
            host.watch_unfinished(self)
        if not self._moved:
            self._quiet_bytes += read_bytes
        host.unfinished_bytes += len(self._body) - self._accounted_bytes
        self._accounted_bytes = len(self._body)
        if self._quiet_bytes > limits.head_bytes_max:
            host.counters["http_heads_over_limit"] += 1
            self._refuse(text_response(431, f"The head is longer than {limits.head_bytes_max} bytes.\n"))
        elif host.unfinished_bytes > limits.unfinished_bytes_max:
            host.counters["http_bodies_over_limit"] += 1
            self._refuse(text_response(503, "Too many bytes of requests are under way; try again later.\n"))

    def _note_finished(self) -> None:
        self._host.unfinished_bytes -= self._accounted_bytes
        self._accounted_bytes = 0
        self._quiet_bytes = 0
        self._since = None

    def is_unfinished(self, now: float) -> bool:
        """Whether to go on watching; breaks the connection off if the peer takes too long with a request."""
        if self._since is None or self._ignoring:
            return False
        if self._reading_paused:  # not the peer's fault
            self._since = now
        limit_s = self.limits.body_timeout_s if self._head_done else self.limits.head_timeout_s
        if now - self._since <= limit_s:
            return True
        self._host.counters["http_timeouts"] += 1
        self._on_late()
        return False


def _learn_header_name(name: bytes) -> str:
    """The lower-case name; the first thousand different ones are remembered."""
    key = name.decode("latin-1").lower()
    if len(_header_names) < _HEADER_NAMES_MAX:
        _header_names[name] = key
    return key
