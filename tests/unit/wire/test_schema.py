"""What the schema refuses by itself, before any code of ours looks at a message."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError

from meseta.errors import WireError
from meseta.wire.gen import internal_pb2, mesos_pb2, scheduler_pb2
from meseta.wire.missing import LISTED_MAX, missing_fields
from meseta.wire.parsing import parse
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
    with pytest.raises(WireError, match=r"not a mesos\.v1\.TaskInfo"):
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


def test_missing_fields_are_named_in_messages_lists_and_maps() -> None:
    message = internal_pb2.UpdateSlaveMessage()
    resource = message.oversubscribed_resources.add(name="disk")
    resource.disk.volume.source.csi_volume.static_provisioning.volume_context["key"] = "value"
    message.oversubscribed_resources.add()
    task = message.operations.operations.add().info.launch.task_infos.add(name="t")
    task.limits["cpus"].SetInParent()
    missing = missing_fields(message).split(", ")
    assert missing[0] == "slave_id"
    assert {"oversubscribed_resources[0].type", "oversubscribed_resources[1].name"} < set(missing)
    assert 'operations.operations[0].info.launch.task_infos[0].limits["cpus"].value' in missing
    assert "oversubscribed_resources[0].name" not in missing


def test_what_is_missing_has_a_bound() -> None:
    message = mesos_pb2.TaskInfo(name="t", resources=[{} for _ in range(10_000)])
    assert missing_fields(message).count(", ") == LISTED_MAX - 1
    assert missing_fields(mesos_pb2.TaskID(value="t")) == ""
