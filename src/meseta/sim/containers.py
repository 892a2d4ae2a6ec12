"""One machine's processes, and the supervisor that starts and watches them and outlives the agent.

What a process does is written in its command, `run <what> seconds=12.5 status=0 …`, so that the workload
decides it when it launches the task, and nothing else has to be known here.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import msgspec

from meseta.agent.events import RecoveredContainer
from meseta.containers.effects import (
    DestroyContainer,
    PrepareSandbox,
    RemoveContainer,
    RunCheck,
    SignalContainer,
    StartContainer,
)
from meseta.containers.events import (
    CheckFinished,
    ContainerEvent,
    ContainerExited,
    ContainerStarted,
    ContainerStartFailed,
    SandboxFailed,
    SandboxPrepared,
)
from meseta.ids import ContainerId
from meseta.sim.world import World

SIGKILL = 9
FOREVER_S = 1e12
KILLED_AFTER_S = 0.05
"""How long a killed process takes to go, at most."""
OUT_OF_MEMORY = "mem"


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What a simulated process does."""

    what: str
    """The name of its task."""
    seconds: float = FOREVER_S
    status: int = 0
    """Exit status."""
    stubborn: float = 0.0
    """How long it goes on after SIGTERM."""
    hungry: bool = False
    """Instead of exiting it is killed for having used too much memory."""

    def command(self) -> str:
        """Write the program as a command line."""
        words = [f"{name}={getattr(self, name):g}" for name in ("seconds", "status", "stubborn", "hungry")]
        return " ".join(["run", self.what, *words])

    @classmethod
    def of(cls, command: str) -> Program:
        """Read a command line that `command` wrote."""
        _, what, *words = command.split()
        fields = dict(word.split("=") for word in words)
        return cls(
            what=what,
            seconds=float(fields["seconds"]),
            status=int(fields["status"]),
            stubborn=float(fields["stubborn"]),
            hungry=fields["hungry"] == "1",
        )


class Speed(NamedTuple):
    """How fast and how reliably processes start."""

    spawn_s: float = 0.002
    """Mean."""
    fetch_s: float = 0.5
    """Mean, where there is something to fetch."""
    failures: float = 0.0
    """Likelihood that a start or a fetch fails."""


class _Process:
    __slots__ = ("alive", "leaving", "pid", "program", "wait_status")

    def __init__(self, program: Program) -> None:
        self.program = program
        self.pid: int | None = None
        self.alive = True
        self.leaving = False
        """Its end is decided."""
        self.wait_status: int | None = None


