"""Operations on the agent's resources: applied, written down, and reported until acknowledged.

The master has checked them and, for all but resizing volumes, already counts with the result. An operation
changes the total by taking out what it consumes and adding what it makes of it. What the agent does not have
is refused as OPERATION_DROPPED, which the master repairs by asking anew.
"""

from __future__ import annotations

from meseta.agent import paths
from meseta.agent.effects import OperationUpdate, ResourcesCheckpoint
from meseta.agent.events import OperationAcknowledged, OperationReceived, ReconcileOperationsReceived
from meseta.agent.reports import operation_report
from meseta.agent.state import Operation, Phase, State
from meseta.agent.status import operation_update
from meseta.ids import new_uuid
from meseta.records import OperationState, OperationStatus
from meseta.updates import Pushed


def on_operation_received(state: State, event: OperationReceived, now: float) -> None:
    """Apply an operation, once."""
    if state.phase not in (Phase.RUNNING, Phase.DISCONNECTED) or event.operation_uuid in state.operations:
        state.counters.add("dropped_messages")
        return
    result, message = _apply(state, event)
    status = OperationStatus(
        state=result,
        operation_id=event.operation.id,
        agent_id=state.id,
        message=message,
        uuid=new_uuid(state.entropy),
    )
    operation = Operation(event.operation_uuid, event.operation, event.framework_id, status)
    state.operations[operation.uuid] = operation
    _checkpoint(state)
    assert status.uuid is not None
    pushed = state.operation_updates.push(operation.uuid, status.uuid, operation, now, terminal=True)
    if pushed is Pushed.FRONT:
        state.send_master(operation_update(state, operation))


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


def _apply(state: State, event: OperationReceived) -> tuple[OperationState, str | None]:
    if event.resource_version_uuid not in (None, state.resource_version):
        return OperationState.OPERATION_DROPPED, "Operation assumes outdated resource state"
    operation = event.operation
    if not operation.consumed:
        return OperationState.OPERATION_ERROR, "The agent does not know how to apply this operation"
    total = state.total.convert(operation.consumed, operation.converted)
    if total is None:
        return OperationState.OPERATION_DROPPED, "The agent does not have the resources of the operation"
    state.total = total
    return OperationState.OPERATION_FINISHED, None


def _checkpoint(state: State) -> None:
    operations = tuple(operation_report(operation) for operation in state.operations.values())
    state.checkpoint(paths.RESOURCES_STATE, ResourcesCheckpoint(total=state.total, operations=operations))
