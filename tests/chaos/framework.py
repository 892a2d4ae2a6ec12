"""A framework that may be killed at any moment: `python -m tests.chaos.framework NAME DIRECTORY MASTERS`.

It keeps a journal: what it is about to launch, before it does, and what it was told, before it acknowledges.
That is all that it knows when it is started again. It runs job after job as short tasks; a job whose task
ended otherwise than well is run again. Tasks write down that they start and that they end.

When there is a file `quiet` in the directory it launches nothing more, waits for what runs, and ends.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from contextlib import suppress
from pathlib import Path

from meseta.records import TaskState
from meseta.runtime.loop import run
from meseta.sdk import (
    CallRefusedError,
    NotSubscribedError,
    Offer,
    OfferError,
    Scheduler,
    SdkError,
    Task,
    TaskUpdate,
)
from meseta.wire.gen.scheduler_pb2 import Call
from tests.chaos.journal import Journal, Memory

ALIVE_MAX = 30
TASK_S = (0.1, 1.0)
RECONCILE_EVERY_S = 2.0
SETTLED_S = 5.0
"""How long ago a task was launched before it is asked for: its launch has arrived by then, or never will."""
ABSENT_S = 20.0
"""How long the master may not know a task, or where it is, until it counts as never launched: one whose agent
was killed before it had learnt its id is never heard of again.
"""
FAILOVER_TIMEOUT_S = 3600.0


class Framework:
    """One life of it."""

    def __init__(self, name: str, directory: Path, masters: str) -> None:
        self._name = name
        self._directory = directory
        self._journal = Journal(directory / f"{name}.journal")
        self._memory = Memory(name)
        self._memory.read(self._journal)
        self._asked_from: dict[str, float] = dict.fromkeys(self._memory.alive, 0.0)
        """From when on the master must know a task."""
        self._absent: dict[str, float] = {}
        """Since when tasks are out of reach."""
        self._chance = random.Random()
        self.scheduler = Scheduler(
            masters,
            name=name,
            framework_id=self._memory.framework_id,
            failover_timeout_s=FAILOVER_TIMEOUT_S,
            explicit_acknowledgements=True,
            teardown_on_exit=False,
        )

    async def run(self) -> None:
        """Work until it is quiet and everything has ended."""
        self.scheduler.on_update(self._on_update)
        async with self.scheduler:
            if self._memory.framework_id is None:
                self._write("framework", str(self.scheduler.framework_id))
            work = [asyncio.create_task(self._take_offers()), asyncio.create_task(self._reconcile())]
            finished = asyncio.create_task(self._wait_for_end())
            done, _ = await asyncio.wait([*work, finished], return_when=asyncio.FIRST_COMPLETED)
            for task in (*work, finished):
                task.cancel()
            for task in done:
                task.result()
            self._write("done", "")

    @property
    def _is_quiet(self) -> bool:
        return (self._directory / "quiet").exists()

    async def _wait_for_end(self) -> None:
        while not self._is_quiet or self._memory.alive:
            await asyncio.sleep(0.1)

    def _write(self, *line: str) -> None:
        self._journal.write(line)
        self._memory.take(line)

    # ── launching ─────────────────────────────────────────────────────────────────────────────────────

    async def _take_offers(self) -> None:
        async for offer in self.scheduler.offers():
            with suppress(NotSubscribedError, CallRefusedError, OfferError, SdkError):
                await self._use(offer)

    async def _use(self, offer: Offer) -> None:
        room = 0 if self._is_quiet else ALIVE_MAX - len(self._memory.alive)
        tasks: list[Task] = []
        for id in self._memory.next_tasks(max(0, room)):
            task = self._task(id)
            if not offer.fits(*tasks, task):
                break
            tasks.append(task)
        if not tasks:
            await self.scheduler.decline(offer, refuse_s=1.0)
            return
        ids = [str(task.id) for task in tasks]
        for id in ids:
            self._write("launch", id, str(offer.agent_id))
        try:
            await offer.launch_all(tasks, refuse_s=0.1)
        except (NotSubscribedError, CallRefusedError, OfferError):
            for id in ids:
                self._write("void", id)
        finally:
            for id in ids:
                self._asked_from[id] = time.monotonic() + SETTLED_S

    def _task(self, id: str) -> Task:
        here = self._directory
        seconds = self._chance.uniform(*TASK_S)
        note = f'echo "{id} $(date +%s.%N)" >> {here}'
        command = f"{note}/starts; sleep {seconds:.2f}; {note}/ends"
        return Task(id=id, name=id, command=command, cpus=0.05, mem=8)

    # ── what becomes of tasks ─────────────────────────────────────────────────────────────────────────

    async def _on_update(self, update: TaskUpdate) -> None:
        id = str(update.task_id)
        self._write("update", id, update.state.name, update.uuid.hex(), update.message)
        if update.state in (TaskState.TASK_UNKNOWN, TaskState.TASK_UNREACHABLE):
            since = self._absent.setdefault(id, time.monotonic())
            if time.monotonic() > since + ABSENT_S:
                self._write("void", id)
        else:
            self._absent.pop(id, None)
        await self.scheduler.acknowledge(update)

    async def _reconcile(self) -> None:
        while True:
            with suppress(SdkError):
                await self.scheduler.call(self._question())
            await asyncio.sleep(RECONCILE_EVERY_S)

    def _question(self) -> Call:
        now = time.monotonic()
        call = Call(type=Call.RECONCILE)
        call.reconcile.SetInParent()
        for id, agent_id in self._memory.alive.items():
            if self._asked_from.get(id, now + 1) <= now:
                task = call.reconcile.tasks.add()
                task.task_id.value = id
                task.agent_id.value = agent_id
        return call


if __name__ == "__main__":
    name, directory, masters = sys.argv[1:]
    run(Framework(name, Path(directory), masters).run())
