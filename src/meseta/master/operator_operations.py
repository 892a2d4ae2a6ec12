"""Operations on resources that operators ask for: done on what is free, or on offers that are taken back.

The answer is 202 when the operation is on its way to the agent, 400 when it is wrong, 403 when it is not
allowed, and 409 when the resources are in use.
"""

from __future__ import annotations

from collections.abc import Iterator

from meseta.master.effects import Reply
from meseta.master.events import OperationRequested
from meseta.master.operation_validation import Asker, operation_fault
from meseta.master.operations import convert, is_authorized, send_operation
from meseta.master.rescinding import rescind_offers
from meseta.master.state import AgentState, Offer, State
from meseta.master.views import free_on_agent
from meseta.records import Filters, OperationType
from meseta.records.conversions import conversion_of
from meseta.resources import Resources

_NAMES_AGENT = frozenset(
    {OperationType.RESERVE, OperationType.CREATE, OperationType.GROW_VOLUME, OperationType.SHRINK_VOLUME}
)
"""Operations whose refusals say on which agent."""


def on_operation_requested(state: State, event: OperationRequested, now: float) -> None:
    """Do it, or say why not."""
    code, text = _operate(state, event, now)
    state.effects.append(Reply(event.request, code, text))


def _operate(state: State, event: OperationRequested, now: float) -> tuple[int, str]:
    agent, operation = state.agents.get(event.agent_id), event.operation
    if agent is None:
        return 400, "No agent found with specified ID"
    if operation.fault is not None:
        return 400, operation.fault
    fault = operation_fault(agent, operation, Asker(event.principal))
    if fault is not None:
        where = f" on agent {agent}" if operation.type in _NAMES_AGENT else ""
        return 400, f"Invalid {operation.type.name} operation{where}: {fault}"
    if not is_authorized(state, operation, event.principal):
        return 403, ""
    conversion = conversion_of(operation)
    if isinstance(conversion, str):
        return 400, f"Invalid {operation.type.name} operation: {conversion}"
    rescind_offers(state, list(_needed(agent, conversion.consumed)), now, Filters())
    if not state.allocator.update_available(agent.id, *conversion):
        return 409, f"{free_on_agent(agent)} does not contain {conversion.consumed}"
    convert(state, agent, conversion)
    send_operation(state, agent, None, None, operation)
    return 202, ""


def _needed(agent: AgentState, required: Resources) -> Iterator[Offer]:
    """Choose offers, in order, until together they have what is required; those without any of it stay.

    As in Mesos, what is free already does not count: it may be offered at any moment.
    """
    recovered = Resources.EMPTY
    missing = required
    for offer in agent.offers.values():
        left = missing.subtract(offer.resources)
        if left == missing:
            continue
        missing = left
        recovered += offer.resources
        yield offer
        if recovered.contains(required):
            return
