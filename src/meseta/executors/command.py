"""The command executor: one task, one command, and the executor ends with it.

In Mesos this is a process of its own (`mesos-executor`). Here the agent hosts it as a machine, so that a task
costs one process, not two, and no interpreter start.
"""

from __future__ import annotations

from meseta.executors.actions import Finish
from meseta.executors.run import Host, Past, RunTimer, TaskRun
from meseta.ids import ContainerId, TaskId
from meseta.records import TaskInfo, TaskReason, TaskState


class CommandExecutor:
    """Runs the command of one task in the executor's own container."""

    __slots__ = ("_host", "_run", "container_id")

    def __init__(self, container_id: ContainerId, host: Host) -> None:
        self.container_id = container_id
        self._host = host
        self._run: TaskRun | None = None

    def launch(self, task: TaskInfo) -> None:
        """Start the task."""
        assert self._run is None, "a command executor runs one task"
        self._run = TaskRun(task, self.container_id, self._host)
        self._run.start()

    def resume(self, past: Past, now: float) -> None:
        """Take over the task, whose process a former agent has started."""
        self._run = TaskRun(past.task, past.container_id, self._host)
        self._run.resume(past, now)

    def kill(self, task_id: TaskId, grace_s: float | None, now: float) -> None:
        """Kill the task; a call about another one is ignored."""
        if self._run is not None and self._run.task.task_id == task_id:
            self._run.kill(grace_s, now)

    def shutdown(self, grace_s: float, now: float) -> None:
        """End within `grace_s`."""
        if self._run is not None:
            self._run.kill(grace_s, now)
        else:
            self._host.emit(Finish())

    def on_started(self, container_id: ContainerId, now: float) -> None:
        """The command runs. Mesos reports STARTING first, when its executor has got hold of the task."""
        if self._run is not None:
            self._run.report(TaskState.TASK_STARTING)
            self._run.on_started(now)

    def on_ended(
        self,
        container_id: ContainerId,
        wait_status: int | None,
        reason: TaskReason | None,
        message: str | None,
        now: float,
    ) -> None:
        """The command is over, and so is the executor."""
        run, self._run = self._run, None
        if run is not None:
            run.on_ended(wait_status, reason, message)
            self._host.emit(Finish())

    def on_checked(self, container_id: ContainerId, fault: str | None, now: float) -> None:
        """A health check is over."""
        if self._run is not None:
            self._run.on_checked(fault, now)

    def on_timer(self, timer: RunTimer, now: float) -> None:
        """A timer of the task is due."""
        if self._run is not None:
            self._run.on_timer(timer.kind, now)
