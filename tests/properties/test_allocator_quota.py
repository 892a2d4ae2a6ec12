"""Guarantees that fit the cluster are met whoever comes first, and limits are never exceeded."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from meseta.allocator.allocator import AllocatorOptions, Sorter
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.allocator.invariants import check
from meseta.ids import AgentId, FrameworkId
from meseta.records import AgentInfo, Filters, FrameworkInfo
from meseta.resources import Resources

CAPABILITIES = ("MULTI_ROLE", "HIERARCHICAL_ROLE")
ROLES = ("a", "a/x", "b", "b/y", "c", "d")
TOPS = ("a", "b", "c")


def greedy_cluster(seed: int) -> HierarchicalAllocator:
    """Return an allocator with agents, and guarantees that fit them."""
    chance = random.Random(seed)
    sorters: list[Sorter] = ["drf", "random"]
    options = AllocatorOptions(
        min_allocatable_resources=(),
        role_sorter=chance.choice(sorters),
        framework_sorter=chance.choice(sorters),
    )
    allocator = HierarchicalAllocator(random.Random(seed), options)
    total = {"cpus": 0, "mem": 0}
    for index in range(chance.randint(1, 8)):
        has = Resources.scalars(cpus=chance.randint(1, 16), mem=chance.randint(100, 9000))
        info = AgentInfo(hostname=f"h{index}", port=1, resources=has)
        allocator.add_agent(AgentId(f"a{index}"), info, CAPABILITIES, has, {})
        for name, quantity in has.quantities().items():
            total[name] += quantity
    left = dict(total)
    for role in TOPS:
        names = [name for name in left if left[name] and chance.random() < 0.7]
        guarantees = {name: chance.randint(1, left[name]) for name in names}
        for name, quantity in guarantees.items():
            left[name] -= quantity
        limits = {name: quantity + chance.randint(0, 5000) for name, quantity in guarantees.items()}
        allocator.update_quota(role, guarantees, limits)
    return allocator


@settings(max_examples=150)
@given(st.integers(0, 2**32 - 1))
def test_guarantees_are_met_and_limits_hold(seed: int) -> None:
    """Frameworks come one by one, in any order, take all that they are offered, and give some back."""
    chance = random.Random(seed)
    allocator = greedy_cluster(seed)
    names = chance.sample(ROLES, len(ROLES))
    now = 0.0
    for role in names:
        name = role.replace("/", "-")
        info = FrameworkInfo(user="u", name=name, roles=(role,))
        allocator.add_framework(FrameworkId(name), info, {}, active=True)
        now += 1.0
        for one in allocator.allocate(now, 1_000_000):
            if chance.random() < 0.3:
                part = Resources.of([item for item in one.resources if chance.random() < 0.5])
                filters = Filters(chance.choice((0.0, 1.0)))
                allocator.recover(one.framework_id, one.agent_id, one.role, part, filters, now)
    for _ in range(3):
        now += 10.0
        allocator.allocate(now, 1_000_000)
    check(allocator)
    quotas = allocator.ledger.quotas
    assert {role: quotas.missing(role) for role in TOPS} == {role: {} for role in TOPS}
    for role in TOPS:
        for name, limit in quotas.of(role).limits.items():
            assert quotas.consumed.get(role, {}).get(name, 0) <= limit
