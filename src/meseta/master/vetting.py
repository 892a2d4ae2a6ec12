"""Which agents are ignored when they want to join, and why. Mesos does not answer these agents either."""

from __future__ import annotations

import re

from meseta.master.approval import REGISTER_AGENT
from meseta.master.events import RegistrationRequested, ReregistrationRequested
from meseta.master.state import State

_version = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})", re.ASCII).match
VERSION_MIN = (1, 0, 0)


def is_refused(state: State, event: RegistrationRequested | ReregistrationRequested) -> bool:
    """Tell whether an agent is ignored, and log why."""
    fault = event.fault or _agent_fault(state, event)
    if fault is not None:
        state.counters["master/slave_registrations_refused"] += 1
        state.warn(f"Refusing registration of agent at {event.sender} ({event.info.hostname}): {fault}")
    return fault is not None


def _agent_fault(state: State, event: RegistrationRequested | ReregistrationRequested) -> str | None:
    if (fault := _version_fault(event.version)) is not None:
        return fault
    if event.info.domain is not None and state.config.domain is None:
        return "it has a fault domain, but the master has none: start the master with --domain"
    if event.info.domain is None and state.config.require_agent_domain:
        return "it has no fault domain, but the master requires one (--require_agent_domain)"
    if not state.approvers.approves(REGISTER_AGENT, event.principal, None):
        return f"principal '{event.principal or ''}' is not authorized to register agents"
    return None


def _version_fault(version: str) -> str | None:
    parsed = _version(version)
    if parsed is None:
        return f"its version '{version}' is not of the form 1.2.3"
    if tuple(map(int, parsed.groups())) < VERSION_MIN:
        return f"its version is {version}, the oldest that is supported is 1.0.0"
    return None
