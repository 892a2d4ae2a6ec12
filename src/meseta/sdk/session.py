"""A framework's subscription to the master, as a pure machine.

    Started ─▶ CONNECTING ──Subscribed──▶ SUBSCRIBED ──stream lost, silence──▶ WAITING ─▶ CONNECTING …
                  │  ▲ redirected: ask there at once                             (backoff, next master)
                  │  └── refused for now, broken ──▶ WAITING
                  ├── refused for good, ERROR event ──▶ STOPPED
                  └── a heartbeat comes first ──▶ STANDBY ──Subscribed──▶ SUBSCRIBED

The session finds the leading master (it follows redirects and goes round a list), keeps one stream
open, notices when it falls silent, and subscribes again with the same framework id and the same
suppressed roles. Only an ERROR event, a refusal that trying again cannot cure, or a stop end it.

With `standby` it takes the framework from nobody: while another scheduler has it, the master sends
heartbeats only, and SUBSCRIBED when the turn has come.

Which attempt an event belongs to is part of the event, because the bytes of a stream that was given up
may still be on their way: such events are dropped.

Status updates come at least once. The session knows which ones it has passed on and which ones were
acknowledged: a repeated update that was acknowledged is acknowledged again (the acknowledgement was
lost) and not passed on twice.

Calls and events of the application are opaque here: the edge encodes them, and the simulator, which
runs this machine too, does not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any

from meseta.ids import FrameworkId
from meseta.machine import Deadlines, Entropy
from meseta.sdk.events import (
    NO_CALL,
    TEARDOWN_CALL,
    Acknowledge,
    CallAnswered,
    CallBroken,
    CallRequested,
    CloseStream,
    ConcludeCall,
    Deliver,
    Effect,
    ErrorArrived,
    Event,
    EventArrived,
    HeartbeatArrived,
    LeaderDetected,
    OpenStream,
    ReportDisconnected,
    ReportStopped,
    ReportSubscribed,
    Revive,
    ReviveRequested,
    RolesChanged,
    SendCall,
    Started,
    StopRequested,
    StreamBroken,
    StreamOpened,
    StreamRedirected,
    StreamRefused,
    Subscribed,
    Suppress,
    SuppressRequested,
    Teardown,
    Token,
    UpdateArrived,
    UpdateSettled,
)

BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 10.0
SUBSCRIBE_TIMEOUT_S = 15.0
"""How long the master may take from the connect to SUBSCRIBED."""
HEARTBEAT_INTERVAL_S = 15.0
"""What a standby takes for the interval of heartbeats; only SUBSCRIBED tells the true one."""
SILENT_HEARTBEATS = 5
"""A stream that said nothing for this many heartbeat intervals is dead."""
TEARDOWN_TIMEOUT_S = 10.0
REDIRECTS_MAX = 5
UPDATES_REMEMBERED = 16_384
"""Status updates, each of pending and acknowledged, that repeats are recognised for."""


class Phase(Enum):
    """Where the session is in its life."""

    IDLE = "idle"
    CONNECTING = "connecting"
    STANDBY = "standby"
    SUBSCRIBED = "subscribed"
    WAITING = "waiting"
    STOPPED = "stopped"


class SchedulerSession:
    """The machine. `masters` are tried in turn; without any, `LeaderDetected` says where the master is.
    `framework_id` takes over a framework that exists.

    `repeats` passes repeated updates on until they are settled, as an application that acknowledges
    by itself may want; without, each update is passed on once.
    """

    def __init__(
        self,
        masters: Sequence[str],
        roles: Iterable[str],
        entropy: Entropy,
        *,
        framework_id: FrameworkId | None = None,
        suppressed_roles: Iterable[str] = (),
        repeats: bool = False,
        standby: bool = False,
    ) -> None:
        assert framework_id is not None or not standby, "a standby knows for which framework it stands by"
        self.phase = Phase.IDLE
        self._standby = standby
        self.framework_id = framework_id
        self.roles = tuple(roles)
        self.suppressed = {role for role in suppressed_roles if role in self.roles}
        self._masters = tuple(masters)
        self._entropy = entropy
        self._repeats = repeats
        self._deadlines = Deadlines()
        self._updates = _UpdateBook()
        self._attempt = 0
        self._address = self._masters[0] if self._masters else ""
        self._stream_id: str | None = None
        self._silence_s = 0.0
        self._master = 0
        self._failures = 0
        self._redirects = 0
        self._subscribed_at: float | None = None
        self._stopping = False
        self._teardown_sent = False
        self._teardown_pending = False

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take one event; see `HANDLERS` for all of them."""
        attempt = getattr(event, "attempt", None)
        if self.phase is Phase.STOPPED or (attempt != self._attempt and isinstance(event, _OF_STREAM)):
            return _conclude_after_stop(event)
        return HANDLERS[type(event)](self, event, now)

    def tick(self, now: float) -> list[Effect]:
        """Reconnect, notice silence, or give a teardown up, whichever is due."""
        effects: list[Effect] = []
        for key in self._deadlines.due(now):
            effects += self._on_deadline(key, now)
        return effects

    def deadline(self) -> float | None:
        """Return when `tick` wants to be called."""
        return self._deadlines.next()

    # ── Finding and keeping the master ─────────────────────────────────────────────────────────────

    def on_started(self, event: Started, now: float) -> list[Effect]:
        if self.phase is not Phase.IDLE:
            return []
        return self._seek(now)

    def on_leader_detected(self, event: LeaderDetected, now: float) -> list[Effect]:
        """Go to the new leader. A stream that works is kept as long as nobody else is known to lead."""
        self._masters = () if event.address is None else (event.address,)
        self._master = 0
        is_new = event.address not in (None, self._address)
        if self.phase in _ATTACHED:
            return self._lose("another master leads", now) if is_new else []
        if self.phase is Phase.WAITING or (self.phase is Phase.CONNECTING and is_new):
            self._failures = 0
            return self._lose("another master leads", now)
        return []

    def on_stream_opened(self, event: StreamOpened, now: float) -> list[Effect]:
        self._stream_id = event.stream_id
        return []

    def on_stream_redirected(self, event: StreamRedirected, now: float) -> list[Effect]:
        self._redirects += 1
        if event.address is None or self._redirects > REDIRECTS_MAX:
            return self._lose("the masters redirect to each other without an end", now)
        return self._connect(event.address, now)

    def on_stream_refused(self, event: StreamRefused, now: float) -> list[Effect]:
        fault = (
            f"the master at {self._address} refused the subscription: {event.status} {event.reason}".rstrip()
        )
        return self._stop(fault) if _is_final(event.status) else self._lose(fault, now)

    def on_stream_broken(self, event: StreamBroken, now: float) -> list[Effect]:
        if self._teardown_pending:
            return []  # The master closes the stream of a framework that is torn down; its answer is near.
        return self._lose(event.reason, now)

    def on_subscribed(self, event: Subscribed, now: float) -> list[Effect]:
        again = self._subscribed_at is not None
        self.phase = Phase.SUBSCRIBED
        self.framework_id = event.framework_id
        self._subscribed_at = now
        self._redirects = 0
        self._silence_s = SILENT_HEARTBEATS * event.heartbeat_interval_s
        self._hear(now)
        effects: list[Effect] = [
            ReportSubscribed(framework_id=event.framework_id, again=again, payload=event.payload)
        ]
        return effects + self._send_teardown() if self._stopping else effects

    def on_heartbeat_arrived(self, event: HeartbeatArrived, now: float) -> list[Effect]:
        if self._standby and self.phase is Phase.CONNECTING:
            self.phase = Phase.STANDBY
            self._redirects = self._failures = 0
            self._silence_s = SILENT_HEARTBEATS * HEARTBEAT_INTERVAL_S
        self._hear(now)
        return []

    def on_error_arrived(self, event: ErrorArrived, now: float) -> list[Effect]:
        if self._teardown_sent:
            return self._stop(None)  # It was removed, and only the answer that said so got lost.
        return self._stop(f"the master ended the framework: {event.message}")

    def _seek(self, now: float) -> list[Effect]:
        """Connect to the master whose turn it is; wait until one is detected if there is none."""
        if not self._masters:
            self.phase = Phase.WAITING
            return []
        return self._connect(self._masters[self._master], now)

    def _connect(self, address: str, now: float) -> list[Effect]:
        self.phase = Phase.CONNECTING
        self._attempt += 1
        self._address = address
        self._stream_id = None
        self._deadlines.arm("silence", now + SUBSCRIBE_TIMEOUT_S)
        suppressed = tuple(role for role in self.roles if role in self.suppressed)
        return [
            OpenStream(
                attempt=self._attempt,
                address=address,
                framework_id=self.framework_id,
                suppressed_roles=suppressed,
                standby=self._standby,
            )
        ]

    def _lose(self, reason: str, now: float) -> list[Effect]:
        """Give the stream up and try again after a random part of a growing delay.

        A stream that had worked is sought where it was found: the configured master that led there.
        """
        effects: list[Effect] = [CloseStream(attempt=self._attempt)]
        if self.phase is Phase.SUBSCRIBED:
            effects.append(ReportDisconnected(reason=reason))
            if self._subscribed_at is not None and now - self._subscribed_at > BACKOFF_MAX_S:
                self._failures = 0
        elif self.phase is not Phase.STANDBY:
            self._master = (self._master + 1) % max(1, len(self._masters))
        self.phase = Phase.WAITING
        self._attempt += 1
        self._redirects = 0
        self._teardown_pending = False
        longest_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        self._deadlines.cancel("silence")
        if self._masters:
            self._deadlines.arm("retry", now + self._entropy.random() * longest_s)
        else:
            self._deadlines.cancel("retry")
        return effects

    def _hear(self, now: float) -> None:
        if self.phase in _ATTACHED:
            self._deadlines.arm("silence", now + self._silence_s)

    def _on_deadline(self, key: str, now: float) -> list[Effect]:
        if key == "retry":
            return self._seek(now)
        if key == "silence":
            return self._lose(f"the master at {self._address} fell silent", now)
        return self._stop("the framework was not torn down: no master answered in time")

    # ── Updates ────────────────────────────────────────────────────────────────────────────────────

    def on_event_arrived(self, event: EventArrived, now: float) -> list[Effect]:
        self._hear(now)
        return [Deliver(payload=event.payload)]

    def on_update_arrived(self, event: UpdateArrived, now: float) -> list[Effect]:
        self._hear(now)
        if self._updates.is_acknowledged(event.token):
            return self._send(NO_CALL, Acknowledge(event.token))
        if not self._updates.add(event.token) and not self._repeats:
            return []
        return [Deliver(payload=event.payload, token=event.token)]

    def on_update_settled(self, event: UpdateSettled, now: float) -> list[Effect]:
        self._updates.settle(event.token)
        if self.phase is not Phase.SUBSCRIBED:
            return []  # The agent repeats the update, and that one is acknowledged.
        return self._send(NO_CALL, Acknowledge(event.token))

    # ── Calls ──────────────────────────────────────────────────────────────────────────────────────

    def on_call_requested(self, event: CallRequested, now: float) -> list[Effect]:
        if self.phase is not Phase.SUBSCRIBED:
            return [_unsent(event.number, "the framework is not subscribed at the moment")]
        return self._send(event.number, event.call)

    def on_call_answered(self, event: CallAnswered, now: float) -> list[Effect]:
        if event.number == TEARDOWN_CALL and event.status < 300:
            return self._stop(None)
        self._teardown_pending &= event.number != TEARDOWN_CALL
        effects = _conclude(event.number, event.status, event.reason)
        if event.status in (307, 403) and event.attempt == self._attempt and self.phase is Phase.SUBSCRIBED:
            return effects + self._lose(f"the master no longer knows this subscription: {event.reason}", now)
        return effects

    def on_call_broken(self, event: CallBroken, now: float) -> list[Effect]:
        if event.number != TEARDOWN_CALL:
            return _conclude(event.number, 0, event.reason, sent=event.sent)
        self._teardown_pending = False
        return self._lose(event.reason, now) if self.phase is Phase.SUBSCRIBED else []

    def on_suppress_requested(self, event: SuppressRequested, now: float) -> list[Effect]:
        self.suppressed |= set(event.roles or self.roles)
        return self._send_or_keep(event.number, Suppress(event.roles))

    def on_revive_requested(self, event: ReviveRequested, now: float) -> list[Effect]:
        self.suppressed -= set(event.roles or self.roles)
        return self._send_or_keep(event.number, Revive(event.roles))

    def on_roles_changed(self, event: RolesChanged, now: float) -> list[Effect]:
        self.roles = event.roles
        self.suppressed = set(event.suppressed)
        return []

    def _send_or_keep(self, number: int, call: Suppress | Revive) -> list[Effect]:
        """Send now, or let the next subscription say it: subscribing clears filters as reviving does."""
        if self.phase is Phase.SUBSCRIBED:
            return self._send(number, call)
        return _conclude(number, 202, "")

    def _send(self, number: int, call: Any) -> list[Effect]:
        assert self.framework_id is not None, "a subscribed framework has an id"
        return [
            SendCall(
                number=number,
                attempt=self._attempt,
                address=self._address,
                stream_id=self._stream_id,
                framework_id=self.framework_id,
                call=call,
            )
        ]

    # ── Leaving ────────────────────────────────────────────────────────────────────────────────────

    def on_stop_requested(self, event: StopRequested, now: float) -> list[Effect]:
        if not event.teardown or self.framework_id is None or self.phase is Phase.IDLE:
            return self._stop(None)
        if self._stopping:
            return []
        if self._standby and self.phase is not Phase.SUBSCRIBED:
            return self._stop(None)  # The framework is another scheduler's, or may be.
        self._stopping = True
        self._deadlines.arm("stop", now + TEARDOWN_TIMEOUT_S)
        return self._send_teardown() if self.phase is Phase.SUBSCRIBED else []

    def _send_teardown(self) -> list[Effect]:
        self._teardown_sent = self._teardown_pending = True
        return self._send(TEARDOWN_CALL, Teardown())

    def _stop(self, fault: str | None) -> list[Effect]:
        self.phase = Phase.STOPPED
        for key in ("retry", "silence", "stop"):
            self._deadlines.cancel(key)
        return [CloseStream(attempt=self._attempt), ReportStopped(fault=fault)]


