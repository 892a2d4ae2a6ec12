"""The two threads of a classic driver: one runs the connection on asyncio, the other the callbacks.

    caller's threads ──driver methods──▶ loop thread ──events──▶ callback thread ──▶ user's callbacks

A slow callback therefore never holds up heartbeats or acknowledgements, and driver methods never wait.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from meseta.wire.gen import mesos_pb2

LOG = logging.getLogger("meseta.sdk")

CALLBACKS_MAX = 10_000
"""Callbacks that wait; beyond, the stream is not read on."""
ROOM_POLL_S = 0.02

Status = int
"""A value of mesos_pb2.Status, such as mesos_pb2.DRIVER_RUNNING."""


class DriverThreads(ABC):
    """What the scheduler and the executor driver have in common: their life."""

    def __init__(self) -> None:
        self._status: Status = mesos_pb2.DRIVER_NOT_STARTED
        self._changed = threading.Condition()
        self._callbacks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Event
        self._failover = False

    @abstractmethod
    def _connect(self) -> None:
        """Make and start the connection; called on the loop."""

    @abstractmethod
    async def _disconnect(self, failover: bool) -> None:
        """Close the connection; called on the loop."""

    def start(self) -> Status:
        """Start the driver; does not wait for the subscription."""
        with self._changed:
            if self._status != mesos_pb2.DRIVER_NOT_STARTED:
                return self._status
            self._status = mesos_pb2.DRIVER_RUNNING
        ready = threading.Event()
        for name, run in (
            ("meseta-driver", lambda: self._run_loop(ready)),
            ("meseta-callbacks", self._run_callbacks),
        ):
            thread = threading.Thread(target=run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        ready.wait()
        return self._status

    def join(self) -> Status:
        """Wait until the driver was stopped or aborted, and its threads have ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._status != mesos_pb2.DRIVER_RUNNING)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        return self._status

    def run(self) -> Status:
        """Start, and wait for the end."""
        status = self.start()
        return self.join() if status == mesos_pb2.DRIVER_RUNNING else status

    def abort(self) -> Status:
        """Stop at once: no more callbacks; the framework or executor is not torn down."""
        return self._end(mesos_pb2.DRIVER_ABORTED, failover=True)

    def _end(self, status: Status, *, failover: bool) -> Status:
        with self._changed:
            if self._status != mesos_pb2.DRIVER_RUNNING:
                return self._status
            self._status = status
            self._failover = failover
            self._changed.notify_all()
        self._on_loop(self._leave.set)
        return status

    def _on_loop(self, do: Callable[[], object]) -> None:
        """Do something on the loop's thread, unless the loop has ended."""
        assert self._loop is not None, "the driver was started"
        try:
            self._loop.call_soon_threadsafe(do)
        except RuntimeError:
            LOG.debug("the driver has ended already")

    def _running(self) -> bool:
        return self._status == mesos_pb2.DRIVER_RUNNING

    def _tell(self, callback: Callable[[], None]) -> None:
        """Let the callback thread call something."""
        self._callbacks.put(callback)

    async def room(self) -> None:
        """Wait until few enough callbacks wait. Polls, since the queue belongs to another thread."""
        while self._callbacks.qsize() > CALLBACKS_MAX and self._running():
            await asyncio.sleep(ROOM_POLL_S)

    def _run_loop(self, ready: threading.Event) -> None:
        async def live() -> None:
            self._loop = asyncio.get_running_loop()
            self._leave = asyncio.Event()
            self._connect()
            ready.set()
            await self._leave.wait()
            await self._disconnect(self._failover)

        try:
            asyncio.run(live())
        finally:
            ready.set()
            self._callbacks.put(None)

    def _run_callbacks(self) -> None:
        while (callback := self._callbacks.get()) is not None:
            if self._status == mesos_pb2.DRIVER_ABORTED:
                continue
            try:
                callback()
            except Exception:
                LOG.exception("a callback failed; the driver aborts")
                self.abort()
