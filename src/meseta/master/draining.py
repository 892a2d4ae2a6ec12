"""Agents that operators want unused: nothing of them is offered; a draining one also ends what it runs.

    DRAIN_AGENT ──written──▶ DRAINING: no offers, DrainSlave to the agent ──no task, no operation──▶ DRAINED
         └── mark_gone: when it is empty, the agent is marked gone instead                              │
    DEACTIVATE_AGENT ──written──▶ no offers ◀────────────── REACTIVATE_AGENT ──written──▶ offered again ◀┘

What is wanted is in the registry, so it outlives masters, and it holds for agents that are unreachable or yet
to come back as well: those are told as soon as they are here. An agent that is told twice does not mind.
"""

from __future__ import annotations

import msgspec

from meseta.ids import AgentId
from meseta.master.agents import set_deactivation, stop_offers
from meseta.master.effects import DrainAgent, Reply
from meseta.master.events import (
    AgentDeactivationRequested,
    AgentDrainRequested,
    AgentReactivationRequested,
    RequestId,
)
from meseta.master.gone import mark_gone
from meseta.master.maintenance import drain_fault
from meseta.master.pending import Pending, PendingDeactivation, PendingDeparture, PendingForgetting
from meseta.master.registry import Deactivate, Deactivation, Drain, DrainState, Reactivate
from meseta.master.state import AgentState, State

# From operators ---------------------------------------------------------------------------------------


def on_agent_drain_requested(state: State, event: AgentDrainRequested, now: float) -> None:
    """Have it written that an agent drains, and answer then. Sentences are Mesos's, here and below."""
    refusal = _refusal(state, event.agent_id)
    agent = state.agents.get(event.agent_id)
    if refusal is None and agent is not None and (fault := drain_fault(state, agent)) is not None:
        refusal = Reply(event.request, 400, fault)
    if refusal is None and agent is not None and "AGENT_DRAINING" not in agent.capabilities:
        refusal = Reply(event.request, 400, f"Agent {agent.id} is not capable of draining")
    if refusal is not None:
        state.effects.append(msgspec.structs.replace(refusal, request=event.request))
        return
    drain = Drain(DrainState.DRAINING, event.max_grace_period_s, event.mark_gone)
    deactivation = Deactivation(drain)
    pending = PendingDeactivation(event.agent_id, deactivation, event.request)
    state.persist(Deactivate(event.agent_id, deactivation), pending)


def on_agent_deactivation_requested(state: State, event: AgentDeactivationRequested, now: float) -> None:
    """Have it written that an agent is deactivated; one that is stays as it is."""
    refusal = _refusal(state, event.agent_id)
    if refusal is not None:
        state.effects.append(msgspec.structs.replace(refusal, request=event.request))
        return
    deactivation = _newest(state, event.agent_id) or Deactivation()
    pending = PendingDeactivation(event.agent_id, deactivation, event.request)
    state.persist(Deactivate(event.agent_id, deactivation), pending)


def on_agent_reactivation_requested(state: State, event: AgentReactivationRequested, now: float) -> None:
    """Have it written that an agent may be offered again."""
    deactivation = _newest(state, event.agent_id)
    if deactivation is None:
        state.effects.append(Reply(event.request, 400, "Agent is not deactivated"))
    elif deactivation.draining:
        state.effects.append(Reply(event.request, 400, "Agent is still in the DRAINING state"))
    else:
        pending = PendingDeactivation(event.agent_id, None, event.request)
        state.persist(Reactivate(event.agent_id), pending)


def _refusal(state: State, id: AgentId) -> Reply | None:
    """Say why an agent cannot be deactivated; the request is still to be filled in."""
    nobody = RequestId(0)
    if not _is_known(state, id):
        return Reply(nobody, 400, "Unknown agent")
    if id in state.wishes.marking_gone:
        return Reply(nobody, 409, "Agent is currently being marked gone")
    if any(_removes(pending, id) for pending in state.pending.values()):
        return Reply(nobody, 409, "Agent is currently being removed")
    return None