_ATTACHED = (Phase.SUBSCRIBED, Phase.STANDBY)
"""A stream is open, and says something at least with every heartbeat."""

_OF_STREAM = (
    StreamOpened,
    StreamRedirected,
    StreamRefused,
    StreamBroken,
    Subscribed,
    HeartbeatArrived,
    UpdateArrived,
    ErrorArrived,
    EventArrived,
)

HANDLERS: dict[type[Event], Callable[[SchedulerSession, Any, float], list[Effect]]] = {
    Started: SchedulerSession.on_started,
    LeaderDetected: SchedulerSession.on_leader_detected,
    StreamOpened: SchedulerSession.on_stream_opened,
    StreamRedirected: SchedulerSession.on_stream_redirected,
    StreamRefused: SchedulerSession.on_stream_refused,
    StreamBroken: SchedulerSession.on_stream_broken,
    Subscribed: SchedulerSession.on_subscribed,
    HeartbeatArrived: SchedulerSession.on_heartbeat_arrived,
    UpdateArrived: SchedulerSession.on_update_arrived,
    ErrorArrived: SchedulerSession.on_error_arrived,
    EventArrived: SchedulerSession.on_event_arrived,
    UpdateSettled: SchedulerSession.on_update_settled,
    CallRequested: SchedulerSession.on_call_requested,
    CallAnswered: SchedulerSession.on_call_answered,
    CallBroken: SchedulerSession.on_call_broken,
    SuppressRequested: SchedulerSession.on_suppress_requested,
    ReviveRequested: SchedulerSession.on_revive_requested,
    RolesChanged: SchedulerSession.on_roles_changed,
    StopRequested: SchedulerSession.on_stop_requested,
}


