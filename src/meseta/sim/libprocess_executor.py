"""An executor's side of the v0 protocol, as the drivers of libmesos keep it, as a pure machine.

    Started ─▶ registering ──Subscribed──▶ connected ──link lost, checkpoints──▶ waits ──Reconnect─▶ connected
                    │ link lost                │ link lost, does not               │ recovery window over
                    └──────────────────────────┴───────────────────────────────────┴─▶ shut down

Its agent asks it back after a restart; by itself it does not return. What it is told while it is not
connected it ignores, but for kills. Updates are sent once, and again only when it is asked back. Where the
words mean the same, its events and effects are those of the session for v1.

Source of the rules: libmesos's ExecutorProcess (src/exec/exec.cpp).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.agent import effects as told
from meseta.ids import TaskId
from meseta.machine import Deadlines
from meseta.records import TaskInfo, TaskStatus
from meseta.sdk.executor_events import (
    Deliver,
    Effect,
    Event,
    MessageMade,
    ReportDisconnected,
    ReportShutdown,
    ReportStopped,
    ReportSubscribed,
    SendMessage,
    SendUpdate,
    Started,
    StopRequested,
    UpdateMade,
)
from meseta.sim.failures import SafetyViolation

RECOVERY = "recovery"


class Heard(Event, frozen=True, kw_only=True):
    """A message of the agent came."""

    message: told.ExecutorMessage


class LinkBroken(Event, frozen=True, kw_only=True):
    """The link to the agent is gone."""


class Register(Effect, frozen=True, kw_only=True):
    """Link to the agent, and send RegisterExecutor."""


class Reregister(Effect, frozen=True, kw_only=True):
    """Link to the agent anew, and send ReregisterExecutor."""

    tasks: tuple[TaskInfo, ...]
    updates: tuple[TaskStatus, ...]


class LibprocessExecutor:
    """The machine. Without a `recovery_timeout_s` the executor ends when its agent goes away."""

    def __init__(self, *, recovery_timeout_s: float | None) -> None:
        self.connected = False
        self.aborted = False
        """It takes no messages any more."""
        self._recovery_timeout_s = recovery_timeout_s
        self._deadlines = Deadlines()
        self._tasks: dict[TaskId, TaskInfo] = {}
        self._updates: dict[bytes, TaskStatus] = {}

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take one event."""
        match event:
            case Started():
                return [Register()]
            case Heard(message=message):
                return [] if self.aborted else HEARD[type(message)](self, message)
            case LinkBroken():
                return self._lose(now)
            case UpdateMade(uuid=uuid, payload=status):
                self._updates[uuid] = status
                return [SendUpdate(payload=status)]
            case MessageMade(payload=data):
                return [SendMessage(payload=data)]
            case StopRequested():
                self.aborted = True
                return [ReportStopped(unacknowledged=len(self._updates))]
        raise AssertionError(f"no v0 executor hears {event}")

    def tick(self, now: float) -> list[Effect]:
        """Give the agent up if it is time."""
        if not self._deadlines.due(now) or self.connected or self.aborted:
            return []
        return self._shut_down("the agent did not come back in time")

    def deadline(self) -> float | None:
        """Return when `tick` wants to be called."""
        return self._deadlines.next()

    def on_registered(self, message: told.Subscribed) -> list[Effect]:
        return self._connect(message, again=False)

    def on_reregistered(self, message: told.Resubscribed) -> list[Effect]:
        return self._connect(message, again=True)

    def on_reconnect(self, message: told.Reconnect) -> list[Effect]:
        return [Reregister(tasks=tuple(self._tasks.values()), updates=tuple(self._updates.values()))]

    def on_launch(self, message: told.LaunchTask) -> list[Effect]:
        if not self.connected:
            return []
        task_id = message.task.task_id
        if task_id in self._tasks:
            raise SafetyViolation(f"task {task_id} is given to its executor twice")
        self._tasks[task_id] = message.task
        return [Deliver(payload=message)]

    def on_acknowledged(self, message: told.Acknowledged) -> list[Effect]:
        if self.connected and self._updates.pop(message.uuid, None) is not None:
            self._tasks.pop(message.task_id, None)
        return []

    def on_kill(self, message: told.KillTask) -> list[Effect]:
        return [Deliver(payload=message)]

    def on_message(self, message: told.Message) -> list[Effect]:
        return [Deliver(payload=message)] if self.connected else []

    def on_shutdown(self, message: told.Shutdown) -> list[Effect]:
        return self._shut_down("the agent asked for it")

    def _connect(self, message: Any, *, again: bool) -> list[Effect]:
        self.connected = True
        self._deadlines.cancel(RECOVERY)
        return [ReportSubscribed(again=again, payload=message)]

    def _lose(self, now: float) -> list[Effect]:
        if self.aborted:
            return []
        was_connected, self.connected = self.connected, False
        if not was_connected or self._recovery_timeout_s is None:
            return self._shut_down("the agent is gone")
        self._deadlines.arm(RECOVERY, now + self._recovery_timeout_s)
        return [ReportDisconnected(reason="the link to the agent broke")]

    def _shut_down(self, reason: str) -> list[Effect]:
        self.aborted = True
        return [ReportShutdown(reason=reason, unwanted=False)]


HEARD: dict[type, Callable[[LibprocessExecutor, Any], list[Effect]]] = {
    told.Subscribed: LibprocessExecutor.on_registered,
    told.Resubscribed: LibprocessExecutor.on_reregistered,
    told.Reconnect: LibprocessExecutor.on_reconnect,
    told.LaunchTask: LibprocessExecutor.on_launch,
    told.KillTask: LibprocessExecutor.on_kill,
    told.Acknowledged: LibprocessExecutor.on_acknowledged,
    told.Message: LibprocessExecutor.on_message,
    told.Shutdown: LibprocessExecutor.on_shutdown,
}
"""By the type of the agent's message."""
