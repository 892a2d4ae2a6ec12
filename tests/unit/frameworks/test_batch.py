"""The framework of `meseta run`, against a scripted master."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from meseta.frameworks.batch import Batch
from meseta.sdk import EndedError, Offer, Scheduler, Task, TaskHandle, TaskState, TaskUpdate
from meseta.testing import FakeMaster
from meseta.wire.gen import mesos_pb2, scheduler_pb2

Call = scheduler_pb2.Call
LIMIT_S = 30.0


class Heard:
    """What a batch tells."""

    def __init__(self) -> None:
        self.launched: list[TaskHandle] = []
        self.updates: list[TaskUpdate] = []
        self.waiting: list[tuple[Offer, Task]] = []

    def batch(self, scheduler: Scheduler, count: int, cpus: float = 1.0) -> Batch:
        """A batch that tells this."""
        return Batch(
            scheduler,
            [Task(id=f"t-{index}", command="true", cpus=cpus, mem=32) for index in range(count)],
            on_launched=self.launched.append,
            on_update=self.updates.append,
            on_waiting=lambda offer, task: self.waiting.append((offer, task)),
        )


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await body()

    asyncio.run(limited())


def test_all_tasks_run_on_as_many_offers_as_it_takes() -> None:
    async def body() -> None:
        heard = Heard()
        async with (
            FakeMaster(runs_tasks=True, offers_always=True, cpus=2.0) as master,
            Scheduler(master.address) as scheduler,
        ):
            updates = await heard.batch(scheduler, 5).run()
            await master.next_call(Call.SUPPRESS)
        assert [update.task_id for update in updates] == [f"t-{index}" for index in range(5)]
        assert all(update.succeeded for update in updates)
        assert len(heard.launched) == 5
        assert {update.state for update in heard.updates} == {TaskState.TASK_RUNNING, TaskState.TASK_FINISHED}
        assert not heard.waiting

    run(body)


def test_offers_beyond_need_are_declined() -> None:
    async def body() -> None:
        async with FakeMaster() as master, Scheduler(master.address) as scheduler:
            running = asyncio.ensure_future(Heard().batch(scheduler, 1).run())
            first, second = master.offer(), master.offer()
            accept = await master.next_call(Call.ACCEPT)
            decline = await master.next_call(Call.DECLINE)
            assert accept.accept.offer_ids[0].value == first
            assert decline.decline.offer_ids[0].value == second
            running.cancel()

    run(body)


def test_an_offer_that_is_too_small_is_told_once() -> None:
    async def body() -> None:
        heard = Heard()
        async with FakeMaster() as master, Scheduler(master.address) as scheduler:
            running = asyncio.ensure_future(heard.batch(scheduler, 1, cpus=64.0).run())
            for _ in range(2):
                master.offer()
                await master.next_call(Call.DECLINE)
            assert len(heard.waiting) == 1
            running.cancel()

    run(body)


def test_kill_ends_what_runs_and_launches_no_more() -> None:
    async def body() -> None:
        heard = Heard()
        async with FakeMaster() as master, Scheduler(master.address) as scheduler:
            batch = heard.batch(scheduler, 3)
            running = asyncio.ensure_future(batch.run())
            master.offer(cpus=2.0)
            await master.next_call(Call.ACCEPT)
            await batch.kill()
            killed = [(await master.next_call(Call.KILL)).kill.task_id.value for _ in range(2)]
            for task_id in killed:
                master.update(task_id, mesos_pb2.TASK_KILLED)
            updates = await running
            assert sorted(update.task_id for update in updates) == ["t-0", "t-1"]
            assert {update.state for update in updates} == {TaskState.TASK_KILLED}

    run(body)


def test_kill_before_any_offer_ends_the_batch() -> None:
    async def body() -> None:
        async with FakeMaster() as master, Scheduler(master.address) as scheduler:
            batch = Heard().batch(scheduler, 3)
            running = asyncio.ensure_future(batch.run())
            await asyncio.sleep(0)
            await batch.kill()
            assert await running == []

    run(body)


def test_a_scheduler_that_is_ended_ends_the_batch() -> None:
    async def body() -> None:
        async with FakeMaster() as master:
            scheduler = Scheduler(master.address)
            await scheduler.start()
            running = asyncio.ensure_future(Heard().batch(scheduler, 3).run())
            await asyncio.sleep(0)
            master.error("gone")
            with pytest.raises(EndedError, match="gone"):
                await running
            await scheduler.stop()

    run(body)
