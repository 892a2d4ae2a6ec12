"""Counters: every message is counted under Mesos's name, and so is how agents come and go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meseta.ids import ExecutorId, TaskId
from meseta.master import events
from meseta.records import Launch, OperationState, OperationStatus, TaskState
from tests.unit.master.master_kit import Playground, agent_info, pid_of, subscribe, task, updated

A1 = pid_of("a1")
UUID = b"u" * 16
EXECUTOR = ExecutorId("e1")

Message = Callable[[Any, Any], Any]
"""From the framework's and the agent's id to an event."""

OF_SCHEDULERS: list[tuple[str, type[Any], dict[str, Any]]] = [
    ("unregister_framework", events.TeardownRequested, {}),
    ("deactivate_framework", events.DeactivationRequested, {}),
    ("decline_offers", events.OffersDeclined, {"offer_ids": ()}),
    ("decline_offers", events.OffersAccepted, {"offer_ids": (), "operations": (Launch(tasks=()),)}),
    ("revive_offers", events.Revived, {}),
    ("suppress_offers", events.Suppressed, {}),
    ("resource_request", events.ResourcesRequested, {}),
    ("kill_task", events.KillRequested, {"task_id": TaskId("x")}),
    ("reconcile_tasks", events.ReconcileRequested, {}),
    ("reconcile_operations", events.OperationsReconcileRequested, {}),
]
OF_AGENTS: list[tuple[str, Message]] = [
    ("register_slave", lambda f, a: events.RegistrationRequested(sender=A1, info=agent_info(), version="1")),
    (
        "reregister_slave",
        lambda f, a: events.ReregistrationRequested(sender=A1, info=agent_info(id=a), version="1"),
    ),
    ("unregister_slave", lambda f, a: events.UnregistrationRequested(sender=A1, agent_id=a)),
    ("update_slave", lambda f, a: events.AgentUpdated(sender=A1, agent_id=a)),
    ("status_update", lambda f, a: updated(A1, f, a, "t1", TaskState.TASK_RUNNING, UUID)),
    (
        "exited_executor",
        lambda f, a: events.ExecutorExited(
            sender=A1, agent_id=a, framework_id=f, executor_id=EXECUTOR, status=0
        ),
    ),
    (
        "operation_status_update",
        lambda f, a: events.OperationUpdateReceived(
            sender=A1,
            agent_id=a,
            framework_id=f,
            operation_uuid=UUID,
            status=OperationStatus(state=OperationState.OPERATION_FINISHED),
        ),
    ),
]


def counts(play: Playground, before: dict[str, int]) -> dict[str, int]:
    """Return by how much each counter has grown."""
    grown = {name: count - before.get(name, 0) for name, count in play.state.counters.items()}
    return {name: count for name, count in grown.items() if count}


@pytest.mark.parametrize(("name", "kind", "fields"), OF_SCHEDULERS)
def test_calls_are_counted(name: str, kind: type[Any], fields: dict[str, Any]) -> None:
    play = Playground()
    framework_id, _ = play.running()
    before = dict(play.state.counters)
    play.call(kind, framework_id, **fields)
    assert counts(play, before)[f"master/messages_{name}"] == 1


@pytest.mark.parametrize(("name", "message"), OF_AGENTS)
def test_messages_of_agents_are_counted(name: str, message: Message) -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    before = dict(play.state.counters)
    play.feed(message(framework_id, agent_id))
    assert counts(play, before)[f"master/messages_{name}"] == 1


def test_subscriptions_and_launches_are_counted() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    play.feed(subscribe(events.StreamId(2), id=framework_id))
    (offer,) = play.offers(framework_id, seconds=6)
    play.launch(framework_id, offer, task("t2", agent_id))
    counters = play.state.counters
    names = ("register_framework", "reregister_framework", "launch_tasks")
    assert [counters[f"master/messages_{name}"] for name in names] == [1, 1, 2]


@pytest.mark.parametrize(
    ("kind", "name", "fields"),
    [
        (events.MessageSent, "framework_to_executor", {"executor_id": EXECUTOR, "data": b""}),
        (events.UpdateAcknowledged, "status_update_acknowledgement", {"task_id": TaskId("x"), "uuid": UUID}),
    ],
)
def test_what_goes_to_agents_is_valid_or_not(kind: type[Any], name: str, fields: dict[str, Any]) -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    plural = name.removesuffix("_executor") + ("_executor_messages" if name.endswith("_executor") else "s")
    for target, expected in ((agent_id, "valid"), ("m-S9", "invalid")):
        before = dict(play.state.counters)
        play.call(kind, framework_id, agent_id=target, **fields)
        assert counts(play, before) == {f"master/messages_{name}": 1, f"master/{expected}_{plural}": 1}


def test_bytes_of_executors_are_valid_while_their_scheduler_listens() -> None:
    play = Playground()
    framework_id, agent_id = play.running(failover_timeout_s=60.0)
    sent = events.ExecutorMessageReceived(
        sender=A1, agent_id=agent_id, framework_id=framework_id, executor_id=EXECUTOR, data=b""
    )
    play.feed(sent)
    play.feed(events.StreamClosed(stream=events.StreamId(1)))
    play.feed(sent)
    counters = play.state.counters
    assert counters["master/messages_executor_to_framework"] == 2
    assert counters["master/valid_executor_to_framework_messages"] == 1
    assert counters["master/invalid_executor_to_framework_messages"] == 1


def test_how_agents_come_and_go_is_counted() -> None:
    play = Playground()
    before = dict(play.state.counters)
    agent_id = play.register()
    play.run(76)
    play.feed(events.ReregistrationRequested(sender=A1, info=agent_info(id=agent_id), version="1.12.0"))
    play.feed(events.UnregistrationRequested(sender=A1, agent_id=agent_id))
    assert counts(play, before) == {
        "master/messages_register_slave": 1,
        "master/messages_reregister_slave": 1,
        "master/messages_unregister_slave": 1,
        "master/slave_registrations": 1,
        "master/slave_reregistrations": 1,
        "master/slave_removals": 2,
        "master/slave_removals/reason_unhealthy": 1,
        "master/slave_removals/reason_unregistered": 1,
        "master/slave_unreachable_scheduled": 1,
        "master/slave_unreachable_completed": 1,
    }
