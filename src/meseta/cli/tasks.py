"""`meseta tasks`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from meseta.cli.endpoint import fetch
from meseta.cli.options import DEFAULT_MASTER, All, Json, Master
from meseta.cli.show import Column, ago, megabytes, number, print_json, print_table, short_ids

app = typer.Typer(add_completion=False)

COLUMNS = (
    Column("ID"),
    Column("NAME"),
    Column("FRAMEWORK"),
    Column("AGENT"),
    Column("ROLE"),
    Column("STATE"),
    Column("CPUS", right=True),
    Column("MEM", right=True),
    Column("SINCE", right=True),
)
TASKS_MAX = 100_000
"""How many to ask for: without a number a master gives a hundred, ended ones among them."""
ENDED = frozenset(
    "TASK_FINISHED TASK_FAILED TASK_KILLED TASK_LOST TASK_ERROR TASK_DROPPED TASK_GONE "
    "TASK_GONE_BY_OPERATOR".split()
)


@app.command()
def tasks(
    master: Master = DEFAULT_MASTER,
    framework: Annotated[
        str,
        typer.Option(
            "--framework", "-f", metavar="ID", help="Only those of a framework: its id, or its end."
        ),
    ] = "",
    everything: All = False,
    as_json: Json = False,
) -> None:
    """List the tasks, the newest first."""
    found = fetch(master, "/tasks", limit=str(TASKS_MAX))["tasks"]
    if not everything:
        found = [task for task in found if task["state"] not in ENDED]
    if framework:
        found = [task for task in found if is_of(task, framework)]
    if as_json:
        print_json(found)
        return
    frameworks = short_ids(task["framework_id"] for task in found)
    agents = short_ids(task["slave_id"] for task in found)
    print_table(COLUMNS, [_row(task, frameworks, agents) for task in found], "No task is there.")


def is_of(task: dict[str, Any], framework: str) -> bool:
    """Tell whether a task is of the framework that an id, or the end of one, means."""
    whole: str = task["framework_id"]
    return whole == framework or whole.endswith(f"-{framework}")


def _row(task: dict[str, Any], frameworks: dict[str, str], agents: dict[str, str]) -> list[str]:
    statuses = task.get("statuses", ())
    resources = task["resources"]
    return [
        task["id"],
        task["name"],
        frameworks[task["framework_id"]],
        agents[task["slave_id"]],
        task.get("role", "*"),
        task["state"],
        number(resources.get("cpus", 0.0)),
        megabytes(resources.get("mem", 0.0)),
        ago(statuses[-1].get("timestamp", 0.0)) if statuses else "-",
    ]
