"""`meseta run`: a command on the cluster, as if it ran here: its output, its exit status, Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import msgspec
import typer

from meseta.cli.endpoint import Cluster
from meseta.cli.faults import EXIT_FAILED
from meseta.cli.follow import Follower
from meseta.cli.options import DEFAULT_MASTER, Master
from meseta.cli.show import megabytes, number
from meseta.frameworks.batch import Batch
from meseta.runtime import loop
from meseta.sdk import Command, Offer, Scheduler, SdkError, Task, TaskHandle, TaskState, TaskUpdate

app = typer.Typer(add_completion=False)

EXITED = re.compile(r"exited with status (\d+)")
TERMINATED = re.compile(r"terminated with signal (.+?)(?: \(core dumped\))?$")
SIGNAL_STATUS = 128
"""What shells add to the number of the signal that ended a command."""
SAID = {
    TaskState.TASK_RUNNING: "is running",
    TaskState.TASK_FINISHED: "has finished",
    TaskState.TASK_FAILED: "has failed",
    TaskState.TASK_KILLED: "was killed",
    TaskState.TASK_ERROR: "was refused",
    TaskState.TASK_LOST: "is lost",
}
INSTANCES_MAX = 10_000
SIGNALS = {signal.strsignal(number): int(number) for number in signal.valid_signals()}


class Job(msgspec.Struct, frozen=True):
    """What is to be run."""

    tasks: list[Task]
    name: str
    role: str
    follows: bool
    is_quiet: bool
    as_json: bool


@app.command(context_settings={"allow_interspersed_args": False})
def run(
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="COMMAND", help="A program and its arguments; one word alone is a shell line."
        ),
    ],
    master: Master = DEFAULT_MASTER,
    instances: Annotated[
        int, typer.Option("--instances", "-n", min=1, max=INSTANCES_MAX, help="How many.")
    ] = 1,
    cpus: Annotated[float, typer.Option(min=0.001, help="Cores for each.")] = 0.1,
    mem: Annotated[float, typer.Option(min=1, help="MB of memory for each.")] = 64.0,
    disk: Annotated[float, typer.Option(min=0, help="MB of disk for each.")] = 0.0,
    gpus: Annotated[float, typer.Option(min=0, help="Graphics processors for each.")] = 0.0,
    name: Annotated[str, typer.Option(help="Name of the framework and its tasks.")] = "",
    env: Annotated[
        list[str] | None, typer.Option("--env", "-e", metavar="KEY=VALUE", help="Environment; repeatable.")
    ] = None,
    uri: Annotated[
        list[str] | None, typer.Option("--uri", metavar="URI", help="File to fetch first; repeatable.")
    ] = None,
    role: Annotated[str, typer.Option(help="Role to run in.")] = "*",
    user: Annotated[
        str, typer.Option(help="User to run as, on the agent; by default the one who asks.")
    ] = "",
    follow: Annotated[bool, typer.Option(help="Show what the tasks write.")] = True,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing about the tasks themselves.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print each status update as a line of JSON, and no output of tasks."),
    ] = False,
) -> int:
    """Run a command on the cluster, and exit with its status."""
    line = Command(
        command[0],
        arguments=None if len(command) == 1 else command,
        environment=_environment(env or []),
        uris=uri or [],
        user=user or None,
    )
    base = (
        name or re.sub(r"[^A-Za-z0-9._-]+", "-", (command[0].split() or [""])[0].rpartition("/")[2]) or "run"
    )
    tasks = [
        Task(id=task_id, name=base, command=line, cpus=cpus, mem=mem, disk=disk, gpus=gpus)
        for task_id in _task_ids(base, instances)
    ]
    job = Job(tasks, base, role, follow and not as_json, quiet, as_json)
    return loop.run(_run(master, job))


async def _run(master: str, job: Job) -> int:
    logging.getLogger("meseta").setLevel(logging.CRITICAL)  # What a person must know is said in other words.
    async with Cluster(master) as cluster:
        await cluster.get("/version")  # Says at once, and in one sentence, when there is no master.
        async with Scheduler(master, name=job.name, roles=[job.role]) as scheduler:
            session = Session(scheduler, cluster, job)
            return await session.run()


class Session:
    """One run: tells what happens, follows the tasks, and passes Ctrl-C on."""

    def __init__(self, scheduler: Scheduler, cluster: Cluster, job: Job) -> None:
        self._job = job
        self._scheduler = scheduler
        self._cluster = cluster
        self._followers: list[asyncio.Task[None]] = []
        self._interrupts: list[int] = []
        self._killing: asyncio.Future[None] | None = None
        self._is_connected = True
        scheduler.on_subscribed(self._on_subscribed)
        scheduler.on_disconnected(self._on_disconnected)
        self._batch = Batch(
            scheduler,
            job.tasks,
            on_launched=self._on_launched,
            on_update=self._on_update,
            on_waiting=self._on_waiting,
        )

    async def run(self) -> int:
        """Return the exit status: that of the first task that failed, or of the interrupt."""
        running = asyncio.ensure_future(self._batch.run())
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, self._on_signal, signum, running)
        updates: Sequence[TaskUpdate] = ()
        with suppress(asyncio.CancelledError):
            updates = await running
        await asyncio.gather(*self._followers, return_exceptions=True)
        if (
            not self._is_connected
        ):  # Nobody to say goodbye to: the master waits a minute, then kills the tasks.
            await self._scheduler.stop(failover=True)
        if self._interrupts:
            return SIGNAL_STATUS + self._interrupts[0]
        failed = sorted((update for update in updates if not update.succeeded), key=_when)
        return exit_status(failed[0]) if failed else 0

    def _on_signal(self, signum: int, running: asyncio.Future[list[TaskUpdate]]) -> None:
        """The first time let the tasks end; the second time leave them to the master, which kills them."""
        self._interrupts.append(signum)
        if len(self._interrupts) > 1:
            running.cancel()
            for follower in self._followers:
                follower.cancel()
            return
        self._say("killing the tasks; once more leaves without waiting for them")
        self._killing = asyncio.ensure_future(self._kill())

    async def _kill(self) -> None:
        try:
            await self._batch.kill()
        except SdkError as error:
            self._warn(f"the tasks cannot be killed now: {error}")

    def _on_launched(self, handle: TaskHandle) -> None:
        if self._job.follows:
            prefix = f"{handle.id} | " if len(self._job.tasks) > 1 else ""
            framework_id = self._scheduler.framework_id or ""
            follower = Follower(self._cluster, handle, framework_id, prefix, self._warn)
            self._followers.append(asyncio.ensure_future(follower.run()))

    def _on_update(self, update: TaskUpdate) -> None:
        if self._job.as_json:
            print(msgspec.json.encode(_as_json(update)).decode(), flush=True)
        elif update.is_terminal or update.state is TaskState.TASK_RUNNING:
            happened = SAID.get(update.state, f"is {update.state.name}")
            self._say(f"{update.task_id} {happened}" + (f": {update.message}" if update.message else ""))

    def _on_waiting(self, offer: Offer, task: Task) -> None:
        self._say(
            f"an agent offers {number(offer.cpus)} CPUs and {megabytes(offer.mem)}, which is too little for "
            f"{number(task.cpus)} CPUs and {megabytes(task.mem)}; waiting for more (Ctrl-C gives up)"
        )

    def _on_subscribed(self, framework_id: str) -> None:
        self._is_connected = True

    def _on_disconnected(self, reason: str) -> None:
        self._is_connected = False
        self._warn(f"the connection to the master is lost ({reason}); trying to get it back")

    def _say(self, text: str) -> None:
        if not self._job.is_quiet:
            self._warn(text)

    def _warn(self, text: str) -> None:
        print(f"meseta: {text}", file=sys.stderr, flush=True)


def exit_status(update: TaskUpdate) -> int:
    """Return a task's exit status as a shell would: from its last message, which is where Mesos puts it."""
    if exited := EXITED.search(update.message):
        return int(exited[1]) or EXIT_FAILED
    if terminated := TERMINATED.search(update.message):
        return SIGNAL_STATUS + SIGNALS.get(terminated[1], 0)
    return EXIT_FAILED


def _task_ids(base: str, count: int) -> list[str]:
    """Return ids for the tasks of one run, different from those of others so that each can be asked for."""
    base = f"{base}-{secrets.token_hex(2)}"
    return [base] if count == 1 else [f"{base}-{index}" for index in range(count)]


def _when(update: TaskUpdate) -> float:
    return update.timestamp or time.time()


def _as_json(update: TaskUpdate) -> dict[str, object]:
    return {
        "task_id": update.task_id,
        "state": update.state.name,
        "message": update.message,
        "reason": update.reason.name if update.reason is not None else None,
        "agent_id": update.agent_id,
        "timestamp": update.timestamp,
    }


def _environment(pairs: Sequence[str]) -> dict[str, str]:
    environment = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"--env '{pair}' is not of the form KEY=VALUE")
        environment[key] = value
    return environment
