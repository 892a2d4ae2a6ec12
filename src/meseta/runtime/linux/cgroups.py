"""Control groups, version 1 and 2, as an agent uses them for its containers.

    version 1                                   version 2
    /sys/fs/cgroup/cpu/mesos/<container>        /sys/fs/cgroup/mesos/<container>        limits
    /sys/fs/cgroup/memory/mesos/<container>     /sys/fs/cgroup/mesos/<container>/leaf   processes
    …one tree for each controller               …processes only in leaves, as version 2 demands

`detect` finds out what this machine has and what this agent may use; what it may not use is no error but a
sentence in `describe`. A process is put into the groups of its container before it runs (`Spawn.cgroups`).
The rates are those of Mesos: 1024 shares or a weight of 100 for a cpu, a period of 100 ms, 32 MB at least.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterable
from typing import NamedTuple

from meseta.errors import MesetaError
from meseta.runtime.linux import processes

CONTROLLERS = ("cpu", "cpuacct", "memory", "freezer", "pids")
"""Those of version 1. Of version 2 cpu, memory and pids; accounting and freezing are part of it."""

LEAF = "leaf"
CPU_PERIOD_US = 100_000
CPU_QUOTA_US_MIN = 1_000
MEMORY_BYTES_MIN = 32 << 20
KILL_ROUNDS_MAX = 10
RETRY_S = 0.01


class CgroupError(MesetaError):
    """A control group refuses what is asked of it; the message names the file and the reason."""


class Mount(NamedTuple):
    """A mounted hierarchy: where, and its controllers if it is of version 1."""

    path: str
    version: int
    controllers: frozenset[str]


class Usage(NamedTuple):
    """What the processes of a container use and have used, all descendants included. None: not known.

    `anon_bytes` and `file_bytes` are what Mesos calls rss and cache.
    """

    user_s: float | None = None
    system_s: float | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    throttled_s: float | None = None
    total_bytes: int | None = None
    anon_bytes: int | None = None
    file_bytes: int | None = None
    mapped_bytes: int | None = None
    unevictable_bytes: int | None = None


class Cgroups:
    """The control groups that an agent may use: `directories` is its root group for each controller."""

    __slots__ = ("directories", "refused", "root", "version")

    def __init__(self, version: int, root: str, directories: dict[str, str], refused: dict[str, str]) -> None:
        self.version = version
        self.root = root
        self.directories = directories
        self.refused = refused

    def has(self, controller: str) -> bool:
        """Tell whether `controller` can be used."""
        return controller in self.directories

    def describe(self) -> str:
        """Return sentences for the operator: what is in effect, and why the rest is not."""
        if self.directories:
            names = ", ".join(sorted(self.directories))
            text = f"Containers are isolated by cgroups v{self.version} below '{self.root}': {names}."
        else:
            text = "Containers are not isolated from each other: no cgroup controller can be used."
        reasons: dict[str, list[str]] = {}
        for controller, reason in self.refused.items():
            reasons.setdefault(reason, []).append(controller)
        return " ".join([text, *(f"Without {', '.join(names)}: {why}." for why, names in reasons.items())])

    def create(self, name: str) -> tuple[str, ...]:
        """Make the groups of container `name` and return those that its processes have to join.

        A nested container's name is a path. Raises `CgroupError`.
        """
        paths = self._paths(name)
        for path in paths:
            _make(path)
            if self.version == 2:
                _enable(path, self.directories)
                _make(os.path.join(path, LEAF))
        return tuple(os.path.join(path, LEAF) for path in paths) if self.version == 2 else paths

    def set_cpu(self, name: str, cpus: float, *, limit: float | None = None) -> None:
        """Give the container a share of `cpus`; with `limit` at most that many, even if others are idle."""
        directory = self._path("cpu", name)
        quota = "max" if limit is None else str(max(CPU_QUOTA_US_MIN, round(limit * CPU_PERIOD_US)))
        if self.version == 2:
            _write(directory, "cpu.weight", str(min(10_000, max(1, round(cpus * 100)))))
            _write(directory, "cpu.max", f"{quota} {CPU_PERIOD_US}")
            return
        _write(directory, "cpu.shares", str(max(2, round(cpus * 1024))))
        if os.path.exists(os.path.join(directory, "cpu.cfs_quota_us")):
            _write(directory, "cpu.cfs_period_us", str(CPU_PERIOD_US))
            _write(directory, "cpu.cfs_quota_us", "-1" if limit is None else quota)
        elif limit is not None:
            raise CgroupError(f"This kernel cannot limit cpus: {directory}/cpu.cfs_quota_us does not exist")

    def set_memory(self, name: str, soft_bytes: int, *, limit_bytes: int | None) -> None:
        """Protect `soft_bytes` of the container, and kill in it when it needs more than `limit_bytes`."""
        directory = self._path("memory", name)
        soft = str(max(MEMORY_BYTES_MIN, soft_bytes))
        if self.version == 2:
            _write(directory, "memory.low", soft)
            limit = "max" if limit_bytes is None else str(max(MEMORY_BYTES_MIN, limit_bytes))
            _write(directory, "memory.max", limit)
            return
        _write(directory, "memory.soft_limit_in_bytes", soft)
        limit = "-1" if limit_bytes is None else str(max(MEMORY_BYTES_MIN, limit_bytes))
        _write(directory, "memory.limit_in_bytes", limit)

    def usage(self, name: str) -> Usage:
        """Return what the container uses; raises `CgroupError` if it is gone."""
        return self._usage_v2(name) if self.version == 2 else self._usage_v1(name)

    def oom_kills(self, name: str) -> int:
        """Return how many processes of the container the kernel has killed for want of memory."""
        file = "memory.events" if self.version == 2 else "memory.oom_control"
        return _read_table(self._path("memory", name), file).get("oom_kill", 0)

    def pids(self, name: str) -> set[int]:
        """Return the processes of the container, of those nested in it too; none if it is gone."""
        found = set()
        for path in self._paths(name)[:1]:
            for directory, _, _ in os.walk(path):
                found.update(_pids(directory))
        return found

    def containers(self) -> set[str]:
        """Return the names of the containers that have groups, those of an earlier run included."""
        return {
            entry.name
            for path in set(self.directories.values())
            for entry in os.scandir(path)
            if entry.is_dir() and entry.name != LEAF
        }

    def kill(self, name: str) -> None:
        """Send SIGKILL to all processes of the container; none escapes by forking."""
        if self.has("freezer"):
            self._kill_frozen(name)
            return
        for path in self._paths(name):
            if os.path.exists(os.path.join(path, "cgroup.kill")):
                _write(path, "cgroup.kill", "1")
                return
        for _ in range(KILL_ROUNDS_MAX):
            pids = self.pids(name)
            if not pids:
                return
            processes.send(pids, signal.SIGKILL)

    def remove(self, name: str) -> bool:
        """Remove the groups of the container; False while there are still processes in them."""
        gone = [_remove_tree(path) for path in self._paths(name)]
        return all(gone)

    async def destroy(self, name: str, *, timeout_s: float = 60.0) -> None:
        """Kill all processes of the container and remove its groups; raises `CgroupError` in the end."""
        deadline = time.monotonic() + timeout_s
        while not self.remove(name):
            if time.monotonic() > deadline:
                raise CgroupError(f"The processes {sorted(self.pids(name))} of container {name} do not die")
            self.kill(name)
            await asyncio.sleep(RETRY_S)

    def _path(self, controller: str, name: str) -> str:
        if controller not in self.directories:
            reason = self.refused.get(controller, "it is not known")
            raise CgroupError(f"The cgroup controller '{controller}' cannot be used: {reason}")
        return os.path.join(self.directories[controller], name)

    def _paths(self, name: str) -> tuple[str, ...]:
        return tuple(os.path.join(path, name) for path in dict.fromkeys(self.directories.values()))

    def _kill_frozen(self, name: str) -> None:
        frozen = [directory for directory, _, _ in os.walk(self._path("freezer", name))]
        for directory in frozen:
            _write(directory, "freezer.state", "FROZEN")
        try:
            for directory in frozen:
                processes.send(_pids(directory), signal.SIGKILL)
        finally:
            for directory in frozen:
                _write(directory, "freezer.state", "THAWED")

    def _usage_v2(self, name: str) -> Usage:
        usage = Usage()
        if self.has("cpu"):
            cpu = _read_table(self._path("cpu", name), "cpu.stat")
            usage = usage._replace(
                user_s=cpu["user_usec"] / 1e6,
                system_s=cpu["system_usec"] / 1e6,
                periods=cpu.get("nr_periods"),
                throttled_periods=cpu.get("nr_throttled"),
                throttled_s=cpu.get("throttled_usec", 0) / 1e6,
            )
        if self.has("memory"):
            directory = self._path("memory", name)
            memory = _read_table(directory, "memory.stat")
            usage = usage._replace(
                total_bytes=int(_read(directory, "memory.current")),
                anon_bytes=memory["anon"],
                file_bytes=memory["file"],
                mapped_bytes=memory["file_mapped"],
                unevictable_bytes=memory["unevictable"],
            )
        return usage

    def _usage_v1(self, name: str) -> Usage:
        usage = Usage()
        if self.has("cpuacct"):
            ticks = _read_table(self._path("cpuacct", name), "cpuacct.stat")
            hertz = os.sysconf("SC_CLK_TCK")
            usage = usage._replace(user_s=ticks["user"] / hertz, system_s=ticks["system"] / hertz)
        if self.has("cpu") and (cpu := _read_table(self._path("cpu", name), "cpu.stat")):
            usage = usage._replace(
                periods=cpu["nr_periods"],
                throttled_periods=cpu["nr_throttled"],
                throttled_s=cpu["throttled_time"] / 1e9,
            )
        if self.has("memory"):
            directory = self._path("memory", name)
            memory = _read_table(directory, "memory.stat")
            usage = usage._replace(
                total_bytes=int(_read(directory, "memory.usage_in_bytes")),
                anon_bytes=memory["total_rss"],
                file_bytes=memory["total_cache"],
                mapped_bytes=memory["total_mapped_file"],
                unevictable_bytes=memory["total_unevictable"],
            )
        return usage


def detect(
    root: str = "mesos",
    *,
    below_own: bool = False,
    mountinfo: str = "/proc/self/mountinfo",
    table: str = "/proc/self/cgroup",
) -> Cgroups:
    """Find the control groups of this machine and make the agent's group `root` in each.

    That is at the top as in Mesos, or with `below_own` in the groups that this process itself is in, which
    keeps the limits of those for the agent and its containers together. Version 2 is used if its hierarchy
    has the cpu and memory controllers, else version 1. What cannot be used is refused with its reason.
    """
    mounts = read_mounts(mountinfo)
    for mount in mounts:
        if mount.version == 2 and {"cpu", "memory"} <= set(_words(mount.path, "cgroup.controllers")):
            base = own_group(table=table) if below_own else "/"
            return _detect_v2(mount, root, base)
    bases = {name: own_group(name, table=table) if below_own else "/" for name in CONTROLLERS}
    return _detect_v1([mount for mount in mounts if mount.version == 1], root, bases)


def read_mounts(mountinfo: str) -> list[Mount]:
    """Return the cgroup hierarchies that a file like /proc/self/mountinfo names."""
    mounts = []
    with open(mountinfo) as file:
        for line in file:
            fields, _, tail = line.partition(" - ")
            kind, _, options = tail.split()[:3]
            path = fields.split()[4]
            if kind == "cgroup2":
                mounts.append(Mount(path, 2, frozenset()))
            elif kind == "cgroup":
                mounts.append(Mount(path, 1, frozenset(options.split(","))))
    return mounts


def own_group(controller: str = "", *, table: str = "/proc/self/cgroup") -> str:
    """Return the group that this process is in: of a controller of version 1, or of version 2."""
    with open(table) as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if controller in controllers.split(","):
                return path
    return "/"


def _detect_v2(mount: Mount, root: str, base: str) -> Cgroups:
    above = os.path.join(mount.path, base.strip("/"))
    path = os.path.join(above, root)
    directories, refused = {}, {}
    for controller in ("cpu", "memory", "pids"):
        try:
            _make_root(path)
            _enable(above, [controller])
            _enable(path, [controller])
            directories[controller] = path
        except CgroupError as error:
            refused[controller] = str(error)
    return Cgroups(2, root, directories, refused)


def _detect_v1(mounts: list[Mount], root: str, bases: dict[str, str]) -> Cgroups:
    directories, refused = {}, {}
    for controller in CONTROLLERS:
        mount = next((mount for mount in mounts if controller in mount.controllers), None)
        if mount is None:
            refused[controller] = "it is not mounted"
            continue
        path = os.path.join(mount.path, bases[controller].strip("/"), root)
        try:
            _make_root(path)
            directories[controller] = path
        except CgroupError as error:
            refused[controller] = str(error)
    return Cgroups(1, root, directories, refused)


def _make_root(path: str) -> None:
    """Make an agent's root group, which may be there already, of an agent of another user."""
    _make(path)
    if not os.access(path, os.W_OK | os.X_OK):
        raise CgroupError(f"{path} belongs to another user, and this one may not make groups in it")


