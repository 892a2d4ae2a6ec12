"""Attributes: facts about an agent that frameworks choose by, such as `rack:r1`.

Unlike resources they are never consumed. Their order is kept, and a name may occur several times.
Values of sets are accepted here; Mesos's agent aborts on them.
"""

from __future__ import annotations

import re
from enum import IntEnum

import msgspec

from meseta.errors import ConfigError
from meseta.resources import Ranges
from meseta.resources.values import Value, parse_value


class AttributeType(IntEnum):
    """How a value is meant; numbered as on the wire."""

    SCALAR = 0
    RANGES = 1
    SET = 2
    TEXT = 3


class Attribute(msgspec.Struct, frozen=True):
    """One fact. The type of the value follows from `type`, in the order of the alternatives."""

    name: str
    type: AttributeType
    value: float | Ranges | frozenset[str] | str


def parse_attributes(text: str) -> tuple[Attribute, ...]:
    """Return the attributes of a flag such as `rack:r1;slots:3;ports:[1-10];zones:{a,b}`.

    Pieces are separated by semicolons or newlines; whatever is no number, range or set is a text.
    Raises ConfigError with the piece that is wrong.
    """
    return tuple(_parse_one(piece) for piece in re.split("[;\n]", text) if piece)


def _parse_one(piece: str) -> Attribute:
    name, colon, value = piece.partition(":")
    if not (name and colon and value):
        raise ConfigError(f"Invalid attribute key:value pair '{piece}'; write name:value, such as rack:r1")
    try:
        parsed = parse_value(value)
    except ValueError as error:
        raise ConfigError(f"Failed to parse attribute '{name}' with value '{value}': {error}") from None
    return Attribute(name, _type_of(parsed), parsed)


def _type_of(value: Value) -> AttributeType:
    if isinstance(value, float):
        return AttributeType.SCALAR
    if isinstance(value, Ranges):
        return AttributeType.RANGES
    return AttributeType.SET if isinstance(value, frozenset) else AttributeType.TEXT
