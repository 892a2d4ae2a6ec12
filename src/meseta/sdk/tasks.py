"""Tasks that a framework launched: a handle for each, and the statuses that arrive for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from meseta.ids import AgentId, ExecutorId, TaskId
from meseta.records import TaskReason, TaskSource, TaskState, is_terminal
from meseta.sdk.faults import SdkError
from meseta.sdk.specs import ports_of
from meseta.wire.gen import mesos_pb2


class TaskUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a task. `timestamp` is seconds since 1970; `status` is the whole message."""

    task_id: TaskId
    state: TaskState
    message: str
    reason: TaskReason | None
    source: TaskSource | None
    agent_id: AgentId | None
    executor_id: ExecutorId | None
    data: bytes
    healthy: bool | None
    timestamp: float | None
    uuid: bytes
    """Empty if there is nothing to acknowledge."""
    status: mesos_pb2.TaskStatus

    @property
    def is_terminal(self) -> bool:
        """Tell whether the task has ended."""
        return is_terminal(self.state)

    @property
    def succeeded(self) -> bool:
        """Tell whether the task ended as it should."""
        return self.state is TaskState.TASK_FINISHED

    def __str__(self) -> str:
        text = f"{self.task_id} {self.state.name}"
        return f"{text}: {self.message}" if self.message else text


def task_update(status: mesos_pb2.TaskStatus) -> TaskUpdate:
    """Lift a status from its message."""
    has = status.HasField
    return TaskUpdate(
        task_id=TaskId(status.task_id.value),
        state=TaskState(status.state),
        message=status.message,
        reason=TaskReason(status.reason) if has("reason") else None,
        source=TaskSource(status.source) if has("source") else None,
        agent_id=AgentId(status.agent_id.value) if has("agent_id") else None,
        executor_id=ExecutorId(status.executor_id.value) if has("executor_id") else None,
        data=status.data,
        healthy=status.healthy if has("healthy") else None,
        timestamp=status.timestamp if has("timestamp") else None,
        uuid=status.uuid,
        status=status,
    )


class TaskDesk(Protocol):
    """What a handle needs of its scheduler."""

    async def kill(self, task: TaskHandle, /, *, grace_s: float | None = None) -> None: ...

    async def send_message(self, agent_id: str, executor_id: str, data: bytes, /) -> None: ...


class TaskHandle:
    """A task that was launched: its latest state, and ways to wait for it and to kill it."""

    def __init__(self, info: mesos_pb2.TaskInfo, desk: TaskDesk, executor_id: str | None = None) -> None:
        self.id = TaskId(info.task_id.value)
        self.agent_id = AgentId(info.agent_id.value)
        self.name = info.name
        self.ports: Sequence[int] = ports_of(info.resources)
        self.executor_id = (
            info.executor.executor_id.value if info.HasField("executor") else info.task_id.value
        )
        self.update: TaskUpdate | None = None
        self._desk = desk
        self._error: Exception | None = None
        self._waiters: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        return f"<TaskHandle {self.id} {self.state.name}>"

    @property
    def state(self) -> TaskState:
        """The latest state known; TASK_STAGING before any is."""
        return self.update.state if self.update is not None else TaskState.TASK_STAGING

    @property
    def is_terminal(self) -> bool:
        """Tell whether the task has ended."""
        return is_terminal(self.state)

    async def wait(self) -> TaskUpdate:
        """Wait for the end of the task, and return its last update."""
        return await self.wait_for()

    async def wait_for(self, *states: TaskState) -> TaskUpdate:
        """Wait until the task is in one of `states` or has ended, and return that update.

        Raises an SdkError if the scheduler stops before.
        """
        while self.update is None or not (self.update.is_terminal or self.update.state in states):
            if self._error is not None:
                raise self._error
            await self._change()
        return self.update

    async def kill(self, *, grace_s: float | None = None) -> None:
        """Ask for the end of the task; its last update tells when it came."""
        await self._desk.kill(self, grace_s=grace_s)

    async def send(self, data: bytes) -> None:
        """Send bytes to the executor of the task, best effort."""
        await self._desk.send_message(self.agent_id, self.executor_id, data)

    def take(self, update: TaskUpdate) -> None:
        """Note a new status and wake who waits."""
        self.update = update
        self._wake()

    def give_up(self, error: Exception | None) -> None:
        """Let waiters fail: no update will come any more."""
        self._error = error or SdkError(f"the scheduler stopped while task {self.id} was {self.state.name}")
        self._wake()

    async def _change(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


class TaskBook:
    """The handles of tasks that have not ended."""

    def __init__(self) -> None:
        self._handles: dict[TaskId, TaskHandle] = {}

    @property
    def handles(self) -> Mapping[TaskId, TaskHandle]:
        return self._handles

    def add(self, handle: TaskHandle) -> None:
        self._handles[handle.id] = handle

    def drop(self, handle: TaskHandle) -> None:
        self._handles.pop(handle.id, None)

    def take(self, update: TaskUpdate) -> None:
        """Pass an update to the handle of its task, and forget the handle if the task has ended."""
        handle = self._handles.get(update.task_id)
        if handle is None:
            return
        handle.take(update)
        if update.is_terminal:
            del self._handles[update.task_id]

    def give_up(self, error: Exception | None) -> None:
        for handle in self._handles.values():
            handle.give_up(error)
