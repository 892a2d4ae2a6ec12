"""Performs what the agent machine wants done about containers: sandboxes, fetches, processes, limits, checks.

A container's first process is a child of the supervisor, known to it by the container's id. A container has
ended when that process has: then whatever else is left of it is killed, its control groups are removed, and
`ContainerExited` is fed. How it ended stays with the supervisor until `RemoveContainer`.

When the supervisor dies its processes go on and the next one finds them. Until that is there requests wait.
What was being started at that moment may or may not run: it is reported as failed unless it is found.

A health check that is a command is one more process in the container, as `<container>/check-<number>`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from meseta.agent.events import RecoveredContainer
from meseta.containers.effects import (
    ContainerPlan,
    DestroyContainer,
    LinkVolumes,
    PrepareSandbox,
    RemoveContainer,
    RunCheck,
    Sandbox,
    SignalContainer,
    StartContainer,
    UpdateContainer,
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
from meseta.errors import MesetaError
from meseta.ids import ContainerId
from meseta.runtime.checks import late, run_network_check
from meseta.runtime.container_groups import ContainerGroups
from meseta.runtime.fetcher import Fetcher, FetchUri
from meseta.runtime.linux.cgroups import CgroupError
from meseta.runtime.linux.supervision import Exited, Forget, Listed, Signal, Spawn, Spawned, SpawnFailed
from meseta.runtime.linux.supervisor_client import SupervisorClient, SupervisorEvent, SupervisorLost
from meseta.runtime.sandbox import SandboxError, create_nested_sandbox, create_sandbox, link_task
from meseta.runtime.volumes import link_volumes
from meseta.wire.container_faults import unsupported

WAITING_MAX = 10_000
"""Requests that wait for a supervisor; further ones fail."""
REASON_CHARS_MAX = 4096
"""Of what a framework is told of a failure; it repeats what the framework said, which may be long."""
RETRY_S = 1.0
CHECK_MARK = "/"
"""In keys of checks; container ids have none."""

log = structlog.get_logger()


class ContainerHost:
    """The containers of one agent. `feed` takes what happens to them, `on_sandbox` hears of new sandboxes.

    `groups` is None without limits.
    """

    def __init__(
        self,
        feed: Callable[[ContainerEvent], None],
        supervisor: SupervisorClient,
        fetcher: Fetcher,
        groups: ContainerGroups | None,
        on_sandbox: Callable[[Sandbox], None],
    ) -> None:
        self._feed = feed
        self._supervisor = supervisor
        self._fetcher = fetcher
        self._groups = groups
        self._on_sandbox = on_sandbox
        self._tasks: set[asyncio.Task[None]] = set()
        self._fetches: dict[ContainerId, asyncio.Task[None]] = {}
        self._checks: dict[str, asyncio.Future[Exited | SpawnFailed]] = {}
        self._starting: set[str] = set()
        self._waiting: deque[Spawn | Signal | Forget] = deque()
        self._is_lost = False
        self.pids: dict[ContainerId, int] = {}
        """First processes of running containers."""
        supervisor.on_event(self._on_supervisor_event)

    def performers(self) -> dict[type, Callable[[Any], None]]:
        """Return what performs each kind of effect."""
        return {
            PrepareSandbox: self._prepare,
            StartContainer: self._start,
            SignalContainer: lambda effect: self.signal(effect.container_id, effect.signal, tree=effect.tree),
            DestroyContainer: self._destroy_container,
            UpdateContainer: self._update,
            LinkVolumes: self._link_volumes,
            RemoveContainer: lambda effect: self._request(Forget(effect.container_id)),
            RunCheck: self._start_check,
        }

    def adopt(self, listed: Listed) -> tuple[RecoveredContainer, ...]:
        """Take over what a former agent has started; return it as the machine wants it."""
        adopted = []
        for entry in listed.running:
            if CHECK_MARK in entry.key:
                self._request(Signal(entry.key, signal.SIGKILL, tree=True))
                continue
            container_id = ContainerId(entry.key)
            self.pids[container_id] = entry.pid
            if self._groups is not None:
                self._groups.adopt(container_id)
            adopted.append(RecoveredContainer(container_id=container_id, pid=entry.pid))
        for ended in listed.exited:
            if CHECK_MARK in ended.key:
                self._request(Forget(ended.key))
                continue
            container_id = ContainerId(ended.key)
            if self._groups is not None:
                self._groups.adopt(container_id)
                self._run(self._destroy(container_id))
            adopted.append(
                RecoveredContainer(
                    container_id=container_id, pid=None, exited=True, wait_status=ended.wait_status
                )
            )
        return tuple(adopted)

    def signal(self, container_id: ContainerId, signum: int, *, tree: bool = True) -> None:
        """Send a signal to a container's first process, or to all of its processes."""
        self._request(Signal(container_id, signum, tree))

    def close(self) -> None:
        """Stop fetches and checks that are under way. Processes go on."""
        for task in self._tasks:
            task.cancel()
        self._fetcher.close()

    # ── sandboxes ─────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self, effect: PrepareSandbox) -> None:
        """Make the sandbox now, as those of nested containers may follow at once; fetch in due time."""
        try:
            self._make_sandbox(effect.sandbox)
        except MesetaError as fault:
            self._feed(SandboxFailed(container_id=effect.container_id, message=_reason(fault)))
            return
        if effect.uris:
            self._fetches[effect.container_id] = self._run(self._fetch(effect))
        else:
            self._feed(SandboxPrepared(effect.container_id))

    async def _fetch(self, effect: PrepareSandbox) -> None:
        uris = [
            FetchUri(uri.value, uri.executable, uri.extract, uri.cache, uri.output_file)
            for uri in effect.uris
        ]
        try:
            await self._fetcher.fetch(uris, effect.sandbox.path, effect.sandbox.user)
        except MesetaError as fault:
            self._feed(SandboxFailed(container_id=effect.container_id, message=_reason(fault)))
        else:
            self._feed(SandboxPrepared(effect.container_id))
        finally:
            self._fetches.pop(effect.container_id, None)

    def _make_sandbox(self, sandbox: Sandbox) -> None:
        if make_sandbox(sandbox):
            self._on_sandbox(sandbox)
        link_volumes(sandbox)

    # ── processes ─────────────────────────────────────────────────────────────────────────────────────

    def _start(self, effect: StartContainer) -> None:
        plan = effect.plan
        try:
            if (fault := unsupported(plan.container)) is not None:
                raise MesetaError(fault)
            if self._is_lost and len(self._waiting) >= WAITING_MAX:
                raise MesetaError(f"there is no process supervisor, and {WAITING_MAX} requests wait for it")
            self._make_sandbox(plan.sandbox)
            groups: tuple[str, ...] = ()
            if self._groups is not None:
                groups = self._groups.make(plan.container_id, plan.resources, dict(plan.limits))
        except MesetaError as error:
            self._feed(ContainerStartFailed(container_id=plan.container_id, message=_reason(error)))
            return
        self._request(_spawn(plan, groups))

    def _destroy_container(self, effect: DestroyContainer) -> None:
        fetch = self._fetches.pop(effect.container_id, None)
        if fetch is None:
            self.signal(effect.container_id, signal.SIGKILL)
        elif fetch.cancel():
            self._feed(SandboxFailed(container_id=effect.container_id, message="the fetch was given up"))

    def _update(self, effect: UpdateContainer) -> None:
        if self._groups is None or effect.container_id not in self.pids:
            return
        try:
            self._groups.limit(effect.container_id, effect.resources, dict(effect.limits))
        except CgroupError as fault:
            # It has ended in the meantime, or it holds more memory than it may have from now on.
            log.warning(f"cannot change what container {effect.container_id} may use: {fault}")

    def _link_volumes(self, effect: LinkVolumes) -> None:
        try:
            link_volumes(effect.sandbox)
        except SandboxError as fault:
            log.warning(str(fault))

    def _request(self, request: Spawn | Signal | Forget) -> None:
        if self._is_lost or not self._supervisor.connected:
            if len(self._waiting) < WAITING_MAX:
                self._waiting.append(request)
        elif isinstance(request, Spawn):
            if CHECK_MARK not in request.key:
                self._starting.add(request.key)
            self._supervisor.spawn(request)
        elif isinstance(request, Signal):
            self._supervisor.signal(request.key, request.signum, tree=request.tree)
        else:
            self._supervisor.forget(request.key)

    def _on_supervisor_event(self, event: SupervisorEvent) -> None:
        if isinstance(event, SupervisorLost):
            log.error(f"the process supervisor is lost ({event.reason}); starting another")
            self._is_lost = True
            self._run(self._reconnect())
        elif CHECK_MARK in event.key:
            self._on_check_event(event)
        elif isinstance(event, Spawned):
            self._spawned(event.key, event.pid)
        elif isinstance(event, SpawnFailed):
            self._spawn_failed(ContainerId(event.key), event.reason)
        else:
            self._exited(ContainerId(event.key), event.wait_status)

    def _spawned(self, key: str, pid: int) -> None:
        container_id = ContainerId(key)
        self._starting.discard(key)
        self.pids[container_id] = pid
        self._feed(ContainerStarted(container_id=container_id, pid=pid))

    def _spawn_failed(self, container_id: ContainerId, reason: str) -> None:
        self._starting.discard(container_id)
        if self._groups is not None:
            self._groups.remove(container_id)
        self._feed(ContainerStartFailed(container_id=container_id, message=_reason(reason)))

    def _exited(self, container_id: ContainerId, wait_status: int | None) -> None:
        self._starting.discard(container_id)
        self.pids.pop(container_id, None)
        if self._groups is None:
            self._feed(ContainerExited(container_id=container_id, wait_status=wait_status))
            return
        # Who ends well although some child of it was killed for its memory has not been ended by that.
        limitation = self._groups.limitation(container_id) if wait_status != 0 else None
        exited = ContainerExited(
            container_id=container_id,
            wait_status=wait_status,
            limitation=limitation,
            message="Memory limit exceeded" if limitation else None,
        )
        if self._groups.remove(container_id):
            self._feed(exited)
        else:
            self._run(self._destroy(container_id, exited))

    async def _destroy(self, container_id: ContainerId, exited: ContainerExited | None = None) -> None:
        assert self._groups is not None, "only control groups are to be destroyed"
        try:
            await self._groups.destroy(container_id)
        except CgroupError as fault:
            log.error(str(fault))
        if exited is not None:
            self._feed(exited)

    # ── the supervisor goes and comes ─────────────────────────────────────────────────────────────────

    async def _reconnect(self) -> None:
        while True:
            try:
                listed = await self._supervisor.connect_or_start()
            except MesetaError as fault:
                log.error(str(fault))
                await asyncio.sleep(RETRY_S)
            else:
                break
        self._is_lost = False
        self._catch_up(listed)
        while self._waiting and not self._is_lost:
            self._request(self._waiting.popleft())

    def _catch_up(self, listed: Listed) -> None:
        """Tell what has happened while there was no supervisor, or while it could not say so."""
        running = {entry.key: entry.pid for entry in listed.running}
        exited = {ended.key: ended.wait_status for ended in listed.exited}
        for key in self._starting & running.keys():
            self._spawned(key, running[key])
        for key in [*self.pids, *self._starting]:
            if key in exited:
                self._exited(ContainerId(key), exited[key])
        for key in self._starting - running.keys():
            self._spawn_failed(ContainerId(key), "The process supervisor ended while it was being started")
        for key in self.pids.keys() - running.keys():
            self._exited(ContainerId(key), None)
        for key in list(self._checks):
            self._on_check_event(SpawnFailed(key, "the process supervisor ended", 0))

    # ── checks ────────────────────────────────────────────────────────────────────────────────────────

    def _start_check(self, effect: RunCheck) -> None:
        self._run(self._check(effect))

    async def _check(self, effect: RunCheck) -> None:
        fault = await (self._run_command(effect) if effect.argv else run_network_check(effect))
        self._feed(CheckFinished(check=effect.check, fault=fault))

    async def _run_command(self, check: RunCheck) -> str | None:
        pid = self.pids.get(check.container_id)
        if pid is None:
            return "the container has no process"
        key = f"{check.container_id}{CHECK_MARK}check-{check.check}"
        ended: asyncio.Future[Exited | SpawnFailed] = asyncio.get_running_loop().create_future()
        try:
            groups = () if self._groups is None else self._groups.groups_of(check.container_id)
            self._request(_beside(pid, key, check, groups))
        except OSError as fault:
            return f"the container's process cannot be looked at: {fault.strerror}"
        self._checks[key] = ended
        try:
            async with asyncio.timeout(check.timeout_s):
                outcome = await ended
        except TimeoutError:
            self._request(Signal(key, signal.SIGKILL, tree=True))
            return late(check.timeout_s)
        finally:
            self._checks.pop(key, None)
        return outcome.reason if isinstance(outcome, SpawnFailed) else _command_fault(outcome.wait_status)

    def _on_check_event(self, event: Spawned | SpawnFailed | Exited) -> None:
        if isinstance(event, Spawned):
            return
        if isinstance(event, Exited):
            self._request(Forget(event.key))
        waiter = self._checks.get(event.key)
        if waiter is not None and not waiter.done():
            waiter.set_result(event)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def make_sandbox(sandbox: Sandbox) -> bool:
    """Make a sandbox that is not there yet; say whether it was made.

    Raises:
        SandboxError: it cannot be made.
    """
    if sandbox.latest is None and os.path.isdir(sandbox.path):
        return False
    parent, nested, name = sandbox.path.rpartition("/containers/")
    if nested and sandbox.latest is None and os.path.isdir(parent):
        create_nested_sandbox(parent, ContainerId(name), sandbox.user)
        if sandbox.task is not None:
            link_task(parent, sandbox.task, sandbox.path)
    else:
        create_sandbox(sandbox.path, sandbox.user)
    return True


