"""Lets no task begin before what is written of it is durable: the next agent would not know of it.

The machine asks for the checkpoint of a task and lets the task begin in one breath: it starts a container,
or hands the task to its executor. That waits until the disk has taken what was asked for before it, and what
else is done to the same container, or said to the same executor, waits behind it, in the order of the
machine. All others are not held up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from meseta.agent.effects import (
    CloseExecutorStream,
    DestroyContainer,
    LaunchTask,
    LaunchTaskGroup,
    RemoveContainer,
    SendToExecutor,
    SignalContainer,
    StartContainer,
    UpdateContainer,
)
from meseta.agent.events import ExecutorPeer
from meseta.ids import ContainerId

Perform = Callable[[Any], None]
Target = ContainerId | ExecutorPeer

TARGETS: dict[type, Callable[[Any], Target]] = {
    StartContainer: lambda effect: effect.plan.container_id,
    **dict.fromkeys(
        (SignalContainer, DestroyContainer, UpdateContainer, RemoveContainer),
        lambda effect: effect.container_id,
    ),
    SendToExecutor: lambda effect: effect.peer,
    CloseExecutorStream: lambda effect: effect.stream,
}
"""Whom an effect is about that may have to wait."""


class WrittenFirst:
    """Performers that wait. `after` does something once the disk has what was asked for before it."""

    def __init__(
        self, performers: Mapping[type, Perform], after: Callable[[Callable[[], None]], None]
    ) -> None:
        """`performers` do at once what each kind of effect says."""
        self._performers = performers
        self._after = after
        self._waiting: dict[Target, deque[Any]] = {}
        """What is about each target, from the first effect on that waits for the disk."""

    def performers(self) -> dict[type, Perform]:
        """Return what performs each kind of effect in its turn."""
        return {**self._performers, **dict.fromkeys(TARGETS, self._perform)}

    def _perform(self, effect: Any) -> None:
        target = TARGETS[type(effect)](effect)
        if _begins(effect):
            self._waiting.setdefault(target, deque()).append(effect)
            self._after(partial(self._release, target))
        elif target in self._waiting:
            self._waiting[target].append(effect)
        else:
            self._perform_now(effect)

    def _release(self, target: Target) -> None:
        """Perform what waits, up to the next that begins something: it waits for a later write."""
        waiting = self._waiting[target]
        self._perform_now(waiting.popleft())
        while waiting and not _begins(waiting[0]):
            self._perform_now(waiting.popleft())
        if not waiting:
            del self._waiting[target]

    def _perform_now(self, effect: Any) -> None:
        self._performers[type(effect)](effect)


def _begins(effect: Any) -> bool:
    gives_tasks = isinstance(effect, SendToExecutor) and isinstance(
        effect.message, LaunchTask | LaunchTaskGroup
    )
    return gives_tasks or isinstance(effect, StartContainer)
