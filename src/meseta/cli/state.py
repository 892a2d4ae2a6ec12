"""`meseta state`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer

from meseta.cli.endpoint import Cluster, fetch
from meseta.cli.options import DEFAULT_MASTER, Json, Master
from meseta.cli.show import Column, print_json, print_table, quantity
from meseta.runtime import loop

app = typer.Typer(add_completion=False)

RESOURCES = ("cpus", "gpus", "mem", "disk")
COLUMNS = (
    Column("RESOURCE"),
    Column("TOTAL", right=True),
    Column("USED", right=True),
    Column("OFFERED", right=True),
    Column("FREE", right=True),
)


@app.command()
def state(master: Master = DEFAULT_MASTER, as_json: Json = False) -> None:
    """Sum up the cluster; with --json, everything that the master knows."""
    if as_json:
        print_json(fetch(master, "/state"))
        return
    loop.run(_summarize(master))


async def _summarize(master: str) -> None:
    async with Cluster(master) as cluster:
        summary = await cluster.get("/state-summary")
        version = (await cluster.get("/version"))["version"]
        leader = cluster.master
    agents, frameworks = summary["slaves"], summary["frameworks"]
    name = f" of {summary['cluster']}" if summary.get("cluster") else ""
    print(f"Master{name}: {leader}, version {version}")
    active = sum(agent["active"] for agent in agents)
    print(f"Agents: {active} active" + (f", {len(agents) - active} not" if active < len(agents) else ""))
    print(f"Frameworks: {len(frameworks)}")
    print(f"Tasks: {_task_counts(frameworks) or 'none'}")
    print_table(
        COLUMNS, [row for name in RESOURCES if (row := _row(name, agents))], "No agent is registered."
    )


def _task_counts(frameworks: list[dict[str, Any]]) -> str:
    counts: Counter[str] = Counter()
    for framework in frameworks:
        counts.update({key: value for key, value in framework.items() if key.startswith("TASK_")})
    return ", ".join(
        f"{count} {name.removeprefix('TASK_').lower()}" for name, count in counts.items() if count
    )


def _row(name: str, agents: list[dict[str, Any]]) -> list[str]:
    total = _sum(agents, "resources", name)
    used, offered = _sum(agents, "used_resources", name), _sum(agents, "offered_resources", name)
    if not total:
        return []
    return [name, *(quantity(name, value) for value in (total, used, offered, total - used - offered))]


def _sum(agents: list[dict[str, Any]], key: str, name: str) -> float:
    return float(sum(agent[key].get(name, 0.0) for agent in agents))
