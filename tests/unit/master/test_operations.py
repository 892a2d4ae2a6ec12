"""Operations on resources: each is answered, none is applied."""

from __future__ import annotations

from meseta.ids import AgentId, OperationId, Pid
from meseta.master import effects, events
from meseta.records import OperationState, OperationStatus, OperationType, ResourceOperation
from tests.unit.master.master_kit import STREAM, Playground, told


def reserve(id: str | None = "op", fault: str | None = None) -> ResourceOperation:
    return ResourceOperation(
        type=OperationType.RESERVE, id=OperationId(id) if id is not None else None, fault=fault
    )


def test_an_operation_with_an_id_gets_feedback_and_the_offer_is_given_back() -> None:
    play = Playground()
    framework_id = play.subscribe()
    play.register()
    (offer,) = play.offers(framework_id)
    done = play.accept(framework_id, [offer], reserve(), reserve("x", fault="Resource cannot be empty"))
    first, second = (u.status for u in told(done, STREAM, effects.OperationUpdated))
    assert (first.operation_id, first.state) == ("op", OperationState.OPERATION_ERROR)
    assert first.uuid is None
    assert second.message == "Operation attempted with invalid resources: Resource cannot be empty"
    assert not play.state.offers


def test_an_operation_without_an_id_is_logged() -> None:
    play = Playground()
    framework_id = play.subscribe()
    play.register()
    (offer,) = play.offers(framework_id)
    done = play.accept(framework_id, [offer], reserve(None))
    assert [type(effect) for effect in done] == [effects.Log]


def test_a_driver_that_asks_for_feedback_is_ended() -> None:
    play = Playground()
    driver = Pid("scheduler-1@10.0.0.9:1")
    framework_id = play.subscribe(driver)
    play.register()
    (offer,) = play.offers(framework_id)
    (error,) = told(play.accept(framework_id, [offer], reserve()), driver, effects.Errored)
    assert "not supported for the SchedulerDriver API" in error.message


def test_reconciling_operations() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    done = play.call(
        events.OperationsReconcileRequested,
        framework_id,
        operations=(
            (OperationId("a"), agent_id),
            (OperationId("b"), AgentId("x")),
            (OperationId("c"), None),
        ),
    )
    assert [u.status.message for u in told(done, STREAM, effects.OperationUpdated)] == [
        "Reconciliation: Operation is unknown",
        "Reconciliation: Both operation and agent are unknown",
        "Reconciliation: Operation is unknown and no 'agent_id' was provided",
    ]
    assert play.call(events.OperationsReconcileRequested, framework_id) == []


def test_updates_and_acknowledgements_of_unknown_operations_are_counted() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    status = OperationStatus(state=OperationState.OPERATION_FINISHED)
    play.feed(
        events.OperationUpdateReceived(
            sender=Pid("x@1.1.1.1:1"), agent_id=None, framework_id=None, operation_uuid=b"", status=status
        )
    )
    play.call(
        events.OperationUpdateAcknowledged,
        framework_id,
        agent_id=agent_id,
        operation_id=OperationId("op"),
        uuid=b"u" * 16,
    )
    counters = play.state.counters
    assert counters["master/invalid_operation_status_updates"] == 1
    assert counters["master/invalid_operation_status_update_acknowledgements"] == 1
