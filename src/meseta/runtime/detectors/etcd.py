"""Masters in etcd: a key for each, which goes with its lease.

    /mesos/masters/<any>    MasterInfo as JSON; the key that was created first is the leader's

A candidate proves that it lives by giving its key a new lease, about once in a tenth of its length, instead
of keeping one alive: etcd's leader answers keep-alives by itself, and may not know yet that another one has
taken its place, but leases and keys are changed by the majority only. A new lease lasts from when it was
asked for, at the earliest, whoever leads etcd then. The old one runs out, with no key that would go with it.

So keys change all the time. Who looks for the leader waits for keys to go, which is when another one leads,
and for one to come only if there is none.
"""

from __future__ import annotations

import asyncio
import math
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress

import structlog

from meseta.election import events as e
from meseta.machine import Entropy
from meseta.runtime.detectors.detector import OnDetected, Warn
from meseta.runtime.detectors.service import ServiceDetector
from meseta.runtime.etcd import (
    Entry,
    Etcd,
    EtcdError,
    EtcdUnreachable,
    after_prefix,
    get,
    if_changed_at,
    if_created,
    key_range,
    put,
)
from meseta.runtime.service_address import Address
from meseta.runtime.worker import Errands, Teller
from meseta.wire.master_info import info_of_json

RETRY_S = 0.5
PAUSE_S = 0.05
"""Between looks at the keys, whatever happens to them."""
CANDIDATES_MAX = 1000
CLOSE_TIMEOUT_S = 5.0
SESSION = 1
"""etcd knows nobody but by leases, so one session is all there is; it is never lost, only an entry is."""

log = structlog.get_logger()


def masters_prefix(address: Address) -> bytes:
    """Return what the keys of masters begin with."""
    return f"{address.path}/masters/".encode()


# ── who leads ─────────────────────────────────────────────────────────────────────────────────────────


