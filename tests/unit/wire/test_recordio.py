from __future__ import annotations

import pytest

from meseta.errors import WireError
from meseta.wire.recordio import Decoder, encode


def test_a_record_is_its_length_a_line_feed_and_its_bytes() -> None:
    assert encode(b"hello") == b"5\nhello"


def test_records_come_out_as_soon_as_they_are_complete() -> None:
    decoder = Decoder(record_bytes_max=100)
    assert decoder.feed(b"5\nhe") == []
    assert decoder.feed(b"llo3\na\nb1") == [b"hello", b"a\nb"]
    assert decoder.feed(b"") == []
    assert decoder.feed(b"0\n0123456789") == [b"0123456789"]
    decoder.finish()


@pytest.mark.parametrize(
    "stream",
    [
        b"\n",
        b"0\n",
        b"x\n",
        b"-1\nx",
        b"+1\nx",
        b" 1\nx",
        b"1 \nx",
        b"1\r\nx",
        b"0x1\nx",
        b"\xd9\xa1\nx",
        b"101\n",
        b"1_0\n",
    ],
)
def test_a_bad_header_is_an_error(stream: bytes) -> None:
    with pytest.raises(WireError):
        Decoder(record_bytes_max=100).feed(stream)


@pytest.mark.parametrize("stream", [b"1234", b"0000", b"{", b"12x"])
def test_a_header_that_can_come_to_no_good_is_an_error_before_it_ends(stream: bytes) -> None:
    with pytest.raises(WireError, match="expected the length of a record"):
        Decoder(record_bytes_max=100).feed(stream)


def test_the_limit_belongs_to_what_is_allowed() -> None:
    record = b"x" * 100
    assert Decoder(record_bytes_max=100).feed(encode(record)) == [record]


@pytest.mark.parametrize("stream", [b"5", b"5\n", b"5\nhell", b"1\nx5"])
def test_a_stream_that_ends_within_a_record_is_truncated(stream: bytes) -> None:
    decoder = Decoder(record_bytes_max=100)
    decoder.feed(stream)
    with pytest.raises(WireError, match="ended within a record"):
        decoder.finish()


def test_leading_zeros_are_read_as_long_as_the_header_stays_short() -> None:
    assert Decoder(record_bytes_max=100).feed(b"001\nx") == [b"x"]
