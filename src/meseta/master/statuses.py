"""Status updates that the master makes itself: they carry no uuid and are not to be acknowledged."""

from __future__ import annotations

from meseta.ids import AgentId, ExecutorId, FrameworkId, TaskId
from meseta.master.state import Task
from meseta.records import StatusUpdate, TaskReason, TaskSource, TaskState, TaskStatus


def make_update(
    at: float,
    framework_id: FrameworkId,
    agent_id: AgentId | None,
    task_id: TaskId,
    state: TaskState,
    reason: TaskReason,
    message: str,
    *,
    executor_id: ExecutorId | None = None,
    unreachable_since: float | None = None,
) -> StatusUpdate:
    """Return the master's own word on a task. `at` is seconds since the epoch."""
    status = TaskStatus(
        task_id=task_id,
        state=state,
        source=TaskSource.SOURCE_MASTER,
        reason=reason,
        message=message,
        agent_id=agent_id,
        executor_id=executor_id,
        timestamp=at,
        unreachable_time=unreachable_since,
    )
    return _wrap(framework_id, status, at)


def latest_update(task: Task, at: float, reason: TaskReason, message: str) -> StatusUpdate:
    """Return the state that a known task's framework was told last, with the task's health and container."""
    latest = task.statuses[-1] if task.statuses else None
    status = TaskStatus(
        task_id=task.task_id,
        state=task.sent_state if task.sent_state is not None else task.state,
        source=TaskSource.SOURCE_MASTER,
        reason=reason,
        message=message,
        agent_id=task.agent_id,
        executor_id=task.executor_id,
        timestamp=at,
        healthy=latest.healthy if latest is not None else None,
        container_status=latest.container_status if latest is not None else None,
        raw=latest.raw if latest is not None else b"",
    )
    return _wrap(task.framework_id, status, at)


def _wrap(framework_id: FrameworkId, status: TaskStatus, at: float) -> StatusUpdate:
    return StatusUpdate(
        framework_id=framework_id,
        executor_id=status.executor_id,
        agent_id=status.agent_id,
        status=status,
        timestamp=at,
        uuid=None,
    )
