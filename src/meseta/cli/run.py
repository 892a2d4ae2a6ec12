"""`meseta run`: a command on the cluster, as if it ran here: its output, its exit status, Ctrl-C."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Sequence
from typing import Annotated

import typer

from meseta.allocator.offer_filter import compile_filter
from meseta.cli.endpoint import Cluster
from meseta.cli.options import DEFAULT_MASTER, Master
from meseta.cli.run_session import Job, Session
from meseta.errors import ConfigError
from meseta.runtime import loop
from meseta.sdk import Command, Scheduler, Task

app = typer.Typer(add_completion=False)

INSTANCES_MAX = 10_000

Words = Annotated[
    list[str],
    typer.Argument(metavar="COMMAND", help="A program and its arguments; one word alone is a shell line."),
]
Instances = Annotated[int, typer.Option("--instances", "-n", min=1, max=INSTANCES_MAX, help="How many.")]
Cpus = Annotated[float, typer.Option(min=0.001, help="Cores for each.")]
Mem = Annotated[float, typer.Option(min=1, help="MB of memory for each.")]
Disk = Annotated[float, typer.Option(min=0, help="MB of disk for each.")]
Gpus = Annotated[float, typer.Option(min=0, help="Graphics processors for each.")]
Name = Annotated[str, typer.Option(help="Name of the framework and its tasks.")]
Environment = Annotated[
    list[str] | None, typer.Option("--env", "-e", metavar="KEY=VALUE", help="Environment; repeatable.")
]
Uris = Annotated[
    list[str] | None, typer.Option("--uri", metavar="URI", help="File to fetch first; repeatable.")
]
Role = Annotated[str, typer.Option(help="Role to run in.")]
Where = Annotated[
    str | None,
    typer.Option(metavar="EXPR", help='Agents to run on, such as \'cpus >= 4 and rack in ("r1", "r2")\'.'),
]
Request = Annotated[
    bool, typer.Option("--request", help="Tell the master what is needed; guarantees may make it free.")
]
User = Annotated[str, typer.Option(help="User to run as, on the agent; by default the one who asks.")]
Follow = Annotated[bool, typer.Option(help="Show what the tasks write.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing about the tasks themselves.")]
Updates = Annotated[
    bool, typer.Option("--json", help="Print each status update as a line of JSON, and no output of tasks.")
]


@app.command(context_settings={"allow_interspersed_args": False})
def run(
    command: Words,
    master: Master = DEFAULT_MASTER,
    instances: Instances = 1,
    cpus: Cpus = 0.1,
    mem: Mem = 64.0,
    disk: Disk = 0.0,
    gpus: Gpus = 0.0,
    name: Name = "",
    env: Environment = None,
    uri: Uris = None,
    role: Role = "*",
    where: Where = None,
    request: Request = False,
    user: User = "",
    follow: Follow = True,
    quiet: Quiet = False,
    as_json: Updates = False,
) -> int:
    """Run a command on the cluster, and exit with its status."""
    _check_filter(where)
    line = _command(command, env or [], uri or [], user)
    name = name or _name_of(command)
    tasks = [
        Task(id=task_id, name=name, command=line, cpus=cpus, mem=mem, disk=disk, gpus=gpus)
        for task_id in _task_ids(name, instances)
    ]
    job = Job(tasks, name, role, follow and not as_json, quiet, as_json, where, request)
    return loop.run(_run(master, job))


async def _run(master: str, job: Job) -> int:
    logging.getLogger("meseta").setLevel(logging.CRITICAL)  # What a person must know is said in other words.
    async with Cluster(master) as cluster:
        await cluster.get("/version")  # Says at once, and in one sentence, when there is no master.
        async with Scheduler(master, name=job.name, roles=[job.role], offer_filter=job.where) as scheduler:
            session = Session(scheduler, cluster, job)
            return await session.run()


def _check_filter(where: str | None) -> None:
    """Raises ConfigError for an expression that a master would refuse."""
    fault = compile_filter(where) if where is not None else None
    if isinstance(fault, str):
        raise ConfigError(f"--where '{where}' cannot be used: {fault}")


def _command(words: Sequence[str], env: Sequence[str], uris: Sequence[str], user: str) -> Command:
    return Command(
        words[0],
        arguments=None if len(words) == 1 else words,
        environment=_environment(env),
        uris=uris,
        user=user or None,
    )


def _name_of(words: Sequence[str]) -> str:
    """Return the name of the program, without what cannot be in an id."""
    program = (words[0].split() or [""])[0].rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", program) or "run"


def _task_ids(base: str, count: int) -> list[str]:
    """Return ids for the tasks of one run, different from those of others so that each can be asked for."""
    base = f"{base}-{secrets.token_hex(2)}"
    return [base] if count == 1 else [f"{base}-{index}" for index in range(count)]


def _environment(pairs: Sequence[str]) -> dict[str, str]:
    environment = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"--env '{pair}' is not of the form KEY=VALUE")
        environment[key] = value
    return environment
