"""Reading messages shallowly (`shallow.proto`): ids, and what is remembered by its bytes."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.message import DecodeError

from meseta.errors import WireError
from meseta.wire.parsing import parse
from meseta.wire.splice import field

ABSENT = b"-"
"""The default in `shallow.proto`."""

REMEMBERED_MAX = 10_000
"""Entries of a memory; then it is emptied."""
REMEMBERED_BYTES_MAX = 4096
"""What is longer is not remembered."""

KeyT = TypeVar("KeyT", bytes, tuple[bytes, ...])
ValueT = TypeVar("ValueT")

_ONE_BYTE_LENGTHS = {len(head): head[:2] for head in (field(1, bytes(length)) for length in range(1, 128))}
"""How an id begins, by its length: the tag and the length of its text, if there is nothing else in it."""


def read_id(kind: type[Any], raw: bytes) -> str:
    """Return the text in a message of an id."""
    if raw[:2] == _ONE_BYTE_LENGTHS.get(len(raw)):
        try:
            return raw[2:].decode()
        except UnicodeDecodeError:
            pass  # As with all else that is unusual, let it be refused in the usual words.
    value: str = parse(kind, raw).value
    return value


def parse_shallow(shallow_kind: type[Any], kind: type[Any], raw: bytes) -> Any:
    """Parse a message shallowly; what is wrong with it is told in the words of its own type."""
    try:
        return shallow_kind.FromString(raw)
    except DecodeError as fault:
        parse(kind, raw)
        raise WireError(f"not a {kind.DESCRIPTOR.full_name}: {fault}") from None


def remember(memory: dict[KeyT, ValueT], key: KeyT, value: ValueT, size: int) -> None:
    """Keep a value for bytes of this size, if they are not too many."""
    if size <= REMEMBERED_BYTES_MAX:
        if len(memory) >= REMEMBERED_MAX:
            memory.clear()
        memory[key] = value
