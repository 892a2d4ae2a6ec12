"""How much the containers of an agent use: all of them from one look at the machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from meseta.ids import ContainerId
from meseta.runtime.container_groups import ContainerGroups
from meseta.runtime.linux.cgroups import CgroupError
from meseta.runtime.linux.processes import read_forest
from meseta.runtime.linux.usage import Statistics, cgroup_statistics, tree_statistics


def measure(
    container_ids: Collection[ContainerId],
    pids: Mapping[ContainerId, int],
    groups: ContainerGroups | None,
    now: float,
) -> dict[ContainerId, Statistics]:
    """Return fields of ResourceStatistics for those containers that have processes or groups."""
    if groups is None:
        forest = read_forest() if container_ids else None
        return {
            container_id: tree_statistics(pids[container_id], now, forest)
            for container_id in container_ids
            if container_id in pids and forest is not None
        }
    measured = {}
    for container_id in container_ids:
        try:
            measured[container_id] = cgroup_statistics(groups.cgroups, groups.name_of(container_id), now)
        except CgroupError:
            continue
    return measured
