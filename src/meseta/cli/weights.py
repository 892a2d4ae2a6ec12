"""`meseta weights`: a role of weight 2 has its turn as if it had half of what it has."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from meseta.cli.amounts import parse_amounts
from meseta.cli.endpoint import change, fetch
from meseta.cli.options import DEFAULT_MASTER, Json, Master
from meseta.cli.show import Column, number, print_json, print_table

app = typer.Typer(
    add_completion=False, help="The weights of roles; those that have none have 1.", no_args_is_help=True
)

COLUMNS = (Column("ROLE"), Column("WEIGHT", right=True))


@app.command("list")
def list_weights(master: Master = DEFAULT_MASTER, as_json: Json = False) -> None:
    """List the weights that were set."""
    _show(master, as_json=as_json)


@app.command("set")
def set_weights(
    pairs: Annotated[list[str], typer.Argument(metavar="ROLE=WEIGHT...", help="Weights are above 0.")],
    master: Master = DEFAULT_MASTER,
    as_json: Json = False,
) -> None:
    """Set the weights of some roles; offers are rescinded, so that they count at once."""
    wanted = [{"role": role, "weight": weight} for role, weight in _parse(pairs)]
    change(master, {"type": "UPDATE_WEIGHTS", "update_weights": {"weight_infos": wanted}})
    _show(master, as_json=as_json)


def _parse(pairs: list[str]) -> list[tuple[str, float]]:
    return [item for pair in pairs for item in parse_amounts(pair, "ROLE=WEIGHT").items()]


def _show(master: str, *, as_json: bool) -> None:
    found: list[dict[str, Any]] = fetch(master, "/weights")
    if as_json:
        print_json(found)
        return
    rows = [[each["role"], number(each["weight"])] for each in found]
    print_table(COLUMNS, rows, "No weights are set: all roles have 1.")
