"""Bounds on everything that a peer can make an HTTP server hold."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server takes. Over a limit the peer is refused or cut off, and counted."""

    connections_max: int = 60_000
    head_bytes_max: int = 64 * KIB
    """Of a request line with headers, also of chunk extensions and trailers. Over it: 431."""
    body_bytes_max: int = 64 * MIB
    """Of one request, also after decompression. Over it: 413."""
    unfinished_bytes_max: int = 512 * MIB
    """Of all bodies that have begun and not ended. Over it: 503 to the one that grows."""
    pipelined_max: int = 128
    """Requests of one connection that wait for an answer; further ones are not read, nor handled."""
    stream_buffer_bytes_max: int = 16 * MIB
    """What a stream may hold for a peer that does not read. A peer that has more than that unread when there
    is something new to write is cut off; one write of any size to a peer that keeps up is fine."""
    head_timeout_s: float = 30.0
    """From the first byte of a request to the end of its headers."""
    body_timeout_s: float = 60.0
    """Between two pieces of a body."""
    stall_timeout_s: float = 60.0
    """How long a peer may read nothing of an answer that waits for it. Streams are bounded in bytes
    instead."""
    silence_timeout_s: float = 60.0
    """How long the machine of a peer may acknowledge nothing of what it was sent, before the connection is
    broken off. It ends the streams to machines that are gone without a word."""
    linger_s: float = 2.0
    """How long the rest of a refused request is read and dropped, so that the refusal arrives."""
