"""`meseta offers`."""

from __future__ import annotations

from typing import Any

import typer

from meseta.cli.endpoint import fetch
from meseta.cli.options import DEFAULT_MASTER, Json, Master
from meseta.cli.show import Column, megabytes, number, print_json, print_table, short_ids

app = typer.Typer(add_completion=False)

COLUMNS = (
    Column("ID"),
    Column("FRAMEWORK"),
    Column("AGENT"),
    Column("ROLE"),
    Column("CPUS", right=True),
    Column("MEM", right=True),
    Column("DISK", right=True),
    Column("PORTS"),
)


@app.command()
def offers(master: Master = DEFAULT_MASTER, as_json: Json = False) -> None:
    """List the offers that frameworks hold at this moment."""
    frameworks = fetch(master, "/frameworks")["frameworks"]
    found = [offer for framework in frameworks for offer in framework.get("offers", ())]
    if as_json:
        print_json(found)
        return
    # One table has one prefix or none: an offer's id and its agent's are of the same master.
    names = short_ids(
        each for offer in found for each in (offer["id"], offer["framework_id"], offer["slave_id"])
    )
    print_table(COLUMNS, [_row(offer, names) for offer in found], "No framework holds an offer.")


def _row(offer: dict[str, Any], names: dict[str, str]) -> list[str]:
    resources = offer["resources"]
    return [
        names[offer["id"]],
        names[offer["framework_id"]],
        names[offer["slave_id"]],
        offer.get("allocation_info", {}).get("role", "*"),
        number(resources.get("cpus", 0.0)),
        megabytes(resources.get("mem", 0.0)),
        megabytes(resources.get("disk", 0.0)),
        str(resources.get("ports", "-")),
    ]
