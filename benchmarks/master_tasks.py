"""Full task life cycles through a real master process: offer, accept, RUNNING, ack, FINISHED, ack, re-offer.

Prints tasks per second of master CPU, µs of master CPU per task, and latencies at half load. Full
validation is on; agents and frameworks are emulated (`benchmarks.emulation`).

    python -m benchmarks.master_tasks [AGENTS] [FRAMEWORKS] [SECONDS]
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from benchmarks.emulation import CPUS_PER_AGENT, Agents, Framework
from benchmarks.processes import cpu_s, start_master
from meseta.runtime import loop


def quantile(values: list[float], q: float) -> float:
    """Return the q-quantile of some values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else float("nan")


async def measure(agents_count: int, frameworks_count: int, seconds: float) -> dict[str, float]:
    """Return the figures at full load, and latencies at about half of it."""
    full = await run_load(agents_count, frameworks_count, seconds, task_s=0.0)
    slots = agents_count * CPUS_PER_AGENT
    half = await run_load(agents_count, frameworks_count, seconds, task_s=2 * slots / full["tasks_per_s"])
    latencies = {name: value for name, value in half.items() if name.endswith("_ms")}
    throughput = {name: value for name, value in full.items() if not name.endswith("_ms")}
    return {**throughput, "half_load_tasks_per_s": half["tasks_per_s"], **latencies}


async def run_load(
    agents_count: int, frameworks_count: int, seconds: float, *, task_s: float
) -> dict[str, float]:
    """Run tasks of `task_s` through a fresh master for `seconds`."""
    process, master = start_master()
    try:
        agents = Agents(agents_count, master, task_s=task_s)
        await agents.start()
        freed_at: dict[bytes, float] = {}
        frameworks = [Framework(master, freed_at=freed_at) for _ in range(frameworks_count)]
        for framework in frameworks:
            await framework.start()
        await asyncio.sleep(1.0 + 4 * task_s)
        for framework in frameworks:
            framework.to_running_s.clear()
            framework.to_offer_s.clear()
        cpu, done, wall = cpu_s(process.pid), sum(f.done for f in frameworks), time.perf_counter()
        await asyncio.sleep(seconds)
        cpu = cpu_s(process.pid) - cpu
        done = sum(f.done for f in frameworks) - done
        wall = time.perf_counter() - wall
        await agents.stop()
        return figures_of(frameworks, done, cpu, wall)
    finally:
        process.kill()
        process.wait()


def figures_of(frameworks: list[Framework], done: int, cpu: float, wall: float) -> dict[str, float]:
    """Return rates and quantiles."""
    running = [latency for f in frameworks for latency in f.to_running_s]
    offered = [latency for f in frameworks for latency in f.to_offer_s]
    return {
        "tasks": done,
        "tasks_per_s": done / wall,
        "tasks_per_cpu_s": done / cpu,
        "cpu_us_per_task": cpu / done * 1e6,
        "accept_to_running_p50_ms": quantile(running, 0.5) * 1e3,
        "accept_to_running_p99_ms": quantile(running, 0.99) * 1e3,
        "finished_to_offer_p50_ms": quantile(offered, 0.5) * 1e3,
        "finished_to_offer_p99_ms": quantile(offered, 0.99) * 1e3,
    }


def main() -> None:
    """Print the figures, and one line of JSON."""
    agents, frameworks, seconds = (int(a) for a in [*sys.argv[1:], *["200", "10", "8"][len(sys.argv) - 1 :]])
    figures = loop.run(measure(agents, frameworks, seconds))
    print(f"task life cycles, {agents} agents, {frameworks} frameworks, {seconds} s")
    for name, value in figures.items():
        print(f"  {name:28} {value:12.2f}")
    print(json.dumps({"name": "master.tasks", "agents": agents, "frameworks": frameworks, **figures}))


if __name__ == "__main__":
    main()