class _UpdateBook:
    """Which updates are pending and which acknowledged; both forget their oldest beyond a limit."""

    def __init__(self) -> None:
        self._pending: OrderedDict[bytes, None] = OrderedDict()
        self._acknowledged: OrderedDict[bytes, None] = OrderedDict()

    def is_acknowledged(self, token: Token) -> bool:
        return token.uuid in self._acknowledged

    def add(self, token: Token) -> bool:
        """Note that an update was passed on; say whether it is new."""
        new = token.uuid not in self._pending
        _remember(self._pending, token.uuid)
        return new

    def settle(self, token: Token) -> None:
        self._pending.pop(token.uuid, None)
        _remember(self._acknowledged, token.uuid)


def _remember(book: OrderedDict[bytes, None], uuid: bytes) -> None:
    book[uuid] = None
    if len(book) > UPDATES_REMEMBERED:
        book.popitem(last=False)


def _is_final(status: int) -> bool:
    """Tell whether subscribing again would get the same answer."""
    return 400 <= status < 500 and status not in (408, 429)


def _conclude(number: int, status: int, reason: str, *, sent: bool = True) -> list[Effect]:
    if number <= NO_CALL:
        return []
    fault = "" if 200 <= status < 300 else reason
    return [ConcludeCall(number=number, status=status, reason=fault, sent=sent)]


def _unsent(number: int, reason: str) -> Effect:
    return ConcludeCall(number=number, status=0, reason=reason, sent=False)


def _conclude_after_stop(event: Event) -> list[Effect]:
    """Nothing happens after the end, or for a stream given up, but whoever waits for a call is told."""
    match event:
        case CallRequested() | SuppressRequested() | ReviveRequested():
            return [_unsent(event.number, "the scheduler has stopped")]
        case CallAnswered():
            return _conclude(event.number, event.status, event.reason)
        case CallBroken():
            return _conclude(event.number, 0, event.reason, sent=event.sent)
    return []
