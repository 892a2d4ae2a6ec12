"""What every store of the registry does: a class of tests, for each kind to be run on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import msgspec
import pytest

from meseta.errors import StoreError
from meseta.ids import AgentId
from meseta.master.registry import MarkUnreachable, Recovered
from meseta.runtime.stores.registrar import Registrar
from meseta.runtime.stores.store import Store
from meseta.wire.registry import VERSION, changes_of

Changes = dict[str, bytes | None]


def reopened(store: Store) -> dict[str, bytes]:
    """What the store holds when it is opened again."""
    store.close()
    return store.open()


def recovered(store: Store) -> Recovered:
    """What a master that starts takes from the store."""
    store.close()

    async def recover() -> Recovered:
        registrar = Registrar(store, lambda ticket: None, lambda fault: None)
        try:
            return await registrar.recover()
        finally:
            await registrar.close()

    return asyncio.run(recover())


class StoreSuite:
    """Derive from it, with a fixture `new_store`: a store, empty and not open."""

    @pytest.fixture
    def store(self, new_store: Store) -> Iterator[Store]:
        assert new_store.open() == {}
        yield new_store
        new_store.close()

    def test_what_is_committed_is_there_after_opening_again(self, store: Store) -> None:
        store.commit({"a": b"1", "b": b""})
        assert reopened(store) == {"a": b"1", "b": b""}

    def test_records_are_replaced_and_deleted(self, store: Store) -> None:
        store.commit({"a": b"1", "b": b"2", "c": b"3"})
        store.commit({"a": b"4", "b": None, "d": b"5", "never": None})
        assert reopened(store) == {"a": b"4", "c": b"3", "d": b"5"}

    def test_nothing_may_be_committed(self, store: Store) -> None:
        store.commit({})
        assert reopened(store) == {}

    @pytest.mark.parametrize("key", ["", "ä\u2028", "a\0b", "a/b//", ".", "%2F", "'; --", "k" * 10_000])
    def test_any_text_is_a_key(self, store: Store, key: str) -> None:
        store.commit({key: b"\0\xff"})
        assert reopened(store) == {key: b"\0\xff"}
        store.commit({key: None})
        assert reopened(store) == {}

    def test_records_come_in_the_order_in_which_they_were_first_written(self, store: Store) -> None:
        for key in "cab":
            store.commit({key: b"1"})
        store.commit({"c": b"2"})
        assert list(reopened(store)) == ["c", "a", "b"]

    def test_a_long_history_ends_in_what_a_dictionary_holds(self, store: Store) -> None:
        chance = random.Random(5)
        held: dict[str, bytes] = {}
        for _ in range(50):
            changes: Changes = {
                str(chance.randrange(30)): chance.randbytes(20) if chance.random() < 0.7 else None
                for _ in range(chance.randrange(8))
            }
            store.commit(changes)
            held = {key: record for key, record in {**held, **changes}.items() if record is not None}
        assert reopened(store) == held

    def test_one_commit_may_be_large(self, store: Store) -> None:
        many: Changes = {f"agents/{number}": bytes(600) for number in range(3000)}
        store.commit(many)
        assert reopened(store) == many
        store.commit(dict.fromkeys(many))
        assert reopened(store) == {}

    def test_records_may_be_large(self, store: Store) -> None:
        chance = random.Random(6)
        records = {str(size): chance.randbytes(size) for size in (700_000, 1_500_000, 2_600_000)}
        store.commit(dict(records))
        assert reopened(store) == records
        store.commit({"2600000": b"small", "700000": None, "1500000": records["2600000"]})
        assert reopened(store) == {"2600000": b"small", "1500000": records["2600000"]}

    def test_closing_twice_does_no_harm(self, store: Store) -> None:
        store.close()
        store.close()

    def test_a_master_reads_what_one_of_its_version_or_before_has_written(self, store: Store) -> None:
        id = AgentId("m-S1")
        store.commit(changes_of((MarkUnreachable(id, 5.0),)))
        for version in range(1, VERSION + 1):
            body = {"type": "unreachable", "version": version, "since": 6.0, "a_field_added": True}
            store.commit({f"agents/m-S{version + 1}": msgspec.msgpack.encode(body)})
        assert recovered(store).unreachable[0] == (id, 5.0)
        assert len(recovered(store).unreachable) == 1 + VERSION

    @pytest.mark.parametrize("version", [0, VERSION + 1])
    def test_a_master_refuses_what_a_newer_one_has_written_and_leaves_it(
        self, store: Store, version: int
    ) -> None:
        body = msgspec.msgpack.encode({"type": "unreachable", "version": version, "since": 6.0})
        store.commit({"agents/m-S1": body})
        sentence = "a newer Meseta has written the record" if version else "which never was one"
        with pytest.raises(StoreError, match=sentence):
            recovered(store)
        assert store.open() == {"agents/m-S1": body}
