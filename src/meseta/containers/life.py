"""The life of containers: which there are, how far each has come, and what is to be done next.

    launch ─▶ PREPARING ──prepared──▶ STARTING ──started──▶ RUNNING ──exited──▶ gone
                  │ failed                │ failed              │ destroy
                  ▼                       ▼                     ▼
                 gone                    gone               DESTROYING ──exited──▶ gone

A container with nothing to fetch skips PREPARING. One without a process (the frame of a pod) is RUNNING once
prepared, and destroying it ends it at once. Whoever destroys a container before it runs gets its end when
the step under way is over (a fetch is given up): a started process is never forgotten. Every launched
container ends exactly once; the caller hears of it as an `Ended` outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

import msgspec

from meseta.containers.effects import (
    ContainerEffect,
    ContainerPlan,
    DestroyContainer,
    PrepareSandbox,
    Sandbox,
    SignalContainer,
    StartContainer,
    UpdateContainer,
)
from meseta.containers.events import (
    ContainerExited,
    ContainerStarted,
    ContainerStartFailed,
    SandboxFailed,
    SandboxPrepared,
)
from meseta.ids import ContainerId
from meseta.records import Uri
from meseta.resources import Resources


class Stage(Enum):
    """How far a container has come."""

    PREPARING = "preparing"
    STARTING = "starting"
    RUNNING = "running"
    DESTROYING = "destroying"


class EndCause(Enum):
    """Why a container ended."""

    EXITED = "exited"
    FETCH_FAILED = "fetch failed"
    START_FAILED = "start failed"
    DESTROYED = "destroyed"
    """Before there was a process."""
    LIMITATION = "limitation"
    """Killed for having used more than it may."""


class Started(msgspec.Struct, frozen=True):
    """The container runs; `pid` is None if it has no process."""

    container_id: ContainerId
    pid: int | None


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The container is gone, with all of its processes."""

    container_id: ContainerId
    cause: EndCause
    wait_status: int | None = None
    message: str | None = None
    limitation: str | None = None


Outcome = Started | Ended


class Container:
    """One container that is not gone yet."""

    __slots__ = ("doomed", "id", "pid", "plan", "sandbox", "stage")

    def __init__(self, id: ContainerId, sandbox: Sandbox, plan: ContainerPlan | None) -> None:
        self.id = id
        self.sandbox = sandbox
        self.plan = plan
        """None: it has no process."""
        self.stage = Stage.PREPARING
        self.pid: int | None = None
        self.doomed = False
        """It was destroyed before it ran; the step under way has to come back first."""


