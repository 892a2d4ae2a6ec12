"""HTTP/1.1 as bytes: requests, responses, and the small codecs that both ends share. No sockets here.

The order of headers in a response is the order that Mesos sends: `Date` first (after `Content-Encoding`, if
the body is compressed), then `Content-Length` before or after the other headers, depending on which part of
Mesos answers; a stream has `Transfer-Encoding` in the place of `Content-Length`.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from meseta.runtime.heads import Head
    from meseta.runtime.streams import BodyStream

GZIP_BYTES_MIN = 1024
"""Shorter bodies are not worth compressing (libprocess has the same bound)."""

LAST_CHUNK = b"0\r\n\r\n"

_GZIP_WINDOW = 31  # zlib's way to say: 32 KiB window with a gzip header
_GZIP_LEVEL = 1  # state is repetitive JSON: higher levels cost several times more and save little
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SEPARATORS = re.compile("[;&]")


class Request:
    """What a peer asked. Header names are lower case; of a header that came twice the last one counts."""

    __slots__ = ("body", "body_stream", "headers", "keep_alive", "method", "path", "peer", "query", "target")

    def __init__(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        keep_alive: bool = True,
        peer: tuple[str, int] = ("", 0),
    ) -> None:
        self.method = method
        self.target = target
        self.path, self.query = split_target(target)
        """As sent, not decoded: see `decode_path` and `parse_query`."""
        self.headers = headers
        """Shared with other requests that have the same head."""
        self.body = body
        """De-chunked and decompressed. Empty if the body is streamed."""
        self.keep_alive = keep_alive
        self.peer = peer
        """Address and port; `("", 0)` on a Unix socket."""
        self.body_stream: BodyStream | None = None
        """Set if the server was told to stream the body of this request."""

    @classmethod
    def with_head(cls, head: Head, body: bytes, peer: tuple[str, int]) -> Request:
        """A request whose head is already taken apart."""
        request = cls.__new__(cls)
        request.method = head.method
        request.target = head.target
        request.path = head.path
        request.query = head.query
        request.headers = head.headers
        request.body = body
        request.keep_alive = head.keep_alive
        request.peer = peer
        request.body_stream = None
        return request

    def on_body(self, callback: Callable[[bytes | None], None]) -> None:
        """Have the pieces of a streamed body passed to `callback` as they come, then None at its end."""
        assert self.body_stream is not None, "only a streamed body comes in pieces"
        self.body_stream.on_piece(callback)


class Response:
    """An answer. Immutable: its bytes are made once a second, so keep the ones that you send often."""

    __slots__ = ("_encoded", "_fields", "body", "compressible", "headers", "length_first", "status")

    def __init__(
        self,
        status: int,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
        *,
        compressible: bool = True,
        length_first: bool = False,
    ) -> None:
        """`headers` without Date, Content-Length, Content-Encoding and Transfer-Encoding.

        `length_first` puts Content-Length before the other headers, as Mesos does in its v0 JSON answers.
        Raises ValueError for a header that would not stay on its line.
        """
        self.status = status
        self.headers = headers
        self.body = body
        self.compressible = compressible
        self.length_first = length_first
        self._fields = _encode_fields(headers)
        self._encoded = (b"", b"")

    def encode(self, *, without_body: bool = False) -> bytes:
        """The bytes to send, dated now; `without_body` the head alone."""
        date = date_field()
        if without_body:
            return b"%b%b%b" % (_status_line(self.status), date, self._head_fields(len(self.body)))
        if self._encoded[0] is not date:
            head = (_status_line(self.status), date, self._head_fields(len(self.body)), self.body)
            self._encoded = (date, b"%b%b%b%b" % head)
        return self._encoded[1]

    def encode_compressed(self, body: bytes, *, without_body: bool = False) -> bytes:
        """The bytes to send if `body` is what `gzip_compress` made of our body."""
        head = _status_line(self.status) + b"Content-Encoding: gzip\r\n"
        shown = b"" if without_body else body
        return b"%b%b%b%b" % (head, date_field(), self._head_fields(len(body)), shown)

    def encode_stream_head(self) -> bytes:
        """The head of an endless chunked answer; the body is not sent."""
        chunked = b"Transfer-Encoding: chunked\r\n"
        return b"%b%b%b%b\r\n" % (_status_line(self.status), date_field(), chunked, self._fields)

    def _head_fields(self, length: int) -> bytes:
        """All headers after Date, with the empty line."""
        if self.length_first:
            return b"Content-Length: %d\r\n%b\r\n" % (length, self._fields)
        return b"%bContent-Length: %d\r\n\r\n" % (self._fields, length)


def text_response(status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """A sentence for a person, in the form in which Mesos reports errors."""
    return Response(status, (*headers, ("Content-Type", "text/plain; charset=utf-8")), text.encode())


def encode_chunk(data: bytes) -> bytes:
    """One chunk of a chunked body. Empty data would end the body, so it is refused."""
    assert data, "an empty chunk ends the body"
    return b"%x\r\n%b\r\n" % (len(data), data)


def split_target(target: str) -> tuple[str, str]:
    """Path and query of a request target; a scheme and authority before it, and a fragment, are dropped."""
    if "#" in target:
        target = target.partition("#")[0]
    path, _, query = target.partition("?")
    if path[:1] != "/" and "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path, query


def decode_path(path: str) -> str | None:
    """Undo percent-encoding (and `+` for a space, as libprocess does); None if an escape is malformed.

    Bytes that are not UTF-8 survive as surrogates, which is how Python names such files.
    """
    if "%" not in path and "+" not in path:
        return path
    if _BAD_ESCAPE.search(path):
        return None
    return unquote_to_bytes(path.replace("+", " ")).decode("utf-8", "surrogateescape")


def parse_query(query: str) -> dict[str, str] | None:
    """The fields of a query, of repeated ones the last; None if an escape is malformed.

    Mesos closes the connection without an answer in that case.
    """
    fields: dict[str, str] = {}
    for token in _SEPARATORS.split(query):
        if token:
            name, _, value = token.partition("=")
            decoded_name, decoded_value = decode_path(name), decode_path(value)
            if decoded_name is None or decoded_value is None:
                return None
            fields[decoded_name] = decoded_value
    return fields


def admits_gzip(accept_encoding: str) -> bool:
    """Whether this `Accept-Encoding` lists gzip, or `*`, with a weight above zero."""
    weights = {}
    for entry in accept_encoding.lower().replace(" ", "").replace("\t", "").split(","):
        coding, _, parameters = entry.partition(";")
        weights[coding] = _weight(parameters)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def gzip_compress(body: bytes) -> bytes:
    """The body as one gzip member."""
    compressor = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW)
    return compressor.compress(body) + compressor.flush()


def gzip_decompress(body: bytes, bytes_max: int) -> bytes | None:
    """Undo gzip; None if it would give more than `bytes_max`. Raises ValueError if it is not gzip."""
    decompressor = zlib.decompressobj(_GZIP_WINDOW)
    try:
        data = decompressor.decompress(body, bytes_max + 1)
    except zlib.error as error:
        raise ValueError(f"not gzip: {error}") from None
    if len(data) > bytes_max:
        return None
    if not decompressor.eof:
        raise ValueError("not gzip: it ends too early")
    return data


_date = (0, b"")


def date_field() -> bytes:
    """The Date header of this second."""
    global _date
    now = int(time.time())
    if _date[0] != now:
        _date = (now, f"Date: {formatdate(now, usegmt=True)}\r\n".encode())
    return _date[1]


def _weight(parameters: str) -> float:
    """The `q` among the parameters of an encoding; one that is not a number counts as zero."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


@lru_cache(maxsize=64)
def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n".encode()


@lru_cache(maxsize=256)
def _encode_fields(headers: tuple[tuple[str, str], ...]) -> bytes:
    for name, value in headers:
        if "\r" in value or "\n" in value:
            raise ValueError(f"the header {name} has a line break in its value {value!r}")
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1", "replace")


ACCEPTED = Response(202)
NOT_FOUND = text_response(404, "404 Not Found.")
