"""What an allocation module may do wrong without harm to the cluster.

A module is somebody else's code, inside the master. If it raises, nothing is offered for a while, and it
is asked again. What it decides is held against what the master knows before it is offered; a decision that
cannot be is given back, counted and logged with the name of the module. The built-in allocator is not
checked, since `allocator.invariants` does that in its tests and in the simulator; and if it raises, that is a
bug like any other here, which ends the process.
"""

from __future__ import annotations

from meseta.allocator.allocator import Allocation, Explanation, InverseAllocation, Question
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.allocator.policies.priority import PriorityAllocator
from meseta.errors import PolicyError
from meseta.ids import FrameworkId
from meseta.master.state import State
from meseta.master.views import offered_on_agent, used_on_agent
from meseta.records import Filters
from meseta.resources import Resources

RETRY_S = 1.0
"""So long a module that has raised is not asked."""
NOT_AGAIN = Filters()
"""Keeps a module from the same mistake for a while."""


def decide(state: State, now: float) -> list[Allocation]:
    """Let the allocation module decide, and return what of it can be offered."""
    try:
        decided = list(state.allocator.allocate(now, state.config.allocation_agents_max))
    except Exception as error:
        if _is_built_in(state) and not isinstance(error, PolicyError):
            raise
        state.allocator_health.retry_s = now + RETRY_S
        _blame(state, f"raised {error!r} when it was to decide; it is asked again in {RETRY_S:g} s")
        return []
    return decided if _is_built_in(state) else _sound(state, decided, now)


def decide_inverse(state: State, now: float) -> list[InverseAllocation]:
    """Let the allocation module say whom to ask to leave agents."""
    try:
        return list(state.allocator.inverse_offers(now))
    except Exception as error:
        if _is_built_in(state):
            raise
        state.allocator_health.retry_s = now + RETRY_S
        _blame(
            state, f"raised {error!r} when it was to make inverse offers; it is asked again in {RETRY_S:g} s"
        )
        return []


def next_decision(state: State) -> float | None:
    """Return when the allocation module wants to decide."""
    try:
        due = state.allocator.deadline()
    except Exception as error:
        if _is_built_in(state):
            raise
        if not state.allocator_health.is_mute:
            _blame(state, f"raised {error!r} when it was asked for its deadline")
        state.allocator_health.is_mute = True
        return None
    state.allocator_health.is_mute = False
    return due if due is None else max(due, state.allocator_health.retry_s)


def explain(state: State, framework_id: FrameworkId, question: Question, now: float) -> Explanation:
    """Let the allocation module explain why a known framework is not offered something.

    Raises PolicyError if it cannot.
    """
    try:
        found = state.allocator.explain(framework_id, now, question)
        if not isinstance(found, Explanation):
            raise TypeError(f"{found!r} is no Explanation")
    except Exception as error:
        if _is_built_in(state):
            raise
        _blame(state, f"raised {error!r} when it was asked for an explanation")
        raise PolicyError(f"allocation module {_name(state)} gives no explanation") from error
    return found


def _is_built_in(state: State) -> bool:
    return type(state.allocator) in (HierarchicalAllocator, PriorityAllocator)


def _sound(state: State, decided: list[Allocation], now: float) -> list[Allocation]:
    """Leave out what cannot be offered."""
    sound: list[Allocation] = []
    promised: dict[str, Resources] = {}
    for one in decided:
        fault = _fault(state, one, promised)
        if fault is None:
            promised[one.agent_id] = promised.get(one.agent_id, Resources.EMPTY) + one.resources
            sound.append(one)
        else:
            _blame(state, f"wanted to offer {fault}")
            _give_back(state, one, now)
    return sound


def _fault(state: State, one: object, promised: dict[str, Resources]) -> str | None:
    """Say what is wrong with a decision; `promised` is what this round has given away of each agent."""
    if not isinstance(one, Allocation) or not isinstance(one.resources, Resources):
        return f"{one!r}, which is no Allocation"
    framework, agent = state.frameworks.get(one.framework_id), state.agents.get(one.agent_id)
    if framework is None or not framework.active:
        return f"something to framework {one.framework_id}, which is not active"
    if agent is None or not agent.active:
        return f"agent {one.agent_id}, which is not active"
    if one.role not in framework.info.roles:
        return f"something in role {one.role}, to which framework {framework} is not subscribed"
    if not one.resources:
        return f"nothing of agent {agent}"
    held = used_on_agent(agent) + offered_on_agent(agent) + promised.get(one.agent_id, Resources.EMPTY)
    free = agent.total.nonshared().subtract(held.nonshared()) + agent.total.shared()
    if not free.contains(one.resources) or one.resources.allocatable_to(one.role) != one.resources:
        return f"{one.resources} of agent {agent} in role {one.role}, where {free} is free"
    return None


def _give_back(state: State, one: object, now: float) -> None:
    if isinstance(one, Allocation):
        try:
            state.allocator.recover(one.framework_id, one.agent_id, one.role, one.resources, NOT_AGAIN, now)
        except Exception as error:
            _blame(state, f"raised {error!r} when a wrong decision was given back")


def _blame(state: State, what: str) -> None:
    state.counters["master/allocator_faults"] += 1
    state.warn(f"Allocation module {_name(state)} {what}")


def _name(state: State) -> str:
    kind = type(state.allocator)
    return f"{kind.__module__}.{kind.__qualname__}"
