"""Posts calls in the order in which they were made, several on their way at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

CallT = TypeVar("CallT")

IN_FLIGHT_MAX = 64
"""Calls whose answers are awaited; the others wait for their turn here, not in the master."""


class Outbound(Generic[CallT]):
    """A queue of calls. `post` makes one; it hands the call to the transport before it first waits."""

    def __init__(self, post: Callable[[CallT], Awaitable[None]]) -> None:
        self._post = post
        self._queue: asyncio.Queue[CallT] = asyncio.Queue()
        self._in_flight = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._posts: set[asyncio.Task[None]] = set()
        self._feeder: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to post."""
        self._feeder = asyncio.get_running_loop().create_task(self._feed())

    def put(self, call: CallT) -> None:
        """Post a call after those before it."""
        self._queue.put_nowait(call)

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = [*self._posts] if self._feeder is None else [self._feeder, *self._posts]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _feed(self) -> None:
        while True:
            call = await self._queue.get()
            await self._in_flight.acquire()
            task = asyncio.ensure_future(self._run(call))
            self._posts.add(task)
            task.add_done_callback(self._posts.discard)

    async def _run(self, call: CallT) -> None:
        try:
            await self._post(call)
        finally:
            self._in_flight.release()
