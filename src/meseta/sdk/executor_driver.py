"""MesosExecutorDriver: the classic executor API on top of the executor connection."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from meseta.sdk.callbacks import Executor
from meseta.sdk.codec import ExecutorEvent, launched_tasks
from meseta.sdk.driver_threads import DriverThreads, Status
from meseta.sdk.environment import read_environment
from meseta.sdk.executor_connection import ExecutorConnection
from meseta.wire.gen import mesos_pb2

LOG = logging.getLogger("meseta.sdk")


class MesosExecutorDriver(DriverThreads):
    """Connects an `Executor` to the agent that started this process.

    Methods may be called from any thread; none of them waits. All return the driver's status.
    """

    def __init__(self, executor: Executor) -> None:
        super().__init__()
        self._executor = executor
        self._environment = read_environment(os.environ)
        self._connection: ExecutorConnection

    def stop(self) -> Status:
        """End, a few seconds later at most: statuses that were sent still get their acknowledgement."""
        return self._end(mesos_pb2.DRIVER_STOPPED, failover=False)

    def sendStatusUpdate(self, status: mesos_pb2.TaskStatus) -> Status:
        """Send a status until the agent acknowledges it."""
        copy = mesos_pb2.TaskStatus()
        copy.CopyFrom(status)
        if not copy.HasField("timestamp"):
            copy.timestamp = time.time()
        return self._do(lambda: self._connection.update(copy))

    def sendFrameworkMessage(self, data: bytes) -> Status:
        """Send bytes to the scheduler, best effort."""
        return self._do(lambda: self._connection.send_message(data))

    # ── The connection's listener: on the loop's thread ────────────────────────────────────────────

    def on_subscribed(self, again: bool, event: ExecutorEvent, /) -> None:
        executor, info = self._executor, event.subscribed
        if again:
            self._tell(lambda: executor.reregistered(self, info.agent_info))
        else:
            self._tell(
                lambda: executor.registered(self, info.executor_info, info.framework_info, info.agent_info)
            )

    def on_disconnected(self, reason: str, /) -> None:
        LOG.warning("disconnected from the agent: %s", reason)
        self._tell(lambda: self._executor.disconnected(self))

    def on_orphaned(self, reason: str, unwanted: bool, /) -> None:
        LOG.warning("shutting down: %s", reason)
        if unwanted:
            self._tell(lambda: self._executor.error(self, reason))
        self._tell(self._shut_down)

    def on_event(self, event: ExecutorEvent, /) -> None:
        executor = self._executor
        match event.type:
            case ExecutorEvent.LAUNCH | ExecutorEvent.LAUNCH_GROUP:
                for task in launched_tasks(event):
                    self._tell(self._launch(task))
            case ExecutorEvent.KILL:
                self._tell(lambda: executor.killTask(self, event.kill.task_id))
            case ExecutorEvent.MESSAGE:
                self._tell(lambda: executor.frameworkMessage(self, event.message.data))
            case ExecutorEvent.SHUTDOWN:
                self._tell(self._shut_down)

    # ── Inside ─────────────────────────────────────────────────────────────────────────────────────

    def _connect(self) -> None:
        self._connection = ExecutorConnection(self._environment, self)
        self._connection.start()

    async def _disconnect(self, failover: bool) -> None:
        await self._connection.stop()

    def _launch(self, task: mesos_pb2.TaskInfo) -> Callable[[], None]:
        return lambda: self._executor.launchTask(self, task)

    def _shut_down(self) -> None:
        self._executor.shutdown(self)
        self.stop()

    def _do(self, do: Callable[[], object]) -> Status:
        if self._running():
            self._on_loop(do)
        return self._status
