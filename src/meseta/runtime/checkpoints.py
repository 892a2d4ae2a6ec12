"""Checkpoint files, in the form of Mesos: written whole and renamed into place, or appended record by record.

A record is a 4-byte length in the machine's byte order and as many bytes, usually a protobuf message. A
file holds one (`slave.info`), a list, or a log that grows (`task.updates`). A machine that dies while it
appends leaves half a record at the end: reading stops before it, and a log cuts it off.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from typing import NamedTuple

from meseta.errors import MesetaError

RECORD_BYTES_MAX = 64 << 20
"""Above the 4 MB of a large TaskInfo by far: a longer record is taken for damage."""
FILE_MODE = 0o600
"""Of every checkpoint, as `mkstemp` makes those that are renamed into place."""


class CheckpointError(MesetaError):
    """A checkpoint file is damaged in a way that a crash does not explain."""


class Records(NamedTuple):
    """What a file of records holds; `whole_bytes` is where the last complete record ends."""

    records: list[bytes]
    whole_bytes: int
    truncated: bool


def frame(record: bytes) -> bytes:
    """Return `record` with its length before it."""
    return len(record).to_bytes(4, sys.byteorder) + record


def write_text(path: str, text: str) -> None:
    """Replace the file at `path`, such as `boot_id` or `forked.pid`, by `text`."""
    replace_file(path, text.encode())


def write_records(path: str, records: Iterable[bytes]) -> None:
    """Replace the file at `path` by these records."""
    replace_file(path, b"".join(map(frame, records)))


def replace_file(path: str, data: bytes, *, sync: bool = False) -> None:
    """Give the file at `path` new content, so that a reader sees the old one or the new one.

    Missing directories are made. With `sync` the content also survives a crash of the machine; Mesos does
    not do that by default, as a crash ends every task anyway. Raises `OSError`.
    """
    directory = os.path.dirname(path) or "."
    os.makedirs(directory, exist_ok=True)
    fd, temporary = tempfile.mkstemp(dir=directory)
    try:
        with open(fd, "wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    if sync:
        _sync_directory(directory)


def read_text(path: str) -> str | None:
    """Return the content of a text checkpoint, None if there is none."""
    data = _read(path)
    return None if data is None else data.decode(errors="replace")


def read_record(path: str) -> bytes | None:
    """Return the only record of the file at `path`; None if it is missing, or cut off by a crash."""
    records = read_records(path).records
    return records[0] if records else None


def read_records(path: str) -> Records:
    """Return the complete records of the file at `path`, none if it is missing.

    Raises `CheckpointError` for a record of impossible length: the file is then not what it should be.
    """
    data = _read(path)
    return Records([], 0, False) if data is None else split_records(data, path)


def split_records(data: bytes, path: str) -> Records:
    """Cut `data`, the content of `path`, into records."""
    records = []
    start = 0
    while len(data) - start >= 4:
        length = int.from_bytes(data[start : start + 4], sys.byteorder)
        if length > RECORD_BYTES_MAX:
            raise CheckpointError(f"{path} is damaged: at byte {start} a record of {length} bytes begins")
        if start + 4 + length > len(data):
            break
        records.append(data[start + 4 : start + 4 + length])
        start += 4 + length
    return Records(records, start, start < len(data))


class RecordLog:
    """A file of records that grows, such as `task.updates`; what a crash had cut off is gone.

    `recovered` holds the records that were there. Each append is one write, so that what is appended
    survives the death of this process; it is not synced.
    """

    __slots__ = ("_fd", "_path", "_size", "recovered")

    def __init__(self, path: str) -> None:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        self._path = path
        self.recovered = read_records(path)
        self._size = self.recovered.whole_bytes
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
        if self.recovered.truncated:
            os.ftruncate(self._fd, self._size)

    def append(self, record: bytes) -> None:
        """Add `record`; raises `OSError`, and then the file is as it was."""
        data = frame(record)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(data)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _sync_directory(directory: str) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
