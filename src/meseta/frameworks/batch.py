"""A framework that runs a fixed list of tasks, each once, and ends when they have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from meseta.sdk import Offer, Scheduler, Task, TaskHandle, TaskUpdate


class Batch:
    """Tasks to run. `on_launched` hears of each task when it is launched, `on_update` of each change.

    `on_waiting` hears of the first offer that is too small for the next task: perhaps none will ever do.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        tasks: Sequence[Task],
        *,
        on_launched: Callable[[TaskHandle], None],
        on_update: Callable[[TaskUpdate], None],
        on_waiting: Callable[[Offer, Task], None],
    ) -> None:
        self._scheduler = scheduler
        self._waiting = list(tasks)
        self._handles: list[TaskHandle] = []
        self._on_launched = on_launched
        self._on_waiting = on_waiting
        self._launching: asyncio.Task[None] | None = None
        self._told = False
        scheduler.on_update(on_update)

    async def run(self) -> list[TaskUpdate]:
        """Launch all tasks and wait for their ends; return their last updates, in the order of launching."""
        self._launching = asyncio.get_running_loop().create_task(self._launch_all())
        with suppress(asyncio.CancelledError):
            await self._launching
        return [await handle.wait() for handle in self._handles]

    async def kill(self) -> None:
        """Launch no more, and kill what runs; `run` returns when all that was launched has ended."""
        self._waiting.clear()
        if self._launching is not None:
            self._launching.cancel()
        await asyncio.gather(*(handle.kill() for handle in self._handles if not handle.is_terminal))

    async def _launch_all(self) -> None:
        async for offer in self._scheduler.offers():
            batch: list[Task] = []
            while self._waiting and offer.fits(*batch, self._waiting[0]):
                batch.append(self._waiting.pop(0))
            if batch:
                await self._launch(offer, batch)
            elif not self._told and not self._handles:
                self._told = True
                self._on_waiting(offer, self._waiting[0])
            if not self._waiting:
                break
        await self._scheduler.suppress()

    async def _launch(self, offer: Offer, batch: list[Task]) -> None:
        handles = await offer.launch_all(batch)
        self._handles += handles
        for handle in handles:
            self._on_launched(handle)
