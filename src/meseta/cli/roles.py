"""`meseta roles`."""

from __future__ import annotations

from typing import Any

import typer

from meseta.cli.endpoint import fetch
from meseta.cli.options import DEFAULT_MASTER, Json, Master
from meseta.cli.show import Column, number, print_json, print_table, quantity

app = typer.Typer(add_completion=False)

COLUMNS = (
    Column("ROLE"),
    Column("WEIGHT", right=True),
    Column("FRAMEWORKS", right=True),
    Column("ALLOCATED"),
    Column("OFFERED"),
    Column("RESERVED"),
    Column("GUARANTEE"),
    Column("LIMIT"),
)


@app.command()
def roles(master: Master = DEFAULT_MASTER, as_json: Json = False) -> None:
    """List the roles: their weights, quotas, and what they have."""
    found = fetch(master, "/roles")["roles"]
    if as_json:
        print_json(found)
        return
    print_table(COLUMNS, [_row(role) for role in found], "No role is in use.")


def _row(role: dict[str, Any]) -> list[str]:
    quota = role.get("quota", {})
    return [
        role["name"],
        number(role["weight"]),
        str(len(role["frameworks"])),
        amounts(role.get("allocated", {})),
        amounts(role.get("offered", {})),
        amounts(role.get("reserved", {})),
        amounts(quota.get("guarantee", {})),
        amounts(quota.get("limit", {})),
    ]


def amounts(quantities: dict[str, float]) -> str:
    """Return what quantities of resources there are: `cpus 2, mem 1 GB`."""
    there = [f"{name} {quantity(name, value)}" for name, value in quantities.items() if value]
    return ", ".join(there) or "-"
