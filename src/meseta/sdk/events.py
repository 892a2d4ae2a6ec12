"""What the scheduler session hears (events), does (effects), and the calls that it makes for itself.

Payloads and calls of the application are opaque: the asyncio edge puts protobuf messages there, the
simulator whatever it likes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from meseta.ids import AgentId, FrameworkId, TaskId

NO_CALL = 0
"""The number of acknowledgements: nobody waits for their outcome, the agent repeats its update."""
TEARDOWN_CALL = -1
"""The number of the TEARDOWN that the session makes when the application leaves for good."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What an acknowledgement of a status update says. `uuid` is 16 bytes."""

    agent_id: AgentId
    task_id: TaskId
    uuid: bytes


# ── Events ─────────────────────────────────────────────────────────────────────────────────────────


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events."""


class Started(Event, frozen=True, kw_only=True):
    """The application wants to be subscribed."""


class StreamOpened(Event, frozen=True, kw_only=True):
    """The master accepted the subscription; `stream_id` goes with every call."""

    attempt: int
    stream_id: str | None


class StreamRedirected(Event, frozen=True, kw_only=True):
    """Another master leads, at `address` when the redirecting one named it."""

    attempt: int
    address: str | None


class LeaderDetected(Event, frozen=True, kw_only=True):
    """A service told who leads: the master at `address`, None if nobody is known to; maybe once again."""

    address: str | None


class StreamRefused(Event, frozen=True, kw_only=True):
    """The master answered a subscription with an error status."""

    attempt: int
    status: int
    reason: str


class StreamBroken(Event, frozen=True, kw_only=True):
    """The master could not be reached, or the stream ended."""

    attempt: int
    reason: str


class Subscribed(Event, frozen=True, kw_only=True):
    """SUBSCRIBED came."""

    attempt: int
    framework_id: FrameworkId
    heartbeat_interval_s: float
    payload: Any = None


class HeartbeatArrived(Event, frozen=True, kw_only=True):
    """HEARTBEAT came."""

    attempt: int


class UpdateArrived(Event, frozen=True, kw_only=True):
    """UPDATE came for a status that wants an acknowledgement."""

    attempt: int
    token: Token
    payload: Any


class ErrorArrived(Event, frozen=True, kw_only=True):
    """ERROR came: the master will have no more to do with this framework."""

    attempt: int
    message: str


class EventArrived(Event, frozen=True, kw_only=True):
    """Any other event came; it concerns only the application."""

    attempt: int
    payload: Any


class UpdateSettled(Event, frozen=True, kw_only=True):
    """The application is done with an update: acknowledge it."""

    token: Token


class CallRequested(Event, frozen=True, kw_only=True):
    """The application wants to make a call; `number` (not 0) names it in its outcome."""

    number: int
    call: Any


class CallAnswered(Event, frozen=True, kw_only=True):
    """The master answered a call."""

    number: int
    status: int
    reason: str
    attempt: int


class CallBroken(Event, frozen=True, kw_only=True):
    """A call got no answer. Without `sent` the master has certainly not seen it."""

    number: int
    reason: str
    sent: bool


class SuppressRequested(Event, frozen=True, kw_only=True):
    """The application wants no offers for `roles`, or for all its roles when empty."""

    number: int
    roles: tuple[str, ...] = ()


class ReviveRequested(Event, frozen=True, kw_only=True):
    """The application wants offers for `roles` again, or for all its roles when empty."""

    number: int
    roles: tuple[str, ...] = ()


class RolesChanged(Event, frozen=True, kw_only=True):
    """The master took an UPDATE_FRAMEWORK with these roles."""

    roles: tuple[str, ...]
    suppressed: tuple[str, ...]


class StopRequested(Event, frozen=True, kw_only=True):
    """The application leaves; `teardown` removes the framework, else it may come back in time."""

    teardown: bool


# ── Effects ────────────────────────────────────────────────────────────────────────────────────────


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all effects."""


class OpenStream(Effect, frozen=True, kw_only=True):
    """Post SUBSCRIBE to the master at `address` and report under the number `attempt`."""

    attempt: int
    address: str
    framework_id: FrameworkId | None
    suppressed_roles: tuple[str, ...]
    standby: bool = False
    """Whether to wait while another scheduler has the framework."""


class CloseStream(Effect, frozen=True, kw_only=True):
    """Close the stream, if it is still open."""

    attempt: int


class SendCall(Effect, frozen=True, kw_only=True):
    """Post a call, after those before it."""

    number: int
    attempt: int
    address: str
    stream_id: str | None
    framework_id: FrameworkId
    call: Any


class ConcludeCall(Effect, frozen=True, kw_only=True):
    """Tell the caller the outcome: `reason` is empty on success, `status` is 0 when there was no answer.

    Without `sent` the master has certainly not seen the call.
    """

    number: int
    status: int
    reason: str
    sent: bool = True


class Deliver(Effect, frozen=True, kw_only=True):
    """Pass an event on to the application; `token` wants to be settled."""

    payload: Any
    token: Token | None = None


class ReportSubscribed(Effect, frozen=True, kw_only=True):
    """Tell the application that it is subscribed, and whether it was before."""

    framework_id: FrameworkId
    again: bool
    payload: Any


class ReportDisconnected(Effect, frozen=True, kw_only=True):
    """Tell the application that its offers are void and that the session reconnects by itself."""

    reason: str


class ReportStopped(Effect, frozen=True, kw_only=True):
    """Tell the application that the session is over, and why, unless it wanted so."""

    fault: str | None


# ── Calls that the session knows ───────────────────────────────────────────────────────────────────


class Acknowledge(msgspec.Struct, frozen=True):
    """ACKNOWLEDGE a status update."""

    token: Token


class Suppress(msgspec.Struct, frozen=True):
    """SUPPRESS offers for `roles`, or for all when empty."""

    roles: tuple[str, ...]


class Revive(msgspec.Struct, frozen=True):
    """REVIVE offers for `roles`, or for all when empty."""

    roles: tuple[str, ...]


class Teardown(msgspec.Struct, frozen=True):
    """TEARDOWN: remove the framework with everything it runs."""
