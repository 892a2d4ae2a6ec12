"""What an agent's flags and its machine amount to: resources, directories, isolation, environment."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
import tempfile
from typing import NamedTuple

import msgspec
import structlog

from meseta.containers.isolators import DEFAULT_ISOLATION
from meseta.daemon.flags import Flags
from meseta.errors import ConfigError
from meseta.resources import Resources, parse_resources
from meseta.runtime.container_groups import ContainerGroups
from meseta.runtime.linux import cgroups
from meseta.runtime.linux.hostinfo import HostInfo
from meseta.runtime.linux.supervisor_client import SOCKET_PATH_BYTES_MAX

CGROUP_ISOLATION = ("cgroups/cpu", "cgroups/mem")

log = structlog.get_logger()


class Places(NamedTuple):
    """Where an agent keeps what; all directories but `cache` exist."""

    work: str
    runtime: str
    socket: str
    """Of the supervisor."""
    journal: str
    cache: str
    lock: int
    """Open file: as long as it is, no other agent uses these."""


def find_places(flags: Flags) -> Places:
    """Make the directories, and lock them.

    Raises:
        ConfigError: they cannot be made, or another agent uses them.
    """
    try:
        work = _made(flags.require("work_dir"))
        runtime = _made(flags["runtime_dir"] or os.path.join(work, "run"))
        return Places(
            work=work,
            runtime=runtime,
            socket=_socket_path(runtime),
            journal=os.path.join(runtime, "supervisor"),
            cache=flags["fetcher_cache_dir"] or os.path.join(work, "fetch"),
            lock=_lock(work),
        )
    except OSError as error:
        raise ConfigError(f"the directory {error.filename} cannot be used: {error.strerror}") from None


def _made(path: str) -> str:
    os.makedirs(path, exist_ok=True)
    return os.path.realpath(path)


def _lock(work: str) -> int:
    fd = os.open(os.path.join(work, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise ConfigError(f"another agent runs on {work}: choose another --work_dir") from None
    return fd


def _socket_path(runtime: str) -> str:
    """Return where the supervisor listens: in a directory for temporary files if the path is too long."""
    path = os.path.join(runtime, "supervisor.sock")
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
        return path
    digest = hashlib.sha256(os.fsencode(runtime)).hexdigest()[:16]
    directory = os.path.join(tempfile.gettempdir(), f"meseta-{digest}")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    info = os.lstat(directory)
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o077:
        raise ConfigError(f"{directory} belongs to somebody else: choose a shorter --runtime_dir")
    return os.path.join(directory, "s")


def agent_resources(flags: Flags, host: HostInfo) -> Resources:
    """Return what the agent has: as `--resources` says, and what it does not name as the machine has it.

    Raises:
        ConfigError: the flag is not usable.
    """
    text, default_role = flags["resources"] or "", flags["default_role"]
    begin, end = host.ports
    detected = {
        "cpus": f"cpus:{host.cpus}",
        "mem": f"mem:{host.mem_mb}",
        "disk": f"disk:{host.disk_mb}",
        "ports": f"ports:[{begin}-{end}]",
    }
    given = parse_resources(text, default_role)
    # A name with amount 0 counts as given: so an agent can have none of it.
    missing = [piece for name, piece in detected.items() if not _names(text, name)]
    return given + parse_resources(";".join(missing), default_role)


def _names(text: str, name: str) -> bool:
    """Tell whether resources, in either of their forms, speak of `name` (not as a role, say)."""
    return re.search(rf'(^|;|"name"\s*:\s*")\s*{name}\s*[(:"]', text) is not None


def find_isolation(flags: Flags) -> tuple[ContainerGroups | None, tuple[str, ...]]:
    """Return how containers are limited, None if they are not, and the isolators' names. Says so in the log.

    Raises:
        ConfigError: limits are required and this machine does not allow them, or the flag is not usable.
    """
    wanted = flags["isolation"]
    if wanted != "auto" and not re.fullmatch(r"(cgroups|posix|filesystem)(/\w+)?(,\w+/\w+)*", wanted):
        raise ConfigError(f"--isolation={wanted} is not usable: expected auto, posix or cgroups")
    if "cgroups" not in wanted and wanted != "auto":
        log.info("Containers are not isolated from each other: --isolation=posix.")
        return None, DEFAULT_ISOLATION
    found = cgroups.detect(flags["cgroups_root"])
    log.info(found.describe())
    usable = found.has("cpu") or found.has("memory")
    if wanted != "auto" and not (found.has("cpu") and found.has("memory")):
        raise ConfigError(f"--isolation={wanted} cannot be had here. {found.describe()}")
    if not usable:
        return None, DEFAULT_ISOLATION
    return ContainerGroups(found, hard_cpu_limit=flags["cgroups_enable_cfs"]), CGROUP_ISOLATION


def executor_environment(text: str | None) -> tuple[tuple[str, str], ...] | None:
    """Return the variables that `--executor_environment_variables` gives to executors, None if it is unset.

    Raises:
        ConfigError: it is no JSON object of texts.
    """
    if text is None:
        return None
    try:
        return tuple(msgspec.json.decode(text, type=dict[str, str]).items())
    except msgspec.DecodeError as fault:
        flag = f"--executor_environment_variables={text}"
        raise ConfigError(f"{flag} is not usable: expected a JSON object of texts ({fault})") from None
