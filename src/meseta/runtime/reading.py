"""From bytes to requests: the reading half of a server's connection, and everything that a peer must not do.

A read usually brings one request, whole, with a head that was seen before: that is found without parsing (see
`heads`). All else goes to the parser (httptools), which calls back within `feed`. A request that is still
unfinished at the end of a read is timed and accounted; others cost no bookkeeping.

What is wrong with the bytes ends the connection, in one of two ways: bytes that are no HTTP break it off
without an answer, like in Mesos; a request that is too large is refused with a status first.
"""

from __future__ import annotations

import asyncio
import re
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import httptools

from meseta.runtime.heads import CHUNKED, Head, HeadCollector, HeadMemory
from meseta.runtime.http1 import Request, Response, gzip_decompress, text_response
from meseta.runtime.limits import Limits
from meseta.runtime.streams import BodyStream

_HEAD_END = b"\r\n\r\n"
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,7})\r\n")
_LAST_CHUNK_AFTER_DATA = b"\r\n0\r\n\r\n"


class ReaderHost(Protocol):
    """What reading needs of the server."""

    limits: Limits
    heads: HeadMemory
    counters: dict[str, int]
    unfinished_bytes: int
    wants_body_stream: Callable[[Request], bool] | None

    def watch_unfinished(self, reader: Any) -> None:
        """Look at it from time to time: see `is_unfinished`."""


class _RefusedError(Exception):
    """Stops the parser in the middle of a request that will not be taken."""


class RequestReader(HeadCollector, asyncio.Protocol):
    """Parses what a peer sends. What is to be done with it, the sending half in the subclass knows."""

    __slots__ = (
        "_accounted_bytes",
        "_body",
        "_body_stream",
        "_head",
        "_host",
        "_ignoring",
        "_moved",
        "_parser",
        "_peer",
        "_quiet_bytes",
        "_reading_paused",
        "_refusal",
        "_since",
        "_within",
        "limits",
    )

    def __init__(self, host: ReaderHost) -> None:
        super().__init__()
        self._host: Any = host
        self.limits = host.limits
        self._peer: tuple[str, int] = ("", 0)
        self._parser: Any = None
        self._reading_paused = False
        self._ignoring = False  # whatever still comes in is dropped
        # the request that the parser is reading
        self._within = False
        self._head: Head | None = None
        self._body: bytes | bytearray = b""
        self._body_stream: BodyStream | None = None
        self._refusal: Response | None = None
        # how far it has come, if one read did not bring all of it
        self._since: float | None = None
        self._moved = False  # this read has brought a piece of a body, or the end of a request
        self._quiet_bytes = 0
        self._accounted_bytes = 0

    # ---- for the subclass ---------------------------------------------------------------------------------

    @abstractmethod
    def _on_request(self, head: Head, body: bytes) -> None:
        """A request is complete."""

    @abstractmethod
    def _start_body_stream(self, head: Head) -> BodyStream | None:
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

    def read(self, data: bytes) -> None:
        """Take what came from the peer."""
        if not self._within:
            data = self._take_known(data)
        if data and not self._ignoring:
            self.feed(data)

    def _take_known(self, data: bytes) -> bytes:
        """Take the requests that are here whole and have a known head; return what is left for the parser."""
        heads = self._host.heads
        start = 0
        while start < len(data) and not self._ignoring:
            head_end = data.find(_HEAD_END, start) + len(_HEAD_END)
            if head_end < start + len(_HEAD_END):
                break
            head: Head | None = heads[data[start:head_end]]
            if head is None:
                break
            if head.body_bytes == CHUNKED:
                chunk = self._find_one_chunk(data, head_end)
                if chunk is None:
                    break
                body, start = chunk
            else:
                start_of_next = head_end + head.body_bytes
                if start_of_next > len(data):
                    break
                body = data[head_end:start_of_next]
                start = start_of_next
            self._on_request(head, body)
        return data[start:] if start else data

    def _find_one_chunk(self, data: bytes, start: int) -> tuple[bytes, int] | None:
        """The body that begins here and where it ends, if all of it is here, in exactly one chunk."""
        size = _CHUNK_SIZE.match(data, start)
        if size is None:
            return None
        end = size.end() + int(size[1], 16)
        if end == size.end() or not data.startswith(_LAST_CHUNK_AFTER_DATA, end):
            return None
        body = data[size.end() : end]
        if len(body) > self.limits.body_bytes_max:
            return None
        return body, end + len(_LAST_CHUNK_AFTER_DATA)

    def feed(self, data: bytes) -> None:
        """Have the parser take this."""
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
        if self._within and not self._ignoring:
            self._note_unfinished(len(data))

    # ---- httptools callbacks ------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._within = True

    def on_header(self, name: bytes, value: bytes | None) -> None:
        if self._head is None:  # else it is a trailer
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        head = self._head = self.take_head(self._parser)
        if head.method == "CONNECT":
            raise _RefusedError  # no tunnels here
        if head.body_bytes > self.limits.body_bytes_max:
            self._refuse_body_too_long()
        if head.headers.get("expect", "").lower() == "100-continue":
            self._on_continue_expected()
        streamable = head.body_bytes and "content-encoding" not in head.headers
        if self._host.wants_body_stream is not None and streamable:
            self._body_stream = self._start_body_stream(head)

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
        head, stream, body = self._head, self._body_stream, bytes(self._body)
        assert head is not None
        self._forget_request()
        if stream is not None:
            self._ignoring = self._ignoring or not head.keep_alive
            stream.feed(None)
        else:
            self._on_request(head, self._inflate(body, head))

    # ---- refusing -----------------------------------------------------------------------------------------

    def _inflate(self, body: bytes, head: Head) -> bytes:
        if not body or head.headers.get("content-encoding", "").lower() != "gzip":
            return body
        try:
            inflated = gzip_decompress(body, self.limits.body_bytes_max)
        except ValueError as error:
            self._host.counters["http_bad_requests"] += 1
            self._refusal = text_response(400, f"Failed to decompress the body of the request: {error}.\n")
            raise _RefusedError from None
        if inflated is None:
            self._refuse_body_too_long()
            return b""
        return inflated

    def _refuse_body_too_long(self) -> None:
        """Called from within the parser, which must not go on: what follows is the rest of this request."""
        self._host.counters["http_bodies_over_limit"] += 1
        self._refusal = text_response(413, f"The body is longer than {self.limits.body_bytes_max} bytes.\n")
        raise _RefusedError

    def _refuse(self, refusal: Response) -> None:
        self._refusal = refusal
        self._ignoring = True
        self._note_finished()
        self._forget_request()
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

    def _forget_request(self) -> None:
        self._within = False
        self._head = self._body_stream = None
        self._body = b""

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
        limit_s = self.limits.head_timeout_s if self._head is None else self.limits.body_timeout_s
        if now - self._since <= limit_s:
            return True
        self._host.counters["http_timeouts"] += 1
        self._on_late()
        return False