class EtcdDetector(ServiceDetector):
    """Tells who leads."""

    def __init__(
        self,
        address: Address,
        session_timeout_s: float,
        entropy: Entropy,
        on_detected: OnDetected,
        warn: Warn,
    ) -> None:
        super().__init__(address, session_timeout_s, entropy, on_detected, warn)
        self._address = address
        self._watcher: Watcher | None = None

    def start(self) -> None:
        """Look for the leading master."""
        self._watcher = Watcher(self._address, self._session_timeout_s, 1, self._on_seen, self._on_failed)
        self._watcher.start()

    def _leave(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None

    def _on_seen(self, entries: tuple[Entry, ...], revision: int) -> None:
        self._trust()
        if not entries:
            self._see_nobody()
            return
        first = entries[0]
        self._see(
            first.create_revision, first.key.decode(errors="replace"), lambda: info_of_json(first.value)
        )

    def _on_failed(self, fault: EtcdError) -> None:
        self._doubt(f"the leading master is not looked for: {fault}")


class Watcher:
    """Looks at the masters' keys, and again when one has gone; in a thread of its own."""

    def __init__(
        self,
        address: Address,
        session_timeout_s: float,
        entries_max: int,
        on_seen: Callable[[tuple[Entry, ...], int], None],
        on_failed: Callable[[EtcdError], None],
    ) -> None:
        """`on_seen` gets the keys, first the leader's, and etcd's revision; both are called on the loop.

        Without a change they are called again after `session_timeout_s`: a server may hang.
        """
        self._etcd = Etcd(address, session_timeout_s / 3)
        self._prefix = masters_prefix(address)
        self._interval_s = session_timeout_s
        self._entries_max = entries_max
        self._on_seen = on_seen
        self._on_failed = on_failed
        self._teller = Teller()
        self._is_stopped = threading.Event()

    def start(self) -> None:
        """Look, until `stop`."""
        threading.Thread(target=self._run, name="etcd watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more; nothing is called after that."""
        self._teller.close()
        self._is_stopped.set()
        self._etcd.interrupt()

    def _run(self) -> None:
        end = after_prefix(self._prefix)
        order = {"sort_target": "CREATE", "sort_order": "ASCEND", "limit": self._entries_max}
        while not self._is_stopped.is_set():
            try:
                entries, revision = self._etcd.read(self._prefix, end, **order)
            except EtcdError as fault:
                self._teller.tell(self._on_failed, fault)
                self._is_stopped.wait(RETRY_S)
                continue
            self._teller.tell(self._on_seen, entries, revision)
            only_deletions = bool(entries)
            self._etcd.watch(self._prefix, end, revision, self._interval_s, only_deletions=only_deletions)
            self._is_stopped.wait(PAUSE_S)
        self._etcd.close()


# ── to be one who may lead ────────────────────────────────────────────────────────────────────────────


class EtcdGroup:
    """The candidates at a path, as a `Group`; `data` is what our entry says."""

    def __init__(self, address: Address, session_timeout_s: float, data: bytes) -> None:
        self._address = address
        self._lease_s = math.ceil(session_timeout_s)
        self._data = data
        self._prefix = masters_prefix(address)
        self._key = self._prefix + uuid.uuid4().hex.encode()
        self._etcd = Etcd(address, session_timeout_s / 5)
        self._number: int | None = None
        """The revision that created our entry, and the one that changed it last."""
        self._changed = 0
        self._revision_seen = 0
        self._is_open = self._is_confirming = False

    def open(self, feed: Callable[[e.Event], None]) -> None:
        """Seek etcd."""
        self._feed = feed
        self._errands = Errands("etcd", EtcdError)
        self._watcher = Watcher(
            self._address, self._lease_s / 3, CANDIDATES_MAX, self._on_seen, self._on_unseen
        )
        self._watcher.start()

    def enrol(self, session: int) -> None:
        """Perform `Enrol`."""

        def fail(fault: EtcdError) -> None:
            if not isinstance(fault, EtcdUnreachable):
                log.warning(f"{self._address} does not let this master contend: {fault}")
            self._feed(e.EnrolmentFailed(session=SESSION, reason=str(fault)))

        self._errands.do(self._make_entry, self._on_enrolled, fail)

    def confirm(self, session: int, asked_at: float) -> None:
        """Perform `ConfirmLease`. One question at a time: a late answer is worth less than the next."""
        number = self._number
        if self._is_confirming or number is None:
            return
        self._is_confirming = True

        def confirmed(lease_s: int) -> None:
            self._is_confirming = False
            if lease_s and number == self._number:
                self._feed(e.LeaseConfirmed(session=SESSION, asked_at=asked_at, lease_s=float(lease_s)))

        def fail(fault: EtcdError) -> None:
            self._is_confirming = False

        self._errands.do(lambda: self._renew(number), confirmed, fail)

    async def close(self) -> None:
        """Remove our entry."""
        self._watcher.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._errands.close(self._leave)

    def _on_enrolled(self, made: tuple[int, tuple[Entry, ...], int]) -> None:
        self._number, entries, revision = made
        entry = self._key.decode()
        self._feed(e.Enrolled(session=SESSION, number=self._number, entry=entry))
        self._on_seen(entries, revision)

    def _on_seen(self, entries: tuple[Entry, ...], revision: int) -> None:
        if not self._is_open:
            self._is_open = True
            self._feed(e.SessionOpened(session=SESSION))
        # Two threads look, and what one has seen before our entry was made is not about us.
        if self._number is not None and revision >= max(self._number, self._revision_seen):
            self._revision_seen = revision
            numbers = frozenset(entry.create_revision for entry in entries)
            if self._number not in numbers:
                self._number = None
            self._feed(e.CandidatesSeen(session=SESSION, numbers=numbers))

    def _on_unseen(self, fault: EtcdError) -> None:
        log.warning(f"the other masters are not seen: {fault}")

    # ── in a thread ────────────────────────────────────────────────────────────────────────

    def _make_entry(self) -> tuple[int, tuple[Entry, ...], int]:
        """Make our entry, or find it; the answer to an earlier attempt may be lost. Then see all."""
        outcome = self._etcd.transact(
            [if_created(self._key, is_there=False)],
            [put(self._key, self._data, self._etcd.grant(self._lease_s).ID)],
            [get(self._key)],
        )
        if outcome.succeeded:
            number = self._changed = outcome.header.revision
        else:
            (held,) = outcome.found
            number, self._changed = held.create_revision, held.mod_revision
        entries, revision = self._etcd.read(self._prefix, after_prefix(self._prefix), limit=CANDIDATES_MAX)
        return number, entries, revision

    def _renew(self, number: int) -> int:
        """Give our entry a new lease; return its length, or 0 if that is not sure.

        The entry must be as it was left: so an attempt that comes late cannot bring an old lease back.
        """
        lease = self._etcd.grant(self._lease_s)
        outcome = self._etcd.transact(
            [if_changed_at(self._key, self._changed)],
            [put(self._key, self._data, lease.ID)],
            [get(self._key)],
        )
        if outcome.succeeded:
            self._changed = outcome.header.revision
            return lease.TTL
        for held in outcome.found:
            if held.create_revision == number:
                self._changed = held.mod_revision
        return 0

    def _leave(self) -> None:
        with suppress(EtcdError):
            self._etcd.call("kv/deleterange", key_range(self._key))
        self._etcd.close()
