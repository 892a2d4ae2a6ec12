"""Async iterators over what arrives: bounded, and gone when nobody holds them any more."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar
from weakref import WeakSet

from meseta.sdk.faults import SdkError

T = TypeVar("T")

FEED_MAX = 65_536
"""Items that wait for one reader; a reader further behind is cut off with an error."""


class Feed(Generic[T]):
    """One reader's view of a stream of items, from when it was made until the stream ends."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._wake = asyncio.Event()
        self._end: Exception | None = None

    def __aiter__(self) -> Feed[T]:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._end is not None:
                raise self._end
            self._wake.clear()
            await self._wake.wait()
        return self._items.popleft()

    def put(self, item: T) -> None:
        """Append an item."""
        if self._end is not None:
            return
        if len(self._items) >= FEED_MAX:
            self.end(SdkError(f"this reader is {FEED_MAX} items behind and was cut off; read faster"))
            return
        self._items.append(item)
        self._wake.set()

    def end(self, error: Exception | None) -> None:
        """Let the reader end after what it has, with an error if there is one."""
        if self._end is None:
            self._end = error or StopAsyncIteration()
        self._wake.set()


class Feeds(Generic[T]):
    """All readers of one stream. A reader that is no longer referenced drops out by itself."""

    def __init__(self) -> None:
        self._feeds: WeakSet[Feed[T]] = WeakSet()

    def open(self) -> Feed[T]:
        feed: Feed[T] = Feed()
        self._feeds.add(feed)
        return feed

    def put(self, item: T) -> None:
        for feed in tuple(self._feeds):
            feed.put(item)

    def end(self, error: Exception | None) -> None:
        for feed in tuple(self._feeds):
            feed.end(error)
