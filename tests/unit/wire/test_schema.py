"""What the schema refuses by itself, before any code of ours looks at a message."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError

from meseta.errors import WireError
from meseta.wire.gen import mesos_pb2, scheduler_pb2
from meseta.wire.scheduler_calls import parse
from tests.properties.hostile import nested


def test_texts_are_utf8() -> None:
    with pytest.raises(DecodeError):
        mesos_pb2.TaskID.FromString(b"\n\x02a\xff")
    with pytest.raises(DecodeError):
        mesos_pb2.TaskID.FromString(b"\n\x03\xed\xa0\x80")
    assert mesos_pb2.TaskID.FromString("\n\x02é".encode()).value == "é"


def test_keys_of_maps_are_utf8() -> None:
    number = mesos_pb2.TaskInfo.DESCRIPTOR.fields_by_name["limits"].number
    entry = bytes([number << 3 | 2, 4]) + b"\n\x02\xff\xfe"
    with pytest.raises(WireError, match="not a mesos.v1.TaskInfo"):
        parse(mesos_pb2.TaskInfo, entry)


def test_data_is_any_bytes() -> None:
    task = mesos_pb2.TaskInfo(data=b"\xff\x00")
    assert mesos_pb2.TaskInfo.FromString(task.SerializePartialToString()).data == b"\xff\x00"


def test_an_unknown_enum_value_is_no_value_but_is_passed_on() -> None:
    call = scheduler_pb2.Call.FromString(b"\x10\x63")
    assert not call.HasField("type")
    assert call.SerializeToString() == b"\x10\x63"


def test_messages_within_messages_have_a_bound() -> None:
    deep = nested(mesos_pb2.ContainerID.DESCRIPTOR, ["parent"], 20_000)
    with pytest.raises(WireError):
        parse(mesos_pb2.ContainerID, deep)
