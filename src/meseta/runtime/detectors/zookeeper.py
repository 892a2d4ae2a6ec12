"""Masters in ZooKeeper, in the nodes of Mesos, so that its agents, frameworks and tools find ours.

    /mesos/json.info_0000000003    ephemeral, numbered by ZooKeeper; MasterInfo as JSON; the lowest leads
    /mesos/info_0000000003         the same of old masters, as protobuf
    /mesos/0000000003              the same of still older ones: only the pid
    /mesos/log_replicas            and whatever else does not end in a number: not ours

Some clients take the name that sorts first for the leader's (pymesos: but for log_replicas): other nodes in
this folder must have names that come after `json.info`.

A candidate writes its node again and again: only a change is answered by the majority of the servers, so only
that proves that the session lives. Clients watch the names, not the contents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

import structlog
from kazoo.exceptions import (
    ConnectionLoss,
    KazooException,
    NodeExistsError,
    NoNodeError,
    SessionExpiredError,
)

from meseta.election import events as e
from meseta.errors import WireError
from meseta.machine import Entropy
from meseta.runtime.detectors.detector import OnDetected, Warn
from meseta.runtime.detectors.service import ServiceDetector
from meseta.runtime.service_address import Address
from meseta.runtime.zookeeper import ZooKeeper, acl_of
from meseta.wire.master_info import MasterInfo, info_of_json, info_of_pid, info_of_protobuf

LABEL = "json.info"
READERS = {LABEL: info_of_json, "info": info_of_protobuf, "": info_of_pid}
RETRY_S = 1.0
CANDIDATES_MAX = 1000
"""Entries of a folder that are looked at; with more it is not one of masters."""

log = structlog.get_logger()


class Entry(NamedTuple):
    """A candidate's node."""

    number: int
    name: str

    @property
    def label(self) -> str:
        return self.name.rpartition("_")[0]


def candidates(names: Iterable[str]) -> list[Entry]:
    """Return the entries among the nodes of a folder, the leader's first, whatever their labels."""
    entries = []
    for name in names:
        number = name.rpartition("_")[2]
        if number.isascii() and number.isdecimal():
            entries.append(Entry(int(number), name))
    return sorted(entries)[:CANDIDATES_MAX]


def read_entry(entry: Entry, data: bytes) -> MasterInfo:
    """Return what a node says of its master. Raises WireError."""
    if entry.label not in READERS:
        raise WireError(f"'{entry.label}' is no kind of entry of a master")
    return READERS[entry.label](data)


# ── who leads ─────────────────────────────────────────────────────────────────────────────────────────


class ZooKeeperDetector(ServiceDetector):
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
        self._zookeeper: ZooKeeper | None = None

    def start(self) -> None:
        """Look for the leading master."""
        self._zookeeper = ZooKeeper(
            self._address, self._session_timeout_s, self._on_connected, self._on_disconnected
        )
        self._folder = Folder(self._zookeeper, self._find_leader, self._on_found, self._warn)
        self._doubt()
        self._zookeeper.start()

    def _leave(self) -> None:
        if self._zookeeper is not None:
            self._zookeeper.close_soon()
            self._zookeeper = None

    def _on_connected(self, session: int) -> None:
        self._trust()
        self._folder.look()

    def _on_disconnected(self) -> None:
        self._doubt(f"the connection to {self._address} is lost")

    def _find_leader(self, client: Any, entries: list[Entry]) -> tuple[Entry, bytes] | None:
        """Called in the worker. The first may go while we look; those who watch look again then."""
        for entry in entries:
            try:
                return entry, client.get(f"{self._address.path}/{entry.name}")[0]
            except NoNodeError:
                continue
        return None

    def _on_found(self, found: tuple[Entry, bytes] | None) -> None:
        if found is None:
            self._see_nobody()
        else:
            self._see(found[0], found[0].name, lambda: read_entry(*found))


# ── to be one who may lead ────────────────────────────────────────────────────────────────────────────


