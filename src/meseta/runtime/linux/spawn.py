"""Start one process as a `Spawn` request asks.

`subprocess.Popen` is as fast as a bare `posix_spawn` (both vfork: the parent's memory is not copied) and
also sets the working directory and the session, so the plain case uses just that. What Popen cannot do
while it vforks (join cgroups, set limits, change the user, in this order, as the first two need root) runs
in a `preexec_fn`, which makes Popen fork: about 1 ms more. That is safe as the supervisor has one thread,
and free of the races and of the danger of moving the supervisor itself through a cgroup that may be
frozen or out of memory.
"""

from __future__ import annotations

import errno
import os
import pwd
import resource
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from meseta.runtime.linux.supervision import Rlimit, Spawn

FAILURE_BYTES_MAX = 4096
OUTPUT_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
"""No link is followed: the directory may belong to a user with less rights than the supervisor."""


class SpawnError(Exception):
    """No process was started; `reason` is a sentence, `errno` 0 if it was not the system's refusal."""

    def __init__(self, reason: str, errno: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.errno = errno


class Identity(NamedTuple):
    """The ids that a process is to run under."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def spawn_process(request: Spawn) -> subprocess.Popen[bytes]:
    """Start the process that `request` describes; raises `SpawnError`.

    The caller waits for the pid itself and must then set `returncode` on what is returned.
    """
    if not request.argv:
        raise SpawnError(f"Cannot start '{request.key}': the command is empty", errno.EINVAL)
    try:
        identity = _identity(request.user)
        with ExitStack() as stack:
            return _start(request, identity, stack)
    except OSError as error:
        raise SpawnError(_sentence(request, error), error.errno or 0) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise SpawnError(f"Cannot start '{request.key}': {error}", errno.EINVAL) from error


def _start(request: Spawn, identity: Identity | None, stack: ExitStack) -> subprocess.Popen[bytes]:
    stdin = _open(stack, request.stdin, os.O_RDONLY)
    stdout = _open_output(stack, request.stdout, identity)
    same = request.stderr == request.stdout
    stderr = stdout if same else _open_output(stack, request.stderr, identity)
    failure, prepare = _preparation(request, identity, stack)
    try:
        return subprocess.Popen(
            request.argv,
            executable=request.executable,
            env=request.env,
            cwd=request.cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=prepare,
        )
    except subprocess.SubprocessError as error:
        raise SpawnError(f"Cannot start '{request.key}': {_read_failure(failure)}") from error


def _identity(user: str | None) -> Identity | None:
    """Return the ids of `user`, None if the supervisor runs as that user already."""
    if user is None:
        return None
    try:
        entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except KeyError:
        raise SpawnError(f"There is no user '{user}' on this machine", errno.EINVAL) from None
    if entry.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise SpawnError(f"Only root can start processes of user '{user}'", errno.EPERM)
    groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    return Identity(entry.pw_uid, entry.pw_gid, tuple(groups))


def _open(stack: ExitStack, path: str, flags: int) -> int:
    """Open without waiting, should the path be a FIFO whose other end is closed; then as usual."""
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    stack.callback(os.close, fd)
    os.set_blocking(fd, True)
    return fd


def _open_output(stack: ExitStack, path: str, identity: Identity | None) -> int:
    fd = _open(stack, path, OUTPUT_FLAGS)
    if identity is not None and path != os.devnull:
        os.fchown(fd, identity.uid, identity.gid)
    return fd


def _preparation(
    request: Spawn, identity: Identity | None, stack: ExitStack
) -> tuple[int, Callable[[], None] | None]:
    """Return what the child does before it becomes the program, and where it says what went wrong."""
    if not (identity or request.rlimits or request.cgroups):
        return -1, None
    cgroups = [(path, _open(stack, f"{path}/cgroup.procs", os.O_WRONLY)) for path in request.cgroups]
    limits = [_limit(rlimit) for rlimit in request.rlimits]
    failure, report = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    stack.callback(os.close, failure)
    stack.callback(os.close, report)

    def prepare() -> None:
        try:
            _prepare_child(cgroups, limits, identity)
        except BaseException as error:
            os.write(report, str(error).encode(errors="replace")[:FAILURE_BYTES_MAX])
            raise

    return failure, prepare


def _prepare_child(
    cgroups: list[tuple[str, int]], limits: list[tuple[int, tuple[int, int]]], identity: Identity | None
) -> None:
    for path, fd in cgroups:
        try:
            os.write(fd, b"0")
        except OSError as error:
            raise OSError(f"joining the cgroup {path} failed: {error.strerror}") from error
    for kind, values in limits:
        resource.setrlimit(kind, values)
    if identity is not None:
        os.setgroups(identity.groups)
        os.setresgid(identity.gid, identity.gid, identity.gid)
        os.setresuid(identity.uid, identity.uid, identity.uid)


def _limit(rlimit: Rlimit) -> tuple[int, tuple[int, int]]:
    kind = getattr(resource, f"RLIMIT_{rlimit.name}", None)
    if kind is None:
        raise SpawnError(f"This system knows no limit called '{rlimit.name}'", errno.EINVAL)
    unlimited = resource.RLIM_INFINITY
    soft = unlimited if rlimit.soft is None else rlimit.soft
    return kind, (soft, unlimited if rlimit.hard is None else rlimit.hard)


def _read_failure(failure: int) -> str:
    try:
        return os.read(failure, FAILURE_BYTES_MAX).decode(errors="replace") or "the child gave no reason"
    except OSError:
        return "the child gave no reason"


def _sentence(request: Spawn, error: OSError) -> str:
    what = error.filename or request.executable or request.argv[0]
    if isinstance(what, bytes):
        what = what.decode(errors="replace")
    return f"Cannot start '{request.key}': {what}: {error.strerror or error}"
