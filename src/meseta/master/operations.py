"""Operations on resources: checked, applied to the books at once, and sent to the agent.

An operation is a conversion, "put this in the place of that" (`records.conversions`), and it is made four
times in the same way: on what is left of the accepted offers, so that a later operation of the same call can
use the result; on the agent's total here; in the allocator's books; and, later, by the agent. The first three
are made before the agent has answered: it is not asked whether, it is told. An agent that cannot follow says
so and registers again, and with that the books here become what it really has (`agents.reconnect_agent`).

Volumes that grow or shrink are the exception: as in Mesos, their results cannot be used in the same call.
"""

from __future__ import annotations

from typing import NamedTuple

from meseta.ids import named_uuid
from meseta.master.approval import OPERATIONS
from meseta.master.counters import count_operation
from meseta.master.effects import ApplyOperation, CheckpointResources, Errored, OperationUpdated
from meseta.master.operation_validation import Asker, operation_fault
from meseta.master.rescinding import rescind_offers
from meseta.master.state import AgentState, FrameworkState, Operation, State
from meseta.records import OperationState, OperationStatus, OperationType, ResourceOperation
from meseta.records.conversions import RESIZING, Conversion, conversion_of
from meseta.resources import Resources, format_resources

OPERATIONS_MAX = 10_000
"""Operations of one framework whose ends it has not acknowledged; further ones are refused."""


class Applied(NamedTuple):
    """What an operation leaves of an offer."""

    left: Resources
    resized: Resources = Resources.EMPTY
    """What it made that operations after it cannot use."""


# Frameworks -------------------------------------------------------------------------------------------


def apply_operation(
    state: State,
    framework: FrameworkState,
    agent: AgentState,
    role: str,
    operation: ResourceOperation,
    left: Resources,
    now: float,
) -> Applied:
    """Apply an operation of a framework to what is left of its offers, or refuse it."""
    fault = _message_fault(operation) or _feedback_fault(state, framework, agent, operation)
    if fault is not None:
        refuse_operation(state, framework, operation, fault)
        return Applied(left)
    asker = Asker(framework.info.principal, framework, role)
    fault = operation_fault(agent, operation, asker)
    if fault is not None:
        refuse_operation(state, framework, operation, f"{fault}; on agent {agent}")
        return Applied(left)
    if not is_authorized(state, operation, asker.principal):
        principal = framework.info.principal or ""
        text = f"Principal '{principal}' is not authorized to perform {operation.type.name}"
        refuse_operation(state, framework, operation, text)
        return Applied(left)
    if operation.type is OperationType.DESTROY:
        _rescind_offers_of(state, agent, operation.resources, now)
    conversion = conversion_of(operation)
    if isinstance(conversion, str):
        refuse_operation(state, framework, operation, conversion)
        return Applied(left)
    fault = _missing(agent, operation, conversion, left, role)
    if fault is not None:
        refuse_operation(state, framework, operation, fault)
        return Applied(left)
    convert(state, agent, conversion)
    state.allocator.update_allocation(framework.id, agent.id, role, *conversion)
    send_operation(state, agent, framework, role, operation)
    if operation.type in RESIZING:
        return Applied(left - conversion.consumed, conversion.converted)
    return Applied(left - conversion.consumed + conversion.converted)


def _message_fault(operation: ResourceOperation) -> str | None:
    if operation.fault is not None:
        return f"Operation attempted with invalid resources: {operation.fault}"
    if operation.type is OperationType.RESERVE and operation.source:
        text = "Reservation updates are not yet implemented for the scheduler API."
        return f"Operation attempted with invalid resources: {text}"
    return None


def _feedback_fault(
    state: State, framework: FrameworkState, agent: AgentState, operation: ResourceOperation
) -> str | None:
    """Say why the framework cannot be told how an operation ends although it wants to be."""
    if operation.id is None:
        return None
    if isinstance(framework.peer, str):
        return "Operation feedback is not supported for the SchedulerDriver API"
    if agent.resource_version is None or "RESOURCE_PROVIDER" not in agent.capabilities:
        return (
            f"Operation requested feedback, but agent {agent.id} does not have the required"
            " RESOURCE_PROVIDER capability"
        )
    if "AGENT_OPERATION_FEEDBACK" not in agent.capabilities:
        return (
            f"Operation on agent default resources requested feedback, but agent {agent.id} does not have"
            " the required AGENT_OPERATION_FEEDBACK and RESOURCE_PROVIDER capabilities"
        )
    if len(state.operations.get(framework.id, ())) >= OPERATIONS_MAX:
        return f"The framework has {OPERATIONS_MAX} operations whose status it has not acknowledged"
    return None


