"""Writes an agent's checkpoints beside its loop, and deletes what it does not need any more.

    write ──▶ queue ──the whole queue, in one thread──▶ disk ──▶ on_stored(ticket), for each with a ticket
                ▲ what comes meanwhile is the next batch

Writes take effect in the order in which they were asked for, so one thread does them all. Records that follow
each other in one log are one write: an acknowledgement and the update behind it, above all. When the disk
refuses (it is full, say), nothing is lost or reordered: the same write is tried again every second and
everything behind it waits; updates that are not stored are not sent.

What speaks of tasks is not synced: they end with the machine. Reservations and volumes outlive it, so their
file is on the disk, power cut or not, before the end of an operation is told.

What is deleted is first renamed out of the way, in its turn; the long work of removing a tree is done by
another thread. What a killed agent had not got to is removed at the next start.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple, TypeVar

import structlog

from meseta.agent.effects import (
    AgentCheckpoint,
    Checkpoint,
    RemovePath,
    RemoveVolume,
    ResourcesCheckpoint,
    UpdateCheckpoint,
)
from meseta.errors import MesetaError
from meseta.runtime.checkpoints import append, frame, replace_file
from meseta.runtime.sandbox import point_latest
from meseta.runtime.volumes import empty_mount
from meseta.runtime.worker import Worker
from meseta.wire.checkpoints import checkpoint_records

QUEUE_MAX = 100_000
"""Writes that wait for the disk; with more the agent cannot go on."""
RETRY_S = 1.0
META = "meta/"
GARBAGE = "garbage"
"""Below the work directory: what is being deleted."""

ResultT = TypeVar("ResultT")

log = structlog.get_logger()


class CheckpointerError(MesetaError):
    """The disk has refused writes for so long that too many wait."""


class _Then(NamedTuple):
    """Something to do in its turn."""

    action: Callable[[], None]


_Work = Checkpoint | RemovePath | _Then


class _Written(NamedTuple):
    """How far a batch has come, and what stopped it."""

    done: int
    error: OSError | None


class Checkpointer:
    """Writes below one work directory, which exists. Use it from its loop only."""

    def __init__(
        self, work_dir: str, on_stored: Callable[[int], None], on_bug: Callable[[BaseException], None]
    ) -> None:
        self._work_dir = work_dir
        self._on_stored = on_stored
        self._on_bug = on_bug
        self._loop = asyncio.get_running_loop()
        self._writer = Worker("checkpoint")
        self._remover = Worker("remove")
        self._queue: deque[_Work] = deque()
        self._is_submitted = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._garbage = os.path.join(work_dir, GARBAGE)
        self._numbers = itertools.count()
        self._started = time.time_ns()
        os.makedirs(self._garbage, exist_ok=True)
        for entry in os.listdir(self._garbage):
            self._delete(os.path.join(self._garbage, entry))

    def write(self, effect: Checkpoint) -> None:
        """Perform `Checkpoint`. Raises CheckpointerError when too many wait."""
        self._enqueue(effect)

    def after(self, action: Callable[[], None]) -> None:
        """Do something once all that was asked for until now is written: now, if it is."""
        if self._queue:
            self._enqueue(_Then(action))
        else:
            action()

    def remove(self, effect: RemovePath) -> None:
        """Perform `RemovePath`."""
        if effect.path.startswith(META):
            self._enqueue(effect)
        else:
            self._rename_away(effect.path)

    def remove_volume(self, effect: RemoveVolume) -> None:
        """Perform `RemoveVolume`: out of the way at once, where the disk is the same, deleted in due time."""
        if effect.is_mount:
            empty_mount(effect.path)
            return
        try:
            self._rename_away(effect.path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.rmtree(effect.path, ignore_errors=True)

    def measure_disk(self, on_measured: Callable[[float], None]) -> None:
        """Perform `SampleDiskUsage`: tell how much of the disk of the work directory is used, from 0 to 1."""
        self._remover.do(lambda: self._tell(on_measured, _disk_used(self._work_dir)))

    async def flush(self) -> None:
        """Wait until everything that was asked for is written."""
        await self._idle.wait()

    def close(self) -> None:
        """Stop; what is not written is lost."""
        self._queue.clear()
        self._writer.end()
        self._remover.end()

    def _enqueue(self, effect: _Work) -> None:
        if len(self._queue) >= QUEUE_MAX:
            raise CheckpointerError(f"The disk of {self._work_dir} takes no checkpoints: {QUEUE_MAX} wait")
        self._queue.append(effect)
        if not self._is_submitted:
            self._is_submitted = True
            self._idle.clear()
            # At the end of the turn: what one event causes is one batch.
            self._loop.call_soon(self._submit)

    def _submit(self) -> None:
        batch = list(self._queue)
        if not batch:
            self._rest()
            return
        self._writer.do(lambda: self._tell(self._on_written, self._write_batch(batch)))

    def _on_written(self, written: _Written) -> None:
        for _ in range(min(written.done, len(self._queue))):
            effect = self._queue.popleft()
            if isinstance(effect, _Then):
                self._do(effect)
            elif isinstance(effect, Checkpoint) and effect.ticket is not None:
                self._on_stored(effect.ticket)
        if written.error is not None:
            log.error(f"cannot write {written.error.filename}: {written.error.strerror}; trying again")
            self._loop.call_later(RETRY_S, self._submit)
        elif self._queue:
            self._submit()
        else:
            self._rest()

    def _do(self, then: _Then) -> None:
        try:
            then.action()
        except Exception as bug:
            self._on_bug(bug)

    def _rest(self) -> None:
        self._is_submitted = False
        self._idle.set()

    # ── in the threads ────────────────────────────────────────────────────────────────────────────────

    def _tell(self, callback: Callable[[ResultT], None], result: ResultT) -> None:
        """Hand a result to the loop; with the end of the agent there may be none any more."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, result)

    def _write_batch(self, batch: list[_Work]) -> _Written:
        done = 0
        for step in _steps(batch):
            try:
                self._take(step)
            except OSError as error:
                return _Written(done, error)
            except Exception as bug:
                self._tell(self._on_bug, bug)
                return _Written(done, None)
            done += len(step)
        return _Written(done, None)

    def _take(self, step: list[_Work]) -> None:
        first = step[0]
        if isinstance(first, RemovePath):
            self._rename_away(first.path)
        elif isinstance(first, Checkpoint):
            self._write(first, b"".join(_content(each) for each in step if isinstance(each, Checkpoint)))

    def _write(self, effect: Checkpoint, data: bytes) -> None:
        path = f"{self._work_dir}/{effect.path}"
        try:
            self._put(path, data, effect)
        except FileNotFoundError:
            _make_directory(os.path.dirname(path))
            self._put(path, data, effect)
        if isinstance(effect.record, AgentCheckpoint):
            point_latest(os.path.dirname(path))

    def _put(self, path: str, data: bytes, effect: Checkpoint) -> None:
        if isinstance(effect.record, UpdateCheckpoint):
            append(path, data)
        elif isinstance(effect.record, ResourcesCheckpoint):
            replace_file(path, data, durable=True)
        else:
            try:
                append(path, data, os.O_EXCL)
            except FileExistsError:
                replace_file(path, data)

    def _rename_away(self, path: str) -> None:
        place = os.path.join(self._garbage, f"{self._started}-{next(self._numbers)}")
        with suppress(FileNotFoundError):
            os.rename(os.path.join(self._work_dir, path), place)
            self._delete(place)

    def _delete(self, place: str) -> None:
        self._remover.do(lambda: shutil.rmtree(place, ignore_errors=True))


