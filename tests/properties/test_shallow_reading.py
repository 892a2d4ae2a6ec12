"""What an agent says when it comes back is read shallowly: nothing is lost by that, and nothing gets in."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from meseta.errors import WireError
from meseta.ids import Pid
from meseta.master.events import ReregistrationRequested
from meseta.master.state import Task
from meseta.records import LateStatuses, TaskRecord
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_agent, lift_executor, lift_framework, lift_status
from meseta.wire.lower import fill_status
from meseta.wire.parsing import parse
from meseta.wire.reported_tasks import lift_task_record
from meseta.wire.reregistration import lift_reregistration
from meseta.wire.resources import fill_allocation_role, lift_resources
from meseta.wire.v1_operator_master import task_message
from tests.properties.hostile import Hostile, mangled

SENDER = Pid("slave(1)@10.0.0.1:5051")
sources = st.integers(0, 2**32).map(random.Random)
honesties = st.sampled_from([0.9, 0.97, 1.0])


def shallow(body: bytes) -> ReregistrationRequested | None:
    try:
        return lift_reregistration(body, SENDER, None)
    except WireError:
        return None


def deep(kind: type[Any], body: bytes) -> Any:
    try:
        return parse(kind, body)
    except WireError:
        return None


def shown(record: TaskRecord) -> m.Task:
    """A task as operators see it."""
    task = Task(record, record.framework_id, record.agent_id, record.executor_id, "r", record.state)
    task.statuses = record.statuses
    task.sent_state, task.sent_uuid = record.status_update_state, record.status_update_uuid
    return task_message(task)


def expected(task: m.Task) -> bytes:
    fill_allocation_role(task.resources, "r")
    statuses = [lift_status(status) for status in task.statuses]
    del task.statuses[:]
    for status in statuses:
        fill_status(task.statuses.add(), replace(status, data=None))
    if not task.status_update_uuid:
        task.ClearField("status_update_uuid")
    return in_order(task)


def in_order(message: Any) -> bytes:
    """Bytes to compare: unlike messages they are equal to themselves, whatever numbers are in there."""
    written: bytes = message.SerializePartialToString(deterministic=True)
    return written


@settings(max_examples=200, deadline=None)
@given(source=sources)
def test_a_task_is_shown_as_it_was_told(source: random.Random) -> None:
    body = Hostile(source).message(m.Task.DESCRIPTOR, honesty=1.0)
    told = deep(m.Task, body)
    try:
        record = lift_task_record(body, {})
    except WireError:
        assert told is None or any(status.HasField("container_status") for status in told.statuses)
        return
    assert told is not None
    assert in_order(shown(record)) == expected(told)
    assert record.resources == lift_resources(told.resources).resources


@settings(max_examples=200, deadline=None)
@given(source=sources, honesty=honesties)
def test_who_is_let_in_is_whom_the_whole_message_would_let_in(source: random.Random, honesty: float) -> None:
    body = Hostile(source).message(i.ReregisterSlaveMessage.DESCRIPTOR, honesty=honesty)
    event, told = shallow(body), deep(i.ReregisterSlaveMessage, body)
    if event is None or told is None:
        assert event is None
        return
    assert replace(event.info, raw=b"") == replace(lift_agent(told.slave), raw=b"")
    assert in_order(parse(i.SlaveInfo, event.info.raw)) == in_order(told.slave)
    assert event.frameworks == tuple(lift_framework(info) for info in told.frameworks)
    assert event.executors == tuple(lift_executor(info) for info in told.executor_infos)
    assert [in_order(shown(record)) for record in event.tasks] == [expected(task) for task in told.tasks]


@settings(max_examples=200, deadline=None)
@given(source=sources)
def test_whatever_is_kept_of_broken_messages_is_complete(source: random.Random) -> None:
    body = Hostile(source).message(i.ReregisterSlaveMessage.DESCRIPTOR, honesty=1.0)
    event = shallow(mangled(source, body))
    if event is None:
        return
    parse(i.SlaveInfo, event.info.raw)
    for record in [*event.tasks, *(task for each in event.completed for task in each.tasks)]:
        parse(m.Task, shown(record).SerializePartialToString())
        if isinstance(record.statuses, LateStatuses):
            for raw in m.Task.FromString(record.statuses.raw).statuses:
                parse(m.TaskStatus, raw.SerializePartialToString())
