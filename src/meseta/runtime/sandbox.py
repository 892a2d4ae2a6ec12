"""Makes sandboxes, with the modes, owners and links that they have in Mesos, and reads their paths.

    …/runs/latest -> <container>
    …/runs/<container>/                     the sandbox of an executor
        ├── stdout, stderr
        ├── containers/<container>          the sandbox of a nested container, and so on
        └── tasks/<task> -> its sandbox     so that a task's files are found by its id

Where they are is told in `agent.paths`. Ids are valid by then: no slash, not `.` or `..`.
"""

from __future__ import annotations

import os
import pwd
from contextlib import ExitStack, suppress
from typing import Final, NamedTuple

from meseta.errors import MesetaError
from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, TaskId

LATEST: Final = "latest"

AGENT_INFO: Final = "slave.info"
FRAMEWORK_INFO: Final = "framework.info"
FRAMEWORK_PID: Final = "framework.pid"
EXECUTOR_INFO: Final = "executor.info"
EXECUTOR_GENERATED: Final = "executor_generated_for_command_task"
EXECUTOR_SENTINEL: Final = "executor.sentinel"
HTTP_MARKER: Final = "http.marker"
LIBPROCESS_PID: Final = "pids/libprocess.pid"
TASK_INFO: Final = "task.info"
TASK_UPDATES: Final = "task.updates"

SANDBOX_MODE = 0o750


class SandboxError(MesetaError):
    """A sandbox cannot be made; the message says which and why."""


class RunPath(NamedTuple):
    """What the path of a sandbox says about it."""

    agent: AgentId
    framework: FrameworkId
    executor: ExecutorId
    container: ContainerId


def parse_run_dir(root: str, path: str) -> RunPath | None:
    """Return what `path`, a sandbox below `root` or something within one, belongs to; None if nothing."""
    match os.path.relpath(path, root).split("/"):
        case ["slaves", agent, "frameworks", framework, "executors", executor, "runs", container, *_]:
            return RunPath(
                AgentId(agent), FrameworkId(framework), ExecutorId(executor), ContainerId(container)
            )
    return None


def directories(path: str) -> list[str]:
    """Return the directories in `path`, which need not be there, oldest first; links are none."""
    try:
        entries = [entry for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    entries.sort(key=lambda entry: (entry.stat().st_mtime_ns, entry.name))
    return [entry.path for entry in entries]


def point_latest(directory: str) -> None:
    """Let the link `latest` beside `directory` lead to it; there is a link at every moment."""
    with ExitStack() as stack:
        parent = _open_dir(stack, os.path.dirname(directory))
        _replace_link(parent, LATEST, directory)


def create_sandbox(path: str, user: str | None) -> str:
    """Make the sandbox of an executor or standalone container; `latest` beside it leads to it.

    It belongs to `user`, who may be given only if this process is root. Raises `SandboxError`.
    """
    try:
        with ExitStack() as stack:
            os.makedirs(path, exist_ok=True)
            _hand_over(_open_dir(stack, path), user)
        point_latest(path)
    except OSError as error:
        raise SandboxError(f"Cannot create the sandbox {path}: {error.strerror}") from error
    return path


# A sandbox belongs to a user who may put links into it at any time. So what is made inside of one is
# reached by descriptors, step by step, and no link is followed.


def create_nested_sandbox(parent_sandbox: str, container: ContainerId, user: str | None) -> str:
    """Make the sandbox of a nested container and return its path. Raises `SandboxError`."""
    path = os.path.join(parent_sandbox, "containers", container)
    try:
        with ExitStack() as stack:
            containers = _make_dir(stack, _open_dir(stack, parent_sandbox), "containers")
            _hand_over(_make_dir(stack, containers, container), user)
    except OSError as error:
        raise SandboxError(f"Cannot create the sandbox {path}: {error.strerror}") from error
    return path


def link_task(sandbox: str, task: TaskId, task_sandbox: str) -> None:
    """Let `tasks/<task>` in an executor's sandbox lead to that of the task. Raises `SandboxError`."""
    try:
        with ExitStack() as stack:
            tasks = _make_dir(stack, _open_dir(stack, sandbox), "tasks")
            _replace_link(tasks, task, task_sandbox)
    except OSError as error:
        raise SandboxError(f"Cannot link the task '{task}' in {sandbox}: {error.strerror}") from error


def replace_link_in(directory: str, name: str, target: str) -> None:
    """Let `name` in `directory` lead to `target`, whatever it was before. Raises OSError."""
    with ExitStack() as stack:
        _replace_link(_open_dir(stack, directory), name, target)


def _open_dir(stack: ExitStack, path: str, parent: int | None = None) -> int:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    stack.callback(os.close, fd)
    return fd


def _make_dir(stack: ExitStack, parent: int, name: str) -> int:
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=parent)
    return _open_dir(stack, name, parent)


def _replace_link(parent: int, name: str, target: str) -> None:
    with suppress(FileExistsError):
        os.symlink(target, name, dir_fd=parent)
        return
    temporary = f".{name}.new"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=parent)
    os.symlink(target, temporary, dir_fd=parent)
    os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)


def _hand_over(fd: int, user: str | None) -> None:
    os.fchmod(fd, SANDBOX_MODE)
    if user is None:
        return
    try:
        entry = pwd.getpwnam(user)
    except (KeyError, ValueError):  # the second for a name that no user can have
        raise SandboxError(f"There is no user '{user}' on this machine") from None
    if entry.pw_uid != os.geteuid():
        os.fchown(fd, entry.pw_uid, entry.pw_gid)
