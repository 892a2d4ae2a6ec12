"""Operations on the agent's resources: applied, written down, and reported until acknowledged.

The master has checked them and counts with their results already. An operation changes the total by taking
out what it consumes and adding what it makes of it; its end is told once that is on disk. What cannot be
applied is told as such, and then the master's books are wrong: so the agent registers again, and with that
the master takes over what is really here. (A Mesos agent ends itself for the same purpose.)

While the agent is not registered, operations are dropped: what it said when it asked to register again would
not be true any more. The master finds out, as they are missing in what the agent reports afterwards, and
asks about them.
"""

from __future__ import annotations

from meseta.agent import paths, registration, volumes
from meseta.agent.effects import OperationUpdate, ResourcesCheckpoint
from meseta.agent.events import (
    Checkpointed,
    OperationAcknowledged,
    OperationReceived,
    ReconcileOperationsReceived,
    RecoveredOperation,
)
from meseta.agent.reports import operation_report
from meseta.agent.state import Operation, Phase, State
from meseta.agent.status import operation_update
from meseta.ids import new_uuid
from meseta.records import OperationState, OperationStatus
from meseta.records.conversions import conversion_of
from meseta.resources.faults import use_fault
from meseta.updates import Pushed

OPERATIONS_MAX = 10_000
"""Operations whose end nobody has acknowledged; further ones are dropped."""

Result = tuple[OperationState, str | None]


def on_operation_received(state: State, event: OperationReceived, now: float) -> None:
    """Apply an operation, once."""
    if state.phase is not Phase.RUNNING or event.operation_uuid in state.operations:
        state.counters.add("dropped_messages")
        return
    before = state.total
    result, message = _apply(state, event)
    operation = Operation(
        event.operation_uuid,
        event.operation,
        event.framework_id,
        OperationStatus(
            state=result,
            operation_id=event.operation.id,
            agent_id=state.id,
            message=message,
            uuid=new_uuid(state.entropy),
        ),
    )
    if len(state.operations) >= OPERATIONS_MAX:
        state.send_master(operation_update(state, operation))
    else:
        state.operations[operation.uuid] = operation
        volumes.follow(state, before)
        _checkpoint(state, operation)
    if result is not OperationState.OPERATION_FINISHED:
        registration.seek_master(state, now)


def on_operations_checkpointed(state: State, event: Checkpointed, now: float) -> None:
    """An operation's end is on disk: now it may be seen."""
    operation = state.writing_operations.pop(event.ticket, None)
    if operation is not None and operation.uuid in state.operations:
        _push(state, operation, now)


def on_operation_acknowledged(state: State, event: OperationAcknowledged, now: float) -> None:
    """Forget an operation whose end is known."""
    done = state.operation_updates.acknowledge(event.operation_uuid, event.status_uuid, now)
    if done is not None:
        state.operations.pop(event.operation_uuid, None)
        _checkpoint(state)


def on_reconcile_operations_received(state: State, event: ReconcileOperationsReceived, now: float) -> None:
    """Say of those operations that are not known here that they never arrived."""
    for uuid in event.operation_uuids:
        if uuid in state.operations:
            continue
        dropped = OperationStatus(state=OperationState.OPERATION_DROPPED, agent_id=state.id)
        state.send_master(
            OperationUpdate(
                agent_id=state.agent_id(), operation_uuid=uuid, status=dropped, latest_status=dropped
            )
        )


def recover(state: State, recovered: tuple[RecoveredOperation, ...], now: float) -> None:
    """Take up the operations whose ends were not acknowledged; they are told once there is a master."""
    for known in recovered:
        operation = Operation(known.operation_uuid, known.operation, known.framework_id, known.status)
        state.operations[operation.uuid] = operation
        _push(state, operation, now)


def _apply(state: State, event: OperationReceived) -> Result:
    if event.resource_version_uuid not in (None, state.resource_version):
        return OperationState.OPERATION_DROPPED, "Operation assumes outdated resource state"
    if len(state.operations) >= OPERATIONS_MAX:
        return OperationState.OPERATION_DROPPED, f"{OPERATIONS_MAX} operations wait to be acknowledged"
    conversion = conversion_of(event.operation)
    if isinstance(conversion, str):
        return OperationState.OPERATION_ERROR, conversion
    if not conversion.consumed:
        return OperationState.OPERATION_ERROR, "The operation has no resources"
    if fault := use_fault(conversion.converted):
        return OperationState.OPERATION_ERROR, fault
    total = state.total.convert(*conversion)
    if total is None:
        return OperationState.OPERATION_DROPPED, "The agent does not have the resources of the operation"
    state.total = total
    return OperationState.OPERATION_FINISHED, None


def _push(state: State, operation: Operation, now: float) -> None:
    assert operation.status.uuid is not None, "what is reported until acknowledged has a name"
    pushed = state.operation_updates.push(
        operation.uuid, operation.status.uuid, operation, now, terminal=True
    )
    if pushed is Pushed.FRONT:
        state.send_master(operation_update(state, operation))


def _checkpoint(state: State, told_after: Operation | None = None) -> None:
    """Write down the total and the operations; with an operation, its end is told when that is done."""
    ticket = None
    if told_after is not None:
        ticket = state.next_ticket
        state.next_ticket += 1
        state.writing_operations[ticket] = told_after
    operations = tuple(operation_report(operation) for operation in state.operations.values())
    state.checkpoint(
        paths.RESOURCES_STATE, ResourcesCheckpoint(total=state.total, operations=operations), ticket
    )
