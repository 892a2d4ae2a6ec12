"""A framework that wants as many tasks of one shape as it can get, for as long as it runs.

Each task is a process that sleeps and reports; when it ends its resources go back, and who is offered them
next is the master's decision. That makes it a good opponent: two of these on one cluster show what the
allocator does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

from meseta.sdk import OfferError, Scheduler, Task

COMMAND = 'echo "started at $(date +%T)"; sleep {seconds:g}; echo "done at $(date +%T)"'


class Shape(NamedTuple):
    """What every task of a contender takes; `mem` is MiB."""

    cpus: float
    mem: float


class Contender:
    """One such framework. `duration_s` tells how long the next task shall sleep."""

    def __init__(self, master: str, *, name: str, shape: Shape, duration_s: Callable[[], float]) -> None:
        self.name = name
        self.shape = shape
        self._master = master
        self._duration_s = duration_s
        self._numbers = itertools.count(1)

    async def run(self) -> None:
        """Compete until cancelled; then the framework and its tasks are removed from the cluster.

        One task per offer, and the rest back at once: so each single task goes to whom the allocator favours
        at that moment, and not to who happens to see an empty agent first.
        """
        async with Scheduler(self._master, name=self.name, failover_timeout_s=0.0) as scheduler:
            async for offer in scheduler.offers():
                if not offer.fits(cpus=self.shape.cpus, mem=self.shape.mem):
                    continue  # Too small for one task: it is declined when the next one is asked for.
                try:
                    await offer.launch(self._next_task(), refuse_s=0.0)
                except OfferError:
                    continue  # It was rescinded meanwhile.

    def _next_task(self) -> Task:
        seconds = self._duration_s()
        return Task(
            id=f"{self.name}-{next(self._numbers)}",
            name=self.name,
            command=COMMAND.format(seconds=seconds),
            cpus=self.shape.cpus,
            mem=self.shape.mem,
        )
