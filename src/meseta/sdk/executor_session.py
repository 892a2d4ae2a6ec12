"""An executor's subscription to its agent, as a pure machine.

    Started ─▶ CONNECTING ──Subscribed──▶ SUBSCRIBED ──stream lost──▶ WAITING ─▶ CONNECTING …
                                              │                          │
                     no checkpointing, ERROR ─┴──────────────────────────┴─ recovery window over
                                              ▼
                                          ORPHANED (shut down) ──▶ STOPPED

An agent may restart under its executors. With checkpointing they wait for it within the recovery
window and subscribe again, with the tasks and updates that the agent has not acknowledged; without, they
end as soon as it is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from meseta.ids import TaskId
from meseta.machine import Deadlines, Entropy
from meseta.sdk.executor_events import (
    CloseStream,
    Deliver,
    Effect,
    ErrorArrived,
    Event,
    EventArrived,
    HeartbeatArrived,
    MessageMade,
    OpenStream,
    RefuseUpdate,
    ReportDisconnected,
    ReportShutdown,
    ReportStopped,
    ReportSubscribed,
    SendHeartbeat,
    SendMessage,
    SendUpdate,
    Started,
    StopRequested,
    StreamBroken,
    StreamRefused,
    Subscribed,
    TasksLaunched,
    UpdateAcknowledged,
    UpdateMade,
)
from meseta.updates import Pushed, Streams

REGISTRATION_TIMEOUT_S = 60.0
"""How long the first subscription may take; the agent gives up after as long."""
FLUSH_TIMEOUT_S = 5.0
"""How long an executor that wants to end waits for acknowledgements."""
HEARTBEAT_INTERVAL_S = 30 * 60.0


class Phase(Enum):
    """Where the session is in its life."""

    IDLE = "idle"
    CONNECTING = "connecting"
    SUBSCRIBED = "subscribed"
    WAITING = "waiting"
    ORPHANED = "orphaned"
    STOPPED = "stopped"


class ExecutorSession:
    """The machine. Without a `recovery_timeout_s` the executor ends when its agent goes away."""

    def __init__(self, entropy: Entropy, *, recovery_timeout_s: float | None, backoff_max_s: float) -> None:
        self.phase = Phase.IDLE
        self._entropy = entropy
        self._recovery_timeout_s = recovery_timeout_s
        self._backoff_max_s = backoff_max_s
        self._deadlines = Deadlines()
        self._updates: Streams[TaskId, Any] = Streams(paused=True)
        self._pending: dict[TaskId, int] = {}
        self._tasks: dict[TaskId, Any] = {}
        self._carried: set[int] = set()
        """Updates that the latest SUBSCRIBE carried: the agent has them once it is accepted."""
        self._attempt = 0
        self._was_subscribed = False
        self._stopping = False

    @property
    def unacknowledged(self) -> int:
        """How many updates wait for their acknowledgement."""
        return sum(self._pending.values())

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take one event; see `HANDLERS` for all of them."""
        if self.phase is Phase.STOPPED or getattr(event, "attempt", self._attempt) != self._attempt:
            return []  # Of a stream that was given up, or after the end.
        return HANDLERS[type(event)](self, event, now)

    def tick(self, now: float) -> list[Effect]:
        """Reconnect, send again, or give up, whichever is due."""
        effects: list[Effect] = [SendUpdate(payload=update) for update in self._updates.due(now)]
        for key in self._deadlines.due(now):
            effects += self._on_deadline(key, now)
        return effects

    def deadline(self) -> float | None:
        """Return when `tick` wants to be called."""
        due = (self._deadlines.next(), self._updates.deadline())
        return min((when for when in due if when is not None), default=None)

    # ── The subscription ───────────────────────────────────────────────────────────────────────────

    def on_started(self, event: Started, now: float) -> list[Effect]:
        if self.phase is not Phase.IDLE:
            return []
        self._deadlines.arm("recovery", now + REGISTRATION_TIMEOUT_S)
        return self._connect()

    def on_subscribed(self, event: Subscribed, now: float) -> list[Effect]:
        again = self._was_subscribed
        self._was_subscribed = True
        self.phase = Phase.SUBSCRIBED
        self._deadlines.cancel("recovery")
        self._deadlines.arm("heartbeat", now + HEARTBEAT_INTERVAL_S)
        fronts = self._updates.resume(now)
        effects: list[Effect] = [ReportSubscribed(again=again, payload=event.payload)]
        return effects + [SendUpdate(payload=front) for front in fronts if id(front) not in self._carried]

    def on_stream_refused(self, event: StreamRefused, now: float) -> list[Effect]:
        reason = f"the agent refused the subscription: {event.status} {event.reason}".rstrip()
        if 400 <= event.status < 500:
            return self._shut_down(reason, unwanted=True)
        return self._lose(reason, now)

    def on_stream_broken(self, event: StreamBroken, now: float) -> list[Effect]:
        return self._lose(event.reason, now)

    def on_error_arrived(self, event: ErrorArrived, now: float) -> list[Effect]:
        return self._shut_down(f"the agent ended the executor: {event.message}", unwanted=True)

    def on_heartbeat_arrived(self, event: HeartbeatArrived, now: float) -> list[Effect]:
        return []

    def on_event_arrived(self, event: EventArrived, now: float) -> list[Effect]:
        return [Deliver(payload=event.payload)]

    def on_tasks_launched(self, event: TasksLaunched, now: float) -> list[Effect]:
        self._tasks.update(event.tasks)
        return [Deliver(payload=event.payload)]

    def _connect(self) -> list[Effect]:
        self.phase = Phase.CONNECTING
        self._attempt += 1
        updates = tuple(update for task_id in self._pending for update in self._updates.pending(task_id))
        self._carried = {id(update) for update in updates}
        return [OpenStream(attempt=self._attempt, tasks=tuple(self._tasks.values()), updates=updates)]

    def _lose(self, reason: str, now: float) -> list[Effect]:
        was_subscribed = self.phase is Phase.SUBSCRIBED
        if was_subscribed and self._recovery_timeout_s is None:
            return self._shut_down(f"the agent is gone ({reason}) and the framework does not checkpoint")
        effects: list[Effect] = [CloseStream(attempt=self._attempt)]
        self._attempt += 1
        self.phase = Phase.WAITING
        self._updates.pause()
        self._deadlines.cancel("heartbeat")
        self._deadlines.arm("reconnect", now + self._entropy.random() * self._backoff_max_s)
        if was_subscribed and self._recovery_timeout_s is not None:
            self._deadlines.arm("recovery", now + self._recovery_timeout_s)
            effects.append(ReportDisconnected(reason=reason))
        return effects

    def _shut_down(self, reason: str, *, unwanted: bool = False) -> list[Effect]:
        """Nobody will take updates or send work any more; the application ends its tasks and stops."""
        effects: list[Effect] = [
            CloseStream(attempt=self._attempt),
            ReportShutdown(reason=reason, unwanted=unwanted),
        ]
        self.phase = Phase.ORPHANED
        self._attempt += 1
        self._updates.pause()
        self._deadlines = Deadlines()
        return effects + self._stop() if self._stopping else effects

    # ── Updates and messages ───────────────────────────────────────────────────────────────────────

    def on_update_made(self, event: UpdateMade, now: float) -> list[Effect]:
        pushed = self._updates.push(event.task_id, event.uuid, event.payload, now, terminal=event.terminal)
        if pushed is Pushed.FULL:
            return [RefuseUpdate(task_id=event.task_id, uuid=event.uuid)]
        if pushed is not Pushed.DUPLICATE:
            self._pending[event.task_id] = self._pending.get(event.task_id, 0) + 1
        return [SendUpdate(payload=event.payload)] if pushed is Pushed.FRONT else []

    def on_update_acknowledged(self, event: UpdateAcknowledged, now: float) -> list[Effect]:
        self._tasks.pop(event.task_id, None)
        settled = self._updates.acknowledge(event.task_id, event.uuid, now)
        if settled is None:
            return []
        self._pending[event.task_id] -= 1
        if not self._pending[event.task_id]:
            del self._pending[event.task_id]
        if settled.next is not None:
            return [SendUpdate(payload=settled.next)]
        return self._stop() if self._stopping and not self._pending else []

    def on_message_made(self, event: MessageMade, now: float) -> list[Effect]:
        return [SendMessage(payload=event.payload)] if self.phase is Phase.SUBSCRIBED else []

    # ── Time and the end ───────────────────────────────────────────────────────────────────────────

    def on_stop_requested(self, event: StopRequested, now: float) -> list[Effect]:
        if not self._pending or self.phase is not Phase.SUBSCRIBED:
            return self._stop()
        self._stopping = True
        self._deadlines.arm("flush", now + FLUSH_TIMEOUT_S)
        return []

    def _on_deadline(self, key: str, now: float) -> list[Effect]:
        if key == "reconnect":
            return self._connect()
        if key == "heartbeat":
            self._deadlines.arm("heartbeat", now + HEARTBEAT_INTERVAL_S)
            return [SendHeartbeat()]
        if key == "recovery":
            return self._shut_down("the agent did not come back in time")
        return self._stop()

    def _stop(self) -> list[Effect]:
        self.phase = Phase.STOPPED
        self._deadlines = Deadlines()
        self._updates.pause()
        return [CloseStream(attempt=self._attempt), ReportStopped(unacknowledged=self.unacknowledged)]


HANDLERS: dict[type[Event], Callable[[ExecutorSession, Any, float], list[Effect]]] = {
    Started: ExecutorSession.on_started,
    StreamRefused: ExecutorSession.on_stream_refused,
    StreamBroken: ExecutorSession.on_stream_broken,
    Subscribed: ExecutorSession.on_subscribed,
    HeartbeatArrived: ExecutorSession.on_heartbeat_arrived,
    ErrorArrived: ExecutorSession.on_error_arrived,
    EventArrived: ExecutorSession.on_event_arrived,
    TasksLaunched: ExecutorSession.on_tasks_launched,
    UpdateAcknowledged: ExecutorSession.on_update_acknowledged,
    UpdateMade: ExecutorSession.on_update_made,
    MessageMade: ExecutorSession.on_message_made,
    StopRequested: ExecutorSession.on_stop_requested,
}
