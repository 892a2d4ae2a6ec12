"""Operations on resources other than launches: refused, with feedback where it was asked for.

This master does not apply reservations, volumes and disks yet. It answers every such operation as Mesos
answers one that is invalid: an operation with an id gets OPERATION_ERROR, one without is logged.
"""

from __future__ import annotations

from meseta.ids import AgentId, OperationId
from meseta.master.counters import count_operation_error
from meseta.master.effects import Errored, OperationUpdated
from meseta.master.events import (
    OperationsReconcileRequested,
    OperationUpdateAcknowledged,
    OperationUpdateReceived,
)
from meseta.master.senders import caller
from meseta.master.state import FrameworkState, State
from meseta.records import OperationState, OperationStatus, ResourceOperation


def refuse_operation(
    state: State, framework: FrameworkState, operation: ResourceOperation, fault: str | None = None
) -> None:
    """Tell the framework that an operation is in error; drivers have no word for it and are ended."""
    if fault is None:
        fault = _fault(operation)
    count_operation_error(state.counters, operation.type)
    state.warn(f"Dropping {operation.type.name} operation of framework {framework}: {fault}")
    if operation.id is None:
        return
    if isinstance(framework.peer, str):
        state.tell(
            framework,
            Errored(
                "The 'id' field was set in an offer operation, but operation feedback is not supported for"
                " the SchedulerDriver API; please use the HTTP scheduler API for this feature"
            ),
        )
        return
    status = OperationStatus(state=OperationState.OPERATION_ERROR, operation_id=operation.id, message=fault)
    state.tell(framework, OperationUpdated(framework.id, status))


def _fault(operation: ResourceOperation) -> str:
    if operation.fault is not None:
        return f"Operation attempted with invalid resources: {operation.fault}"
    return f"{operation.type.name} operations are not supported by this master"


def on_operation_update_received(state: State, event: OperationUpdateReceived, now: float) -> None:
    """Drop an agent's update of an operation: this master has sent it none."""
    state.counters["master/messages_operation_status_update"] += 1
    state.counters["master/invalid_operation_status_updates"] += 1
    state.warn(f"Ignoring update of unknown operation {event.status.operation_id} from {event.sender}")


def on_operation_update_acknowledged(state: State, event: OperationUpdateAcknowledged, now: float) -> None:
    """Drop an acknowledgement: no update that wants one was sent."""
    framework = caller(state, event)
    if framework is None:
        return
    state.counters["master/messages_operation_status_update_acknowledgement"] += 1
    state.counters["master/invalid_operation_status_update_acknowledgements"] += 1
    state.warn(f"Cannot acknowledge operation {event.operation_id} of framework {framework}: it is unknown")


def on_operations_reconcile_requested(state: State, event: OperationsReconcileRequested, now: float) -> None:
    """Answer for the operations that are named; there are none to tell of otherwise."""
    framework = caller(state, event)
    if framework is None:
        return
    state.counters["master/messages_reconcile_operations"] += 1
    for operation_id, agent_id in event.operations:
        status = _unknown(state, operation_id, agent_id)
        state.tell(framework, OperationUpdated(framework.id, status))


def _unknown(state: State, operation_id: OperationId, agent_id: AgentId | None) -> OperationStatus:
    """Return what is to be said of an operation that the master does not know."""
    known = OperationState.OPERATION_UNKNOWN
    if agent_id is None:
        message = "Reconciliation: Operation is unknown and no 'agent_id' was provided"
    elif agent_id in state.agents:
        message = "Reconciliation: Operation is unknown"
    elif agent_id in state.recovered_agents:
        known = OperationState.OPERATION_RECOVERING
        message = "Reconciliation: Agent is recovered but has not re-registered"
    elif agent_id in state.unreachable_agents:
        known = OperationState.OPERATION_UNREACHABLE
        message = "Reconciliation: Agent is unreachable"
    else:
        message = "Reconciliation: Both operation and agent are unknown"
    return OperationStatus(state=known, operation_id=operation_id, agent_id=agent_id, message=message)
