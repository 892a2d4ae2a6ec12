"""What an agent wants done about containers, and the plan that a container is started by.

A container is named by its id; a nested one by its parent's id, a dot and its own (`parent.child`). The
performer answers each `PrepareSandbox` with `SandboxPrepared` or `SandboxFailed`, each `StartContainer` with
`ContainerStarted` or `ContainerStartFailed`, and each started container, once, with `ContainerExited`.
"""

from __future__ import annotations

import msgspec

from meseta.ids import ContainerId, TaskId
from meseta.records import Uri
from meseta.resources import Resources


class VolumeLink(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A persistent volume that is to be found in a sandbox."""

    name: str
    """What it is called there."""
    path: str
    """Absolute path of its directory."""
    shared: bool = False
    """Others may be using it."""


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """The directory of a container. It is made if it is not there, with its parents."""

    path: str
    """Absolute path."""
    user: str | None = None
    """Who is to own it; None leaves it to the agent's own user."""
    latest: str | None = None
    """Absolute path of the symbolic link that is to point at it."""
    task: TaskId | None = None
    """The task of a pod that it is for: found under the task's id in the sandbox of the pod, too."""
    volumes: tuple[VolumeLink, ...] = ()


class ContainerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All that is needed to start one container, decided before anything is done."""

    container_id: ContainerId
    file: str
    """The file to execute; without a slash it is looked up in the PATH of `environment`."""
    argv: tuple[str, ...]
    """What the file is called with, its own name first."""
    environment: tuple[tuple[str, str], ...]
    """The whole environment; nothing is inherited."""
    sandbox: Sandbox
    """Also the working directory. `stdout` and `stderr` in it are appended to."""
    user: str | None = None
    """Whom to run as; None runs as the agent's own user."""
    resources: Resources = Resources.EMPTY
    limits: tuple[tuple[str, float], ...] = ()
    """Names and amounts above `resources` that the container may burst to; infinity is no limit."""
    isolators: tuple[str, ...] = ()
    """Names of `containers.isolators`, in the order in which they prepare."""
    container: bytes = b""
    """v1 ContainerInfo: image, volumes, networks, rlimits, capabilities; empty if there is none."""


class PrepareSandbox(msgspec.Struct, frozen=True, kw_only=True):
    """Make a sandbox and fetch `uris` into it, in order. Only asked for when there is something to fetch
    or when no process will run in it: otherwise `StartContainer` makes the sandbox on the way."""

    container_id: ContainerId
    sandbox: Sandbox
    uris: tuple[Uri, ...] = ()


class StartContainer(msgspec.Struct, frozen=True):
    """Make the sandbox if it is not there, and start the command in it under the supervisor."""

    plan: ContainerPlan


class SignalContainer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Send a signal to the first process of a container, or to all of its processes."""

    container_id: ContainerId
    signal: int
    tree: bool = True


class DestroyContainer(msgspec.Struct, frozen=True, gc=False):
    """Kill all processes of a container and release what isolates it; answered by `ContainerExited`.

    Of one whose sandbox is being prepared, give that up; answered by `SandboxFailed`, unless it is done.
    """

    container_id: ContainerId


class UpdateContainer(msgspec.Struct, frozen=True, kw_only=True):
    """Change what a running container may use."""

    container_id: ContainerId
    resources: Resources
    limits: tuple[tuple[str, float], ...] = ()


class LinkVolumes(msgspec.Struct, frozen=True, kw_only=True):
    """Link volumes into the sandbox of a running container: an executor is given a task that uses them."""

    sandbox: Sandbox


class RemoveContainer(msgspec.Struct, frozen=True, gc=False):
    """Forget how a container ended: that is safe elsewhere by now, or nobody will ask. Its sandbox stays."""

    container_id: ContainerId


class RunCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Ask a container whether it is well; answered by `CheckFinished` with the same `check`."""

    check: int
    container_id: ContainerId
    timeout_s: float
    argv: tuple[str, ...] = ()
    """COMMAND: run this in the container; exit status 0 is well."""
    environment: tuple[tuple[str, str], ...] = ()
    url: str | None = None
    """HTTP: get this; an answer from 200 to 399 is well."""
    port: int | None = None
    """TCP: connect to this port of 127.0.0.1."""


ContainerEffect = (
    PrepareSandbox
    | StartContainer
    | SignalContainer
    | DestroyContainer
    | UpdateContainer
    | LinkVolumes
    | RemoveContainer
    | RunCheck
)
