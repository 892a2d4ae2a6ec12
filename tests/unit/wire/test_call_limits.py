"""Calls that ask for too much at once."""

from __future__ import annotations

from typing import Any

import pytest

from meseta.allocator.constraints import constraints_fault
from meseta.errors import WireError
from meseta.ids import Pid
from meseta.wire.call_limits import ENTRIES_MAX, TASKS_MAX
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.json import JSON_COMMAS_MAX, JsonError, from_json
from meseta.wire.scheduler_calls import call_fault, driver_event

DRIVER = Pid("scheduler-1@10.0.0.1:1")
LISTS = {
    s.Call.ACCEPT: "offer_ids",
    s.Call.DECLINE: "offer_ids",
    s.Call.ACCEPT_INVERSE_OFFERS: "inverse_offer_ids",
    s.Call.DECLINE_INVERSE_OFFERS: "inverse_offer_ids",
    s.Call.RECONCILE: "tasks",
    s.Call.RECONCILE_OPERATIONS: "operations",
    s.Call.REQUEST: "requests",
}


def call_of(kind: s.Call.Type) -> tuple[s.Call, Any]:
    call = s.Call(type=kind)
    call.framework_id.value = "f"
    field = getattr(call, s.Call.Type.Name(kind).lower())
    field.SetInParent()
    return call, field


@pytest.mark.parametrize("kind", LISTS, ids=s.Call.Type.Name)
def test_entries(kind: s.Call.Type) -> None:
    call, field = call_of(kind)
    entries = getattr(field, LISTS[kind])
    for _ in range(ENTRIES_MAX):
        entries.add()
    assert call_fault(call) is None
    entries.add()
    assert call_fault(call) == (
        f"A call may have at most {ENTRIES_MAX} entries, not {ENTRIES_MAX + 1}: make several calls"
    )


def test_tasks_in_all_operations_together() -> None:
    call, accept = call_of(s.Call.ACCEPT)
    launch = accept.operations.add(type=m.Offer.Operation.LAUNCH).launch
    group = accept.operations.add(type=m.Offer.Operation.LAUNCH_GROUP).launch_group.task_group
    for _ in range(TASKS_MAX // 2):
        launch.task_infos.add()
        group.tasks.add()
    assert call_fault(call) is None
    group.tasks.add()
    assert "launch at most" in (call_fault(call) or "")


def test_operations() -> None:
    call, accept = call_of(s.Call.ACCEPT)
    for _ in range(TASKS_MAX + 1):
        accept.operations.add()
    assert "operations" in (call_fault(call) or "")


def test_messages_of_old_drivers() -> None:
    launch = i.LaunchTasksMessage(tasks=[m.TaskInfo(name="t")] * (TASKS_MAX + 1))
    launch.framework_id.value = "f"
    launch.filters.SetInParent()
    for task in launch.tasks:
        task.task_id.value = task.agent_id.value = "x"
    reconcile = i.ReconcileTasksMessage()
    reconcile.framework_id.value = "f"
    for _ in range(ENTRIES_MAX + 1):
        reconcile.statuses.add(state=m.TASK_RUNNING).task_id.value = "t"
    for message in (launch, reconcile):
        with pytest.raises(WireError, match="make several calls"):
            driver_event(
                message.DESCRIPTOR.full_name, message.SerializeToString(), DRIVER, None, constraints_fault
            )


def test_values_in_json() -> None:
    with pytest.raises(JsonError, match="commas"):
        from_json(s.Call, b'{"x":[' + b"[]," * JSON_COMMAS_MAX + b"1,2]}")
