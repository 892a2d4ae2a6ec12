"""A scheduler with an executor of its own, in one file: agents run this same file as the executor.

python examples/echo_executor.py --master 127.0.0.1:5050 some words to echo
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import sys
from pathlib import Path

from meseta.sdk import ExecutorSpec, ExecutorTask, Scheduler, Task, serve


async def work(task: ExecutorTask) -> bytes:
    """What the executor does with one task; the scheduler gets what this returns."""
    return task.data.upper()


async def schedule(master: str, words: list[str]) -> None:
    """Let one executor process per agent echo all words, one word per task."""
    command = shlex.join([sys.executable, str(Path(__file__).resolve())])
    executor = ExecutorSpec(id="echo", command=f"exec {command}", cpus=0.1, mem=64)
    tasks = [
        Task(name=f"echo-{word}", executor=executor, cpus=0.1, mem=16, data=word.encode()) for word in words
    ]
    async with Scheduler(master, name="echo") as scheduler:
        async for offer in scheduler.offers():
            if offer.fits(*tasks):
                break
        for task in await offer.launch_all(tasks):
            update = await task.wait()
            print(update.data.decode() if update.succeeded else update, flush=True)


def main() -> None:
    """Be the executor if an agent started this process, else the scheduler."""
    if "MESOS_EXECUTOR_ID" in os.environ:
        asyncio.run(serve(work))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--master", default="127.0.0.1:5050")
    parser.add_argument("words", nargs="*", default=["hello", "executor"])
    args = parser.parse_args()
    asyncio.run(schedule(args.master, args.words))


if __name__ == "__main__":
    main()
