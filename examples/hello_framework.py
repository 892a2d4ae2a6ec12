"""Runs a command a number of times on a cluster and tells what became of it: a whole framework.

python examples/hello_framework.py --master 127.0.0.1:5050 --tasks 5
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from meseta.sdk import Scheduler, Task, TaskHandle


async def run(master: str, tasks: list[Task]) -> int:
    """Run all tasks; return how many did not finish well."""
    waiting, launched, failed = tasks, list[TaskHandle](), 0
    async with Scheduler(master, name="hello") as scheduler:
        async for offer in scheduler.offers():
            batch: list[Task] = []
            while waiting and offer.fits(*batch, waiting[-1]):
                batch.append(waiting.pop())
            if batch:
                launched += await offer.launch_all(batch)
            if not waiting:
                break
        await scheduler.suppress()  # No more offers, please: others may need them.
        for ended in asyncio.as_completed([handle.wait() for handle in launched]):
            update = await ended
            print(update, flush=True)
            failed += not update.succeeded
    return failed


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--master", default="127.0.0.1:5050")
    parser.add_argument("--tasks", type=int, default=3)
    parser.add_argument("--command", default="echo hello && sleep 1")
    parser.add_argument("--cpus", type=float, default=0.1)
    parser.add_argument("--mem", type=float, default=32.0)
    args = parser.parse_args()
    tasks = [
        Task(id=f"hello-{n}", command=args.command, cpus=args.cpus, mem=args.mem) for n in range(args.tasks)
    ]
    sys.exit(1 if asyncio.run(run(args.master, tasks)) else 0)


if __name__ == "__main__":
    main()
