from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from meseta.errors import WireError
from meseta.wire.recordio import Decoder, encode

records_lists = st.lists(st.binary(min_size=1, max_size=40), max_size=8)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """Cut a stream at places, which may be beyond its end."""
    bounds = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(bounds)]


@given(records_lists, st.lists(st.integers(0, 1000), max_size=12))
def test_where_the_stream_is_cut_does_not_matter(records: list[bytes], places: list[int]) -> None:
    decoder = Decoder(record_bytes_max=40)
    pieces = cut(b"".join(map(encode, records)), places)
    assert [record for piece in pieces for record in decoder.feed(piece)] == records
    decoder.finish()


@given(
    st.lists(st.binary(max_size=20) | st.from_regex(rb"[0-9]{1,3}\n[ab]{0,9}", fullmatch=True), max_size=8)
)
def test_any_bytes_give_records_within_the_limit_or_a_wire_error(pieces: list[bytes]) -> None:
    decoder = Decoder(record_bytes_max=40)
    try:
        records = [record for piece in pieces for record in decoder.feed(piece)]
        decoder.finish()
    except WireError:
        return
    assert all(0 < len(record) <= 40 for record in records)
    assert b"".join(map(encode, records)).translate(None, b"0") == b"".join(pieces).translate(None, b"0")
