"""How operations end: what agents say of them, who is told, and who acknowledges.

An agent repeats the end of an operation until it is acknowledged. A framework that has given the operation
an id is told, and acknowledges; of all others the master does. An operation may also be reported by an agent
that this master did not send it to: then another master did. If its framework is unknown here it may be yet
to come, so its operations are left alone for a while.
"""

from __future__ import annotations

from msgspec.structs import replace

from meseta.ids import AgentId, OperationId
from meseta.master.counters import count_operation
from meseta.master.effects import AcknowledgeOperation, OperationUpdated, ReconcileOperations
from meseta.master.events import (
    OperationsReconcileRequested,
    OperationUpdateAcknowledged,
    OperationUpdateReceived,
    ReportedOperation,
)
from meseta.master.operations import add_operation, remove_operation
from meseta.master.senders import caller
from meseta.master.state import AgentState, FrameworkState, Operation, State
from meseta.records import ENDED_OPERATIONS, OperationState, OperationStatus

ORPHAN_WAIT_S = 600.0
"""How long after an agent's return its operations wait for their frameworks (Mesos:
MIN_WAIT_BEFORE_ORPHAN_OPERATION_ADOPTION)."""
STATUSES_MAX = 16
"""Statuses that are kept of one operation."""


# From agents ------------------------------------------------------------------------------------------


def on_operation_update_received(state: State, event: OperationUpdateReceived, now: float) -> None:
    """Note what an agent says of an operation, and see that it is told and acknowledged."""
    state.counters["master/messages_operation_status_update"] += 1
    agent = state.agents.get(event.agent_id) if event.agent_id is not None else None
    if agent is None or agent.pid != event.sender:
        state.counters["master/invalid_operation_status_updates"] += 1
        state.warn(f"Ignoring operation update from {event.sender}: agent {event.agent_id} is not there")
        return
    operation = agent.operations.get(event.operation_uuid)
    if operation is None:
        _settle_unknown(state, agent, event)
        return
    state.counters["master/valid_operation_status_updates"] += 1
    status = event.status if event.latest is None else event.latest
    status = replace(status, operation_id=operation.info.id)
    update_operation(state, operation, status)
    framework = _listener(state, operation)
    if framework is not None:
        state.tell(framework, OperationUpdated(framework.id, status))
        if status.uuid is None and operation.ended:
            remove_operation(state, agent, operation)
    elif not _is_awaited(state, agent, operation, now):
        _settle(state, agent, operation, status)


def _settle_unknown(state: State, agent: AgentState, event: OperationUpdateReceived) -> None:
    """Pass on what is said of an operation that this master has settled, or has never heard of."""
    framework = state.frameworks.get(event.framework_id) if event.framework_id is not None else None
    state.counters["master/invalid_operation_status_updates"] += 1
    if framework is not None and event.status.operation_id is not None:
        state.tell(framework, OperationUpdated(framework.id, event.status))
    elif event.framework_id is None and event.status.uuid is not None:
        state.tell_agent(agent, AcknowledgeOperation(event.status.uuid, event.operation_uuid))


def update_operation(state: State, operation: Operation, status: OperationStatus) -> None:
    """Give an operation its newest status; its first end stays.

    The books do not change: they were changed when the operation was sent.
    """
    if not operation.ended:
        count_operation(state.counters, operation.info.type, operation.status.state, -1)
        count_operation(state.counters, operation.info.type, status.state)
        operation.status = status
    if not operation.statuses or operation.statuses[-1] != status:
        operation.statuses = (*operation.statuses, status)[-STATUSES_MAX:]


def _listener(state: State, operation: Operation) -> FrameworkState | None:
    """Return the framework that wants to hear of an operation, if there is one."""
    if operation.framework_id is None or operation.info.id is None:
        return None
    if state.operations.get(operation.framework_id, {}).get(operation.info.id) is not operation:
        return None  # It has given the id to another operation.
    return state.frameworks.get(operation.framework_id)


def _is_awaited(state: State, agent: AgentState, operation: Operation, now: float) -> bool:
    """Tell whether the framework of an operation may be yet to subscribe with this master."""
    framework_id = operation.framework_id
    if framework_id is None or operation.info.id is None or framework_id in state.frameworks:
        return False
    if framework_id in state.completed_frameworks or agent.reregistered_time is None:
        return False
    return state.wall(now) - agent.reregistered_time < ORPHAN_WAIT_S


def _settle(state: State, agent: AgentState, operation: Operation, status: OperationStatus) -> None:
    """Acknowledge for nobody, and forget the operation if that was its end."""
    if status.uuid is not None:
        state.tell_agent(agent, AcknowledgeOperation(status.uuid, operation.uuid))
    if operation.ended:
        remove_operation(state, agent, operation)


