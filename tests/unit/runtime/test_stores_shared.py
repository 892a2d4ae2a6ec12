"""What the stores in shared services have in common: commits that are larger than a transaction."""

from __future__ import annotations

import random

import pytest

from meseta.errors import StoreError
from meseta.runtime.stores.shared import KIND, SharedStore, Writes, check_schema, split


class Died(Exception):
    """The master died before this transaction."""


class ToySpace:
    """Entries in a dictionary; its user may die after some transactions."""

    name = "toy"
    writes_max = 6

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}
        self.writes_left = 10**9

    def take(self, leading: str | None) -> dict[str, bytes]:
        return dict(self.entries)

    def write(self, writes: Writes) -> None:
        assert len(writes) <= self.writes_max
        if not self.writes_left:
            raise Died
        self.writes_left -= 1
        for name, body in writes.items():
            self.entries.pop(name, None)
            if body is not None:
                self.entries[name] = body

    def close(self) -> None:
        pass


BEFORE = {"a": b"1", "b": b"2", "long": b"x" * 600_000}
CHANGES: dict[str, bytes | None] = {
    **{f"agents/{number}": bytes([number]) for number in range(17)},
    "a": b"3",
    "b": None,
    "long": b"y" * 300_000,
}
AFTER = {key: body for key, body in {**BEFORE, **CHANGES}.items() if body is not None}


def test_a_master_may_die_at_any_transaction_of_a_commit() -> None:
    """And the next one at any transaction of what it finishes."""
    seen = set()
    for first in range(20):
        for second in range(20):
            space = ToySpace()
            store = SharedStore(space)
            store.open()
            store.commit(dict(BEFORE))
            is_committed = is_finished = True
            try:
                space.writes_left = first
                store.commit(CHANGES)
            except Died:
                is_committed = False
            try:
                space.writes_left = second
                SharedStore(space).open()
            except Died:
                is_finished = False
            space.writes_left = 10**9
            held = SharedStore(space).open()
            assert held in (BEFORE, AFTER)
            assert not is_committed or held == AFTER
            assert SharedStore(space).open() == held
            assert all(name[0].isdigit() for name in space.entries)
            seen.add((is_committed, is_finished, held == AFTER))
    assert {(False, True, False), (False, True, True), (False, False, True), (True, True, True)} <= seen


def test_parts_hold_everything_once_and_fit() -> None:
    chance = random.Random(1)
    writes: dict[str, bytes | None] = {
        str(number): bytes(chance.choice((0, 10, 200_000))) if chance.random() < 0.8 else None
        for number in range(200)
    }
    parts = list(split(writes, 20))
    assert {name: body for part in parts for name, body in part.items()} == writes
    assert sum(map(len, parts)) == len(writes)
    assert max(map(len, parts)) <= 20
    assert all(sum(len(body or b"") for body in part.values()) < 2**20 for part in parts)


@pytest.mark.parametrize(
    "entries",
    [
        {"0/a": b"x", "2/a": b"x"},
        {"nonsense": b""},
        {"part/000000": b"\xc1", "ready": b"1"},
        {"part/000000": b"\x80", "ready": b"2"},
        {"ready": b"1"},
    ],
)
def test_damaged_entries_are_refused(entries: dict[str, bytes]) -> None:
    space = ToySpace()
    space.entries = entries
    with pytest.raises(StoreError, match="the registry toy is damaged"):
        SharedStore(space).open()


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (None, "another program"),
        (b"", "another program"),
        (b"meseta-registry x", "another program"),
        (b"meseta-registry 2", "a newer Meseta"),
        (b"meseta-registry 0", "an older Meseta"),
    ],
)
def test_what_is_no_registry_of_this_version_is_refused(kind: bytes | None, sentence: str) -> None:
    check_schema("toy", KIND)
    with pytest.raises(StoreError, match=sentence):
        check_schema("toy", kind)
