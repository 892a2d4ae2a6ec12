"""Running the event loop of a process."""

from __future__ import annotations

import asyncio
import sys

from meseta.runtime import loop


def test_other_threads_wait_for_a_busy_loop_for_a_short_time_only() -> None:
    async def body() -> float:
        return sys.getswitchinterval()

    before = sys.getswitchinterval()
    assert loop.run(body()) < 0.001
    assert sys.getswitchinterval() == before


def test_what_was_left_behind_is_cancelled() -> None:
    left: list[asyncio.Task[None]] = []

    async def body() -> int:
        left.append(asyncio.create_task(asyncio.sleep(1000)))
        return 7

    assert loop.run(body()) == 7
    assert left[0].cancelled()
