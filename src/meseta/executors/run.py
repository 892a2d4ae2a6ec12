"""One task of a built-in executor: its process from start to end, whatever happens in between.

    start ─▶ launching ──started──▶ running ──kill──▶ killing ──▶ ended
                 │                     │                 │ grace over: destroy
                 └──── ended ◀─────────┴─────────────────┘

A kill sends SIGTERM to the whole tree and, after the grace period, destroys the container. A second kill may
only shorten the wait. What ends the task decides its last state: `max_completion_time` makes it FAILED, a
kill KILLED, exit status 0 FINISHED and anything else FAILED. Texts and rules are those of Mesos's command
executor, so that frameworks cannot tell the difference.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from meseta.executors.actions import Action, CheckTask, DestroyTask, ReportStatus, SignalTask, StartTask
from meseta.ids import ContainerId
from meseta.machine import Deadlines
from meseta.records import TaskInfo, TaskReason, TaskState

KILL_GRACE_S = 3.0
SIGTERM = 15


class TimerKind(Enum):
    """What a task's timers are for."""

    ESCALATE = "escalate"
    COMPLETE = "complete"
    CHECK = "check"


class RunTimer(NamedTuple):
    """Key of a task's timer among those of its host."""

    container_id: ContainerId
    kind: TimerKind


class Host(NamedTuple):
    """What a built-in executor gets from its host."""

    emit: Callable[[Action], None]
    timers: Deadlines
    task_killing: bool
    """The framework understands TASK_KILLING."""


class Past(NamedTuple):
    """A task that a former agent had started, and what it had reported of it."""

    task: TaskInfo
    container_id: ContainerId
    started_at: float | None = None
    """When it was reported as running; None if it was not."""
    was_healthy: bool = False
    """A health check had succeeded."""
    healthy: bool | None = None
    """What the last health check had said, None if there was none."""


