"""Whatever a hostile peer's message was lifted to can be passed on: encoded again, for somebody else."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from google.protobuf.message import Message
from hypothesis import given, settings

from meseta.errors import WireError
from meseta.ids import FrameworkId
from meseta.records import (
    AgentInfo,
    ExecutorInfo,
    FrameworkInfo,
    OperationStatus,
    ResourceOperation,
    StatusUpdate,
    TaskGroupInfo,
    TaskInfo,
    TaskStatus,
)
from meseta.wire import lower
from meseta.wire.gen import executor_pb2, scheduler_pb2
from meseta.wire.operations import with_allocation
from meseta.wire.parsing import parse
from tests.properties.hostile import Hostile
from tests.properties.test_fuzz_lifting import (
    LIFTS,
    SENDER,
    honesties,
    lifted_call,
    lifted_executor_call,
    message_class,
    sources,
)

LOWERED: dict[type, Callable[[Any], Message]] = {
    AgentInfo: lower.internal_agent_message,
    ExecutorInfo: lambda info: lower.executor_message(info, "web", FrameworkId("f")),
    FrameworkInfo: lower.framework_message,
    OperationStatus: lower.operation_status_message,
    ResourceOperation: lambda operation: with_allocation(operation, "web"),
    StatusUpdate: lower.update_message,
    TaskGroupInfo: lambda group: lower.task_group_message(group, "web"),
    TaskInfo: lambda task: lower.task_message(task, "web"),
    TaskStatus: lower.status_message,
}


def records_in(value: object) -> Iterator[msgspec.Struct]:
    """All records in an event, however deep."""
    if isinstance(value, tuple | frozenset):
        for each in value:
            yield from records_in(each)
    elif isinstance(value, msgspec.Struct):
        yield value
        for name in value.__struct_fields__:
            yield from records_in(getattr(value, name))


def pass_on(lift: Callable[[], object]) -> None:
    try:
        event = lift()
    except WireError:
        return
    for record in records_in(event):
        encode = LOWERED.get(type(record))
        if encode is not None:
            encode(record).SerializeToString()


@pytest.mark.parametrize("link", LIFTS)
@settings(max_examples=60)
@given(source=sources, honesty=honesties)
def test_messages_are_passed_on(link: str, source: random.Random, honesty: float) -> None:
    lift, names = LIFTS[link]
    for name in names:
        body = Hostile(source).message(message_class(name).DESCRIPTOR, honesty=honesty)
        pass_on(lambda name=name, body=body: lift(name, body, SENDER))


@pytest.mark.parametrize("of", [scheduler_pb2.Call, executor_pb2.Call])
@settings(max_examples=100)
@given(source=sources, honesty=honesties)
def test_calls_are_passed_on(of: Any, source: random.Random, honesty: float) -> None:
    lift: Callable[[Any], object] = lifted_call if of is scheduler_pb2.Call else lifted_executor_call
    body = Hostile(source).message(of.DESCRIPTOR, honesty=honesty)
    pass_on(lambda: lift(parse(of, body)))
