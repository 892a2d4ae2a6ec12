"""How operations end: told, acknowledged, asked about, and settled when nobody is left to be told."""

from __future__ import annotations

from typing import Any

from meseta.ids import AgentId, FrameworkId, OperationId, Pid
from meseta.master import effects, events
from meseta.records import OperationState, OperationStatus
from tests.unit.master.master_kit import STREAM, Playground, agent_info, pid_of, told, told_agent
from tests.unit.master.test_operations import AGENT, RESERVE, VERSION, WEB, offered, operation

FINISHED = OperationState.OPERATION_FINISHED


def sent(play: Playground, **changes: Any) -> tuple[FrameworkId, AgentId, bytes]:
    """A framework, an agent, and the uuid of an operation on its way to it."""
    framework_id, agent_id, offer = offered(play)
    done = play.accept(framework_id, [offer], operation("RESERVE", WEB, **changes))
    (message,) = told_agent(done, pid_of("a1"), effects.ApplyOperation)
    return framework_id, agent_id, message.operation_uuid


def ended(
    play: Playground,
    agent_id: AgentId,
    uuid: bytes,
    state: OperationState = FINISHED,
    *,
    status_uuid: bytes | None = b"s" * 16,
    framework_id: FrameworkId | None = None,
    id: OperationId | None = None,
) -> list[Any]:
    """Let the agent report an end."""
    status = OperationStatus(state=state, agent_id=agent_id, uuid=status_uuid, operation_id=id)
    return play.feed(
        events.OperationUpdateReceived(
            sender=pid_of("a1"),
            agent_id=agent_id,
            framework_id=framework_id,
            operation_uuid=uuid,
            status=status,
            latest=status,
        )
    )


def acknowledge(play: Playground, framework_id: FrameworkId, agent_id: AgentId) -> list[Any]:
    """Let the framework acknowledge."""
    return play.call(
        events.OperationUpdateAcknowledged,
        framework_id,
        agent_id=agent_id,
        operation_id=OperationId("op"),
        uuid=b"s" * 16,
    )


def reported(play: Playground, agent_id: AgentId, *operations: events.ReportedOperation) -> list[Any]:
    """Let the agent tell of its operations."""
    return play.feed(events.AgentUpdated(sender=pid_of("a1"), agent_id=agent_id, operations=operations))


def statuses(done: list[Any]) -> list[OperationStatus]:
    """What the framework is told."""
    return [message.status for message in told(done, STREAM, effects.OperationUpdated)]


# Ends -------------------------------------------------------------------------------------------------


def test_an_end_is_told_until_the_framework_acknowledges_it() -> None:
    play = Playground()
    framework_id, agent_id, uuid = sent(play)
    for _ in range(2):
        (status,) = statuses(ended(play, agent_id, uuid))
        assert (status.state, status.operation_id, status.agent_id) == (FINISHED, "op", agent_id)
        assert status.uuid == b"s" * 16
    done = acknowledge(play, framework_id, agent_id)
    assert told_agent(done, pid_of("a1"), effects.AcknowledgeOperation) == [
        effects.AcknowledgeOperation(b"s" * 16, uuid)
    ]
    assert not play.state.operations
    assert not play.state.agents[agent_id].operations
    acknowledge(play, framework_id, agent_id)
    counters = play.state.counters
    assert counters["master/operations/pending"] == 0
    assert counters["master/operations/finished"] == counters["master/operations/total"] == 1
    assert counters["master/operations/reserve/finished"] == 1
    assert counters["master/valid_operation_status_update_acknowledgements"] == 1
    assert counters["master/invalid_operation_status_update_acknowledgements"] == 1
    assert counters["master/valid_operation_status_updates"] == 2


def test_without_an_id_the_master_acknowledges() -> None:
    play = Playground()
    _, agent_id, uuid = sent(play, id=None)
    done = ended(play, agent_id, uuid)
    assert not statuses(done)
    assert told_agent(done, pid_of("a1"), effects.AcknowledgeOperation)
    assert not play.state.agents[agent_id].operations


def test_a_status_that_needs_no_acknowledgement_is_told_once() -> None:
    play = Playground()
    _, agent_id, uuid = sent(play)
    done = ended(play, agent_id, uuid, OperationState.OPERATION_DROPPED, status_uuid=None)
    (status,) = statuses(done)
    assert (status.state, status.operation_id) == (OperationState.OPERATION_DROPPED, "op")
    assert not play.state.operations


def test_the_operations_of_a_framework_that_is_over_are_settled_by_the_master() -> None:
    play = Playground()
    framework_id, agent_id, uuid = sent(play)
    ended(play, agent_id, uuid)
    play.call(events.TeardownRequested, framework_id)
    assert not play.state.operations
    assert told_agent(ended(play, agent_id, uuid), pid_of("a1"), effects.AcknowledgeOperation)
    assert not play.state.agents[agent_id].operations


def test_of_two_operations_with_one_id_the_older_is_settled_by_the_master() -> None:
    play = Playground()
    framework_id, agent_id, offer = offered(play)
    unreserve = operation("UNRESERVE", WEB)
    done = play.accept(framework_id, [offer], operation("RESERVE", WEB), unreserve)
    first, second = (m.operation_uuid for m in told_agent(done, pid_of("a1"), effects.ApplyOperation))
    done = ended(play, agent_id, first)
    assert not statuses(done)
    assert told_agent(done, pid_of("a1"), effects.AcknowledgeOperation)
    assert statuses(ended(play, agent_id, second))


