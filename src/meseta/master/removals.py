"""Giving agents up for unreachable: at most so many in a time, and never most of a cluster at once.

When very many agents fail together it is the network, the master, or a switch, and not the agents: to give
their tasks up would harm more than to wait. `agent_removal_interval_s` spaces removals; those that wait are
dropped if their agents are back by then. After a failover the master would rather end than remove more than
`recovery_agent_removal_limit` of the agents that it knows: an operator is to look.
"""

from __future__ import annotations

from meseta.ids import AgentId
from meseta.master.effects import Resign
from meseta.master.pending import PendingDeparture
from meseta.master.registry import MarkUnreachable
from meseta.master.state import State

UNHEALTHY = "master/slave_removals/reason_unhealthy"


def give_up(state: State, id: AgentId, cause: str, now: float) -> None:
    """Have it written that an agent is unreachable, now or when its turn comes."""
    removals = state.removals
    if id in removals.waiting:
        return
    state.counters["master/slave_unreachable_scheduled"] += 1
    if state.config.agent_removal_interval_s is None:
        _mark_unreachable(state, id, cause, now)
        return
    removals.waiting[id] = cause
    state.deadlines.arm(("removal", None), max(now, removals.next_s))


def keep(state: State, id: AgentId) -> None:
    """Let an agent wait no more to be given up: it is there. Should it fail again, its time begins anew."""
    if state.removals.waiting.pop(id, None) is not None:
        state.counters["master/slave_unreachable_canceled"] += 1


def on_removal_due(state: State, key: None, now: float) -> None:
    """Give the next agent up that is still not there; those that are back cost no time."""
    removals, interval_s = state.removals, state.config.agent_removal_interval_s
    assert interval_s is not None, "without a limit nothing waits"
    while removals.waiting and removals.next_s <= now:
        id = next(iter(removals.waiting))
        cause = removals.waiting.pop(id)
        if _is_lost(state, id):
            removals.next_s = now + interval_s
            _mark_unreachable(state, id, cause, now)
        else:
            state.counters["master/slave_unreachable_canceled"] += 1
    if removals.waiting:
        state.deadlines.arm(("removal", None), removals.next_s)


def _is_lost(state: State, id: AgentId) -> bool:
    agent = state.agents.get(id)
    if agent is None:
        busy = id in state.reregistering or id in state.wishes.marking_gone
        return id in state.recovered_agents and not busy
    silent = agent.pings_missed >= state.config.agent_ping_timeouts_max
    return agent.leaving is None and (silent or not agent.connected)


def _mark_unreachable(state: State, id: AgentId, cause: str, now: float) -> None:
    since = state.wall(now)
    agent = state.agents.get(id)
    counter = None if agent is None else UNHEALTHY
    ticket = state.persist(MarkUnreachable(id, since), PendingDeparture(id, cause, since, counter))
    if agent is not None:
        agent.leaving = ticket
    else:
        state.reregistering[id] = ticket


def give_up_recovered(state: State, known: int, now: float) -> None:
    """Give up the agents that did not come back, of `known` in the registry; rather end than too many."""
    busy = {*state.reregistering, *state.wishes.marking_gone}
    lost = [id for id in state.recovered_agents if id not in busy]
    limit = state.config.recovery_agent_removal_limit
    if len(lost) > limit * known:
        state.effects.append(Resign(_too_many(state, lost, known)))
        return
    timeout = state.config.agent_reregister_timeout_s
    for id in lost:
        give_up(state, id, f"did not reregister within {timeout:g}secs after master failover", now)


def _too_many(state: State, lost: list[AgentId], known: int) -> str:
    shown = ", ".join(lost[:10]) + (", …" if len(lost) > 10 else "")
    timeout, limit = state.config.agent_reregister_timeout_s, state.config.recovery_agent_removal_limit
    return (
        f"{len(lost)} of {known} agents did not come back within {timeout:g}secs after the failover "
        f"({shown}), and --recovery_agent_removal_limit lets {limit:.0%} be removed: see what is wrong with "
        "them, or raise the limit, and start the master again"
    )
