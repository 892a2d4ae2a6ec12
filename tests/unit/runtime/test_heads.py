"""The memory of heads: what is found in it, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meseta.runtime.heads import CHUNKED, Head, HeadMemory
from meseta.runtime.libprocess import Envelope, Pid, encode_head, encode_message, read_head


def memory() -> HeadMemory:
    return HeadMemory(lambda head: head.path != "/special")


def test_a_head_is_parsed_once_and_found_again() -> None:
    heads = memory()
    raw = b"POST /a?b HTTP/1.1\r\nHost: x\r\nHOST: y\r\nContent-Length: 5\r\nAccept-Encoding: gzip\r\n\r\n"
    head = heads[raw]
    assert head is not None
    assert (head.method, head.target, head.path, head.query) == ("POST", "/a?b", "/a", "b")
    assert head.headers == {"host": "y", "content-length": "5", "accept-encoding": "gzip"}
    assert (head.body_bytes, head.keep_alive, head.admits_gzip, head.is_message) == (5, True, True, False)
    assert heads[bytes(bytearray(raw))] is head


def test_a_message_has_its_envelope() -> None:
    line = b"POST /slave%281%29/a.B HTTP/1.1\r\n"
    head = memory()[line + b"Libprocess-From: x@1.2.3.4:5\r\nTransfer-Encoding: chunked\r\n\r\n"]
    assert head is not None
    assert head.envelope == Envelope("slave(1)", "x@1.2.3.4:5", "a.B")
    assert head.body_bytes == CHUNKED


@pytest.mark.parametrize(
    ("raw", "keeps_alive"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_whether_the_connection_stays(raw: bytes, keeps_alive: bool) -> None:
    head = memory()[raw]
    assert head is not None
    assert head.keep_alive is keeps_alive


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"GET /special HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 3000 + b"\r\n\r\n",
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_parser(raw: bytes) -> None:
    heads = memory()
    assert heads[raw] is None
    assert heads[raw] is None


def test_the_memory_is_emptied_when_it_is_full() -> None:
    heads = memory()
    raws = [b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(5000)]
    found: list[Head | None] = [heads[raw] for raw in raws]
    assert all(found)
    assert list(heads) == raws[4096:]


SENDERS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
NAMES = st.from_regex(r"[A-Za-z0-9_.]{1,20}", fullmatch=True)
RECEIVERS = st.from_regex(r"[A-Za-z0-9_.()%+-]{1,20}", fullmatch=True)
HOSTS = st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True)
ADDRESSES = st.builds(Pid, RECEIVERS, HOSTS, st.integers(1, 65535))
INSERTED = st.sampled_from([b"", b" ", b"\r\n", b"/", b"?", b"%", b"x", b"\xe9", b":"])
SLIPS = st.tuples(st.floats(0, 1), INSERTED)


@given(ADDRESSES, SENDERS, NAMES, st.booleans(), st.none() | SLIPS)
def test_what_is_read_is_what_the_parser_would_make_of_it(
    receiver: Pid, sender: str, name: str, has_body: bool, slip: tuple[float, bytes] | None
) -> None:
    raw = encode_message(encode_head(receiver, sender, name), b"x" if has_body else b"")
    raw = raw[: raw.index(b"\r\n\r\n") + 4]
    if slip is not None:
        at = int(slip[0] * (len(raw) - 4))
        raw = raw[:at] + slip[1] + raw[at:]
    written = read_head(raw)
    if slip is None:
        assert (written is not None) == ({"%", "+"}.isdisjoint(receiver.id)), raw
    if written is not None:
        parsed = memory()._parse(raw)
        assert parsed is not None
        read = Head.of_message(written)
        assert {of: getattr(read, of) for of in Head.__slots__} == {
            of: getattr(parsed, of) for of in Head.__slots__
        }


def test_messages_are_read_as_they_are_written() -> None:
    sender = "slave(1)@10.0.0.2:5051"
    begun = encode_head(Pid("master", "10.0.0.1", 5050), sender, "mesos.internal.PongSlaveMessage")
    raw, alone = begun + b"Transfer-Encoding: chunked\r\n\r\n", begun + b"\r\n"
    assert read_head(raw) == (
        "/master/mesos.internal.PongSlaveMessage",
        "master",
        "mesos.internal.PongSlaveMessage",
        sender,
        "10.0.0.1:5050",
        "Transfer-Encoding: chunked\r\n",
    )
    written = read_head(alone)
    assert written is not None
    assert written[5] is None, "no body follows"
    assert read_head(alone.replace(b"Keep-Alive", b"close")) is None
    assert read_head(alone.replace(b"-From: ", b"-From: x")) is None, "they do not say the same sender"
