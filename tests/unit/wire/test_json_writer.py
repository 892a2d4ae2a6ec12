from __future__ import annotations

import math

import msgspec
import pytest

from meseta.wire.gen import agent_pb2, executor_pb2, internal_pb2, master_pb2, mesos_pb2, scheduler_pb2
from meseta.wire.json import to_dict, to_json


def test_ids_enumerations_and_bytes() -> None:
    status = mesos_pb2.TaskStatus(
        task_id={"value": "t"}, state="TASK_RUNNING", uuid=bytes(range(16)), source="SOURCE_AGENT"
    )
    assert to_dict(status) == {
        "task_id": {"value": "t"},
        "state": "TASK_RUNNING",
        "source": "SOURCE_AGENT",
        "uuid": "AAECAwQFBgcICQoLDA0ODw==",
    }


def test_a_double_has_a_fraction() -> None:
    event = scheduler_pb2.Event.Subscribed(framework_id={"value": "f"}, heartbeat_interval_seconds=15)
    assert to_json(event) == b'{"framework_id":{"value":"f"},"heartbeat_interval_seconds":15.0}'


def test_a_64_bit_integer_is_a_number() -> None:
    assert to_json(mesos_pb2.TimeInfo(nanoseconds=2**62 + 1)) == b'{"nanoseconds":4611686018427387905}'


@pytest.mark.parametrize(
    ("value", "written"), [(math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN")]
)
def test_doubles_that_json_does_not_know_are_text(value: float, written: str) -> None:
    assert to_dict(mesos_pb2.Value.Scalar(value=value)) == {"value": written}


def test_unset_fields_with_a_default_are_written() -> None:
    assert to_dict(mesos_pb2.FrameworkInfo(user="u", name="n")) == {
        "user": "u",
        "name": "n",
        "failover_timeout": 0.0,
        "checkpoint": False,
    }
    assert to_dict(mesos_pb2.CommandInfo()) == {"shell": True}
    assert to_dict(mesos_pb2.HealthCheck.HTTPCheckInfo(port=1)) == {"port": 1, "protocol": "IPv4"}


def test_unset_deprecated_fields_are_not() -> None:
    resource = mesos_pb2.Resource(name="cpus", type="SCALAR")
    assert "role" not in to_dict(resource)
    resource.role = "*"
    assert to_dict(resource)["role"] == "*"


def test_empty_messages_are_objects_and_empty_lists_are_left_out() -> None:
    call = scheduler_pb2.Call(type="SUPPRESS", suppress={})
    assert to_dict(call) == {"type": "SUPPRESS", "suppress": {}}


def test_reports_of_state_have_their_lists_even_if_empty() -> None:
    assert to_dict(master_pb2.Response.GetTasks()) == {
        "tasks": [],
        "completed_tasks": [],
        "unreachable_tasks": [],
    }
    assert to_dict(master_pb2.Response.GetAgents(recovered_agents=[{"hostname": "h"}])) == {
        "agents": [],
        "recovered_agents": [{"hostname": "h", "port": 5051}],
    }
    assert to_dict(agent_pb2.Response.GetContainers()) == {}


def test_lists_of_a_report_are_not_shared_between_results() -> None:
    to_dict(master_pb2.Response.GetTasks())["tasks"].append("spoilt")
    assert to_dict(master_pb2.Response.GetTasks())["tasks"] == []


def test_maps_are_objects() -> None:
    task = mesos_pb2.TaskInfo(name="n", task_id={"value": "t"}, agent_id={"value": "a"})
    task.limits["mem"].value = 64
    assert to_dict(task)["limits"] == {"mem": {"value": 64.0}}


def test_lists_of_scalars_and_of_messages() -> None:
    call = scheduler_pb2.Call.Subscribe(
        framework_info={"user": "", "name": "", "capabilities": [{"type": "MULTI_ROLE"}]},
        suppressed_roles=["a", "b"],
    )
    written = to_dict(call)
    assert written["suppressed_roles"] == ["a", "b"]
    assert written["framework_info"]["capabilities"] == [{"type": "MULTI_ROLE"}]


def test_a_type_may_contain_itself() -> None:
    container = mesos_pb2.ContainerID(value="c", parent={"value": "b", "parent": {"value": "a"}})
    assert to_dict(container) == {"value": "c", "parent": {"value": "b", "parent": {"value": "a"}}}


def test_unknown_fields_are_not_written() -> None:
    agent = internal_pb2.SlaveInfo(hostname="h", checkpoint=True)
    as_v1 = mesos_pb2.AgentInfo.FromString(agent.SerializeToString())
    assert to_dict(as_v1) == {"hostname": "h", "port": 5051}
    assert as_v1.SerializeToString() == agent.SerializeToString()


def test_text_stands_on_one_line() -> None:
    event = executor_pb2.Event(type="ERROR", error={"message": "two\nlines"})
    assert b"\n" not in to_json(event)
    assert msgspec.json.decode(to_json(event))["error"]["message"] == "two\nlines"
