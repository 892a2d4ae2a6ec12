"""`meseta agents`."""

from __future__ import annotations

from typing import Any

import typer

from meseta.cli.endpoint import fetch
from meseta.cli.options import DEFAULT_MASTER, Json, Master
from meseta.cli.show import Column, ago, print_json, print_table, share, short_ids

app = typer.Typer(add_completion=False)

COLUMNS = (
    Column("ID"),
    Column("ADDRESS"),
    Column("STATE"),
    Column("CPUS", right=True),
    Column("MEM", right=True),
    Column("DISK", right=True),
    Column("ATTRIBUTES"),
    Column("SINCE", right=True),
)


@app.command()
def agents(master: Master = DEFAULT_MASTER, as_json: Json = False) -> None:
    """List the agents, and how much of what they have is used."""
    found = fetch(master, "/slaves")["slaves"]
    if as_json:
        print_json(found)
        return
    ids = short_ids(agent["id"] for agent in found)
    rows = [_row(agent, ids) for agent in sorted(found, key=lambda agent: agent["registered_time"])]
    print_table(COLUMNS, rows, "No agent is registered; start one with 'meseta agent --master=HOST:PORT'.")


def _row(agent: dict[str, Any], ids: dict[str, str]) -> list[str]:
    used, total = agent["used_resources"], agent["resources"]
    return [
        ids[agent["id"]],
        f"{agent['hostname']}:{agent['port']}",
        state_of(agent),
        share(used, total, "cpus"),
        share(used, total, "mem"),
        share(used, total, "disk"),
        " ".join(f"{name}={value}" for name, value in agent.get("attributes", {}).items()) or "-",
        ago(agent["registered_time"]),
    ]


def state_of(agent: dict[str, Any]) -> str:
    """Return in a word what an agent is doing."""
    if "drain_info" in agent:
        return "draining"
    if agent.get("deactivated"):
        return "deactivated"
    return "active" if agent["active"] else "disconnected"
