"""Reading what an agent says when it comes back: what is unusual in it."""

from __future__ import annotations

import pytest

from meseta.errors import WireError
from meseta.ids import Pid
from meseta.records import TaskRecord, TaskState
from meseta.wire import reported_tasks, reregistration, shallow_parts
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.reported_tasks import lift_task_record
from meseta.wire.reregistration import lift_reregistration
from meseta.wire.splice import field, number
from meseta.wire.stencils import Stencils

SENDER = Pid("slave(1)@10.0.0.1:5051")


def task(name: str = "t1", **fields: object) -> m.Task:
    message = m.Task(name=name, state=m.TASK_RUNNING, **fields)  # type: ignore[arg-type]
    message.task_id.value, message.agent_id.value, message.framework_id.value = name, "m-S0", "m-0000"
    return message


def report(*tasks: m.Task) -> i.ReregisterSlaveMessage:
    message = i.ReregisterSlaveMessage(version="1.12.0", tasks=tasks)
    message.slave.hostname, message.slave.id.value = "h", "m-S0"
    return message


def lift(message: i.ReregisterSlaveMessage) -> object:
    return lift_reregistration(message.SerializePartialToString(), SENDER, None)


def read(task: m.Task, more: bytes = b"") -> TaskRecord:
    return lift_task_record(task.SerializePartialToString() + more, {})


def test_tasks_share_what_they_have_in_common() -> None:
    labels = m.Labels(labels=[m.Label(key="a", value="b")])
    first, second = (read(task(name, labels=labels)) for name in ("t1", "t2"))
    assert (first.task_id, second.task_id) == ("t1", "t2")
    assert first.common is second.common
    assert first.framework_id is second.framework_id
    assert m.Task.FromString(first.common).labels == labels


def test_statuses_are_lifted_when_they_are_looked_at_without_their_data() -> None:
    message = task()
    for state in (m.TASK_STARTING, m.TASK_RUNNING):
        status = message.statuses.add(state=state, data=b"secret", message="m")
        status.task_id.value = "t1"
    statuses = read(message).statuses
    assert [status.state for status in statuses] == [TaskState.TASK_STARTING, TaskState.TASK_RUNNING]
    assert len(statuses) == 2
    assert statuses[-1].message == "m"
    assert statuses[-1].data is None
    assert b"secret" not in statuses[-1].raw
    assert [status.state for status in statuses[1:]] == [TaskState.TASK_RUNNING]


def test_no_statuses() -> None:
    assert read(task()).statuses == ()


@pytest.mark.parametrize("length", [1, 127, 128, 255])
def test_ids_of_any_length(length: int) -> None:
    assert read(task("x" * length)).task_id == "x" * length


def test_an_id_may_hold_more_than_its_text() -> None:
    unknown = m.TaskID(value="t1").SerializeToString() + field(9, b"new")
    bare = task()
    bare.ClearField("task_id")
    assert read(bare, field(2, unknown)).task_id == "t1"


def test_a_name_may_be_empty() -> None:
    message = task()
    message.name = ""
    assert read(message).name == ""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("name", r"Task .*: name"),
        ("task_id", "TaskID"),
        ("framework_id", "Task .*: framework_id"),
        ("agent_id", "AgentID"),
        ("state", "Task .*: state"),
    ],
)
def test_a_task_without_what_it_needs(name: str, told: str) -> None:
    message = task()
    message.ClearField(name)
    with pytest.raises(WireError, match=told):
        read(message)


def test_an_id_that_is_no_text() -> None:
    bare = task()
    bare.ClearField("task_id")
    with pytest.raises(WireError, match=r"mesos\.v1\.TaskID"):
        read(bare, field(2, field(1, b"\xff\xfe")))


def test_a_part_that_is_incomplete_is_refused_each_time() -> None:
    message = task(discovery=m.DiscoveryInfo(name="d"))
    for _ in range(2):
        with pytest.raises(WireError, match=r"discovery\.visibility"):
            read(message)


