"""Writes the master's registry beside its loop: the mutations that come together are one commit.

    write(mutation, ticket) ──▶ queue ──all of it, in one thread──▶ store ──▶ on_persisted(ticket), for each
                                  ▲ what comes meanwhile is the next commit

Nothing is reported before it is durable, and everything in the order in which it was asked for. A store that
refuses a commit, or takes too long over it, is lost: what it holds is not known any more. Then `on_lost` is
called once, and nothing is reported ever again. The master must end: another one that starts reads what is
there. To try again instead would be wrong: after a failed sync a disk may report success for data that it
has dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from msgspec.structs import replace

from meseta.errors import StoreError, WireError
from meseta.master.events import Ticket
from meseta.master.registry import ForgetAgents, Mutation, Recovered
from meseta.runtime.stores.store import Store
from meseta.runtime.worker import Errands
from meseta.wire.registry import changes_of, read_registry

QUEUE_MAX = 100_000
"""Mutations that wait for the store; with more it is lost."""
UNREACHABLE_MAX = 100_000
"""Unreachable agents that are kept over a start of the master: the latest ones, as many as it remembers."""
CLOSE_TIMEOUT_S = 5.0


class Timeouts(NamedTuple):
    """How long the store may take, in seconds."""

    fetch_s: float = 60.0
    """To be opened and read."""
    store_s: float = 20.0
    """For one commit."""


DEFAULT_TIMEOUTS = Timeouts()
"""Mesos's."""


class Registrar:
    """The one who uses a store. Call it from its loop only; `recover` first."""

    def __init__(
        self,
        store: Store,
        on_persisted: Callable[[Ticket], None],
        on_lost: Callable[[BaseException], None],
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> None:
        self._store = store
        self._on_persisted = on_persisted
        self._on_lost = on_lost
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._errands = Errands("registry", Exception)
        self._tickets: list[Ticket] = []
        self._mutations: list[Mutation] = []
        """What the next commit is to hold; of a record's changes the last one stays."""
        self._is_submitted = False
        self._is_closed = False
        self._alarm: asyncio.TimerHandle | None = None

    async def recover(self) -> Recovered:
        """Take the store and return what the registry holds.

        Raises:
            StoreError: the store cannot be used; says why and what to do.
        """
        try:
            async with asyncio.timeout(self._timeouts.fetch_s):
                return await self._errands.ask(self._load)
        except TimeoutError:
            raise StoreError(
                f"the registry {self._store.name} was not read within {self._timeouts.fetch_s:g}secs: see "
                "to the disk, or raise --registry_fetch_timeout"
            ) from None

    def write(self, mutation: Mutation, ticket: Ticket) -> None:
        """Perform `Persist`."""
        if self._is_closed:
            return
        if len(self._tickets) >= QUEUE_MAX:
            self._lose(StoreError(f"the registry {self._store.name} is too slow: {QUEUE_MAX} changes wait"))
            return
        self._mutations.append(mutation)
        self._tickets.append(ticket)
        if not self._is_submitted:
            self._is_submitted = True
            # At the end of the turn: what one turn of the loop causes is one commit.
            self._loop.call_soon(self._submit)

    async def close(self) -> None:
        """Report nothing more, and let others have the store once the commit under way is done."""
        self._stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._errands.close(self._store.close)

    def _submit(self) -> None:
        if self._is_closed:
            return
        tickets, self._tickets = self._tickets, []
        mutations, self._mutations = self._mutations, []
        self._alarm = self._loop.call_later(self._timeouts.store_s, self._on_stuck)
        self._errands.do(
            lambda: self._store.commit(changes_of(mutations)),
            lambda _: self._on_committed(tickets),
            self._on_refused,
        )

    def _on_committed(self, tickets: list[Ticket]) -> None:
        if self._is_closed:
            return
        assert self._alarm is not None, "each commit has its alarm"
        self._alarm.cancel()
        for ticket in tickets:
            if self._is_closed:
                return
            self._on_persisted(ticket)
        if self._tickets:
            self._loop.call_soon(self._submit)
        else:
            self._is_submitted = False

    def _on_refused(self, fault: BaseException) -> None:
        if not self._is_closed:
            self._lose(fault)

    def _on_stuck(self) -> None:
        self._lose(
            StoreError(
                f"the registry {self._store.name} took no change within {self._timeouts.store_s:g}secs: see "
                "to the disk, or raise --registry_store_timeout"
            )
        )

    def _lose(self, fault: BaseException) -> None:
        self._stop()
        self._on_lost(fault)

    def _stop(self) -> None:
        self._is_closed = True
        self._tickets.clear()
        self._mutations.clear()
        if self._alarm is not None:
            self._alarm.cancel()

    # ── in the thread ─────────────────────────────────────────────────────────────────────────────────

    def _load(self) -> Recovered:
        try:
            return self._forget_oldest(read_registry(self._store.open()))
        except WireError as fault:
            raise StoreError(f"the registry {self._store.name} cannot be used: {fault}") from None

    def _forget_oldest(self, recovered: Recovered) -> Recovered:
        surplus = recovered.unreachable[:-UNREACHABLE_MAX]
        if surplus:
            self._store.commit(changes_of((ForgetAgents(tuple(id for id, _ in surplus)),)))
        return replace(recovered, unreachable=recovered.unreachable[len(surplus) :])
