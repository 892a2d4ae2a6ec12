"""A framework in a process of its own: `python -m tests.integration.framework_process ADDRESS [NAME=VALUE…]`.

It runs one long task, prints its ids, and waits to be killed. The names are fields of FrameworkInfo.
"""

from __future__ import annotations

import asyncio
import json
import sys

from meseta.runtime.loop import run
from meseta.wire.gen import scheduler_pb2 as s
from tests.integration.bad_input_kit import HttpScheduler, task


async def main(address: str, info: dict[str, object]) -> None:
    """Run a task that goes on, and say so."""
    async with HttpScheduler(address, **info) as framework:
        offer = await framework.offer()
        long = task("long", offer.agent_id.value)
        long.command.value = "sleep 100000"
        await framework.post(framework.launch(offer, long, refuse_s=1e6))
        await framework.post(framework.call(s.Call.SUPPRESS))
        while True:
            update = (await framework.event(s.Event.UPDATE)).update.status
            await framework.acknowledge(update)
            print(json.dumps([framework.id, update.agent_id.value, update.state]), flush=True)
            framework.told.clear()
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    run(main(sys.argv[1], json.loads(sys.argv[2])))
