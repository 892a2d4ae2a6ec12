"""From JSON values to what protobuf builds a message of: one function per message type, made at first use."""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from functools import partial
from math import isfinite
from typing import Any, NoReturn

import msgspec
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from meseta.wire.json_fields import Field, fields_of

DEPTH_MAX = 100
"""Messages within messages; no deeper one could be sent in binary form, where this is protobuf's limit."""

Reader = Callable[[Any, int], Any]
"""From a JSON value and the depth of its message to what protobuf takes; None leaves the field unset."""
READERS: dict[Descriptor, Reader] = {}


class RefusedError(Exception):
    """A value does not fit its field; the message says why."""


def _refuse(value: object, name: str) -> NoReturn:
    """Refuse a value of the wrong JSON type."""
    kinds = ((bool, "boolean"), (str, "string"), (list, "array"), (dict, "object"))
    kind = next((word for type_, word in kinds if isinstance(value, type_)), "number")
    raise RefusedError(f"Not expecting a JSON {kind} for field '{name}'")


def compile_reader(of: Descriptor, cache: dict[Descriptor, Reader]) -> Reader:
    table: dict[str, Reader] = {}

    def read(values: Mapping[str, Any], depth: int) -> dict[str, Any]:
        if depth > DEPTH_MAX:
            raise RefusedError(f"Not expecting more than {DEPTH_MAX} messages within each other")
        clean = {}
        for name, value in values.items():
            reader = table.get(name)
            if reader is not None and value is not None:
                read_value = reader(value, depth + 1)
                if read_value is not None:
                    clean[name] = read_value
        return clean

    cache[of] = read  # before the fields: a type may contain itself
    for _, field in fields_of(of):
        table[field.name] = _reader(field, cache)
    return read


def _reader(field: Field, cache: dict[Descriptor, Reader]) -> Reader:
    map_value = field.map_value
    if map_value is not None:
        return _reader_of_map(field.name, _reader_of_one(map_value, cache))
    one = _reader_of_one(field, cache)
    return _reader_of_many(one) if field.repeated else one


def _reader_of_many(one: Reader) -> Reader:
    def read(value: Any, depth: int) -> list[Any]:
        values = value if isinstance(value, list) else [value]
        read_values = [one(value, depth) for value in values if value is not None]
        return [value for value in read_values if value is not None]

    return read


def _reader_of_map(name: str, one: Reader) -> Reader:
    def read(value: Any, depth: int) -> dict[str, Any]:
        if not isinstance(value, dict):
            _refuse(value, name)
        read_values = {key: one(value, depth) for key, value in value.items() if value is not None}
        return {key: value for key, value in read_values.items() if value is not None}

    return read


def _reader_of_one(field: Field, cache: dict[Descriptor, Reader]) -> Reader:
    """Return what reads one value of a field."""
    if field.message is not None:
        return _message_reader(field.name, cache.get(field.message) or compile_reader(field.message, cache))
    if field.enum is not None:
        return _enum_reader(field.name, field.enum, field.required)
    return _SCALAR_READERS[field.type](field.name)


def _message_reader(name: str, read_message: Reader) -> Reader:
    def read(value: Any, depth: int) -> Any:
        return read_message(value, depth) if isinstance(value, dict) else _refuse(value, name)

    return read


def _enum_reader(name: str, of: EnumDescriptor, required: bool) -> Reader:
    numbers = {key: value.number for key, value in of.values_by_name.items()}

    def read(value: Any, _depth: int) -> int | None:
        number = numbers.get(value) if isinstance(value, str) else _refuse(value, name)
        if number is None and required:
            raise RefusedError(f"Failed to find enum for '{value}'")
        return number

    return read


def _text_reader(name: str) -> Reader:
    def read(value: Any, _depth: int) -> str:
        return value if isinstance(value, str) else _refuse(value, name)

    return read


def _bytes_reader(name: str) -> Reader:
    def read(value: Any, _depth: int) -> bytes:
        if not isinstance(value, str):
            _refuse(value, name)
        try:
            return a2b_base64(value, strict_mode=True)
        except (Base64Error, ValueError):
            return _decode_lenient(value, name)

    return read


_BASE64_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def _decode_lenient(value: str, name: str) -> bytes:
    """Decode base64 as Mesos does: white space does not count, the padding may be missing or too long."""
    digits = "".join(value.partition("=")[0].split())
    strange = next((digit for digit in digits if digit not in _BASE64_ALPHABET), None)
    if strange is not None:
        raise RefusedError(f"Failed to base64 decode bytes field '{name}': Invalid character '{strange}'")
    if len(digits) % 4 == 1:
        raise RefusedError(f"Failed to base64 decode bytes field '{name}': it ends in the middle of a byte")
    return a2b_base64(digits + "=" * (-len(digits) % 4))


def _bool_reader(name: str) -> Reader:
    def read(value: Any, _depth: int) -> bool:
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return bool(value == "true")
        if isinstance(value, str):
            raise RefusedError(f"Failed to parse '{value}' as a JSON boolean for field '{name}'")
        _refuse(value, name)

    return read


def _double_reader(name: str) -> Reader:
    def read(value: Any, _depth: int) -> float:
        if type(value) is float:
            return value
        if value in ("Infinity", "-Infinity"):
            return float(value)
        try:
            return float(_number(value, name))
        except OverflowError:
            raise RefusedError(f"The number for field '{name}' is out of range") from None

    return read


def _integer_reader(name: str, *, low: int, high: int) -> Reader:
    def read(value: Any, _depth: int) -> int:
        if type(value) is not int:
            value = _whole(_number(value, name), name)
        if not low <= value <= high:
            raise RefusedError(f"{value} is out of range for field '{name}', which holds {low} to {high}")
        return int(value)

    return read


def _whole(number: float, name: str) -> int:
    """Cut off the fraction, as Mesos does: clients that know only doubles write 5.0."""
    if not isfinite(number):
        raise RefusedError(f"The number for field '{name}' is out of range")
    return int(number)


def _number(value: Any, name: str) -> int | float:
    """Return a number that may be written as text."""
    if type(value) is int or type(value) is float:
        return value
    if not isinstance(value, str):
        _refuse(value, name)
    try:
        return msgspec.json.decode(value, type=int | float)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RefusedError(
            f"Failed to parse '{value}' as a JSON number for field '{name}': {error}"
        ) from None


_SCALAR_READERS: dict[int, Callable[[str], Reader]] = {
    FieldDescriptor.TYPE_STRING: _text_reader,
    FieldDescriptor.TYPE_BYTES: _bytes_reader,
    FieldDescriptor.TYPE_BOOL: _bool_reader,
    FieldDescriptor.TYPE_DOUBLE: _double_reader,
    FieldDescriptor.TYPE_FLOAT: _double_reader,
    FieldDescriptor.TYPE_INT32: partial(_integer_reader, low=-(1 << 31), high=(1 << 31) - 1),
    FieldDescriptor.TYPE_UINT32: partial(_integer_reader, low=0, high=(1 << 32) - 1),
    FieldDescriptor.TYPE_INT64: partial(_integer_reader, low=-(1 << 63), high=(1 << 63) - 1),
    FieldDescriptor.TYPE_UINT64: partial(_integer_reader, low=0, high=(1 << 64) - 1),
}
"""For the types that the schema uses."""
