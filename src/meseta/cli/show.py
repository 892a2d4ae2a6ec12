"""How things look: tables for people, plain columns for pipes, JSON for programs, and amounts in words."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

ID = re.compile(r"(.+)-([SO]?\d+)")
"""The ids that a master gives: its own id, and a number within it."""

STATE_STYLES = {
    "TASK_RUNNING": "green",
    "TASK_FINISHED": "dim",
    "TASK_FAILED": "red",
    "TASK_ERROR": "red",
    "TASK_LOST": "red",
    "TASK_UNREACHABLE": "yellow",
    "TASK_KILLING": "yellow",
    "active": "green",
    "unreachable": "red",
    "disconnected": "yellow",
    "draining": "yellow",
    "drained": "yellow",
    "deactivated": "yellow",
    "inactive": "yellow",
    "ended": "dim",
}


class Column(NamedTuple):
    """A column of a table. Numbers go to the right."""

    title: str
    right: bool = False


def print_json(value: Any) -> None:
    """Print a value as indented JSON, at once: a program may wait for it while the command goes on."""
    print(msgspec.json.format(msgspec.json.encode(value)).decode(), flush=True)


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], nothing: str) -> None:
    """Print rows as a table; when stdout is no terminal, as plain columns that nothing is cut from."""
    cells = [list(row) for row in rows]
    console = Console()
    if not console.is_terminal:
        _print_plain(columns, cells)
    elif not cells:
        console.print(nothing, style="dim")
    else:
        console.print(_table(columns, cells))


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """Return how to show ids: their ends, if all are of one master and a person reads them."""
    unique = list(dict.fromkeys(ids))
    matches = [ID.fullmatch(each) for each in unique]
    prefixes = {match[1] for match in matches if match}
    if len(prefixes) > 1 or not all(matches) or not sys.stdout.isatty():
        return {each: each for each in unique}
    return {each: match[2] for each, match in zip(unique, matches, strict=True) if match}


def number(value: float) -> str:
    """Return an amount of cores and the like: `2`, `0.5`."""
    return f"{value:.3f}".rstrip("0").rstrip(".") or "0"


def megabytes(value: float) -> str:
    """Return an amount that is counted in MiB: `512 MB`, `1.5 GB`."""
    for unit, size in (("TB", 1024 * 1024), ("GB", 1024)):
        if value >= size:
            return f"{number(round(value / size, 1))} {unit}"
    return f"{number(round(value, 1))} MB"


def quantity(name: str, value: float) -> str:
    """Return an amount of a resource."""
    return megabytes(value) if name in ("mem", "disk") else number(value)


def share(used: Mapping[str, Any], total: Mapping[str, Any], name: str) -> str:
    """Return how much of a resource is used: `1 / 3`, `1 GB / 6 GB`."""
    return f"{quantity(name, used.get(name, 0.0))} / {quantity(name, total.get(name, 0.0))}"


def ago(timestamp: float, now: float | None = None) -> str:
    """Return how long ago a time (seconds since 1970) was: `12s`, `3m`, `5h`, `2d`; `-` for none."""
    if not timestamp:
        return "-"
    seconds = max(0.0, (time.time() if now is None else now) - timestamp)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def _table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=STATE_STYLES.get(cell, "")) for cell in row))
    return table


def _print_plain(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    lines = [[column.title for column in columns], *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
