"""Resident memory of a master per agent (with its connections, both ways) and per running task, as slopes.

Each agent listens on a port of its own, so the master holds one link to and one connection from each.
Tasks are small commands with a label; their RUNNING updates are acknowledged.

    python -m benchmarks.master_memory [AGENTS] [TASKS]
"""

from __future__ import annotations

import asyncio
import json
import sys

from benchmarks.emulation import Agents, Framework
from benchmarks.processes import rss_bytes, start_master
from meseta.runtime import loop

BATCH = 100
TASKS_PER_AGENT = 50


async def settle(pid: int) -> int:
    """Return the memory once it has stopped to move."""
    await asyncio.sleep(0.5)
    return rss_bytes(pid)


async def add_agents(master: str, first: int, count: int) -> list[Agents]:
    """Add agents with a port and connections of their own."""
    added = []
    for start in range(first, first + count, BATCH):
        batch = [
            Agents(1, master, hold=True, first=n) for n in range(start, min(start + BATCH, first + count))
        ]
        await asyncio.gather(*(agents.start() for agents in batch))
        added += batch
    return added


async def measure(agents_count: int, tasks: int) -> dict[str, float]:
    """Return bytes per agent and per running task."""
    process, master = start_master()
    try:
        agents = await add_agents(master, 1, agents_count // 5)
        before = await settle(process.pid)
        agents += await add_agents(master, len(agents) + 1, agents_count - len(agents))
        after = await settle(process.pid)
        per_agent = (after - before) / (agents_count - agents_count // 5)
        crowd = Agents(tasks // TASKS_PER_AGENT, master, hold=True, first=100_000, cpus=TASKS_PER_AGENT)
        await crowd.start()
        per_task = await tasks_slope(process.pid, master, tasks)
        return {
            "agents": agents_count,
            "bytes_per_agent": per_agent,
            "tasks": tasks,
            "bytes_per_task": per_task,
        }
    finally:
        process.kill()
        process.wait()


async def tasks_slope(pid: int, master: str, tasks: int) -> float:
    """Launch the tasks in two halves; the slope is that of the second."""
    framework = Framework(master, tasks_per_offer=TASKS_PER_AGENT)
    framework.limit = tasks // 2
    await framework.start()
    while len(framework.to_running_s) < tasks // 2:
        await asyncio.sleep(0.1)
    before = await settle(pid)
    second = Framework(master, tasks_per_offer=TASKS_PER_AGENT)
    second.limit = tasks // 2
    await second.start()
    while len(second.to_running_s) < tasks // 2:
        await asyncio.sleep(0.1)
    return (await settle(pid) - before) / (tasks // 2)


def main() -> None:
    """Print the figures, and one line of JSON."""
    agents, tasks = (int(a) for a in [*sys.argv[1:], *["1000", "20000"][len(sys.argv) - 1 :]])
    figures = loop.run(measure(agents, tasks))
    print(
        f"master memory: {figures['bytes_per_agent'] / 1000:.1f} kB per agent, "
        f"{figures['bytes_per_task'] / 1000:.2f} kB per running task"
    )
    print(json.dumps({"name": "master.memory", **figures}))


if __name__ == "__main__":
    main()
