"""A store in a service that all masters share: what ZooKeeper's and etcd's have in common.

A service keeps *entries*, a name and bytes each, and changes several in one transaction, but not many: so a
commit is one transaction where it fits, and otherwise goes in two steps that are as good as one:

    part/000000, part/000001, …    what is to be written, each with as much as a transaction can take
    ready                          how many they are: written with the last of them, it is the commit
    0/<key>, 1/<key>, …            the record under this key, in pieces if it is long: part after part goes
                                   here, and leaves in the same transaction; the last takes `ready` with it

Who opens the store and finds `ready` goes on with the parts that are left; without it they are dropped. So
a commit is there as a whole or not at all, whenever its master dies. Parts are not needed to change
different records in any order: each mutation of the registry is one record. But a commit holds only the
last of several changes to one record, so half of it could be a state that never was.

Only one owner may write. A `Space` sees to that: to take it is to write a new owner into it, and each
transaction names the owner that it is from, and is refused if there is another, or if the entry in the
election by which that master leads is gone. The new owner reads after it has taken, so it sees whatever an
earlier one was still allowed to write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from meseta.errors import StoreError

PIECE_BYTES = 256 * 1024
"""The longest entry. ZooKeeper takes requests of 1 MiB, etcd of 1.5 MiB."""
PART_BYTES = 640 * 1024
"""Names and bytes of one transaction: as one entry, and with names escaped, it must fit, too."""
NAME_FACTOR = 4
"""A character of a name may take so many bytes."""
READY = "ready"

Writes = Mapping[str, bytes | None]
"""Entries to put; None: delete, whether it is there or not."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, bytes | None]).decode


class Space(Protocol):
    """Entries in a service. Calls block; all raise StoreError."""

    name: str
    """Where it is, for people, without a password."""
    writes_max: int
    """How many entries a transaction may change."""

    def take(self, leading: str | None) -> dict[str, bytes]:
        """Become the owner and return all entries, older ones first.

        `leading` names what there must be in the same service for this master to lead.

        Raises:
            ValueError: what is there has names that are none of ours.
        """
        ...

    def write(self, writes: Writes) -> None:
        """Change entries in one transaction, if we are still the owner. After an error nothing is known."""
        ...

    def close(self) -> None:
        """Break the connection; the next owner need not wait for that."""
        ...


