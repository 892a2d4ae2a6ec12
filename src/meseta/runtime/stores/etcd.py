"""The registry in etcd: a key per entry, below the path at which the masters meet.

    /mesos/registry/kind       what this is, and its schema
    /mesos/registry/owner      who may write, and the number of its last transaction
    /mesos/registry/e/0/…      an entry, by its name

A transaction compares `owner` with what it was, and counts it up. When an answer is lost, `owner` tells
whether the transaction was done. etcd's transactions and reads are linearizable: what a new owner reads
after it has taken is all that was ever written.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import TypeVar

from meseta.errors import StoreError
from meseta.runtime.etcd import (
    Entry,
    Etcd,
    EtcdError,
    EtcdUnreachable,
    Json,
    after_prefix,
    delete,
    get,
    if_created,
    if_value,
    put,
)
from meseta.runtime.service_address import Address
from meseta.runtime.stores.shared import KIND, Writes, check_schema, deposed, out_of_reach

PAGE = 500
"""Entries of one read."""
RETRY_S = 0.1
ANSWER_TIMEOUT_S = 5.0
"""How long one server may take, before the next is asked."""

ResultT = TypeVar("ResultT")


class EtcdSpace:
    """Entries below `registry`. Each call may take `timeout_s`."""

    writes_max = 127
    """etcd's default for one transaction is 128 (`--max-txn-ops`), and one of them is `owner`."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self.name = f"{address}/registry"
        prefix = f"{address.path}/registry/".encode()
        self._kind, self._owner, self._entries = prefix + b"kind", prefix + b"owner", prefix + b"e/"
        self._root = prefix
        self._etcd = Etcd(address, min(ANSWER_TIMEOUT_S, timeout_s))
        self._leading: str | None = None
        self._me = uuid.uuid4().hex
        self._number = 0

    def take(self, leading: str | None) -> dict[str, bytes]:
        """Become the owner."""
        self._leading = leading
        self._etcd = Etcd(self._address, min(ANSWER_TIMEOUT_S, self._timeout_s))
        return self._persist(self._take)

    def write(self, writes: Writes) -> None:
        """Change entries."""
        self._persist(lambda: self._write(writes))
        self._number += 1

    def close(self) -> None:
        """Break the connection."""
        self._etcd.close()

    def _persist(self, work: Callable[[], ResultT]) -> ResultT:
        """Do something again until it is answered; it must bear to be repeated."""
        end = time.monotonic() + self._timeout_s
        while True:
            try:
                return work()
            except EtcdUnreachable as fault:
                if time.monotonic() > end:
                    raise out_of_reach(self.name, self._timeout_s, fault) from None
            except EtcdError as fault:
                raise StoreError(f"the registry {self.name} cannot be used: {fault}") from None
            time.sleep(RETRY_S)

    def _take(self) -> dict[str, bytes]:
        self._make()
        self._number = 0
        outcome = self._etcd.transact(self._conditions(), [put(self._owner, self._value(0))], [])
        if not outcome.succeeded:
            raise deposed(self.name)
        found = self._read()
        start = len(self._entries)
        return {entry.key[start:].decode(): entry.value for entry in found}

    def _make(self) -> None:
        kind, _ = self._etcd.read(self._kind)
        if not kind:
            others, _ = self._etcd.read(self._root, after_prefix(self._root), limit=1)
            if not others:
                self._etcd.transact([if_created(self._kind, is_there=False)], [put(self._kind, KIND)], [])
            kind, _ = self._etcd.read(self._kind)
        check_schema(self.name, kind[0].value if kind else None)

    def _read(self) -> list[Entry]:
        """Return all entries, older ones first; page by page, since nobody else may write."""
        found: list[Entry] = []
        start, end = self._entries, after_prefix(self._entries)
        while True:
            page, _ = self._etcd.read(start, end, limit=PAGE)
            found += page
            if len(page) < PAGE:
                return sorted(found, key=lambda entry: (entry.create_revision, entry.key))
            start = page[-1].key + b"\0"

    def _write(self, writes: Writes) -> None:
        now = self._value(self._number + 1)
        changes = [
            delete(self._key(name)) if body is None else put(self._key(name), body)
            for name, body in writes.items()
        ]
        outcome = self._etcd.transact(
            [if_value(self._owner, self._value(self._number)), *self._conditions()],
            [put(self._owner, now), *changes],
            [get(self._owner)],
        )
        # An earlier attempt whose answer was lost was done, or somebody else has written.
        if not outcome.succeeded and [held.value for held in outcome.found] != [now]:
            raise deposed(self.name)

    def _conditions(self) -> list[Json]:
        return [] if self._leading is None else [if_created(self._leading.encode(), is_there=True)]

    def _value(self, number: int) -> bytes:
        return f"{self._me} {number}".encode()

    def _key(self, name: str) -> bytes:
        return self._entries + name.encode()
