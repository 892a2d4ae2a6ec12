"""Where in the bytes of a message its own values are: the holes of a stencil (see `meseta.wire.stencils`).

Bytes are walked through field by field, as protobuf would: a tag that says which field comes and how it is
written, then the value, before which its length stands if it needs one. Into messages within the message the
walk goes only where something is sought. It trusts its bytes: protobuf has read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

NUMBER_BYTES_MAX = 4
"""Longer ones are unusual: not whatever could be said in so many bytes fits every type of number."""


class Kind(IntEnum):
    """Kinds of values that may be a message's own."""

    NUMBER = 0
    FIXED = 1
    BYTES = 2
    TEXT = 3

    @property
    def wire(self) -> int:
        """The wire type of protobuf's encoding."""
        return min(self, Kind.BYTES)


class Own(NamedTuple):
    """A field that may be a message's own. Values of one group that were the same must be so again."""

    path: str
    """The names of the fields that lead to it, such as `task_id.value`."""
    kind: Kind
    group: str = ""


Fields = Mapping[int, "Own | Fields"]
"""The fields of a message that may be its own, or have such in them, by number."""


class Hole(NamedTuple):
    """Where a message's own value is in its bytes."""

    own: Own
    start: int
    end: int


def own_fields(kind: type[Message], groups: Mapping[str, str]) -> Fields:
    """Return which fields may be a message's own, from their paths; each with its group, or ""."""
    return _own_fields(kind.DESCRIPTOR, groups, "")


def _own_fields(message: Any, groups: Mapping[str, str], within: str) -> Fields:
    """`message` is a descriptor, of which protobuf has two kinds."""
    fields: dict[int, Own | Fields] = {}
    for name in dict.fromkeys(path.partition(".")[0] for path in groups):
        field = message.fields_by_name[name]
        if name in groups:
            fields[field.number] = Own(within + name, _KINDS[field.type], groups[name])
        else:
            inner = {
                path.partition(".")[2]: group for path, group in groups.items() if path.startswith(f"{name}.")
            }
            fields[field.number] = _own_fields(field.message_type, inner, f"{within}{name}.")
    return fields


_KINDS = {
    FieldDescriptor.TYPE_UINT32: Kind.NUMBER,
    FieldDescriptor.TYPE_INT32: Kind.NUMBER,
    FieldDescriptor.TYPE_DOUBLE: Kind.FIXED,
    FieldDescriptor.TYPE_BYTES: Kind.BYTES,
    FieldDescriptor.TYPE_MESSAGE: Kind.BYTES,
    FieldDescriptor.TYPE_STRING: Kind.TEXT,
}


def find_holes(raw: bytes, fields: Fields) -> tuple[Hole, ...]:
    """Find the values that are its own in `raw`, a message that protobuf has read.

    None are found in what is unusual: a group, of which what is within looks as if it were not; a number that
    is too long for a hole, since it may be the one that counts; what was replaced and is not whole.
    """
    found: list[Hole] = []
    try:
        _find(raw, 0, len(raw), fields, found)
    except _UnusualError:
        return ()
    return tuple(found)


def read_number(value: bytes) -> int:
    """Return the number in a hole."""
    return _number(value, 0)[0]


class _UnusualError(Exception):
    """There is something in the bytes by which values might be taken for others."""


def _find(raw: bytes, at: int, end: int, fields: Fields, found: list[Hole]) -> None:
    while at < end:
        tag, at = _number(raw, at)
        start, at = _value(raw, at, tag & 7)
        if at > end:
            raise _UnusualError
        inner = fields.get(tag >> 3)
        if isinstance(inner, Own):
            if inner.kind.wire == tag & 7:
                if inner.kind is Kind.NUMBER and at - start > NUMBER_BYTES_MAX:
                    raise _UnusualError
                found.append(Hole(inner, start, at))
        elif inner is not None and tag & 7 == Kind.BYTES:
            _find(raw, start, at, inner, found)


def _value(raw: bytes, at: int, wire: int) -> tuple[int, int]:
    """Return where the value of a field begins and ends."""
    if wire == Kind.BYTES:
        size, at = _number(raw, at)
        return at, at + size
    if wire == Kind.NUMBER:
        return at, _number(raw, at)[1]
    if wire not in _SIZES:
        raise _UnusualError
    return at, at + _SIZES[wire]


_SIZES = {1: 8, 5: 4}
"""Of values of a fixed size, by their wire type."""


def _number(raw: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at `at`, and where it ends."""
    value = shift = 0
    while raw[at] > 0x7F:
        value |= (raw[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | raw[at] << shift, at + 1
