"""The pod executor: groups of tasks, each task in a container nested in the executor's own.

One task of a group that fails or is killed takes its group with it. Several groups may share the executor; it
ends when no task is left. (Mesos's default executor.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from meseta.executors.actions import Finish
from meseta.executors.run import Host, Past, RunTimer, TaskRun
from meseta.ids import ContainerId, TaskId
from meseta.records import TaskGroupInfo, TaskReason, TaskState


class _Group:
    """The tasks of a pod that are not over yet."""

    __slots__ = ("killing", "runs")

    def __init__(self) -> None:
        self.runs: list[TaskRun] = []
        self.killing = False


class PodExecutor:
    """Runs task groups in nested containers."""

    __slots__ = ("_groups", "_host", "_new_id", "_runs", "_shutting_down", "container_id")

    def __init__(self, container_id: ContainerId, host: Host, new_id: Callable[[], str]) -> None:
        self.container_id = container_id
        self._host = host
        self._new_id = new_id
        self._runs: dict[ContainerId, TaskRun] = {}
        self._groups: dict[ContainerId, _Group] = {}
        self._shutting_down = False

    def launch_group(self, group: TaskGroupInfo) -> None:
        """Start all tasks of a pod."""
        members = _Group()
        for task in group.tasks:
            nested = ContainerId(f"{self.container_id}.{self._new_id()}")
            self._add(TaskRun(task, nested, self._host), members)
        for run in list(members.runs):
            run.report(TaskState.TASK_STARTING)
            run.start()

    def resume_group(self, pasts: Iterable[Past], now: float) -> None:
        """Take over what is left of a pod, whose processes a former agent has started."""
        members = _Group()
        for past in pasts:
            run = TaskRun(past.task, past.container_id, self._host)
            self._add(run, members)
            run.resume(past, now)

    def kill(self, task_id: TaskId, grace_s: float | None, now: float) -> None:
        """Kill a task, and with its end its group."""
        for run in self._runs.values():
            if run.task.task_id == task_id:
                run.kill(grace_s, now)
                return

    def shutdown(self, grace_s: float, now: float) -> None:
        """Kill everything within `grace_s`, or end at once if there is nothing."""
        self._shutting_down = True
        for run in list(self._runs.values()):
            run.kill(grace_s, now)
        if not self._runs:
            self._host.emit(Finish())

    def on_started(self, container_id: ContainerId, now: float) -> None:
        """The command of a task runs."""
        if run := self._runs.get(container_id):
            run.on_started(now)

    def on_ended(
        self,
        container_id: ContainerId,
        wait_status: int | None,
        reason: TaskReason | None,
        message: str | None,
        now: float,
    ) -> None:
        """A task is over: its group goes with it unless it finished well."""
        run = self._runs.pop(container_id, None)
        if run is None:
            return
        group = self._groups.pop(container_id)
        group.runs.remove(run)
        well = wait_status == 0 and reason is None and not run.killing
        run.on_ended(wait_status, reason, message)
        if not well and not self._shutting_down and not group.killing:
            group.killing = True
            for other in list(group.runs):
                if not other.killing:
                    other.kill(None, now)
        if not self._runs:
            self._host.emit(Finish())

    def on_checked(self, container_id: ContainerId, fault: str | None, now: float) -> None:
        """A health check is over."""
        if run := self._runs.get(container_id):
            run.on_checked(fault, now)

    def on_timer(self, timer: RunTimer, now: float) -> None:
        """A timer of a task is due."""
        if run := self._runs.get(timer.container_id):
            run.on_timer(timer.kind, now)

    def _add(self, run: TaskRun, group: _Group) -> None:
        group.runs.append(run)
        self._runs[run.container_id] = run
        self._groups[run.container_id] = group
