"""`meseta quota`: what roles are guaranteed, and what they may have at most."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from meseta.cli.amounts import amounts_text, parse_amounts
from meseta.cli.endpoint import change, fetch
from meseta.cli.faults import NotFoundError
from meseta.cli.options import DEFAULT_MASTER, Json, Master
from meseta.cli.show import Column, print_json, print_table
from meseta.errors import ConfigError

app = typer.Typer(
    add_completion=False,
    help="What roles are guaranteed, and what they may have at most.",
    no_args_is_help=True,
)

COLUMNS = (Column("ROLE"), Column("GUARANTEE"), Column("CONSUMED"), Column("LIMIT"))
Role = Annotated[str, typer.Argument(metavar="ROLE", help="A role at the top: those below share its quota.")]


@app.command("list")
def list_quotas(master: Master = DEFAULT_MASTER, as_json: Json = False) -> None:
    """List the roles that have quota."""
    found = quotas(master)
    if as_json:
        print_json(found)
        return
    print_table(COLUMNS, [_row(each) for each in found], "No role has quota.")


@app.command("set")
def set_quota(
    role: Role,
    guarantee: Annotated[
        str,
        typer.Option("--guarantee", metavar="cpus=2,mem=1024", help="Kept free for the role; MB for mem."),
    ] = "",
    limit: Annotated[
        str, typer.Option("--limit", metavar="cpus=4,mem=2048", help="What the role may have at most.")
    ] = "",
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Even if the role has more than the limit, or the cluster less than is guaranteed.",
        ),
    ] = False,
    master: Master = DEFAULT_MASTER,
    as_json: Json = False,
) -> None:
    """Replace the quota of a role: what is not named is neither guaranteed nor limited any more."""
    bounds = {
        "guarantees": parse_amounts(guarantee, "--guarantee"),
        "limits": parse_amounts(limit, "--limit"),
    }
    if not any(bounds.values()):
        raise ConfigError(f"name a --guarantee or a --limit; 'meseta quota remove {role}' takes both away")
    _update(master, role, bounds, force=force)
    _say(master, role, as_json=as_json)


@app.command()
def remove(role: Role, master: Master = DEFAULT_MASTER, as_json: Json = False) -> None:
    """Take the quota of a role away."""
    if not any(each["role"] == role for each in quotas(master)):
        raise NotFoundError(f"role '{role}' has no quota; see 'meseta quota list'")
    _update(master, role, {}, force=False)
    _say(master, role, as_json=as_json)


def quotas(master: str) -> list[dict[str, Any]]:
    """Return the quotas as /roles shows them, of the roles that have any."""
    found = [role.get("quota", {}) for role in fetch(master, "/roles")["roles"]]
    return [quota for quota in found if quota.get("guarantee") or quota.get("limit")]


def _update(master: str, role: str, bounds: dict[str, dict[str, float]], *, force: bool) -> None:
    config = {"role": role} | {
        field: {name: {"value": value} for name, value in amounts.items()}
        for field, amounts in bounds.items()
    }
    change(master, {"type": "UPDATE_QUOTA", "update_quota": {"force": force, "quota_configs": [config]}})


def _say(master: str, role: str, *, as_json: bool) -> None:
    """Show what a role has now."""
    found = [each for each in quotas(master) if each["role"] == role]
    if as_json:
        print_json(found)
        return
    print_table(COLUMNS, [_row(each) for each in found], f"Role '{role}' has no quota now.")


def _row(quota: dict[str, Any]) -> list[str]:
    consumed = quota.get("consumed", {})
    bounded = quota.get("guarantee", {}) | quota.get("limit", {})
    return [
        quota["role"],
        amounts_text(quota.get("guarantee", {})),
        amounts_text({name: consumed.get(name, 0.0) for name in bounded}, zeros=True),
        amounts_text(quota.get("limit", {}), zeros=True),
    ]