def _make(path: str) -> None:
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise CgroupError(f"creating {path} failed: {error.strerror}") from error


def _enable(directory: str, controllers: Iterable[str]) -> None:
    """Let the groups below `directory` use these controllers."""
    missing = set(controllers) - set(_words(directory, "cgroup.subtree_control"))
    if missing:
        _write(directory, "cgroup.subtree_control", " ".join(f"+{name}" for name in sorted(missing)))


def _write(directory: str, file: str, value: str) -> None:
    path = os.path.join(directory, file)
    try:
        with open(path, "w") as stream:
            stream.write(value)
    except OSError as error:
        raise CgroupError(f"writing '{value}' to {path} failed: {error.strerror}") from error


def _read(directory: str, file: str) -> str:
    path = os.path.join(directory, file)
    try:
        with open(path) as stream:
            return stream.read()
    except OSError as error:
        raise CgroupError(f"reading {path} failed: {error.strerror}") from error


def _words(directory: str, file: str) -> list[str]:
    return _read(directory, file).split()


def _read_table(directory: str, file: str) -> dict[str, int]:
    """Return a file whose lines are a name and a number."""
    words = _words(directory, file)
    return {name: int(value) for name, value in zip(words[::2], words[1::2], strict=True)}


def _pids(directory: str) -> set[int]:
    try:
        return {int(pid) for pid in _words(directory, "cgroup.procs")}
    except CgroupError:
        return set()


def _remove_tree(path: str) -> bool:
    """Remove a group and those below it; say whether it is gone."""
    for directory, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True