def test_what_is_not_known_is_counted_and_settled() -> None:
    play = Playground()
    framework_id, agent_id, _ = offered(play)
    assert told_agent(ended(play, agent_id, b"?" * 16), pid_of("a1"), effects.AcknowledgeOperation)
    late = ended(play, agent_id, b"?" * 16, framework_id=framework_id, id=OperationId("op"))
    assert statuses(late)
    stranger = events.OperationUpdateReceived(
        sender=Pid("x@1.1.1.1:1"),
        agent_id=agent_id,
        framework_id=None,
        operation_uuid=b"",
        status=OperationStatus(state=FINISHED),
    )
    assert [type(effect) for effect in play.feed(stranger)] == [effects.Log]
    assert play.state.counters["master/invalid_operation_status_updates"] == 3


# Reconciliation ---------------------------------------------------------------------------------------


def test_reconciling_operations() -> None:
    play = Playground()
    framework_id, agent_id, uuid = sent(play)
    pending = play.call(events.OperationsReconcileRequested, framework_id)
    assert [status.state for status in statuses(pending)] == [OperationState.OPERATION_PENDING]
    ended(play, agent_id, uuid)
    done = play.call(
        events.OperationsReconcileRequested,
        framework_id,
        operations=(
            (OperationId("op"), agent_id),
            (OperationId("a"), agent_id),
            (OperationId("b"), AgentId("x")),
            (OperationId("c"), None),
        ),
    )
    known, *unknown = statuses(done)
    assert (known.state, known.uuid) == (FINISHED, None)
    assert [status.message for status in unknown] == [
        "Reconciliation: Operation is unknown",
        "Reconciliation: Both operation and agent are unknown",
        "Reconciliation: Operation is unknown and no 'agent_id' was provided",
    ]
    acknowledge(play, framework_id, agent_id)
    assert play.call(events.OperationsReconcileRequested, framework_id) == []


def test_an_agent_is_asked_about_operations_that_it_does_not_tell_of() -> None:
    play = Playground()
    _, agent_id, uuid = sent(play)
    done = reported(play, agent_id)
    assert told_agent(done, pid_of("a1"), effects.ReconcileOperations) == [
        effects.ReconcileOperations((uuid,))
    ]
    ended(play, agent_id, uuid)
    assert not told_agent(reported(play, agent_id), pid_of("a1"), effects.ReconcileOperations)
    assert not play.state.agents[agent_id].operations


def test_what_an_agent_tells_of_ended_operations_is_believed() -> None:
    play = Playground()
    framework_id, agent_id, uuid = sent(play)
    status = OperationStatus(state=FINISHED, uuid=b"s" * 16)
    reported(play, agent_id, events.ReportedOperation(uuid=uuid, info=RESERVE, status=status))
    (told_status,) = statuses(play.call(events.OperationsReconcileRequested, framework_id))
    assert told_status.state is FINISHED


# Agents and masters that come and go --------------------------------------------------------------------


def returning(play: Playground, agent_id: AgentId) -> AgentId:
    """Let an agent register again with what it holds after a reservation."""
    event = events.ReregistrationRequested(
        sender=pid_of("a1"),
        info=agent_info("a1", id=agent_id),
        version="1.12.0",
        capabilities=AGENT,
        checkpointed=WEB,
        resource_version=VERSION,
    )
    play.feed(event)
    return agent_id


def test_the_books_follow_what_an_agent_says_when_it_registers_again() -> None:
    play = Playground()
    framework_id, agent_id, offer = offered(play)
    plain = offer.resources
    returning(play, agent_id)
    assert play.state.agents[agent_id].total.reserved() == WEB
    (offer,) = play.offers(framework_id)
    assert offer.resources.reserved() == WEB
    event = events.ReregistrationRequested(
        sender=pid_of("a1"), info=agent_info("a1", id=agent_id), version="1.12.0", capabilities=AGENT
    )
    play.feed(event)
    assert play.state.agents[agent_id].total == plain


def test_operations_of_a_framework_that_may_come_are_left_for_it() -> None:
    play = Playground()
    agent_id = returning(play, AgentId("m-S7"))
    told_by_agent = events.ReportedOperation(
        uuid=b"o" * 16,
        info=operation("RESERVE", WEB),
        status=OperationStatus(state=FINISHED, uuid=b"s" * 16),
        framework_id=FrameworkId("old-0000"),
    )
    reported(play, agent_id, told_by_agent)
    assert not told_agent(ended(play, agent_id, b"o" * 16), pid_of("a1"), effects.AcknowledgeOperation)
    framework_id = play.subscribe(id=FrameworkId("old-0000"), principal="ops")
    assert statuses(ended(play, agent_id, b"o" * 16))
    assert told_agent(acknowledge(play, framework_id, agent_id), pid_of("a1"), effects.AcknowledgeOperation)
    assert not play.state.operations


def test_operations_that_nobody_comes_for_are_settled_after_a_while() -> None:
    play = Playground()
    agent_id = returning(play, AgentId("m-S7"))
    orphan = events.ReportedOperation(
        uuid=b"o" * 16,
        info=operation("RESERVE", WEB),
        status=OperationStatus(state=FINISHED, uuid=b"s" * 16),
        framework_id=FrameworkId("old-0000"),
    )
    reported(play, agent_id, orphan)
    play.now += 601.0
    assert told_agent(ended(play, agent_id, b"o" * 16), pid_of("a1"), effects.AcknowledgeOperation)
    assert not play.state.operations


def test_frameworks_hear_of_operations_on_agents_that_become_unreachable() -> None:
    play = Playground()
    sent(play)
    done = play.feed(events.PeerExited(address="10.0.1.1:5051")) + play.run(700.0)
    (status,) = statuses(done)
    assert status.state is OperationState.OPERATION_UNREACHABLE
    assert not play.state.operations
    assert play.state.counters["master/operations/pending"] == 0