def _spawn(plan: ContainerPlan, groups: tuple[str, ...]) -> Spawn:
    return Spawn(
        key=plan.container_id,
        argv=plan.argv,
        env=dict(plan.environment),
        cwd=plan.sandbox.path,
        stdout=f"{plan.sandbox.path}/stdout",
        stderr=f"{plan.sandbox.path}/stderr",
        executable=plan.file,
        user=plan.user,
        cgroups=groups,
    )


def _beside(pid: int, key: str, check: RunCheck, groups: tuple[str, ...]) -> Spawn:
    """Return how to run a check as a process's user and in its environment. Raises OSError if it is gone."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        variables = [os.fsdecode(entry).partition("=") for entry in file.read().split(b"\0") if entry]
    environment = {name: value for name, _, value in variables} | dict(check.environment)
    return Spawn(
        key=key,
        argv=check.argv,
        env=environment,
        cwd=environment.get("MESOS_SANDBOX", "/"),
        user=_user_of(pid),
        cgroups=groups,
    )


def _reason(fault: object) -> str:
    """Return what a framework is told of a failure."""
    reason = str(fault)
    return reason if len(reason) <= REASON_CHARS_MAX else f"{reason[:REASON_CHARS_MAX]}…"


def _user_of(pid: int) -> str:
    """Return the number of the real user of a process."""
    with open(f"/proc/{pid}/status") as file:
        return next(line.split()[1] for line in file if line.startswith("Uid:"))


def _command_fault(wait_status: int | None) -> str | None:
    if wait_status == 0:
        return None
    if wait_status is None:
        return "nobody knows how the command ended"
    code = os.waitstatus_to_exitcode(wait_status)
    return f"the command {f'was killed by signal {-code}' if code < 0 else f'exited with status {code}'}"
