"""The SDK against a real master, with agents that are played by messages."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meseta.daemon.master import MasterDaemon
from meseta.runtime.loop import run
from meseta.sdk import EndedError, Scheduler, Task, TaskState
from meseta.sdk.drivers import MesosSchedulerDriver
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from tests.integration.cluster import PlayedAgent, pid_of, running_master
from tests.integration.test_sdk_drivers import NotingScheduler, task_on

LIMIT_S = 120.0


def address(master: MasterDaemon) -> str:
    return f"{master.ip}:{master.port}"


async def work(agent: PlayedAgent) -> None:
    """Run every task: RUNNING, and FINISHED when that was acknowledged."""
    while True:
        run_task = await agent.process.receive(i.RunTaskMessage)
        for state in (m.TASK_RUNNING, m.TASK_FINISHED):
            name = uuid.uuid4().bytes
            agent.update(run_task, state, name)
            acknowledged = await agent.process.receive(i.StatusUpdateAcknowledgementMessage)
            assert acknowledged.uuid == name


@asynccontextmanager
async def cluster() -> AsyncIterator[MasterDaemon]:
    async with (
        asyncio.timeout(LIMIT_S),
        running_master() as master,
        PlayedAgent(pid_of(master)) as agent,
    ):
        working = asyncio.ensure_future(work(agent))
        try:
            yield master
        finally:
            working.cancel()


def test_tasks_run_from_offer_to_end() -> None:
    async def body() -> None:
        async with (
            cluster() as master,
            Scheduler(
                address(master),
                name="demo",
                roles=["eng"],
                decline_unused=False,  # Else the same CPUs may be offered twice before the last come back.
                hold_offers_s=LIMIT_S,
            ) as scheduler,
        ):
            updates = scheduler.updates()
            async for offer in scheduler.offers():
                assert (offer.role, offer.hostname) == ("eng", "played")
                tasks = await offer.launch_all(
                    [Task(command="x", cpus=1, mem=32) for _ in range(3)], refuse_s=0
                )
                break
            for task in tasks:
                assert (await task.wait()).succeeded
            states = [(await anext(updates)).state for _ in range(6)]
            assert states.count(TaskState.TASK_FINISHED) == 3
            offered_cpus = 0.0  # What was used is offered again, at once and so perhaps in parts.
            async for offer in scheduler.offers():
                offered_cpus += offer.cpus
                if offered_cpus == 4:
                    break

    run(body())


def test_what_the_master_refuses_ends_the_task_with_a_reason() -> None:
    async def body() -> None:
        async with cluster() as master, Scheduler(address(master)) as scheduler:
            offer = await anext(scheduler.offers())
            bad = await offer.launch(Task(id="a/b", command="x", cpus=1, mem=32))
            last = await bad.wait()
            assert last.state is TaskState.TASK_ERROR
            assert "invalid characters" in last.message

    run(body())


def test_suppressed_schedulers_get_offers_again_when_they_revive() -> None:
    async def body() -> None:
        async with cluster() as master, Scheduler(address(master)) as scheduler:
            offer = await anext(scheduler.offers())
            await scheduler.suppress()
            await offer.decline(refuse_s=3600)
            await scheduler.revive()
            again = await anext(scheduler.offers())
            assert again.agent_id == offer.agent_id

    run(body())


def test_unknown_tasks_are_told_when_they_are_killed_or_asked_for() -> None:
    async def body() -> None:
        async with cluster() as master, Scheduler(address(master)) as scheduler:
            updates = scheduler.updates()
            await scheduler.kill("nobody")
            update = await anext(updates)
            assert (update.task_id, update.state) == ("nobody", TaskState.TASK_UNKNOWN)

    run(body())


def test_a_second_scheduler_with_the_same_id_takes_over() -> None:
    async def body() -> None:
        async with cluster() as master:
            first = Scheduler(address(master), name="first")
            await first.start()
            async with Scheduler(address(master), framework_id=first.framework_id) as second:
                assert second.framework_id == first.framework_id
                with pytest.raises(EndedError, match="Framework failed over"):
                    await first.run()
                await first.stop()
                assert (await anext(second.offers())).cpus == 4

    run(body())


def test_a_framework_that_was_torn_down_is_refused() -> None:
    async def body() -> None:
        async with cluster() as master:
            async with Scheduler(address(master)) as scheduler:
                framework_id = scheduler.framework_id
            with pytest.raises(EndedError, match="removed"):
                await Scheduler(address(master), framework_id=framework_id).start()

    run(body())


def test_the_classic_driver_runs_a_task() -> None:
    async def body() -> None:
        async with cluster() as master:
            scheduler = NotingScheduler()
            framework = m.FrameworkInfo(user="", name="classic", failover_timeout=60)
            driver = MesosSchedulerDriver(scheduler, framework, address(master))
            driver.start()
            assert (await scheduler.next())[0] == "registered"
            offer = (await scheduler.next())[1][0]
            task = task_on(offer)
            task.resources.add(name="cpus", type=m.Value.SCALAR, scalar={"value": 1})
            driver.launchTasks(offer.id, [task])
            assert await scheduler.next() == ("update", "t", m.TASK_RUNNING)
            assert await scheduler.next() == ("update", "t", m.TASK_FINISHED)
            driver.stop()
            await asyncio.to_thread(driver.join)

    run(body())


def test_an_offer_filter_says_which_agents_are_of_use() -> None:
    async def body() -> None:
        wanted = 'hostname == "played" and cpus >= 0.5 and not has(rack)'
        unwanted = {"eng": "hostname in ('elsewhere', 'nowhere')"}
        async with (
            cluster() as master,
            Scheduler(address(master), roles=["eng"], offer_filter=unwanted) as idle,
            Scheduler(address(master), roles=["eng"], offer_filter=wanted) as scheduler,
        ):
            offer = await anext(scheduler.offers())
            assert offer.hostname == "played"
            state = master.machine.state
            assert idle.framework_id is not None
            assert not state.frameworks[idle.framework_id].offers

    run(body())


def test_an_offer_filter_that_cannot_be_used_is_refused_with_its_place() -> None:
    async def body() -> None:
        async with cluster() as master:
            with pytest.raises(EndedError, match="at character 6: expected a comparison"):
                async with Scheduler(address(master), roles=["eng"], offer_filter="cpus 4"):
                    pass

    run(body())
