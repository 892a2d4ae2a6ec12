"""`meseta explain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from meseta.cli.endpoint import Cluster
from meseta.cli.faults import NotFoundError
from meseta.cli.options import DEFAULT_MASTER, Json, Master
from meseta.cli.show import Column, print_json, print_table
from meseta.runtime import loop

app = typer.Typer(add_completion=False)

COLUMNS = (
    Column("ROLE"),
    Column("AGENTS", right=True),
    Column("REASON"),
    Column("WHY"),
    Column("ENDS IN", right=True),
    Column("SUCH AS"),
)
PAGE = 1000
HOSTS_MAX = 3
Skip = Mapping[str, Any]


@app.command()
def explain(
    framework: Annotated[
        str, typer.Argument(metavar="FRAMEWORK", help="Its id, the begin or end of it, or its name.")
    ],
    role: Annotated[str, typer.Option("--role", metavar="NAME", help="Only this role.")] = "",
    agent: Annotated[
        str,
        typer.Option("--agent", metavar="ID", help="Only this agent: its id, the end of it, or its host."),
    ] = "",
    master: Master = DEFAULT_MASTER,
    as_json: Json = False,
) -> None:
    """Say why a framework is offered nothing: for each role and agent the first reason."""
    body = loop.run(_ask(master, framework, role, agent))
    if as_json:
        print_json(body)
        return
    print_table(
        COLUMNS, rows(body["skips"]), f"No agent is there that framework {framework} could be offered."
    )


def rows(skips: list[Skip]) -> list[list[str]]:
    """Return what to show: pairs with the same role and reason in one row, the most frequent first."""
    groups: dict[tuple[str, str, str], list[Skip]] = {}
    for skip in skips:
        groups.setdefault((skip["role"], skip["reason"], skip["detail"]), []).append(skip)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [
        [role, str(len(members)), reason, detail, _ends(members), _hosts(members)]
        for (role, reason, detail), members in ordered
    ]


def pick(things: list[dict[str, Any]], wanted: str, name: str, kind: str) -> str:
    """Return the id of what is meant by an id, the begin or end of one, or by `name`; exact matches win.

    Raises NotFoundError if nothing is, or several things are.
    """
    tests: tuple[Callable[[str, str], bool], ...] = (
        lambda known, _: known == wanted,
        lambda known, _: known.endswith(f"-{wanted}"),
        lambda _, called: called == wanted,
        lambda known, _: known.startswith(wanted),
    )
    for test in tests:
        found = [thing["id"] for thing in things if test(thing["id"], thing[name])]
        if len(found) == 1:
            return str(found[0])
        if found:
            raise NotFoundError(f"there are {len(found)} {kind}s '{wanted}': {', '.join(found[:8])}")
    raise NotFoundError(f"there is no {kind} '{wanted}'; see 'meseta {kind}s'")


async def _ask(master: str, framework: str, role: str, agent: str) -> dict[str, Any]:
    async with Cluster(master) as cluster:
        query = {"framework_id": await _framework_id(cluster, framework, role)}
        if role:
            query["role"] = role
        if agent:
            agents = (await cluster.get("/slaves"))["slaves"]
            query["agent_id"] = pick(agents, agent, "hostname", "agent")
        body: dict[str, Any] = await cluster.get("/explain", **query)
        page = body
        while page["skips"] and len(body["skips"]) < page["total"]:
            page = await cluster.get("/explain", **query, offset=str(len(body["skips"])), limit=str(PAGE))
            body["skips"] += page["skips"]
        return body


async def _framework_id(cluster: Cluster, wanted: str, role: str) -> str:
    frameworks = (await cluster.get("/frameworks"))["frameworks"]
    framework_id = pick(frameworks, wanted, "name", "framework")
    (found,) = (each for each in frameworks if each["id"] == framework_id)
    roles = found.get("roles") or [found.get("role", "*")]
    if role and role not in roles:
        raise NotFoundError(f"framework {framework_id} is not in role '{role}' but in {', '.join(roles)}")
    return framework_id


def _ends(skips: list[Skip]) -> str:
    """Return when the first and the last of some skips end, in seconds from now."""
    left = sorted(skip["left_s"] for skip in skips if "left_s" in skip)
    if not left:
        return "-"
    first, last = f"{left[0]:.0f}s", f"{left[-1]:.0f}s"
    return first if first == last else f"{first} to {last}"


def _hosts(skips: list[Skip]) -> str:
    names = list(dict.fromkeys(skip["hostname"] or skip["agent_id"] for skip in skips))
    return ", ".join(names[:HOSTS_MAX]) + (", …" if len(names) > HOSTS_MAX else "")
