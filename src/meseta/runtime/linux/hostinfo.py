"""What this machine offers when the operator does not say: Mesos's rules for the default resources.

One thing is better than in Mesos: in a container or a service with limits, those count, not the machine's.
"""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from meseta.runtime.linux.cgroups import Mount, own_group, read_mounts

GB = 1 << 30
PORTS_DEFAULT = (31000, 32000)
MEMORY_RESERVE_BYTES = GB
DISK_RESERVE_BYTES = 5 * GB


class HostInfo(NamedTuple):
    """Resources to offer, before any flag: whole cpus, megabytes, and a range of ports."""

    cpus: int
    mem_mb: int
    disk_mb: int
    ports: tuple[int, int]
    boot_id: str


def detect(work_dir: str) -> HostInfo:
    """Return what there is to offer; disk is that of the file system of `work_dir`, which must exist."""
    memory = offered_memory(min(total_memory(), memory_limit()))
    disk = offered_disk(total_disk(work_dir))
    return HostInfo(usable_cpus(), memory >> 20, disk >> 20, PORTS_DEFAULT, boot_id())


def usable_cpus() -> int:
    """Return the number of cpus that this process, and so its children, may run on."""
    return len(os.sched_getaffinity(0))


def total_memory() -> int:
    """Return the bytes of main memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def total_disk(path: str) -> int:
    """Return the size in bytes of the file system that holds `path`."""
    info = os.statvfs(path)
    return info.f_blocks * info.f_frsize


def offered_memory(total_bytes: int) -> int:
    """Return what to offer of `total_bytes`: all but 1 GB, or half of less than 2 GB."""
    return total_bytes - MEMORY_RESERVE_BYTES if total_bytes >= 2 * GB else total_bytes // 2


def offered_disk(total_bytes: int) -> int:
    """Return what to offer of `total_bytes`: all but 5 GB, or half of less than 10 GB."""
    return total_bytes - DISK_RESERVE_BYTES if total_bytes >= 10 * GB else total_bytes // 2


def memory_limit(*, mountinfo: str = "/proc/self/mountinfo", table: str = "/proc/self/cgroup") -> int:
    """Return the tightest memory limit, in bytes, of the cgroups that this process is in."""
    limit = 1 << 63
    for mount in read_mounts(mountinfo):
        if mount.version == 2 or "memory" in mount.controllers:
            limit = min([limit, *_limits(mount, table)])
    return limit


def boot_id() -> str:
    """Return the id that changes with every boot."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def local_ip() -> str:
    """Return the IPv4 address at which others are likely to reach this machine.

    That of its host name; if that is none or a loopback address, the source of the default route.
    """
    try:
        address = str(socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)[0][4][0])
    except OSError:
        address = "127.0.0.1"
    return _route_source() or address if address.startswith("127.") else address


def host_name(ip: str) -> str:
    """Return the name that the resolver has for `ip`, or `ip` itself."""
    try:
        return socket.gethostbyaddr(ip)[0]
    except OSError:
        return ip


def _route_source() -> str | None:
    """Ask the kernel which address it would send from; a datagram socket that connects sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _limits(mount: Mount, table: str) -> list[int]:
    """Return the limits of this process's memory group and of those above it, as far as they are seen."""
    file = "memory.max" if mount.version == 2 else "memory.limit_in_bytes"
    group = own_group("" if mount.version == 2 else "memory", table=table).strip("/")
    limits = []
    while True:
        try:
            with open(os.path.join(mount.path, group, file)) as stream:
                text = stream.read().strip()
        except OSError:
            text = "max"
        if text != "max":
            limits.append(int(text))
        if not group:
            return limits
        group = os.path.dirname(group)
