"""What comes back about containers."""

from __future__ import annotations

import msgspec

from meseta.ids import ContainerId


class SandboxPrepared(msgspec.Struct, frozen=True, gc=False):
    """The sandbox is there, and everything is fetched into it."""

    container_id: ContainerId


class SandboxFailed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The sandbox could not be made, or something could not be fetched; `message` says which and why."""

    container_id: ContainerId
    message: str


class ContainerStarted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The first process of the container runs."""

    container_id: ContainerId
    pid: int


class ContainerStartFailed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The container could not be started; there is nothing of it left."""

    container_id: ContainerId
    message: str


class ContainerExited(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A started container has ended and its processes are gone.

    `wait_status` is the raw status of waitpid(2), None if it could not be learnt. `limitation` names the
    resource that the container was killed for having used too much of, as "mem" or "disk".
    """

    container_id: ContainerId
    wait_status: int | None
    limitation: str | None = None
    message: str | None = None


class CheckFinished(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A check is over: `fault` is None if all is well, else says what is wrong."""

    check: int
    fault: str | None


ContainerEvent = (
    SandboxPrepared
    | SandboxFailed
    | ContainerStarted
    | ContainerStartFailed
    | ContainerExited
    | CheckFinished
)
