"""The control groups of an agent's containers: one for each, nested as the containers are.

    mesos/<container>              limits of a command task, or of a custom executor with its tasks
    mesos/<container>/<nested>     limits of a pod's task; the pod itself is limited by its parts

A container's group is removed when it has ended; that of a pod, which has no process, with its last task.
"""

from __future__ import annotations

import math
import os

from meseta.ids import ContainerId
from meseta.resources import Resources
from meseta.runtime.linux.cgroups import CgroupError, Cgroups

MIB = 1 << 20
MILLI = 1000


class ContainerGroups:
    """Which containers have groups, and what those limit. `hard_cpu_limit`: a task gets no idle cpus."""

    def __init__(self, cgroups: Cgroups, *, hard_cpu_limit: bool = False) -> None:
        self.cgroups = cgroups
        self._hard_cpu_limit = hard_cpu_limit
        self._members: dict[str, set[ContainerId]] = {}
        """Living containers by the name of the outermost one."""

    def make(
        self, container_id: ContainerId, resources: Resources, limits: dict[str, float]
    ) -> tuple[str, ...]:
        """Make the groups of a container, and return those that its processes have to join.

        Raises:
            CgroupError: they cannot be made.
        """
        top = self._enter(container_id)
        try:
            if top != container_id:
                self.cgroups.create(top)
            groups = self.cgroups.create(self.name_of(container_id))
            self.limit(container_id, resources, limits)
        except CgroupError:
            self.remove(container_id)
            raise
        return groups

    def groups_of(self, container_id: ContainerId) -> tuple[str, ...]:
        """Return the groups that another process of a container has to join.

        Raises:
            CgroupError: the container is gone.
        """
        return self.cgroups.create(self.name_of(container_id))

    def adopt(self, container_id: ContainerId) -> None:
        """Take note of a container that a former agent has started."""
        self._enter(container_id)

    def limit(self, container_id: ContainerId, resources: Resources, limits: dict[str, float]) -> None:
        """Set what a container may use: `resources`, and of what `limits` names up to that, maybe infinity.

        Raises:
            CgroupError: the kernel refuses, or the container is gone.
        """
        name, cgroups = self.name_of(container_id), self.cgroups
        cpus, mem_mib = resources.scalar("cpus") / MILLI, resources.scalar("mem") / MILLI
        if cgroups.has("cpu") and cpus:
            limit = limits.get("cpus", cpus if self._hard_cpu_limit else math.inf)
            cgroups.set_cpu(name, cpus, limit=None if math.isinf(limit) else limit)
        if cgroups.has("memory") and mem_mib:
            limit = limits.get("mem", mem_mib)
            limit_bytes = None if math.isinf(limit) else int(limit * MIB)
            cgroups.set_memory(name, int(mem_mib * MIB), limit_bytes=limit_bytes)

    def limitation(self, container_id: ContainerId) -> str | None:
        """Name the resource that processes of a container were killed for, if any."""
        if not self.cgroups.has("memory"):
            return None
        try:
            return "mem" if self.cgroups.oom_kills(self.name_of(container_id)) else None
        except CgroupError:
            return None

    def remove(self, container_id: ContainerId) -> bool:
        """Remove the groups of a container that has ended; False while there are processes in them."""
        if not self.cgroups.remove(self.name_of(container_id)):
            return False
        self._leave(container_id)
        return True

    async def destroy(self, container_id: ContainerId) -> None:
        """Kill all processes of a container and remove its groups.

        Raises:
            CgroupError: they do not die.
        """
        await self.cgroups.destroy(self.name_of(container_id))
        self._leave(container_id)

    @staticmethod
    def name_of(container_id: ContainerId) -> str:
        """Return the name of a container's group, which is a path for a nested one."""
        return os.path.join(*container_id.split("."))

    def _enter(self, container_id: ContainerId) -> str:
        top = container_id.partition(".")[0]
        self._members.setdefault(top, set()).add(container_id)
        return top

    def _leave(self, container_id: ContainerId) -> None:
        top = container_id.partition(".")[0]
        members = self._members.get(top, set())
        members.discard(container_id)
        if not members and self._members.pop(top, None) is not None and top != container_id:
            self.cgroups.remove(top)
