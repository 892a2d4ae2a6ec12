"""The executor API for asyncio: a program that an agent starts to run a framework's tasks.

    async def work(task: ExecutorTask) -> bytes | None:
        return task.data.upper()

    asyncio.run(serve(work))

`serve` runs one coroutine per task: RUNNING when it starts, FINISHED with what it returns, FAILED if it
raises, KILLED when it was cancelled because the task was to be killed. An `Executor` with handlers of one's
own does everything else.

Statuses reach the agent at least once and in order per task, across restarts of the agent.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType

import msgspec

from meseta.ids import TaskId
from meseta.records import TaskState
from meseta.sdk.codec import ExecutorEvent, launched_tasks
from meseta.sdk.environment import ExecutorEnvironment, read_environment
from meseta.sdk.executor_connection import ExecutorConnection
from meseta.sdk.faults import EndedError
from meseta.sdk.handlers import Handler, Handlers
from meseta.sdk.specs import NANOSECONDS, labels_message
from meseta.wire.gen import mesos_pb2

LOG = logging.getLogger("meseta.sdk")


class Kill(msgspec.Struct, frozen=True):
    """The wish that a task ends, within `grace_s` seconds if the framework said so."""

    task_id: TaskId
    grace_s: float | None


class ExecutorTask:
    """A task that was given to this executor. `info` is all of it."""

    def __init__(self, info: mesos_pb2.TaskInfo, executor: Executor) -> None:
        self.info = info
        self.id = TaskId(info.task_id.value)
        self.name = info.name
        self.data = info.data
        self._executor = executor

    def __repr__(self) -> str:
        return f"<ExecutorTask {self.id}>"

    def update(
        self,
        state: TaskState,
        *,
        message: str | None = None,
        data: bytes | None = None,
        healthy: bool | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Tell the framework of a new state."""
        self._executor.update(self.id, state, message=message, data=data, healthy=healthy, labels=labels)


class _Desk:
    """An executor's memory, and the ears of its connection."""

    def __init__(self) -> None:
        self.handlers = Handlers(self._on_handler_error)
        self.executor: Executor
        self.info: ExecutorEvent.Subscribed | None = None
        self.subscribed = asyncio.Event()
        self.ended = asyncio.Event()
        self.reason = ""
        self.error: Exception | None = None

    def on_subscribed(self, again: bool, event: ExecutorEvent, /) -> None:
        self.info = event.subscribed
        self.subscribed.set()
        self.handlers.tell("subscribed", again)

    def on_disconnected(self, reason: str, /) -> None:
        LOG.warning("disconnected from the agent: %s", reason)
        self.handlers.tell("disconnected", reason)

    def on_orphaned(self, reason: str, unwanted: bool, /) -> None:
        self._end(reason)

    def on_event(self, event: ExecutorEvent, /) -> None:
        match event.type:
            case ExecutorEvent.LAUNCH | ExecutorEvent.LAUNCH_GROUP:
                for info in launched_tasks(event):
                    self.handlers.tell("launch", ExecutorTask(info, self.executor))
            case ExecutorEvent.KILL:
                policy = event.kill.kill_policy
                grace_s = (
                    policy.grace_period.nanoseconds / NANOSECONDS if policy.HasField("grace_period") else None
                )
                self.handlers.tell("kill", Kill(TaskId(event.kill.task_id.value), grace_s))
            case ExecutorEvent.MESSAGE:
                self.handlers.tell("message", event.message.data)
            case ExecutorEvent.SHUTDOWN:
                self._end("the agent asked for it")

    def _end(self, reason: str) -> None:
        self.reason = reason
        self.handlers.tell("shutdown", reason, self._wake)

    def _on_handler_error(self, error: Exception) -> None:
        LOG.error("a handler of the executor failed", exc_info=error)
        self.error = error
        self._wake()

    def _wake(self) -> None:
        self.subscribed.set()
        self.ended.set()


