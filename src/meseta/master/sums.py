"""Sums over a master's state by role: what endpoints show, and what quota is held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from meseta.ids import FrameworkId
from meseta.master.state import AgentState, Executor, FrameworkState, Offer, State, Task
from meseta.resources import EMPTY, Resources
from meseta.roles import ancestors

Holder = Task | Executor | Offer


def users_on_agent(agent: AgentState) -> Iterator[Holder]:
    """Yield what holds resources on the agent, but for offers."""
    for tasks in agent.tasks.values():
        yield from (task for task in tasks.values() if task.holds_resources)
    for executors in agent.executors.values():
        yield from executors.values()


def users_of_framework(framework: FrameworkState) -> Iterator[Holder]:
    """Yield what holds resources for the framework, but for offers."""
    yield from (task for task in framework.tasks.values() if task.holds_resources)
    for executors in framework.executors.values():
        yield from executors.values()


def by_role(holders: Iterable[Holder]) -> dict[str, Resources]:
    """Return what these hold, by the role that it is allocated to."""
    sums: dict[str, Resources] = {}
    for holder in holders:
        sums[holder.role] = sums.get(holder.role, EMPTY) + holder.resources
    return sums


def total(sums: Mapping[str, Resources]) -> Resources:
    """Return the sum over all roles."""
    whole = EMPTY
    for resources in sums.values():
        whole += resources
    return whole


def agent_version(agent: AgentState) -> object:
    """Return what endpoints show of an agent, as far as it can change; equal as long as nothing has."""
    return (
        agent.info,
        agent.pid,
        agent.version,
        agent.capabilities,
        agent.total,
        agent.active,
        agent.deactivation,
        agent.drain_started,
        agent.registered_time,
        agent.reregistered_time,
        by_role(users_on_agent(agent)),
        by_role(agent.offers.values()),
    )


@dataclass(slots=True)
class RoleSums:
    """What is there for a role and the roles below it."""

    frameworks: list[FrameworkId] = field(default_factory=list)
    """Those that have subscribed to exactly this role, or hold something in it."""
    allocated: Resources = EMPTY
    offered: Resources = EMPTY
    reserved: Resources = EMPTY
    reserved_unused: Resources = EMPTY
    """The part of `reserved` that no task or executor holds."""

    @property
    def consumed(self) -> Resources:
        """What counts as consumed of the role's quota; offers do not."""
        return self.allocated + self.reserved_unused


def role_sums(state: State) -> dict[str, RoleSums]:
    """Return the roles that are subscribed to, reserved for, weighed or have quota, and those above them.

    In the order of names. Where the master is told the only roles there are, it is these.
    """
    set_up = _with_ancestors((*state.weights, *state.quotas))
    sums: dict[str, RoleSums] = {role: RoleSums() for role in set_up}
    for framework in state.frameworks.values():
        _add_framework(sums, framework)
    for agent in state.agents.values():
        _add_agent(sums, agent)
    if state.config.roles is not None:
        sums = {role: sums.get(role, RoleSums()) for role in _with_ancestors(state.config.roles)}
    return {role: sums[role] for role in sorted(sums)}


def _add_framework(sums: dict[str, RoleSums], framework: FrameworkState) -> None:
    allocated = by_role(users_of_framework(framework))
    offered = by_role(framework.offers.values())
    for role in dict.fromkeys((*framework.info.roles, *allocated, *offered)):
        for path in _with_ancestors((role,)):
            sums.setdefault(path, RoleSums())
        sums[role].frameworks.append(framework.id)
    for role, resources in allocated.items():
        for path in _with_ancestors((role,)):
            sums[path].allocated += resources
    for role, resources in offered.items():
        for path in _with_ancestors((role,)):
            sums[path].offered += resources


def _add_agent(sums: dict[str, RoleSums], agent: AgentState) -> None:
    reservations = agent.total.reservations()
    if not reservations:
        return
    used = total(by_role(users_on_agent(agent)))
    for role, resources in reservations.items():
        unused = resources.subtract(used.reserved(role))
        for path in _with_ancestors((role,)):
            mine = sums.setdefault(path, RoleSums())
            mine.reserved += resources
            mine.reserved_unused += unused


def _with_ancestors(roles: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(path for role in roles for path in (role, *ancestors(role)))
