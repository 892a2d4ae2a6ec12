"""Which required fields a message lacks.

protobuf can list them too (`FindInitializationErrors`), but crashes the process on some messages with maps,
and has no bound on what it lists: a peer could choose both.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from meseta.wire.json_fields import Field, fields_of

LISTED_MAX = 100
"""Fields that are named; further ones are not looked for."""


def missing_fields(message: Message) -> str:
    """Name what is missing, such as `a.b, a.c[0].d, a.e["key"].f`; empty if nothing is."""
    if message.IsInitialized():
        return ""
    return ", ".join(islice(_missing(message, ""), LISTED_MAX))


def _missing(message: Message, prefix: str) -> Iterator[str]:
    fields = _fields(message.DESCRIPTOR)
    for field in fields.values():
        if field.required and not message.HasField(field.name):
            yield prefix + field.name
    for descriptor, value in message.ListFields():
        field = fields[descriptor.name]
        for index, inner in _inner(field, value):
            yield from _missing(inner, f"{prefix}{field.name}{index}.")


def _inner(field: Field, value: Any) -> Iterator[tuple[str, Message]]:
    """The messages in a field, each with its place in there."""
    of_map = field.map_value
    if field.message is None or (of_map is not None and of_map.message is None):
        return
    if of_map is not None:
        for key, one in value.items():
            yield f'["{key}"]', one
    elif field.repeated:
        for number, one in enumerate(value):
            yield f"[{number}]", one
    else:
        yield "", value


@cache
def _fields(of: Descriptor) -> dict[str, Field]:
    """The fields of a type by name; there are only so many types."""
    return {field.name: field for _, field in fields_of(of)}
