"""What a scheduler is refused for: status codes for calls, sentences for subscriptions.

`call_refusal` is for the HTTP edge, which answers 202 at once: it asks before it feeds the event. The order
of the checks and the sentences are Mesos's (src/master/http.cpp, src/master/validation.cpp).
"""

from __future__ import annotations

import math

import msgspec

from meseta.allocator.offer_filter import offer_filter_fault
from meseta.ids import FrameworkId, id_fault
from meseta.master.approval import REGISTER_FRAMEWORK
from meseta.master.events import FrameworkUpdateRequested, StreamId, SubscribeRequested
from meseta.master.state import State
from meseta.records import FrameworkCapability, FrameworkInfo
from meseta.roles import role_fault

FRAMEWORK_BYTES_MAX = 1 << 20
"""Of a framework's description: it is kept for as long as the framework, and goes into each of its tasks."""

DURATION_MAX_S = 2**63 / 1e9
"""Durations are 64-bit nanoseconds on the wire."""


class Refusal(msgspec.Struct, frozen=True):
    """An answer to an HTTP request that is not done: a status code and a sentence."""

    code: int
    text: str


def subscribe_refusal(
    info: FrameworkInfo, principal: str | None, stream_header: str | None
) -> Refusal | None:
    """Say why a SUBSCRIBE is answered with a status code instead of a stream, if so."""
    if principal is not None and info.principal is not None and info.principal != principal:
        return Refusal(
            400,
            f"Failed to validate scheduler::Call: Authenticated principal '{principal}' does not match"
            f" principal '{info.principal}' set in `FrameworkInfo`",
        )
    if stream_header is not None:
        return Refusal(400, "Subscribe calls should not include the 'Mesos-Stream-Id' header")
    return None


def call_refusal(
    state: State,
    framework_id: FrameworkId,
    principal: str | None,
    stream: StreamId | None,
    stream_header: str | None,
) -> Refusal | None:
    """Say why a call other than SUBSCRIBE is refused at once, if so.

    `stream_header` is the text of the request's Mesos-Stream-Id header, None if it has none; `stream` is
    the number of the subscription stream with that text, None if there is none.
    """
    framework = state.frameworks.get(framework_id)
    if framework is None:
        return Refusal(400, "Framework cannot be found")
    if principal is not None and principal != framework.info.principal:
        return Refusal(
            400,
            f"Authenticated principal '{principal}' does not match principal"
            f" '{framework.info.principal or ''}' set in `FrameworkInfo`",
        )
    if not framework.connected:
        return Refusal(403, "Framework is not subscribed")
    if isinstance(framework.peer, str):
        return Refusal(403, "Framework is not connected via HTTP")
    if stream_header is None:
        return Refusal(400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header")
    if stream is None or stream != framework.peer:
        return Refusal(
            400,
            f"The stream ID '{stream_header}' included in this request didn't match the stream ID currently"
            f" associated with framework ID {framework_id}",
        )
    return None


def framework_fault(state: State, info: FrameworkInfo) -> str | None:
    """Say what is wrong with a framework's description of itself, if anything."""
    if (fault := description_fault(info)) is not None:
        return fault
    allowed = state.config.roles
    if allowed is not None and (foreign := _foreign(info.roles, allowed)):
        return f"Roles {foreign} are not present in the master's --roles"
    if info.user == "root" and not state.config.root_submissions:
        return "User 'root' is not allowed to run frameworks without --root_submissions set"
    if info.id and info.id in state.completed_frameworks:
        return "Framework has been removed"
    return None


def description_fault(info: FrameworkInfo) -> str | None:
    """Say what is wrong with a framework's description whatever the master's state is, if anything."""
    if info.fault is not None:
        return info.fault
    if (size := len(info.raw)) > FRAMEWORK_BYTES_MAX:
        return f"The framework's description has {size} bytes, more than the limit of {FRAMEWORK_BYTES_MAX}"
    if (fault := _role_fault(info)) is not None:
        return fault
    if (fault := offer_filter_fault(info)) is not None:
        return fault
    if info.id and (fault := id_fault(info.id)) is not None:
        return fault
    if not math.isfinite(info.failover_timeout_s) or abs(info.failover_timeout_s) >= DURATION_MAX_S:
        return f"The framework failover_timeout ({info.failover_timeout_s:g}) is invalid"
    return None


def _role_fault(info: FrameworkInfo) -> str | None:
    several = info.has(FrameworkCapability.MULTI_ROLE)
    for role in info.roles:
        if (fault := role_fault(role)) is not None:
            what = "'FrameworkInfo.roles' contains invalid role" if several else _NOT_A_ROLE
            return f"{what}: {fault}"
    return None


_NOT_A_ROLE = "'FrameworkInfo.role' is not a valid role"


def demand_fault(request: SubscribeRequested | FrameworkUpdateRequested) -> str | None:
    """Say what is wrong with what a framework wants to be offered, if anything."""
    roles = frozenset(request.info.roles)
    if foreign := _foreign(request.suppressed_roles, roles):
        return f"Suppressed roles {foreign} are not contained in the set of roles"
    for role in request.constraints.by_role if request.constraints is not None else ():
        if role not in roles:
            return (
                f"Offer constraints specify `role_constraints` for a role '{role}'not contained in the set of"
                " roles"
            )
    if request.constraints_fault is not None:
        return f"Offer constraints are not valid: {request.constraints_fault}"
    return None


def authorization_fault(state: State, info: FrameworkInfo) -> str | None:
    """Say that a framework may not register in one of its roles, if so."""
    for role in info.roles:
        if not state.approvers.approves(REGISTER_FRAMEWORK, info.principal, role):
            return f"Not authorized to register framework '{info.name}' with role '{role}'"
    return None


def update_fault(old: FrameworkInfo, new: FrameworkInfo) -> str | None:
    """Say which field may not change from one description to the next, if one does."""
    if old.principal != new.principal:
        return "Changing framework's principal is not allowed."
    if old.user != new.user:
        return (
            "Updating 'FrameworkInfo.user' is unsupported; attempted to update"
            f" from '{old.user}' to '{new.user}'"
        )
    if old.checkpoint != new.checkpoint:
        return (
            "Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update"
            f" from '{str(old.checkpoint).lower()}' to '{str(new.checkpoint).lower()}'"
        )
    return None


def _foreign(roles: tuple[str, ...], allowed: frozenset[str]) -> str:
    """Write the roles that are not allowed as Mesos writes a set; empty if there are none."""
    foreign = sorted(frozenset(roles) - allowed)
    return f"{{ {', '.join(foreign)} }}" if foreign else ""
