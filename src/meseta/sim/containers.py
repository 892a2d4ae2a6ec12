"""One machine's processes, and the supervisor that starts and watches them and outlives the agent.

What a process does is written in its command (`programs`). Most only run for a while; an executor of a
framework's own is a node (`executor_node`), which runs tasks in turn.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

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
from meseta.sim.programs import FOREVER_S, ExecutorProgram, Program, program_of
from meseta.sim.world import World

SIGKILL = 9
KILLED_AFTER_S = 0.05
"""How long a killed process takes to go, at most."""
OUT_OF_MEMORY = "mem"


class Speed(NamedTuple):
    """How fast and how reliably processes start."""

    spawn_s: float = 0.002
    """Mean."""
    fetch_s: float = 0.5
    """Mean, where there is something to fetch."""
    failures: float = 0.0
    """Likelihood that a start or a fetch fails."""


class Resident(Protocol):
    """An executor of a framework's own, as the machine sees it that it runs on."""

    def kill(self) -> None: ...

    def tasks(self) -> list[str]: ...


Spawn = Callable[[StartContainer, ExecutorProgram, Callable[[int], None]], Resident]
"""Start the executor of a container; the last is what it calls with its status when it exits."""


class _Process:
    __slots__ = ("alive", "leaving", "pid", "program", "resident", "start", "wait_status")

    def __init__(self, program: Program, start: StartContainer) -> None:
        self.program = program
        self.start = start
        self.resident: Resident | None = None
        """The node that it is, of an executor that runs."""
        self.pid: int | None = None
        self.alive = True
        self.leaving = False
        """Its end is decided."""
        self.wait_status: int | None = None


class Machine:
    """The processes of one agent's machine. `feed` reaches the agent, if it runs; `spawn` makes executors."""

    def __init__(
        self,
        world: World,
        name: str,
        speed: Speed,
        chance: random.Random,
        feed: Callable[[ContainerEvent], None],
        spawn: Spawn,
    ) -> None:
        self.world = world
        self.name = name
        self.speed = speed
        self._chance = chance
        self._feed = feed
        self._spawn = spawn
        self._processes: dict[ContainerId, _Process] = {}
        self._next_pid = 100
        self.ran: set[str] = set()
        """What was ever started here."""

    def running(self) -> dict[ContainerId, Program]:
        """Return what runs now."""
        return {id: process.program for id, process in self._processes.items() if process.alive}

    def residents(self) -> dict[ContainerId, Resident]:
        """Return the executors of frameworks' own that run now."""
        return {
            id: process.resident
            for id, process in self._processes.items()
            if process.alive and process.resident is not None
        }

    def tasks(self) -> set[str]:
        """Return the names of the tasks that run now, in processes of their own or in executors."""
        tasks: set[str] = set()
        for process in self._processes.values():
            if process.alive and not isinstance(process.program, ExecutorProgram):
                tasks.add(process.program.what)
        return tasks.union(*(resident.tasks() for resident in self.residents().values()))

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
        for resident in self.residents().values():
            resident.kill()
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
        process = self._processes[id] = _Process(program_of(effect.plan.argv[-1]), effect)
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
        process.pid = self._next_pid
        program = process.program
        self.world.trace.line(self.world.now, self.name, "proc", "started", program.what)
        if isinstance(program, ExecutorProgram):
            process.resident = self._spawn(process.start, program, partial(self._exit, id, process))
        else:
            self.ran.add(program.what)
        if tell:
            self._feed(ContainerStarted(container_id=id, pid=process.pid))
        if program.seconds < FOREVER_S:
            wait_status = SIGKILL if program.hungry else program.status << 8
            self._end_later(id, process, wait_status, program.seconds, hungry=program.hungry)

    def _end_later(
        self, id: ContainerId, process: _Process, wait_status: int, delay_s: float, *, hungry: bool = False
    ) -> None:
        self.world.after(delay_s, partial(self._end, id, process, wait_status, hungry))

    def _exit(self, id: ContainerId, process: _Process, status: int) -> None:
        """An executor ends by itself."""
        self._end(id, process, status << 8, hungry=False)

    def _end(self, id: ContainerId, process: _Process, wait_status: int, hungry: bool) -> None:
        if self._processes.get(id) is not process or not process.alive:
            return
        process.alive = False
        process.wait_status = wait_status
        if process.resident is not None:
            process.resident.kill()
            process.resident = None
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
