from __future__ import annotations

import json
import math
from typing import Any

import pytest

from meseta.wire.gen import executor_pb2, mesos_pb2, scheduler_pb2
from meseta.wire.json import JsonError, from_dict, from_json

CALL = scheduler_pb2.Call


def refusal(cls: Any, value: object) -> str:
    with pytest.raises(JsonError) as caught:
        from_dict(cls, value)
    assert (
        str(caught.value)
        == f"Failed to convert JSON into {cls.DESCRIPTOR.name} protobuf: {caught.value.reason}"
    )
    return caught.value.reason


def test_a_call_is_read() -> None:
    call = from_json(CALL, b'{"type":"KILL","framework_id":{"value":"f"},"kill":{"task_id":{"value":"t"}}}')
    assert call == CALL(type="KILL", framework_id={"value": "f"}, kill={"task_id": {"value": "t"}})


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"type":', b"{} x", b"nul", b"\xff", b'{"a":"\xff"}', b'"\\ud800"', b"[" * 5000]
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(JsonError, match=r"^Failed to parse body into JSON: ") as caught:
        from_json(CALL, body)
    assert caught.value.reason == str(caught.value)


def test_a_body_above_the_limit_is_refused() -> None:
    body = b'{"type":"REVIVE"}'
    assert from_json(CALL, body, bytes_max=len(body)).type == CALL.REVIVE
    with pytest.raises(JsonError, match="17 bytes are more than the limit of 16"):
        from_json(CALL, body, bytes_max=16)


@pytest.mark.parametrize("value", [[], "x", 5, 1.5, True, None])
def test_what_is_no_object_is_refused(value: object) -> None:
    assert refusal(CALL, value) == "Expecting a JSON object"


def test_all_missing_fields_are_named() -> None:
    value = {
        "type": "ACKNOWLEDGE",
        "acknowledge": {},
        "reconcile": {"tasks": [{"task_id": {"value": "t"}}, {}]},
    }
    assert refusal(CALL, value) == (
        "Missing required fields: acknowledge.agent_id, acknowledge.task_id, acknowledge.uuid, "
        "reconcile.tasks[1].task_id"
    )


def test_unknown_fields_are_ignored_at_any_depth() -> None:
    value = {
        "type": "KILL",
        "slave": 1,
        "kill": {"task_id": {"value": "t", "more": [1]}, "slave_id": {"value": "x"}},
    }
    assert from_dict(CALL, value) == CALL(type="KILL", kill={"task_id": {"value": "t"}})


def test_null_is_unset() -> None:
    value = {
        "type": "DECLINE",
        "framework_id": None,
        "decline": {"offer_ids": [None, {"value": "o"}], "filters": None},
    }
    assert from_dict(CALL, value) == CALL(type="DECLINE", decline={"offer_ids": [{"value": "o"}]})


def test_one_value_counts_as_a_list_of_one() -> None:
    value = {"decline": {"offer_ids": {"value": "o"}}, "revive": {"roles": "web"}}
    assert from_dict(CALL, value) == CALL(decline={"offer_ids": [{"value": "o"}]}, revive={"roles": ["web"]})


def test_a_null_entry_of_a_map_is_unset() -> None:
    value = {"offer_filters": {"a": {}, "b": None}, "user": "", "name": ""}
    assert list(from_dict(mesos_pb2.FrameworkInfo, value).offer_filters) == ["a"]


@pytest.mark.parametrize(
    ("written", "read"), [(5, 5), ("5", 5), (5.0, 5), (5.9, 5), ("5.0", 5), (-1, -1), (2**63 - 1, 2**63 - 1)]
)
def test_integers(written: object, read: int) -> None:
    assert from_dict(mesos_pb2.TimeInfo, {"nanoseconds": written}).nanoseconds == read


@pytest.mark.parametrize("written", [2**63, -(2**63) - 1, 1e300, "1e300", math.inf, math.nan])
def test_integers_out_of_range_are_refused(written: object) -> None:
    assert "out of range" in refusal(mesos_pb2.TimeInfo, {"nanoseconds": written})


def test_a_negative_number_is_no_unsigned_one() -> None:
    assert refusal(mesos_pb2.Value.Range, {"begin": -1, "end": 1}) == (
        "-1 is out of range for field 'begin', which holds 0 to 18446744073709551615"
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [(1, 1.0), (1.5, 1.5), ("1.5", 1.5), ("1e3", 1000.0), ("Infinity", math.inf), ("-Infinity", -math.inf)],
)
def test_doubles(written: object, read: float) -> None:
    assert from_dict(mesos_pb2.Value.Scalar, {"value": written}).value == read