class ZooKeeperGroup:
    """The candidates of a folder, as a `Group`; `data` is what our entry says."""

    def __init__(self, address: Address, session_timeout_s: float, data: bytes) -> None:
        self._address = address
        self._session_timeout_s = session_timeout_s
        self._data = data
        self._session: int | None = None
        self._entry: Entry | None = None
        self._is_confirming = False

    def open(self, feed: Callable[[e.Event], None]) -> None:
        """Seek ZooKeeper."""
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._zookeeper = ZooKeeper(
            self._address, self._session_timeout_s, self._on_connected, self._on_disconnected
        )
        self._folder = Folder(self._zookeeper, lambda client, entries: entries, self._on_seen, log.warning)
        self._zookeeper.start()

    def enrol(self, session: int) -> None:
        """Perform `Enrol`."""

        def fail(fault: KazooException) -> None:
            if not isinstance(fault, ConnectionLoss | SessionExpiredError):
                log.warning(f"{self._address} does not let this master contend: {explain(fault)}")
            self._feed(e.EnrolmentFailed(session=session, reason=explain(fault)))

        def made(entry: Entry) -> None:
            if session == self._session:
                self._entry = entry
            path = f"{self._address.path}/{entry.name}"
            self._feed(e.Enrolled(session=session, number=entry.number, entry=path))
            self._folder.look()

        self._zookeeper.do(lambda client: self._make_entry(client, session), made, fail)

    def confirm(self, session: int, asked_at: float) -> None:
        """Perform `ConfirmLease`. One question at a time: a late answer is worth less than the next."""
        if self._is_confirming or self._entry is None:
            return
        self._is_confirming = True
        path = f"{self._address.path}/{self._entry.name}"

        def confirmed(stat: Any) -> None:
            self._is_confirming = False
            if stat.ephemeralOwner == session:
                lease_s = self._zookeeper.lease_s
                self._feed(e.LeaseConfirmed(session=session, asked_at=asked_at, lease_s=lease_s))

        self._zookeeper.do(lambda client: client.set(path, self._data), confirmed, self._on_unconfirmed)

    async def close(self) -> None:
        """End the session."""
        await self._zookeeper.close()

    def _on_connected(self, session: int) -> None:
        if session != self._session:
            if self._session is not None:
                self._entry = None
                self._feed(e.SessionLost(session=self._session))
            self._session = session
            self._feed(e.SessionOpened(session=session))
        elif self._entry is not None:
            self._folder.look()

    def _on_disconnected(self) -> None:
        log.warning(f"the connection to {self._address} is lost")

    def _make_entry(self, client: Any, session: int) -> Entry:
        """Called in the worker. The answer to an earlier attempt may be lost: then the node is there.

        What is made after the session was replaced by another is found when that one enrols.
        """
        path, acl = self._address.path, acl_of(self._address)
        with suppress(NodeExistsError):
            client.ensure_path(path, acl=acl)
        for entry in candidates(client.get_children(path)):
            if entry.label == LABEL and _is_of(client, f"{path}/{entry.name}", session):
                return entry
        made = client.create(f"{path}/{LABEL}_", self._data, acl=acl, ephemeral=True, sequence=True)
        if not _is_of(client, made, session):
            raise SessionExpiredError
        return candidates([made.rpartition("/")[2]])[0]

    def _on_seen(self, entries: list[Entry]) -> None:
        if self._session is not None and self._entry is not None:
            numbers = frozenset(entry.number for entry in entries)
            self._feed(e.CandidatesSeen(session=self._session, numbers=numbers))

    def _on_unconfirmed(self, fault: KazooException) -> None:
        self._is_confirming = False
        if isinstance(fault, NoNodeError):
            self._folder.look()


def _is_of(client: Any, path: str, session: int) -> bool:
    stat = client.exists(path)
    return stat is not None and stat.ephemeralOwner == session


# ── the folder ────────────────────────────────────────────────────────────────────────────────────────


class Folder:
    """Looks at the entries of the masters' folder, and again whenever they change."""

    def __init__(
        self,
        zookeeper: ZooKeeper,
        look: Callable[[Any, list[Entry]], Any],
        on_seen: Callable[[Any], None],
        warn: Warn,
    ) -> None:
        """`look` is called in a thread, with kazoo's client and the entries; `on_seen` with its result."""
        self._zookeeper = zookeeper
        self._path = zookeeper.address.path
        self._read = look
        self._on_seen = on_seen
        self._warn = warn
        self._loop = asyncio.get_running_loop()

    def look(self) -> None:
        """Look now."""
        self._zookeeper.do(self._look, self._on_seen, self._on_failed)

    def _look(self, client: Any) -> Any:
        try:
            names = client.get_children(self._path, watch=self._on_changed)
        except NoNodeError:
            names = []
            if client.exists(self._path, watch=self._on_changed) is not None:
                return self._look(client)
        return self._read(client, candidates(names))

    def _on_changed(self, event: Any) -> None:
        """Called in a thread of kazoo, also when a connection is lost; then there will be another."""
        if event.type != "NONE":
            self._zookeeper.tell(self.look)

    def _on_failed(self, fault: KazooException) -> None:
        if not isinstance(fault, ConnectionLoss | SessionExpiredError):
            self._warn(f"{self._zookeeper.address} cannot be read: {explain(fault)}")
            self._loop.call_later(RETRY_S, self.look)


def explain(fault: KazooException) -> str:
    """Return a few words on a failure; kazoo's exceptions often have only a name."""
    return str(fault) or type(fault).__name__.removesuffix("Error")
