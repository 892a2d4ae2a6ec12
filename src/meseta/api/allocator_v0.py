"""The endpoint of the allocator, which is a process of its own in Mesos: why agents are not offered."""

from __future__ import annotations

from typing import Any

from meseta.allocator.constraints import is_excluded
from meseta.api.context import MasterContext
from meseta.api.queries import Query, json_answer
from meseta.api.router import Route
from meseta.master.state import FrameworkState, State
from meseta.runtime.http1 import Request
from meseta.runtime.streams import Responder

PROCESS = "/hierarchical-allocator(1)"


def allocator_routes(context: MasterContext) -> list[Route]:
    """Return the endpoints of the allocator. They are not redirected to the leader."""

    def handle(request: Request, responder: Responder, rest: str) -> None:
        responder.send(json_answer(offer_constraints(context.state), Query(request)))

    return [Route(f"{PROCESS}/offer_constraints_debug", handle)]


def offer_constraints(state: State) -> dict[str, Any]:
    """Say for each framework which agents its offer constraints keep from it, role by role."""
    frameworks = state.frameworks.values()
    return {"frameworks": {each.id: _excluded(state, each) for each in frameworks if not each.recovered}}


def _excluded(state: State, framework: FrameworkState) -> dict[str, Any]:
    constraints = framework.constraints
    excluded: dict[str, list[str]] = {role: [] for role in framework.info.roles}
    if constraints is not None:
        for role in excluded:
            agents = state.agents.values()
            excluded[role] = [each.id for each in agents if is_excluded(constraints, role, each.info)]
    return {
        "suppressed_roles": sorted(framework.suppressed),
        "excluded_by_attribute_constraints": excluded,
    }