def test_a_status_that_is_incomplete() -> None:
    message = task()
    message.statuses.add(state=m.TASK_RUNNING)
    with pytest.raises(WireError, match="task_id"):
        read(message)


def test_machines_alike_are_read_once_and_remain_apart() -> None:
    reports = [report(), report()]
    reports[1].slave.hostname, reports[1].slave.id.value, reports[1].slave.port = "other", "m-S1", 5052
    for message in reports:
        message.slave.resources.add(name="cpus", type=m.Value.SCALAR).scalar.value = 4.0
    first, second = (lift_reregistration(each.SerializeToString(), SENDER, None).info for each in reports)
    assert (first.hostname, first.port, first.id) == ("h", 5051, "m-S0")
    assert (second.hostname, second.port, second.id) == ("other", 5052, "m-S1")
    assert first.resources is second.resources
    assert second.raw == reports[1].slave.SerializeToString()


def test_an_agent_without_a_name_for_its_host() -> None:
    message = report()
    message.slave.ClearField("hostname")
    with pytest.raises(WireError, match="hostname"):
        lift(message)


def test_an_agent_that_does_not_say_who_it_was() -> None:
    message = report()
    message.slave.ClearField("id")
    with pytest.raises(WireError, match="does not say which agent it was"):
        lift(message)


def test_what_is_no_message_is_refused_by_its_name() -> None:
    with pytest.raises(WireError, match=r"mesos\.internal\.ReregisterSlaveMessage"):
        lift_reregistration(b"\xff\xff", SENDER, None)


def test_memories_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shallow_parts, "REMEMBERED_MAX", 2)
    monkeypatch.setattr(reported_tasks, "_commons", {})
    for user in ("a", "b", "c", "x" * 5000):
        read(task(user=user))
    assert [m.Task.FromString(raw).user for raw in reported_tasks._commons] == ["c"]


def test_a_uuid_that_looks_like_a_status_is_none() -> None:
    message = task()
    message.statuses.add(state=m.TASK_RUNNING).task_id.value = "t1"
    status = field(8, message.statuses[0].SerializeToString())
    for uuid in (status, b"\xff" * len(status)):
        record = lift_task_record(message.SerializeToString() + field(10, uuid) + status, {})
        assert [each.task_id for each in record.statuses] == ["t1", "t1"]


@pytest.mark.parametrize("before", [b"", field(4, field(1, b"x")), field(4, b"\x0a\x10")])
def test_an_executor_id_that_is_a_dash_and_no_message(before: bytes) -> None:
    for _ in range(2):
        with pytest.raises(WireError):
            read(task(), before + field(4, b"-"))


def test_a_status_that_is_too_deep_to_be_lifted_is_refused() -> None:
    message = task()
    message.statuses.add(state=m.TASK_RUNNING).task_id.value = "t1"
    deep = message.statuses[0].SerializeToString() + b"\xa3\x06" * 100 + b"\xa4\x06" * 100
    message.ClearField("statuses")
    with pytest.raises(WireError):
        read(message, field(8, deep))


def test_a_port_that_is_told_twice_counts_as_it_came_last() -> None:
    told = field(1, b"h") + field(6, field(1, b"m-S0")) + number(8, 80) + number(8, 2**28 + 5)
    body = field(2, told) + field(6, b"1.12.0")
    assert [lift_reregistration(body, SENDER, None).info.port for _ in range(2)] == [2**28 + 5] * 2


def test_an_agent_whose_id_is_empty_is_refused_each_time() -> None:
    message = report()
    message.slave.id.value, message.slave.port = "", 5051
    for _ in range(2):
        with pytest.raises(WireError, match="does not say which agent it was"):
            lift(message)


def test_machines_that_are_alike_are_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reregistration, "_machines", Stencils(reregistration._AGENT_OWN))
    message = report()
    message.slave.port = 5051
    lift(message)
    assert reregistration._machines.fit(message.slave.SerializeToString()) is not None
    message.slave.id.value = "a/b!"
    event = lift_reregistration(message.SerializeToString(), SENDER, None)
    assert event.fault is not None
    assert "ID is invalid" in event.fault
