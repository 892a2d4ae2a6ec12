"""What frameworks say they need: REQUEST, and the totals that they want to hold.

A REQUEST says what is needed beyond what the framework has. It replaces the one before, an empty one
withdraws it, and each launch lessens it. `FrameworkInfo.options.demands` says instead what a framework wants
to hold of a role altogether; what it holds less than that it needs, and who holds all of it needs nothing.
Where both are said, the greater counts, until the demand is met.

Offers follow demand: a REQUEST ends the framework's refusals, and a framework that holds all that it wants
to hold of a role is offered no more in it (`meseta.allocator.demands`). What a role is guaranteed is made
free for it by `meseta.master.revocation` as far as its frameworks need it. (Mesos passes a REQUEST to its
allocator, which ignores it.)
"""

from __future__ import annotations

from meseta.allocator.amounts import Amounts, Sums, add, positive
from meseta.allocator.quota import contested, top_of
from meseta.master.events import ResourcesRequested
from meseta.master.senders import caller
from meseta.master.state import FrameworkState, State
from meseta.master.sums import by_role, users_of_framework
from meseta.resources import Resources

NAMES_MAX = 64
"""Different names of resources that a framework can need of a role; further ones are dropped."""


def on_resources_requested(state: State, event: ResourcesRequested, now: float) -> None:
    """REQUEST: note what a framework needs, and offer to it again what it has refused."""
    framework = caller(state, event)
    if framework is None:
        return
    state.counters["master/messages_resource_request"] += 1
    framework.demand = {}
    roles = framework.info.roles
    for request in event.requests:
        role = request.role or next(iter(roles), None)
        if role in roles:
            _note(framework.demand.setdefault(role, {}), contested(request.resources))
        else:
            state.warn(f"Ignoring request of framework {framework} in role '{role}': it has {_names(roles)}")
    state.allocator.request_resources(
        framework.id, [(request.agent_id, request.resources) for request in event.requests]
    )


def lessen_demand(framework: FrameworkState, role: str, used: Resources) -> None:
    """Take what a framework has begun to use off what it requested."""
    demand = framework.demand.get(role)
    if demand is None:
        return
    for name, amount in contested(used).items():
        if name in demand:
            demand[name] = max(0, demand[name] - amount)
    if not any(demand.values()):
        del framework.demand[role]


def demand_by_role(state: State) -> dict[str, Sums]:
    """Return what is needed by top-level role: what frameworks need that could be offered it."""
    sums: dict[str, Sums] = {}
    for framework in state.frameworks.values():
        if framework.active and framework.connected:
            for role, amounts in _unmet(framework).items():
                add(sums.setdefault(top_of(role), {}), amounts)
    return {role: needed for role, amounts in sums.items() if (needed := positive(amounts))}


def _unmet(framework: FrameworkState) -> dict[str, Sums]:
    """Return what a framework needs, by role, in the roles in which it wants offers."""
    wanted = framework.info.options.demands
    if not wanted and not framework.demand:
        return {}
    held = by_role(users_of_framework(framework)) if wanted else {}
    unmet: dict[str, Sums] = {}
    for role in framework.info.roles:
        if role not in framework.suppressed:
            has = held[role].nonrevocable().quantities() if role in held else {}
            needed = {name: amount - has.get(name, 0) for name, amount in wanted.get(role, {}).items()}
            if role in wanted and not positive(needed):
                continue  # It would be offered nothing.
            for name, amount in framework.demand.get(role, {}).items():
                needed[name] = max(needed.get(name, 0), amount)
            unmet[role] = positive(needed)
    return unmet


def _note(demand: Sums, amounts: Amounts) -> None:
    """Add amounts to a demand that has room for so many names."""
    for name, amount in amounts.items():
        if name in demand or len(demand) < NAMES_MAX:
            demand[name] = demand.get(name, 0) + amount


def _names(roles: tuple[str, ...]) -> str:
    return f"the roles {', '.join(roles)}" if roles else "no role"
