"""Bytes of messages that no honest peer would send: well-formed as protobuf, and otherwise as bad as can be.

They are written field by field from the descriptors, because protobuf itself would refuse much of this:
texts that are not UTF-8, enum values that do not exist, fields of the wrong kind. `known` says which ids
exist where the message goes, so that some get past the first check.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from meseta.wire.json_fields import Field, fields_of

DEPTH_MAX = 9
NUMBERS = (0.0, -0.0, 0.001, 1.0, 1.5, -1.0, 0.0004, 1e9, 1e300, 5e-324, float("inf"), float("nan"))
INTEGERS = (0, 1, 7, -1, 2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63), 2**64 - 1, 10**9)
TEXTS = (
    b"",
    b"a",
    b"web",
    b"web/x",
    b"*",
    b".",
    b"..",
    b"../../etc",
    b"a/b",
    b"a\\b",
    b"\x00",
    b"a\nb",
    b"\x7f",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    "é\u2028\U0001f600".encode(),
    b"x" * 300,
    b"9" * 5000,
    b"%s{0}$HOME",
    b"slave(1)@10.0.1.1:5051",
    b"@0.0.0.0:0",
    b"a@b:99999",
    b"a@b:" + b"9" * 5000,
    b"1.2.3",
)
UUIDS = (b"", b"u" * 16, bytes([1] * 6 + [0x40] + [7] * 9), b"x" * 17, b"\x00" * 200)

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_fields: dict[str, list[tuple[FieldDescriptor, Field]]] = {}


class Hostile:
    """Writes messages; `known` holds ids by the full name of their message, names of resources and such."""

    def __init__(self, source: random.Random, known: Mapping[str, Sequence[bytes]] | None = None) -> None:
        self.random = source
        self.known = known or {}

    def message(self, of: Descriptor, *, honesty: float = 0.9, depth: int = 0, **forced: bytes) -> bytes:
        """The bytes of a message. Each thing in it is as it should be with a chance of `honesty`.

        `forced` are the bytes of fields, by name, that are not left to chance.
        """
        parts = []
        for field, facts in _fields_of(of):
            if field.name in forced:
                parts.append(_tagged(field.number, _BYTES, forced[field.name]))
                continue
            for _ in range(self._count(facts, depth, honesty)):
                parts.append(self._field(field, honesty, depth))
        if self.random.random() > honesty:
            self.random.shuffle(parts)
        if self.random.random() > honesty:
            parts.append(_tagged(self.random.choice([1, 2, 500, 536_870_911]), _BYTES, b"\x08\x01"))
        return b"".join(parts)

    def spoiled(self, message: Message, *, honesty: float) -> bytes:
        """The bytes of `message` in which each field is lost, replaced or joined by others now and then."""
        of = message.DESCRIPTOR
        present = {field.name: value for field, value in message.ListFields()}
        parts = []
        for field, facts in _fields_of(of):
            if field.name not in present:
                if self.random.random() > honesty:
                    parts.append(self._field(field, honesty, DEPTH_MAX - 3))
                continue
            value = present[field.name]
            many = facts.repeated and facts.map_value is None
            for one in value if many else [value]:
                parts.append(self._spoiled_field(field, facts, one, honesty))
        return b"".join(parts)

    def _spoiled_field(self, field: FieldDescriptor, facts: Field, value: Any, honesty: float) -> bytes:
        if self.random.random() > honesty:
            return self.random.choice([b"", self._field(field, honesty, DEPTH_MAX - 3)])
        if facts.message is not None and facts.map_value is None:
            return _tagged(field.number, _BYTES, self.spoiled(value, honesty=honesty))
        alone = field.containing_type._concrete_class()
        if facts.repeated:
            target = getattr(alone, field.name)
            target.MergeFrom(value) if facts.map_value is not None else target.append(value)
        else:
            setattr(alone, field.name, value)
        return bytes(alone.SerializePartialToString())

    def _count(self, field: Field, depth: int, honesty: float) -> int:
        """How often a field is there."""
        if field.required:
            return 1 if self.random.random() < (1 + honesty) / 2 else 0
        if depth >= DEPTH_MAX or self.random.random() > 0.7 / (1 + depth):
            return 0
        if field.repeated:
            return self.random.choice([1, 1, 1, 2, 2, 30])
        return 1

    def _field(self, field: FieldDescriptor, honesty: float, depth: int) -> bytes:
        if self.random.random() > (9 + honesty) / 10:
            return _tagged(field.number, _VARINT, _varint(self.random.choice(INTEGERS)))
        if field.message_type is not None:
            inner = self.message(field.message_type, honesty=honesty, depth=depth + 1)
            return _tagged(field.number, _BYTES, inner)
        if field.enum_type is not None:
            return _tagged(field.number, _VARINT, _varint(self._enum(field, honesty)))
        return self._scalar(field, honesty)

    def _enum(self, field: FieldDescriptor, honesty: float) -> int:
        numbers = [value.number for value in field.enum_type.values]
        return self.random.choice(numbers if self.random.random() < honesty else [-1, 0, 99, 2**31 - 1])

    def _scalar(self, field: FieldDescriptor, honesty: float) -> bytes:
        honest = self.random.random() < honesty
        if field.type == FieldDescriptor.TYPE_STRING:
            return _tagged(field.number, _BYTES, self._text(field, honest))
        if field.type == FieldDescriptor.TYPE_BYTES:
            known = self.known.get(field.name)
            return _tagged(field.number, _BYTES, self.random.choice(known if honest and known else UUIDS))
        if field.type == FieldDescriptor.TYPE_DOUBLE:
            value = self.random.choice((0.1, 1.0, 32.0) if honest else NUMBERS)
            return _tagged(field.number, _FIXED64, struct.pack("<d", value))
        if field.type == FieldDescriptor.TYPE_FLOAT:
            return _tagged(field.number, _FIXED32, struct.pack("<f", self.random.choice((0.0, 1.0))))
        value = self.random.choice((0, 1, 5)) if honest else self.random.choice(INTEGERS)
        return _tagged(field.number, _VARINT, _varint(value))

    def _text(self, field: FieldDescriptor, honest: bool) -> bytes:
        owner: Any = field.containing_type
        for name in (f"{owner.full_name}.{field.name}", owner.full_name, field.name):
            if honest and self.known.get(name):
                return self.random.choice(self.known[name])
        return self.random.choice((b"a", b"b", b"web")) if honest else self.random.choice(TEXTS)


def mangled(source: random.Random, body: bytes) -> bytes:
    """A few bytes of `body` changed, lost or repeated."""
    data = bytearray(body)
    for _ in range(source.randrange(4)):
        at = source.randrange(len(data) + 1)
        kind = source.randrange(4)
        if kind == 0:
            del data[at : at + source.randrange(9)]
        elif kind == 1:
            data[at:at] = data[at - source.randrange(9) : at]
        elif kind == 2:
            data[at : at + 1] = bytes([source.randrange(256)])
        else:
            del data[at:]
    return bytes(data)


def nested(of: Descriptor, path: Sequence[str], levels: int) -> bytes:
    """A message whose recursive field, at the end of `path`, contains itself `levels` deep."""
    fields = []
    for name in path:
        fields.append(of.fields_by_name[name].number)
        of = of.fields_by_name[name].message_type
    body = b""
    for _ in range(levels):
        body = _tagged(fields[-1], _BYTES, body)
    for number in reversed(fields[:-1]):
        body = _tagged(number, _BYTES, body)
    return body


def _fields_of(of: Descriptor) -> list[tuple[FieldDescriptor, Field]]:
    known = _fields.get(of.full_name)
    if known is None:
        known = _fields[of.full_name] = list(fields_of(of))
    return known


def _tagged(number: int, kind: int, value: bytes) -> bytes:
    head = _varint(number << 3 | kind)
    return head + (_varint(len(value)) if kind == _BYTES else b"") + value


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
