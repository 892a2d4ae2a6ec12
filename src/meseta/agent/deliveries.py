"""Gives no executor a task before what is written of it is durable: the next agent would not know of it.

The machine asks for the checkpoint of a task and hands the task to its executor in one breath. The task waits
until the disk has taken what was asked for before it, and what else the executor is told waits behind it, so
that it hears everything in the order of the machine. (`containers.starts` does the same for containers.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from meseta.agent.effects import CloseExecutorStream, LaunchTask, LaunchTaskGroup, SendToExecutor
from meseta.agent.events import ExecutorPeer

Perform = Callable[[Any], None]
Told = SendToExecutor | CloseExecutorStream


class Deliveries:
    """Performers of what executors are told. `after` does something once the disk has what came before."""

    def __init__(self, send: Perform, close: Perform, after: Callable[[Callable[[], None]], None]) -> None:
        self._performers: dict[type, Perform] = {SendToExecutor: send, CloseExecutorStream: close}
        self._after = after
        self._waiting: dict[ExecutorPeer, deque[Told]] = {}
        """What each executor is told from the first task on that waits for the disk."""

    def performers(self) -> dict[type, Perform]:
        """Return what performs each kind of effect."""
        return {SendToExecutor: self._send, CloseExecutorStream: self._close}

    def _send(self, effect: SendToExecutor) -> None:
        self._tell(effect.peer, effect)

    def _close(self, effect: CloseExecutorStream) -> None:
        self._tell(effect.stream, effect)

    def _tell(self, peer: ExecutorPeer, effect: Told) -> None:
        if _gives_tasks(effect):
            self._waiting.setdefault(peer, deque()).append(effect)
            self._after(partial(self._release, peer))
        elif peer in self._waiting:
            self._waiting[peer].append(effect)
        else:
            self._perform(effect)

    def _release(self, peer: ExecutorPeer) -> None:
        """Tell what waits, up to the next tasks: they wait for a later write."""
        waiting = self._waiting[peer]
        self._perform(waiting.popleft())
        while waiting and not _gives_tasks(waiting[0]):
            self._perform(waiting.popleft())
        if not waiting:
            del self._waiting[peer]

    def _perform(self, effect: Told) -> None:
        self._performers[type(effect)](effect)


def _gives_tasks(effect: Told) -> bool:
    return isinstance(effect, SendToExecutor) and isinstance(effect.message, LaunchTask | LaunchTaskGroup)
