"""Messages that end the process of whoever encodes them are refused before anybody does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from meseta.errors import WireError
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.master_info import info_of_protobuf
from meseta.wire.parsing import parse

CRASHING = """
from meseta.wire.gen import executor_pb2 as executor, internal_pb2 as i, master_pb2 as master
from meseta.wire.gen import mesos_pb2 as m, scheduler_pb2 as scheduler

def task():
    volume = m.Volume()
    volume.source.csi_volume.static_provisioning.volume_context["a"] = "b"
    return m.TaskInfo(container=m.ContainerInfo(volumes=[volume]))

def report():
    archived = i.Archive.Framework()
    return i.ReregisterSlaveMessage(
        tasks=[m.Task(container=task().container)], completed_frameworks=[archived] * 9
    )

def launches():
    operation = m.Offer.Operation(type=m.Offer.Operation.LAUNCH)
    operation.launch.task_infos.extend([task()] * 9)
    return scheduler.Call(
        type=scheduler.Call.ACCEPT, accept=scheduler.Call.Accept(operations=[operation] * 9)
    )

def subscription():
    call = executor.Call(type=executor.Call.SUBSCRIBE)
    call.subscribe.unacknowledged_tasks.extend([task()] * 9)
    return call

def launched():
    event = executor.Event(type=executor.Event.LAUNCH_GROUP)
    event.launch_group.task_group.tasks.extend([task()] * 9)
    return event
"""
"""Incomplete messages with a map of plain values, each as a peer would send it."""

DOORS = {
    "agents": "agent_event('mesos.internal.ReregisterSlaveMessage', bytes_of(report()), PID, None)",
    "schedulers": "parse_call(scheduler.Call, bytes_of(launches()), as_json=False, api='scheduler')",
    "schedulers in JSON": "parse_call(scheduler.Call, to_json(launches()), as_json=True, api='scheduler')",
    "drivers": "driver_event('mesos.scheduler.Call', bytes_of(launches()), PID, None, lambda _: None)",
    "executors": "parse_call(executor.Call, bytes_of(subscription()), as_json=False, api='executor')",
    "an agent to its executor": "executor_event(bytes_of(launched()), 1)",
    "checkpoints": "read_executor(bytes_of(m.ExecutorInfo(container=task().container)))",
}
SCRIPT = """
from meseta.api.negotiation import parse_call
from meseta.errors import WireError
from meseta.ids import Pid
from meseta.sdk.codec import executor_event
from meseta.wire.agent_link import agent_event
from meseta.wire.checkpoints import read_executor
from meseta.wire.json import to_json
from meseta.wire.scheduler_calls import driver_event

PID = Pid("x(1)@10.0.0.1:5051")
bytes_of = lambda message: message.SerializePartialToString()
try:
    {door}
except WireError as fault:
    print(fault)
"""


@pytest.mark.parametrize("door", DOORS)
def test_incomplete_messages_are_refused_and_end_no_process(door: str) -> None:
    script = CRASHING + SCRIPT.replace("{door}", DOORS[door])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "required fields" in done.stdout or "Not initialized" in done.stdout


def test_what_is_missing_is_named() -> None:
    body = i.StatusUpdateMessage(pid="a@b:1").SerializePartialToString()
    with pytest.raises(WireError, match="StatusUpdateMessage without required fields: update"):
        parse(i.StatusUpdateMessage, body)


def test_masters_of_which_much_is_missing() -> None:
    with pytest.raises(WireError, match="required fields: id, ip"):
        info_of_protobuf(m.MasterInfo(port=5050).SerializePartialToString())