class Executor:
    """An executor, subscribed to its agent within `async with`, or between `start` and `stop`.

    `variables` are those of the agent, `os.environ` unless given.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self.environment: ExecutorEnvironment = read_environment(
            os.environ if variables is None else variables
        )
        self._desk = _Desk()
        self._desk.executor = self
        self._connection = ExecutorConnection(self.environment, self._desk)
        self._stopping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Executor:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if error is None and self._desk.error is not None:
            raise self._desk.error

    async def start(self) -> None:
        """Subscribe; returns once subscribed. Raises EndedError if the agent does not want this executor."""
        self._desk.handlers.start()
        self._connection.start()
        await self._desk.subscribed.wait()
        if self._desk.info is None:
            await self.stop()
            raise self._desk.error or EndedError(self._desk.reason)

    async def run(self) -> None:
        """Wait until the executor is to end and its handlers have dealt with that."""
        await self._desk.ended.wait()
        if self._desk.error is not None:
            raise self._desk.error

    async def stop(self) -> None:
        """Wait a few seconds for acknowledgements of what was sent, then close."""
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        await self._connection.stop()
        await self._desk.handlers.stop()

    @property
    def info(self) -> ExecutorEvent.Subscribed:
        """What the agent said at the subscription: `executor_info`, `framework_info`, `agent_info`."""
        assert self._desk.info is not None, "the executor is subscribed"
        return self._desk.info

    # ── What arrives ───────────────────────────────────────────────────────────────────────────────

    def on_launch(self, handler: Handler[ExecutorTask]) -> Handler[ExecutorTask]:
        """Call `handler` for each task; those of a group come one after the other."""
        return self._desk.handlers.add("launch", handler)

    def on_kill(self, handler: Handler[Kill]) -> Handler[Kill]:
        """Call `handler` when a task is to end."""
        return self._desk.handlers.add("kill", handler)

    def on_message(self, handler: Handler[bytes]) -> Handler[bytes]:
        """Call `handler` for each message from the scheduler."""
        return self._desk.handlers.add("message", handler)

    def on_shutdown(self, handler: Handler[str]) -> Handler[str]:
        """Call `handler` with the reason when the executor is to end, with all its tasks.

        The agent kills it when it takes longer than `environment.shutdown_grace_s`.
        """
        return self._desk.handlers.add("shutdown", handler)

    def on_subscribed(self, handler: Handler[bool]) -> Handler[bool]:
        """Call `handler` after each subscription, and tell it whether there was one before."""
        return self._desk.handlers.add("subscribed", handler)

    def on_disconnected(self, handler: Handler[str]) -> Handler[str]:
        """Call `handler` with the reason when the agent goes away for now."""
        return self._desk.handlers.add("disconnected", handler)

    # ── What goes out ──────────────────────────────────────────────────────────────────────────────

    def update(
        self,
        task_id: str,
        state: TaskState,
        *,
        message: str | None = None,
        data: bytes | None = None,
        healthy: bool | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Tell the framework of a task's new state; sent until the agent acknowledges it."""
        status = mesos_pb2.TaskStatus(
            state=state.name, message=message, data=data, healthy=healthy, timestamp=time.time()
        )
        status.task_id.value = task_id
        if labels:
            status.labels.CopyFrom(labels_message(labels))
        self.send_status(status)

    def send_status(self, status: mesos_pb2.TaskStatus) -> bytes:
        """Send a raw status; return its uuid."""
        return self._connection.update(status)

    def send_message(self, data: bytes) -> None:
        """Send bytes to the scheduler, best effort."""
        self._connection.send_message(data)


async def serve(
    work: Callable[[ExecutorTask], Awaitable[bytes | None]], variables: Mapping[str, str] | None = None
) -> None:
    """Run `work` for each task until the agent ends this executor. Killed tasks see a cancellation."""
    executor = Executor(variables)
    crew = _Crew(executor, work)
    executor.on_launch(crew.launch)
    executor.on_kill(crew.kill)
    executor.on_shutdown(crew.shutdown)
    async with executor:
        await executor.run()


class _Crew:
    """The coroutines at work, one per task."""

    def __init__(self, executor: Executor, work: Callable[[ExecutorTask], Awaitable[bytes | None]]) -> None:
        self._executor = executor
        self._work = work
        self._running: dict[TaskId, asyncio.Future[bytes | None]] = {}

    def launch(self, task: ExecutorTask) -> None:
        """Start the work for a task; the agent may repeat a launch, which starts nothing."""
        if task.id in self._running:
            return
        task.update(TaskState.TASK_RUNNING)
        running = self._running[task.id] = asyncio.ensure_future(self._work(task))
        running.add_done_callback(lambda done: self._end(task, done))

    def kill(self, kill: Kill) -> None:
        """Cancel the work; whatever it does in `finally` still runs."""
        running = self._running.get(kill.task_id)
        if running is None:
            return
        if self._tells_of_killing():
            self._executor.update(kill.task_id, TaskState.TASK_KILLING)
        running.cancel()

    async def shutdown(self, reason: str) -> None:
        """Cancel everything, and wait a little less than the agent does."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=0.8 * self._executor.environment.shutdown_grace_s)

    def _end(self, task: ExecutorTask, done: asyncio.Future[bytes | None]) -> None:
        del self._running[task.id]
        if done.cancelled():
            task.update(TaskState.TASK_KILLED)
        elif (error := done.exception()) is not None:
            LOG.error("task %s failed", task.id, exc_info=error)
            task.update(TaskState.TASK_FAILED, message=f"{type(error).__name__}: {error}")
        else:
            task.update(TaskState.TASK_FINISHED, data=done.result())

    def _tells_of_killing(self) -> bool:
        kinds = mesos_pb2.FrameworkInfo.Capability
        capabilities = self._executor.info.framework_info.capabilities
        return any(capability.type == kinds.TASK_KILLING_STATE for capability in capabilities)
