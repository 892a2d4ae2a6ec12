"""What a container uses, as the fields of Mesos's ResourceStatistics: from its processes or its cgroups.

Fields that are not known are absent, as in Mesos. Limits are the agent's to add: only it knows them.
"""

from __future__ import annotations

import os
import resource
from typing import Final

from meseta.runtime.linux.cgroups import Cgroups, Usage
from meseta.runtime.linux.processes import Forest

Statistics = dict[str, float | int]

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")

_CGROUP_FIELDS: Final = (
    ("cpus_user_time_secs", "user_s"),
    ("cpus_system_time_secs", "system_s"),
    ("cpus_nr_periods", "periods"),
    ("cpus_nr_throttled", "throttled_periods"),
    ("cpus_throttled_time_secs", "throttled_s"),
    ("mem_total_bytes", "total_bytes"),
    ("mem_rss_bytes", "anon_bytes"),
    ("mem_anon_bytes", "anon_bytes"),
    ("mem_cache_bytes", "file_bytes"),
    ("mem_file_bytes", "file_bytes"),
    ("mem_mapped_file_bytes", "mapped_bytes"),
    ("mem_unevictable_bytes", "unevictable_bytes"),
)


def tree_statistics(leader: int, now: float, forest: Forest) -> Statistics:
    """Return the statistics of the process tree of `leader` at `now`, seconds since the epoch.

    `forest` is a walk of /proc, which serves all containers of the agent. The times are those of living
    processes: what ended children have used is not in them.
    """
    members = [forest.stats[pid] for pid in forest.tree(leader)]
    return {
        "timestamp": now,
        "cpus_user_time_secs": sum(stat.user_ticks for stat in members) / _TICKS_PER_S,
        "cpus_system_time_secs": sum(stat.system_ticks for stat in members) / _TICKS_PER_S,
        "mem_rss_bytes": sum(stat.rss_pages for stat in members) * resource.getpagesize(),
    }


def cgroup_statistics(cgroups: Cgroups, name: str, now: float) -> Statistics:
    """Return the statistics of the container `name`; raises `CgroupError` if its groups are gone."""
    statistics: Statistics = {"timestamp": now}
    usage: Usage = cgroups.usage(name)
    for field, source in _CGROUP_FIELDS:
        value = getattr(usage, source)
        if value is not None:
            statistics[field] = value
    return statistics
