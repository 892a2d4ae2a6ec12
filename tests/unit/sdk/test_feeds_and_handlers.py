from __future__ import annotations

import asyncio

import pytest

from meseta.sdk import Scheduler, SdkError
from meseta.sdk import feeds as feeds_module
from meseta.sdk import handlers as handlers_module
from meseta.sdk.feeds import Feeds
from meseta.sdk.handlers import Handlers


async def _feeds() -> None:
    feeds: Feeds[int] = Feeds()
    feeds.put(0)
    first, second = feeds.open(), feeds.open()
    feeds.put(1)
    feeds.put(2)
    assert [await anext(first), await anext(first), await anext(second)] == [1, 2, 1]
    waiting = asyncio.ensure_future(anext(first))
    await asyncio.sleep(0)
    feeds.put(3)
    assert await waiting == 3
    feeds.end(None)
    assert [item async for item in second] == [2, 3]
    assert [item async for item in first] == []


def test_each_reader_gets_every_item_from_its_start_to_the_end() -> None:
    asyncio.run(_feeds())


async def _slow_reader() -> None:
    feeds: Feeds[int] = Feeds()
    feed = feeds.open()
    for number in range(4):
        feeds.put(number)
    assert [await anext(feed), await anext(feed), await anext(feed)] == [0, 1, 2]
    with pytest.raises(SdkError, match="3 items behind"):
        await anext(feed)


def test_a_reader_that_stays_behind_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds_module, "FEED_MAX", 3)
    asyncio.run(_slow_reader())


async def _room() -> None:
    seen: list[object] = []
    gate = asyncio.Event()
    handlers = Handlers(lambda error: seen.append(error))

    async def wait(value: int) -> None:
        await gate.wait()
        seen.append(value)

    handlers.add("number", wait)
    handlers.start()
    for number in range(4):
        handlers.tell("number", number, then=lambda: seen.append("then"))
    handlers.tell("nobody", 0, then=lambda: seen.append("at once"))
    waiting = asyncio.ensure_future(handlers.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.set()
    await waiting
    assert seen == ["at once", 0, "then", 1, "then", 2, "then", 3, "then"]
    await handlers.stop()


def test_handlers_are_called_in_order_and_hold_up_the_stream_when_they_are_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handlers_module, "INBOX_MAX", 2)
    asyncio.run(_room())


def test_a_scheduler_can_be_made_anywhere_and_refuses_calls_before_its_start() -> None:
    scheduler = Scheduler("127.0.0.1:1", name="early")
    with pytest.raises(SdkError, match="was not started"):
        asyncio.run(scheduler.kill("t"))
