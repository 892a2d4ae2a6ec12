"""A standby scheduler in a process of its own: `python -m tests.integration.standby_process MASTER NAME`.

It prints its name and the monotonic time when it is subscribed, runs one long task unless another scheduler
has, and waits to be killed.
"""

from __future__ import annotations

import asyncio
import sys
import time

from meseta.runtime.loop import run
from meseta.sdk import Scheduler, Task, TaskState


async def main(master: str, name: str) -> None:
    """Have the framework when its turn comes."""
    async with Scheduler(master, framework_id="shop", standby=True, failover_timeout_s=60) as scheduler:
        print("subscribed", name, time.monotonic(), flush=True)
        updates = scheduler.updates()
        await scheduler.reconcile()
        if name == "first":
            offer = await anext(scheduler.offers())
            task = await offer.launch(Task(id="long", command="sleep 1000", cpus=0.1, mem=32))
            await task.wait_for(TaskState.TASK_RUNNING)
        async for update in updates:
            print("task", update.task_id, update.state.name, flush=True)
            await asyncio.sleep(0)


if __name__ == "__main__":
    run(main(*sys.argv[1:]))
