"""Standby schedulers on real sockets: the one that has the framework is killed, the next has it at once."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from meseta.errors import ConfigError
from meseta.runtime.loop import run
from meseta.sdk import Scheduler
from tests.integration.bad_input_kit import metrics
from tests.integration.cluster import running_master
from tests.integration.test_examples import real_cluster

LIMIT_S = 120.0
SUBSCRIPTIONS = "master/messages_reregister_framework"
"""Of schedulers with an id, those that are to stand by among them."""
PROMOTED_WITHIN_S = 1.0
"""Promised between the end of one scheduler and the subscription of the next; the time is printed."""


class Process:
    """A scheduler that can be killed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def hear(self, *words: str) -> list[str]:
        """Read its lines until one begins with these words."""
        assert self.process.stdout is not None
        while True:
            line = (await self.process.stdout.readline()).decode().split()
            assert line, "the scheduler ended"
            if line[: len(words)] == list(words):
                return line

    async def kill(self) -> float:
        """End it with SIGKILL; return when."""
        at = time.monotonic()
        self.process.kill()
        await self.process.wait()
        return at


@asynccontextmanager
async def scheduler(master: str, name: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.standby_process", master, name),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


def limited(body: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(body(), LIMIT_S)

    run(main())


def test_a_scheduler_that_is_killed_is_followed_by_the_next_with_its_tasks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def body() -> None:
        async with real_cluster() as master, scheduler(master, "first") as first:
            await first.hear("task", "long", "TASK_RUNNING")
            before = (await metrics(master))[SUBSCRIPTIONS]
            async with scheduler(master, "second") as second:
                while (await metrics(master))[SUBSCRIPTIONS] == before:
                    await asyncio.sleep(0.05)
                killed = await first.kill()
                subscribed = float((await second.hear("subscribed", "second"))[2])
                await second.hear("task", "long", "TASK_RUNNING")
                assert (await metrics(master))["master/standby_promotions"] == 1
        with capsys.disabled():
            print(f" {1000 * (subscribed - killed):.0f} ms to the next scheduler", end="")

    limited(body)


def test_standbys_wait_take_over_in_turn_and_leave_without_harm() -> None:
    async def body() -> None:
        async with running_master() as master:
            state = master.machine.state

            def standby() -> Scheduler:
                return Scheduler(f"127.0.0.1:{master.port}", framework_id="shop", standby=True)

            first, second, third = standby(), standby(), standby()
            await first.start()
            waiting = []
            for number, other in enumerate((second, third), 1):
                waiting.append(asyncio.ensure_future(other.start()))
                await until(lambda: len(state.standbys) == number)  # noqa: B023
            framework = next(iter(state.frameworks.values()))
            assert framework.connected
            before = time.monotonic()
            await first.stop(failover=True)
            await waiting[0]
            took_s = time.monotonic() - before
            assert took_s < PROMOTED_WITHIN_S * 10, "promised is a second; this machine may be busy"
            await third.stop()
            await until(lambda: not state.standbys)
            assert framework.connected
            waiting[1].cancel()
            await second.stop()
            await until(lambda: not state.frameworks)

    limited(body)


def test_a_standby_needs_the_id_of_its_framework() -> None:
    with pytest.raises(ConfigError, match="framework_id"):
        Scheduler("127.0.0.1:5050", standby=True)
