"""The registrar: groups, order, and silence once the store is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from typing import Any

import pytest

from meseta.errors import StoreError
from meseta.ids import AgentId
from meseta.master.events import Ticket
from meseta.master.registry import MarkUnreachable, Mutation, Recovered, RemoveAgent
from meseta.runtime.stores import registrar as module
from meseta.runtime.stores.memory import MemoryStore
from meseta.runtime.stores.registrar import Registrar, Timeouts

LONG_S = 30.0


class GatedStore(MemoryStore):
    """A store whose commits wait until the test lets them go, and may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.commits: list[dict[str, bytes | None]] = []
        self.fault: Exception | None = None
        self.broken_records: dict[str, bytes] | None = None
        self.is_closed = False

    def open(self) -> dict[str, bytes]:
        self.gate.wait(LONG_S)
        return super().open() if self.broken_records is None else self.broken_records

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        self.gate.wait(LONG_S)
        if self.fault is not None:
            raise self.fault
        self.commits.append(dict(changes))
        super().commit(changes)

    def close(self) -> None:
        self.is_closed = True


class Desk:
    """A registrar and what it has reported."""

    def __init__(self, timeouts: Timeouts = module.DEFAULT_TIMEOUTS) -> None:
        self.store = GatedStore()
        self.persisted: list[int] = []
        self.lost: list[BaseException] = []
        self.registrar = Registrar(self.store, self.persisted.append, self.lost.append, timeouts)
        self.tickets = 0

    def write(self, mutation: Mutation | None = None) -> None:
        self.tickets += 1
        self.registrar.write(mutation or marked(self.tickets), Ticket(self.tickets))

    async def until_persisted(self, count: int) -> None:
        async with asyncio.timeout(LONG_S):
            while len(self.persisted) < count:
                await asyncio.sleep(0.001)

    async def until_lost(self) -> str:
        async with asyncio.timeout(LONG_S):
            while not self.lost:
                await asyncio.sleep(0.001)
        (fault,) = self.lost
        assert isinstance(fault, StoreError)
        return str(fault)


def marked(number: int) -> MarkUnreachable:
    return MarkUnreachable(AgentId(f"m-S{number}"), float(number))


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(body, LONG_S))


def test_what_one_turn_brings_is_one_commit_and_what_comes_meanwhile_the_next() -> None:
    async def body() -> None:
        desk = Desk()
        assert await desk.registrar.recover() == Recovered()
        desk.store.gate.clear()
        for _ in range(3):
            desk.write()
        await asyncio.sleep(0.01)
        for _ in range(4):
            desk.write()
        await asyncio.sleep(0.01)
        assert desk.persisted == []
        desk.store.gate.set()
        await desk.until_persisted(7)
        assert desk.persisted == [1, 2, 3, 4, 5, 6, 7]
        assert [len(changes) for changes in desk.store.commits] == [3, 4]
        await desk.registrar.close()
        assert desk.store.is_closed

    run(body())


def test_of_changes_of_one_agent_the_last_one_stays() -> None:
    async def body() -> None:
        desk = Desk()
        await desk.registrar.recover()
        desk.write(marked(1))
        desk.write(RemoveAgent(AgentId("m-S1")))
        desk.write(marked(2))
        await desk.until_persisted(3)
        assert (await desk.registrar.recover()).unreachable == ((AgentId("m-S2"), 2.0),)
        await desk.registrar.close()

    run(body())


def test_what_is_reported_is_durable_by_then() -> None:
    async def body() -> None:
        desk = Desk()
        await desk.registrar.recover()
        held: list[int] = []
        desk.registrar._on_persisted = lambda ticket: held.append(len(desk.store.open()))
        desk.write()
        desk.write()
        while len(held) < 2:
            await asyncio.sleep(0.001)
        assert held == [2, 2]
        await desk.registrar.close()

    run(body())


def test_a_store_that_refuses_is_lost_for_good() -> None:
    async def body() -> None:
        desk = Desk()
        await desk.registrar.recover()
        desk.store.fault = StoreError("the disk is full")
        desk.write()
        await asyncio.sleep(0)
        desk.write()
        assert await desk.until_lost() == "the disk is full"
        desk.store.fault = None
        desk.write()
        await asyncio.sleep(0.02)
        assert desk.persisted == []
        assert desk.store.commits == []
        await desk.registrar.close()

    run(body())


def test_a_store_that_hangs_is_lost_even_if_it_wakes_up() -> None:
    async def body() -> None:
        desk = Desk(Timeouts(store_s=0.02))
        await desk.registrar.recover()
        desk.store.gate.clear()
        desk.write()
        assert "took no change within 0.02secs" in await desk.until_lost()
        desk.store.gate.set()
        while not desk.store.commits:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        assert desk.persisted == []
        await desk.registrar.close()

    run(body())


def test_too_many_changes_that_wait_are_a_lost_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_MAX", 3)

    async def body() -> None:
        desk = Desk()
        await desk.registrar.recover()
        desk.store.gate.clear()
        for _ in range(5):
            desk.write()
        assert "too slow: 3 changes wait" in await desk.until_lost()
        desk.store.gate.set()
        await desk.registrar.close()
        assert desk.persisted == []

    run(body())


def test_of_too_many_unreachable_agents_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNREACHABLE_MAX", 2)

    async def body() -> None:
        desk = Desk()
        await desk.registrar.recover()
        for number in (3, 1, 4, 2):
            desk.write(marked(number))
        await desk.until_persisted(4)
        latest = ((AgentId("m-S3"), 3.0), (AgentId("m-S4"), 4.0))
        assert (await desk.registrar.recover()).unreachable == latest
        assert len(desk.store.open()) == 2
        assert (await desk.registrar.recover()).unreachable == latest
        await desk.registrar.close()

    run(body())


def test_a_store_that_is_not_read_in_time_is_refused() -> None:
    async def body() -> None:
        desk = Desk(Timeouts(fetch_s=0.02))
        desk.store.gate.clear()
        with pytest.raises(StoreError, match=r"was not read within 0\.02secs"):
            await desk.registrar.recover()
        desk.store.gate.set()
        await desk.registrar.close()

    run(body())


def test_a_store_with_records_that_cannot_be_read_is_refused() -> None:
    async def body() -> None:
        desk = Desk()
        desk.store.broken_records = {"agents/x": b"?"}
        with pytest.raises(StoreError, match="registry memory cannot be used: the record 'agents/x'"):
            await desk.registrar.recover()
        await desk.registrar.close()

    run(body())


def test_nothing_is_reported_after_closing() -> None:
    async def body() -> None:
        desk = Desk()
        await desk.registrar.recover()
        desk.store.gate.clear()
        desk.write()
        await asyncio.sleep(0.01)
        closing = asyncio.ensure_future(desk.registrar.close())
        await asyncio.sleep(0)
        desk.store.gate.set()
        await closing
        desk.write()
        await asyncio.sleep(0.01)
        assert desk.persisted == []
        assert len(desk.store.commits) == 1

    run(body())
