"""HTTP/1.1 for threads that may block: one connection, one question after the other.

`http.client` would do, but for a parser of mail that it reads headers with: that took more time than all else
of a call to a service near by.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httptools

READ_BYTES = 256 * 1024


class Connection:
    """A connection to one server. Every method raises OSError, and ValueError if HTTP is not what comes."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        """Connect. `timeout_s` is for this, and for each silence of the server."""
        self._host = f"{host}:{port}".encode()
        self._socket = socket.create_connection((host, port), timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: bytes, headers: bytes, answer_max: int) -> tuple[int, bytes]:
        """Return status and body of the answer. `headers` are whole lines; `answer_max` is in bytes."""
        answer = self._ask(path, body, headers)
        pieces, size = [], 0
        for piece in self._pieces(answer):
            pieces.append(piece)
            size += len(piece)
            if size > answer_max:
                raise ValueError(f"an answer is longer than {answer_max} bytes")
        return answer.status, b"".join(pieces)

    def post_for_lines(
        self, path: str, body: bytes, headers: bytes, wait_s: float, line_max: int
    ) -> Iterator[bytes]:
        """Return the lines of an answer as they come, for as long as none takes longer than `wait_s`."""
        self._socket.settimeout(wait_s)
        rest = b""
        for piece in self._pieces(self._ask(path, body, headers)):
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
            if len(rest) > line_max:
                raise ValueError(f"a line is longer than {line_max} bytes")

    def shut_down(self) -> None:
        """Let a call under way in another thread fail."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Break the connection."""
        self._socket.close()

    def _ask(self, path: str, body: bytes, headers: bytes) -> _Answer:
        head = b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Length: %d\r\n%b\r\n"
        self._socket.sendall(head % (path.encode(), self._host, len(body), headers) + body)
        return _Answer()

    def _pieces(self, answer: _Answer) -> Iterator[bytes]:
        while not answer.is_complete:
            data = self._socket.recv(READ_BYTES)
            if not data:
                raise ConnectionError("the server has closed the connection")
            answer.feed(data)
            if answer.pieces:
                yield b"".join(answer.pieces)
                answer.pieces.clear()


class _Answer:
    """What the parser calls back."""

    def __init__(self) -> None:
        self.status = 0
        self.is_complete = False
        self.pieces: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as fault:
            raise ValueError(f"the server does not speak HTTP: {fault}") from None

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        self.pieces.append(data)

    def on_message_complete(self) -> None:
        self.is_complete = True