class Machine:
    """The processes of one agent's machine. `feed` reaches the agent, if it runs."""

    def __init__(
        self,
        world: World,
        name: str,
        speed: Speed,
        chance: random.Random,
        feed: Callable[[ContainerEvent], None],
    ) -> None:
        self.world = world
        self.name = name
        self.speed = speed
        self._chance = chance
        self._feed = feed
        self._processes: dict[ContainerId, _Process] = {}
        self._next_pid = 100
        self.ran: set[str] = set()
        """What was ever started here."""

    def running(self) -> dict[ContainerId, Program]:
        """Return what runs now."""
        return {id: process.program for id, process in self._processes.items() if process.alive}

    def unsettled(self) -> list[ContainerId]:
        """Return what has ended and is still remembered."""
        return [id for id, process in self._processes.items() if not process.alive]

    def recovered(self) -> tuple[RecoveredContainer, ...]:
        """Return what the supervisor tells a new agent; starts that are under way come first."""
        for id, process in list(self._processes.items()):
            if process.alive and process.pid is None:
                self._start(id, process, tell=False)
        return tuple(
            RecoveredContainer(
                container_id=id,
                pid=process.pid,
                exited=not process.alive,
                wait_status=process.wait_status,
            )
            for id, process in self._processes.items()
        )

    def kill_one(self, chance: random.Random) -> bool:
        """Let one of the processes that run die of SIGKILL; False if there is none."""
        running = [id for id, process in self._processes.items() if process.alive and process.pid is not None]
        if running:
            id = chance.choice(running)
            self._end(id, self._processes[id], SIGKILL, hungry=False)
        return bool(running)

    def reboot(self) -> None:
        """Lose all processes, and the memory of those that had ended."""
        self._processes.clear()

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────

    def prepare(self, effect: PrepareSandbox) -> None:
        """Perform `PrepareSandbox`."""
        event: ContainerEvent = SandboxPrepared(effect.container_id)
        delay_s = self.speed.spawn_s * self._chance.random()
        if effect.uris:
            delay_s = self._chance.expovariate(1 / self.speed.fetch_s)
            if self._chance.random() < self.speed.failures:
                event = SandboxFailed(container_id=effect.container_id, message="the server answered 404")
        self.world.after(delay_s, partial(self._feed, event))

    def start(self, effect: StartContainer) -> None:
        """Perform `StartContainer`."""
        id = effect.plan.container_id
        assert id not in self._processes, f"container {id} is started twice on {self.name}"
        if self._chance.random() < self.speed.failures:
            failed = ContainerStartFailed(container_id=id, message="cannot fork")
            self.world.after(self.speed.spawn_s, partial(self._feed, failed))
            return
        process = self._processes[id] = _Process(Program.of(effect.plan.argv[-1]))
        delay_s = self._chance.expovariate(1 / self.speed.spawn_s)
        self.world.after(delay_s, partial(self._start, id, process))

    def signal(self, effect: SignalContainer) -> None:
        """Perform `SignalContainer`."""
        process = self._processes.get(effect.container_id)
        if process is not None and process.pid is not None and process.alive and not process.leaving:
            process.leaving = True
            self._end_later(effect.container_id, process, effect.signal, process.program.stubborn)

    def destroy(self, effect: DestroyContainer) -> None:
        """Perform `DestroyContainer`."""
        process = self._processes.get(effect.container_id)
        if process is not None and process.alive:
            process.leaving = True
            self._end_later(effect.container_id, process, SIGKILL, self._chance.random() * KILLED_AFTER_S)

    def remove(self, effect: RemoveContainer) -> None:
        """Perform `RemoveContainer`."""
        process = self._processes.pop(effect.container_id, None)
        assert process is None or not process.alive, f"{effect.container_id} is forgotten while it runs"

    def check(self, effect: RunCheck) -> None:
        """Perform `RunCheck`."""
        fault = "exited with status 1" if self._chance.random() < 0.2 else None
        event = CheckFinished(check=effect.check, fault=fault)
        self.world.after(self._chance.random(), partial(self._feed, event))

    # ── processes ─────────────────────────────────────────────────────────────────────────────────────

    def _start(self, id: ContainerId, process: _Process, *, tell: bool = True) -> None:
        if self._processes.get(id) is not process or process.pid is not None or not process.alive:
            return
        self._next_pid += 1
        self.ran.add(process.program.what)
        process.pid = self._next_pid
        program = process.program
        self.world.trace.line(self.world.now, self.name, "proc", "started", program.what)
        if tell:
            self._feed(ContainerStarted(container_id=id, pid=process.pid))
        if program.seconds < FOREVER_S:
            wait_status = SIGKILL if program.hungry else program.status << 8
            self._end_later(id, process, wait_status, program.seconds, hungry=program.hungry)

    def _end_later(
        self, id: ContainerId, process: _Process, wait_status: int, delay_s: float, *, hungry: bool = False
    ) -> None:
        self.world.after(delay_s, partial(self._end, id, process, wait_status, hungry))

    def _end(self, id: ContainerId, process: _Process, wait_status: int, hungry: bool) -> None:
        if self._processes.get(id) is not process or not process.alive:
            return
        process.alive = False
        process.wait_status = wait_status
        self.world.trace.line(
            self.world.now, self.name, "proc", "ended", f"{process.program.what} {wait_status}"
        )
        self._feed(
            ContainerExited(
                container_id=id,
                wait_status=wait_status,
                limitation=OUT_OF_MEMORY if hungry else None,
                message="Memory limit exceeded" if hungry else None,
            )
        )