def reconcile_reported(state: State, agent: AgentState, reported: tuple[ReportedOperation, ...]) -> None:
    """Compare the operations that an agent tells of after its (re-)registration with those in the accounts.

    What is not known here was sent by a master before. What the agent does not know has either never
    arrived, and it will say so when asked; or it had ended, and all that wanted to know of it did.
    """
    told = {each.uuid for each in reported}
    for each in reported:
        known = agent.operations.get(each.uuid)
        if known is None:
            adopted = Operation(each.uuid, each.info, each.framework_id, agent.id, each.status)
            if each.status.uuid is not None:
                adopted.statuses = (each.status,)
            add_operation(state, agent, adopted)
        elif each.status.state in ENDED_OPERATIONS and not known.ended:
            update_operation(state, known, each.status)
    missing = [operation for operation in agent.operations.values() if operation.uuid not in told]
    for operation in missing:
        if operation.ended:
            remove_operation(state, agent, operation)
    asked = tuple(operation.uuid for operation in missing if not operation.ended)
    if asked:
        state.tell_agent(agent, ReconcileOperations(asked))


def forget_operations(state: State, agent: AgentState, fate: OperationStatus | None) -> None:
    """Forget the operations of an agent that is leaving the accounts; say their `fate` if there is one."""
    for operation in list(agent.operations.values()):
        framework = _listener(state, operation)
        if fate is not None and framework is not None:
            status = replace(fate, operation_id=operation.info.id)
            state.tell(framework, OperationUpdated(framework.id, status))
        remove_operation(state, agent, operation)


# From frameworks --------------------------------------------------------------------------------------


def on_operation_update_acknowledged(state: State, event: OperationUpdateAcknowledged, now: float) -> None:
    """Pass an acknowledgement on; with that of its end an operation is over."""
    framework = caller(state, event)
    if framework is None:
        return
    state.counters["master/messages_operation_status_update_acknowledgement"] += 1
    agent = state.agents.get(event.agent_id)
    operation = state.operations.get(framework.id, {}).get(event.operation_id)
    fault = _acknowledgement_fault(event, agent, operation)
    if fault is not None or agent is None or operation is None:
        state.counters["master/invalid_operation_status_update_acknowledgements"] += 1
        state.warn(f"Cannot acknowledge operation {event.operation_id} of framework {framework}: {fault}")
        return
    state.counters["master/valid_operation_status_update_acknowledgements"] += 1
    message = AcknowledgeOperation(event.uuid, operation.uuid, event.resource_provider_id)
    state.tell_agent(agent, message)
    acknowledged = next(status for status in operation.statuses if status.uuid == event.uuid)
    if acknowledged.state in ENDED_OPERATIONS:
        remove_operation(state, agent, operation)


def _acknowledgement_fault(
    event: OperationUpdateAcknowledged, agent: AgentState | None, operation: Operation | None
) -> str | None:
    if agent is None:
        return f"agent {event.agent_id} is not registered"
    if not agent.connected:
        return f"agent {event.agent_id} is disconnected"
    if operation is None or operation.agent_id != agent.id:
        return "it is unknown"
    if all(status.uuid != event.uuid for status in operation.statuses):
        return f"it has no status {event.uuid.hex()}"
    return None


def on_operations_reconcile_requested(state: State, event: OperationsReconcileRequested, now: float) -> None:
    """Tell the state of the operations that are named, or of all that the framework has."""
    framework = caller(state, event)
    if framework is None:
        return
    state.counters["master/messages_reconcile_operations"] += 1
    known = state.operations.get(framework.id, {})
    statuses = [_latest(operation) for operation in known.values()] if not event.operations else []
    for operation_id, agent_id in event.operations:
        operation = known.get(operation_id)
        statuses.append(_unknown(state, operation_id, agent_id) if operation is None else _latest(operation))
    for status in statuses:
        state.tell(framework, OperationUpdated(framework.id, status))


def _latest(operation: Operation) -> OperationStatus:
    """Return the newest status, as one that is not to be acknowledged."""
    status = operation.statuses[-1] if operation.statuses else operation.status
    return replace(status, uuid=None)


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
    elif agent_id in state.past.unreachable:
        known = OperationState.OPERATION_UNREACHABLE
        message = "Reconciliation: Agent is unreachable"
    elif agent_id in state.past.gone:
        known = OperationState.OPERATION_GONE_BY_OPERATOR
        message = "Reconciliation: Agent marked gone by operator"
    else:
        message = "Reconciliation: Both operation and agent are unknown"
    return OperationStatus(state=known, operation_id=operation_id, agent_id=agent_id, message=message)
