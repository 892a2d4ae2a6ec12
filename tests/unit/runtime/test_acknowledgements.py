"""What the kernel knows of the machine at the other end, asked of real connections on this one."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from meseta.runtime.acknowledgements import acknowledges

WITHIN_S = 0.0
"""Stricter than anybody asks: only what is owed counts."""
HANGS_S = 1.5
"""Covers several of the questions whether there is room again."""
LIMIT_S = 10.0


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection, of which the first is asked."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as far,
    ):
        near, _ = server.accept()
        with near:
            yield near, far


def test_who_was_sent_nothing_owes_nothing(ends: tuple[socket.socket, socket.socket]) -> None:
    near, _ = ends
    time.sleep(0.01)
    assert acknowledges(near, WITHIN_S)


def test_a_kernel_acknowledges_what_its_process_does_not_read(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    near, _ = ends
    near.send(b"unread")
    deadline = time.monotonic() + LIMIT_S
    while not acknowledges(near, WITHIN_S):  # it may take its time
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_that_hangs_with_no_room_left_is_not_gone(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    near, _ = ends
    near.setblocking(False)
    missed = longest = 0
    deadline = time.monotonic() + HANGS_S
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            while True:
                near.send(b"x" * 4096)
        time.sleep(0.05)
        missed = 0 if acknowledges(near, 0.05) else missed + 1
        longest = max(longest, missed)
    assert longest <= 2


def test_a_peer_on_this_machine_has_nothing_to_acknowledge() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.send(b"unread")
        assert acknowledges(near, WITHIN_S)


class Answers:
    """A kernel that tells these fields of `struct tcp_info`."""

    def __init__(self, *, probes: int = 0, unacked: int = 0, last_ack_recv: int = 0) -> None:
        head = bytes((1, 0, 0, probes, 0, 0, 0, 0))  # 8 fields of one byte, then words, `rto` the first
        words = [0] * 24
        words[4], words[12] = unacked, last_ack_recv
        self._info = head + struct.pack("=24I", *words)

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option) == (socket.IPPROTO_TCP, socket.TCP_INFO)
        return self._info[:size]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Answers(last_ack_recv=60_000), True),
        (Answers(unacked=1, last_ack_recv=180), True),
        (Answers(unacked=1, last_ack_recv=181), False),
        (Answers(probes=1, last_ack_recv=5_000), True),
        (Answers(probes=2, last_ack_recv=180), True),
        (Answers(probes=2, last_ack_recv=5_000), False),
    ],
)
def test_silence_is_what_is_owed_for_too_long(told: Answers, expected: bool) -> None:
    assert acknowledges(told, 0.18) is expected