class SharedStore:
    """The store in a space."""

    def __init__(self, space: Space) -> None:
        self.name = space.name
        self.leading: str | None = None
        """Our entry in the election, to be set before `open`."""
        self._space = space
        self._pieces: dict[str, int] = {}
        """How many there are of a record, if it is in more than one."""

    def open(self) -> dict[str, bytes]:
        """Take the store and read it. Raises StoreError, as in `Store`."""
        try:
            entries = self._space.take(self.leading)
            self._finish(entries)
            return self._join(entries)
        except (ValueError, KeyError, msgspec.MsgspecError) as fault:
            raise StoreError(
                f"the registry {self.name} is damaged ({fault!r}): put a backup in its place; without one, "
                "delete it and start with nothing known"
            ) from None

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        """Write all changes or none. Raises StoreError, as in `Store`."""
        parts = list(split(self._entries_of(changes), self._space.writes_max - 2))
        if len(parts) == 1:
            self._space.write(parts[0])
        elif parts:
            self._announce(parts)
            self._perform(dict(enumerate(parts)))

    def close(self) -> None:
        """Let others have the store."""
        self._space.close()

    def _entries_of(self, changes: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
        """Return the entries to change, and remember which records are in pieces."""
        writes: dict[str, bytes | None] = {}
        for key, record in changes.items():
            if (record is None or len(record) <= PIECE_BYTES) and key not in self._pieces:
                writes["0/" + key] = record
            else:
                writes |= self._pieces_of(key, record)
        return writes

    def _pieces_of(self, key: str, record: bytes | None) -> dict[str, bytes | None]:
        """Return the pieces of a long record, or of what comes after one."""
        size = 0 if record is None else len(record)
        pieces: list[bytes | None] = [record and record[:PIECE_BYTES]]
        for start in range(PIECE_BYTES, size, PIECE_BYTES):
            assert record is not None, "it has a size"
            pieces.append(record[start : start + PIECE_BYTES])
        had = self._pieces.pop(key, 1)
        if len(pieces) > 1:
            self._pieces[key] = len(pieces)
        pieces += [None] * (had - len(pieces))
        return {f"{number}/{key}": piece for number, piece in enumerate(pieces)}

    def _announce(self, parts: list[dict[str, bytes | None]]) -> None:
        last = len(parts) - 1
        for number, part in enumerate(parts):
            ready = {READY: str(len(parts)).encode()} if number == last else {}
            self._space.write({_part(number): _encode(part), **ready})

    def _perform(self, parts: dict[int, dict[str, bytes | None]]) -> None:
        last = max(parts)
        for number, part in parts.items():
            done: dict[str, bytes | None] = {_part(number): None}
            if number == last:
                done[READY] = None
            self._space.write({**part, **done})

    def _finish(self, entries: dict[str, bytes]) -> None:
        """Perform a commit that its owner did not finish, or drop it."""
        names = sorted(name for name in entries if name.startswith("part/"))
        left = {int(name.removeprefix("part/")): entries.pop(name) for name in names}
        ready = entries.pop(READY, None)
        if ready is None:
            for name in names:
                self._space.write({name: None})
            return
        if max(left) != int(ready) - 1:
            raise ValueError("a part of a commit is missing")
        parts = {number: _decode(body) for number, body in left.items()}
        self._perform(parts)
        for part in parts.values():
            for name, body in part.items():
                entries.pop(name, None)
                if body is not None:
                    entries[name] = body

    def _join(self, entries: dict[str, bytes]) -> dict[str, bytes]:
        pieces: dict[str, dict[int, bytes]] = {}
        for name, body in entries.items():
            number, _, key = name.partition("/")
            pieces.setdefault(key, {})[int(number)] = body
        self._pieces = {key: len(found) for key, found in pieces.items() if len(found) > 1}
        return {
            key: b"".join(found[number] for number in range(len(found))) if len(found) > 1 else found[0]
            for key, found in pieces.items()
        }


def split(writes: Writes, writes_max: int) -> Iterator[dict[str, bytes | None]]:
    """Return the writes in parts, each of which fits into a transaction."""
    size = NAME_FACTOR * sum(map(len, writes)) + sum(len(body) for body in writes.values() if body)
    if writes and len(writes) <= writes_max and size <= PART_BYTES:
        yield dict(writes)
        return
    part: dict[str, bytes | None] = {}
    size = 0
    for name, body in writes.items():
        cost = NAME_FACTOR * len(name) + len(body or b"")
        if part and (len(part) >= writes_max or size + cost > PART_BYTES):
            yield part
            part, size = {}, 0
        part[name] = body
        size += cost
    if part:
        yield part


def deposed(name: str) -> StoreError:
    """Return what to say when there is another owner."""
    return StoreError(
        f"another master has taken the registry {name}: this one leads no more, and what it wrote was refused"
    )


def out_of_reach(name: str, timeout_s: float, reason: object) -> StoreError:
    """Return what to say when a service does not answer."""
    return StoreError(
        f"the registry {name} could not be reached for {timeout_s:g}secs ({reason}): see to its servers"
    )


def check_schema(name: str, kind: bytes | None) -> None:
    """Check the entry that says what this is: its first word and its version. Raises StoreError."""
    word, _, version = (kind or b"").partition(b" ")
    if word != WORD or not version.isdigit():
        raise StoreError(f"{name} belongs to another program: choose another path in --zk")
    if int(version) != SCHEMA:
        age = "a newer" if int(version) > SCHEMA else "an older"
        raise StoreError(
            f"{age} Meseta has written the registry {name}: it has schema {int(version)}, and this one reads "
            f"schema {SCHEMA} only; start the version that wrote it"
        )


WORD = b"meseta-registry"
SCHEMA = 1
"""The version of the entries above."""
KIND = b"%s %d" % (WORD, SCHEMA)


def _part(number: int) -> str:
    return f"part/{number:06}"
