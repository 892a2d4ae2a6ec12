"""Lets no container start before what is written of it is durable: the next agent would not know what runs.

The machine asks for the checkpoints of a task and for the start of its container in one breath. The start
waits until the disk has taken what was asked for before it, and what concerns the container waits behind it,
so that its effects are performed in the order of the machine. All other containers are not held up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from meseta.containers.effects import (
    DestroyContainer,
    RemoveContainer,
    SignalContainer,
    StartContainer,
    UpdateContainer,
)
from meseta.ids import ContainerId

Perform = Callable[[Any], None]
FOLLOWING = (SignalContainer, DestroyContainer, UpdateContainer, RemoveContainer)


class Starts:
    """Performers of container effects. `after` does something once the disk has what was asked for before."""

    def __init__(
        self, performers: Mapping[type, Perform], after: Callable[[Callable[[], None]], None]
    ) -> None:
        self._performers = performers
        self._after = after
        self._waiting: dict[ContainerId, list[Any]] = {}
        """What follows a start that waits."""

    def performers(self) -> dict[type, Perform]:
        """Return what performs each kind of effect."""
        following: dict[type, Perform] = dict.fromkeys(FOLLOWING, self._follow)
        return {**self._performers, **following, StartContainer: self._start}

    def _start(self, effect: StartContainer) -> None:
        self._waiting[effect.plan.container_id] = []
        self._after(partial(self._start_now, effect))

    def _start_now(self, effect: StartContainer) -> None:
        followed = self._waiting.pop(effect.plan.container_id)
        for each in (effect, *followed):
            self._performers[type(each)](each)

    def _follow(self, effect: Any) -> None:
        waiting = self._waiting.get(effect.container_id)
        if waiting is None:
            self._performers[type(effect)](effect)
        else:
            waiting.append(effect)
