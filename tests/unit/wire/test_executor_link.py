"""Calls, events and messages between agents and executors, against those of a live Mesos."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from meseta.agent import effects as x
from meseta.agent import events as e
from meseta.errors import WireError
from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, Pid, TaskId
from meseta.records import AgentInfo, TaskState
from meseta.resources import parse_resources
from meseta.wire.executor_link import (
    EXECUTOR_MESSAGES,
    call_event,
    call_fault,
    event_bytes,
    executor_event,
    executor_message_bytes,
    heartbeat_bytes,
    subscription,
    v1_event,
)
from meseta.wire.gen import executor_pb2 as v1
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_executor, lift_framework
from meseta.wire.master_link import master_event

DATA = Path(__file__).parents[2] / "compat/data/libprocess/agent_link.jsonl"
RECORDED = {
    (row["name"], row["way"]): base64.b64decode(row["body"])
    for row in map(json.loads, DATA.read_text().splitlines())
}
PEER = Pid("executor(1)@127.0.0.1:4000")
UUID = bytes.fromhex("00112233445546778899aabbccddeeff")


def recorded(name: str, way: str = "agent-to-executor") -> Any:
    return getattr(i, name).FromString(RECORDED[name, way])


def sent(message: x.ExecutorMessage) -> Any:
    encoded = executor_message_bytes(message)
    assert encoded is not None
    name, body = encoded
    return getattr(i, name.removeprefix("mesos.internal.")).FromString(body)


# ── v0 ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", sorted(name for name, way in RECORDED if way == "executor-to-agent"))
def test_every_recorded_message_of_an_executor_becomes_an_event(name: str) -> None:
    event = executor_event(f"mesos.internal.{name}", RECORDED[name, "executor-to-agent"], PEER)
    assert event is not None
    assert PEER in (getattr(event, "pid", None), getattr(event, "peer", None))


def test_an_update_of_an_executor_keeps_its_uuid() -> None:
    body = RECORDED["StatusUpdateMessage", "executor-to-agent"]
    event = executor_event("mesos.internal.StatusUpdateMessage", body, PEER)
    assert isinstance(event, e.ExecutorUpdated)
    assert event.status.uuid is not None
    assert len(event.status.uuid) == 16
    assert event.status.state is TaskState.TASK_RUNNING


@pytest.mark.parametrize("name", sorted(EXECUTOR_MESSAGES))
def test_garbage_is_refused(name: str) -> None:
    for body in (b"", b"\xff", b"\n\x04\n\x02\xff\xfe"):
        with pytest.raises(WireError):
            executor_event(name, body, PEER)


def test_a_greeting_is_what_was_recorded() -> None:
    expected = recorded("ExecutorRegisteredMessage")
    agent = AgentInfo(
        hostname=expected.slave_info.hostname,
        port=expected.slave_info.port,
        resources=parse_resources("cpus:8;mem:6144;disk:20000;ports:[31000-32000]"),
        id=AgentId(expected.slave_id.value),
    )
    greeting = x.Subscribed(
        executor=lift_executor(expected.executor_info),
        framework=lift_framework(expected.framework_info),
        agent=agent,
        container_id=ContainerId("c"),
    )
    made = sent(greeting)
    del made.slave_info.attributes[:], expected.slave_info.attributes[:]
    for message in (made, expected):  # Equal vectors are one to us, in whatever order they came first.
        message.slave_info.resources.sort(key=lambda resource: resource.name)
    assert made == expected


def test_small_messages_are_what_was_recorded() -> None:
    acknowledgement = recorded("StatusUpdateAcknowledgementMessage")
    assert (
        sent(
            x.Acknowledged(
                agent_id=AgentId(acknowledgement.slave_id.value),
                framework_id=FrameworkId(acknowledgement.framework_id.value),
                task_id=TaskId(acknowledgement.task_id.value),
                uuid=acknowledgement.uuid,
            )
        )
        == acknowledgement
    )
    kill = recorded("KillTaskMessage")
    assert (
        sent(
            x.KillTask(framework_id=FrameworkId(kill.framework_id.value), task_id=TaskId(kill.task_id.value))
        )
        == kill
    )
    reconnect = recorded("ReconnectExecutorMessage")
    assert sent(x.Reconnect(AgentId(reconnect.slave_id.value))) == reconnect
    assert executor_message_bytes(x.Shutdown()) == ("mesos.internal.ShutdownExecutorMessage", b"")
    assert executor_message_bytes(x.ErrorEvent("v0 has no such message")) is None


def test_a_task_is_passed_on_as_it_came() -> None:
    event = master_event(
        "mesos.internal.RunTaskMessage", RECORDED["RunTaskMessage", "master-to-agent"], Pid("master@h:1")
    )
    assert isinstance(event, e.RunTaskReceived)
    launch = x.LaunchTask(framework=event.framework, task=event.task, framework_pid=event.framework_pid)
    came, goes = recorded("RunTaskMessage", "master-to-agent"), sent(launch)
    assert (goes.task, goes.framework, goes.pid) == (came.task, came.framework, came.pid)


# ── v1 ────────────────────────────────────────────────────────────────────────────────────────────────


def update_call(**status: Any) -> v1.Call:
    fields = {"state": m.TASK_RUNNING, "source": m.TaskStatus.SOURCE_EXECUTOR, "uuid": UUID, **status}
    call = v1.Call(type=v1.Call.UPDATE)
    call.framework_id.value, call.executor_id.value = "f", "e"
    call.update.status.CopyFrom(m.TaskStatus(task_id=m.TaskID(value="t"), **fields))
    return call


def test_a_good_update_is_lifted() -> None:
    call = update_call(data=b"d")
    assert call_fault(call) is None
    event = call_event(call)
    assert isinstance(event, e.ExecutorUpdated)
    assert (event.framework_id, event.executor_id, event.peer) == ("f", "e", None)
    assert (event.status.task_id, event.status.uuid) == ("t", UUID)


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        ({"uuid": b"x"}, "Not a valid UUID"),
        ({"uuid": bytes(16)}, "Not a valid UUID"),
        (
            {"executor_id": m.ExecutorID(value="o")},
            "ExecutorID in Call: e does not match ExecutorID in TaskStatus: o",
        ),
        (
            {"source": m.TaskStatus.SOURCE_MASTER},
            "Received Call from executor e of framework f with invalid source, expecting 'SOURCE_EXECUTOR'",
        ),
        (
            {"state": m.TASK_STAGING},
            "Received TASK_STAGING from executor e of framework f which is not allowed",
        ),
        ({"check_status": m.CheckStatusInfo()}, "CheckStatusInfo must specify 'type'"),
    ],
)
def test_updates_are_refused_in_mesos_s_words(status: dict[str, Any], fault: str) -> None:
    assert call_fault(update_call(**status)) == fault


def test_a_subscription_brings_what_was_lost() -> None:
    call = v1.Call(type=v1.Call.SUBSCRIBE)
    call.framework_id.value, call.executor_id.value = "f", "e"
    update = call.subscribe.unacknowledged_updates.add()
    update.status.CopyFrom(update_call().update.status)
    assert call_fault(call) is None
    event = subscription(call, 7)
    assert event.stream == 7
    assert [update.status.uuid for update in event.unacknowledged_updates] == [UUID]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (x.Shutdown(), {"type": "SHUTDOWN"}),
        (x.ErrorEvent("no"), {"type": "ERROR", "error": {"message": "no"}}),
        (
            x.KillTask(framework_id=FrameworkId("f"), task_id=TaskId("t"), grace_period_s=2.0),
            {
                "type": "KILL",
                "kill": {
                    "task_id": {"value": "t"},
                    "kill_policy": {"grace_period": {"nanoseconds": 2_000_000_000}},
                },
            },
        ),
        (
            x.Acknowledged(
                agent_id=AgentId("a"), framework_id=FrameworkId("f"), task_id=TaskId("t"), uuid=UUID
            ),
            {
                "type": "ACKNOWLEDGED",
                "acknowledged": {"task_id": {"value": "t"}, "uuid": base64.b64encode(UUID).decode()},
            },
        ),
        (
            x.Message(
                agent_id=AgentId("a"), framework_id=FrameworkId("f"), executor_id=ExecutorId("e"), data=b"d"
            ),
            {"type": "MESSAGE", "message": {"data": "ZA=="}},
        ),
    ],
)
def test_events_in_both_formats(message: x.ExecutorMessage, shown: dict[str, Any]) -> None:
    as_json, binary = event_bytes(message, as_json=True), event_bytes(message, as_json=False)
    assert as_json is not None
    assert binary is not None
    assert json.loads(as_json) == shown
    assert v1.Event.FromString(binary) == v1_event(message)


def test_what_only_v0_executors_are_told_is_no_event() -> None:
    assert event_bytes(x.Reconnect(AgentId("a")), as_json=True) is None


def test_a_heartbeat_says_nothing_else() -> None:
    assert heartbeat_bytes(as_json=True) == b'{"type":"HEARTBEAT"}'
    assert v1.Event.FromString(heartbeat_bytes(as_json=False)).type == v1.Event.HEARTBEAT
