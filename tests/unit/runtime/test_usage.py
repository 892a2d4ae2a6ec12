from __future__ import annotations

import os
import resource

from meseta.runtime.linux.cgroups import Cgroups, Usage
from meseta.runtime.linux.processes import Forest, Stat
from meseta.runtime.linux.usage import cgroup_statistics, tree_statistics


def test_a_tree_is_summed_up() -> None:
    hertz, page = os.sysconf("SC_CLK_TCK"), resource.getpagesize()
    forest = Forest(
        [
            Stat(10, "S", 1, 10, hertz, hertz // 2, 5, 100),
            Stat(11, "R", 10, 10, 2 * hertz, 0, 6, 50),
            Stat(12, "R", 1, 12, 9 * hertz, 0, 6, 9),
        ]
    )
    assert tree_statistics(10, 7.0, forest) == {
        "timestamp": 7.0,
        "cpus_user_time_secs": 3.0,
        "cpus_system_time_secs": 0.5,
        "mem_rss_bytes": 150 * page,
    }


def test_what_a_cgroup_does_not_know_is_absent() -> None:
    class Fixed(Cgroups):
        def usage(self, name: str) -> Usage:
            return Usage(user_s=1.5, system_s=0.5, total_bytes=70, anon_bytes=40, file_bytes=20)

    assert cgroup_statistics(Fixed(1, "mesos", {}, {}), "c1", 7.0) == {
        "timestamp": 7.0,
        "cpus_user_time_secs": 1.5,
        "cpus_system_time_secs": 0.5,
        "mem_total_bytes": 70,
        "mem_rss_bytes": 40,
        "mem_anon_bytes": 40,
        "mem_cache_bytes": 20,
        "mem_file_bytes": 20,
    }
