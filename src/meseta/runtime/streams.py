"""What a handler holds to answer a request: one response, or a stream of chunks, or nothing at all.

Answers may be given at any time and in any order. A connection sends them in the order of its requests, so an
answer whose turn has not come is held as bytes. `Channel` is the side of the connection that does the
sending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from meseta.runtime.heads import Head
from meseta.runtime.http1 import (
    GZIP_BYTES_MIN,
    LAST_CHUNK,
    Response,
    encode_chunk,
    gzip_compress,
)
from meseta.runtime.limits import KIB, Limits

_COPY_BYTES_MAX = 64 * KIB  # longer bodies are not copied behind their head
_GZIP_INLINE_BYTES_MAX = 256 * KIB  # about 2 ms of compression; more is done beside the loop

# Why a peer will not get (the rest of) its answer.
PEER_LEFT = "peer"
PEER_SLOW = "slow"
PEER_MALFORMED = "malformed"
PEER_LATE = "timeout"
SERVER_CLOSED = "server"


class Channel(Protocol):
    """What an answer needs of its connection."""

    limits: Limits
    pending: list[Responder]
    """The requests that wait for their answer, or for the end of it, in the order in which they came."""

    def emit(self, data: bytes) -> None:
        """Send these bytes with this turn's others."""

    def advance(self) -> None:
        """The first of `pending` is done: go on with the next."""

    def cut(self, reason: str) -> None:
        """Break the connection off at once."""

    def hold_reading(self, hold: bool) -> None:
        """Stop or go on reading from the peer."""

    def acknowledges(self, within_s: float) -> bool:
        """Tell whether the peer's machine still answers: see `acknowledgements`."""


class Responder:
    """Answers one request, once: by `send`, `start_stream` or `abort`."""

    __slots__ = (
        "_channel",
        "_head",
        "_held",
        "_on_closed",
        "answered",
        "body_stream",
        "closed",
        "closed_reason",
        "closes",
        "done",
        "streams",
    )

    def __init__(self, channel: Channel, head: Head) -> None:
        self._channel = channel
        self._head = head
        self.closes = not head.keep_alive
        """Whether the connection ends after this answer."""
        self._held: bytearray | None = None
        self._on_closed: Callable[[str], None] | None = None
        self.body_stream: BodyStream | None = None
        self.answered = False
        self.streams = False
        self.done = False
        """Nothing will be added to what is held."""
        self.closed = False
        """The peer will not see an answer, or no more of it; sending is allowed and does nothing."""
        self.closed_reason = ""

    def send(self, response: Response) -> None:
        """Answer with a whole response, compressed if that pays and the peer admits it."""
        self._begin()
        if self.closed:
            return
        if self._head.admits_gzip and response.compressible and len(response.body) >= GZIP_BYTES_MIN:
            self._send_compressed(response)
        elif len(response.body) <= _COPY_BYTES_MAX or self._head.is_head:
            self._finish(response.encode(without_body=self._head.is_head))
        else:
            self._finish(response.encode(without_body=True), response.body)

    def start_stream(self, head: Response) -> ResponseStream:
        """Answer with the status and headers of `head`, then with chunks as they come."""
        self._begin()
        self.streams = True
        stream = ResponseStream(self)
        if not self.closed:
            if self._head.is_head:
                self._finish(head.encode_stream_head())
            else:
                self.push(head.encode_stream_head())
        return stream

    def abort(self) -> None:
        """Close the connection without an answer, after the answers to earlier requests."""
        self._begin()
        self.closes = True
        if not self.closed:
            self._finish()

    def on_closed(self, callback: Callable[[str], None]) -> None:
        """Call back with the reason if the peer leaves, or is cut off, before it has got the whole answer."""
        self._on_closed = callback
        if self.closed:
            callback(self.closed_reason)

    def push(self, data: bytes) -> None:
        """Add bytes to the answer; for streams."""
        channel = self._channel
        if channel.pending[0] is self:
            channel.emit(data)
        else:
            self._hold(data)
            if self._held and len(self._held) > channel.limits.stream_buffer_bytes_max:
                channel.cut(PEER_SLOW)

    def acknowledges(self, within_s: float) -> bool:
        """Tell whether the peer's machine still answers: see `acknowledgements`."""
        return self._channel.acknowledges(within_s)

    def finish_stream(self) -> None:
        """Send the last chunk."""
        self._finish(LAST_CHUNK)

    def release(self) -> None:
        """The turn has come: send what is held."""
        held, self._held = self._held, None
        if held:
            self._channel.emit(bytes(held))

    def lose(self, reason: str) -> None:
        """The connection is gone; called by it once, for answers that are not complete."""
        self.closed = True
        self.closed_reason = reason
        self._held = None
        if self._on_closed is not None:
            self._on_closed(reason)

    def _begin(self) -> None:
        assert not self.answered, "a request is answered once"
        self.answered = True

    def _finish(self, *pieces: bytes) -> None:
        channel = self._channel
        self.done = True
        if channel.pending[0] is self:
            for data in pieces:
                channel.emit(data)
            channel.advance()
        else:
            self._hold(*pieces)

    def _hold(self, *pieces: bytes) -> None:
        if self._held is None:
            self._held = bytearray()
        for data in pieces:
            self._held += data

    def _send_compressed(self, response: Response) -> None:
        if len(response.body) <= _GZIP_INLINE_BYTES_MAX:
            self._finish_compressed(response, gzip_compress(response.body))
            return
        loop = asyncio.get_running_loop()
        compression = loop.run_in_executor(None, gzip_compress, response.body)
        compression.add_done_callback(lambda done: self._finish_compressed(response, done.result()))

    def _finish_compressed(self, response: Response, body: bytes) -> None:
        if not self.closed:
            self._finish(response.encode_compressed(body, without_body=self._head.is_head))


