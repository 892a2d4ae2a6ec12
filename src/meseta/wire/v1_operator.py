"""Answers of the v1 operator APIs, put together from parts that are encoded already.

A large answer is thousands of objects, few of which have changed since the last request. So each object is
encoded by itself, in JSON or in protobuf, and kept; an answer joins the parts. That works in both formats:
the bytes of a protobuf message are the concatenation of the bytes of its fields.

    Form.JSON / Form.PROTOBUF    one(message) -> part;  join(message, field=part or parts, …) -> part
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from google.protobuf.message import Message

from meseta.wire import json
from meseta.wire.gen import agent_pb2 as a
from meseta.wire.gen import master_pb2 as ma
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.splice import varint

Part = bytes
Parts = Part | list[Part]


class Form(ABC):
    """One of the two formats of answers."""

    as_json: bool

    @abstractmethod
    def one(self, message: Message) -> Part:
        """Encode a message."""

    @abstractmethod
    def join(self, message: Message, fields: Mapping[str, Parts]) -> Part:
        """Encode `message` with more fields, whose values are encoded: one message, or a list of them."""


class JsonForm(Form):
    """Answers in JSON. A list that is joined in is written even if it is empty."""

    as_json = True

    def one(self, message: Message) -> Part:
        """Encode a message."""
        return json.to_json(message)

    def join(self, message: Message, fields: Mapping[str, Parts]) -> Part:
        """Encode `message` with more fields."""
        shown: dict[str, Any] = json.to_dict(message)
        for name, parts in fields.items():
            raw = msgspec.Raw
            shown[name] = raw(parts) if isinstance(parts, bytes) else [raw(part) for part in parts]
        return msgspec.json.encode(shown)


class ProtobufForm(Form):
    """Answers in protobuf."""

    as_json = False

    def one(self, message: Message) -> Part:
        """Encode a message."""
        return message.SerializePartialToString()

    def join(self, message: Message, fields: Mapping[str, Parts]) -> Part:
        """Encode `message` with more fields."""
        pieces = [message.SerializePartialToString()]
        for name, parts in fields.items():
            tag = varint(message.DESCRIPTOR.fields_by_name[name].number << 3 | 2)
            for part in (parts,) if isinstance(parts, bytes) else parts:
                pieces += (tag, varint(len(part)), part)
        return b"".join(pieces)


JSON = JsonForm()
PROTOBUF = ProtobufForm()

Response = type[ma.Response] | type[a.Response]


def answer(form: Form, response: Response, field: str, part: Part) -> bytes:
    """Return a whole response, of the type that belongs to `field`."""
    message = response(type=response.Type.Value(field.upper()))  # type: ignore[arg-type]
    return form.join(message, {field: part})


def health(form: Form, response: Response) -> bytes:
    """Return the answer to GET_HEALTH: whoever answers is well."""
    return answer(form, response, "get_health", form.one(response.GetHealth(healthy=True)))


def flags(form: Form, response: Response, values: Mapping[str, str]) -> bytes:
    """Return the answer to GET_FLAGS."""
    body = response.GetFlags(flags=[m.Flag(name=name, value=values[name]) for name in sorted(values)])
    return answer(form, response, "get_flags", form.one(body))


def version(form: Form, response: Response, info: m.VersionInfo) -> bytes:
    """Return the answer to GET_VERSION."""
    return answer(form, response, "get_version", form.one(response.GetVersion(version_info=info)))


def metrics(form: Form, response: Response, values: Mapping[str, float]) -> bytes:
    """Return the answer to GET_METRICS."""
    body = response.GetMetrics(metrics=[m.Metric(name=name, value=values[name]) for name in sorted(values)])
    return answer(form, response, "get_metrics", form.one(body))


def logging_level(form: Form, response: Response, level: int) -> bytes:
    """Return the answer to GET_LOGGING_LEVEL."""
    body = response.GetLoggingLevel(level=level)
    return answer(form, response, "get_logging_level", form.one(body))


def file_list(form: Form, response: Response, infos: Iterable[m.FileInfo]) -> bytes:
    """Return the answer to LIST_FILES."""
    return answer(form, response, "list_files", form.one(response.ListFiles(file_infos=infos)))


def file_part(form: Form, response: Response, size: int, data: bytes) -> bytes:
    """Return the answer to READ_FILE."""
    return answer(form, response, "read_file", form.one(response.ReadFile(size=size, data=data)))
