"""Calls by which operators take agents out of use and back, as events for the machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from meseta.api.asking import Asked
from meseta.ids import AgentId
from meseta.master.events import (
    AgentDeactivationRequested,
    AgentDrainRequested,
    AgentGoneRequested,
    AgentReactivationRequested,
)
from meseta.wire.gen import master_pb2 as ma

_NS = 1e9


def _gone(call: ma.Call) -> Asked:
    return partial(AgentGoneRequested, agent_id=AgentId(call.mark_agent_gone.agent_id.value))


def _drain(call: ma.Call) -> Asked:
    wanted = call.drain_agent
    grace = wanted.max_grace_period
    return partial(
        AgentDrainRequested,
        agent_id=AgentId(wanted.agent_id.value),
        max_grace_period_s=grace.seconds + grace.nanos / _NS if wanted.HasField("max_grace_period") else None,
        mark_gone=wanted.mark_gone,
    )


def _deactivate(call: ma.Call) -> Asked:
    return partial(AgentDeactivationRequested, agent_id=AgentId(call.deactivate_agent.agent_id.value))


def _reactivate(call: ma.Call) -> Asked:
    return partial(AgentReactivationRequested, agent_id=AgentId(call.reactivate_agent.agent_id.value))


AGENT_CALLS: dict[str, Callable[[ma.Call], Asked]] = {
    "MARK_AGENT_GONE": _gone,
    "DRAIN_AGENT": _drain,
    "DEACTIVATE_AGENT": _deactivate,
    "REACTIVATE_AGENT": _reactivate,
}
"""Calls of the operator API, and what they ask for."""
