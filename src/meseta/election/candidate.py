"""A master's candidacy: contend, lead, resign.

    IDLE ──ContendRequested──▶ JOINING ──Enrolled──▶ STANDBY ──lowest number, lease confirmed──▶ LEADING
                                  ▲                     │                                          │
                                  └─── session lost ────┘          lease not confirmed in time,    │
                                                                   session or entry gone           ▼
    RESIGNED ◀──ResignRequested── any of them                                                   DEPOSED

The entry with the lowest number leads, as in Mesos. What makes that safe is time. The service gives our
place to another one lease after it last heard of us; nobody tells us so, least of all if we are cut off or
were stopped. Therefore a leader serves only until a moment that lies before any at which the service can
have given its place away, as it can tell from its own clock: `asked_at` of the last confirmation, plus the
lease, minus a margin. Should that moment pass, it is deposed for good, even if it turns out that nobody took
its place: what it has missed cannot be known.

The margin covers two things. Clocks run at different rates. And a service of several servers may count the
lease from the confirmation before: with ZooKeeper a server tells of its clients' signs of life twice a tick,
so the last one may be lost with the server that heard it. Confirmations are asked for, by all who have an
entry, at intervals of half the margin, so that the one before is recent. Where it is not, as after a time
of being cut off, one confirmation says little: it does not count, and another is asked for at once.

`now` must come from a clock that goes on while the process, or its host, is stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from meseta.election.events import (
    CandidatesSeen,
    ConfirmLease,
    ContendRequested,
    Effect,
    Enrol,
    Enrolled,
    EnrolmentFailed,
    Event,
    Lead,
    LeaseConfirmed,
    ResignRequested,
    SessionLost,
    SessionOpened,
    StepDown,
    Withdraw,
)
from meseta.machine import Deadlines

CONFIRMS_PER_LEASE = 10
MARGIN = 2 / CONFIRMS_PER_LEASE
"""The part of a lease that is not used."""
RECENT = 1.75
"""How many intervals may lie between two confirmations, of the two that the margin has room for."""
OVERDUE = "its lease was not confirmed in time: it was cut off, or stopped"
RETRY_S = 1.0
"""How long to wait before an entry that could not be made is tried again."""


class Phase(Enum):
    """Where a candidacy stands."""

    IDLE = "idle"
    JOINING = "joining"
    STANDBY = "standby"
    LEADING = "leading"
    DEPOSED = "deposed"
    RESIGNED = "resigned"


class Candidate:
    """The machine. `lease_s` is the length of the lease that is asked for; the service may give another."""

    def __init__(self, lease_s: float) -> None:
        assert lease_s > 0, "a lease has a length"
        self.phase = Phase.IDLE
        self._confirm_interval_s = lease_s / CONFIRMS_PER_LEASE
        self._session: int | None = None
        self._number: int | None = None
        self._entry = ""
        self._seen: frozenset[int] = frozenset()
        self._until: float | None = None
        self._enrols_since: float | None = None
        """When it asked for the entry first, in this session."""
        self._heard_at: float | None = None
        """When it said what the service has heard last for certain."""
        self._deadlines = Deadlines()

    def leads(self, now: float) -> bool:
        """Tell whether this master may serve at `now`."""
        return self.phase is Phase.LEADING and self._until is not None and now < self._until

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take one event; those of other sessions, or after the end, do not count."""
        if isinstance(event, ResignRequested):
            return self.on_resign_requested(event, now)
        overdue = self._check_lease(now)
        if overdue:
            return overdue
        session = getattr(event, "session", self._session)
        is_stale = session != self._session and not isinstance(event, SessionOpened)
        if is_stale or self.phase in (Phase.DEPOSED, Phase.RESIGNED):
            return []
        return HANDLERS[type(event)](self, event, now)

    def tick(self, now: float) -> list[Effect]:
        """Ask for a confirmation, try an entry again, or step down, whichever is due."""
        overdue = self._check_lease(now)
        if overdue:
            return overdue
        effects: list[Effect] = []
        for key in self._deadlines.due(now):
            if key == "confirm":
                effects += self._confirm(now)
            elif key == "enrol":
                effects += self._enrol(now)
        return effects

    def deadline(self) -> float | None:
        """Return when `tick` wants to be called."""
        return self._deadlines.next()

    # ── Joining ───────────────────────────────────────────────────────────────────────────────────────

    def on_contend_requested(self, event: ContendRequested, now: float) -> list[Effect]:
        if self.phase is not Phase.IDLE:
            return []
        self.phase = Phase.JOINING
        return self._enrol(now)

    def on_session_opened(self, event: SessionOpened, now: float) -> list[Effect]:
        if event.session == self._session:
            return []
        effects = self._leave("its session was replaced by another")
        self._session = event.session
        return effects or self._enrol(now)

    def on_session_lost(self, event: SessionLost, now: float) -> list[Effect]:
        effects = self._leave("its session has expired")
        self._session = None
        return effects

    def on_enrolled(self, event: Enrolled, now: float) -> list[Effect]:
        if self.phase is not Phase.JOINING:
            return []
        self.phase = Phase.STANDBY
        self._number, self._entry = event.number, event.entry
        self._heard_at = self._enrols_since
        return self._confirm(now)

    def on_enrolment_failed(self, event: EnrolmentFailed, now: float) -> list[Effect]:
        if self.phase is Phase.JOINING:
            self._deadlines.arm("enrol", now + RETRY_S)
        return []

    def _enrol(self, now: float) -> list[Effect]:
        if self.phase is not Phase.JOINING or self._session is None:
            return []
        if self._enrols_since is None:
            self._enrols_since = now
        return [Enrol(session=self._session)]

    def _leave(self, reason: str) -> list[Effect]:
        """The entry is gone: a leader has led, anybody else joins again."""
        if self.phase is Phase.LEADING:
            return self._depose(reason)
        if self.phase is Phase.STANDBY:
            self.phase = Phase.JOINING
        self._number, self._until, self._seen = None, None, frozenset()
        self._enrols_since = self._heard_at = None
        self._deadlines.cancel("confirm")
        return []

    # ── Leading ───────────────────────────────────────────────────────────────────────────────────────

    def on_candidates_seen(self, event: CandidatesSeen, now: float) -> list[Effect]:
        self._seen = event.numbers
        if self._number is None:
            return []
        if self._number not in event.numbers:
            return self._leave("its entry was removed") or self._enrol(now)
        if self.phase is Phase.LEADING and not self._is_first():
            return self._depose("another one stands before it")
        return self._lead_if_first(now)

    def on_lease_confirmed(self, event: LeaseConfirmed, now: float) -> list[Effect]:
        if self._number is None:
            return []
        self._confirm_interval_s = event.lease_s / CONFIRMS_PER_LEASE
        before = self._heard_at
        self._heard_at = event.asked_at if before is None else max(before, event.asked_at)
        if before is None or event.asked_at > before + RECENT * self._confirm_interval_s:
            return self._confirm(now)
        until = event.asked_at + event.lease_s * (1 - MARGIN)
        self._until = until if self._until is None else max(until, self._until)
        if self.phase is Phase.LEADING:
            self._deadlines.arm("lease", self._until)
        return self._lead_if_first(now)

    def _is_first(self) -> bool:
        return bool(self._seen) and self._number == min(self._seen)

    def _lead_if_first(self, now: float) -> list[Effect]:
        is_safe = self._until is not None and now < self._until
        if self.phase is not Phase.STANDBY or not is_safe or not self._is_first():
            return []
        self.phase = Phase.LEADING
        assert self._until is not None, "a lease was confirmed"
        self._deadlines.arm("lease", self._until)
        return [Lead(entry=self._entry)]

    def _confirm(self, now: float) -> list[Effect]:
        assert self._session is not None, "an entry has a session"
        self._deadlines.arm("confirm", now + self._confirm_interval_s)
        return [ConfirmLease(session=self._session, asked_at=now)]

    def _check_lease(self, now: float) -> list[Effect]:
        if self.phase is not Phase.LEADING or self.leads(now):
            return []
        return self._depose(OVERDUE)

    def _depose(self, reason: str) -> list[Effect]:
        self._end(Phase.DEPOSED)
        return [StepDown(reason=reason), Withdraw()]

    # ── Leaving ───────────────────────────────────────────────────────────────────────────────────────

    def on_resign_requested(self, event: ResignRequested, now: float) -> list[Effect]:
        if self.phase in (Phase.DEPOSED, Phase.RESIGNED):
            return []
        self._end(Phase.RESIGNED)
        return [Withdraw()]

    def _end(self, phase: Phase) -> None:
        self.phase = phase
        for key in ("confirm", "enrol", "lease"):
            self._deadlines.cancel(key)


HANDLERS: dict[type[Event], Callable[[Candidate, Any, float], list[Effect]]] = {
    ContendRequested: Candidate.on_contend_requested,
    SessionOpened: Candidate.on_session_opened,
    SessionLost: Candidate.on_session_lost,
    Enrolled: Candidate.on_enrolled,
    EnrolmentFailed: Candidate.on_enrolment_failed,
    CandidatesSeen: Candidate.on_candidates_seen,
    LeaseConfirmed: Candidate.on_lease_confirmed,
}
