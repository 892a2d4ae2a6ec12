"""What quota costs: LargeAndSmallQuota of Mesos's allocator benchmark, with all roles at their guarantees.

    python -m benchmarks.allocation_quota

Agents of 2 cpus and 2 GB. Five of six roles are guaranteed (and limited to) half an agent, the others two
agents; a framework in each takes everything. The first cycle meets all guarantees, in the second nothing is
left to give, in the third a single task has ended. Times are CPU seconds of this process.
"""

from __future__ import annotations

import gc
import json
import random
import statistics

from benchmarks.allocation import CAPABILITIES, EVERYTHING, cpu
from meseta.allocator.allocator import AllocatorOptions, Sorter
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.ids import AgentId, FrameworkId
from meseta.records import AgentInfo, FrameworkInfo
from meseta.resources import Resources

AGENT = Resources.scalars(cpus=2, mem=2048, disk=2048)
SMALL = Resources.scalars(cpus=1, mem=1024, disk=1024).quantities()
LARGE = Resources.scalars(cpus=4, mem=4096, disk=4096).quantities()


def add_roles(allocator: HierarchicalAllocator, small: int, large: int) -> None:
    """Give every role a framework and a quota."""
    for index in range(small + large):
        role = f"role{index}"
        framework = FrameworkInfo(user="bench", name=role, roles=(role,))
        allocator.add_framework(FrameworkId(role), framework, {}, active=True)
        quota = SMALL if index < small else LARGE
        allocator.update_quota(role, quota, quota)


def run(small: int, large: int, sorter: Sorter) -> dict[str, float]:
    """Measure adding roles, the first cycle, the idle one, and one after a task has ended."""
    agents = small // 5 + large * 5
    options = AllocatorOptions(role_sorter=sorter, framework_sorter=sorter)
    allocator = HierarchicalAllocator(random.Random(1), options)
    for index in range(agents):
        described = AgentInfo(hostname=f"host{index}", port=5051, resources=AGENT)
        allocator.add_agent(AgentId(f"S{index}"), described, CAPABILITIES, AGENT, {})
    roles_s, _ = cpu(lambda: add_roles(allocator, small, large))
    gc.collect()
    first_s, offers = cpu(lambda: allocator.allocate(1.0, EVERYTHING))
    idle_s, nothing = cpu(lambda: allocator.allocate(2.0, EVERYTHING))
    assert not nothing
    one = offers[0]
    allocator.recover(one.framework_id, one.agent_id, one.role, one.resources, None, 2.5)
    freed_s, again = cpu(lambda: allocator.allocate(3.0, EVERYTHING))
    assert [offer.role for offer in again] == [one.role]
    return {
        "agents": agents,
        "roles": small + large,
        "offers": len(offers),
        "add_roles_s": roles_s,
        "first_s": first_s,
        "idle_s": idle_s,
        "freed_s": freed_s,
    }


def main() -> None:
    """Measure, print for people, and print one line of JSON."""
    result: dict[str, float] = {}
    sorters: tuple[Sorter, ...] = ("random", "drf")
    for sorter in sorters:
        for small, large in ((25, 5), (250, 50), (2500, 500)):
            runs = [run(small, large, sorter) for _ in range(3)]
            result = {key: statistics.median(one[key] for one in runs) for key in runs[0]}
            times = ", ".join(
                f"{key.removesuffix('_s').replace('_', ' ')} {value * 1e3:.2f} ms"
                for key, value in result.items()
                if key.endswith("_s")
            )
            print(f"{sorter}, {result['agents']:.0f} agents × {result['roles']:.0f} roles: {times}")
    print(json.dumps({"name": "alloc.quota", **result}))


if __name__ == "__main__":
    main()
