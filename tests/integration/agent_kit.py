"""An agent under test in this process, and a master that says what the test tells it to."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from meseta.daemon.agent import AgentDaemon
from meseta.daemon.config import AGENT_FLAGS
from meseta.daemon.flags import parse_flags
from meseta.runtime import loop
from meseta.runtime.links import Links
from meseta.runtime.server import HttpServer
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from tests.integration.daemons import end_supervisors

DEADLINE_S = 60.0
FRAMEWORK = "m-0000"
NO_PID = "@0.0.0.0:0"
PREFIX = "mesos.internal."


class Sent(NamedTuple):
    """A message of an agent."""

    name: str
    message: Any
    sender: str


class ScriptedMaster:
    """A master's end of the wire: it admits agents, and acknowledges updates if `acknowledges`."""

    def __init__(self) -> None:
        self.acknowledges = True
        self.admits = True
        self.inbox: list[Sent] = []
        self.agent_pid = ""
        self.agent_id = "m-S0"
        self._news = asyncio.Event()

    async def start(self, port: int = 0) -> None:
        self._links = Links()
        self._server = HttpServer(lambda request, responder: None, on_message=self._on_message)
        host, port = await self._server.listen("127.0.0.1", port)
        self.address, self.port = f"{host}:{port}", port
        self.pid = f"master@{self.address}"

    async def stop(self) -> None:
        await self._server.close()
        await self._links.close()

    # ── to the agent ──────────────────────────────────────────────────────────────────────────────────

    def send(self, message: Any, *, sender: str | None = None) -> None:
        name = PREFIX + type(message).__name__
        self._links.send(self.agent_pid, sender or self.pid, name, message.SerializeToString())

    def run(
        self, task: m.TaskInfo, *, checkpoint: bool = True, framework_pid: str = NO_PID, **framework: Any
    ) -> None:
        self.send(
            i.RunTaskMessage(
                framework=framework_info(checkpoint=checkpoint, **framework), task=task, pid=framework_pid
            )
        )

    def kill(self, task_id: str, grace_s: float | None = None) -> None:
        message = i.KillTaskMessage(
            framework_id=m.FrameworkID(value=FRAMEWORK), task_id=m.TaskID(value=task_id)
        )
        if grace_s is not None:
            message.kill_policy.grace_period.nanoseconds = round(grace_s * 1e9)
        self.send(message)

    def acknowledge(self, update: i.StatusUpdate) -> None:
        self.send(
            i.StatusUpdateAcknowledgementMessage(
                slave_id=update.slave_id,
                framework_id=update.framework_id,
                task_id=update.status.task_id,
                uuid=update.uuid,
            )
        )

    # ── from the agent ────────────────────────────────────────────────────────────────────────────────

    def _on_message(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        short = name.removeprefix(PREFIX)
        message = getattr(i, short).FromString(body)
        self.inbox.append(Sent(short, message, sender))
        self._react(short, message, sender)
        self._news.set()
        return True

    def _react(self, name: str, message: Any, sender: str) -> None:
        if name == "RegisterSlaveMessage" and self.admits:
            self.agent_pid = sender
            self.send(i.SlaveRegisteredMessage(slave_id=m.AgentID(value=self.agent_id)))
        elif name == "ReregisterSlaveMessage" and self.admits:
            self.agent_pid = sender
            self.send(i.SlaveReregisteredMessage(slave_id=message.slave.id))
        elif name == "StatusUpdateMessage" and self.acknowledges:
            self.acknowledge(message.update)

    async def wait_for(
        self, name: str, is_it: Callable[[Any], bool] = lambda message: True, *, count: int = 1
    ) -> Any:
        """Return the `count`th message of this name for which `is_it` holds."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = [sent.message for sent in self.inbox if sent.name == name and is_it(sent.message)]
                if len(found) >= count:
                    return found[count - 1]
                self._news.clear()
                await self._news.wait()

    async def status(self, task_id: str, state: str, *, count: int = 1) -> m.TaskStatus:
        """Return the `count`th update of a task with this state."""
        number = m.TaskState.Value(state)
        update = await self.wait_for(
            "StatusUpdateMessage",
            lambda it: it.update.status.task_id.value == task_id and it.update.status.state == number,
            count=count,
        )
        status: m.TaskStatus = update.update.status
        return status

    def states(self, task_id: str) -> list[str]:
        """Return the states of a task in the order in which they came, repetitions included."""
        return [
            m.TaskState.Name(sent.message.update.status.state)
            for sent in self.inbox
            if sent.name == "StatusUpdateMessage" and sent.message.update.status.task_id.value == task_id
        ]


# ── messages ──────────────────────────────────────────────────────────────────────────────────────────


def framework_info(*, checkpoint: bool = True, user: str = "root", **fields: Any) -> m.FrameworkInfo:
    info = m.FrameworkInfo(
        user=user,
        name="test",
        id=m.FrameworkID(value=FRAMEWORK),
        checkpoint=checkpoint,
        roles=["*"],
        **fields,
    )
    info.capabilities.add(type=m.FrameworkInfo.Capability.MULTI_ROLE)
    return info


def resources(cpus: float = 0.1, mem: float = 32) -> list[m.Resource]:
    return [
        m.Resource(
            name=name,
            type=m.Value.SCALAR,
            scalar=m.Value.Scalar(value=amount),
            allocation_info=m.Resource.AllocationInfo(role="*"),
        )
        for name, amount in (("cpus", cpus), ("mem", mem))
    ]


def command_task(name: str, command: str, **fields: Any) -> m.TaskInfo:
    return m.TaskInfo(
        name=f"name of {name}",
        task_id=m.TaskID(value=name),
        agent_id=m.AgentID(value="m-S0"),
        resources=fields.pop("resources", resources()),
        command=m.CommandInfo(value=command, **fields.pop("command_info", {})),
        **fields,
    )


def executor_info(name: str, command: str, **fields: Any) -> m.ExecutorInfo:
    return m.ExecutorInfo(
        executor_id=m.ExecutorID(value=name),
        framework_id=m.FrameworkID(value=FRAMEWORK),
        resources=resources(),
        command=m.CommandInfo(value=command),
        **{"type": m.ExecutorInfo.CUSTOM, **fields},
    )


def executor_task(name: str, executor: m.ExecutorInfo, **fields: Any) -> m.TaskInfo:
    return m.TaskInfo(
        name=name,
        task_id=m.TaskID(value=name),
        agent_id=m.AgentID(value="m-S0"),
        resources=resources(),
        executor=executor,
        **fields,
    )


# ── the agent ─────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def master_and_agent(
    directory: Path, **flags: str
) -> AsyncIterator[tuple[ScriptedMaster, AgentDaemon]]:
    """A scripted master and an agent that has registered with it; nothing of them is left behind."""
    async with scripted_master() as master, agent(directory, master, **flags) as daemon:
        await master.wait_for("UpdateSlaveMessage")
        yield master, daemon


@asynccontextmanager
async def scripted_master() -> AsyncIterator[ScriptedMaster]:
    master = ScriptedMaster()
    await master.start()
    try:
        yield master
    finally:
        await master.stop()


@asynccontextmanager
async def agent(
    directory: Path, master: ScriptedMaster, *, keeps_tasks: bool = False, **flags: str
) -> AsyncIterator[AgentDaemon]:
    """An agent in this process. With its end its supervisor and tasks are ended too, unless it keeps them."""
    with nullcontext() if keeps_tasks else supervisors_ended(directory):
        daemon = make_agent(directory, master.address, **flags)
        await daemon.start()
        try:
            yield daemon
        finally:
            await daemon.stop()


@contextmanager
def supervisors_ended(directory: Path) -> Iterator[None]:
    try:
        yield
    finally:
        end_supervisors(directory)


class AgentProcess:
    """An agent in a process of its own, to be killed and started again."""

    def __init__(self, directory: Path, master: str, **flags: str) -> None:
        self._directory = directory
        self.arguments = [f"--{name}={value}" for name, value in agent_flags(directory, master, **flags)]
        self.start()

    def start(self) -> None:
        with (self._directory / "agent.log").open("ab") as log:
            command = [sys.executable, "-m", "meseta.daemon.agent", *self.arguments]
            self.process = subprocess.Popen(command, stderr=log, cwd=os.getcwd())

    async def end(self, signum: int = signal.SIGKILL) -> int:
        """Send a signal and wait for the end; return the exit status."""
        self.process.send_signal(signum)
        return await asyncio.to_thread(self.process.wait, DEADLINE_S)


@contextmanager
def agent_process(directory: Path, master: ScriptedMaster, **flags: str) -> Iterator[AgentProcess]:
    """An agent process; with its end its supervisor and tasks are ended too."""
    with supervisors_ended(directory):
        this = AgentProcess(directory, master.address, **flags)
        try:
            yield this
        finally:
            if this.process.poll() is None:
                this.process.kill()
                this.process.wait(DEADLINE_S)


def make_agent(directory: Path, master: str, **flags: str) -> AgentDaemon:
    def fail(bug: BaseException) -> None:
        raise bug

    values, _ = parse_flags(
        [f"--{name}={value}" for name, value in agent_flags(directory, master, **flags)], {}, AGENT_FLAGS, ()
    )
    return AgentDaemon(values, fail, on_exit=lambda code: None)


def agent_flags(directory: Path, master: str, **flags: str) -> list[tuple[str, str]]:
    chosen = {
        "ip": "127.0.0.1",
        "hostname": "127.0.0.1",
        "port": "0",
        "master": master,
        "work_dir": str(directory / "work"),
        "resources": "cpus:4;mem:2048;disk:1024;ports:[31000-31999]",
        "isolation": "posix",
        "registration_backoff_factor": "10ms",
        **flags,
    }
    return list(chosen.items())


def sandbox(directory: Path, executor: str, framework: str = FRAMEWORK, agent: str = "m-S0") -> Path:
    """The sandbox of the newest run of an executor."""
    return directory / f"work/slaves/{agent}/frameworks/{framework}/executors/{executor}/runs/latest"


def output(directory: Path, executor: str, file: str = "stdout") -> str:
    """What is in a file of a sandbox so far, nothing if it is not there yet."""
    try:
        return (sandbox(directory, executor) / file).read_text()
    except FileNotFoundError:
        return ""


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test on a loop like that of a daemon."""

    async def bounded() -> None:
        async with asyncio.timeout(4 * DEADLINE_S):
            await test()

    loop.run(bounded())


async def until(condition: Callable[[], Any], what: str) -> None:
    """Wait until `condition()` holds."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)
    assert condition(), what