def _steps(batch: list[_Work]) -> Iterator[list[_Work]]:
    """Cut a batch into what is done at once: records that follow each other in one log, or one thing."""
    step: list[_Work] = []
    for effect in batch:
        if step and not _continues(step[-1], effect):
            yield step
            step = []
        step.append(effect)
    if step:
        yield step


def _continues(before: _Work, effect: _Work) -> bool:
    return (
        isinstance(effect, Checkpoint)
        and isinstance(effect.record, UpdateCheckpoint)
        and isinstance(before, Checkpoint)
        and isinstance(before.record, UpdateCheckpoint)
        and before.path == effect.path
    )


def _content(effect: Checkpoint) -> bytes:
    content = checkpoint_records(effect.record)
    return content.encode() if isinstance(content, str) else b"".join(map(frame, content))


def _make_directory(directory: str) -> None:
    """Make a directory; if that begins the run of an executor, let `latest` point at it."""
    executor, runs, rest = directory.rpartition("/runs/")
    run = f"{executor}{runs}{rest.partition('/')[0]}"
    is_new = bool(runs) and not os.path.isdir(run)
    os.makedirs(directory, exist_ok=True)
    if is_new:
        point_latest(run)


def _disk_used(path: str) -> float:
    info = os.statvfs(path)
    return 1.0 - info.f_bavail / info.f_blocks if info.f_blocks else 0.0
