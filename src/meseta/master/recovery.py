"""A master that has just begun to lead: which agents it expects, and how long it waits for them.

Frameworks and tasks are not in the registry: both come back with those who know them. Until an agent of the
registry is back, the master cannot say of an unknown task that it is gone, and stays silent.
"""

from __future__ import annotations

from meseta.master.effects import Failed
from meseta.master.forgetting import watch_past
from meseta.master.pending import AskedOfRegistry, PendingDeparture
from meseta.master.registry import Recovered
from meseta.master.removals import give_up_recovered
from meseta.master.revocation import watch_guarantees
from meseta.master.state import State, remember_agent


def recover(state: State, recovered: Recovered, now: float) -> None:
    """Take over what the registry holds, and wait for its agents."""
    state.leads_since = now
    watch_past(state, now)
    watch_guarantees(state, now)
    state.past.unreachable.update(recovered.unreachable)
    state.past.gone.update(recovered.gone)
    state.wishes.plan(recovered.schedule)
    for info in recovered.agents:
        assert info.id is not None, "the registry holds agents with their ids"
        state.recovered_agents[info.id] = info
    for id, deactivation in recovered.deactivated:
        if id in state.recovered_agents or id in state.past.unreachable:
            state.wishes.deactivated[id] = deactivation
    _set_up_roles(state, recovered)
    state.allocator.await_agents(len(state.recovered_agents), now)
    if state.recovered_agents:
        known, timeout_s = len(recovered.agents), state.config.agent_reregister_timeout_s
        state.deadlines.arm(("recovery", known), now + timeout_s)


def _set_up_roles(state: State, recovered: Recovered) -> None:
    """Let the quotas and weights of the registry count; weights that it has win over those of the flag."""
    state.quotas.update(recovered.quotas)
    for role, quota in recovered.quotas:
        state.allocator.update_quota(role, quota.guarantees, quota.limits)
    state.weights.update(recovered.weights or state.config.weights)
    state.allocator.update_weights(state.weights)
    state.asked = AskedOfRegistry(dict(state.quotas), dict(state.weights))


def on_recovery_timed_out(state: State, known: int, now: float) -> None:
    """Have it written that the agents that did not come back are unreachable."""
    give_up_recovered(state, known, now)


def on_recovered_agent_departed(state: State, pending: PendingDeparture, now: float) -> None:
    """Forget an agent of the registry that did not come back, and tell all frameworks."""
    state.recovered_agents.pop(pending.agent_id, None)
    state.reregistering.pop(pending.agent_id, None)
    if pending.unreachable_since is not None:
        state.counters["master/slave_unreachable_completed"] += 1
        remember_agent(state, state.past.unreachable, pending.agent_id, pending.unreachable_since, now)
    state.counters["master/recovery_slave_removals"] += 1
    state.counters["master/slave_removals"] += 1
    state.counters["master/slave_removals/reason_unhealthy"] += 1
    for framework in state.frameworks.values():
        state.tell(framework, Failed(framework.id, pending.agent_id))
