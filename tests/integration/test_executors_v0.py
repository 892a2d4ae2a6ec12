"""Executors that speak libprocess messages, as those of the classic driver do.

The test plays the executor itself, message by message; the process that the agent has started only waits.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from meseta.runtime.links import Links
from meseta.runtime.server import HttpServer
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from tests.integration.agent_kit import (
    DEADLINE_S,
    FRAMEWORK,
    PREFIX,
    ScriptedMaster,
    agent,
    executor_info,
    executor_task,
    master_and_agent,
    output,
    run,
    scripted_master,
    until,
)

WAITS = "echo $MESOS_SLAVE_PID; exec sleep 1000"
FRAMEWORK_ID = m.FrameworkID(value=FRAMEWORK)
EXECUTOR_ID = m.ExecutorID(value="e1")
AGENT_ID = m.AgentID(value="m-S0")


class Peer:
    """A libprocess process of the test: an executor, or a framework's driver."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inbox: list[Any] = []
        self._news = asyncio.Event()

    async def start(self) -> None:
        self.links = Links()
        self._server = HttpServer(lambda request, responder: None, on_message=self._on_message)
        host, port = await self._server.listen("127.0.0.1", 0)
        self.pid = f"{self.name}@{host}:{port}"

    async def stop(self) -> None:
        await self._server.close()
        await self.links.close()

    def _on_message(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        self.inbox.append(getattr(i, name.removeprefix(PREFIX)).FromString(body))
        self._news.set()
        return True

    def send(self, to: str, message: Any) -> None:
        self.links.send(to, self.pid, PREFIX + type(message).__name__, message.SerializeToString())

    async def wait_for(self, kind: type[Any], is_it: Callable[[Any], bool] = lambda message: True) -> Any:
        """Take out and return the first message of this type."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                for message in self.inbox:
                    if isinstance(message, kind) and is_it(message):
                        self.inbox.remove(message)
                        return message
                self._news.clear()
                await self._news.wait()

    def update(self, to: str, task_id: str, state: int, *, uuid_bytes: bytes | None = None) -> bytes:
        """Send an update as the driver does; return its uuid."""
        name = uuid.uuid4().bytes if uuid_bytes is None else uuid_bytes
        self.send(to, i.StatusUpdateMessage(update=status_update(task_id, state, name), pid=self.pid))
        return name


def status_update(task_id: str, state: int, name: bytes) -> i.StatusUpdate:
    return i.StatusUpdate(
        framework_id=FRAMEWORK_ID,
        executor_id=EXECUTOR_ID,
        slave_id=AGENT_ID,
        timestamp=1.0,
        uuid=name,
        status=m.TaskStatus(
            task_id=m.TaskID(value=task_id), state=state, agent_id=AGENT_ID, uuid=name, data=b"data"
        ),
    )


@asynccontextmanager
async def peer(name: str) -> AsyncIterator[Peer]:
    this = Peer(name)
    await this.start()
    try:
        yield this
    finally:
        await this.stop()


async def registered(master: ScriptedMaster, executor: Peer, directory: Path, **run: Any) -> str:
    """Have a task launched and the executor registered; return the agent's pid as the executor learns it."""
    master.run(executor_task("t1", executor_info("e1", WAITS, data=b"for the executor")), **run)
    await until(lambda: output(directory, "e1").endswith("\n"), "the executor's process runs")
    agent_pid = output(directory, "e1").strip()
    executor.send(agent_pid, i.RegisterExecutorMessage(framework_id=FRAMEWORK_ID, executor_id=EXECUTOR_ID))
    return agent_pid


def test_it_registers_and_runs_a_task(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _), peer("executor(1)") as executor:
            agent_pid = await registered(master, executor, tmp_path)
            greeting = await executor.wait_for(i.ExecutorRegisteredMessage)
            assert greeting.executor_info.data == b"for the executor"
            assert greeting.slave_id.value == greeting.slave_info.id.value == "m-S0"
            assert [resource.name for resource in greeting.slave_info.resources] == [
                "cpus",
                "mem",
                "disk",
                "ports",
            ]
            task = await executor.wait_for(i.RunTaskMessage)
            assert task.task.task_id.value == "t1"
            assert task.pid == "@0.0.0.0:0"
            name = executor.update(agent_pid, "t1", m.TASK_RUNNING)
            running = await master.status("t1", "TASK_RUNNING")
            assert (running.uuid, running.data, running.source) == (
                name,
                b"data",
                m.TaskStatus.SOURCE_EXECUTOR,
            )
            acknowledged = await executor.wait_for(i.StatusUpdateAcknowledgementMessage)
            assert acknowledged.uuid == name

    run(body)


def test_it_is_told_to_kill_and_to_end(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _), peer("executor(1)") as executor:
            agent_pid = await registered(master, executor, tmp_path)
            await executor.wait_for(i.RunTaskMessage)
            executor.update(agent_pid, "t1", m.TASK_RUNNING)
            master.kill("t1", 2)
            kill = await executor.wait_for(i.KillTaskMessage)
            assert kill.kill_policy.grace_period.nanoseconds == 2_000_000_000
            executor.update(agent_pid, "t1", m.TASK_KILLED)
            await master.status("t1", "TASK_KILLED")
            master.send(i.ShutdownExecutorMessage(framework_id=FRAMEWORK_ID, executor_id=EXECUTOR_ID))
            await executor.wait_for(i.ShutdownExecutorMessage)

    run(body)


def test_messages_go_straight_to_a_framework_s_driver(tmp_path: Path) -> None:
    async def body() -> None:
        async with (
            master_and_agent(tmp_path) as (master, _),
            peer("executor(1)") as executor,
            peer("scheduler-1") as driver,
        ):
            agent_pid = await registered(master, executor, tmp_path, framework_pid=driver.pid)
            task = await executor.wait_for(i.RunTaskMessage)
            assert task.pid == driver.pid
            ids = {"framework_id": FRAMEWORK_ID, "executor_id": EXECUTOR_ID, "slave_id": AGENT_ID}
            driver.send(agent_pid, i.FrameworkToExecutorMessage(**ids, data=b"down"))
            assert (await executor.wait_for(i.FrameworkToExecutorMessage)).data == b"down"
            executor.send(agent_pid, i.ExecutorToFrameworkMessage(**ids, data=b"up"))
            assert (await driver.wait_for(i.ExecutorToFrameworkMessage)).data == b"up"

    run(body)


def test_one_that_nobody_expects_is_told_to_end(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, daemon), peer("executor(1)") as executor:
            agent_pid = f"slave(1)@127.0.0.1:{daemon.port}"
            executor.send(
                agent_pid, i.RegisterExecutorMessage(framework_id=FRAMEWORK_ID, executor_id=EXECUTOR_ID)
            )
            await executor.wait_for(i.ShutdownExecutorMessage)
            assert master.agent_pid == agent_pid

    run(body)


def test_updates_that_cannot_be_used_are_dropped(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, daemon), peer("executor(1)") as executor:
            agent_pid = await registered(master, executor, tmp_path)
            await executor.wait_for(i.RunTaskMessage)
            executor.update(agent_pid, "t1", m.TASK_RUNNING, uuid_bytes=b"short")
            executor.update(agent_pid, "t1", m.TASK_RUNNING, uuid_bytes=b"")
            counters = daemon.machine.state.counters.as_metrics
            await until(lambda: counters()["slave/invalid_status_updates"] == 2, "both are dropped")
            executor.update(agent_pid, "t1", m.TASK_FINISHED)
            await master.status("t1", "TASK_FINISHED")
            assert master.states("t1") == ["TASK_FINISHED"]

    run(body)


def test_it_is_asked_to_reconnect_after_an_agent_restart(tmp_path: Path) -> None:
    async def body() -> None:
        async with scripted_master() as master, peer("executor(1)") as executor:
            async with agent(tmp_path, master, keeps_tasks=True):
                await master.wait_for("UpdateSlaveMessage")
                agent_pid = await registered(master, executor, tmp_path)
                await executor.wait_for(i.RunTaskMessage)
                executor.update(agent_pid, "t1", m.TASK_RUNNING)
                await executor.wait_for(i.StatusUpdateAcknowledgementMessage)
                await master.status("t1", "TASK_RUNNING")
            async with agent(tmp_path, master, executor_reregistration_timeout="60secs") as daemon:
                reconnect = await executor.wait_for(i.ReconnectExecutorMessage)
                assert reconnect.slave_id.value == "m-S0"
                missed = status_update("t1", m.TASK_FINISHED, uuid.uuid4().bytes)
                executor.send(
                    f"slave(1)@127.0.0.1:{daemon.port}",
                    i.ReregisterExecutorMessage(
                        framework_id=FRAMEWORK_ID, executor_id=EXECUTOR_ID, updates=[missed]
                    ),
                )
                await executor.wait_for(i.ExecutorReregisteredMessage)
                await master.status("t1", "TASK_FINISHED")

    run(body)


def test_it_survives_the_loss_of_its_link(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, daemon):
            async with peer("executor(1)") as executor:
                await registered(master, executor, tmp_path)
                await executor.wait_for(i.RunTaskMessage)
            pid = next(iter(daemon.machine.state.containers)).pid
            assert pid is not None
            assert os.path.exists(f"/proc/{pid}"), "only the end of its process ends it"

    run(body)
