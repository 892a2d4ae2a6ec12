"""`meseta maintenance`: when machines are to be down, and which are."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from meseta.cli.durations import Duration, seconds_of
from meseta.cli.endpoint import change, fetch
from meseta.cli.faults import NotFoundError
from meseta.cli.options import DEFAULT_MASTER, Json, Master
from meseta.cli.show import Column, print_json, print_table
from meseta.errors import ConfigError

app = typer.Typer(
    add_completion=False, help="When machines are to be down, and which are.", no_args_is_help=True
)

COLUMNS = (
    Column("MACHINE"),
    Column("STATE"),
    Column("FROM"),
    Column("FOR"),
    Column("WILLING", right=True),
    Column("UNWILLING", right=True),
)
Machine = dict[str, str]
Machines = Annotated[
    list[str],
    typer.Argument(metavar="MACHINE…", help="Host name of an agent, or HOST=IP for a machine without one."),
]


@app.command("list")
def list_machines(master: Master = DEFAULT_MASTER, as_json: Json = False) -> None:
    """List the machines in the schedule, and how many of those who use them are willing to leave."""
    schedule, status = fetch(master, "/maintenance/schedule"), fetch(master, "/maintenance/status")
    if as_json:
        print_json({"schedule": schedule, "status": status})
        return
    draining = {_key(each["id"]): each for each in status.get("draining_machines", ())}
    rows = [
        _row(machine, window["unavailability"], draining.get(_key(machine)))
        for window in schedule.get("windows", ())
        for machine in window["machine_ids"]
    ]
    print_table(COLUMNS, rows, "No maintenance is planned.")


@app.command()
def plan(
    machines: Machines,
    start: Annotated[
        str, typer.Option("--start", metavar="TIME", help="Such as 2030-01-31T22:00 (UTC), or in 2hrs.")
    ] = "0secs",
    duration: Annotated[
        Duration, typer.Option("--for", metavar="4hrs", help="How long; not given: nobody knows.")
    ] = None,
    master: Master = DEFAULT_MASTER,
) -> None:
    """Add machines to the schedule, or move them: those who use them are asked to leave in time."""
    unavailability: dict[str, Any] = {"start": {"nanoseconds": round(start_of(start, time.time()) * 1e9)}}
    if duration is not None:
        unavailability["duration"] = {"nanoseconds": round(seconds_of(duration) * 1e9)}
    wanted = _find(master, machines)
    windows = _without(master, wanted)
    windows.append({"machine_ids": wanted, "unavailability": unavailability})
    _replace(master, windows)
    print(f"Maintenance of {_named(wanted)} is planned.")


@app.command()
def cancel(machines: Machines, master: Master = DEFAULT_MASTER) -> None:
    """Take machines out of the schedule."""
    wanted = _find(master, machines)
    _replace(master, _without(master, wanted))
    print(f"No maintenance of {_named(wanted)} is planned any more.")


@app.command()
def down(machines: Machines, master: Master = DEFAULT_MASTER) -> None:
    """Begin the maintenance of machines that are in the schedule: their agents are shut down."""
    wanted = _find(master, machines)
    change(master, {"type": "START_MAINTENANCE", "start_maintenance": {"machines": wanted}})
    print(f"Down: {_named(wanted)}.")


@app.command()
def up(machines: Machines, master: Master = DEFAULT_MASTER) -> None:
    """End the maintenance of machines: their agents are let in again."""
    wanted = _find(master, machines)
    change(master, {"type": "STOP_MAINTENANCE", "stop_maintenance": {"machines": wanted}})
    print(f"Up: {_named(wanted)}.")


def start_of(text: str, now: float) -> float:
    """Return seconds since the epoch of a time of day, or of a duration from now.

    Raises ConfigError if the text is neither.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            return now + seconds_of(text)
        except ConfigError:
            raise ConfigError(f"'{text}' is no time: expected 2030-01-31T22:00, or 2hrs from now") from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


def _find(master: str, texts: list[str]) -> list[Machine]:
    """Return the machines that are meant: those that are planned, those of agents, and HOST=IP.

    Raises NotFoundError for a name that is none of these, or more than one.
    """
    known = {_key(machine): machine for window in _windows(master) for machine in window["machine_ids"]}
    for agent in fetch(master, "/slaves")["slaves"]:
        ip = agent["pid"].rpartition("@")[2].rpartition(":")[0]
        machine = {"hostname": agent["hostname"], "ip": ip}
        known.setdefault(_key(machine), machine)
    return [_one(known, text) for text in texts]


def _one(known: dict[tuple[str, str], Machine], text: str) -> Machine:
    hostname, equals, ip = text.partition("=")
    if equals:
        return {"hostname": hostname, "ip": ip}
    found = [machine for (name, _), machine in known.items() if name == text.lower()]
    if len(found) != 1:
        what = "is more than one machine: name its address, too" if found else "is no machine that is known"
        raise NotFoundError(f"'{text}' {what}, as HOST=IP; see 'meseta agents'")
    return found[0]


def _key(machine: Machine) -> tuple[str, str]:
    return machine.get("hostname", "").lower(), machine.get("ip", "")


def _windows(master: str) -> list[dict[str, Any]]:
    return list(fetch(master, "/maintenance/schedule").get("windows", ()))


def _without(master: str, machines: list[Machine]) -> list[dict[str, Any]]:
    """Return the windows of the schedule without these machines."""
    gone = {_key(machine) for machine in machines}
    windows = [
        window | {"machine_ids": [each for each in window["machine_ids"] if _key(each) not in gone]}
        for window in _windows(master)
    ]
    return [window for window in windows if window["machine_ids"]]


def _replace(master: str, windows: list[dict[str, Any]]) -> None:
    schedule = {"schedule": {"windows": windows}}
    change(master, {"type": "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule": schedule})


def _named(machines: list[Machine]) -> str:
    return ", ".join(machine.get("hostname") or machine["ip"] for machine in machines)


def _row(machine: Machine, when: dict[str, Any], draining: dict[str, Any] | None) -> list[str]:
    said = [each["status"] for each in (draining or {}).get("statuses", ())]
    duration = when.get("duration", {}).get("nanoseconds")
    return [
        "=".join(filter(None, (machine.get("hostname"), machine.get("ip")))),
        "down" if draining is None else "draining",
        datetime.fromtimestamp(when["start"]["nanoseconds"] / 1e9, UTC).strftime("%Y-%m-%d %H:%M"),
        "-" if duration is None else f"{duration / 3600e9:g}h",
        str(said.count("ACCEPT")),
        str(said.count("DECLINE")),
    ]
