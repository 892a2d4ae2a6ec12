"""Status updates through one agent: executor, disk, master, acknowledgement, and the disk again.

    python -m benchmarks.agent_updates [UPDATES] [TASKS] [directory]

The agent's machine, its checkpointer (a real directory) and the wire forms of all messages are those of the
daemon; executors and master are emulated in this process and their sockets left out. Each of TASKS tasks of
one custom executor reports UPDATES / TASKS times; its next report comes with the acknowledgement of the one
before, so that TASKS are on their way at any time and what comes together is one batch for the disk.
Messages of the peers are made beforehand: only what an agent does is counted, on one thread and its writer.

Goal: 5,000 updates per second, of CPU and of wall time.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from meseta.agent import effects as x
from meseta.agent import events as e
from meseta.agent.agent import Agent
from meseta.agent.state import AgentConfig
from meseta.containers.effects import PrepareSandbox, StartContainer
from meseta.containers.events import ContainerStarted, SandboxPrepared
from meseta.ids import AgentId, ExecutorId, FrameworkId, Pid
from meseta.records import CommandInfo, ExecutorInfo, FrameworkInfo
from meseta.resources import Resources
from meseta.runtime import loop
from meseta.runtime.checkpointer import Checkpointer
from meseta.runtime.driver import Driver
from meseta.wire.executor_link import call_event, call_fault, event_bytes
from meseta.wire.gen import executor_pb2 as v1
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_task
from meseta.wire.master_link import master_event, master_message_bytes

MASTER = Pid("master@127.0.0.1:5050")
FRAMEWORK = FrameworkId("m-0000")
AGENT = AgentId("m-S0")
EXECUTOR = ExecutorId("e1")
ACKNOWLEDGED = "mesos.internal.StatusUpdateAcknowledgementMessage"


class Bench:
    """One agent with what is emulated around it."""

    def __init__(self, directory: str, tasks: int, updates: int) -> None:
        config = AgentConfig(
            pid=Pid("slave(1)@127.0.0.1:5051"),
            hostname="h",
            ip="127.0.0.1",
            port=5051,
            resources=Resources.scalars(cpus=tasks, mem=32 * tasks),
            work_dir=directory,
        )
        self.machine = Agent(config, random.Random(1))
        self._checkpointer = Checkpointer(
            directory, lambda ticket: self.driver.feed(e.Checkpointed(ticket)), self._on_bug
        )
        self.driver: Driver[e.AgentEvent, x.AgentEffect] = Driver(
            self.machine, self._performers(), clock=time.time, on_bug=self._on_bug
        )
        self._tasks = [f"t{number}" for number in range(tasks)]
        each = updates // tasks
        self._calls = {task: [update_call(task) for _ in range(each)] for task in self._tasks}
        self.left = each * tasks
        self.done = asyncio.Event()
        self.bugs: list[BaseException] = []

    def _on_bug(self, bug: BaseException) -> None:
        self.bugs.append(bug)
        self.done.set()

    def _performers(self) -> dict[type, Callable[[Any], Any]]:
        nothing: dict[type, Callable[[Any], object]] = {
            kind: lambda effect: None for kind in (*x.AgentEffect.__args__, StartContainer, PrepareSandbox)
        }
        return {
            **nothing,
            x.SendToMaster: self._send_to_master,
            x.SendToExecutor: lambda effect: event_bytes(effect.message, as_json=False),
            x.Checkpoint: self._checkpointer.write,
            PrepareSandbox: lambda effect: self.driver.feed(SandboxPrepared(effect.container_id)),
            StartContainer: lambda effect: self.driver.feed(
                ContainerStarted(container_id=effect.plan.container_id, pid=1)
            ),
        }

    def prepare(self) -> None:
        """Register, and launch all tasks on one executor."""
        feed = self.driver.feed
        self.driver.start()
        feed(e.Recovered())
        feed(e.MasterDetected(MASTER))
        feed(e.AgentRegistered(sender=MASTER, agent_id=AGENT, total_ping_timeout_s=1e9))
        framework = FrameworkInfo(user="nobody", name="f", id=FRAMEWORK, checkpoint=True)
        executor = ExecutorInfo(
            executor_id=EXECUTOR,
            framework_id=FRAMEWORK,
            resources=Resources.scalars(cpus=0.1, mem=32),
            command=CommandInfo(value="./executor"),
            raw=m.ExecutorInfo(executor_id=m.ExecutorID(value=EXECUTOR)).SerializeToString(),
        )
        for name in self._tasks:
            feed(e.RunTaskReceived(sender=MASTER, framework=framework, task=task_of(name, executor)))
        feed(e.ExecutorSubscribed(stream=1, framework_id=FRAMEWORK, executor_id=EXECUTOR))

    def begin(self) -> None:
        """Let every task report for the first time."""
        for task in self._tasks:
            self._report(task)

    def _report(self, task: str) -> None:
        calls = self._calls[task]
        if calls:
            call = v1.Call.FromString(calls.pop())
            assert call_fault(call) is None
            event = call_event(call)
            assert event is not None
            self.driver.feed(event)

    def _send_to_master(self, effect: x.SendToMaster) -> None:
        _, body = master_message_bytes(effect.message)
        if isinstance(effect.message, x.UpdateStatus):
            asyncio.get_running_loop().call_soon(self._acknowledge, body)

    def _acknowledge(self, body: bytes) -> None:
        update = i.StatusUpdateMessage.FromString(body).update
        answer = i.StatusUpdateAcknowledgementMessage(
            slave_id=update.slave_id,
            framework_id=update.framework_id,
            task_id=update.status.task_id,
            uuid=update.uuid,
        )
        event = master_event(ACKNOWLEDGED, answer.SerializeToString(), MASTER)
        assert event is not None
        self.driver.feed(event)
        self.left -= 1
        if not self.left:
            self.done.set()
        self._report(update.status.task_id.value)

    async def close(self) -> None:
        """Wait for the disk, and end."""
        await self._checkpointer.flush()
        self.driver.stop()
        self._checkpointer.close()


def task_of(name: str, executor: ExecutorInfo) -> Any:
    """Return a task for the executor, as it came."""
    info = m.TaskInfo(name=name, task_id=m.TaskID(value=name), agent_id=m.AgentID(value=AGENT))
    info.executor.executor_id.value = EXECUTOR
    info.executor.framework_id.value = FRAMEWORK
    info.executor.command.value = "./executor"
    for kind, amount in (("cpus", 0.1), ("mem", 16.0)):
        resource = info.resources.add(name=kind, type=m.Value.SCALAR)
        resource.scalar.value = amount
    return lift_task(info, with_command=True)


def update_call(task: str) -> bytes:
    """Return an executor's UPDATE call."""
    call = v1.Call(type=v1.Call.UPDATE)
    call.framework_id.value, call.executor_id.value = FRAMEWORK, EXECUTOR
    status = call.update.status
    status.task_id.value, status.state = task, m.TASK_RUNNING
    status.source, status.uuid = m.TaskStatus.SOURCE_EXECUTOR, uuid4().bytes
    status.timestamp, status.message = time.time(), "still at work"
    return call.SerializeToString()


async def measure(directory: str, updates: int, tasks: int) -> dict[str, float]:
    """Return the rates."""
    bench = Bench(directory, tasks, updates)
    bench.prepare()
    await asyncio.sleep(0.5)
    count, cpu, wall = bench.left, time.process_time(), time.perf_counter()
    bench.begin()
    await asyncio.wait_for(bench.done.wait(), 300)
    await bench.close()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    assert not bench.bugs, bench.bugs
    return {"updates": count, "updates_per_cpu_s": count / cpu, "updates_per_s": count / wall}


def main() -> None:
    """Run and print."""
    arguments = sys.argv[1:] + ["20000", "200", ""][len(sys.argv) - 1 :]
    updates, tasks = int(arguments[0]), int(arguments[1])
    with tempfile.TemporaryDirectory(dir=arguments[2] or None) as directory:
        figures = loop.run(measure(directory, updates, tasks))
    print(
        f"{figures['updates']:,.0f} updates of {tasks} tasks: {figures['updates_per_cpu_s']:,.0f} per second"
        f" of CPU, {figures['updates_per_s']:,.0f} per second"
    )
    print(json.dumps({"name": "agent.updates", "tasks": tasks, **figures}))


if __name__ == "__main__":
    main()
