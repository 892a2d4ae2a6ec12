"""Whatever bytes arrive as the body of whatever message: an event, nothing, or a refusal, but no failure."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meseta.agent.events import AgentEvent
from meseta.allocator.constraints import constraints_fault
from meseta.errors import WireError
from meseta.ids import Pid
from meseta.master.events import MasterEvent
from meseta.wire import executor_link, scheduler_calls
from meseta.wire.agent_link import AGENT_MESSAGES, agent_event, is_pid
from meseta.wire.executor_link import EXECUTOR_MESSAGES, executor_event
from meseta.wire.gen import executor_pb2, internal_pb2, mesos_pb2, scheduler_pb2, scheduler_v0_pb2
from meseta.wire.json import JsonError, from_json, to_json
from meseta.wire.lift import lift_framework
from meseta.wire.master_link import MASTER_MESSAGES, master_event
from meseta.wire.parsing import parse
from meseta.wire.scheduler_calls import DRIVER_MESSAGES, driver_event
from tests.properties.hostile import Hostile, mangled, nested

Lift = Callable[[str, bytes, Pid], object]

SENDER = Pid("x(1)@10.0.0.1:5051")
DRIVER_CALL = "mesos.scheduler.Call"
LIFTS: dict[str, tuple[Lift, list[str]]] = {
    "agents to a master": (
        lambda name, body, sender: agent_event(name, body, sender, None),
        [*AGENT_MESSAGES],
    ),
    "drivers to a master": (
        lambda name, body, sender: driver_event(name, body, sender, None, constraints_fault),
        [*DRIVER_MESSAGES, DRIVER_CALL],
    ),
    "a master to an agent": (master_event, [*MASTER_MESSAGES]),
    "executors to an agent": (executor_event, [*EXECUTOR_MESSAGES]),
}
honesties = st.sampled_from([0.5, 0.9, 0.97, 1.0])
sources = st.integers(0, 2**32).map(random.Random)
"""Hypothesis chooses the seed: drawing each field from it would take most of the time."""


def message_class(name: str) -> Any:
    return scheduler_v0_pb2.Call if name == DRIVER_CALL else getattr(internal_pb2, name.rpartition(".")[2])


def refused_or_lifted(lift: Callable[[], object]) -> None:
    try:
        event = lift()
    except WireError:
        return
    assert event is None or isinstance(event, MasterEvent | AgentEvent)


@pytest.mark.parametrize("link", LIFTS)
@settings(max_examples=100)
@given(body=st.binary(max_size=60))
@example(body=b"")
def test_any_bytes(link: str, body: bytes) -> None:
    lift, names = LIFTS[link]
    for name in [*names, "mesos.internal.Nonsense", ""]:
        refused_or_lifted(lambda name=name: lift(name, body, SENDER))


@pytest.mark.parametrize("link", LIFTS)
@settings(max_examples=100)
@given(source=sources, honesty=honesties)
def test_hostile_messages(link: str, source: random.Random, honesty: float) -> None:
    lift, names = LIFTS[link]
    hostile = Hostile(source)
    for name in names:
        body = hostile.message(message_class(name).DESCRIPTOR, honesty=honesty)
        refused_or_lifted(lambda name=name, body=body: lift(name, body, SENDER))
        refused_or_lifted(lambda name=name, body=body: lift(name, mangled(source, body), SENDER))


@settings(max_examples=200)
@given(source=sources, honesty=honesties)
def test_hostile_calls_of_schedulers(source: random.Random, honesty: float) -> None:
    of = scheduler_pb2.Call
    body = Hostile(source).message(of.DESCRIPTOR, honesty=honesty)
    refused_or_lifted(lambda: lifted_call(parse(of, body)))


@settings(max_examples=200)
@given(source=sources, honesty=honesties)
def test_hostile_calls_of_executors(source: random.Random, honesty: float) -> None:
    of = executor_pb2.Call
    body = Hostile(source).message(of.DESCRIPTOR, honesty=honesty)
    refused_or_lifted(lambda: lifted_executor_call(parse(of, body)))


@settings(max_examples=200)
@given(source=sources, honesty=honesties)
def test_hostile_calls_as_json(source: random.Random, honesty: float) -> None:
    for of in (scheduler_pb2.Call, executor_pb2.Call):
        try:
            message = parse(of, Hostile(source).message(of.DESCRIPTOR, honesty=honesty))
            text = mangled(source, to_json(message))
            again = from_json(of, text)
        except (WireError, JsonError):
            continue
        lift = lifted_call if of is scheduler_pb2.Call else lifted_executor_call
        refused_or_lifted(lambda lift=lift, again=again: lift(again))


def lifted_call(call: scheduler_pb2.Call) -> object:
    if scheduler_calls.call_fault(call) is not None:
        return None
    if call.type == scheduler_pb2.Call.SUBSCRIBE:
        return scheduler_calls.subscription(call, SENDER, None, constraints_fault)
    if call.type == scheduler_pb2.Call.UPDATE_FRAMEWORK:
        return scheduler_calls.framework_update(call, SENDER, constraints_fault)
    return scheduler_calls.call_event(call, SENDER)


def lifted_executor_call(call: executor_pb2.Call) -> object:
    if executor_link.call_fault(call) is not None:
        return None
    if call.type == executor_pb2.Call.SUBSCRIBE:
        return executor_link.subscription(call, 1)
    return executor_link.call_event(call)


@pytest.mark.parametrize("levels", [1, 50, 99, 101, 5000, 20_000])
def test_deep_messages(levels: int) -> None:
    path = ["status", "container_status", "container_id", "parent"]
    for of, prefix in ((internal_pb2.StatusUpdateMessage, ["update"]), (executor_pb2.Call, ["update"])):
        body = nested(of.DESCRIPTOR, [*prefix, *path], levels)
        with pytest.raises(WireError):
            parse(of, body)


def test_deep_json_is_refused() -> None:
    for text in (b'{"type":' * 100_000, b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000):
        with pytest.raises(JsonError):
            from_json(scheduler_pb2.Call, text)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (float("nan"), "NaN not supported"),
        (float("inf"), "Infinite values not supported"),
        (5e-324, "Subnormal values not supported"),
        (-1.0, "Negative values not supported"),
        (1.0, None),
    ],
)
def test_amounts_in_offer_filters(value: float, fault: str | None) -> None:
    info = mesos_pb2.FrameworkInfo(user="", name="", role="web")
    quantities = info.offer_filters["web"].min_allocatable_resources.quantities.add().quantities
    quantities["cpus"].value = value
    expected = None if fault is None else f"Invalid resource quantity for 'cpus': {fault}"
    assert lift_framework(info).fault == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "a@b",
        "a@b:",
        "a@b:0",
        "a@b:65536",
        "a@b:" + "9" * 5000,
        "a b@c:1",
        "@0.0.0.0:0",
        "a@b c:1",
        "a/b@c:1",
        "a%2fb@c:1",
        "a@b@c:1",
    ],
)
def test_no_pid(text: str) -> None:
    assert not is_pid(text)


def test_pids() -> None:
    assert is_pid("slave(1)@10.0.0.1:5051")
    assert is_pid("scheduler-77a0d1f1-3d4c@host-1.example.org:65535")