@pytest.mark.parametrize("written", ["abc", "", "1x", "NaN", "[1]", "true", "[" * 5000])
def test_text_that_is_no_number_is_refused(written: str) -> None:
    reason = refusal(mesos_pb2.Value.Scalar, {"value": written})
    assert reason.startswith(f"Failed to parse '{written}' as a JSON number for field 'value': ")


def test_a_number_too_large_for_a_double_is_refused() -> None:
    assert (
        refusal(mesos_pb2.Value.Scalar, {"value": 10**400}) == "The number for field 'value' is out of range"
    )


@pytest.mark.parametrize(
    ("written", "read"), [(True, True), (False, False), ("true", True), ("false", False)]
)
def test_booleans(written: object, read: bool) -> None:
    assert from_dict(mesos_pb2.CommandInfo, {"shell": written}).shell is read


def test_other_text_is_no_boolean() -> None:
    assert refusal(mesos_pb2.CommandInfo, {"shell": "yes"}) == (
        "Failed to parse 'yes' as a JSON boolean for field 'shell'"
    )


@pytest.mark.parametrize(
    ("cls", "value", "reason"),
    [
        (CALL, {"type": 1}, "Not expecting a JSON number for field 'type'"),
        (CALL, {"framework_id": "f"}, "Not expecting a JSON string for field 'framework_id'"),
        (CALL, {"framework_id": []}, "Not expecting a JSON array for field 'framework_id'"),
        (mesos_pb2.TaskID, {"value": {}}, "Not expecting a JSON object for field 'value'"),
        (mesos_pb2.TaskID, {"value": 5}, "Not expecting a JSON number for field 'value'"),
        (mesos_pb2.TimeInfo, {"nanoseconds": True}, "Not expecting a JSON boolean for field 'nanoseconds'"),
        (mesos_pb2.Value.Scalar, {"value": False}, "Not expecting a JSON boolean for field 'value'"),
        (mesos_pb2.CommandInfo, {"shell": 1}, "Not expecting a JSON number for field 'shell'"),
        (mesos_pb2.UUID, {"value": 1}, "Not expecting a JSON number for field 'value'"),
        (
            scheduler_pb2.OfferConstraints,
            {"role_constraints": []},
            "Not expecting a JSON array for field 'role_constraints'",
        ),
    ],
)
def test_the_wrong_kind_of_value_is_refused(cls: Any, value: object, reason: str) -> None:
    assert refusal(cls, value) == reason


def test_an_unknown_name_of_an_optional_enumeration_is_dropped() -> None:
    assert not from_dict(CALL, {"type": "revive"}).HasField("type")
    info = from_dict(
        mesos_pb2.FrameworkInfo,
        {"user": "", "name": "", "capabilities": [{"type": "MULTI_ROLE"}, {"type": "TELEPATHY"}]},
    )
    assert [c.HasField("type") for c in info.capabilities] == [True, False]


def test_an_unknown_name_of_a_required_enumeration_is_refused() -> None:
    assert refusal(mesos_pb2.Resource, {"name": "cpus", "type": "BLOB"}) == "Failed to find enum for 'BLOB'"


@pytest.mark.parametrize("written", ["AAEC/w==", "AAEC/w", "AAEC\n/w==", " AAEC/w = ", "AAEC/w======"])
def test_base64(written: str) -> None:
    assert from_dict(mesos_pb2.UUID, {"value": written}).value == b"\x00\x01\x02\xff"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("AAEC_w==", "Invalid character '_'"),
        ("!!", "Invalid character '!'"),
        ("é", "Invalid character 'é'"),
        ("A", "it ends in the middle of a byte"),
    ],
)
def test_other_text_is_no_base64(written: str, complaint: str) -> None:
    assert refusal(mesos_pb2.UUID, {"value": written}) == (
        f"Failed to base64 decode bytes field 'value': {complaint}"
    )


def test_text_that_is_not_unicode_is_refused() -> None:
    refusal(mesos_pb2.TaskID, {"value": "\ud800"})


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"value": "x"}
    for _ in range(depth - 1):
        value = {"value": "x", "parent": value}
    return value


def test_depth_is_limited_to_what_can_be_sent() -> None:
    deepest = from_dict(mesos_pb2.ContainerID, nested(100))
    assert mesos_pb2.ContainerID.FromString(deepest.SerializeToString()) == deepest
    assert refusal(mesos_pb2.ContainerID, nested(101)).startswith("Not expecting more than 100 messages")
    with pytest.raises(JsonError):
        from_json(mesos_pb2.ContainerID, json.dumps(nested(300)).encode())


def test_megabytes_of_opaque_data_pass() -> None:
    data = "QUFB" * 500_000
    call = from_json(
        executor_pb2.Call,
        b'{"executor_id":{"value":"e"},"framework_id":{"value":"f"},"message":{"data":"%b"}}' % data.encode(),
    )
    assert call.message.data == b"AAA" * 500_000
