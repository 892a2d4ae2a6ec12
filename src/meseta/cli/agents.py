"""`meseta agents`: lists them, and takes them out of use and back."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from meseta.cli.durations import Duration, seconds_of
from meseta.cli.endpoint import change, fetch
from meseta.cli.faults import NotFoundError
from meseta.cli.options import DEFAULT_MASTER, Json, Master
from meseta.cli.show import Column, ago, print_json, print_table, share, short_ids

app = typer.Typer(add_completion=False, invoke_without_command=True)

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
Agent = Annotated[
    str,
    typer.Argument(metavar="AGENT", help="Its id, the end of that, or its host name if that is enough."),
]


@app.callback()
def agents(context: typer.Context, master: Master = DEFAULT_MASTER, as_json: Json = False) -> None:
    """List the agents, and how much of what they have is used; or take one out of use and back."""
    if context.invoked_subcommand is not None:
        return
    found = fetch(master, "/slaves")["slaves"]
    if as_json:
        print_json(found)
        return
    ids = short_ids(agent["id"] for agent in found)
    rows = [_row(agent, ids) for agent in sorted(found, key=lambda agent: agent["registered_time"])]
    print_table(COLUMNS, rows, "No agent is registered; start one with 'meseta agent --master=HOST:PORT'.")


@app.command()
def drain(
    agent: Agent,
    grace: Annotated[
        Duration, typer.Option("--grace", metavar="2mins", help="So long tasks may take to end, at most.")
    ] = None,
    gone: Annotated[
        bool, typer.Option("--gone", help="Mark the agent gone when it is empty: it may not come back.")
    ] = False,
    master: Master = DEFAULT_MASTER,
) -> None:
    """End what an agent runs, and offer nothing of it, until it is reactivated."""
    id = find_agent(master, agent)
    wanted: dict[str, Any] = {"agent_id": {"value": id}, "mark_gone": gone}
    if grace is not None:
        wanted["max_grace_period"] = _duration(seconds_of(grace))
    change(master, {"type": "DRAIN_AGENT", "drain_agent": wanted})
    print(f"Agent {id} is draining; 'meseta agents' shows when it is drained.")


@app.command()
def deactivate(agent: Agent, master: Master = DEFAULT_MASTER) -> None:
    """Offer nothing more of an agent; what it runs goes on."""
    id = find_agent(master, agent)
    change(master, {"type": "DEACTIVATE_AGENT", "deactivate_agent": {"agent_id": {"value": id}}})
    print(f"Agent {id} is deactivated.")


@app.command()
def reactivate(agent: Agent, master: Master = DEFAULT_MASTER) -> None:
    """Offer an agent again that is deactivated or drained."""
    id = find_agent(master, agent)
    change(master, {"type": "REACTIVATE_AGENT", "reactivate_agent": {"agent_id": {"value": id}}})
    print(f"Agent {id} is offered again.")


@app.command()
def gone(
    agent: Agent,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    master: Master = DEFAULT_MASTER,
) -> None:
    """Say that an agent will never be back: its tasks are over, and it is refused for good."""
    id = find_agent(master, agent)
    if not yes:
        typer.confirm(f"Is it certain that nothing of agent {id} runs any more, or ever will?", abort=True)
    change(master, {"type": "MARK_AGENT_GONE", "mark_agent_gone": {"agent_id": {"value": id}}})
    print(f"Agent {id} is gone.")


def find_agent(master: str, text: str) -> str:
    """Return the id of the one agent that is meant.

    An id that no agent shows is passed on: the master also knows agents that are not there.

    Raises NotFoundError if none is meant, or more than one.
    """
    answer = fetch(master, "/slaves")
    known = [*answer["slaves"], *answer.get("recovered_slaves", ())]
    ids = {str(agent["id"]) for agent in known if _is_meant(agent, text)}
    if text in ids or (not ids and "-S" in text):
        return text
    if len(ids) != 1:
        what = f"means {len(ids)} agents: {', '.join(sorted(ids))}" if ids else "is no agent"
        raise NotFoundError(f"'{text}' {what}; see 'meseta agents'")
    return ids.pop()


def _is_meant(agent: dict[str, Any], text: str) -> bool:
    id = agent["id"]
    return bool(id == text or id.endswith(f"-{text}") or agent["hostname"].lower() == text.lower())


def _duration(seconds: float) -> dict[str, int]:
    nanoseconds = round(seconds * 1e9)
    return {"seconds": nanoseconds // 10**9, "nanos": nanoseconds % 10**9}


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
        return str(agent["drain_info"]["state"]).lower()
    if agent.get("deactivated"):
        return "deactivated"
    return "active" if agent["active"] else "disconnected"
