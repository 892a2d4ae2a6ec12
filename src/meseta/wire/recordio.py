"""RecordIO: the framing of event streams.

A record is its length in bytes as decimal digits, a line feed, and that many bytes; nothing separates it from
the next one, and there are no empty records. Where a transport cuts the stream says nothing about records.
"""

from __future__ import annotations

from meseta.errors import WireError

_DIGITS = frozenset(b"0123456789")


def encode(record: bytes) -> bytes:
    """Frame one record, which must not be empty."""
    assert record, "RecordIO has no empty records"
    return b"%d\n%b" % (len(record), record)


class Decoder:
    """Cuts a stream into records. After an error the stream is lost: drop the decoder and the connection."""

    def __init__(self, record_bytes_max: int) -> None:
        self._record_bytes_max = record_bytes_max
        self._digits_max = len(str(record_bytes_max))
        self._buffer = bytearray()
        self._length: int | None = None  # of the record at the start of the buffer, once its header was read

    def feed(self, data: bytes) -> list[bytes]:
        """Take in the next piece of the stream; return the records that it completes.

        Raises WireError for a header that is no length, and for a length of zero or above the limit. Records
        that the same piece completed before the fault are lost with it.
        """
        self._buffer += data
        records = []
        start = 0
        while True:
            if self._length is None:
                end = self._buffer.find(b"\n", start, start + self._digits_max + 1)
                if end < 0:
                    self._check_unfinished_header(start)
                    break
                self._length = self._parse_length(bytes(self._buffer[start:end]))
                start = end + 1
            if len(self._buffer) - start < self._length:
                break
            records.append(bytes(self._buffer[start : start + self._length]))
            start += self._length
            self._length = None
        del self._buffer[:start]
        return records

    def finish(self) -> None:
        """Say that the stream has ended. Raises WireError if it ended within a record."""
        if self._buffer or self._length is not None:
            raise WireError(f"the stream ended within a record, after {len(self._buffer)} bytes of it")

    def _check_unfinished_header(self, start: int) -> None:
        header = bytes(self._buffer[start : start + self._digits_max + 1])
        if len(header) > self._digits_max or not _DIGITS.issuperset(header):
            raise self._bad_header(header)

    def _parse_length(self, header: bytes) -> int:
        if not header or not _DIGITS.issuperset(header):
            raise self._bad_header(header)
        length = int(header)
        if not 0 < length <= self._record_bytes_max:
            raise WireError(f"a record of {length} bytes; expected 1 to {self._record_bytes_max}")
        return length

    def _bad_header(self, header: bytes) -> WireError:
        limit = self._record_bytes_max
        return WireError(f"expected the length of a record, at most {limit}, and a line feed; got {header!r}")
