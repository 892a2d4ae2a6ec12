"""The coordination service: sessions that expire, entries that go with them, and clients that watch.

It is one machine, as an ensemble is to those who can reach a majority of it. What a client sends or is sent
is lost in a partition, and otherwise arrives in order. Each answer shows all entries, so whoever missed a
change learns of it with the next one.

A session lives for `session_s` after its client was last heard. As an ensemble whose server has died with
what it had heard last, the service may count from the sign of life before that one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from meseta.election import events as e
from meseta.sim.network import Network, ip_of

ADDRESS = "10.9.0.1:2181"
LOOKS_PER_SESSION = 3
FORGETS = 0.2
"""Likelihood that a session is counted from the sign of life before the last one."""
RECONNECT_S = 0.5

Entries = tuple["Entry", ...]
OnSeen = Callable[[Entries], None]


class Entry(NamedTuple):
    """What a candidate has left, as all see it."""

    number: int
    name: str
    address: str


class _Session:
    __slots__ = ("before", "heard")

    def __init__(self, now: float) -> None:
        self.before = self.heard = now

    def hear(self, now: float) -> None:
        self.before, self.heard = self.heard, now


class Coordination:
    """The service."""

    def __init__(self, network: Network, session_s: float) -> None:
        self.network = network
        self.world = network.world
        self.session_s = session_s
        self._chance: random.Random = self.world.chance("coordination")
        self._sessions: dict[int, _Session] = {}
        self._entries: dict[int, Entry] = {}
        """By session."""
        self._clients: dict[Client, None] = {}
        self._last_session = 0
        self._last_number = 0

    def entries(self) -> Entries:
        """Return all entries, oldest first."""
        return tuple(self._entries.values())

    def open(self) -> int:
        """Begin a session."""
        self._last_session += 1
        self._sessions[self._last_session] = _Session(self.world.now)
        self._watch(self._last_session)
        return self._last_session

    def hear(self, session: int) -> bool:
        """Take a sign of life; False if the session is no more."""
        found = self._sessions.get(session)
        if found is not None:
            found.hear(self.world.now)
        return found is not None

    def enrol(self, session: int, address: str) -> Entry:
        """Make the entry of a session, or find it."""
        if session not in self._entries:
            self._last_number += 1
            name = f"json.info_{self._last_number:010}"
            self._entries[session] = Entry(self._last_number, name, address)
            self._tell()
        return self._entries[session]

    def end(self, session: int) -> None:
        """Forget a session, and remove its entry."""
        self._sessions.pop(session, None)
        if self._entries.pop(session, None) is not None:
            self._tell()

    def expire_one(self, chance: random.Random) -> str | None:
        """End the session of an entry before its time; return whose, if there is one."""
        if not self._entries:
            return None
        session = chance.choice(list(self._entries))
        address = self._entries[session].address
        self.end(session)
        return address

    def join(self, client: Client) -> None:
        """Tell a client of changes from now on."""
        self._clients[client] = None

    def leave(self, client: Client) -> None:
        """Tell a client nothing more; its session lasts until it expires."""
        self._clients.pop(client, None)

    def _tell(self) -> None:
        for client in self._clients:
            client.push()

    def _watch(self, session: int) -> None:
        found = self._sessions.get(session)
        if found is None:
            return
        forgets = self._chance.random() < FORGETS
        until = (found.before if forgets else found.heard) + self.session_s
        if until <= self.world.now:
            self.world.trace.line(self.world.now, "coordination", "proc", "expires", f"session {session}")
            self.end(session)
        else:
            self.world.at(until, partial(self._watch, session))


class Client:
    """The connection of one life of a process. `on_seen` gets the entries whenever they may have changed.

    `is_running` tells whether the process does anything: one that hangs sends no sign of life. With `feed`
    the client has a session, for a candidate, which hears of it.
    """

    def __init__(
        self,
        service: Coordination,
        address: str,
        is_running: Callable[[], bool],
        on_seen: OnSeen,
        feed: Callable[[e.Event], None] | None = None,
    ) -> None:
        self._service = service
        self._address = address
        self._is_running = is_running
        self._on_seen = on_seen
        self._feed = feed
        self._session: int | None = None
        self._asked: int | None = None
        """The session for which an entry is awaited."""
        self._is_open = True
        self._heard = service.world.now
        self._arrives = {True: 0.0, False: 0.0}
        """When the last message arrives, there and back."""
        service.join(self)
        self._look()

    def close(self) -> None:
        """The process has ended; the service is not told."""
        self._is_open = False
        self._service.leave(self)

    def resign(self) -> None:
        """End the session, if word gets through."""
        if self._session is not None:
            self._send(True, partial(self._service.end, self._session))

    def enrol(self, session: int) -> None:
        """Perform `Enrol`; a connection that lets its answer wait for too long is lost."""
        self._asked = session
        self._send(True, partial(self._enrol, session))
        self._service.world.after(self._service.session_s, partial(self._miss, session))

    def confirm(self, session: int, asked_at: float) -> None:
        """Perform `ConfirmLease`."""
        self._send(True, partial(self._confirm, session, asked_at))

    def push(self) -> None:
        """The service shows what there is."""
        self._send(False, partial(self._see, self._service.entries()))

    # ── at the service ────────────────────────────────────────────────────────────────────────────────

    def _answer_look(self, session: int | None) -> None:
        if session is None:
            session = self._service.open() if self._feed is not None and self._is_open else None
        elif not self._service.hear(session):
            self._send(False, partial(self._lose, session))
            return
        self._send(False, partial(self._hear, session, self._service.entries()))

    def _enrol(self, session: int) -> None:
        if self._service.hear(session):
            entry = self._service.enrol(session, self._address)
            self._send(False, partial(self._enrolled, session, entry, self._service.entries()))

    def _confirm(self, session: int, asked_at: float) -> None:
        if self._service.hear(session):
            confirmed = e.LeaseConfirmed(session=session, asked_at=asked_at, lease_s=self._service.session_s)
            self._send(False, partial(self._tell, confirmed))

    # ── at the client ─────────────────────────────────────────────────────────────────────────────────

    def _look(self) -> None:
        if not self._is_open:
            return
        service = self._service
        if self._is_running():
            self._send(True, partial(self._answer_look, self._session))
            if service.world.now > self._heard + service.session_s:
                self._on_seen(())
        service.world.after(service.session_s / LOOKS_PER_SESSION, self._look)

    def _hear(self, session: int | None, entries: Entries) -> None:
        if session is not None and self._session is None:
            self._session = session
            self._tell(e.SessionOpened(session=session))
        self._see(entries)

    def _lose(self, session: int) -> None:
        if session == self._session:
            self._session = None
            self._tell(e.SessionLost(session=session))

    def _miss(self, session: int) -> None:
        if session == self._asked and self._is_open:
            self._asked = None
            self._tell(e.EnrolmentFailed(session=session, reason="the connection was lost"))

    def _enrolled(self, session: int, entry: Entry, entries: Entries) -> None:
        self._asked = None
        self._tell(e.Enrolled(session=session, number=entry.number, entry=entry.name))
        self._see(entries)

    def _see(self, entries: Entries) -> None:
        self._heard = self._service.world.now
        self._on_seen(entries)
        if self._session is not None:
            numbers = frozenset(entry.number for entry in entries)
            self._tell(e.CandidatesSeen(session=self._session, numbers=numbers))

    def _tell(self, event: e.Event) -> None:
        if self._feed is not None:
            self._feed(event)

    def _send(self, there: bool, deliver: Callable[[], None]) -> None:
        """Let something arrive after what was sent before it, unless a partition is in the way."""
        network = self._service.network
        due = max(self._arrives[there], network.world.now + network.delay_s())
        self._arrives[there] = due
        network.world.at(due, partial(self._arrive, there, deliver))

    def _arrive(self, there: bool, deliver: Callable[[], None]) -> None:
        here, service = ip_of(self._address), ip_of(ADDRESS)
        way = (here, service) if there else (service, here)
        if not self._service.network.is_blocked(way) and (there or self._is_open):
            deliver()
