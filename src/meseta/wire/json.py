"""Messages as JSON, the way Mesos writes and reads it.

This is not the JSON of proto3. Out: fields keep their schema names; an unset optional field with an explicit
default is written, unless it is deprecated; 64-bit integers are numbers, doubles always have a fraction or an
exponent, enumerations are names, bytes are base64, empty lists are left out. In: unknown fields at any
depth, `null` and unknown enumeration names are dropped; "5" is a number where one is expected and "true" a
boolean; one value counts as a list of one. Required fields are checked last, so that the answer names all
that are missing.

A message type is compiled at first use into a table from field to a small function, which calls the tables of
the fields' types. Out, the fields that are set are looked up in it. In, the table cleans the JSON object, and
protobuf builds the whole message from the clean object in one call, much faster than field by field.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from google.protobuf.message import Message

from meseta.errors import WireError
from meseta.wire.json_fields import compiled
from meseta.wire.json_reader import READERS, RefusedError, compile_reader
from meseta.wire.json_writer import WRITERS, compile_writer
from meseta.wire.missing import missing_fields

JSON_BYTES_MAX = 64 << 20
"""The largest text that is read; the same as Mesos's limit for a message."""

JSON_COMMAS_MAX = 2_000_000
"""Values take memory and time by their number, and there is a comma for nearly each."""

MessageT = TypeVar("MessageT", bound=Message)


class JsonError(WireError):
    """A JSON text does not form the message.

    `str` of it is the answer of the scheduler, executor and master APIs; `reason` that of the agent's
    operator API, which does not name the message.
    """

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


def to_dict(message: Message) -> dict[str, Any]:
    """Return `message` as a JSON object."""
    result: dict[str, Any] = compiled(WRITERS, message.DESCRIPTOR, compile_writer)(message)
    return result


def to_json(message: Message) -> bytes:
    """Return `message` as JSON text on one line."""
    return msgspec.json.encode(to_dict(message))


def from_json(cls: type[MessageT], data: bytes, bytes_max: int = JSON_BYTES_MAX) -> MessageT:
    """Read a message of type `cls` from JSON text. Raises JsonError, for any bytes."""
    try:
        value = value_of(data, bytes_max)
    except ValueError as error:
        text = f"Failed to parse body into JSON: {error}"
        raise JsonError(text, text) from None
    return from_dict(cls, value)


def value_of(data: bytes, bytes_max: int = JSON_BYTES_MAX) -> object:
    """Return the value that JSON text stands for. Raises ValueError, for any bytes that are none."""
    if len(data) > bytes_max:
        raise ValueError(f"{len(data)} bytes are more than the limit of {bytes_max}")
    if data.count(b",") > JSON_COMMAS_MAX:
        raise ValueError(f"more than the limit of {JSON_COMMAS_MAX} commas")
    try:
        value: object = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return value


def from_dict(cls: type[MessageT], value: object) -> MessageT:
    """Read a message of type `cls` from a decoded JSON value. Raises JsonError."""
    try:
        if not isinstance(value, dict):
            raise RefusedError("Expecting a JSON object")
        message = cls(**compiled(READERS, cls.DESCRIPTOR, compile_reader)(value, 1))
        if not message.IsInitialized():
            raise RefusedError(f"Missing required fields: {missing_fields(message)}")
    except (RefusedError, ValueError) as error:
        reason = str(error)
        text = f"Failed to convert JSON into {cls.DESCRIPTOR.name} protobuf: {reason}"
        raise JsonError(text, reason) from None
    return message