class Containers:
    """All containers of an agent. Effects go to `emit`; handlers return the outcome, if there is one."""

    __slots__ = ("_all", "_emit")

    def __init__(self, emit: Callable[[ContainerEffect], None]) -> None:
        self._all: dict[ContainerId, Container] = {}
        self._emit = emit

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, container_id: ContainerId) -> bool:
        return container_id in self._all

    def __iter__(self) -> Iterator[Container]:
        return iter(self._all.values())

    def get(self, container_id: ContainerId) -> Container | None:
        """Return a container that is not gone."""
        return self._all.get(container_id)

    def launch(self, plan: ContainerPlan, uris: tuple[Uri, ...] = ()) -> None:
        """Start a container, fetching `uris` first."""
        container = self._add(plan.container_id, plan.sandbox, plan)
        if uris:
            self._emit(PrepareSandbox(container_id=container.id, sandbox=plan.sandbox, uris=uris))
        else:
            self._start(container, plan)

    def launch_frame(self, container_id: ContainerId, sandbox: Sandbox, uris: tuple[Uri, ...] = ()) -> None:
        """Make a container without a process, for others to be nested in."""
        self._add(container_id, sandbox, None)
        self._emit(PrepareSandbox(container_id=container_id, sandbox=sandbox, uris=uris))

    def recover(self, container_id: ContainerId, sandbox: Sandbox, pid: int | None) -> None:
        """Take over a container that runs already."""
        container = self._add(container_id, sandbox, None)
        container.stage = Stage.RUNNING
        container.pid = pid

    def signal(self, container_id: ContainerId, signum: int, *, tree: bool = True) -> bool:
        """Send a signal; False if there is no process to send it to."""
        container = self._all.get(container_id)
        if container is None or container.pid is None:
            return False
        self._emit(SignalContainer(container_id=container_id, signal=signum, tree=tree))
        return True

    def update(
        self, container_id: ContainerId, resources: Resources, limits: tuple[tuple[str, float], ...] = ()
    ) -> None:
        """Change what a container may use."""
        if container_id in self._all:
            self._emit(UpdateContainer(container_id=container_id, resources=resources, limits=limits))

    def destroy(self, container_id: ContainerId) -> Ended | None:
        """Kill a container. The outcome comes now if it has no process, else with a later event."""
        container = self._all.get(container_id)
        if container is None or container.stage is Stage.DESTROYING:
            return None
        if container.stage is not Stage.RUNNING:
            if container.stage is Stage.PREPARING and not container.doomed:
                self._emit(DestroyContainer(container_id))
            container.doomed = True
            return None
        if container.pid is None:
            return self._end(container, EndCause.EXITED, wait_status=0)
        container.stage = Stage.DESTROYING
        self._emit(DestroyContainer(container_id))
        return None

    def on_sandbox_prepared(self, event: SandboxPrepared) -> Outcome | None:
        """Start the process now, if there is to be one."""
        container = self._all.get(event.container_id)
        if container is None or container.stage is not Stage.PREPARING:
            return None
        if container.doomed:
            return self._destroyed(container)
        if container.plan is not None:
            self._start(container, container.plan)
            return None
        container.stage = Stage.RUNNING
        return Started(container.id, None)

    def on_sandbox_failed(self, event: SandboxFailed) -> Outcome | None:
        """Give up the container."""
        container = self._all.get(event.container_id)
        if container is None:
            return None
        if container.doomed:
            return self._destroyed(container)
        return self._end(container, EndCause.FETCH_FAILED, message=event.message)

    def on_started(self, event: ContainerStarted) -> Outcome | None:
        """Note the process; destroy it if that was asked for meanwhile."""
        container = self._all.get(event.container_id)
        if container is None or container.stage is not Stage.STARTING:
            return None
        container.pid = event.pid
        if container.doomed:
            container.stage = Stage.DESTROYING
            self._emit(DestroyContainer(container.id))
            return None
        container.stage = Stage.RUNNING
        return Started(container.id, event.pid)

    def on_start_failed(self, event: ContainerStartFailed) -> Outcome | None:
        """Give up the container."""
        container = self._all.get(event.container_id)
        if container is None:
            return None
        return self._end(container, EndCause.START_FAILED, message=event.message)

    def on_exited(self, event: ContainerExited) -> Outcome | None:
        """Let the container go."""
        container = self._all.get(event.container_id)
        if container is None:
            return None
        cause = EndCause.EXITED if event.limitation is None else EndCause.LIMITATION
        return self._end(
            container,
            cause,
            wait_status=event.wait_status,
            message=event.message,
            limitation=event.limitation,
        )

    def _add(self, container_id: ContainerId, sandbox: Sandbox, plan: ContainerPlan | None) -> Container:
        assert container_id not in self._all, f"container {container_id} exists already"
        container = self._all[container_id] = Container(container_id, sandbox, plan)
        return container

    def _start(self, container: Container, plan: ContainerPlan) -> None:
        container.stage = Stage.STARTING
        self._emit(StartContainer(plan))

    def _destroyed(self, container: Container) -> Ended:
        return self._end(container, EndCause.DESTROYED, wait_status=None if container.plan else 0)

    def _end(
        self,
        container: Container,
        cause: EndCause,
        *,
        wait_status: int | None = None,
        message: str | None = None,
        limitation: str | None = None,
    ) -> Ended:
        del self._all[container.id]
        return Ended(
            container_id=container.id,
            cause=cause,
            wait_status=wait_status,
            message=message,
            limitation=limitation,
        )
