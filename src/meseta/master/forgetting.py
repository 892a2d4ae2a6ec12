"""The registry is rid of agents that have been unreachable or gone for long, and of the oldest of too many.

Without this it would grow with every agent that ever was. The price: of tasks on an agent that is forgotten
the master says that it does not know them, and a gone agent that is forgotten is let in again. (Mesos:
`registry_max_agent_age`, `registry_max_agent_count`, `registry_gc_interval`.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meseta.ids import AgentId
from meseta.master.agents import set_deactivation
from meseta.master.pending import PendingForgetting
from meseta.master.registry import ForgetAgents
from meseta.master.state import State
from meseta.master.tasks import forget_unreachable


def watch_past(state: State, now: float) -> None:
    """Arm the timer."""
    state.deadlines.arm(("forgetting", None), now + state.config.forgetting_interval_s)


def on_forgetting_due(state: State, key: None, now: float) -> None:
    """Have those written off that are to be remembered no more."""
    watch_past(state, now)
    if any(isinstance(pending, PendingForgetting) for pending in state.pending.values()):
        return
    busy = {*state.reregistering, *state.wishes.marking_gone}
    old = (*_old(state, state.past.unreachable, now), *_old(state, state.past.gone, now))
    ids = tuple(id for id in old if id not in busy)
    if ids:
        state.persist(ForgetAgents(ids), PendingForgetting(ids))


def _old(state: State, past: Mapping[AgentId, float], now: float) -> Iterator[AgentId]:
    """Yield the agents of a memory, oldest first, that are too old or too many."""
    surplus = len(past) - state.config.past_agents_max
    expired = state.wall(now) - state.config.past_agents_max_s
    for number, (id, since) in enumerate(past.items()):
        if number < surplus or since < expired:
            yield id


def on_forgetting_written(state: State, pending: PendingForgetting) -> None:
    """Forget them here, too."""
    for id in pending.agent_ids:
        state.past.gone.pop(id, None)
        if state.past.unreachable.pop(id, None) is None:
            continue
        set_deactivation(state, id, None)
        for framework, task in forget_unreachable(state, id):
            del framework.unreachable_tasks[task.task_id]
    state.note(f"Forgot {len(pending.agent_ids)} agents that have been unreachable or gone for long")
