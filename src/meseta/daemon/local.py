"""A cluster on this machine: a master and agents as child processes, and the certainty that none is left.

An agent's tasks are children of its supervisor, which outlives the agent by design. So the process that
runs a local cluster adopts orphans (`PR_SET_CHILD_SUBREAPER`): whatever any of its daemons started remains
its descendant, and stopping ends all descendants, however deep and in whichever session.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from meseta.errors import MesetaError, UnreachableError
from meseta.runtime.client import HttpClient
from meseta.runtime.linux.processes import read_forest, send

IP = "127.0.0.1"
PORTS_FIRST = 31000
PORTS_PER_AGENT = 1000
AGENTS_MAX = 30
"""More would run out of ports below 61000."""
START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 1.0
STOP_GRACE_S = 5.0
END_TIMEOUT_S = 10.0
POLL_S = 0.05
LOG_LINES_SHOWN = 5
PORT_ATTEMPTS = 3

PR_SET_CHILD_SUBREAPER = 36


class LocalError(MesetaError):
    """The cluster cannot be started, or one of its daemons has ended; says which and what it said."""


class AgentShape(NamedTuple):
    """What an agent claims to have, whatever this machine has. `mem` and `disk` are MiB."""

    cpus: float
    mem: float
    disk: float = 10_240.0


class Member(NamedTuple):
    """A daemon of the cluster."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class LocalCluster:
    """A master and one agent per shape. Use it within `async with`: it is up inside, and gone afterwards.

    `port` is the master's, 0 picks a free one. Without a `work_dir` everything is kept in a temporary
    directory that goes with the cluster; with one, it stays, and the next cluster there recovers from it.
    """

    def __init__(self, shapes: Sequence[AgentShape], *, port: int = 0, work_dir: str | None = None) -> None:
        self._shapes = shapes
        self._port = port
        self._keeps_dir = work_dir is not None
        self.dir = Path(work_dir or tempfile.mkdtemp(prefix="meseta-")).absolute()
        self.master = ""
        """Address of the master, once there is one."""
        self._members: list[Member] = []

    async def __aenter__(self) -> LocalCluster:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start everything, and wait until all agents are registered. Raises LocalError."""
        adopt_orphans()
        self.dir.mkdir(parents=True, exist_ok=True)
        async with HttpClient() as http:
            await self._start_master(http)
            for number, shape in enumerate(self._shapes, 1):
                self._launch(f"agent-{number}", "agent", *self._agent_flags(number, shape))
            await self._until("all agents to register", lambda: self._all_registered(http))

    async def stop(self) -> None:
        """End all daemons and everything that they started."""
        for member in reversed(self._members):
            send([member.process.pid], signal.SIGTERM)
        deadline = time.monotonic() + STOP_GRACE_S
        while time.monotonic() < deadline and any(m.process.poll() is None for m in self._members):
            await asyncio.sleep(POLL_S)
        await end_descendants()
        self._members.clear()
        if not self._keeps_dir:
            await asyncio.to_thread(shutil.rmtree, self.dir, ignore_errors=True)

    def check(self) -> None:
        """Raise LocalError if a daemon has ended."""
        for member in self._members:
            status = member.process.poll()
            if status is not None:
                raise LocalError(f"{member.name} has ended with status {status}: {_last_lines(member.log)}")

    # ── one by one ─────────────────────────────────────────────────────────────────────────────────────

    async def _start_master(self, http: HttpClient) -> None:
        """With port 0 a free port is looked for; should another process take it first, try again."""
        for attempt in range(1, PORT_ATTEMPTS + 1):
            port = self._port or free_port()
            self.master = f"{IP}:{port}"
            flags = [f"--ip={IP}", f"--port={port}", f"--hostname={IP}", f"--work_dir={self.dir / 'master'}"]
            self._launch("master", "master", *flags)
            try:
                await self._until("the master to answer", lambda: self._is_healthy(http))
            except LocalError:
                if self._port or attempt == PORT_ATTEMPTS:
                    raise
                self._members.clear()
            else:
                return

    def _agent_flags(self, number: int, shape: AgentShape) -> list[str]:
        first = PORTS_FIRST + PORTS_PER_AGENT * (number - 1)
        ports = f"[{first}-{first + PORTS_PER_AGENT - 1}]"
        home = self.dir / f"agent-{number}"
        return [
            f"--ip={IP}",
            "--port=0",
            f"--hostname={IP}",
            f"--master={self.master}",
            f"--work_dir={home}",
            f"--resources=cpus:{shape.cpus:g};mem:{shape.mem:g};disk:{shape.disk:g};ports:{ports}",
            # The agents claim what they do not have, and share one machine: there is nothing to enforce.
            "--isolation=posix",
        ]

    def _launch(self, name: str, daemon: str, *flags: str) -> None:
        log = self.dir / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "meseta.cli", daemon, *flags],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we end them in order.
            )
        self._members.append(Member(name, process, log))

    async def _until(self, what: str, is_so: Callable[[], Any]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not await is_so():
            self.check()
            if time.monotonic() > deadline:
                raise LocalError(f"waited {START_TIMEOUT_S:g} s for {what}: see the logs in {self.dir}")
            await asyncio.sleep(POLL_S)

    async def _is_healthy(self, http: HttpClient) -> bool:
        try:
            answer = await http.request("GET", f"http://{self.master}/health", timeout_s=ANSWER_TIMEOUT_S)
        except UnreachableError:
            return False
        # What listens there could be somebody else's: ours would have ended for want of the port.
        await asyncio.sleep(POLL_S)
        self.check()
        return answer.status == 200

    async def _all_registered(self, http: HttpClient) -> bool:
        answer = await http.request("GET", f"http://{self.master}/slaves")
        if answer.status != 200:
            return False
        agents = msgspec.json.decode(answer.body)["slaves"]
        return sum(1 for agent in agents if agent["active"]) >= len(self._shapes)


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as sock:
        sock.bind((IP, 0))
        port: int = sock.getsockname()[1]
    return port


# ── processes ──────────────────────────────────────────────────────────────────────────────────────────


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise LocalError(f"cannot adopt orphaned processes: {os.strerror(code)}")


async def end_descendants() -> None:
    """Kill all descendants of this process, and those that they start meanwhile. Raises LocalError."""
    deadline = time.monotonic() + END_TIMEOUT_S
    while descendants := _descendants():
        if time.monotonic() > deadline:
            raise LocalError(f"these processes do not end: {' '.join(map(str, sorted(descendants)))}")
        send(descendants, signal.SIGKILL)
        _reap()
        await asyncio.sleep(POLL_S)
    _reap()


def _descendants() -> set[int]:
    """Those below this process, without others of its session such as the shell."""
    forest = read_forest()
    children = [stat.pid for stat in forest.stats.values() if stat.parent == os.getpid()]
    return set().union(*(forest.tree(child) for child in children)) - {os.getpid()}


def _reap() -> None:
    """Collect the exit statuses of all children that have ended."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES_SHOWN:]) or "it said nothing"
