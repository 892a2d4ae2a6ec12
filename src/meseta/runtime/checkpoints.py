"""Checkpoint files, in the form of Mesos: written whole and renamed into place, or appended record by record.

A record is a 4-byte length in the machine's byte order and as many bytes, usually a protobuf message. A
file holds one (`slave.info`), a list, or a log that grows (`task.updates`). A machine that dies while it
appends leaves half a record at the end: reading stops before it, and a log cuts it off.
"""

from __future__ import annotations

import errno
import os
import sys
import tempfile
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
    """Give the file at `path`, such as `boot_id`, the content `text`; one that has it is left alone."""
    if read_text(path) != text:
        replace_file(path, text.encode())


def replace_file(path: str, data: bytes, *, durable: bool = False) -> None:
    """Give the file at `path` new content, so that a reader sees the old one or the new one.

    That holds after a power cut too; with `durable` it is the new one. (Mesos syncs neither.) Missing
    directories are made. Raises `OSError`.
    """
    directory = os.path.dirname(path) or "."
    changed = _make_directories(directory)
    fd, temporary = tempfile.mkstemp(dir=directory)
    try:
        with open(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.rename(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError):
            error.filename = path
        raise
    for each in changed if durable else ():
        _sync_directory(each)


def _make_directories(directory: str) -> list[str]:
    """Make what is missing; return, from the inside out, the directories that get a new entry with a file."""
    changed = [directory]
    while not os.path.isdir(changed[-1]):
        changed.append(os.path.dirname(changed[-1]) or ".")
    os.makedirs(directory, exist_ok=True)
    return changed


def _sync_directory(directory: str) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # which says that this file system needs or knows no such thing
            error.filename = directory
            raise
    finally:
        os.close(fd)


def append(path: str, data: bytes, flags: int = 0) -> None:
    """Add `data` to the file at `path` by one write. Raises OSError, and then the file is as it was.

    With O_EXCL the file is new. It needs no detour by another name: a reader takes one that is cut off for
    one that is not there. Others may not read it: what frameworks say of their tasks can be secret.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | flags, FILE_MODE)
    try:
        written = os.write(fd, data)
        if written < len(data):
            os.ftruncate(fd, os.fstat(fd).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        if flags & os.O_EXCL:
            os.unlink(path)
        error.filename = path
        raise
    finally:
        os.close(fd)


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


def recover_records(path: str) -> list[bytes]:
    """Return the complete records of a log, such as `task.updates`, and remove what a crash had cut off, so
    that the next one is appended in its place. Raises as `read_records`, and `OSError`."""
    found = read_records(path)
    if found.truncated:
        os.truncate(path, found.whole_bytes)
    return found.records


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


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
