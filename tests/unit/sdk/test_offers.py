"""Offers and the resources that tasks take out of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from meseta.ids import AgentId, OfferId
from meseta.sdk import ExecutorSpec, Offer, OfferError, Task, TaskHandle
from meseta.sdk.offers import OfferBook, OfferFeed, Operation
from meseta.sdk.pool import Pool
from meseta.wire.gen import mesos_pb2


def scalar(name: str, value: float, *roles: str) -> mesos_pb2.Resource:
    resource = mesos_pb2.Resource(name=name, type=mesos_pb2.Value.SCALAR)
    resource.scalar.value = value
    resource.allocation_info.role = "eng"
    for role in roles:
        resource.reservations.add(role=role, type=mesos_pb2.Resource.ReservationInfo.STATIC)
    return resource


def ports(*spans: tuple[int, int]) -> mesos_pb2.Resource:
    resource = mesos_pb2.Resource(name="ports", type=mesos_pb2.Value.RANGES)
    for first, last in spans:
        resource.ranges.range.add(begin=first, end=last)
    return resource


class Desk:
    """Stands for a scheduler: notes what is launched."""

    framework_id = "f"

    def __init__(self) -> None:
        self.executors: dict[tuple[str, str], mesos_pb2.ExecutorInfo] = {}
        self.operations: list[Operation] = []

    async def accept(
        self, offers: Sequence[Offer], operations: Sequence[Operation], /, *, refuse_s: float | None = None
    ) -> None:
        self.operations += operations

    async def decline(self, offers: Sequence[Offer], /, *, refuse_s: float | None = None) -> None:
        for offer in offers:
            offer.used = True

    def known_executor(self, agent_id: AgentId, executor_id: str, /) -> mesos_pb2.ExecutorInfo | None:
        return self.executors.get((agent_id, executor_id))

    async def launch(
        self,
        offer: Offer,
        operation: Operation,
        infos: Sequence[mesos_pb2.TaskInfo],
        refuse_s: float | None,
        /,
    ) -> list[TaskHandle]:
        self.operations.append(operation)
        offer.used = True
        return [TaskHandle(info, None) for info in infos]  # type: ignore[arg-type]


def offer(desk: Desk, number: int = 0, *resources: mesos_pb2.Resource) -> Offer:
    message = mesos_pb2.Offer(hostname="host")
    message.id.value = f"m-O{number}"
    message.agent_id.value = "m-S0"
    message.framework_id.value = "f"
    message.resources.extend(resources or [scalar("cpus", 4), scalar("mem", 1024), ports((31000, 31009))])
    return Offer(message, desk)


def test_reserved_resources_are_taken_first_and_parts_keep_what_marks_them() -> None:
    pool = Pool([scalar("cpus", 2), scalar("cpus", 1, "eng"), scalar("cpus", 0.5, "eng", "eng/web")])
    taken = pool.take({"cpus": 1.7})
    assert [(part.scalar.value, len(part.reservations)) for part in taken] == [(0.5, 2), (1.0, 1), (0.2, 0)]
    assert all(part.allocation_info.role == "eng" for part in taken)
    assert pool.amount("cpus") == 1.8
    assert pool.lacks({"cpus": 1.801, "gpus": 1}) == ["cpus", "gpus"]
    assert pool.lacks({"cpus": 1.8, "gpus": 0}) == []


def test_ports_are_taken_from_the_start_of_the_ranges() -> None:
    pool = Pool([ports((10, 11), (20, 29))])
    (taken,) = pool.take({}, ports=4)
    assert [(span.begin, span.end) for span in taken.ranges.range] == [(10, 11), (20, 21)]
    assert pool.port_count() == 8
    assert pool.lacks({}, ports=9) == ["ports"]


def test_volumes_revocable_and_shared_resources_are_left_alone() -> None:
    volume = scalar("disk", 100)
    volume.disk.persistence.id = "v"
    revocable = scalar("cpus", 8)
    revocable.revocable.SetInParent()
    assert Pool([volume, revocable, scalar("disk", 5)]).amount("disk") == 5
    assert Pool([revocable]).amount("cpus") == 0


async def _launch() -> None:
    desk = Desk()
    lot = offer(desk)
    assert (lot.cpus, lot.mem, lot.role) == (4, 1024, "*")
    assert lot.fits(cpus=4)
    assert not lot.fits(Task(cpus=3), Task(cpus=2))
    handles = await lot.launch_all(
        [Task(command="echo $PORT0", cpus=1, mem=64, ports=2), Task(command="x", cpus=1)]
    )
    assert handles[0].ports == [31000, 31001]
    launched = desk.operations[0].launch.task_infos[0]
    assert {variable.name: variable.value for variable in launched.command.environment.variables} == {
        "PORT0": "31000",
        "PORT1": "31001",
    }
    assert launched.command.shell
    assert not lot.fits(cpus=1)
    with pytest.raises(OfferError, match="used, rescinded or lost"):
        await lot.launch(Task(command="x"))


def test_launching_takes_the_resources_of_all_tasks_out_of_one_offer() -> None:
    asyncio.run(_launch())


async def _too_small() -> None:
    with pytest.raises(OfferError, match="has 4 cpus and 5 are wanted"):
        await offer(Desk()).launch(Task(command="x", cpus=5))


def test_an_offer_that_is_too_small_says_what_lacks() -> None:
    asyncio.run(_too_small())


async def _executor() -> None:
    desk = Desk()
    spec = ExecutorSpec(id="e", command="./run", cpus=0.5, mem=64, data=b"d", shutdown_grace_s=2)
    task = Task(executor=spec, cpus=1.75, data=b"work")
    first, second = offer(desk).fits(task, task), offer(desk).fits(task, task, cpus=0.1)
    assert (first, second) == (True, False), "the executor counts once"
    await offer(desk).launch_all([task, task])
    infos = desk.operations[0].launch.task_infos
    assert infos[0].executor == infos[1].executor
    assert [part.scalar.value for part in infos[0].executor.resources] == [0.5, 64]
    desk.executors["m-S0", "e"] = infos[0].executor
    assert offer(desk).fits(task, task, cpus=0.5), "a running executor needs nothing more"
    await offer(desk, 2).launch(task)
    assert desk.operations[1].launch.task_infos[0].executor == infos[0].executor


def test_an_executor_is_paid_for_once_per_agent() -> None:
    asyncio.run(_executor())


async def _group() -> None:
    desk = Desk()
    tasks = [Task(command="a", cpus=1), Task(command="b", cpus=1)]
    lot = offer(desk, 0, scalar("cpus", 4), scalar("mem", 64), scalar("disk", 64))
    await lot.launch_group(tasks, executor_id="pod")
    group = desk.operations[0].launch_group
    assert group.executor.type == mesos_pb2.ExecutorInfo.DEFAULT
    assert [task.command.value for task in group.task_group.tasks] == ["a", "b"]


def test_a_task_group_shares_a_default_executor() -> None:
    asyncio.run(_group())


async def _iterate() -> None:
    desk, book, passed = Desk(), OfferBook(), []

    async def settle(unused: Offer) -> None:
        passed.append(unused.id)

    for number in range(4):
        book.add(offer(desk, number), float(number), queue=True)
    feed = OfferFeed(book, settle)
    first = await anext(feed)
    await first.decline()
    book.close(OfferId("m-O2"))
    second = await anext(feed)
    last = await anext(feed)
    assert [first.id, second.id, last.id] == ["m-O0", "m-O1", "m-O3"]
    assert passed == ["m-O1"]
    assert [old.id for old in book.older_than(2.0)] == ["m-O0", "m-O1"]
    book.end(None)
    assert [lot.id async for lot in feed] == []


def test_iterating_skips_void_offers_and_settles_those_passed_over() -> None:
    asyncio.run(_iterate())