def _missing(
    agent: AgentState, operation: ResourceOperation, conversion: Conversion, left: Resources, role: str
) -> str | None:
    """Say that what an operation consumes is not in what is left of the offers."""
    allocated = operation.role or role
    if allocated == role and left.contains(conversion.consumed) and agent.total.contains(conversion.consumed):
        return None
    have, need = format_resources(left, role), format_resources(conversion.consumed, allocated)
    prefix = f"Invalid {operation.type.name} operation: " if operation.type in RESIZING else ""
    return f"{prefix}{have} does not contain {need}"


def _rescind_offers_of(state: State, agent: AgentState, volumes: Resources, now: float) -> None:
    """Take back offers that hold a volume which is about to be destroyed; only shared ones can be in one."""
    parts = [Resources.of([volume]) for volume in volumes]
    holding = [
        offer for offer in agent.offers.values() if any(offer.resources.contains(part) for part in parts)
    ]
    rescind_offers(state, holding, now)


def refuse_operation(
    state: State, framework: FrameworkState, operation: ResourceOperation, fault: str
) -> None:
    """Tell the framework that an operation is in error; drivers have no word for it and are ended."""
    count_operation(state.counters, operation.type, OperationState.OPERATION_ERROR)
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


# Both -------------------------------------------------------------------------------------------------


def is_authorized(state: State, operation: ResourceOperation, principal: str | None) -> bool:
    """Tell whether the principal may do this to all of the resources."""
    action, object_of = OPERATIONS[operation.type]
    objects = {object_of(kind) for kind, _ in operation.resources}
    return all(state.approvers.approves(action, principal, each) for each in sorted(objects, key=str))


def convert(state: State, agent: AgentState, conversion: Conversion) -> None:
    """Make a conversion in the agent's account; it must have been checked that it can be."""
    total = agent.total.convert(*conversion)
    assert total is not None, f"{agent} does not have {conversion.consumed}"
    agent.total = total


def send_operation(
    state: State,
    agent: AgentState,
    framework: FrameworkState | None,
    role: str | None,
    info: ResourceOperation,
) -> None:
    """Tell the agent, and remember the operation until its end is known to all who want to know it.

    An agent without resource providers is an old one: it is told the outcome, and nothing comes back.
    """
    if agent.resource_version is None or "RESOURCE_PROVIDER" not in agent.capabilities:
        state.tell_agent(agent, CheckpointResources(agent.total.checkpointed()))
        return
    uuid = named_uuid(f"{state.config.id}-operation-{state.issued.operations}")
    state.issued.operations += 1
    framework_id = None if framework is None else framework.id
    status = OperationStatus(state=OperationState.OPERATION_PENDING, operation_id=info.id, agent_id=agent.id)
    add_operation(state, agent, Operation(uuid, info, framework_id, agent.id, status))
    message = ApplyOperation(framework_id, info, role, uuid, agent.resource_version)
    state.tell_agent(agent, message)


def add_operation(state: State, agent: AgentState, operation: Operation) -> None:
    """Take an operation into the accounts."""
    count_operation(state.counters, operation.info.type, operation.status.state)
    agent.operations[operation.uuid] = operation
    if operation.framework_id is not None and operation.info.id is not None:
        state.operations.setdefault(operation.framework_id, {})[operation.info.id] = operation


def remove_operation(state: State, agent: AgentState, operation: Operation) -> None:
    """Forget an operation."""
    if not operation.ended:
        count_operation(state.counters, operation.info.type, operation.status.state, -1)
    del agent.operations[operation.uuid]
    if agent.deactivation is not None:
        state.wishes.emptied[agent.id] = None
    if operation.framework_id is None or operation.info.id is None:
        return
    by_id = state.operations.get(operation.framework_id, {})
    if by_id.get(operation.info.id) is operation:
        del by_id[operation.info.id]
        if not by_id:
            del state.operations[operation.framework_id]
