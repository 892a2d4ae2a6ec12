"""Messages in binary form from the traffic of a live Mesos."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import text_format
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

from meseta.wire.gen import agent_pb2, executor_pb2, internal_pb2, master_pb2, scheduler_pb2, scheduler_v0_pb2
from meseta.wire.gen._pool import POOL
from meseta.wire.json import from_json, to_dict, to_json

DATA = Path(__file__).parent / "data" / "wire_binary.jsonl"
MODULES = (agent_pb2, executor_pb2, internal_pb2, master_pb2, scheduler_pb2, scheduler_v0_pb2)


def recorded() -> Iterator[tuple[Message, bytes, str | None]]:
    for line in DATA.read_text().splitlines():
        row = json.loads(line)
        cls = GetMessageClass(POOL.FindMessageTypeByName(row["message"]))
        data = b64decode(row["body_b64"])
        yield cls.FromString(data), data, row.get("text")


def unknown_fields(message: Message) -> Iterator[tuple[str, int]]:
    """Yield the type and number of every field in `message` that the schema does not have."""
    for unknown in UnknownFieldSet(message):
        yield message.DESCRIPTOR.full_name, unknown.field_number
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        is_map = field.message_type.GetOptions().map_entry
        values = value.values() if is_map else [value] if isinstance(value, Message) else value
        for inner in values:
            if isinstance(inner, Message):
                yield from unknown_fields(inner)


def test_nothing_is_unknown_but_the_field_that_v1_dropped() -> None:
    found = {unknown for message, _, _ in recorded() for unknown in unknown_fields(message)}
    assert found == {("mesos.v1.AgentInfo", 7)}


def test_messages_come_out_as_they_went_in() -> None:
    # Maps have no order, and unknown fields move to the end: there only the length can be compared.
    for message, data, _ in recorded():
        assert len(message.SerializeToString()) == len(data), message.DESCRIPTOR.full_name
        assert type(message).FromString(message.SerializeToString()) == message


def test_names_and_numbers_belong_together_as_in_mesos() -> None:
    texts = 0
    for message, _, text in recorded():
        if text is not None and not any(unknown_fields(message)):
            assert text_format.Parse(text, type(message)()) == message
            texts += 1
    assert texts > 30


def test_json_says_the_same_as_the_binary_form() -> None:
    for message, _, _ in recorded():
        assert to_dict(from_json(type(message), to_json(message))) == to_dict(message)
