"""One `meseta run`: tells what happens, follows the tasks, and passes Ctrl-C on."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from meseta.cli.endpoint import Cluster
from meseta.cli.faults import EXIT_FAILED
from meseta.cli.follow import Follower
from meseta.cli.show import megabytes, number
from meseta.frameworks.batch import Batch
from meseta.sdk import Offer, Scheduler, SdkError, Task, TaskHandle, TaskState, TaskUpdate

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
QUIET_S = 5.0
"""Without any offer, until that is said."""
SIGNALS = {signal.strsignal(number): int(number) for number in signal.valid_signals()}


class Job(msgspec.Struct, frozen=True):
    """What is to be run."""

    tasks: list[Task]
    name: str
    role: str
    follows: bool
    is_quiet: bool
    as_json: bool
    where: str | None
    """An offer filter."""
    requests: bool
    """The master is told what the tasks need that have no resources yet."""


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
        await self._request()
        quiet = asyncio.get_running_loop().call_later(QUIET_S, self._on_quiet)
        running = asyncio.ensure_future(self._batch.run())
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, self._on_signal, signum, running)
        updates: Sequence[TaskUpdate] = ()
        with suppress(asyncio.CancelledError):
            updates = await running
        quiet.cancel()
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

    def _on_quiet(self) -> None:
        if not self._batch.was_offered and not self._interrupts:
            self._say(
                "no agent was offered yet; waiting (Ctrl-C gives up). What keeps each from being offered: "
                f"meseta explain {self._scheduler.framework_id}"
            )

    async def _on_subscribed(self, framework_id: str) -> None:
        self._is_connected = True
        await self._request()

    async def _request(self) -> None:
        """Tell a master what is needed: each launch lessens what it knows, but a new master knows nothing."""
        if not self._job.requests:
            return
        try:
            await self._scheduler.request({self._job.role: needed(self._batch.waiting)})
        except SdkError as error:
            self._warn(f"the master was not told what the tasks need: {error}")

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


def needed(tasks: Sequence[Task]) -> dict[str, float]:
    """Return what tasks need together, by name of resource."""
    sums = {name: sum(getattr(task, name) for task in tasks) for name in ("cpus", "mem", "disk", "gpus")}
    return {name: amount for name, amount in sums.items() if amount}


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
