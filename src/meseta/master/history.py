"""The history of frameworks' tasks when an agent comes back: what it brings, and what is history no more."""

from __future__ import annotations

from meseta.ids import AgentId, FrameworkId
from meseta.master.events import CompletedFramework
from meseta.master.state import AgentState, State, Task
from meseta.master.tasks import kept_statuses
from meseta.records import TaskRecord


def forget_returned(state: State, agent: AgentState) -> None:
    """Take tasks that are back with their agent out of their frameworks' history."""
    for framework_id, tasks in agent.tasks.items():
        completed = state.frameworks[framework_id].completed_tasks
        if completed and any(task.task_id in tasks for task in completed):
            kept = [task for task in completed if task.task_id not in tasks]
            completed.clear()
            completed.extend(kept)


def recall_completed(state: State, agent_id: AgentId, archives: tuple[CompletedFramework, ...]) -> None:
    """Take tasks that an agent saw the end of into the history of frameworks that are known.

    An agent calls a framework completed when nothing of it is left there; so it may well be alive.
    """
    for archive in archives:
        framework = state.frameworks.get(archive.info.id or FrameworkId(""))
        if framework is None:
            continue
        known = {(task.agent_id, task.task_id) for task in framework.completed_tasks}
        for record in archive.tasks:
            if (agent_id, record.task_id) not in known and record.task_id not in framework.tasks:
                known.add((agent_id, record.task_id))
                framework.completed_tasks.append(_completed(state, record, framework.id, agent_id))


def _completed(state: State, record: TaskRecord, framework_id: FrameworkId, agent_id: AgentId) -> Task:
    role = record.allocation_role or "*"
    task = Task(record, framework_id, agent_id, record.executor_id or None, role, record.state)
    task.statuses = kept_statuses(state.config, record.statuses)
    return task
