"""`meseta roles`."""

from __future__ import annotations

from typing import Any

import typer

from meseta.cli.amounts import amounts_text
from meseta.cli.endpoint import fetch
from meseta.cli.options import DEFAULT_MASTER, Json, Master
from meseta.cli.show import Column, number, print_json, print_table

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
        amounts_text(role.get("allocated", {})),
        amounts_text(role.get("offered", {})),
        amounts_text(role.get("reserved", {})),
        amounts_text(quota.get("guarantee", {})),
        amounts_text(quota.get("limit", {}), zeros=True),
    ]
