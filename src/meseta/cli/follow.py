"""Showing here what a task writes there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import BinaryIO

from meseta.cli.endpoint import Cluster
from meseta.cli.sandboxes import SandboxFile, sandbox_path
from meseta.errors import MesetaError
from meseta.sdk import TaskHandle, TaskState

INTERVAL_S = 0.2
INTERVAL_MAX_S = 2.0
"""A task that is silent is asked less and less often."""


class Follower:
    """Copies a task's stdout and stderr to ours until the task has ended. `say` hears of trouble.

    With a `prefix` whole lines are written, each after the prefix; without, bytes as they come.
    """

    def __init__(
        self, cluster: Cluster, handle: TaskHandle, framework_id: str, prefix: str, say: Callable[[str], None]
    ) -> None:
        self._handle = handle
        self._say = say
        path = sandbox_path(framework_id, handle.executor_id, None)
        self._pipes = [
            Pipe(SandboxFile(cluster, handle.agent_id, f"{path}/{name}"), target, prefix.encode())
            for name, target in (("stdout", sys.stdout.buffer), ("stderr", sys.stderr.buffer))
        ]

    async def run(self) -> None:
        """Copy until the task has ended and all that it wrote is here."""
        interval_s = INTERVAL_S
        try:
            await self._handle.wait_for(TaskState.TASK_RUNNING)
            while True:
                has_ended = self._handle.is_terminal
                copied = [await pipe.copy() for pipe in self._pipes]
                if has_ended:
                    break
                interval_s = INTERVAL_S if any(copied) else min(interval_s * 1.3, INTERVAL_MAX_S)
                await self._pause(interval_s)
        except MesetaError as error:
            self._say(f"the output of {self._handle.id} cannot be read: {error}")
        for pipe in self._pipes:
            pipe.finish()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._handle.wait()
        except TimeoutError:
            pass


class Pipe:
    """One file of a sandbox, and where it is written to."""

    def __init__(self, file: SandboxFile, target: BinaryIO, prefix: bytes) -> None:
        self._file = file
        self._target = target
        self._prefix = prefix
        self._line = b""

    async def copy(self) -> bool:
        """Write what is new; tell whether there was anything."""
        data = await self._file.read_rest()
        if data:
            self._write(data)
        return bool(data)

    def finish(self) -> None:
        """Write the last line even if it has no end."""
        if self._line:
            self._put(self._prefix + self._line + b"\n")
            self._line = b""

    def _write(self, data: bytes) -> None:
        if not self._prefix:
            self._put(data)
            return
        *lines, self._line = (self._line + data).split(b"\n")
        self._put(b"".join(self._prefix + line + b"\n" for line in lines))

    def _put(self, data: bytes) -> None:
        self._target.write(data)
        self._target.flush()
