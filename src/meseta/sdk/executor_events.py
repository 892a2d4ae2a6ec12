"""What the executor session hears (events) and does (effects). Payloads are opaque to it."""

from __future__ import annotations

from typing import Any

import msgspec

from meseta.ids import TaskId


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events."""


class Started(Event, frozen=True, kw_only=True):
    """The executor wants to be subscribed."""


class StreamRefused(Event, frozen=True, kw_only=True):
    """The agent answered a subscription with an error status."""

    attempt: int
    status: int
    reason: str


class StreamBroken(Event, frozen=True, kw_only=True):
    """The agent could not be reached, or the stream ended."""

    attempt: int
    reason: str


class Subscribed(Event, frozen=True, kw_only=True):
    """SUBSCRIBED came."""

    attempt: int
    payload: Any = None


class TasksLaunched(Event, frozen=True, kw_only=True):
    """LAUNCH or LAUNCH_GROUP came; `tasks` are the infos by id, `payload` the whole event."""

    attempt: int
    tasks: tuple[tuple[TaskId, Any], ...]
    payload: Any


class UpdateAcknowledged(Event, frozen=True, kw_only=True):
    """ACKNOWLEDGED came: the agent answers for the update from now on."""

    attempt: int
    task_id: TaskId
    uuid: bytes


class EventArrived(Event, frozen=True, kw_only=True):
    """Any other event came; it concerns only the application."""

    attempt: int
    payload: Any


class HeartbeatArrived(Event, frozen=True, kw_only=True):
    """HEARTBEAT came."""

    attempt: int


class ErrorArrived(Event, frozen=True, kw_only=True):
    """ERROR came: the agent will have no more to do with this executor."""

    attempt: int
    message: str


class UpdateMade(Event, frozen=True, kw_only=True):
    """The application has a new status of a task. `uuid` is 16 bytes; `terminal` ends the task."""

    task_id: TaskId
    uuid: bytes
    terminal: bool
    payload: Any


class MessageMade(Event, frozen=True, kw_only=True):
    """The application has a message for the scheduler, best effort."""

    payload: Any


class StopRequested(Event, frozen=True, kw_only=True):
    """The executor wants to end, once its updates are acknowledged."""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all effects."""


class OpenStream(Effect, frozen=True, kw_only=True):
    """Post SUBSCRIBE with what the agent has not acknowledged, and report under the number `attempt`."""

    attempt: int
    tasks: tuple[Any, ...]
    updates: tuple[Any, ...]


class CloseStream(Effect, frozen=True, kw_only=True):
    """Close the stream, if it is still open."""

    attempt: int


class SendUpdate(Effect, frozen=True, kw_only=True):
    """Post UPDATE."""

    payload: Any


class RefuseUpdate(Effect, frozen=True, kw_only=True):
    """Tell the application that its update was not taken: too many of this task wait."""

    task_id: TaskId
    uuid: bytes


class SendMessage(Effect, frozen=True, kw_only=True):
    """Post MESSAGE."""

    payload: Any


class SendHeartbeat(Effect, frozen=True, kw_only=True):
    """Post HEARTBEAT."""


class Deliver(Effect, frozen=True, kw_only=True):
    """Pass an event on to the application."""

    payload: Any


class ReportSubscribed(Effect, frozen=True, kw_only=True):
    """Tell the application that it is subscribed, and whether it was before."""

    again: bool
    payload: Any


class ReportDisconnected(Effect, frozen=True, kw_only=True):
    """Tell the application that the agent is away; the session reconnects by itself."""

    reason: str


class ReportShutdown(Effect, frozen=True, kw_only=True):
    """Tell the application to end its tasks and itself: the agent is gone or, if `unwanted`, said so."""

    reason: str
    unwanted: bool


class ReportStopped(Effect, frozen=True, kw_only=True):
    """Tell the application that the session is over; `unacknowledged` updates may be lost."""

    unacknowledged: int
