"""Agents that an operator says will never be back: their machine has burned, or is somebody else's by now.

The operator takes upon himself that nothing runs there any more: partition-aware frameworks are told that
their tasks are gone, and may start them elsewhere without a doubt. An agent that is marked gone and lives is
shut down, now or when it comes back.
"""

from __future__ import annotations

from meseta.ids import AgentId
from meseta.master.agents import gone_state, on_agent_departed, set_deactivation
from meseta.master.effects import Failed, Reply, SendToAgent, Shutdown
from meseta.master.events import AgentGoneRequested, RequestId, ReregistrationRequested
from meseta.master.pending import PendingDeparture
from meseta.master.registry import MarkGone
from meseta.master.state import FrameworkState, State, Task, remember_agent
from meseta.master.statuses import make_update
from meseta.master.tasks import bury_unreachable_task, forget_unreachable, tell_of_task

MESSAGE = "Agent has been marked gone"


def on_agent_gone_requested(state: State, event: AgentGoneRequested, now: float) -> None:
    """Have it written that an agent is gone, and answer then. Again is no error."""
    id = event.agent_id
    if id in state.past.gone:
        state.effects.append(Reply(event.request, 200))
        return
    busy = _transition(state, id)
    if busy is not None:
        state.effects.append(Reply(event.request, 503, f"Agent '{id}' is {busy}"))
    elif any(id in known for known in (state.agents, state.recovered_agents, state.past.unreachable)):
        mark_gone(state, id, now, event.request)
    else:
        state.effects.append(Reply(event.request, 404, f"Agent '{id}' not found"))


def _transition(state: State, id: AgentId) -> str | None:
    """Say what the registry is being told of an agent at this moment, if something."""
    if id in state.wishes.marking_gone:
        return "already being transitioned to gone"
    if id in state.reregistering:
        is_back = id not in state.recovered_agents
        return "being transitioned to reachable" if is_back else "being transitioned"
    agent = state.agents.get(id)
    if agent is None or agent.leaving is None:
        return None
    pending = state.pending[agent.leaving]
    is_lost = isinstance(pending, PendingDeparture) and pending.unreachable_since is not None
    return f"being transitioned to {'unreachable' if is_lost else 'removed'}"


def mark_gone(state: State, id: AgentId, now: float, request: RequestId | None = None) -> None:
    """Have it written that an agent is gone; the rest follows from that."""
    since = state.wall(now)
    pending = PendingDeparture(id, MESSAGE, None, gone_since=since, request=request)
    state.wishes.marking_gone.add(id)
    ticket = state.persist(MarkGone(id, since), pending)
    agent = state.agents.get(id)
    if agent is not None:
        agent.leaving = ticket


def on_gone_written(state: State, pending: PendingDeparture, now: float) -> None:
    """Take a gone agent out of all accounts, and tell its frameworks."""
    assert pending.gone_since is not None
    id = pending.agent_id
    state.wishes.marking_gone.discard(id)
    agent = state.agents.get(id)
    if agent is not None:
        state.tell_agent(agent, Shutdown(MESSAGE))
        on_agent_departed(state, pending, now)
    elif state.recovered_agents.pop(id, None) is not None:
        for framework in state.frameworks.values():
            state.tell(framework, Failed(framework.id, id))
    else:
        state.past.unreachable.pop(id, None)
        for framework, task in forget_unreachable(state, id):
            _bury(state, framework, task, now)
    set_deactivation(state, id, None)
    remember_agent(state, state.past.gone, id, pending.gone_since, now)
    state.note(f"Agent {id} is marked gone")
    if pending.request is not None:
        state.effects.append(Reply(pending.request, 200))


def _bury(state: State, framework: FrameworkState, task: Task, now: float) -> None:
    """End a task that was on an unreachable agent."""
    new, reason = gone_state(framework)
    update = make_update(
        state.wall(now),
        framework.id,
        task.agent_id,
        task.task_id,
        new,
        reason,
        MESSAGE,
        executor_id=task.executor_id,
    )
    bury_unreachable_task(state, framework, task, update)
    tell_of_task(state, framework, update)


def refuse_gone(state: State, event: ReregistrationRequested) -> bool:
    """Tell whether an agent that wants back is gone, or about to be; shut down one that is."""
    assert event.info.id is not None
    if event.info.id in state.past.gone:
        state.warn(f"Refusing registration of agent {event.info.id} at {event.sender}: it is marked gone")
        state.effects.append(SendToAgent(event.sender, Shutdown(MESSAGE), event.registration))
        return True
    return event.info.id in state.wishes.marking_gone
