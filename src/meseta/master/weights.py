"""Weights of roles at run time: a role of weight 2 has its turn as if it had half of what it has.

What the flag --weights says counts until an operator has changed a weight. From then on the registry holds
all weights, and the flag is ignored, now and after every restart.
"""

from __future__ import annotations

import math

from meseta.master.approval import UPDATE_WEIGHT
from meseta.master.effects import Reply
from meseta.master.events import WeightsUpdateRequested
from meseta.master.pending import PendingWeights
from meseta.master.quota import is_known_role
from meseta.master.registry import UpdateWeights
from meseta.master.rescinding import rescind_offers
from meseta.master.state import State
from meseta.resources.describe import scalar_text
from meseta.roles import role_fault

WEIGHTS_MAX = 10_000
"""Roles with a weight; further ones are refused."""


def on_weights_update_requested(state: State, event: WeightsUpdateRequested, now: float) -> None:
    """UPDATE_WEIGHTS: set the weights of some roles; of one that is named twice the last counts."""
    changes = {role.strip(): weight for role, weight in event.weights}
    refusal = _refusal(state, event, changes)
    if refusal is not None:
        state.effects.append(Reply(event.request, *refusal))
        return
    state.asked.weights.update(changes)
    pending = PendingWeights(event.request, changes)
    state.persist(UpdateWeights(tuple(state.asked.weights.items())), pending)


def _refusal(
    state: State, event: WeightsUpdateRequested, changes: dict[str, float]
) -> tuple[int, str] | None:
    for role, weight in event.weights:
        if (fault := _fault(state, role.strip(), weight)) is not None:
            return 400, f"Failed to validate update weights request JSON{fault}"
    if len(state.asked.weights | changes) > WEIGHTS_MAX:
        return 400, f"Failed to validate update weights request JSON: more than {WEIGHTS_MAX} weights"
    if not all(state.approvers.approves(UPDATE_WEIGHT, event.principal, role) for role in changes):
        return 403, ""
    return None


def _fault(state: State, role: str, weight: float) -> str | None:
    if (fault := role_fault(role)) is not None:
        return f": Invalid role '{role}': {fault}"
    if not is_known_role(state, role):
        return f": Unknown role '{role}'"
    if not 0 < weight < math.inf:
        return f" for role '{role}': Invalid weight '{scalar_text(weight)}': Weights must be positive"
    return None


def on_weights_written(state: State, pending: PendingWeights, now: float) -> None:
    """Let weights count that the registry has written; if any role of a framework is meant, offer anew."""
    state.weights.update(pending.weights)
    state.allocator.update_weights(pending.weights)
    for role, weight in pending.weights.items():
        state.note(f"Weight of role '{role}': {weight:g}")
    if any(_is_in_use(state, role) for role in pending.weights):
        rescind_offers(state, list(state.offers.values()), now)
    state.effects.append(Reply(pending.request, 200))


def _is_in_use(state: State, role: str) -> bool:
    return any(role in framework.info.roles for framework in state.frameworks.values())
