"""A task that is recognised by a stencil is what reading all of it would have made of it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from meseta.errors import WireError
from meseta.ids import Pid
from meseta.records import TaskRecord
from meseta.wire import reported_tasks, reregistration
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.parsing import parse
from meseta.wire.splice import field
from meseta.wire.stencils import Stencils

sources = st.integers(0, 2**32).map(random.Random)


def task(source: random.Random) -> m.Task:
    """A task as agents report them, with ids of few lengths, so that some are alike."""
    message = m.Task(name=source.choice(["web", "sql", "wéb"]), state=m.TASK_RUNNING)
    message.task_id.value = source.choice(["t1", "t2", "t.10", "web"])
    message.agent_id.value = source.choice(["m-S1", "m-S2"])
    message.framework_id.value = "m-0001"
    if source.random() < 0.3:
        message.executor_id.value = source.choice(["t1", "e1"])
    message.resources.add(name="cpus", type=m.Value.SCALAR).scalar.value = source.choice([1.0, 2.0])
    for state in source.choice([[], [m.TASK_RUNNING], [m.TASK_STARTING, m.TASK_RUNNING]]):
        _add_status(source, message, state)
    if source.random() < 0.8:
        message.status_update_state = m.TASK_RUNNING
        message.status_update_uuid = source.randbytes(16)
    return message


def _add_status(source: random.Random, message: m.Task, state: int) -> None:
    status = message.statuses.add(state=state, timestamp=source.random(), uuid=source.randbytes(16))  # type: ignore[arg-type]
    status.task_id.CopyFrom(message.task_id)
    status.agent_id.CopyFrom(message.agent_id)
    status.executor_id.value = message.executor_id.value or message.task_id.value
    status.container_status.container_id.value = source.choice(["c1", "c2", "\x7f\u20ac"])
    status.container_status.executor_pid = source.choice([7, 300, 40_000, 4_000_000])
    if source.random() < 0.5:
        status.container_status.network_infos.add().ip_addresses.add(
            ip_address=source.choice(["10.0.0.1", "::1"])
        )


def changed(source: random.Random, body: bytes) -> bytes:
    """The same but for one byte."""
    at = source.randrange(len(body))
    return body[:at] + bytes((source.randrange(256),)) + body[at + 1 :]


def seen(record: TaskRecord | None) -> Any:
    """All that it says, its statuses lifted."""
    return None if record is None else asdict(record) | {"statuses": tuple(record.statuses)}


def by_all_means(body: bytes) -> TaskRecord | None:
    try:
        return reported_tasks.lift_task_record(body, {})
    except WireError:
        return None


def in_full(body: bytes) -> TaskRecord | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reported_tasks, "_alike", Stencils(reported_tasks._OWN))
        return by_all_means(body)


@settings(max_examples=150, deadline=None)
@given(source=sources)
def test_a_task_that_is_recognised_is_as_if_it_were_read(source: random.Random) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reported_tasks, "_alike", Stencils(reported_tasks._OWN))
        for _ in range(5):
            body = task(source).SerializeToString()
            for each in (body, *(changed(source, body) for _ in range(20))):
                assert seen(by_all_means(each)) == seen(in_full(each))


def test_most_such_tasks_are_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    memory: Stencils[Any] = Stencils(reported_tasks._OWN)
    monkeypatch.setattr(reported_tasks, "_alike", memory)
    source = random.Random(4)
    recognised = 0
    for _ in range(4000):
        body = task(source).SerializeToString()
        recognised += memory.fit(body) is not None
        assert by_all_means(body) is not None
    assert recognised > 1000


def agent(source: random.Random) -> i.SlaveInfo:
    message = i.SlaveInfo(hostname=source.choice(["h1", "h2", "hé"]), port=source.choice([80, 5051, 5052]))
    if source.random() < 0.9:
        message.id.value = source.choice(["m-S1", "m-S2"])
    message.resources.add(name="cpus", type=m.Value.SCALAR).scalar.value = source.choice([1.0, 2.0])
    return message


@settings(max_examples=150, deadline=None)
@given(source=sources)
def test_a_machine_that_is_recognised_is_as_if_it_were_read(source: random.Random) -> None:
    sender = Pid("slave(1)@10.0.0.1:5051")

    def lift(body: bytes) -> Any:
        try:
            return reregistration.lift_reregistration(body, sender, None)
        except WireError:
            return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reregistration, "_machines", Stencils(reregistration._AGENT_OWN))
        told = agent(source).SerializeToString()
        for each in (told, *(changed(source, told) for _ in range(20))):
            body = field(2, each) + field(6, b"1.12.0")
            event = lift(body)
            with pytest.MonkeyPatch.context() as alone:
                alone.setattr(reregistration, "_machines", Stencils(reregistration._AGENT_OWN))
                assert event == lift(body)
            if event is not None:
                parse(i.SlaveInfo, event.info.raw)
