"""What a built-in executor asks of the agent that hosts it."""

from __future__ import annotations

import msgspec

from meseta.ids import ContainerId, TaskId
from meseta.records import HealthCheck, TaskInfo, TaskReason, TaskState


class StartTask(msgspec.Struct, frozen=True):
    """Run the command of `task` in `container_id`; the host answers with `on_started` or `on_ended`."""

    container_id: ContainerId
    task: TaskInfo


class SignalTask(msgspec.Struct, frozen=True, gc=False):
    """Send a signal to all processes of a task."""

    container_id: ContainerId
    signal: int


class DestroyTask(msgspec.Struct, frozen=True, gc=False):
    """Kill all processes of a task for good, or give up its start."""

    container_id: ContainerId


class CheckTask(msgspec.Struct, frozen=True):
    """Ask once whether a task is well; the host answers with `on_checked`."""

    container_id: ContainerId
    health_check: HealthCheck


class ReportStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Send a status update for a task."""

    task_id: TaskId
    container_id: ContainerId
    state: TaskState
    reason: TaskReason | None = None
    message: str | None = None
    healthy: bool | None = None


class Finish(msgspec.Struct, frozen=True, gc=False):
    """The executor has nothing left to do: let it end."""


Action = StartTask | SignalTask | DestroyTask | CheckTask | ReportStatus | Finish
