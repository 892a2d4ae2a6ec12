"""Offers: made of what the allocator decides, answered, rescinded, timed out.

An offer's resources are allocated to its framework from the moment they are offered. They go back to the
allocator when the offer is declined, rescinded or discarded, or when an accepted offer is not used up.
"""

from __future__ import annotations

from meseta.allocator.allocator import Allocation
from meseta.ids import FrameworkId, OfferId, offer_id
from meseta.master.containment import decide
from meseta.master.effects import Offered, OfferRecord
from meseta.master.events import (
    OffersAccepted,
    OffersDeclined,
    Revived,
    Suppressed,
)
from meseta.master.launching import launch, launch_group, refuse_dropped
from meseta.master.operations import Applied, apply_operation, refuse_operation
from meseta.master.rescinding import discard_offer, rescind_offers, take_offer
from meseta.master.senders import caller
from meseta.master.state import AgentState, FrameworkState, Offer, State
from meseta.records import Filters, Launch, LaunchGroup, Operation, TaskInfo, TaskReason
from meseta.resources import Resources

FOR_OTHERS = Filters()
"""Keeps resources for a while from a framework that has too many open offers, or lets them time out."""

REFUSED_TO_SILENT_MAX_S = 600.0


# Making -----------------------------------------------------------------------------------------------


def make_offers(state: State, now: float) -> None:
    """Offer what the allocator decides now, in one message per framework."""
    batches: dict[FrameworkId, list[OfferRecord]] = {}
    for allocation in decide(state, now):
        framework = state.frameworks[allocation.framework_id]
        if len(framework.offers) >= state.config.offers_max:
            _hold_back(state, allocation, now)
            continue
        batch = batches.get(framework.id)
        if batch is None:
            batch = batches[framework.id] = []
        batch.append(_make_offer(state, framework, allocation, now))
    for framework_id, batch in batches.items():
        framework = state.frameworks[framework_id]
        state.tell(framework, Offered(framework.info, tuple(batch)))


def _make_offer(state: State, framework: FrameworkState, allocation: Allocation, now: float) -> OfferRecord:
    agent = state.agents[allocation.agent_id]
    id = offer_id(state.config.id, state.issued.offers)
    state.issued.offers += 1
    offer = Offer(id, framework.id, allocation.role, agent.id, allocation.resources)
    state.offers[id] = framework.offers[id] = agent.offers[id] = offer
    if state.config.offer_timeout_s is not None:
        state.deadlines.arm(("offer", id), now + state.config.offer_timeout_s)
    executors = framework.executors.get(agent.id, ())
    return OfferRecord(
        id, framework.id, allocation.role, agent.offered, allocation.resources, tuple(executors)
    )


def _hold_back(state: State, allocation: Allocation, now: float) -> None:
    state.counters["master/offers_held_back"] += 1
    state.allocator.recover(
        allocation.framework_id, allocation.agent_id, allocation.role, allocation.resources, FOR_OTHERS, now
    )


def on_offer_timed_out(state: State, id: OfferId, now: float) -> None:
    """Rescind an offer that was not answered in time. Others get its resources first.

    The longer a framework has been silent, the longer it is not offered them again. (In Mesos they go back
    without a filter, so newcomers that answer nothing can get them again and again.)
    """
    offer = state.offers.get(id)
    if offer is None:
        return
    state.counters["master/offers_timed_out"] += 1
    framework = state.frameworks[offer.framework_id]
    if framework.silent_since is None:
        framework.silent_since = now
    silence_s = now - framework.silent_since
    filters = Filters(min(FOR_OTHERS.refuse_s + silence_s, REFUSED_TO_SILENT_MAX_S))
    rescind_offers(state, (offer,), now, filters)


# Answers ----------------------------------------------------------------------------------------------


def on_offers_accepted(state: State, event: OffersAccepted, now: float) -> None:
    """Apply operations to the accepted offers in order; what is left over is declined."""
    framework = caller(state, event)
    if framework is None:
        return
    framework.silent_since = None
    _count_launches(state, event.operations)
    fault = offers_fault(state, framework, event.offer_ids)
    if fault is not None:
        _refuse_all(state, framework, event, fault, now)
        return
    offers = [state.offers[id] for id in event.offer_ids]
    left = offers[0].resources
    for offer in offers[1:]:
        left += offer.resources
    for offer in offers:
        take_offer(state, offer)
        state.allocator.accept(framework.id, offer.agent_id, offer.role, offer.resources)
    agent, role = state.agents[offers[0].agent_id], offers[0].role
    offered, resized = left, Resources.EMPTY
    for operation in event.operations:
        applied = _apply(state, framework, agent, role, operation, left, now)
        left, resized = applied.left, resized + applied.resized
    left += resized
    _give_back(state, framework, agent, role, left, left.subtract(offered), event.filters, now)


def _apply(
    state: State,
    framework: FrameworkState,
    agent: AgentState,
    role: str,
    operation: Operation,
    left: Resources,
    now: float,
) -> Applied:
    """Apply one operation to what is left of the offers."""
    if isinstance(operation, Launch):
        return Applied(launch(state, framework, agent, role, operation, left, now))
    if isinstance(operation, LaunchGroup):
        return Applied(launch_group(state, framework, agent, role, operation, left, now))
    return apply_operation(state, framework, agent, role, operation, left, now)


