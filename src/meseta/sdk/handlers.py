"""Handlers of a scheduler: who is told of what, one thing after the other."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
Handler = Callable[[T], Awaitable[None] | None]
HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])

INBOX_MAX = 10_000
"""Calls of handlers that wait; beyond, the stream from the master is not read on."""


class _Due(NamedTuple):
    handlers: Sequence[Handler[Any]]
    value: Any
    then: Callable[[], None] | None


class Handlers:
    """Calls handlers in order in a task of its own; the first exception of one ends it."""

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._handlers: dict[str, list[Handler[Any]]] = {}
        self._inbox: deque[_Due] = deque()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._task: asyncio.Task[None] | None = None

    def add(self, kind: str, handler: HandlerT) -> HandlerT:
        """Register a handler, a function or coroutine function; return it, so that this decorates."""
        self._handlers.setdefault(kind, []).append(handler)
        return handler

    def has(self, kind: str) -> bool:
        return kind in self._handlers

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Call no more handlers, and cancel the one that is at work."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def tell(self, kind: str, value: Any, then: Callable[[], None] | None = None) -> None:
        """Let the handlers of `kind` be called, and `then` when they have returned."""
        handlers = self._handlers.get(kind)
        if handlers is None:
            if then is not None:
                then()
            return
        self._inbox.append(_Due(handlers, value, then))
        self._wake.set()
        if len(self._inbox) > INBOX_MAX:
            self._room.clear()

    async def room(self) -> None:
        """Wait until few enough calls wait."""
        await self._room.wait()

    async def _run(self) -> None:
        try:
            while True:
                while self._inbox:
                    await self._call(self._inbox.popleft())
                self._room.set()
                self._wake.clear()
                await self._wake.wait()
        except Exception as error:
            self._room.set()
            self._on_error(error)

    async def _call(self, due: _Due) -> None:
        for handler in due.handlers:
            result = handler(due.value)
            if inspect.isawaitable(result):
                await result
        if due.then is not None:
            due.then()
