"""What schedulers and masters tell each other of needs, and of tasks that are to end for a guarantee."""

from __future__ import annotations

import math

from meseta.ids import AgentId, FrameworkId, TaskId
from meseta.master import effects as x
from meseta.master.events import ResourceRequest, ResourcesRequested, StreamId
from meseta.records import NO_OPTIONS, FrameworkOptions
from meseta.resources import Resources
from meseta.sdk.desk import request_call
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.json import to_dict
from meseta.wire.lift import lift_framework
from meseta.wire.scheduler_calls import call_event
from meseta.wire.scheduler_events import SchedulerEvents

EVENTS = SchedulerEvents(m.MasterInfo())


def test_a_notice_says_which_tasks_for_whom_and_until_when() -> None:
    message = x.Revoked("web", (TaskId("t1"), TaskId("t2")), 12.5)
    event = EVENTS.v1_event(message)
    assert to_dict(event) == {
        "type": "REVOKE",
        "revoke": {
            "task_ids": [{"value": "t1"}, {"value": "t2"}],
            "role": "web",
            "deadline": {"nanoseconds": 12_500_000_000},
        },
    }
    assert s.Event.FromString(EVENTS.v1(message, as_json=False)) == event
    assert EVENTS.v0(message) is None, "drivers know nothing of it"


def test_a_withdrawal_has_no_deadline() -> None:
    revoke = EVENTS.v1_event(x.Revoked("web", (TaskId("t1"),), None)).revoke
    assert revoke.withdrawn
    assert not revoke.HasField("deadline")


def test_a_request_is_for_the_role_that_its_resources_name() -> None:
    call = request_call({"web": {"cpus": 2.0, "mem": 64.0}, "db": {"cpus": 0.5}})
    call.framework_id.value = "f"
    call.request.requests.add().agent_id.value = "a"
    assert call_event(call, StreamId(1)) == ResourcesRequested(
        framework_id=FrameworkId("f"),
        sender=StreamId(1),
        requests=(
            ResourceRequest(resources=Resources.scalars(cpus=2, mem=64), role="web"),
            ResourceRequest(resources=Resources.scalars(cpus=0.5), role="db"),
            ResourceRequest(resources=Resources.EMPTY, agent_id=AgentId("a")),
        ),
    )


def test_a_framework_says_what_it_wants_to_hold_and_to_be_told() -> None:
    info = m.FrameworkInfo(user="u", name="f")
    assert lift_framework(info).options is NO_OPTIONS
    info.meseta.revocation_notices = True
    info.meseta.roles["web"].demand["cpus"] = 2.5
    info.meseta.roles["web"].demand["mem"] = math.inf
    assert lift_framework(info).options == FrameworkOptions(
        revocation_notices=True, demands={"web": {"cpus": 2500}}
    )