def _give_back(
    state: State,
    framework: FrameworkState,
    agent: AgentState,
    role: str,
    left: Resources,
    made: Resources,
    filters: Filters,
    now: float,
) -> None:
    """Decline what is left over, except for what operations `made` of the offers: that was not offered yet.

    With no time to refuse for, all of it goes back together, so that it is offered together, too.
    """
    if made and filters.refuse_s:
        state.allocator.recover(framework.id, agent.id, role, made, None, now, accepted=True)
        left -= made
    if left:
        state.allocator.recover(framework.id, agent.id, role, left, filters, now, accepted=True)


def offers_fault(state: State, framework: FrameworkState, ids: tuple[OfferId, ...]) -> str | None:
    """Say why these offers cannot be accepted together, if so. Sentences are Mesos's."""
    if not ids:
        return "No offers specified"
    if len(ids) > 1 and (twice := _repeated(ids)) is not None:
        return f"Duplicate offer {twice} in offer list"
    first: Offer | None = None
    for id in ids:
        offer = state.offers.get(id)
        if offer is None:
            return f"Offer {id} is no longer valid"
        if offer.framework_id != framework.id:
            return (
                f"Offer {id} has invalid framework {offer.framework_id}"
                f" while framework {framework.id} is expected"
            )
        first = first or offer
        if offer.role != first.role:
            return (
                f"Aggregated offers must be allocated to the same role. Offer {id} uses role"
                f" '{offer.role}' but another is using role '{first.role}'"
            )
        if offer.agent_id != first.agent_id:
            return (
                f"Aggregated offers must belong to one single agent. Offer {id} uses agent"
                f" {offer.agent_id} and agent {first.agent_id}"
            )
    return None


def _repeated(ids: tuple[OfferId, ...]) -> OfferId | None:
    seen: set[OfferId] = set()
    for id in ids:
        if id in seen:
            return id
        seen.add(id)
    return None


def _refuse_all(
    state: State, framework: FrameworkState, event: OffersAccepted, fault: str, now: float
) -> None:
    """Give the valid ones of the offers back, and say of every operation that it came to nothing."""
    for id in event.offer_ids:
        offer = state.offers.get(id)
        if offer is not None and offer.framework_id == framework.id:
            discard_offer(state, offer, None, now)
    for operation in event.operations:
        if isinstance(operation, Launch | LaunchGroup):
            message = f"Task launched with invalid offers: {fault}"
            tasks = _tasks_of(operation)
            refuse_dropped(state, framework, tasks, TaskReason.REASON_INVALID_OFFERS, message, now)
        else:
            refuse_operation(state, framework, operation, f"Operation attempted with invalid offers: {fault}")


def _tasks_of(operation: Launch | LaunchGroup) -> tuple[TaskInfo, ...]:
    return operation.tasks if isinstance(operation, Launch) else operation.group.tasks


def _count_launches(state: State, operations: tuple[Operation, ...]) -> None:
    for operation in operations:
        if isinstance(operation, Launch):
            name = "launch_tasks" if operation.tasks else "decline_offers"
            state.counters[f"master/messages_{name}"] += 1


def on_offers_declined(state: State, event: OffersDeclined, now: float) -> None:
    """Give offers back; what is refused is not offered to the framework again for a while."""
    framework = caller(state, event)
    if framework is None:
        return
    framework.silent_since = None
    state.counters["master/messages_decline_offers"] += 1
    for id in event.offer_ids:
        offer = framework.offers.get(id)
        if offer is not None:
            discard_offer(state, offer, event.filters, now)


# Demand -----------------------------------------------------------------------------------------------


def on_revived(state: State, event: Revived, now: float) -> None:
    """Offer again in some roles, or all; one foreign role voids the call."""
    framework = caller(state, event)
    if framework is None:
        return
    state.counters["master/messages_revive_offers"] += 1
    if _own_roles(state, framework, event.roles, "revive"):
        roles = event.roles or framework.info.roles
        framework.suppressed = framework.suppressed.difference(roles)
        state.allocator.revive(framework.id, roles)


def on_suppressed(state: State, event: Suppressed, now: float) -> None:
    """Offer nothing more in some roles, or all; one foreign role voids the call."""
    framework = caller(state, event)
    if framework is None:
        return
    state.counters["master/messages_suppress_offers"] += 1
    if _own_roles(state, framework, event.roles, "suppression"):
        roles = event.roles or framework.info.roles
        framework.suppressed = framework.suppressed.union(roles)
        for role in roles:
            framework.demand.pop(role, None)
        state.allocator.suppress(framework.id, roles)


def _own_roles(state: State, framework: FrameworkState, roles: tuple[str, ...], what: str) -> bool:
    own = frozenset(framework.info.roles)
    for role in roles:
        if role not in own:
            state.warn(
                f"Dropping call of framework {framework}: {what} role '{role}' is not one of its subscribed"
                f" roles ({', '.join(framework.info.roles)})"
            )
            return False
    return True
