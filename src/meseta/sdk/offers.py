"""Offers: what a framework may use now on one agent, and the ways to accept or decline it.

An offer is used once: whatever of it the accepted operations leave over goes back to the allocator.
It becomes void when the master rescinds it or the subscription is lost.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from meseta.ids import AgentId, OfferId
from meseta.sdk.faults import OfferError
from meseta.sdk.pool import Pool
from meseta.sdk.specs import ExecutorSpec, Task
from meseta.sdk.tasks import TaskHandle
from meseta.wire.gen import mesos_pb2

Operation = mesos_pb2.Offer.Operation


class OfferDesk(Protocol):
    """What an offer needs of its scheduler."""

    @property
    def framework_id(self) -> str | None: ...

    async def accept(
        self, offers: Sequence[Offer], operations: Sequence[Operation], /, *, refuse_s: float | None = None
    ) -> None: ...

    async def decline(self, offers: Sequence[Offer], /, *, refuse_s: float | None = None) -> None: ...

    def known_executor(self, agent_id: AgentId, executor_id: str, /) -> mesos_pb2.ExecutorInfo | None: ...

    async def launch(
        self,
        offer: Offer,
        operation: Operation,
        infos: Sequence[mesos_pb2.TaskInfo],
        refuse_s: float | None,
        /,
    ) -> list[TaskHandle]: ...


class Offer:
    """One offer. `message` is all of it; `used` tells that it was accepted, declined or became void."""

    def __init__(self, message: mesos_pb2.Offer, desk: OfferDesk) -> None:
        self.message = message
        self.id = OfferId(message.id.value)
        self.agent_id = AgentId(message.agent_id.value)
        self.hostname = message.hostname
        self.role = message.allocation_info.role or "*"
        self.used = False
        self._desk = desk
        self._pool = Pool(message.resources)

    def __repr__(self) -> str:
        return f"<Offer {self.id} {self.hostname} cpus:{self.cpus:g} mem:{self.mem:g}>"

    @property
    def cpus(self) -> float:
        """Cores, without revocable ones."""
        return self._pool.amount("cpus")

    @property
    def mem(self) -> float:
        """Memory in MiB."""
        return self._pool.amount("mem")

    @property
    def disk(self) -> float:
        """Disk in MiB, without volumes and special disks."""
        return self._pool.amount("disk")

    @property
    def gpus(self) -> float:
        """Graphics processors."""
        return self._pool.amount("gpus")

    @property
    def attributes(self) -> dict[str, float | str | list[tuple[int, int]]]:
        """The agent's attributes: numbers, texts, and ranges as pairs."""
        return {attribute.name: _attribute_value(attribute) for attribute in self.message.attributes}

    def fits(
        self,
        *tasks: Task,
        cpus: float = 0.0,
        mem: float = 0.0,
        disk: float = 0.0,
        gpus: float = 0.0,
        ports: int = 0,
    ) -> bool:
        """Tell whether the offer is open and has room for the tasks and amounts together."""
        wanted = {"cpus": cpus, "mem": mem, "disk": disk, "gpus": gpus}
        for amounts in self._amounts(tasks):
            _add(wanted, amounts)
        ports += sum(task.ports for task in tasks)
        return not self.used and not self._pool.lacks(wanted, ports)

    async def launch(self, task: Task, *, refuse_s: float | None = None) -> TaskHandle:
        """Launch one task; see `launch_all`."""
        return (await self.launch_all([task], refuse_s=refuse_s))[0]

    async def launch_all(self, tasks: Sequence[Task], *, refuse_s: float | None = None) -> list[TaskHandle]:
        """Launch tasks and give the rest back, not to be offered again for `refuse_s` seconds.

        Raises OfferError if the offer is used or too small. A task that the master or agent does not
        accept ends with TASK_ERROR or TASK_LOST, as its handle tells.
        """
        infos = self._build(tasks)
        operation = Operation(type=Operation.LAUNCH, launch=Operation.Launch(task_infos=infos))
        return await self._desk.launch(self, operation, infos, refuse_s)

    async def launch_group(
        self,
        tasks: Sequence[Task],
        *,
        executor_id: str,
        cpus: float = 0.1,
        mem: float = 32.0,
        disk: float = 32.0,
        refuse_s: float | None = None,
    ) -> list[TaskHandle]:
        """Launch tasks as a group: all or none start, and they share one default executor.

        `cpus`, `mem` and `disk` are the executor's own; the master wants some of each.
        """
        pool = self._take_open(tasks, {"cpus": cpus, "mem": mem, "disk": disk})
        executor = mesos_pb2.ExecutorInfo(type=mesos_pb2.ExecutorInfo.DEFAULT)
        executor.executor_id.value = executor_id
        executor.framework_id.value = self._desk.framework_id or ""
        executor.resources.extend(pool.take({"cpus": cpus, "mem": mem, "disk": disk}))
        infos = [task.to_message(self.agent_id, pool.take(task.amounts, task.ports), None) for task in tasks]
        group = Operation.LaunchGroup(executor=executor, task_group=mesos_pb2.TaskGroupInfo(tasks=infos))
        operation = Operation(type=Operation.LAUNCH_GROUP, launch_group=group)
        return await self._desk.launch(self, operation, infos, refuse_s)

    async def accept(self, *operations: Operation, refuse_s: float | None = None) -> None:
        """Apply raw operations, in order, to what is offered."""
        self.check_open()
        await self._desk.accept([self], operations, refuse_s=refuse_s)

    async def decline(self, *, refuse_s: float | None = None) -> None:
        """Give the offer back; the same is not offered again for `refuse_s` seconds (5 if None)."""
        if not self.used:
            await self._desk.decline([self], refuse_s=refuse_s)

    def check_open(self) -> None:
        """Raise OfferError if the offer can no longer be used."""
        if self.used:
            raise OfferError(f"offer {self.id} was used, rescinded or lost; wait for another one")

    def _build(self, tasks: Sequence[Task]) -> list[mesos_pb2.TaskInfo]:
        pool = self._take_open(tasks, {})
        executors: dict[str, mesos_pb2.ExecutorInfo] = {}
        infos = []
        for task in tasks:
            executor = None
            if task.executor is not None:
                executor = executors.get(task.executor.id) or self._executor(task.executor, pool)
                executors[task.executor.id] = executor
            infos.append(task.to_message(self.agent_id, pool.take(task.amounts, task.ports), executor))
        return infos

    def _take_open(self, tasks: Sequence[Task], extra: Mapping[str, float]) -> Pool:
        """Return a fresh pool that has room for everything, or raise OfferError."""
        self.check_open()
        wanted = dict(extra)
        for amounts in self._amounts(tasks):
            _add(wanted, amounts)
        ports = sum(task.ports for task in tasks)
        lacking = self._pool.lacks(wanted, ports)
        if lacking:
            name = lacking[0]
            left, need = (
                (self._pool.port_count(), ports)
                if name == "ports"
                else (self._pool.amount(name), wanted[name])
            )
            raise OfferError(
                f"offer {self.id} has {left:g} {name} and {need:g} are wanted; wait for a larger one"
            )
        return Pool(self.message.resources)

    def _amounts(self, tasks: Sequence[Task]) -> list[dict[str, float]]:
        """Return the amounts of the tasks, and of the executors that would have to be started for them."""
        specs = {task.executor.id: task.executor for task in tasks if task.executor is not None}
        started = [spec.amounts for spec in specs.values() if not self._runs(spec)]
        return [*started, *(task.amounts for task in tasks)]

    def _runs(self, spec: ExecutorSpec) -> bool:
        return self._desk.known_executor(self.agent_id, spec.id) is not None

    def _executor(self, spec: ExecutorSpec, pool: Pool) -> mesos_pb2.ExecutorInfo:
        """Return the executor as it was launched, since the agent refuses another one of the same id."""
        known = self._desk.known_executor(self.agent_id, spec.id)
        if known is not None:
            return known
        return spec.to_message(self._desk.framework_id or "", pool.take(spec.amounts))


