"""`meseta frameworks`."""

from __future__ import annotations

from typing import Any

import typer

from meseta.cli.endpoint import fetch
from meseta.cli.options import DEFAULT_MASTER, All, Json, Master
from meseta.cli.show import Column, ago, megabytes, number, print_json, print_table, short_ids

app = typer.Typer(add_completion=False)

COLUMNS = (
    Column("ID"),
    Column("NAME"),
    Column("USER"),
    Column("ROLES"),
    Column("STATE"),
    Column("TASKS", right=True),
    Column("CPUS", right=True),
    Column("MEM", right=True),
    Column("SINCE", right=True),
)


@app.command()
def frameworks(master: Master = DEFAULT_MASTER, everything: All = False, as_json: Json = False) -> None:
    """List the frameworks, and what they use."""
    body = fetch(master, "/frameworks")
    found = [*body["frameworks"], *(body["completed_frameworks"] if everything else ())]
    if as_json:
        print_json(found)
        return
    ids = short_ids(framework["id"] for framework in found)
    print_table(COLUMNS, [_row(framework, ids) for framework in found], "No framework is subscribed.")


def _row(framework: dict[str, Any], ids: dict[str, str]) -> list[str]:
    used = framework["used_resources"]
    return [
        ids[framework["id"]],
        framework["name"],
        framework["user"],
        ",".join(framework.get("roles") or [framework.get("role", "*")]),
        state_of(framework),
        str(len(framework.get("tasks", ()))),
        number(used.get("cpus", 0.0)),
        megabytes(used.get("mem", 0.0)),
        ago(framework["registered_time"]),
    ]


def state_of(framework: dict[str, Any]) -> str:
    """Return in a word what a framework is doing."""
    if framework.get("unregistered_time"):
        return "ended"
    if not framework["connected"]:
        return "disconnected"
    return "active" if framework["active"] else "inactive"
