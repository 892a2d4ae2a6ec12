"""The server's end of one connection: requests go to the handler, and answers out in the order of requests.

This is the hot path. There is no task, coroutine or future per request: the parser calls back, the handler is
called, and what it answers at once leaves with one write at the end of the read that brought the requests.

A connection that owes too many answers, or whose peer does not read them, is not read any more: requests that
were already read wait in `_waiting`, unhandled, so one read (at most 256 KiB) is all that it can hold beyond
its limits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from meseta.runtime.acknowledgements import acknowledges
from meseta.runtime.heads import Head
from meseta.runtime.http1 import ACCEPTED, NOT_FOUND, Request, Response, text_response
from meseta.runtime.loop import TurnFlusher
from meseta.runtime.reading import ReaderHost, RequestReader
from meseta.runtime.streams import (
    PEER_LATE,
    PEER_LEFT,
    PEER_MALFORMED,
    PEER_SLOW,
    SERVER_CLOSED,
    BodyStream,
    Responder,
)

_TURN_BYTES = 65_536  # one that has sent so much at once waits until the others were looked at
_JOIN_BYTES_MAX = 65_536  # smaller pieces are copied into one write, larger ones are written one by one
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REFUSED = Head("GET", "/", {}, keep_alive=False)
_FAILED = text_response(500, "Internal error; see the log of the server.\n")

Handler = Callable[[Request, Responder], None]
OnMessage = Callable[[str, str, str, bytes], bool]


class Host(ReaderHost, Protocol):
    """What a connection needs of its server."""

    handler: Handler
    on_message: OnMessage | None
    turn: TurnFlusher

    def connection_opened(self, connection: Connection) -> bool:
        """Whether there is room for it."""

    def connection_closed(self, connection: Connection) -> None:
        """Forget it."""

    def watch_stalled(self, connection: Connection) -> None:
        """Look at it from time to time: see `is_stalled`."""


class Connection(RequestReader):
    """One accepted connection. `pending` and the methods without underscore are what answers use."""

    __slots__ = (
        "_closing",
        "_corked",
        "_dispatching",
        "_lost",
        "_marked",
        "_out",
        "_reading_held",
        "_reason",
        "_resting",
        "_stalled_bytes",
        "_stalled_since",
        "_transport",
        "_waiting",
        "_write_paused",
        "pending",
    )

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.pending: list[Responder] = []
        self._transport: Any = None
        self._waiting: list[tuple[Head, bytes]] | None = None
        self._dispatching = False
        # sending
        self._out: list[bytes] = []
        self._corked = False
        self._marked = False
        self._write_paused = False
        self._stalled_bytes = 0
        self._stalled_since = 0.0
        # reading and closing
        self._reading_held = False
        self._resting = False
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
        self._corked = True
        self.read(data)
        self._corked = False
        if self._out and not self._marked:
            self.flush()
        if len(data) >= _TURN_BYTES:
            self._rest()

    def eof_received(self) -> None:
        """The peer has left: returning None lets the transport send what is written and close."""

    def pause_writing(self) -> None:
        self._write_paused = True
        self._host.watch_stalled(self)

    def resume_writing(self) -> None:
        self._write_paused = False
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

    # ---- from requests to answers -------------------------------------------------------------------------

    def _has_room(self) -> bool:
        return not self._waiting and not self._write_paused and len(self.pending) < self.limits.pipelined_max

    def _on_request(self, head: Head, body: bytes) -> None:
        if not head.keep_alive:
            self._ignoring = True
        if self._has_room():
            self._dispatch(head, body)
        else:
            self._waiting = self._waiting or []
            self._waiting.append((head, body))
            self._update_reading()

    def _dispatch_waiting(self) -> None:
        """Handle waiting requests, as far as there is room. Not nested: an answer may bring us here again."""
        waiting = self._waiting
        if not waiting or self._dispatching or self._closing:
            return
        self._dispatching = True
        taken = 0
        while taken < len(waiting) and not self._write_paused and not self._closing:
            if len(self.pending) >= self.limits.pipelined_max:
                break
            taken += 1
            self._dispatch(*waiting[taken - 1])
        del waiting[:taken]
        self._dispatching = False
        self._update_reading()

    def _dispatch(self, head: Head, body: bytes) -> None:
        if head.is_message and self._host.on_message is not None:
            self._answer_message(head, self._deliver(head, body))
            return
        responder = Responder(self, head)
        self.pending.append(responder)
        self._handle(Request.with_head(head, body, self._peer), responder)

    def _handle(self, request: Request, responder: Responder) -> None:
        host = self._host
        host.counters["http_requests"] += 1
        try:
            host.handler(request, responder)
        except Exception as bug:
            self._report(bug)
            if not responder.answered:
                responder.send(_FAILED)

    def _start_body_stream(self, head: Head) -> BodyStream | None:
        request = Request.with_head(head, b"", self._peer)
        try:
            if not self._has_room() or not self._host.wants_body_stream(request):
                return None
        except Exception as bug:
            self._report(bug)
            return None
        responder = Responder(self, head)
        stream = request.body_stream = responder.body_stream = BodyStream(self, self._report)
        self.pending.append(responder)
        self._handle(request, responder)
        return stream

    def _deliver(self, head: Head, body: bytes) -> Response:
        """Pass a message on; its answer."""
        host, envelope = self._host, head.envelope
        host.counters["messages_received"] += 1
        if envelope is None:
            host.counters["messages_malformed"] += 1
            return text_response(400, f"The receiver in {head.target!r} is not properly percent-encoded.\n")
        try:
            known = host.on_message(envelope.receiver, envelope.sender, envelope.name, body)
        except Exception as bug:
            self._report(bug)
            return _FAILED
        if not known:
            host.counters["messages_undeliverable"] += 1
        return ACCEPTED if known else NOT_FOUND

    def _answer_message(self, head: Head, response: Response) -> None:
        """Nearly always nothing else is owed to the sender, and its answer needs no responder."""
        if self.pending or not head.keep_alive:
            responder = Responder(self, head)
            self.pending.append(responder)
            responder.send(response)
        else:
            self.emit(response.encode())

    # ---- sending ------------------------------------------------------------------------------------------

    def emit(self, data: bytes) -> None:
        """Send these bytes with this turn's others."""
        self._out.append(data)
        if not self._corked and not self._marked:
            self._mark()

    def advance(self) -> None:
        """The first answer is complete: go on with the next one."""
        pending = self.pending
        while True:
            done = pending.pop(0)
            if done.body_stream is not None:
                done.body_stream.discard()
            if done.closes:
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
        if self._lost:
            return
        transport = self._transport
        if self._write_paused and self._is_streaming() and self._is_over_stream_limit():
            self.cut(PEER_SLOW)
            return
        out, self._out = self._out, []
        if len(out) == 1:
            transport.write(out[0])
        elif sum(map(len, out)) <= _JOIN_BYTES_MAX:
            transport.write(b"".join(out))
        else:
            transport.writelines(out)
        if self._closing:
            self._close_transport()

    def hold_reading(self, hold: bool) -> None:
        """Stop or go on reading from the peer."""
        self._reading_held = hold
        self._update_reading()

    def acknowledges(self, within_s: float) -> bool:
        """Tell whether the peer's machine still answers; who is known to be gone is reported otherwise."""
        return self._lost or acknowledges(self._transport.get_extra_info("socket"), within_s)

    def is_stalled(self, now: float) -> bool:
        """Whether to go on watching a peer that was slow; breaks off if it reads nothing for too long."""
        unsent_bytes = 0 if self._lost else self._transport.get_write_buffer_size()
        if unsent_bytes < self._stalled_bytes or not self._stalled_bytes:
            self._stalled_since = now
        self._stalled_bytes = unsent_bytes
        if self._is_streaming() or now - self._stalled_since <= self.limits.stall_timeout_s:
            return unsent_bytes > 0
        self.cut(PEER_SLOW)
        return False

    def _is_over_stream_limit(self) -> bool:
        unsent_bytes: int = self._transport.get_write_buffer_size()
        return unsent_bytes > self.limits.stream_buffer_bytes_max

    def _is_streaming(self) -> bool:
        return bool(self.pending) and self.pending[0].streams

    def _mark(self) -> None:
        if not self._marked:
            self._marked = True
            self._host.turn.mark(self)

    def _rest(self) -> None:
        """Do not read again in this turn: uvloop reads a busy socket 32 times before it looks at others."""
        self._resting = True
        self._update_reading()
        asyncio.get_running_loop().call_soon(self._end_rest)

    def _end_rest(self) -> None:
        self._resting = False
        self._update_reading()

    def _update_reading(self) -> None:
        pause = self._reading_held or self._resting or bool(self._waiting)
        if pause == self._reading_paused or self._lost or self._transport.is_closing():
            return
        self._reading_paused = pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # ---- closing ------------------------------------------------------------------------------------------

    def cut(self, reason: str) -> None:
        """Break the connection off at once."""
        if not self._lost:
            self._lost = self._ignoring = True
            self._reason = reason
            if reason == PEER_SLOW:
                counter = "streams_cut_slow" if self._is_streaming() else "http_cut_slow"
                self._host.counters[counter] += 1
            self._transport.abort()

    def _finish(self) -> None:
        """Close as soon as everything is sent; whatever still comes in is dropped."""
        self._closing = self._ignoring = True
        self._mark()

    def _close_transport(self) -> None:
        transport = self._transport
        self._host.watch_stalled(self)
        if self._refusal is None or not transport.can_write_eof():
            transport.close()
            return
        # Closing now, with bytes unread, would reset the connection before the refusal has arrived.
        transport.write_eof()
        asyncio.get_running_loop().call_later(self.limits.linger_s, transport.abort)

    def _on_continue_expected(self) -> None:
        if not self.pending:
            self.emit(_CONTINUE)

    def _on_refused(self, refusal: Response) -> None:
        responder = Responder(self, _REFUSED)
        self.pending.append(responder)
        responder.send(refusal)

    def _on_malformed(self) -> None:
        self._reason = PEER_MALFORMED
        self._finish()

    def _on_late(self) -> None:
        self.cut(PEER_LATE)

    # ---- bugs ---------------------------------------------------------------------------------------------

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
