"""From messages to JSON values: one function per message type, made at its first use."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from math import isfinite
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meseta.wire.json_fields import Field, fields_of

Writer = Callable[[Any], Any]
WRITERS: dict[Descriptor, Writer] = {}

WITH_EMPTY_LISTS = frozenset(
    f"mesos.v1.{api}.Response.{name}"
    for api in ("master", "agent")
    for name in ("GetAgents", "GetExecutors", "GetFrameworks", "GetTasks")
)
"""Messages that Mesos writes with their lists even where they are empty, so that clients need not ask."""


def compile_writer(of: Descriptor, cache: dict[Descriptor, Writer]) -> Writer:
    defaults: dict[str, Any] = {}
    table: dict[FieldDescriptor, tuple[str, Writer | None]] = {}
    lists: list[str] = []

    def write(message: Any) -> dict[str, Any]:
        out = defaults.copy()
        for field, value in message.ListFields():
            name, writer = table[field]
            out[name] = value if writer is None else writer(value)
        return out

    def write_with_lists(message: Any) -> dict[str, Any]:
        return {name: [] for name in lists} | write(message)

    writer = write_with_lists if of.full_name in WITH_EMPTY_LISTS else write
    cache[of] = writer  # before the fields: a type may contain itself
    for descriptor, field in fields_of(of):
        one = _writer_of_one(field, cache)
        table[descriptor] = (field.name, _writer_of_many(field, one, cache) if field.repeated else one)
        if field.default is not None and not field.deprecated:
            defaults[field.name] = field.default if one is None else one(field.default)
        if field.repeated and not field.deprecated:
            lists.append(field.name)
    return writer


def _writer_of_many(field: Field, one: Writer | None, cache: dict[Descriptor, Writer]) -> Writer:
    map_value = field.map_value
    if map_value is not None:
        return _writer_of_map(_writer_of_one(map_value, cache))
    if one is None:
        return list
    return lambda values: [one(value) for value in values]


def _writer_of_map(one: Writer | None) -> Writer:
    if one is None:
        return dict
    return lambda values: {key: one(value) for key, value in values.items()}


def _writer_of_one(field: Field, cache: dict[Descriptor, Writer]) -> Writer | None:
    """Return what writes one value of a field; None if the value is JSON already."""
    if field.message is not None:
        return cache.get(field.message) or compile_writer(field.message, cache)
    if field.enum is not None:
        return {number: value.name for number, value in field.enum.values_by_number.items()}.__getitem__
    return _SCALAR_WRITERS.get(field.type)


def _write_bytes(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode()


def _write_double(value: float) -> float | str:
    if isfinite(value):
        return value
    if value != value:
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


_SCALAR_WRITERS: dict[int, Writer] = {
    FieldDescriptor.TYPE_BYTES: _write_bytes,
    FieldDescriptor.TYPE_DOUBLE: _write_double,
    FieldDescriptor.TYPE_FLOAT: _write_double,
}
