"""Process ids and the envelopes of messages."""

from __future__ import annotations

import pytest

from meseta.runtime.libprocess import (
    Envelope,
    Pid,
    encode_head,
    encode_message,
    is_message,
    parse_pid,
    read_envelope,
)


@pytest.mark.parametrize(
    ("text", "pid"),
    [
        ("master@10.0.0.1:5050", Pid("master", "10.0.0.1", 5050)),
        ("slave(1)@agent.example.org:5051", Pid("slave(1)", "agent.example.org", 5051)),
        ("@0.0.0.0:0", None),
        ("master@10.0.0.1", None),
        ("master@10.0.0.1:", None),
        ("master@10.0.0.1:65536", None),
        ("master@10.0.0.1:0", None),
        ("10.0.0.1:5050", None),
        ("a b@10.0.0.1:5050", None),
        ("a/b@10.0.0.1:5050", None),
        ("a%20b@10.0.0.1:5050", None),
        ("master HTTP/1.1\r\nX: @10.0.0.1:5050", None),
        ("master@10.0.0.1:5050\n", None),
        ("mäster@10.0.0.1:5050", None),
        ("", None),
    ],
)
def test_only_pids_that_can_be_addressed_are_pids(text: str, pid: Pid | None) -> None:
    assert parse_pid(text) == pid


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("POST", {"libprocess-from": "a@1.2.3.4:5"}, True),
        ("POST", {"user-agent": "libprocess/a@1.2.3.4:5"}, True),
        ("POST", {"user-agent": "curl/8"}, False),
        ("POST", {"user-agent": "x libprocess/a@1.2.3.4:5"}, False),
        ("GET", {"libprocess-from": "a@1.2.3.4:5"}, False),
        ("POST", {}, False),
    ],
)
def test_messages_are_told_from_calls(method: str, headers: dict[str, str], expected: bool) -> None:
    assert is_message(method, headers) is expected


@pytest.mark.parametrize(
    ("target", "headers", "envelope"),
    [
        ("/master/a.B", {"libprocess-from": " x@1.2.3.4:5 "}, Envelope("master", "x@1.2.3.4:5", "a.B")),
        ("/slave%281%29/a.B", {"libprocess-from": "x"}, Envelope("slave(1)", "x", "a.B")),
        ("/master/a/b", {"libprocess-from": "x"}, Envelope("master", "x", "a/b")),
        ("/master", {"libprocess-from": "x"}, Envelope("master", "x", "")),
        ("/master/a?q", {"user-agent": "libprocess/y"}, Envelope("master", "y", "a")),
        (
            "/master/a",
            {"user-agent": "libprocess/y", "libprocess-from": "x"},
            Envelope("master", "x", "a"),
        ),
        ("/ma%zz/a", {"libprocess-from": "x"}, None),
        ("*", {"libprocess-from": "x"}, None),
    ],
)
def test_envelopes(target: str, headers: dict[str, str], envelope: Envelope | None) -> None:
    assert read_envelope(target, headers) == envelope


def test_an_empty_message_is_a_head_only() -> None:
    head = encode_head(Pid("master", "10.0.0.1", 5050), "slave(1)@10.0.0.2:5051", "mesos.internal.Pong")
    assert encode_message(head, b"") == (
        b"POST /master/mesos.internal.Pong HTTP/1.1\r\n"
        b"User-Agent: libprocess/slave(1)@10.0.0.2:5051\r\n"
        b"Libprocess-From: slave(1)@10.0.0.2:5051\r\n"
        b"Connection: Keep-Alive\r\n"
        b"Host: 10.0.0.1:5050\r\n\r\n"
    )
    assert encode_message(head, b"x" * 26).endswith(
        b"Transfer-Encoding: chunked\r\n\r\n1a\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n"
    )
