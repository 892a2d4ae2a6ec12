"""Calls by which operators take agents out of use and back, as events for the machine."""

from __future__ import annotations

from collections.abc import Callable

from meseta.ids import AgentId
from meseta.master.events import (
    AgentDeactivationRequested,
    AgentDrainRequested,
    AgentGoneRequested,
    AgentReactivationRequested,
    MasterEvent,
    RequestId,
)
from meseta.wire.gen import master_pb2 as ma

_NS = 1e9


def _gone(call: ma.Call, request: RequestId) -> MasterEvent:
    return AgentGoneRequested(request=request, agent_id=AgentId(call.mark_agent_gone.agent_id.value))


def _drain(call: ma.Call, request: RequestId) -> MasterEvent:
    wanted = call.drain_agent
    grace = wanted.max_grace_period
    has_grace = wanted.HasField("max_grace_period")
    return AgentDrainRequested(
        request=request,
        agent_id=AgentId(wanted.agent_id.value),
        max_grace_period_s=grace.seconds + grace.nanos / _NS if has_grace else None,
        mark_gone=wanted.mark_gone,
    )


def _deactivate(call: ma.Call, request: RequestId) -> MasterEvent:
    agent_id = AgentId(call.deactivate_agent.agent_id.value)
    return AgentDeactivationRequested(request=request, agent_id=agent_id)


def _reactivate(call: ma.Call, request: RequestId) -> MasterEvent:
    agent_id = AgentId(call.reactivate_agent.agent_id.value)
    return AgentReactivationRequested(request=request, agent_id=agent_id)


AGENT_CALLS: dict[str, Callable[[ma.Call, RequestId], MasterEvent]] = {
    "MARK_AGENT_GONE": _gone,
    "DRAIN_AGENT": _drain,
    "DEACTIVATE_AGENT": _deactivate,
    "REACTIVATE_AGENT": _reactivate,
}
"""Makes the event of a call when it is given the request that is to be answered."""
