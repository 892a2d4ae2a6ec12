"""The classic drivers over real sockets: callbacks on one thread, methods from any."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from meseta.sdk import SdkError
from meseta.sdk.drivers import Executor, MesosExecutorDriver, MesosSchedulerDriver, Scheduler
from meseta.testing import FakeAgent, FakeMaster
from meseta.wire.gen import executor_pb2, mesos_pb2, scheduler_pb2

Call = scheduler_pb2.Call
ExecutorCall = executor_pb2.Call
LIMIT_S = 120.0
FRAMEWORK = mesos_pb2.FrameworkInfo(user="", name="classic", failover_timeout=60)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await test()

    asyncio.run(limited())


class Heard:
    """Notes callbacks, with their thread."""

    def __init__(self) -> None:
        self.queue: queue.Queue[tuple[Any, ...]] = queue.Queue()
        self.threads: set[str] = set()

    def note(self, *what: Any) -> None:
        self.threads.add(threading.current_thread().name)
        self.queue.put(what)

    async def next(self) -> tuple[Any, ...]:
        return await asyncio.to_thread(self.queue.get, timeout=LIMIT_S)


class NotingScheduler(Scheduler, Heard):
    def __init__(self) -> None:
        Heard.__init__(self)

    def registered(self, driver: Any, frameworkId: Any, masterInfo: Any) -> None:
        self.note("registered", frameworkId.value)

    def reregistered(self, driver: Any, masterInfo: Any) -> None:
        self.note("reregistered")

    def disconnected(self, driver: Any) -> None:
        self.note("disconnected")

    def resourceOffers(self, driver: Any, offers: Any) -> None:
        self.note("offers", offers)

    def offerRescinded(self, driver: Any, offerId: Any) -> None:
        self.note("rescinded", offerId.value)

    def statusUpdate(self, driver: Any, status: Any) -> None:
        self.note("update", status.task_id.value, status.state)

    def frameworkMessage(self, driver: Any, executorId: Any, slaveId: Any, message: Any) -> None:
        self.note("message", executorId.value, message)

    def slaveLost(self, driver: Any, slaveId: Any) -> None:
        self.note("slave lost")

    def executorLost(self, driver: Any, executorId: Any, slaveId: Any, status: Any) -> None:
        self.note("executor lost", executorId.value, status)

    def error(self, driver: Any, message: Any) -> None:
        self.note("error", message)


def task_on(offer: mesos_pb2.Offer) -> mesos_pb2.TaskInfo:
    info = mesos_pb2.TaskInfo(name="t", agent_id=offer.agent_id)
    info.task_id.value = "t"
    info.command.value = "true"
    return info


def test_a_scheduler_lives_its_whole_life() -> None:
    async def body() -> None:
        async with FakeMaster(runs_tasks=True) as master:
            scheduler = NotingScheduler()
            driver = MesosSchedulerDriver(scheduler, FRAMEWORK, master.address)
            assert driver.declineOffer(mesos_pb2.OfferID(value="o")) == mesos_pb2.DRIVER_NOT_STARTED
            assert driver.start() == mesos_pb2.DRIVER_RUNNING
            assert await scheduler.next() == ("registered", master.framework_id)
            rescinded = master.offer()
            (_, offers) = await scheduler.next()
            master.rescind(rescinded)
            assert await scheduler.next() == ("rescinded", rescinded)
            driver.launchTasks(offers[0].id, [task_on(offers[0])], mesos_pb2.Filters(refuse_seconds=3))
            assert await scheduler.next() == ("update", "t", mesos_pb2.TASK_RUNNING)
            assert await scheduler.next() == ("update", "t", mesos_pb2.TASK_FINISHED)
            accept = (await master.next_call(Call.ACCEPT)).accept
            assert accept.filters.refuse_seconds == 3
            master.message("e", b"data")
            assert await scheduler.next() == ("message", "e", b"data")
            master.failure("e", 256)
            master.failure()
            assert await scheduler.next() == ("executor lost", "e", 256)
            assert await scheduler.next() == ("slave lost",)
            assert driver.stop() == mesos_pb2.DRIVER_STOPPED
            assert await asyncio.to_thread(driver.join) == mesos_pb2.DRIVER_STOPPED
            await master.next_call(Call.TEARDOWN)
            assert scheduler.threads == {"meseta-callbacks"}

    run(body)


def test_every_method_makes_its_call() -> None:
    async def body() -> None:
        async with FakeMaster() as master:
            scheduler = NotingScheduler()
            driver = MesosSchedulerDriver(scheduler, FRAMEWORK, master.address)
            driver.start()
            await scheduler.next()
            driver.declineOffer(mesos_pb2.OfferID(value="o"), mesos_pb2.Filters(refuse_seconds=1))
            driver.killTask(mesos_pb2.TaskID(value="t"))
            driver.suppressOffers()
            driver.reviveOffers(["*"])
            driver.sendFrameworkMessage(
                mesos_pb2.ExecutorID(value="e"), mesos_pb2.AgentID(value="s"), b"data"
            )
            status = mesos_pb2.TaskStatus(state=mesos_pb2.TASK_RUNNING)
            status.task_id.value = "t"
            driver.reconcileTasks([status])
            driver.requestResources([mesos_pb2.Request()])
            info = mesos_pb2.FrameworkInfo()
            info.CopyFrom(FRAMEWORK)
            driver.updateFramework(info)
            await master.next_call(Call.UPDATE_FRAMEWORK)
            kinds = [call.type for call in master.calls]
            assert kinds == [
                Call.SUBSCRIBE,
                Call.DECLINE,
                Call.KILL,
                Call.SUPPRESS,
                Call.REVIVE,
                Call.MESSAGE,
                Call.RECONCILE,
                Call.REQUEST,
                Call.UPDATE_FRAMEWORK,
            ]
            with pytest.raises(SdkError, match="acknowledges by itself"):
                driver.acknowledgeStatusUpdate(status)
            driver.stop(failover=True)
            await asyncio.to_thread(driver.join)
            assert master.calls[-1].type == Call.UPDATE_FRAMEWORK

    run(body)


def test_explicit_acknowledgements() -> None:
    async def body() -> None:
        async with FakeMaster() as master:
            scheduler = NotingScheduler()
            driver = MesosSchedulerDriver(
                scheduler, FRAMEWORK, master.address, implicitAcknowledgements=False
            )
            driver.start()
            await scheduler.next()
            name = master.update("t", mesos_pb2.TASK_RUNNING)
            await scheduler.next()
            assert [call.type for call in master.calls] == [Call.SUBSCRIBE]
            status = mesos_pb2.TaskStatus(state=mesos_pb2.TASK_RUNNING, uuid=name)
            status.task_id.value = "t"
            status.agent_id.value = "s"
            driver.acknowledgeStatusUpdate(status)
            assert (await master.next_call(Call.ACKNOWLEDGE)).acknowledge.uuid == name
            driver.abort()
            assert await asyncio.to_thread(driver.join) == mesos_pb2.DRIVER_ABORTED

    run(body)


def test_tasks_launched_without_a_master_are_lost() -> None:
    async def body() -> None:
        async with FakeMaster() as master:
            scheduler = NotingScheduler()
            driver = MesosSchedulerDriver(scheduler, FRAMEWORK, master.address)
            driver.start()
            await scheduler.next()
            master.offer()
            (_, offers) = await scheduler.next()
            await master.stop()
            assert await scheduler.next() == ("disconnected",)
            driver.launchTasks([offers[0].id], [task_on(offers[0])])
            assert await scheduler.next() == ("update", "t", mesos_pb2.TASK_LOST)
            await master.start()
            assert await scheduler.next() == ("reregistered",)
            driver.stop()
            await asyncio.to_thread(driver.join)

    run(body)


def test_an_error_aborts_the_driver() -> None:
    async def body() -> None:
        async with FakeMaster() as master:
            scheduler = NotingScheduler()
            driver = MesosSchedulerDriver(scheduler, FRAMEWORK, master.address)
            ended = asyncio.ensure_future(asyncio.to_thread(driver.run))
            await scheduler.next()
            master.error("Framework has been removed")
            assert await scheduler.next() == (
                "error",
                "the master ended the framework: Framework has been removed",
            )
            assert await ended == mesos_pb2.DRIVER_ABORTED
            assert driver.stop() == mesos_pb2.DRIVER_ABORTED

    run(body)


def test_a_callback_that_raises_aborts_the_driver() -> None:
    class Bad(Scheduler):
        def registered(self, driver: Any, frameworkId: Any, masterInfo: Any) -> None:
            raise ZeroDivisionError

    async def body() -> None:
        async with FakeMaster() as master:
            driver = MesosSchedulerDriver(Bad(), FRAMEWORK, master.address)
            assert await asyncio.to_thread(driver.run) == mesos_pb2.DRIVER_ABORTED

    run(body)


class NotingExecutor(Executor, Heard):
    def __init__(self) -> None:
        Heard.__init__(self)

    def registered(self, driver: Any, executorInfo: Any, frameworkInfo: Any, slaveInfo: Any) -> None:
        self.note("registered", frameworkInfo.name)

    def reregistered(self, driver: Any, slaveInfo: Any) -> None:
        self.note("reregistered")

    def disconnected(self, driver: Any) -> None:
        self.note("disconnected")

    def launchTask(self, driver: Any, task: Any) -> None:
        status = mesos_pb2.TaskStatus(task_id=task.task_id, state=mesos_pb2.TASK_RUNNING)
        driver.sendStatusUpdate(status)
        self.note("launch", task.task_id.value)

    def killTask(self, driver: Any, taskId: Any) -> None:
        driver.sendStatusUpdate(mesos_pb2.TaskStatus(task_id=taskId, state=mesos_pb2.TASK_KILLED))
        self.note("kill", taskId.value)

    def frameworkMessage(self, driver: Any, message: Any) -> None:
        driver.sendFrameworkMessage(message.upper())
        self.note("message", message)

    def shutdown(self, driver: Any) -> None:
        self.note("shutdown")

    def error(self, driver: Any, message: Any) -> None:
        self.note("error", message)


def test_an_executor_lives_its_whole_life(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with FakeAgent() as agent:
            for name, value in agent.environment.items():
                monkeypatch.setenv(name, value)
            executor = NotingExecutor()
            driver = MesosExecutorDriver(executor)
            ended = asyncio.ensure_future(asyncio.to_thread(driver.run))
            assert await executor.next() == ("registered", "fake")
            agent.launch("a", "b")
            assert await executor.next() == ("launch", "a")
            assert await executor.next() == ("launch", "b")
            agent.message(b"hi")
            assert await executor.next() == ("message", b"hi")
            assert (await agent.next_call(ExecutorCall.MESSAGE)).message.data == b"HI"
            await agent.stop()
            assert await executor.next() == ("disconnected",)
            await agent.start()
            assert await executor.next() == ("reregistered",)
            agent.kill("a")
            assert await executor.next() == ("kill", "a")
            agent.shutdown()
            assert await executor.next() == ("shutdown",)
            assert await ended == mesos_pb2.DRIVER_STOPPED
            assert agent.states["a"] == [mesos_pb2.TASK_RUNNING, mesos_pb2.TASK_KILLED]
            assert agent.states["b"] == [mesos_pb2.TASK_RUNNING]

    run(body)


def test_an_unwanted_executor_hears_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with FakeAgent() as agent:
            for name, value in agent.environment.items():
                monkeypatch.setenv(name, value)
            executor = NotingExecutor()
            driver = MesosExecutorDriver(executor)
            driver.start()
            await executor.next()
            agent.error("unwanted")
            assert await executor.next() == ("error", "the agent ended the executor: unwanted")
            assert await executor.next() == ("shutdown",)
            assert await asyncio.to_thread(driver.join) == mesos_pb2.DRIVER_STOPPED

    run(body)
