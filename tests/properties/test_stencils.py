"""A task that is recognised by a stencil is what reading all of it would have made of it.

So are those that no encoder writes: with fields twice, in any order, of another type, with lengths that are
longer than they need be, or with bytes in one place that mean something in another.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
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
from meseta.wire.splice import field, number
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


ODD = (
    number(1, 3),
    number(2, 3),
    number(8, 2**31),
    field(4, b"-"),
    field(4, b"\x0a\x10"),
    field(9, b"x"),
    b"\xa3\x06\x0a\x01x\xa4\x06",  # a group
    b"\xa3\x06" * 99 + b"\xa4\x06" * 99,
)


def rewritten(source: random.Random, body: bytes) -> bytes:
    """The same fields, oddly written."""
    fields = list(_fields(body))
    if source.random() < 0.5:
        fields.insert(source.randrange(len(fields) + 1), source.choice(fields))
    if source.random() < 0.5:
        fields.insert(source.randrange(len(fields) + 1), source.choice(ODD))
    if source.random() < 0.3:  # what is of one field, in another
        fields.insert(
            source.randrange(len(fields) + 1), field(source.randrange(1, 11), source.choice(fields))
        )
    if source.random() < 0.3:
        source.shuffle(fields)
    return b"".join(_stretched(each) if source.random() < 0.1 else each for each in fields)


def _fields(body: bytes) -> Iterator[bytes]:
    """All of a message's fields are of a number below 16, and of up to 16 KiB."""
    at = 0
    while at < len(body):
        start, at = at, at + 1
        if body[start] & 7 == 2:
            size = body[at] if body[at] < 0x80 else body[at] & 0x7F | body[at + 1] << 7
            at += size + (1 if body[at] < 0x80 else 2)
        else:
            while body[at] > 0x7F:
                at += 1
            at += 1
        yield body[start:at]


def _stretched(one: bytes) -> bytes:
    """A field whose tag takes two bytes, and, if it has a short length, so does that."""
    tag = bytes((one[0] | 0x80, 0))
    is_short = one[0] & 7 == 2 and one[1] < 0x80
    return tag + bytes((one[1] | 0x80, 0)) + one[2:] if is_short else tag + one[1:]


def changed(source: random.Random, body: bytes) -> bytes:
    """The same but for one byte."""
    at = source.randrange(len(body))
    return body[:at] + bytes((source.randrange(256),)) + body[at + 1 :]


def seen(record: TaskRecord | None) -> str | None:
    """All that it says, its statuses lifted; as text, for a time may be no number."""
    return None if record is None else repr(asdict(record) | {"statuses": tuple(record.statuses)})


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
            if source.random() < 0.5:
                body = rewritten(source, body)
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
        if source.random() < 0.5:
            told = rewritten(source, told)
        for each in (told, *(changed(source, told) for _ in range(20))):
            body = field(2, each) + field(6, b"1.12.0")
            event = lift(body)
            with pytest.MonkeyPatch.context() as alone:
                alone.setattr(reregistration, "_machines", Stencils(reregistration._AGENT_OWN))
                assert event == lift(body)
            if event is not None:
                parse(i.SlaveInfo, event.info.raw)
