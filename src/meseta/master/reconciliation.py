"""Telling a framework in which state its tasks are, as far as the master knows.

What the master cannot know yet (an agent of the registry has not come back) is not answered at all: the
framework asks again.
"""

from __future__ import annotations

from meseta.ids import AgentId, TaskId
from meseta.master.effects import Updated
from meseta.master.events import ReconcileRequested
from meseta.master.senders import caller
from meseta.master.state import FrameworkState, State, Task
from meseta.master.statuses import latest_update, make_update
from meseta.records import StatusUpdate, TaskReason, TaskState


def on_reconcile_requested(state: State, event: ReconcileRequested, now: float) -> None:
    """Answer for the tasks that are named, or for all that are known."""
    framework = caller(state, event)
    if framework is None:
        return
    state.counters["master/messages_reconcile_tasks"] += 1
    if event.tasks:
        for task_id, agent_id in event.tasks:
            reconcile_task(state, framework, task_id, agent_id, now)
    else:
        for task in framework.tasks.values():
            state.tell(framework, Updated(_known(state, task, now)))


def reconcile_task(
    state: State, framework: FrameworkState, task_id: TaskId, agent_id: AgentId | None, now: float
) -> None:
    """Answer for one task, unless the answer may still come with an agent that is not back yet."""
    task = framework.tasks.get(task_id)
    if task is not None:
        state.tell(framework, Updated(_known(state, task, now)))
        return
    waits = bool(state.recovered_agents) if agent_id is None else agent_id in state.recovered_agents
    if not waits:
        state.tell(framework, Updated(_unknown(state, framework, task_id, agent_id, now)))


def _known(state: State, task: Task, now: float) -> StatusUpdate:
    message = "Reconciliation: Latest task state"
    return latest_update(task, state.wall(now), TaskReason.REASON_RECONCILIATION, message)


def _unknown(
    state: State, framework: FrameworkState, task_id: TaskId, agent_id: AgentId | None, now: float
) -> StatusUpdate:
    """Return what is to be said of a task that is in no account, by what is known of its agent."""
    since = None
    if agent_id is not None and agent_id in state.agents:
        task_state, message = TaskState.TASK_GONE, "Reconciliation: Task is unknown to the agent"
    elif agent_id is not None and agent_id in state.past.unreachable:
        task_state, message = TaskState.TASK_UNREACHABLE, "Reconciliation: Task is unreachable"
        since = state.past.unreachable[agent_id]
    elif agent_id is not None and agent_id in state.past.gone:
        task_state, message = TaskState.TASK_GONE_BY_OPERATOR, "Reconciliation: Task is gone"
    else:
        task_state, message = TaskState.TASK_UNKNOWN, "Reconciliation: Task is unknown"
    if not framework.partition_aware:
        task_state = TaskState.TASK_LOST
    reason = TaskReason.REASON_RECONCILIATION
    at = state.wall(now)
    return make_update(
        at, framework.id, agent_id, task_id, task_state, reason, message, unreachable_since=since
    )
