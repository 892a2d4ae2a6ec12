"""What offers cost in the allocator when every framework declines everything for good.

    python -m benchmarks.allocation

The workload is DeclineOffers of Mesos's allocator benchmark: agents of 24 cpus, 4 GB and ports, on each of
which a framework holds a part and 16 fragments of the ports; all frameworks in one role. Each round is one
cycle, then everything offered is declined for a year. Times are CPU seconds of this process.

A literal port of the textbook algorithm runs the same rounds at the smaller size in the same run, and has
to make the same choices.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from meseta.allocator.allocator import Allocation, AllocatorOptions
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.ids import AgentId, FrameworkId
from meseta.records import AgentInfo, Filters, FrameworkInfo
from meseta.resources import Kind, Ranges, Resources, ValueType
from tests.properties.drf_model import TextbookAllocator

EVERYTHING = 1_000_000
FOR_GOOD = Filters(365 * 24 * 3600.0)
CAPABILITIES = ("MULTI_ROLE", "HIERARCHICAL_ROLE")
PORTS = Kind("ports", ValueType.RANGES)
TOTAL = Resources.scalars(cpus=24, mem=4096, disk=4096) + Resources.of(
    {PORTS: Ranges.from_pairs([(31000, 32000)])}
)
T = TypeVar("T")


def used(index: int) -> Resources:
    """Return what is held on an agent."""
    first = 31000 + index % 8
    fragments = [(first + 40 * number, first + 40 * number + 4) for number in range(16)]
    return Resources.scalars(cpus=16, mem=2014, disk=1024) + Resources.of(
        {PORTS: Ranges.from_pairs(fragments)}
    )


def cpu(step: Callable[[], T]) -> tuple[float, T]:
    """Return the CPU seconds that a step takes, and what it returns."""
    start = time.process_time()
    result = step()
    return time.process_time() - start, result


def info(name: str) -> FrameworkInfo:
    """Return the description of a framework."""
    return FrameworkInfo(user="bench", name=name)


class Cluster:
    """The allocator proper with its agents and frameworks."""

    def __init__(self, agents: int, frameworks: int) -> None:
        self.now = 0.0
        self.allocator = HierarchicalAllocator(random.Random(1), AllocatorOptions())
        self.frameworks_s, _ = cpu(lambda: self._add_frameworks(frameworks))
        holdings = [used(index) for index in range(agents)]
        self.agents_s, _ = cpu(lambda: self._add_agents(agents, frameworks, holdings))

    def cycle(self) -> list[Allocation]:
        """Let a second pass, and allocate."""
        self.now += 1.0
        return self.allocator.allocate(self.now, EVERYTHING)

    def give_back(self, offer: Allocation, filters: Filters | None) -> None:
        """Return an offer."""
        self.allocator.recover(
            offer.framework_id, offer.agent_id, offer.role, offer.resources, filters, self.now
        )

    def decline(self, offers: list[Allocation]) -> None:
        """Refuse all offers for good."""
        for offer in offers:
            self.give_back(offer, FOR_GOOD)

    def _add_frameworks(self, count: int) -> None:
        for index in range(count):
            self.allocator.add_framework(FrameworkId(f"f{index:05}"), info(f"f{index}"), {}, active=True)

    def _add_agents(self, count: int, frameworks: int, holdings: list[Resources]) -> None:
        for index, held in enumerate(holdings):
            described = AgentInfo(hostname=f"host{index}", port=5051, resources=TOTAL)
            holder = {FrameworkId(f"f{index % frameworks:05}"): {"*": held}}
            self.allocator.add_agent(AgentId(f"S{index}"), described, CAPABILITIES, TOTAL, holder)


def run(agents: int, frameworks: int, rounds: int) -> dict[str, float]:
    """Measure adding, cycles, the idle cycle and one freed agent."""
    cluster = Cluster(agents, frameworks)
    gc.collect()
    gc.freeze()
    cycles, declines = [], []
    for _ in range(rounds):
        cycle_s, offers = cpu(cluster.cycle)
        assert len(offers) == agents
        cycles.append(cycle_s)
        declines.append(cpu(partial(cluster.decline, offers))[0])
    offers = cluster.cycle()
    idle_s = statistics.median(cpu(cluster.cycle)[0] for _ in range(20))
    freed_s = statistics.median(cpu(partial(free, cluster, offer))[0] for offer in offers[:500])
    return {
        "agents": agents,
        "frameworks": frameworks,
        "add_frameworks_s": cluster.frameworks_s,
        "add_agents_s": cluster.agents_s,
        "cycle_s": statistics.median(cycles),
        "cycle_max_s": max(cycles),
        "decline_s": statistics.median(declines),
        "idle_s": idle_s,
        "freed_s": freed_s,
    }


def free(cluster: Cluster, offer: Allocation) -> None:
    """End what runs on one agent, and allocate what that frees."""
    cluster.give_back(offer, None)
    decided = cluster.allocator.allocate(cluster.now + 0.005, EVERYTHING)
    assert [one.agent_id for one in decided] == [offer.agent_id]


def refused(agents: int, frameworks: int) -> float:
    """Return the CPU seconds of an idle cycle after everybody has refused everything."""
    cluster = Cluster(agents, frameworks)
    while offers := cluster.cycle():
        cluster.decline(offers)
    return statistics.median(cpu(cluster.cycle)[0] for _ in range(20))


def against_textbook(agents: int, frameworks: int, rounds: int) -> tuple[float, float]:
    """Return the CPU seconds of a cycle here and in the literal port, making the same choices."""
    cluster = Cluster(agents, frameworks)
    textbook = TextbookAllocator()
    for index in range(frameworks):
        textbook.add_framework(f"f{index:05}", info(f"f{index}"))
    for index in range(agents):
        textbook.add_agent(f"S{index}", f"host{index}", frozenset(CAPABILITIES), TOTAL)
        textbook.hold(f"f{index % frameworks:05}", "*", f"S{index}", used(index))
    ours, theirs = [], []
    for _ in range(rounds):
        seconds, offers = cpu(cluster.cycle)
        ours.append(seconds)
        order = [str(offer.agent_id) for offer in offers]
        seconds, choices = cpu(partial(textbook.allocate, cluster.now, order))
        theirs.append(seconds)
        assert choices == [(one.framework_id, one.role, one.agent_id, one.resources) for one in offers]
        cluster.decline(offers)
        for framework, role, agent, resources in choices:
            textbook.recover(framework, role, agent, resources, FOR_GOOD, cluster.now)
    return statistics.median(ours), statistics.median(theirs)


def show(result: dict[str, float]) -> None:
    """Print what was measured at one size."""
    print(f"{result['agents']:.0f} agents × {result['frameworks']:.0f} frameworks, CPU:")
    for key, value in result.items():
        if key.endswith("_s"):
            print(f"  {key.removesuffix('_s').replace('_', ' '):<16}{value * 1e3:10.3f} ms")


def main() -> None:
    """Measure, print for people, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    results = [run(1_000, 100, rounds), run(10_000, 1_000, rounds), run(50_000, 6_000, min(rounds, 3))]
    for result in results:
        show(result)
    refused_s = refused(1_000, 100)
    print(f"idle cycle after all of 1000 × 100 are refused: {refused_s * 1e3:.3f} ms")
    ours, theirs = against_textbook(1_000, 100, 2)
    ratio = ours / theirs
    print(f"cycle of 1000 × 100, here and by the textbook: {ours * 1e3:.1f} ms, {theirs * 1e3:.1f} ms")
    record = {"name": "alloc.decline", "ratio_to_textbook": ratio, "refused_idle_s": refused_s}
    record["large_cycle_s"] = results[2]["cycle_s"]
    print(json.dumps(record | results[1]))


if __name__ == "__main__":
    main()
