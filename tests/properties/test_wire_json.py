from __future__ import annotations

from typing import Any

import msgspec
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from meseta.wire.gen import agent_pb2, executor_pb2, mesos_pb2, quota_pb2, scheduler_pb2
from meseta.wire.json import JsonError, from_dict, from_json, to_dict, to_json
from meseta.wire.json_fields import Field, fields_of

OPTIONAL_FIELDS_MAX = 3
DEPTH_MAX = 5

ONE_OF_EACH_KIND: list[type[Message]] = [
    scheduler_pb2.Call,
    scheduler_pb2.Event,
    executor_pb2.Call,
    executor_pb2.Event,
    agent_pb2.Response,
    quota_pb2.QuotaConfig,
    mesos_pb2.TaskInfo,
    mesos_pb2.TaskStatus,
    mesos_pb2.Resource,
]

SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: st.text(max_size=5),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=5),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
}


def draw_value(draw: st.DrawFn, field: Field, depth: int) -> Any:
    if field.message is not None:
        return draw_fields(draw, field.message, depth + 1)
    if field.enum is not None:
        return draw(st.sampled_from([value.number for value in field.enum.values]))
    return draw(SCALARS[field.type])


def draw_field(draw: st.DrawFn, field: Field, depth: int) -> Any:
    if field.map_value is not None:
        keys = draw(st.lists(st.text(max_size=3), max_size=2))
        return {key: draw_value(draw, field.map_value, depth) for key in keys}
    if field.repeated:
        return [draw_value(draw, field, depth) for _ in range(draw(st.integers(0, 2)))]
    return draw_value(draw, field, depth)


def draw_fields(draw: st.DrawFn, of: Descriptor, depth: int) -> dict[str, Any]:
    """Draw all required and some optional fields of a message type, as protobuf's constructor takes them."""
    fields = {field.name: field for _, field in fields_of(of)}
    required = [name for name, field in fields.items() if field.required]
    optional = [name for name in fields if name not in required]
    chosen = []
    if optional and depth < DEPTH_MAX:
        chosen = draw(st.lists(st.sampled_from(optional), max_size=OPTIONAL_FIELDS_MAX, unique=True))
    return {name: draw_field(draw, fields[name], depth) for name in [*required, *chosen]}


@st.composite
def messages(draw: st.DrawFn) -> Message:
    cls = draw(st.sampled_from(ONE_OF_EACH_KIND))
    return cls(**draw_fields(draw, cls.DESCRIPTOR, 1))


@given(messages())
@settings(max_examples=200)
def test_what_was_written_is_read_again(message: Message) -> None:
    again = from_json(type(message), to_json(message))
    assert to_dict(again) == to_dict(message)
    assert msgspec.json.decode(to_json(message)) == to_dict(message)


@given(messages())
@settings(max_examples=200)
def test_protobuf_reads_what_we_write_as_we_do(message: Message) -> None:
    written = to_dict(message)
    assert json_format.ParseDict(written, type(message)()) == from_dict(type(message), written)


@given(messages())
@settings(max_examples=200)
def test_we_read_what_protobuf_writes(message: Message) -> None:
    written = json_format.MessageToDict(message, preserving_proto_field_name=True)
    assert from_dict(type(message), written) == message


FIELD_NAMES = st.sampled_from([field.name for cls in ONE_OF_EACH_KIND for field in cls.DESCRIPTOR.fields])
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1", "true", "AA=="]),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(FIELD_NAMES | st.just("value"), values, max_size=4)
    ),
    max_leaves=12,
)


@given(st.sampled_from(ONE_OF_EACH_KIND), JSON_VALUES)
@settings(max_examples=200)
def test_any_value_gives_a_whole_message_or_a_json_error(cls: type[Message], value: object) -> None:
    try:
        message = from_dict(cls, value)
    except JsonError:
        return
    assert message.IsInitialized()
    assert cls.FromString(message.SerializeToString()) == message


@given(st.binary(max_size=40))
@settings(max_examples=200)
def test_any_bytes_give_a_message_or_a_json_error(data: bytes) -> None:
    try:
        from_json(scheduler_pb2.Call, data)
    except JsonError:
        return


@given(messages(), st.integers(min_value=0), st.binary(min_size=1, max_size=1))
@settings(max_examples=200)
def test_a_spoilt_text_gives_a_message_or_a_json_error(message: Message, place: int, byte: bytes) -> None:
    text = to_json(message)
    place %= len(text)
    try:
        from_json(type(message), text[:place] + byte + text[place + 1 :])
    except JsonError:
        return


@given(st.binary(max_size=60))
@settings(max_examples=200)
def test_whatever_protobuf_accepts_can_be_written(data: bytes) -> None:
    try:
        message = mesos_pb2.TaskStatus.FromString(data)
    except DecodeError:
        return
    assert isinstance(to_json(message), bytes)
