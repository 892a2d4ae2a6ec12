"""The server's end of one connection: bytes in, requests to the handler, answers out in order.

This is the hot path. There is no task, coroutine or future per request: the parser calls back, the handler is
called, and what it answers at once leaves with one write at the end of the read that brought the requests.

A connection that owes too many answers, or whose peer does not read them, is not read any more: requests that
were already read wait in `_waiting`, unhandled, so one read (at most 256 KiB) is all that it can hold beyond
its limits. A malformed request breaks the connection off like Mesos does, without an answer to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import httptools

from meseta.runtime import libprocess
from meseta.runtime.http1 import (
    ACCEPTED,
    NOT_FOUND,
    Request,
    Response,
    gzip_decompress,
    text_response,
)
from meseta.runtime.limits import Limits
from meseta.runtime.loop import TurnFlusher
from meseta.runtime.streams import (
    PEER_LATE,
    PEER_LEFT,
    PEER_MALFORMED,
    PEER_SLOW,
    SERVER_CLOSED,
    BodyStream,
    Responder,
)

_JOIN_BYTES_MAX = 65_536  # smaller pieces are copied into one write, larger ones are written one by one
_HEADER_NAMES_MAX = 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Handler = Callable[[Request, Responder], None]
OnMessage = Callable[[str, str, str, bytes], bool]

_header_names: dict[bytes, str] = {}


class Host(Protocol):
    """What a connection needs of its server."""

    limits: Limits
    handler: Handler
    on_message: OnMessage | None
    wants_body_stream: Callable[[Request], bool] | None
    counters: dict[str, int]
    turn: TurnFlusher
    unfinished_bytes: int

    def connection_opened(self, connection: Connection) -> bool:
        """Whether there is room for it."""

    def connection_closed(self, connection: Connection) -> None: ...
    def watch_unfinished(self, connection: Connection) -> None: ...
    def watch_stalled(self, connection: Connection) -> None: ...


class _RefusedError(Exception):
    """Stops the parser in the middle of a request that will not be taken."""


class Connection(asyncio.Protocol):
    """One accepted connection. `pending` and the methods without underscore are what answers use."""

    __slots__ = (
        "_accounted_bytes",
        "_body",
        "_body_moved",
        "_body_stream",
        "_closing",
        "_corked",
        "_dispatching",
        "_head_done",
        "_headers",
        "_host",
        "_ignoring",
        "_lost",
        "_marked",
        "_out",
        "_parser",
        "_peer",
        "_quiet_bytes",
        "_reading_held",
        "_reading_paused",
        "_reason",
        "_refusal",
        "_since",
        "_stalled_bytes",
        "_stalled_since",
        "_transport",
        "_url",
        "_waiting",
        "_write_paused",
        "limits",
        "pending",
    )

    def __init__(self, host: Host) -> None:
        self._host = host
        self.limits = host.limits
        self.pending: list[Responder] = []
        self._transport: Any = None
        self._parser: Any = None
        self._peer: tuple[str, int] = ("", 0)
        self._waiting: list[Request] | None = None
        self._dispatching = False
        # the request that is being read
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: bytes | bytearray = b""
        self._body_stream: BodyStream | None = None
        self._head_done = False
        self._refusal: Response | None = None
        # how far it has come, if one read did not bring all of it
        self._since: float | None = None
        self._body_moved = False
        self._quiet_bytes = 0
        self._accounted_bytes = 0
        # sending
        self._out: list[bytes] = []
        self._corked = False
        self._marked = False
        self._write_paused = False
        self._stalled_bytes = 0
        self._stalled_since = 0.0
        # reading and closing
        self._reading_held = False
        self._reading_paused = False
        self._ignoring = False
        self._closing = False
        self._lost = False
        self._reason = PEER_LEFT

    # ---- asyncio.Protocol ---------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._peer = (peer[0], peer[1])
        if not self._host.connection_opened(self):
            self.cut(SERVER_CLOSED)

    def data_received(self, data: bytes) -> None:
        if self._ignoring:
            return
        parser = self._parser
        if parser is None:
            parser = self._parser = httptools.HttpRequestParser(self)
        self._corked = True
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._feed_after_upgrade(data, upgrade.args[0])
        except httptools.HttpParserError:
            self._on_parser_stopped()
        self._corked = False
        if self._url and not self._ignoring:
            self._note_unfinished(len(data))
        if self._out and not self._marked:
            self.flush()

    def eof_received(self) -> None:
        """The peer has left: returning None lets the transport send what is written and close."""

    def pause_writing(self) -> None:
        self._write_paused = True
        self._host.watch_stalled(self)

    def resume_writing(self) -> None:
        self._write_paused = False
        self._stalled_since = 0.0
        self._dispatch_waiting()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = self._ignoring = True
        self._parser = None  # parser and connection refer to each other
        self._waiting = None
        self._out.clear()
        self._note_finished()
        self._host.connection_closed(self)
        pending, self.pending = self.pending, []
        for responder in pending:
            self._guard(responder.lose, self._reason)

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
        if length is not None and len(length) > 6 and int(length) > self.limits.body_bytes_max:
            self._refuse_in_parser(413, "http_bodies_over_limit", self._body_too_long())
        if "expect" in headers and not self.pending and headers["expect"].lower() == "100-continue":
            self.emit(_CONTINUE)
        wants_body_stream = self._host.wants_body_stream
        if wants_body_stream is not None and ("transfer-encoding" in headers or length is not None):
            self._start_body_stream(wants_body_stream)

    def on_body(self, data: bytes) -> None:
        self._body_moved = True
        if self._body_stream is not None:
            self._guard(self._body_stream.feed, data)
        elif not self._body:
            self._body = data
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += data
            if len(self._body) > self.limits.body_bytes_max:
                self._refuse_in_parser(413, "http_bodies_over_limit", self._body_too_long())

    def on_message_complete(self) -> None:
        if self._since is not None:
            self._note_finished()
        self._head_done = False
        stream = self._body_stream
        if stream is not None:
            self._body_stream = None
            self._reset_request()
            self._guard(stream.feed, None)
            return
        headers = self._headers
        if "libprocess-from" in headers and self._is_idle() and self._host.on_message is not None:
            self._deliver_at_once()
        else:
            request = self._take_request()
            if request is not None:
                self._admit(request)

    # ---- from requests to answers -------------------------------------------------------------------------

    def _is_idle(self) -> bool:
        return not self.pending and not self._write_paused and not self._waiting

    def _take_request(self) -> Request | None:
        """The request that was read; None if its body cannot be decompressed, which ends the connection."""
        request = self._make_request()
        body = bytes(self._body)
        self._reset_request()
        if request.headers.get("content-encoding", "").lower() == "gzip" and body:
            try:
                inflated = gzip_decompress(body, self.limits.body_bytes_max)
            except ValueError as error:
                self._refuse_in_parser(400, "http_bad_requests", f"Failed to decompress the body: {error}")
            if inflated is None:
                self._refuse_in_parser(413, "http_bodies_over_limit", self._body_too_long())
            else:
                body = inflated
        request.body = body
        return request

    def _make_request(self) -> Request:
        parser = self._parser
        return Request(
            parser.get_method().decode("ascii"),
            self._url.decode("latin-1"),
            self._headers,
            keep_alive=parser.should_keep_alive(),
            peer=self._peer,
        )

    def _reset_request(self) -> None:
        self._url = b""
        self._headers = {}
        self._body = b""

    def _admit(self, request: Request) -> None:
        if self._waiting or self._write_paused or len(self.pending) >= self.limits.pipelined_max:
            if self._waiting is None:
                self._waiting = []
            self._waiting.append(request)
            self._update_reading()
        else:
            self._dispatch(request)

    def _dispatch_waiting(self) -> None:
        """Handle requests that wait, as far as there is room. Not nested: an answer may bring us here
        again."""
        waiting = self._waiting
        if not waiting or self._dispatching or self._closing:
            return
        self._dispatching = True
        taken = 0
        while taken < len(waiting) and not self._write_paused and not self._closing:
            if len(self.pending) >= self.limits.pipelined_max:
                break
            taken += 1
            self._dispatch(waiting[taken - 1])
        del waiting[:taken]
        self._dispatching = False
        self._update_reading()

    def _dispatch(self, request: Request) -> None:
        host = self._host
        headers = request.headers
        responder = self._expect_answer(request)
        if host.on_message is not None and libprocess.is_message(request.method, headers):
            responder.send(self._deliver(request.target, headers, request.body))
            return
        host.counters["http_requests"] += 1
        try:
            host.handler(request, responder)
        except Exception as bug:
            self._report(bug)
            if not responder.answered:
                responder.send(text_response(500, "Internal error; see the server's log.\n"))

    def _expect_answer(self, request: Request) -> Responder:
        responder = Responder(
            self,
            accept_encoding=request.headers.get("accept-encoding", ""),
            is_head=request.method == "HEAD",
            keep_alive=request.keep_alive,
        )
        self.pending.append(responder)
        return responder

    def _start_body_stream(self, wants_body_stream: Callable[[Request], bool]) -> None:
        request = self._make_request()
        if "content-encoding" in request.headers or not wants_body_stream(request):
            return
        responder = self._expect_answer(request)
        self._body_stream = request.body_stream = BodyStream(self, responder)
        self._host.counters["http_requests"] += 1
        self._guard(self._host.handler, request, responder)

    def _deliver_at_once(self) -> None:
        """The short way of a message on a connection that owes nothing: no request, no responder."""
        headers, body = self._headers, self._body
        if not body or "content-encoding" not in headers:
            parser = self._parser
            if parser.get_method() == b"POST":
                target = self._url.decode("latin-1")
                self._reset_request()
                self.emit(self._deliver(target, headers, bytes(body)).encode())
                if not parser.should_keep_alive():
                    self._finish()
                return
        request = self._take_request()
        if request is not None:
            self._admit(request)

    def _deliver(self, target: str, headers: dict[str, str], body: bytes) -> Response:
        """Pass a message on; its answer."""
        host = self._host
        host.counters["messages_received"] += 1
        envelope = libprocess.read_envelope(target, headers)
        if envelope is None:
            host.counters["messages_malformed"] += 1
            return text_response(400, f"The receiver in {target!r} is not properly percent-encoded.\n")
        assert host.on_message is not None
        try:
            known = host.on_message(envelope.receiver, envelope.sender, envelope.name, body)
        except Exception as bug:
            self._report(bug)
            return text_response(500, "Internal error; see the server's log.\n")
        if not known:
            host.counters["messages_undeliverable"] += 1
        return ACCEPTED if known else NOT_FOUND

    # ---- sending ------------------------------------------------------------------------------------------

    def emit(self, data: bytes) -> None:
        """Send these bytes with this turn's others."""
        if data:
            self._out.append(data)
            if not self._corked and not self._marked:
                self._marked = True
                self._host.turn.mark(self)

    def advance(self) -> None:
        """The first answer is complete: go on with the next one."""
        pending = self.pending
        while True:
            if pending.pop(0).closes:
                self._finish()
                return
            if not pending:
                break
            pending[0].release()
            if not pending[0].done:
                break
        if self._waiting:
            self._dispatch_waiting()

    def flush(self) -> None:
        """Write what this turn has brought."""
        self._marked = False
        out = self._out
        if self._lost or (not out and not self._closing):
            return
        transport = self._transport
        if self._write_paused and self._is_too_slow(transport.get_write_buffer_size()):
            self.cut(PEER_SLOW)
            return
        self._out = []
        if len(out) == 1:
            transport.write(out[0])
        elif sum(map(len, out)) <= _JOIN_BYTES_MAX:
            transport.write(b"".join(out))
        else:
            transport.writelines(out)
        if self._closing:
            self._close_transport()

    def cut(self, reason: str) -> None:
        """Break the connection off at once."""
        if not self._lost:
            self._lost = self._ignoring = True
            self._reason = reason
            if reason == PEER_SLOW:
                streams = bool(self.pending) and self.pending[0].streams
                self._host.counters["streams_cut_slow" if streams else "http_cut_slow"] += 1
            self._transport.abort()

    def hold_reading(self, hold: bool) -> None:
        """Stop or go on reading from the peer."""
        self._reading_held = hold
        self._update_reading()

    def _is_too_slow(self, unsent_bytes: int) -> bool:
        streams = bool(self.pending) and self.pending[0].streams
        return streams and unsent_bytes > self.limits.stream_buffer_bytes_max

    def _update_reading(self) -> None:
        pause = self._reading_held or bool(self._waiting)
        if pause == self._reading_paused or self._lost or self._transport.is_closing():
            return
        self._reading_paused = pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # ---- closing ------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Close as soon as everything is sent; whatever still comes in is dropped."""
        self._closing = self._ignoring = True
        if not self._marked:
            self._marked = True
            self._host.turn.mark(self)

    def _close_transport(self) -> None:
        transport = self._transport
        if self._refusal is None or not transport.can_write_eof():
            transport.close()
            return
        # Closing now, with bytes unread, would reset the connection before the refusal has arrived.
        transport.write_eof()
        asyncio.get_running_loop().call_later(self.limits.linger_s, transport.abort)

    def _refuse_in_parser(self, status: int, counter: str, text: str) -> None:
        self._refusal = text_response(status, text + "\n")
        self._host.counters[counter] += 1
        raise _RefusedError

    def _refuse(self, refusal: Response) -> None:
        """Answer when the turn comes, read nothing more, and close."""
        self._refusal = refusal
        self._ignoring = True
        self._note_finished()
        self._reset_request()
        responder = Responder(self, accept_encoding="", is_head=False, keep_alive=False)
        self.pending.append(responder)
        responder.send(refusal)

    def _on_parser_stopped(self) -> None:
        if self._refusal is not None:
            self._refuse(self._refusal)
        elif not self._ignoring:
            self._host.counters["http_bad_requests"] += 1
            self._reason = PEER_MALFORMED
            self._finish()

    def _feed_after_upgrade(self, data: bytes, offset: int) -> None:
        """A request that offers another protocol is answered in this one; what follows is read on."""
        if self._parser.get_method() == b"CONNECT":
            self._on_parser_stopped()
        elif offset < len(data):
            self.data_received(data[offset:])

    # ---- requests that take more than one read ------------------------------------------------------------

    def _note_unfinished(self, read_bytes: int) -> None:
        if self._body_stream is not None:
            self._note_finished()
            return
        host, limits = self._host, self.limits
        if self._since is None or self._body_moved:
            self._since = asyncio.get_running_loop().time()
            self._quiet_bytes = 0
            host.watch_unfinished(self)
        if not self._body_moved:
            self._quiet_bytes += read_bytes
        self._body_moved = False
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
        """Whether to go on watching a request that is being read; cuts the peer off if it takes too long."""
        if self._since is None or self._lost:
            return False
        limit_s = self.limits.body_timeout_s if self._head_done else self.limits.head_timeout_s
        if now - self._since <= limit_s:
            return True
        self._host.counters["http_timeouts"] += 1
        self.cut(PEER_LATE)
        return False

    def is_stalled(self, now: float) -> bool:
        """Whether to go on watching a peer that does not read; cuts it off if it takes nothing for too
        long."""
        if not self._write_paused or self._lost:
            return False
        unsent_bytes = self._transport.get_write_buffer_size()
        if not self._stalled_since or unsent_bytes < self._stalled_bytes:
            self._stalled_since = now
        self._stalled_bytes = unsent_bytes
        streams = bool(self.pending) and self.pending[0].streams
        if not streams and now - self._stalled_since > self.limits.stall_timeout_s:
            self.cut(PEER_SLOW)
            return False
        return True

    # ---- bugs ---------------------------------------------------------------------------------------------

    def _body_too_long(self) -> str:
        return f"The body is longer than {self.limits.body_bytes_max} bytes."

    def _guard(self, function: Callable[..., object], *arguments: object) -> None:
        """Call out; a bug there must not stop the parser or other connections."""
        try:
            function(*arguments)
        except Exception as bug:
            self._report(bug)

    def _report(self, bug: Exception) -> None:
        self._host.counters["http_bugs"] += 1
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": "a request handler failed", "exception": bug})


def _learn_header_name(name: bytes) -> str:
    """The lower-case name; the first thousand different ones are remembered."""
    key = name.decode("latin-1").lower()
    if len(_header_names) < _HEADER_NAMES_MAX:
        _header_names[name] = key
    return key
