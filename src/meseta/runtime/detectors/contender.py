"""Runs a candidacy on the loop, over the group of candidates that a coordination service keeps.

Contender ── Candidate (pure) ── effects ──▶ Group ──▶ ZooKeeper, etcd
                 ▲                             │
                 └────────── events ───────────┘
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

from meseta.election import events as e
from meseta.election.candidate import Candidate
from meseta.runtime.driver import Driver


def clock() -> float:
    """Seconds of a clock that goes on while the host sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Group(Protocol):
    """The candidates in a coordination service. All methods return at once, and are called on the loop;
    `feed` is called on the loop, too.
    """

    def open(self, feed: Callable[[e.Event], None]) -> None:
        """Seek the service, for ever; tell of sessions as they come and go."""
        ...

    def enrol(self, session: int) -> None:
        """Perform `Enrol`: answer with `Enrolled` or `EnrolmentFailed`, then tell of every change of the
        candidates with `CandidatesSeen`.
        """
        ...

    def confirm(self, session: int, asked_at: float) -> None:
        """Perform `ConfirmLease`: answer with `LeaseConfirmed`, or not at all."""
        ...

    async def close(self) -> None:
        """End the session, so that our entry goes, and do not come back; returns within seconds."""
        ...


class Contender:
    """A candidacy. `on_elected` is called once at most, and `on_deposed` once at most after it."""

    def __init__(
        self,
        group: Group,
        lease_s: float,
        on_elected: Callable[[str], None],
        on_deposed: Callable[[str], None],
        on_bug: Callable[[BaseException], None],
    ) -> None:
        """`on_elected` gets the name of our entry in the service, `on_deposed` a reason."""
        self._group = group
        self._leaving: asyncio.Task[None] | None = None
        self._candidate = Candidate(lease_s)
        performers: dict[type, Callable[[Any], None]] = {
            e.Enrol: lambda effect: group.enrol(effect.session),
            e.ConfirmLease: lambda effect: group.confirm(effect.session, effect.asked_at),
            e.Lead: lambda effect: on_elected(effect.entry),
            e.StepDown: lambda effect: on_deposed(effect.reason),
            e.Withdraw: lambda effect: self._withdraw(),
        }
        self._driver: Driver[e.Event, e.Effect] = Driver(
            self._candidate, performers, clock=clock, on_bug=on_bug
        )

    def start(self) -> None:
        """Contend, until the end."""
        self._driver.start()
        self._group.open(self._driver.feed)
        self._driver.feed(e.ContendRequested())

    def leads(self) -> bool:
        """Tell whether this master may serve at this instant: cheap, for every request."""
        return self._candidate.leads(clock())

    async def resign(self) -> None:
        """Give the candidacy up, and the place of a leader with it. Whoever leads has stopped serving."""
        self._driver.feed(e.ResignRequested())
        self._driver.stop()
        if self._leaving is not None:
            await self._leaving

    def _withdraw(self) -> None:
        self._leaving = asyncio.get_running_loop().create_task(self._group.close())
