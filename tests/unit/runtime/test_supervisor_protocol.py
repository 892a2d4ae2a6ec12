from __future__ import annotations

import pytest

from meseta.runtime.linux import supervision
from meseta.runtime.linux.supervision import (
    MESSAGE_BYTES_MAX,
    Decoder,
    Exited,
    Forget,
    FramingError,
    List,
    Listed,
    Rlimit,
    Running,
    Shutdown,
    Signal,
    Spawn,
    Spawned,
    SpawnFailed,
)

MESSAGES = [
    Spawn(
        "a", ("sh", "-c", "true"), {"A": "\udcff"}, "/", rlimits=(Rlimit("CORE", None, 0),), cgroups=("/c",)
    ),
    Signal("a", 15, True),
    Forget("ä"),
    List(),
    Shutdown(True),
    Spawned("a", 12),
    SpawnFailed("a", "Cannot start 'a': no", 2),
    Exited("a", None, 1.5),
    Listed(1, 7, (Running("a", 12, 0.5),), (Exited("b", 256, 1.5),)),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_survives_the_trip(message: supervision.Request | supervision.Report) -> None:
    (got,) = Decoder().feed(supervision.encode(message))
    assert got == message
    assert type(got) is type(message)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_stream_may_be_cut_anywhere(size: int) -> None:
    stream = b"".join(map(supervision.encode, MESSAGES))
    decoder = Decoder()
    got = [message for at in range(0, len(stream), size) for message in decoder.feed(stream[at : at + size])]
    assert got == MESSAGES


@pytest.mark.parametrize(
    "body", [b"", b"x", b"[]", b'["Nope"]', b'["Signal"]', b'{"Signal":1}', b'[["Signal"]]']
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(FramingError, match="not a message"):
        Decoder().feed(len(body).to_bytes(4, "big") + body)


def test_a_message_that_is_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(FramingError, match="exceeds"):
        Decoder().feed((MESSAGE_BYTES_MAX + 1).to_bytes(4, "big"))
    with pytest.raises(FramingError, match="exceeds"):
        supervision.encode(Forget("x" * MESSAGE_BYTES_MAX))
