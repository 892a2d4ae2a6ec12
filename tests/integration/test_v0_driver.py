"""Drivers of the v0 libprocess protocol (what Marathon, Spark, Aurora, Chronos and Jenkins link).

A driver and an agent are played message by message against a real master on real sockets.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from meseta.runtime.client import HttpClient
from meseta.runtime.loop import run
from meseta.testing.process import Process
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.gen import scheduler_v0_pb2 as v0
from tests.integration.cluster import PlayedAgent, pid_of, running_master


class Driver:
    """A scheduler driver, as far as the master can see one."""

    def __init__(self, process: Process, master: str) -> None:
        self.process = process
        self.master = master
        self.framework_id = ""

    async def subscribe(self, *, framework_id: str = "", force: bool = False) -> None:
        """Subscribe, and wait to be registered."""
        call = v0.Call(type=s.Call.SUBSCRIBE)
        info = call.subscribe.framework_info
        info.user, info.name, info.failover_timeout = "nobody", "v0", 60.0
        info.roles.append("web")
        for kind in ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE"):
            info.capabilities.add(type=m.FrameworkInfo.Capability.Type.Value(kind))
        call.subscribe.force = force
        if framework_id:
            call.framework_id.value = info.id.value = framework_id
        self.process.send(self.master, call)

    async def registered(self) -> None:
        """Wait for the first answer."""
        answer = await self.process.receive(i.FrameworkRegisteredMessage)
        assert answer.master_info.pid == self.master
        self.framework_id = answer.framework_id.value

    def call(self, kind: s.Call.Type) -> v0.Call:
        """A call of this framework."""
        call = v0.Call(type=kind)
        call.framework_id.value = self.framework_id
        return call

    def send(self, message: Any) -> None:
        """Send to the master."""
        self.process.send(self.master, message)

    async def offer(self) -> m.Offer:
        """Wait for an offer."""
        return (await self.process.receive(i.ResourceOffersMessage)).offers[0]

    async def update(self, state: m.TaskState) -> i.StatusUpdateMessage:
        """Wait for an update to this state."""
        return await self.process.receive(i.StatusUpdateMessage, lambda u: u.update.status.state == state)


def task(name: str, agent_id: str, *, executor: bool = False) -> m.TaskInfo:
    """A task of one cpu."""
    info = m.TaskInfo(name=name)
    info.task_id.value, info.agent_id.value = name, agent_id
    for resource_name, amount in (("cpus", 1.0), ("mem", 64.0)):
        info.resources.add(name=resource_name, type=m.Value.SCALAR).scalar.value = amount
    if executor:
        info.executor.executor_id.value = "own"
        info.executor.command.value = "run"
    else:
        info.command.value = "true"
    return info


@asynccontextmanager
async def cluster() -> AsyncIterator[tuple[Driver, PlayedAgent]]:
    """A master, a played agent and a registered driver."""
    async with (
        running_master() as daemon,
        PlayedAgent(pid_of(daemon)) as agent,
        Process(f"scheduler-{uuid.uuid4()}") as process,
    ):
        driver = Driver(process, pid_of(daemon))
        await driver.subscribe()
        await driver.registered()
        yield driver, agent


async def launch(driver: Driver, agent: PlayedAgent, info: m.TaskInfo) -> i.RunTaskMessage:
    """Accept the next offer with a task, and return what the agent is told."""
    offer = await driver.offer()
    accept = driver.call(s.Call.ACCEPT)
    accept.accept.offer_ids.append(offer.id)
    accept.accept.operations.add(type=m.Offer.Operation.LAUNCH).launch.task_infos.append(info)
    accept.accept.filters.refuse_seconds = 0
    driver.send(accept)
    return await agent.process.receive(i.RunTaskMessage)


def case(scenario: Any) -> Any:
    """Run an async test on the loop that production uses."""

    def wrapped() -> None:
        coroutine: Coroutine[Any, Any, None] = scenario()
        run(coroutine)

    wrapped.__name__ = scenario.__name__
    wrapped.__doc__ = scenario.__doc__
    return wrapped


@case
async def test_a_task_lives_and_ends() -> None:
    async with cluster() as (driver, agent):
        told = await launch(driver, agent, task("t1", agent.id))
        assert told.pid == driver.process.pid
        assert told.framework.id.value == driver.framework_id
        assert {r.allocation_info.role for r in told.task.resources} == {"web"}
        for state in (m.TASK_RUNNING, m.TASK_FINISHED):
            identity = uuid.uuid4().bytes
            agent.update(told, state, identity)
            update = await driver.update(state)
            assert (update.update.uuid, update.pid) == (identity, agent.process.pid)
            acknowledge = driver.call(s.Call.ACKNOWLEDGE)
            acknowledge.acknowledge.agent_id.value = agent.id
            acknowledge.acknowledge.task_id.value = "t1"
            acknowledge.acknowledge.uuid = identity
            driver.send(acknowledge)
            told_back = await agent.process.receive(i.StatusUpdateAcknowledgementMessage)
            assert told_back.uuid == identity
        offer = await driver.offer()
        assert {r.name: r.scalar.value for r in offer.resources if r.HasField("scalar")}["cpus"] == 4.0


@case
async def test_offers_name_the_pid_of_their_agent() -> None:
    async with cluster() as (driver, agent):
        message = await driver.process.receive(i.ResourceOffersMessage)
        assert list(message.pids) == [agent.process.pid]
        assert message.offers[0].url.path == "/slave(1)"


@case
async def test_a_kill_reaches_the_agent() -> None:
    async with cluster() as (driver, agent):
        await launch(driver, agent, task("t1", agent.id))
        kill = driver.call(s.Call.KILL)
        kill.kill.task_id.value = "t1"
        kill.kill.kill_policy.grace_period.nanoseconds = 5
        driver.send(kill)
        told = await agent.process.receive(i.KillTaskMessage)
        assert (told.task_id.value, told.kill_policy.grace_period.nanoseconds) == ("t1", 5)


@case
async def test_reconciliation_tells_what_is_known_and_what_is_not() -> None:
    async with cluster() as (driver, agent):
        told = await launch(driver, agent, task("t1", agent.id))
        agent.update(told, m.TASK_RUNNING, uuid.uuid4().bytes)
        await driver.update(m.TASK_RUNNING)
        reconcile = driver.call(s.Call.RECONCILE)
        reconcile.reconcile.tasks.add().task_id.value = "nobody"
        driver.send(reconcile)
        unknown = (await driver.update(m.TASK_UNKNOWN)).update
        assert (unknown.status.reason, unknown.HasField("uuid")) == (
            m.TaskStatus.REASON_RECONCILIATION,
            False,
        )
        implicit = driver.call(s.Call.RECONCILE)
        implicit.reconcile.SetInParent()
        driver.send(implicit)
        known = (await driver.update(m.TASK_RUNNING)).update
        assert known.status.task_id.value == "t1"


@case
async def test_messages_go_both_ways() -> None:
    async with cluster() as (driver, agent):
        told = await launch(driver, agent, task("t1", agent.id, executor=True))
        assert told.launch_executor
        message = driver.call(s.Call.MESSAGE)
        message.message.agent_id.value = agent.id
        message.message.executor_id.value = "own"
        message.message.data = b"\x00down"
        driver.send(message)
        assert (await agent.process.receive(i.FrameworkToExecutorMessage)).data == b"\x00down"
        up = i.ExecutorToFrameworkMessage(data=b"up\xff")
        up.slave_id.value, up.framework_id.value, up.executor_id.value = agent.id, driver.framework_id, "own"
        agent.process.send(agent.master, up)
        assert (await driver.process.receive(i.ExecutorToFrameworkMessage)).data == b"up\xff"


@case
async def test_a_second_driver_needs_force_to_take_over() -> None:
    async with cluster() as (driver, _agent), Process("scheduler-second") as process:
        await driver.offer()
        second = Driver(process, driver.master)
        await second.subscribe(framework_id=driver.framework_id)
        assert (await process.receive(i.FrameworkErrorMessage)).message == "Framework failed over"
        await second.subscribe(framework_id=driver.framework_id, force=True)
        await second.registered()
        assert second.framework_id == driver.framework_id
        assert (await driver.process.receive(i.FrameworkErrorMessage)).message == "Framework failed over"
        await second.offer()


@case
async def test_the_same_driver_may_subscribe_again() -> None:
    async with cluster() as (driver, _agent):
        offer = await driver.offer()
        await driver.subscribe(framework_id=driver.framework_id)
        rescinded = await driver.process.receive(i.RescindResourceOfferMessage)
        assert rescinded.offer_id == offer.id
        again = await driver.process.receive(i.FrameworkReregisteredMessage)
        assert again.framework_id.value == driver.framework_id


@case
async def test_a_declined_agent_is_held_back_until_revived() -> None:
    async with cluster() as (driver, _agent):
        offer = await driver.offer()
        decline = driver.call(s.Call.DECLINE)
        decline.decline.offer_ids.append(offer.id)
        decline.decline.filters.refuse_seconds = 1000
        driver.send(decline)
        with pytest.raises(TimeoutError):
            await driver.process.receive(i.ResourceOffersMessage, timeout_s=1.5)
        driver.send(driver.call(s.Call.REVIVE))
        await driver.offer()


@case
async def test_messages_of_old_drivers_are_understood() -> None:
    async with running_master() as daemon, PlayedAgent(pid_of(daemon)) as agent, Process("old(1)") as process:
        driver = Driver(process, pid_of(daemon))
        driver.send(
            i.RegisterFrameworkMessage(
                framework=m.FrameworkInfo(user="nobody", name="old", failover_timeout=9)
            )
        )
        await driver.registered()
        offer = await driver.offer()
        assert {r.role for r in offer.resources} == {"*"}
        launch_tasks = i.LaunchTasksMessage(filters=m.Filters(refuse_seconds=0), offer_ids=[offer.id])
        launch_tasks.framework_id.value = driver.framework_id
        launch_tasks.tasks.append(task("t1", agent.id))
        driver.send(launch_tasks)
        told = await agent.process.receive(i.RunTaskMessage)
        identity = uuid.uuid4().bytes
        agent.update(told, m.TASK_RUNNING, identity)
        await driver.update(m.TASK_RUNNING)
        acknowledge = i.StatusUpdateAcknowledgementMessage(uuid=identity)
        acknowledge.slave_id.value, acknowledge.task_id.value = agent.id, "t1"
        acknowledge.framework_id.value = driver.framework_id
        driver.send(acknowledge)
        await agent.process.receive(i.StatusUpdateAcknowledgementMessage)
        kill = i.KillTaskMessage()
        kill.framework_id.value, kill.task_id.value = driver.framework_id, "t1"
        driver.send(kill)
        await agent.process.receive(i.KillTaskMessage)
        unregister = i.UnregisterFrameworkMessage()
        unregister.framework_id.value = driver.framework_id
        driver.send(unregister)
        assert (
            await agent.process.receive(i.ShutdownFrameworkMessage)
        ).framework_id.value == driver.framework_id


@case
async def test_garbage_is_dropped_and_counted() -> None:
    async with cluster() as (driver, agent):
        garbage = (
            (b"\xff\xff\xff", "mesos.scheduler.Call"),
            (b"", "mesos.scheduler.Call"),
            (b"", "mesos.internal.NoSuchMessage"),
            (b"\x0a\x03\x0a\x01\xff", "mesos.internal.UnregisterFrameworkMessage"),
            (b"", "mesos.internal.StatusUpdateMessage"),
        )
        for body, name in garbage:
            driver.process.send(driver.master, body, name=name)
        broken = i.StatusUpdateMessage(pid="no pid at all")
        broken.update.framework_id.value = driver.framework_id
        broken.update.timestamp = 1.0
        broken.update.status.task_id.value = "t"
        broken.update.status.state = m.TASK_RUNNING
        driver.send(broken)
        await launch(driver, agent, task("t1", agent.id))
        counted = await metrics(driver.master)
        assert counted["master/dropped_messages"] == len(garbage)
        assert counted["master/invalid_status_updates"] == 1


async def metrics(master: str) -> dict[str, float]:
    """What a master has counted."""
    async with HttpClient() as http:
        answer = await http.request("GET", f"http://{master.partition('@')[2]}/metrics/snapshot")
    counted: dict[str, float] = json.loads(answer.body)
    return counted


@case
async def test_a_driver_that_is_gone_can_come_back_within_its_failover_timeout() -> None:
    async with cluster() as (driver, agent):
        await launch(driver, agent, task("t1", agent.id))
        await driver.process.stop()
        async with Process("scheduler-heir") as process:
            heir = Driver(process, driver.master)
            await asyncio.sleep(0.2)
            await heir.subscribe(framework_id=driver.framework_id, force=True)
            await heir.registered()
            implicit = heir.call(s.Call.RECONCILE)
            implicit.reconcile.SetInParent()
            heir.send(implicit)
            assert (await heir.update(m.TASK_STAGING)).update.status.task_id.value == "t1"
