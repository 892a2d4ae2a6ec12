"""Refusals: what a framework does not want to be offered again for a while.

A framework that declines, or leaves part of what it accepts, refuses those resources of that agent in
that role. Until the refusal expires, nothing of that agent that is contained in them is offered to the
framework in that role; as soon as there is more, it is.

Time rules (src/master/allocator/mesos/hierarchical.cpp): 5 s by default, also for negative or unusable
values; 0 is no filter; at least one allocation interval; at most 365 days. An expiry is noticed by the
first batch at or after it. Batches are at multiples of the allocation interval, so refusals are kept by
the number of the batch that ends them.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator

import msgspec

from meseta.allocator.sorter import Client
from meseta.ids import AgentId
from meseta.records import Filters
from meseta.resources import Resources

REFUSE_DEFAULT_S = 5.0
REFUSE_MAX_S = 365 * 24 * 3600.0
REFUSALS_PER_AGENT_MAX = 32
"""Of one client; beyond, the one that ends first goes early. It is an optimisation for the framework."""


def refuse_s(filters: Filters, interval_s: float) -> float:
    """Return for how long `filters` refuse, in seconds; 0: not at all."""
    wanted = filters.refuse_s
    if math.isnan(wanted) or wanted < 0:
        wanted = REFUSE_DEFAULT_S
    if wanted == 0:
        return 0.0
    return max(interval_s, min(wanted, REFUSE_MAX_S))


class Refusal(msgspec.Struct, eq=False, frozen=True, gc=False):
    """One refusal in force. There can be millions, so the garbage collector is spared them."""

    client: Client
    agent_id: AgentId
    resources: Resources
    batch: int


class Refusals:
    """All refusals in force, found by client and agent, and by the batch that ends them."""

    __slots__ = ("_batches", "_by_client", "_heap", "interval_s")

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self._by_client: dict[Client, dict[AgentId, tuple[Refusal, ...]]] = {}
        self._batches: dict[int, dict[Refusal, None]] = {}
        self._heap: list[int] = []

    def __len__(self) -> int:
        return sum(len(refusals) for refusals in self._batches.values())

    def __iter__(self) -> Iterator[Refusal]:
        return (refusal for batch in self._batches.values() for refusal in batch)

    def add(self, client: Client, agent_id: AgentId, resources: Resources, until: float) -> None:
        """Refuse these resources of an agent until the first batch at or after `until`."""
        batch = math.ceil(until / self.interval_s)
        for old in self.of(client, agent_id):
            if old.batch <= batch and resources.contains(old.resources):
                self._drop(old)
        if len(here := self.of(client, agent_id)) == REFUSALS_PER_AGENT_MAX:
            self._drop(min(here, key=lambda old: old.batch))
        refusal = Refusal(client, agent_id, resources, batch)
        by_agent = self._by_client.setdefault(client, {})
        by_agent[agent_id] = (*by_agent.get(agent_id, ()), refusal)
        if batch not in self._batches:
            self._batches[batch] = {}
            self._push(batch)
        self._batches[batch][refusal] = None

    def of(self, client: Client, agent_id: AgentId) -> tuple[Refusal, ...]:
        """Return what a client refuses of an agent."""
        by_agent = self._by_client.get(client)
        return by_agent.get(agent_id, ()) if by_agent is not None else ()

    def ends_s(self, refusal: Refusal) -> float:
        """Return the time of the batch that ends a refusal."""
        return refusal.batch * self.interval_s

    def next_s(self) -> float | None:
        """Return the time of the next batch that ends refusals."""
        heap = self._heap
        while heap and heap[0] not in self._batches:
            heapq.heappop(heap)
        return heap[0] * self.interval_s if heap else None

    def expire(self, now: float) -> list[Refusal]:
        """Take out what the batches up to `now` end."""
        expired: list[Refusal] = []
        while (when := self.next_s()) is not None and when <= now:
            ended = list(self._batches[self._heap[0]])
            for refusal in ended:
                self._drop(refusal)
            expired += ended
        return expired

    def remove_client(self, client: Client) -> list[AgentId]:
        """Forget all that a client refuses, and return of which agents it did."""
        by_agent = self._by_client.pop(client, {})
        for refusals in by_agent.values():
            for refusal in refusals:
                self._forget(refusal)
        return list(by_agent)

    def remove_agent(self, agent_id: AgentId) -> list[Client]:
        """Forget all that is refused of an agent, and return who did."""
        clients = [client for client, by_agent in self._by_client.items() if agent_id in by_agent]
        for client in clients:
            for refusal in self.of(client, agent_id):
                self._drop(refusal)
        return clients

    def _drop(self, refusal: Refusal) -> None:
        by_agent = self._by_client[refusal.client]
        rest = tuple(other for other in by_agent[refusal.agent_id] if other is not refusal)
        if rest:
            by_agent[refusal.agent_id] = rest
        else:
            del by_agent[refusal.agent_id]
            if not by_agent:
                del self._by_client[refusal.client]
        self._forget(refusal)

    def _forget(self, refusal: Refusal) -> None:
        ending = self._batches[refusal.batch]
        del ending[refusal]
        if not ending:
            del self._batches[refusal.batch]

    def _push(self, batch: int) -> None:
        """Note a batch; numbers of batches that no longer end anything stay until they are too many."""
        heapq.heappush(self._heap, batch)
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._batches):
            self._heap = sorted(self._batches)
