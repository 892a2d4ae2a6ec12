"""How new agents join, and what happens when the registry has written that agents come or go.

An agent is admitted only after the registry says so: a retransmission meanwhile finds the pending ticket and
is dropped. Agents that come back are in `returning`.
"""

from __future__ import annotations

import msgspec

from meseta.ids import AgentId, agent_id
from meseta.master.agents import add_agent, begin_departure, on_agent_departed, watch_agent
from meseta.master.draining import on_deactivation_written
from meseta.master.effects import AgentAdded, AgentRegistered
from meseta.master.events import Persisted, RegistrationRequested, ReregistrationRequested
from meseta.master.forgetting import on_forgetting_written
from meseta.master.gone import on_gone_written
from meseta.master.maintenance import leave_if_down, on_maintenance_written, refuse_down
from meseta.master.pending import (
    PendingAgent,
    PendingDeactivation,
    PendingDeparture,
    PendingForgetting,
    PendingMaintenance,
    PendingQuota,
    PendingWeights,
)
from meseta.master.quota import on_quota_written
from meseta.master.recovery import on_recovered_agent_departed
from meseta.master.registry import AdmitAgent
from meseta.master.returning import readmit
from meseta.master.state import State, new_agent
from meseta.master.vetting import is_refused
from meseta.master.weights import on_weights_written

# The registry -----------------------------------------------------------------------------------------


def on_persisted(state: State, event: Persisted, now: float) -> None:
    """Do what waited for the registry."""
    pending = state.pending.pop(event.ticket, None)
    if isinstance(pending, PendingAgent):
        on_agent_admitted(state, pending, now)
    elif isinstance(pending, PendingDeactivation):
        on_deactivation_written(state, pending, now)
    elif isinstance(pending, PendingMaintenance):
        on_maintenance_written(state, pending, now)
    elif isinstance(pending, PendingForgetting):
        on_forgetting_written(state, pending)
    elif isinstance(pending, PendingQuota):
        on_quota_written(state, pending, now)
    elif isinstance(pending, PendingWeights):
        on_weights_written(state, pending, now)
    elif pending is not None:
        on_departure_written(state, pending, now)
        if pending.replacement is not None:
            on_registration_requested(state, pending.replacement, now)


def on_departure_written(state: State, pending: PendingDeparture, now: float) -> None:
    """Take an agent out of the accounts, or out of those that are expected."""
    if pending.gone_since is not None:
        on_gone_written(state, pending, now)
    elif pending.agent_id in state.agents:
        on_agent_departed(state, pending, now)
    else:
        on_recovered_agent_departed(state, pending, now)


# New agents -------------------------------------------------------------------------------------------


def on_registration_requested(state: State, event: RegistrationRequested, now: float) -> None:
    """Let a new agent be admitted; answer one that is admitted already again."""
    state.counters["master/messages_register_slave"] += 1
    if event.sender in state.registering or refuse_down(state, event) or is_refused(state, event):
        return
    present = state.agent_pids.get(event.sender)
    if present is None:
        admit(state, event)
        return
    agent = state.agents[present]
    if agent.leaving is not None:
        return  # It is admitted anew when the registry has written that it left.
    if agent.connected:
        agent.registration = event.registration
        state.tell_agent(agent, AgentRegistered(agent.id, state.config.ping_timeout_s))
    else:
        cause = "a new agent registered at the same address"
        counter = "master/slave_removals/reason_registered"
        begin_departure(state, agent, cause, counter, replacement=event)


def admit(state: State, event: RegistrationRequested) -> None:
    """Give a new agent its id and have it written down."""
    id = _next_id(state)
    info = msgspec.structs.replace(event.info, id=id)
    ticket = state.persist(AdmitAgent(info), PendingAgent(event, info))
    state.registering[event.sender] = ticket


def _next_id(state: State) -> AgentId:
    """Return an id that is free: agents may come back with any id, also one that is yet to be given."""
    past = (state.recovered_agents, state.past.unreachable, state.past.removed, state.past.gone)
    while True:
        id = agent_id(state.config.id, state.issued.agents)
        state.issued.agents += 1
        if not any(id in known for known in (state.agents, state.reregistering, *past)):
            return id


def on_agent_admitted(state: State, pending: PendingAgent, now: float) -> None:
    """Take an agent into the accounts that the registry has written."""
    request = pending.request
    if isinstance(request, ReregistrationRequested):
        if pending.info.id is not None:
            state.reregistering.pop(pending.info.id, None)
        readmit(state, request, now)
        return
    state.registering.pop(request.sender, None)
    if pending.info.id in state.agents:
        state.warn(f"Not admitting agent at {request.sender}: another came back as {pending.info.id}")
        return  # It asks again and gets another id.
    agent = new_agent(pending.info, request, state.wall(now))
    state.counters["master/slave_registrations"] += 1
    add_agent(state, agent, {}, now)
    state.tell_agent(agent, AgentRegistered(agent.id, state.config.ping_timeout_s))
    watch_agent(state, agent, now)
    state.publish(AgentAdded(agent.id))
    leave_if_down(state, agent)
