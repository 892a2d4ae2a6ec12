"""Heads of requests, and the memory of those that came before.

Peers send the same head again and again: every call of a framework differs from the last one in its body
only, and so does every message from one process to another. A head that was parsed once is therefore found
again by its bytes, which is several times cheaper than parsing. What is remembered is what the parser made of
the same bytes, so both ways give the same request; whatever is out of the ordinary is left to the parser.

After a failover every agent sends a head of its own. Those all have the one form in which messages are
written, so such a head is not parsed the first time either, but read: again to what the parser would make of
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import httptools

from meseta.runtime.http1 import admits_gzip, split_target
from meseta.runtime.libprocess import (
    AGENT_PREFIX,
    Envelope,
    WrittenHead,
    is_message,
    read_envelope,
    read_head,
)

CHUNKED: Final = -1
"""As the length of a body: it comes in chunks."""

_HEADS_MAX = 4096
_HEAD_BYTES_MAX = 2048  # of a head that is worth remembering
_HEADER_NAMES_MAX = 1024

_header_names: dict[bytes, str] = {}


class Head:
    """Everything that a request says before its body. Shared between requests: do not change it."""

    __slots__ = (
        "admits_gzip",
        "body_bytes",
        "envelope",
        "headers",
        "is_head",
        "is_message",
        "keep_alive",
        "method",
        "path",
        "query",
        "target",
    )

    def __init__(self, method: str, target: str, headers: Mapping[str, str], *, keep_alive: bool) -> None:
        self.method = method
        self.target = target
        self.path, self.query = split_target(target)
        self.headers = headers
        self.keep_alive = keep_alive
        self.is_head = method == "HEAD"
        self.admits_gzip = "accept-encoding" in headers and admits_gzip(headers["accept-encoding"])
        self.is_message = is_message(method, headers)
        self.envelope: Envelope | None = read_envelope(target, headers) if self.is_message else None
        """Of a message; None if it is malformed."""
        self.body_bytes = CHUNKED if "transfer-encoding" in headers else int(headers.get("content-length", 0))

    @classmethod
    def of_message(cls, written: WrittenHead) -> Head:
        """Return what `__init__` makes of a message's head."""
        target, receiver, name, sender, host, chunked = written
        head = cls.__new__(cls)
        head.method = "POST"
        head.target = head.path = target
        head.query = ""
        head.headers = headers = {
            "user-agent": AGENT_PREFIX + sender,
            "libprocess-from": sender,
            "connection": "Keep-Alive",
            "host": host,
        }
        if chunked:
            headers["transfer-encoding"] = "chunked"
        head.is_message = head.keep_alive = True
        head.is_head = head.admits_gzip = False
        head.envelope = Envelope(receiver, sender, name)
        head.body_bytes = CHUNKED if chunked else 0
        return head


class HeadCollector:
    """The callbacks of the parser (httptools) until a head is complete."""

    __slots__ = ("_collected", "_url")

    def __init__(self) -> None:
        self._url = b""
        self._collected: dict[str, str] = {}

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes | None) -> None:
        try:
            key = _header_names[name]
        except KeyError:
            key = _learn_header_name(name)
        self._collected[key] = value.decode("latin-1") if value else ""

    def take_head(self, parser: Any) -> Head:
        """The head that has just ended; a moment later the parser forgets whether to keep the connection."""
        url, headers = self._url, self._collected
        self._url, self._collected = b"", {}
        method = parser.get_method().decode("ascii")
        return Head(method, url.decode("latin-1"), headers, keep_alive=parser.should_keep_alive())


class HeadMemory(dict[bytes, Head | None]):
    """From the bytes of a head, up to and with its empty line, to the head; None if only the parser will
    do. It is emptied when it is full."""

    def __init__(self, is_ordinary: Callable[[Head], bool]) -> None:
        """`is_ordinary` refuses heads that must not be found here."""
        super().__init__()
        self._is_ordinary = is_ordinary

    def __missing__(self, raw: bytes) -> Head | None:
        if len(raw) > _HEAD_BYTES_MAX:
            return None
        if len(self) >= _HEADS_MAX:
            self.clear()
        head = self[raw] = self._read(raw)
        return head

    def _read(self, raw: bytes) -> Head | None:
        written = read_head(raw)
        head = self._parse(raw) if written is None else Head.of_message(written)
        return head if head is not None and self._is_ordinary(head) else None

    def _parse(self, raw: bytes) -> Head | None:
        collector = _OneHead()
        try:
            collector.parser.feed_data(raw)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        finally:
            collector.parser = None  # they refer to each other
        head = collector.head
        if head is None:
            return None
        unusual = head.method == "CONNECT" or "upgrade" in head.headers or "content-encoding" in head.headers
        return None if unusual else head


class _OneHead(HeadCollector):
    """Collects the head that is all of what is parsed."""

    __slots__ = ("head", "parser")

    def __init__(self) -> None:
        super().__init__()
        self.head: Head | None = None
        self.parser: Any = httptools.HttpRequestParser(self)

    def on_headers_complete(self) -> None:
        self.head = self.take_head(self.parser)


def _learn_header_name(name: bytes) -> str:
    """The lower-case name; the first thousand different ones are remembered."""
    key = name.decode("latin-1").lower()
    if len(_header_names) < _HEADER_NAMES_MAX:
        _header_names[name] = key
    return key