def _removes(pending: Pending, id: AgentId) -> bool:
    """Tell whether the registry will hold nothing of an agent; what is written later would stay in it."""
    if isinstance(pending, PendingDeparture):
        return pending.agent_id == id and pending.unreachable_since is None
    return isinstance(pending, PendingForgetting) and id in pending.agent_ids


def _is_known(state: State, id: AgentId) -> bool:
    return any(id in known for known in (state.agents, state.recovered_agents, state.past.unreachable))


def _newest(state: State, id: AgentId) -> Deactivation | None:
    """Return what is wanted of an agent as soon as the registry has written all that it was told."""
    newest = state.wishes.deactivated.get(id)
    for pending in state.pending.values():
        if isinstance(pending, PendingDeactivation) and pending.agent_id == id:
            newest = pending.deactivation
    return newest


# The registry -----------------------------------------------------------------------------------------


def on_deactivation_written(state: State, pending: PendingDeactivation, now: float) -> None:
    """Do what an operator wants, and answer."""
    id = pending.agent_id
    if not _is_known(state, id):
        if pending.deactivation is not None:  # Nothing is to be left of it.
            state.persist(Reactivate(id), PendingDeactivation(id, None))
        _answer(state, pending, 409, "Agent removed while processing the call")
        return
    set_deactivation(state, id, pending.deactivation)
    agent = state.agents.get(id)
    if agent is not None and pending.deactivation is not None:
        _deactivate(state, agent, pending.deactivation, now)
    elif agent is not None:
        _reactivate(state, agent)
    _answer(state, pending, 200)


def _answer(state: State, pending: PendingDeactivation, code: int, text: str = "") -> None:
    if pending.request is not None:
        state.effects.append(Reply(pending.request, code, text))


def _deactivate(state: State, agent: AgentState, deactivation: Deactivation, now: float) -> None:
    if agent.active:
        stop_offers(state, agent, now)
    if deactivation.draining:
        state.note(f"Draining agent {agent}: it has {sum(map(len, agent.tasks.values()))} tasks")
        repeat_drain(state, agent, now)
        state.wishes.emptied[agent.id] = None
    elif deactivation.drain is not None:
        state.note(f"Agent {agent} is drained")


def _reactivate(state: State, agent: AgentState) -> None:
    agent.drain_started = None
    if agent.connected and not agent.active:
        agent.active = True
        state.allocator.activate_agent(agent.id)


# Progress ---------------------------------------------------------------------------------------------


def repeat_drain(state: State, agent: AgentState, now: float) -> None:
    """Tell an agent to drain, if it is to: now, and whenever it comes back. A drained one is told, too."""
    drain = agent.deactivation.drain if agent.deactivation is not None else None
    if drain is None:
        return
    state.tell_agent(agent, DrainAgent(drain.max_grace_period_s, drain.mark_gone))
    agent.drain_started = agent.drain_started or state.wall(now)
    if "RESOURCE_PROVIDER" not in agent.capabilities:
        state.wishes.emptied[agent.id] = None


def settle_draining(state: State, now: float) -> None:
    """See which of the agents that may have become empty just now are drained with that."""
    emptied, state.wishes.emptied = state.wishes.emptied, {}
    for id in emptied:
        agent = state.agents.get(id)
        if agent is not None and agent.deactivation is not None and _is_drained(state, agent):
            _settle(state, agent, agent.deactivation, now)


def _is_drained(state: State, agent: AgentState) -> bool:
    newest = _newest(state, agent.id)
    return (
        newest is not None
        and newest == agent.deactivation
        and newest.draining
        and agent.connected
        and not agent.tasks
        and not agent.operations
        and agent.leaving is None
        and agent.id not in state.reregistering
    )


def _settle(state: State, agent: AgentState, deactivation: Deactivation, now: float) -> None:
    assert deactivation.drain is not None
    if deactivation.drain.mark_gone:
        mark_gone(state, agent.id, now)
        return
    drained = Deactivation(msgspec.structs.replace(deactivation.drain, state=DrainState.DRAINED))
    state.persist(Deactivate(agent.id, drained), PendingDeactivation(agent.id, drained))
