"""The HTTP client for threads, against a server that says what the test wants, piece by piece."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from meseta.runtime.blocking_http import Connection

LIMIT_S = 60.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Played:
    """What the server was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.has_said = threading.Event()


@contextmanager
def server(*answers: list[bytes], closes: bool = True) -> Iterator[tuple[Connection, Played]]:
    """A connection to a server that takes a question of `?`s, and sends the next answer."""
    played, done = Played(), threading.Event()

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            for answer in answers:
                asked = b""
                while not asked.endswith(b"?"):
                    asked += peer.recv(1000)
                played.asked.append(asked)
                for piece in answer:
                    peer.sendall(piece)
            played.has_said.set()
            if not closes:
                done.wait(LIMIT_S)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        with closing(Connection(*listener.getsockname(), LIMIT_S)) as connection:
            try:
                yield connection, played
            finally:
                done.set()
                thread.join()


def test_questions_follow_each_other_on_one_connection() -> None:
    answers = [[HEAD % 3 + b"one"], [CHUNKED, b"2\r\ntw\r\n", b"1\r\no\r\n0\r\n", b"\r\n"], [HEAD % 0]]
    with server(*answers) as (connection, played):
        assert connection.post("/a", b"1?", b"", 100) == (200, b"one")
        assert connection.post("/b", b"?", b"X-Key: v\r\n", 100) == (200, b"two")
        assert connection.post("/c", b"?", b"", 100) == (200, b"")
    host = played.asked[0].split(b"\r\n")[1]
    assert played.asked[0] == b"POST /a HTTP/1.1\r\n%b\r\nContent-Length: 2\r\n\r\n1?" % host
    assert played.asked[1] == b"POST /b HTTP/1.1\r\n%b\r\nContent-Length: 1\r\nX-Key: v\r\n\r\n?" % host


def test_a_refusal_is_an_answer() -> None:
    with server([b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno"]) as (connection, _):
        assert connection.post("/", b"?", b"", 100) == (503, b"no")


@pytest.mark.parametrize(
    ("answer", "fault", "words"),
    [
        ([], ConnectionError, "has closed the connection"),
        ([HEAD % 5, b"half"], ConnectionError, "has closed the connection"),
        ([b"SSH-2.0\r\n\r\n"], ValueError, "does not speak HTTP"),
        ([HEAD % 200, bytes(200)], ValueError, "longer than 100 bytes"),
    ],
)
def test_what_is_no_answer_is_an_error(answer: list[bytes], fault: type[Exception], words: str) -> None:
    with server(answer) as (connection, _), pytest.raises(fault, match=words):
        connection.post("/", b"?", b"", 100)


def test_lines_come_as_they_are_sent() -> None:
    answer = [CHUNKED, b"6\r\none\ntw\r\n", b"2\r\no\n\r\n"]
    with server(answer, closes=False) as (connection, _):
        lines = connection.post_for_lines("/", b"?", b"", LIMIT_S, 100)
        assert [next(lines), next(lines)] == [b"one", b"two"]


def test_a_line_that_does_not_come_is_awaited_no_longer_than_asked() -> None:
    with server([CHUNKED], closes=False) as (connection, _), pytest.raises(TimeoutError):
        next(connection.post_for_lines("/", b"?", b"", 0.05, 100))


def test_a_line_has_its_limit() -> None:
    answer = [CHUNKED, b"c8\r\n", bytes(200), b"\r\n"]
    with server(answer) as (connection, _), pytest.raises(ValueError, match="longer than 100 bytes"):
        next(connection.post_for_lines("/", b"?", b"", LIMIT_S, 100))


def test_a_call_under_way_is_ended_from_another_thread() -> None:
    with server([CHUNKED], closes=False) as (connection, played):
        threading.Thread(target=lambda: played.has_said.wait(LIMIT_S) and connection.shut_down()).start()
        with pytest.raises(ConnectionError):
            next(connection.post_for_lines("/", b"?", b"", LIMIT_S, 100))
