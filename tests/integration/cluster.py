"""A master in this process, and agents that are played by messages, for integration tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from meseta.daemon.config import MASTER_FLAGS
from meseta.daemon.flags import parse_flags
from meseta.daemon.master import MasterDaemon
from meseta.testing.process import Process
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m

CAPABILITIES = ("MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "RESOURCE_PROVIDER")


@asynccontextmanager
async def running_master(*arguments: str) -> AsyncIterator[MasterDaemon]:
    """A master on a free port; a bug of the machine fails the test."""
    flags, _ = parse_flags(
        ["--ip=127.0.0.1", "--port=0", "--hostname=localhost", *arguments], {}, MASTER_FLAGS, []
    )
    bugs: list[BaseException] = []
    daemon = MasterDaemon(flags, bugs.append)
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop()
    assert not bugs


def pid_of(master: MasterDaemon) -> str:
    """The pid that a master is reached under."""
    return f"master@{master.ip}:{master.port}"


class PlayedAgent:
    """An agent that a test plays: it registers and answers pings; tasks are up to the test."""

    def __init__(self, master: str) -> None:
        self.master = master
        self.process = Process("slave(1)")
        self.id = ""

    async def __aenter__(self) -> PlayedAgent:
        await self.process.__aenter__()
        self.process.on_receive = self._answer_ping
        self.process.send(self.master, self.registration())
        self.id = (await self.process.receive(i.SlaveRegisteredMessage)).slave_id.value
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.process.__aexit__(None, None, None)

    def _answer_ping(self, sender: str, name: str, body: bytes) -> bool:
        if name != "mesos.internal.PingSlaveMessage":
            return False
        self.process.send(sender, i.PongSlaveMessage())
        return True

    def registration(self) -> i.RegisterSlaveMessage:
        """What it says when it joins: 4 cpus, 4 GB."""
        slave = i.SlaveInfo(hostname="played", port=self.process.port, checkpoint=True)
        for name, amount in (("cpus", 4.0), ("mem", 4096.0)):
            resource = slave.resources.add(name=name, type=m.Value.SCALAR)
            resource.scalar.value = amount
        message = i.RegisterSlaveMessage(slave=slave, version="1.12.0")
        for name in CAPABILITIES:
            message.agent_capabilities.add(type=m.AgentInfo.Capability.Type.Value(name))
        return message

    def update(self, run: i.RunTaskMessage, state: m.TaskState, uuid: bytes, *, message: str = "") -> None:
        """Report on a task that it was told to run."""
        task = run.task
        executor = task.executor.executor_id.value or task.task_id.value
        update = i.StatusUpdate(timestamp=1.0, uuid=uuid, latest_state=state)
        update.framework_id.CopyFrom(run.framework.id)
        update.executor_id.value = executor
        update.slave_id.value = self.id
        status = update.status
        status.task_id.CopyFrom(task.task_id)
        status.state, status.source, status.uuid = state, m.TaskStatus.SOURCE_EXECUTOR, uuid
        if message:
            status.message = message
        self.process.send(self.master, i.StatusUpdateMessage(update=update, pid=self.process.pid))