def _add(wanted: dict[str, float], amounts: Mapping[str, float]) -> None:
    for name, amount in amounts.items():
        wanted[name] = wanted.get(name, 0.0) + amount


def _attribute_value(attribute: mesos_pb2.Attribute) -> float | str | list[tuple[int, int]]:
    if attribute.type == mesos_pb2.Value.SCALAR:
        return attribute.scalar.value
    if attribute.type == mesos_pb2.Value.RANGES:
        return [(span.begin, span.end) for span in attribute.ranges.range]
    return attribute.text.value


class OfferBook:
    """The open offers, and the queue of those that no reader has seen."""

    def __init__(self) -> None:
        self._open: dict[OfferId, Offer] = {}
        self._since: dict[OfferId, float] = {}
        self._unseen: dict[OfferId, Offer] = {}
        self._wake = asyncio.Event()
        self._end: Exception | None = None

    def __len__(self) -> int:
        return len(self._open)

    def add(self, offer: Offer, now: float, *, queue: bool) -> None:
        """Note a new offer, and queue it for readers."""
        self._open[offer.id] = offer
        self._since[offer.id] = now
        if queue:
            self._unseen[offer.id] = offer
            self._wake.set()

    def close(self, offer_id: OfferId) -> Offer | None:
        """Mark an offer as used or void; return it if it was open."""
        offer = self._open.pop(offer_id, None)
        self._since.pop(offer_id, None)
        self._unseen.pop(offer_id, None)
        if offer is not None:
            offer.used = True
        return offer

    def older_than(self, when: float) -> list[Offer]:
        """Return the open offers that came before `when`."""
        ids = itertools.takewhile(lambda offer_id: self._since[offer_id] < when, self._since)
        return [self._open[offer_id] for offer_id in ids]

    def close_all(self) -> None:
        """All offers are void."""
        for offer_id in list(self._open):
            self.close(offer_id)

    def end(self, error: Exception | None) -> None:
        """No offer will come any more: let readers end."""
        self.close_all()
        self._end = error or StopAsyncIteration()
        self._wake.set()

    async def next(self) -> Offer:
        """Return the next open offer that no reader has seen, waiting for it."""
        while not self._unseen:
            if self._end is not None:
                raise self._end
            self._wake.clear()
            await self._wake.wait()
        return self._unseen.pop(next(iter(self._unseen)))


class OfferFeed:
    """Async iterator over offers: asking for the next one settles the one before."""

    def __init__(self, book: OfferBook, settle: Callable[[Offer], Awaitable[None]]) -> None:
        self._book = book
        self._settle = settle
        self._current: Offer | None = None

    def __aiter__(self) -> OfferFeed:
        return self

    async def __anext__(self) -> Offer:
        previous, self._current = self._current, None
        if previous is not None and not previous.used:
            await self._settle(previous)
        self._current = await self._book.next()
        return self._current