class ResponseStream:
    """An answer that goes on until either side ends it."""

    __slots__ = ("_responder",)

    def __init__(self, responder: Responder) -> None:
        self._responder = responder

    @property
    def closed(self) -> bool:
        """Whether writing has no effect any more, because either side has ended the stream."""
        return self._responder.closed or self._responder.done

    def write(self, record: bytes) -> None:
        """Send one record, already framed, as one chunk."""
        if not self.closed:
            self._responder.push(encode_chunk(record))

    def acknowledges(self, within_s: float) -> bool:
        """Tell whether the peer's machine has acknowledged something of late, or has nothing left to."""
        return self._responder.acknowledges(within_s)

    def end(self) -> None:
        """End the body properly. The connection stays open unless the peer asked to close it."""
        if not self.closed:
            self._responder.finish_stream()

    def on_closed(self, callback: Callable[[str], None]) -> None:
        """Call back with the reason ("peer", "slow", "server", …) when the peer is gone; not after `end`."""
        self._responder.on_closed(callback)


class BodyStream:
    """The body of a request, passed on as it arrives.

    Pieces that come before anybody wants them are kept, and the peer is not read meanwhile.
    """

    __slots__ = ("_callback", "_channel", "_on_bug", "_paused", "_pieces")

    def __init__(self, channel: Channel, on_bug: Callable[[Exception], None]) -> None:
        self._channel = channel
        self._on_bug = on_bug
        self._callback: Callable[[bytes | None], None] | None = None
        self._pieces: list[bytes | None] = []
        self._paused = False

    def on_piece(self, callback: Callable[[bytes | None], None]) -> None:
        """Pass all pieces to `callback`, those that are kept at once; None is the end of the body."""
        self._callback = callback
        self._drain()

    def pause(self) -> None:
        """Keep further pieces, and stop reading from the peer."""
        self._paused = True
        self._channel.hold_reading(True)

    def resume(self) -> None:
        """Undo `pause`."""
        self._paused = False
        self._drain()

    def feed(self, piece: bytes | None) -> None:
        """Take a piece from the peer, or None at the end of the body; called by the connection."""
        if self._callback is None or self._paused or self._pieces:
            self._pieces.append(piece)
            self._channel.hold_reading(True)
        else:
            self._pass_on(piece)

    def discard(self) -> None:
        """The request is answered: nobody wants the rest of its body."""
        self._paused = False
        self.on_piece(_drop)

    def _drain(self) -> None:
        while self._pieces and self._callback is not None and not self._paused:
            self._pass_on(self._pieces.pop(0))
        if not self._pieces and not self._paused:
            self._channel.hold_reading(False)

    def _pass_on(self, piece: bytes | None) -> None:
        assert self._callback is not None
        try:
            self._callback(piece)
        except Exception as bug:
            self._on_bug(bug)


def _drop(piece: bytes | None) -> None:
    """The rest of a body that nobody wants."""
