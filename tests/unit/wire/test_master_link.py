"""The agent's messages to and from the master, against those of a live Mesos."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest

from meseta.agent import effects as x
from meseta.agent import events as e
from meseta.agent.state import CAPABILITIES
from meseta.attributes import parse_attributes
from meseta.errors import WireError
from meseta.ids import AgentId, ExecutorId, FrameworkId, Pid, TaskId, new_uuid
from meseta.records import AgentInfo, TaskState
from meseta.resources import parse_resources
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_operation_status, lift_status_update
from meseta.wire.master_link import MASTER_MESSAGES, master_event, master_message_bytes

DATA = Path(__file__).parents[2] / "compat/data/libprocess/agent_link.jsonl"
RECORDED = {
    (row["name"], row["way"]): base64.b64decode(row["body"])
    for row in map(json.loads, DATA.read_text().splitlines())
}
MASTER = Pid("master@127.0.0.1:5050")
UUID = new_uuid(random.Random(1))


def from_master(name: str) -> Any:
    return master_event(f"mesos.internal.{name}", RECORDED[name, "master-to-agent"], MASTER)


def recorded(name: str) -> Any:
    return getattr(i, name).FromString(RECORDED[name, "agent-to-master"])


def sent(message: x.MasterMessage) -> Any:
    name, body = master_message_bytes(message)
    return getattr(i, name.removeprefix("mesos.internal.")).FromString(body)


@pytest.mark.parametrize("name", sorted(name for name, way in RECORDED if way == "master-to-agent"))
def test_every_recorded_message_of_a_master_becomes_an_event(name: str) -> None:
    event = from_master(name)
    assert event is not None
    if isinstance(event, e.FromMaster):
        assert event.sender == MASTER


def test_a_task_is_lifted_with_all_that_running_it_needs() -> None:
    event = from_master("RunTaskMessage")
    assert isinstance(event, e.RunTaskReceived)
    assert event.framework_pid is not None
    assert event.framework_pid.startswith("scheduler-")
    assert event.launch_executor is True
    assert event.task.task_id == "0"
    assert event.task.executor is not None
    assert event.task.executor.command is not None
    assert event.task.executor.command.value == "/usr/libexec/mesos/test-executor"
    assert event.resource_version_uuid is not None
    assert len(event.resource_version_uuid) == 16


def test_a_pod_is_lifted() -> None:
    event = from_master("RunTaskGroupMessage")
    assert isinstance(event, e.RunTaskGroupReceived)
    assert all(task.command is not None for task in event.group.tasks)


def test_an_operation_is_lifted_with_its_resources() -> None:
    event = from_master("ApplyOperationMessage")
    assert isinstance(event, e.OperationReceived)
    assert event.operation.resources.reserved()


def test_what_masters_do_not_send_is_nothing() -> None:
    assert master_event("mesos.internal.RegisterSlaveMessage", b"", MASTER) is None


@pytest.mark.parametrize("name", sorted(MASTER_MESSAGES))
@pytest.mark.parametrize("body", [b"\xff", b"\n\x04\n\x02\xff\xfe\x00"])
def test_garbage_is_refused(name: str, body: bytes) -> None:
    with pytest.raises(WireError):
        master_event(name, body, MASTER)


def test_an_agent_describes_itself_as_mesos_does() -> None:
    expected = recorded("RegisterSlaveMessage")
    info = AgentInfo(
        hostname="127.0.0.1",
        port=expected.slave.port,
        resources=parse_resources("cpus:8;mem:6144;disk:20000;ports:[31000-32000]"),
        attributes=parse_attributes("rack:r1;slot:3"),
    )
    register = x.Register(
        agent=info,
        version="1.12.0",
        capabilities=CAPABILITIES,
        resource_version_uuid=expected.resource_version_uuid.value,
        registration_uuid=UUID,
    )
    made = sent(register)
    assert made.registration_uuid.value == UUID
    made.ClearField("registration_uuid")  # Mesos does not have it.
    for message in (made, expected):  # Equal vectors are one to us, in whatever order they came first.
        message.slave.resources.sort(key=lambda resource: resource.name)
    assert made == expected


def test_a_status_update_is_what_was_recorded() -> None:
    expected = recorded("StatusUpdateMessage")
    update = lift_status_update(expected.update)
    assert sent(x.UpdateStatus(update=update, pid=Pid(expected.pid))) == expected


def test_small_messages_are_what_was_recorded() -> None:
    exited = recorded("ExitedExecutorMessage")
    ids = {
        "agent_id": AgentId(exited.slave_id.value),
        "framework_id": FrameworkId(exited.framework_id.value),
        "executor_id": ExecutorId(exited.executor_id.value),
    }
    assert sent(x.ExecutorExited(**ids, status=exited.status)) == exited
    message = recorded("ExecutorToFrameworkMessage")
    ids = {
        "agent_id": AgentId(message.slave_id.value),
        "framework_id": FrameworkId(message.framework_id.value),
        "executor_id": ExecutorId(message.executor_id.value),
    }
    assert sent(x.DeliverToFramework(**ids, data=message.data)) == message
    gone = recorded("UnregisterSlaveMessage")
    assert sent(x.Unregister(AgentId(gone.slave_id.value))) == gone
    assert master_message_bytes(x.Pong()) == ("mesos.internal.PongSlaveMessage", b"")


def test_an_update_of_the_agent_is_what_was_recorded() -> None:
    expected = recorded("UpdateSlaveMessage")
    update = x.UpdateAgent(
        agent_id=AgentId(expected.slave_id.value),
        resource_version_uuid=expected.resource_version_uuid.value,
    )
    assert sent(update) == expected


def test_the_status_of_an_operation_is_what_was_recorded() -> None:
    expected = recorded("UpdateOperationStatusMessage")
    update = x.OperationUpdate(
        agent_id=AgentId(expected.slave_id.value),
        operation_uuid=expected.operation_uuid.value,
        status=lift_operation_status(expected.status),
        latest_status=lift_operation_status(expected.latest_status),
    )
    assert sent(update) == expected


def test_a_kill_carries_its_grace_period() -> None:
    message = i.KillTaskMessage()
    message.framework_id.value, message.task_id.value = "f", "t"
    message.kill_policy.grace_period.nanoseconds = 1_500_000_000
    event = master_event("mesos.internal.KillTaskMessage", message.SerializeToString(), MASTER)
    assert event == e.KillTaskReceived(
        sender=MASTER, framework_id=FrameworkId("f"), task_id=TaskId("t"), grace_period_s=1.5
    )


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "../../x", "\x00", "x" * 256])
def test_ids_that_are_no_names_of_directories_are_refused(value: str) -> None:
    message = i.RunTaskMessage.FromString(RECORDED["RunTaskMessage", "master-to-agent"])
    for field in (message.task.task_id, message.task.executor.executor_id, message.framework.id):
        bad = i.RunTaskMessage()
        before, field.value = field.value, value
        bad.CopyFrom(message)
        field.value = before
        with pytest.raises(WireError):
            master_event("mesos.internal.RunTaskMessage", bad.SerializeToString(), MASTER)


def test_states_keep_their_numbers() -> None:
    event = from_master("SlaveReregisteredMessage")
    assert isinstance(event, e.AgentReregistered)
    for reconciled in event.reconciliations:
        assert all(isinstance(task.state, TaskState) for task in reconciled.tasks)


@pytest.mark.parametrize("aware", [True, False, None])
def test_what_the_framework_of_missing_tasks_can_do_is_read(aware: bool | None) -> None:
    message = i.SlaveReregisteredMessage()
    message.slave_id.value = "S0"
    missing = message.reconciliations.add()
    missing.framework_id.value = "F"
    if aware is not None:
        missing.framework.name, missing.framework.user = "f", "u"
        kind = m.FrameworkInfo.Capability.PARTITION_AWARE if aware else m.FrameworkInfo.Capability.MULTI_ROLE
        missing.framework.capabilities.add().type = kind
    event = master_event("mesos.internal.SlaveReregisteredMessage", message.SerializeToString(), MASTER)
    assert isinstance(event, e.AgentReregistered)
    assert event.reconciliations[0].partition_aware is bool(aware)
