"""All benchmarks, one after the other, each in a process of its own; then what they say against the goals.

    python -m benchmarks            all
    python -m benchmarks NAME …     some of them, by module name

Each benchmark prints text for people and one line of JSON with a `name`. Figures on shared machines move:
trust ratios and CPU times, not single wall times.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
HELPERS = {"__init__", "__main__", "emulation", "processes"}
TIMEOUT_S = 600

# benchmark, figure, what it is, goal, whether less is better
GOALS: tuple[tuple[str, str, str, float, bool], ...] = (
    ("master.tasks", "tasks_per_cpu_s", "task life cycles per second of master CPU", 5000, False),
    ("http.calls", "ratio", "CPU of a small POST, ours / aiohttp", 0.25, True),
    ("alloc.decline", "cycle_s", "allocation cycle, 10,000 agents x 1,000 frameworks, s", 0.10, True),
    ("alloc.decline", "add_agents_s", "adding those 10,000 agents, s", 0.4, True),
    ("alloc.decline", "large_cycle_s", "allocation cycle, 50,000 agents x 6,000 frameworks, s", 0.6, True),
    ("alloc.decline", "refused_idle_s", "idle cycle when everything is refused, s", 0.001, True),
    ("alloc.decline", "freed_s", "until what a task held is allocated again, 10,000 agents, s", 100e-6, True),
    ("alloc.quota", "first_s", "first cycle with quota, 3,000 agents x 3,000 roles, s", 0.5, True),
    ("alloc.quota", "idle_s", "idle cycle with quota, s", 0.005, True),
    ("alloc.quota", "add_roles_s", "adding 3,000 roles with quota, s", 0.3, True),
    ("alloc.shapes", "sorter_remove_s", "one allocation less, 50,000 agents x 1,000 clients, s", 10e-6, True),
    ("alloc.shapes", "volumes_ratio", "offering a volume / a plain resource", 3, True),
    ("alloc.shapes", "labels_ratio", "offering a labelled reservation / a plain resource", 3, True),
    ("alloc.shapes", "operations_growth", "an operation, 8 x the reservations / 8 x the time", 1.5, True),
    ("alloc.shapes", "bytes_per_pair", "allocator memory per agent x framework, bytes", 1, True),
    ("master.memory", "bytes_per_task", "resident bytes per running task", 1500, True),
    ("master.memory", "bytes_per_agent", "resident bytes per agent with its connections", 20_000, True),
    ("registry.admission", "ratio", "CPU of 10,000 admissions, ours / bare SQLite, same commits", 1.5, True),
    ("registry.admission", "p99_ratio", "one admission / fdatasync, p99", 1.5, True),
    ("registry.zookeeper", "ratio", "CPU of 10,000 admissions, ours / bare kazoo, same commits", 1.5, True),
    ("registry.etcd", "ratio", "CPU of 10,000 admissions, ours / bare http.client, same commits", 1.5, True),
    ("master.failover", "cpu_s", "10,000 agents with 100,000 tasks come back, s of master CPU", 2.0, True),
    ("master.failover", "many_accepted", "share of connections taken when 50,000 agents return", 1.0, False),
    (
        "master.failover",
        "many_bytes_per_agent",
        "resident bytes per agent of 50,000 that return",
        20_000,
        True,
    ),
    ("master.leader", "back_s_4000", "leader killed: 4,000 agents, 200 frameworks are back, s", 8, True),
    ("master.leader", "tasks_kept_4000", "share of their tasks that is kept", 1.0, False),
    ("agent.updates", "updates_per_cpu_s", "updates through checkpoints, per s of agent CPU", 5000, False),
    ("agent.updates", "updates_per_s", "the same, per s", 5000, False),
    ("agent.launch", "ratio_p50", "RunTask to RUNNING / bare posix_spawn, median", 5, True),
)


def main() -> int:
    """Run the benchmarks named, or all; return 1 if one of them broke (never for being slow)."""
    console = Console()
    names = sys.argv[1:] or sorted(path.stem for path in HERE.glob("*.py") if path.stem not in HELPERS)
    console.print(f"[bold]{machine()}[/]")
    results: dict[str, dict[str, Any]] = {}
    broken = []
    for name in names:
        console.rule(name)
        if not run(name, results, console):
            broken.append(name)
    console.rule("against the goals")
    console.print(goals_table(results))
    if broken:
        console.print(f"[red]broken: {', '.join(broken)}[/]")
    return 1 if broken else 0


def run(name: str, results: dict[str, dict[str, Any]], console: Console) -> bool:
    """Run one benchmark, show its text and keep its figures."""
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=HERE.parent, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        console.print(f"[red]{name} took more than {TIMEOUT_S} s[/]")
        return False
    for line in done.stdout.splitlines():
        if line.startswith('{"name"'):
            figures = json.loads(line)
            results.setdefault(figures.pop("name"), {}).update(figures)
        else:
            console.print(line, markup=False, highlight=False)
    if done.returncode:
        console.print(done.stderr, markup=False)
    return done.returncode == 0


def goals_table(results: dict[str, dict[str, Any]]) -> Table:
    """Compare what was measured with what is wanted."""
    table = Table("what", "measured", "goal", "measured / goal", box=None)
    for benchmark, figure, what, goal, less in GOALS:
        value = results.get(benchmark, {}).get(figure)
        if value is None:
            table.add_row(what, "-", f"{goal:g}", "not measured")
            continue
        good = value <= goal if less else value >= goal
        bound = "≤" if less else "≥"
        ratio = f"[{'green' if good else 'red'}]{value / goal:.2f}[/]"
        table.add_row(what, f"{value:,.4g}", f"{bound} {goal:g}", ratio)
    return table


def machine() -> str:
    """Say on what this runs."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("uvloop", "httptools", "protobuf", "msgspec"))
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, Linux {platform.release()}, CPython {platform.python_version()}, "
        f"{packages}, load {load:.1f}"
    )


if __name__ == "__main__":
    sys.exit(main())
