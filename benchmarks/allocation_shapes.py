"""What grows with what: the role tree, resources of many kinds, and memory.

    python -m benchmarks.allocation_shapes

sorter     one allocation less among 50,000 agents and 1,000 clients
volumes    a cycle and the declining of all offers, per resource object: plain, with volumes, with labels
operations unreserving and reserving again on one agent with many labelled reservations, per operation
memory     by agents and frameworks, after everything was offered and refused once

Times are CPU seconds of this process, memory is what Python's own allocator counts.
"""

from __future__ import annotations

import gc
import json
import random
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

from benchmarks.allocation import CAPABILITIES, EVERYTHING, FOR_GOOD, Cluster, cpu
from meseta.allocator.allocator import AllocatorOptions
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.allocator.sorter import RoleTree
from meseta.ids import AgentId, FrameworkId
from meseta.records import AgentInfo, FrameworkCapability, FrameworkInfo
from meseta.resources import Disk, Kind, Reservation, Resources

ROLE = "role"
PLAIN = Resources.scalars(cpus=24, mem=4096, disk=4096)


def sorter(agents: int, clients: int) -> float:
    """Return the CPU seconds of taking one allocation out of the tree and sorting again."""
    tree = RoleTree()
    held = {"cpus": 1000, "mem": 100_000}
    tree.change_total({name: quantity * agents for name, quantity in held.items()}, {})
    members = [tree.add(FrameworkId(f"f{index:04}"), ROLE) for index in range(clients)]
    for client in members:
        tree.want(client)
    for index in range(agents):
        tree.charge(members[index % clients], held)
    next(tree.turns(tree.root.mask))

    def take_out() -> None:
        for index in range(agents):
            tree.discharge(members[index % clients], held)
            next(tree.turns(tree.root.mask))

    return cpu(take_out)[0] / agents


def volumes(count: int, agent: int) -> Resources:
    """Return persistent volumes."""
    reservations = (Reservation(ROLE, True),)
    kinds = [
        Kind("disk", reservations=reservations, disk=Disk(persistence_id=f"v{agent}-{index}"))
        for index in range(count)
    ]
    return Resources.of([(kind, 64_000) for kind in kinds])


def labelled(count: int, agent: int) -> Resources:
    """Return reservations that differ in a label only."""
    kinds = [
        Kind("cpus", reservations=(Reservation(ROLE, True, labels=(("id", f"{agent:06}-{index:029}"),)),))
        for index in range(count)
    ]
    return Resources.of([(kind, 100) for kind in kinds])


def framework(name: str) -> FrameworkInfo:
    """Return a framework in the role of the reservations."""
    has = frozenset({FrameworkCapability.MULTI_ROLE, FrameworkCapability.RESERVATION_REFINEMENT})
    return FrameworkInfo(user="bench", name=name, roles=(ROLE,), capabilities=has)


def per_object(agents: int, more: Callable[[int], Resources], rounds: int = 3) -> float:
    """Return the CPU seconds of a cycle and its declines, per resource object of what was offered."""
    allocator = HierarchicalAllocator(random.Random(1), AllocatorOptions())
    for index in range(100):
        allocator.add_framework(FrameworkId(f"f{index:04}"), framework(f"f{index}"), {}, active=True)
    for index in range(agents):
        total = PLAIN + more(index)
        described = AgentInfo(hostname=f"host{index}", port=5051, resources=total)
        allocator.add_agent(AgentId(f"S{index}"), described, CAPABILITIES, total, {})
    best = float("inf")
    for number in range(1, rounds + 1):
        objects, start = 0, time.process_time()
        for offer in allocator.allocate(float(number), EVERYTHING):
            objects += sum(1 for _ in offer.resources)
            allocator.recover(
                offer.framework_id, offer.agent_id, offer.role, offer.resources, FOR_GOOD, float(number)
            )
        best = min(best, (time.process_time() - start) / objects)
    return best


def operations(objects: int, repeats: int = 20) -> float:
    """Return the CPU seconds of one operation on an agent with so many labelled reservations."""
    total = labelled(objects, 0)
    allocator = HierarchicalAllocator(random.Random(1), AllocatorOptions())
    allocator.add_framework(FrameworkId("f"), framework("f"), {}, active=True)
    described = AgentInfo(hostname="host", port=5051, resources=total)
    allocator.add_agent(AgentId("S"), described, CAPABILITIES, total, {})
    (offer,) = allocator.allocate(1.0, EVERYTHING)
    reserved = Resources.of([next(iter(offer.resources))])
    unreserved = reserved.to_unreserved()

    def repeat() -> None:
        for _ in range(repeats):
            allocator.update_allocation(FrameworkId("f"), AgentId("S"), ROLE, reserved, unreserved)
            allocator.update_allocation(FrameworkId("f"), AgentId("S"), ROLE, unreserved, reserved)

    gc.collect()
    return min(cpu(repeat)[0] for _ in range(3)) / (2 * repeats)


def memory(agents: int, frameworks: int) -> int:
    """Return the bytes of an allocator in which everything was offered and refused once."""
    gc.collect()
    tracemalloc.start()
    cluster = Cluster(agents, frameworks)
    cluster.decline(cluster.cycle())
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert cluster.allocator.deadline() is not None
    return held


def slopes() -> dict[str, float]:
    """Return the bytes per agent, per framework, and per pair of both."""
    few, more_agents = memory(2_000, 250), memory(4_000, 250)
    more_frameworks, both = memory(2_000, 500), memory(4_000, 500)
    return {
        "bytes_per_agent": (more_agents - few) / 2_000,
        "bytes_per_framework": (more_frameworks - few) / 250,
        "bytes_per_pair": (both - more_agents - more_frameworks + few) / (2_000 * 250),
    }


def main() -> None:
    """Measure, print for people, and print one line of JSON."""
    result: dict[str, float] = {"sorter_remove_s": sorter(50_000, 1_000)}
    print(f"sorter, one allocation less: {result['sorter_remove_s'] * 1e6:.2f} us")
    plain_s = per_object(1_000, lambda index: Resources.EMPTY)
    for name, make in (("volumes", volumes), ("labels", labelled)):
        for count in (10, 20, 40):
            ratio = per_object(1_000, partial(make, count)) / plain_s
            result[f"{name}_ratio"] = max(ratio, result.get(f"{name}_ratio", 0.0))
            print(f"{count} {name} per agent: {ratio:.2f} of the plain case per resource object")
    times = {objects: operations(objects) for objects in (200, 400, 800, 1600)}
    for objects, seconds in times.items():
        print(f"an operation among {objects} labelled reservations: {seconds * 1e6:.0f} us")
    result["operations_growth"] = times[1600] / times[200] / 8
    result |= slopes()
    print(", ".join(f"{name.replace('_', ' ')}: {result[name]:,.2f}" for name in result if "bytes" in name))
    print(json.dumps({"name": "alloc.shapes", **result}))


if __name__ == "__main__":
    main()
