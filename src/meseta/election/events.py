"""What a candidate hears (events) and does (effects).

A *session* is what the coordination service keeps of a client as long as the client is heard of: with
ZooKeeper its session, with etcd a lease. An *entry* is what a candidate leaves there for the others to see;
the service removes it with the session. Events carry the session they belong to, because those of an
earlier one may still be on their way.
"""

from __future__ import annotations

import msgspec

# ── Events ────────────────────────────────────────────────────────────────────────────────────────────


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events."""


class ContendRequested(Event, frozen=True, kw_only=True):
    """The master wants to lead."""


class SessionOpened(Event, frozen=True, kw_only=True):
    """The service knows us. A connection that comes back with the same session is not told."""

    session: int


class SessionLost(Event, frozen=True, kw_only=True):
    """The service has forgotten us, and has removed our entry."""

    session: int


class Enrolled(Event, frozen=True, kw_only=True):
    """Our entry is there."""

    session: int
    number: int
    """The lower, the earlier."""
    entry: str
    """Its name in the service: what a store there may check to refuse those who lead no more."""


class EnrolmentFailed(Event, frozen=True, kw_only=True):
    """Our entry could not be made."""

    session: int
    reason: str


class CandidatesSeen(Event, frozen=True, kw_only=True):
    """Which entries there are, seen after our own was made."""

    session: int
    numbers: frozenset[int]


class LeaseConfirmed(Event, frozen=True, kw_only=True):
    """The service answered what we asked at `asked_at`: by then the session was alive.

    It does not end before `asked_at + lease_s`, but for the time by which the service may count from an
    earlier sign of life: that of the confirmation before.
    """

    session: int
    asked_at: float
    lease_s: float


class ResignRequested(Event, frozen=True, kw_only=True):
    """The master does not want to lead any more."""


# ── Effects ───────────────────────────────────────────────────────────────────────────────────────────


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all effects."""


class Enrol(Effect, frozen=True, kw_only=True):
    """Make our entry, or find the one that was made when the answer got lost; then look at the others."""

    session: int


class ConfirmLease(Effect, frozen=True, kw_only=True):
    """Ask the service, so that not a minority of it can answer, whether our entry is there."""

    session: int
    asked_at: float


class Lead(Effect, frozen=True, kw_only=True):
    """Begin to serve, as long as `Candidate.leads(now)`."""

    entry: str


class StepDown(Effect, frozen=True, kw_only=True):
    """Serve no more, from this instant. The candidate withdraws, and does nothing after that."""

    reason: str
    """What happened, as the end of a sentence about this master."""


class Withdraw(Effect, frozen=True, kw_only=True):
    """Remove our entry and end the session."""
