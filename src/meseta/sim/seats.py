"""Between a framework and its processes: it hears the newest of them, and a standby when its turn comes."""

from __future__ import annotations

from typing import Any, Protocol

from meseta.ids import FrameworkId
from meseta.sdk import events as sdk
from meseta.sim.driver_node import SchedulerProcess


class Holder(Protocol):
    """A framework, as its processes see it."""

    lives: int
    """Counts its lives; a process speaks for one of them."""
    standby: SchedulerProcess | None

    def take_over(self) -> int: ...

    def say_demand(self) -> None: ...

    def on_subscribed(self, framework_id: FrameworkId, /) -> None: ...

    def on_disconnected(self, /) -> None: ...

    def on_event(self, payload: Any, token: sdk.Token | None, /) -> None: ...

    def on_concluded(self, outcome: sdk.ConcludeCall, /) -> None: ...

    def on_stopped(self, fault: str | None, /) -> None: ...


class Seat:
    """What one process tells its framework, which listens only to its newest."""

    def __init__(self, framework: Holder, life: int) -> None:
        self._framework = framework
        self._life = life

    @property
    def is_heard(self) -> bool:
        """Tell whether the process is its framework's newest."""
        return self._framework.lives == self._life

    def on_subscribed(self, framework_id: FrameworkId, again: bool) -> None:
        """See `Application`."""
        if self.is_heard:
            self._framework.on_subscribed(framework_id)

    def on_disconnected(self) -> None:
        """See `Application`."""
        if self.is_heard:
            self._framework.on_disconnected()

    def on_event(self, payload: Any, token: sdk.Token | None) -> None:
        """See `Application`."""
        if self.is_heard:
            self._framework.on_event(payload, token)

    def on_concluded(self, outcome: sdk.ConcludeCall) -> None:
        """See `Application`."""
        if self.is_heard:
            self._framework.on_concluded(outcome)

    def on_stopped(self, fault: str | None) -> None:
        """See `Application`."""
        if self.is_heard:
            self._framework.on_stopped(fault)


class StandbySeat(Seat):
    """The same for a process that stands by: it has no life until it is subscribed."""

    def __init__(self, framework: Holder) -> None:
        super().__init__(framework, life=0)

    def on_subscribed(self, framework_id: FrameworkId, again: bool) -> None:
        """Take the framework over, the first time."""
        takes_over = not self._life
        if takes_over:
            self._life = self._framework.take_over()
        super().on_subscribed(framework_id, again)
        if takes_over:
            self._framework.say_demand()  # It may want something else than when it began to wait.

    def on_stopped(self, fault: str | None) -> None:
        """A framework that has ended needs no standby."""
        if not self._life:
            self._framework.standby = None
        super().on_stopped(fault)
