"""A framework that runs a fixed list of tasks, each once, and ends when they have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

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
        self._launches = asyncio.Lock()
        """Held while offers are turned into tasks: who kills must not miss those just being launched."""
        self._launched = asyncio.Event()
        """Nothing waits to be launched any more."""
        self._told = False
        self._was_offered = False
        scheduler.on_update(on_update)

    @property
    def waiting(self) -> Sequence[Task]:
        """Tasks that no offer was found for yet."""
        return tuple(self._waiting)

    @property
    def was_offered(self) -> bool:
        """Some offer came."""
        return self._was_offered

    async def run(self) -> list[TaskUpdate]:
        """Launch all tasks and wait for their ends; return their last updates, in the order of launching.

        Raises an SdkError if the scheduler stops before.
        """
        taking = asyncio.get_running_loop().create_task(self._take_offers())
        taking.add_done_callback(lambda _: self._launched.set())
        try:
            await self._launched.wait()
            if taking.done():
                taking.result()
            return [await handle.wait() for handle in self._handles]
        finally:
            taking.cancel()

    async def kill(self) -> None:
        """Launch no more, and kill what runs; `run` returns when all that was launched has ended."""
        async with self._launches:
            self._waiting.clear()
            self._launched.set()
        await asyncio.gather(*(handle.kill() for handle in self._handles if not handle.is_terminal))

    async def _take_offers(self) -> None:
        """Launch on what is offered. Offers that still come when all is launched are declined."""
        async for offer in self._scheduler.offers():
            self._was_offered = True
            async with self._launches:
                await self._launch(offer)
            if not self._waiting and not self._launched.is_set():
                self._launched.set()
                await self._scheduler.suppress()

    async def _launch(self, offer: Offer) -> None:
        batch: list[Task] = []
        while self._waiting and offer.fits(*batch, self._waiting[0]):
            batch.append(self._waiting.pop(0))
        if batch:
            handles = await offer.launch_all(batch)
            self._handles += handles
            for handle in handles:
                self._on_launched(handle)
        elif self._waiting and not self._handles and not self._told:
            self._told = True
            self._on_waiting(offer, self._waiting[0])