class TaskRun:
    """The machine of one task. After `on_ended` it is done and must be let go."""

    __slots__ = (
        "_failures",
        "_host",
        "_kill_at",
        "_kill_started",
        "_started_at",
        "_timed_out",
        "_unhealthy",
        "_was_healthy",
        "container_id",
        "healthy",
        "task",
    )

    def __init__(self, task: TaskInfo, container_id: ContainerId, host: Host) -> None:
        self.task = task
        self.container_id = container_id
        self.healthy: bool | None = None
        self._host = host
        self._started_at: float | None = None
        self._kill_started: float | None = None
        self._kill_at = 0.0
        self._timed_out = False
        self._unhealthy = False
        self._was_healthy = False
        self._failures = 0

    @property
    def killing(self) -> bool:
        """A kill is under way."""
        return self._kill_started is not None

    def start(self) -> None:
        """Ask for the process."""
        self._host.emit(StartTask(self.container_id, self.task))

    def resume(self, past: Past, now: float) -> None:
        """Take over a task of which a former agent has reported; its clocks go on. One that was not reported
        as running is started: what follows is `on_started` or `on_ended`."""
        self._was_healthy, self.healthy = past.was_healthy, past.healthy
        if past.started_at is not None:
            self._started_at = min(past.started_at, now)
            self._arm_timers(now)

    def report(self, state: TaskState, reason: TaskReason | None = None, message: str | None = None) -> None:
        """Send an update."""
        self._host.emit(
            ReportStatus(
                task_id=self.task.task_id,
                container_id=self.container_id,
                state=state,
                reason=reason,
                message=message,
                healthy=self.healthy,
            )
        )

    def on_started(self, now: float) -> None:
        """The process runs: say so, and start the clocks."""
        self._started_at = now
        self.report(TaskState.TASK_RUNNING)
        self._arm_timers(now)

    def kill(self, grace_s: float | None, now: float) -> None:
        """Kill the task within `grace_s`, else within its own kill policy's time, else within 3 s."""
        if grace_s is None:
            grace_s = self.task.kill_grace_period_s
        if grace_s is None:
            grace_s = KILL_GRACE_S
        if self._kill_started is not None:
            self._shorten(self._kill_started + grace_s, now)
            return
        self._kill_started = now
        self._cancel(TimerKind.COMPLETE)
        self._cancel(TimerKind.CHECK)
        if self._started_at is None:
            self._host.emit(DestroyTask(self.container_id))
            return
        if self._host.task_killing and not self._timed_out:
            self.report(TaskState.TASK_KILLING)
        self._host.emit(SignalTask(self.container_id, SIGTERM))
        self._kill_at = now + grace_s
        self._arm(TimerKind.ESCALATE, self._kill_at)

    def on_timer(self, kind: TimerKind, now: float) -> None:
        """One of the timers is due."""
        if kind is TimerKind.ESCALATE:
            self._host.emit(DestroyTask(self.container_id))
        elif kind is TimerKind.COMPLETE:
            self._timed_out = True
            self.kill(0.0, now)
        elif self.task.health_check is not None:
            self._host.emit(CheckTask(self.container_id, self.task.health_check))

    def on_checked(self, fault: str | None, now: float) -> None:
        """A health check is over. Early failures do not count before the first success (grace period)."""
        check = self.task.health_check
        if check is None or self._started_at is None or self.killing:
            return
        self._arm(TimerKind.CHECK, now + check.interval_s)
        if fault is None:
            if not self._was_healthy or self._failures:
                self._report_health(True)
            self._was_healthy = True
            self._failures = 0
            return
        early = now - self._started_at <= check.grace_period_s
        if early and not self._was_healthy and not self._failures:
            return
        self._failures += 1
        self._report_health(False)
        if self._failures >= check.consecutive_failures:
            self._unhealthy = True
            self.kill(None, now)

    def on_ended(self, wait_status: int | None, reason: TaskReason | None, message: str | None) -> None:
        """The process is gone, or never came to be: send the last update.

        `reason` and `message` are the host's, if it knows more than the wait status tells.
        """
        for kind in TimerKind:
            self._cancel(kind)
        if self._unhealthy:
            self.healthy = False
        text = f"Command {describe(wait_status)}" if message is None else message
        if reason is not None and not self.killing:
            self.report(TaskState.TASK_FAILED, reason, text)
        elif self._timed_out:
            self.report(TaskState.TASK_FAILED, TaskReason.REASON_MAX_COMPLETION_TIME_REACHED, text)
        elif self.killing:
            early = self._started_at is None
            during_launch = TaskReason.REASON_TASK_KILLED_DURING_LAUNCH if early else None
            self.report(TaskState.TASK_KILLED, during_launch, text)
        elif wait_status == 0:
            self.report(TaskState.TASK_FINISHED, None, text)
        else:
            self.report(TaskState.TASK_FAILED, None, text)

    def _report_health(self, healthy: bool) -> None:
        self.healthy = healthy
        self.report(TaskState.TASK_RUNNING, TaskReason.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED)

    def _shorten(self, kill_at: float, now: float) -> None:
        """Move the escalation, but never to later."""
        if self._started_at is not None and kill_at < self._kill_at:
            self._kill_at = max(kill_at, now)
            self._arm(TimerKind.ESCALATE, self._kill_at)

    def _arm_timers(self, now: float) -> None:
        assert self._started_at is not None, "the clocks start with the task"
        if self.task.max_completion_s is not None:
            self._arm(TimerKind.COMPLETE, max(now, self._started_at + self.task.max_completion_s))
        if self.task.health_check is not None:
            self._arm(TimerKind.CHECK, max(now, self._started_at + self.task.health_check.delay_s))

    def _arm(self, kind: TimerKind, when: float) -> None:
        self._host.timers.arm(RunTimer(self.container_id, kind), when)

    def _cancel(self, kind: TimerKind) -> None:
        self._host.timers.cancel(RunTimer(self.container_id, kind))


def describe(wait_status: int | None) -> str:
    """Say how a process ended, in Mesos's words, from its raw wait status."""
    if wait_status is None:
        return "terminated with unknown status"
    if wait_status & 0x7F == 0:
        return f"exited with status {wait_status >> 8 & 0xFF}"
    number = wait_status & 0x7F
    try:
        name = signal.strsignal(number) or f"Unknown signal {number}"
    except ValueError:
        name = f"Unknown signal {number}"
    core = " (core dumped)" if wait_status & 0x80 else ""
    return f"terminated with signal {name}{core}"
