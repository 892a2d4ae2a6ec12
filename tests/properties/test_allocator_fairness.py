"""What the DRF paper (NSDI 2011, sections 3 and 6) proves of its policy, held against the allocator.

The paper's tasks can be divided without end; ours are whole, so each property holds but for a few tasks.
How many follows from how the filling goes: who is next holds the least, so nobody is ahead of anybody by
more than a task; and who no longer fits leaves less than a task of some resource to the others.
"""

from __future__ import annotations

import random
import runpy
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meseta.allocator.allocator import AllocatorOptions
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.allocator.policies import dominant_share
from meseta.allocator.sorter import Share
from meseta.ids import AgentId, FrameworkId
from meseta.records import AgentInfo, Filters, FrameworkInfo
from meseta.resources import Resources


def example_policy() -> Share:
    """The policy of the example plugin."""
    path = Path(__file__).parents[2] / "examples" / "asset_fairness" / "asset_fairness.py"
    policy: Share = runpy.run_path(str(path))["asset_share"]
    return policy


asset_share = example_policy()

Demand = tuple[int, int]
"""CPUs and memory of one task, in units."""

FOR_GOOD = Filters(1e9)
LARGEST = 4
TOTALS = st.tuples(st.integers(200, 400), st.integers(200, 400))
DEMANDS = st.lists(st.tuples(st.integers(1, LARGEST), st.integers(1, LARGEST)), min_size=2, max_size=5)


def fill(totals: Demand, demands: Sequence[Demand], policy: Share = dominant_share) -> list[int]:
    """Let users, each in a role of its own, start a task whenever it is their turn; return how many."""
    options = AllocatorOptions(min_allocatable_resources=())
    allocator = HierarchicalAllocator(random.Random(1), options, share=policy)
    names = [f"u{index:02}" for index in range(len(demands))]
    for name in names:
        info = FrameworkInfo(user="u", name=name, roles=(name,))
        allocator.add_framework(FrameworkId(name), info, {}, active=True)
    total = bundle(totals)
    allocator.add_agent(AgentId("a"), AgentInfo(hostname="h", port=1, resources=total), (), total, {})
    tasks = dict.fromkeys(names, 0)
    now = 0.0
    while decided := allocator.allocate(now, 1):
        now += 0.01
        (one,) = decided
        task = bundle(demands[names.index(one.framework_id)])
        fits = one.resources.contains(task)
        left, filters = (one.resources - task, None) if fits else (one.resources, FOR_GOOD)
        tasks[one.framework_id] += fits
        allocator.recover(one.framework_id, one.agent_id, one.role, left, filters, now)
    return list(tasks.values())


def bundle(amounts: Demand) -> Resources:
    return Resources.scalars(cpus=amounts[0], mem=amounts[1])


def share(totals: Demand, demand: Demand, tasks: float = 1) -> float:
    """Return the dominant share of so many tasks."""
    return tasks * max(demand[0] / totals[0], demand[1] / totals[1])


def runs(bundle: tuple[float, float], demand: Demand) -> float:
    """Return how many tasks could be run with a bundle."""
    return min(have / need for have, need in zip(bundle, demand, strict=True))


def largest(totals: Demand, demands: Sequence[Demand]) -> float:
    return max(share(totals, demand) for demand in demands)


fairness = settings(max_examples=100)


@fairness
@given(TOTALS, DEMANDS)
def test_sharing_incentive(totals: Demand, demands: list[Demand]) -> None:
    """Nobody would be better off with a part of the cluster of its own."""
    for demand, tasks in zip(demands, fill(totals, demands), strict=True):
        assert share(totals, demand, tasks) > 1 / len(demands) - largest(totals, demands) - 1e-9


@fairness
@given(TOTALS, DEMANDS, st.tuples(st.integers(1, LARGEST), st.integers(1, LARGEST)))
def test_strategy_proofness(totals: Demand, demands: list[Demand], lie: Demand) -> None:
    """Who asks for other than it needs cannot run more of what it needs."""
    honest = fill(totals, demands)[0]
    lied = fill(totals, [lie, *demands[1:]])[0]
    useful = runs((lied * lie[0], lied * lie[1]), demands[0])
    slack = (LARGEST + 2) * largest(totals, [lie, *demands])
    assert share(totals, demands[0], useful) <= share(totals, demands[0], honest) + slack


@fairness
@given(TOTALS, DEMANDS)
def test_envy_freeness(totals: Demand, demands: list[Demand]) -> None:
    """Nobody could run more with what somebody else got."""
    tasks = fill(totals, demands)
    slack = (LARGEST + 2) * largest(totals, demands)
    for mine, own in zip(demands, tasks, strict=True):
        for theirs, count in zip(demands, tasks, strict=True):
            more = runs((count * theirs[0], count * theirs[1]), mine)
            assert share(totals, mine, more) <= share(totals, mine, own) + slack


@fairness
@given(TOTALS, DEMANDS)
def test_pareto_efficiency(totals: Demand, demands: list[Demand]) -> None:
    """Nothing is left with which anybody could run another task."""
    tasks = fill(totals, demands)
    left = [
        totals[index] - sum(count * demand[index] for count, demand in zip(tasks, demands, strict=True))
        for index in (0, 1)
    ]
    assert min(left) >= 0
    assert all(runs((left[0], left[1]), demand) < 1 for demand in demands)


@fairness
@given(st.integers(200, 400), st.lists(st.integers(1, LARGEST), min_size=2, max_size=5))
def test_single_resource_fairness(total: int, needs: list[int]) -> None:
    """With one resource it is max-min fairness: all get the same of it."""
    demands = [(need, 0) for need in needs]
    held = [count * need for count, need in zip(fill((total, 1), demands), needs, strict=True)]
    assert max(held) - min(held) <= 2 * LARGEST


@fairness
@given(TOTALS, st.lists(st.integers(2, LARGEST), min_size=2, max_size=5))
def test_bottleneck_fairness(totals: Demand, needs: list[int]) -> None:
    """If all need most of the same resource, all get the same of it."""
    even = (min(totals), min(totals))
    demands = [(need, need // 2) for need in needs]
    held = [count * need for count, need in zip(fill(even, demands), needs, strict=True)]
    assert max(held) - min(held) <= 2 * LARGEST


@fairness
@given(TOTALS, DEMANDS)
def test_population_monotonicity(totals: Demand, demands: list[Demand]) -> None:
    """When somebody leaves, nobody who stays gets less. All demands are positive, as theorem 14 wants."""
    before, after = fill(totals, demands)[1:], fill(totals, demands[1:])
    slack = (LARGEST + 2) * largest(totals, demands)
    for demand, then, now in zip(demands[1:], before, after, strict=True):
        assert share(totals, demand, now) >= share(totals, demand, then) - slack


class TestCounterExamplesOfOtherPolicies:
    """Instances of section 6.1 and the appendix; the totals are multiplied so that tasks come out whole."""

    def test_asset_fairness_breaks_sharing_incentive(self) -> None:
        """It gives 6 and 12 tasks, so that the second has less than half of both resources."""
        assert fill((30, 30), [(1, 3), (1, 1)]) == [5, 15]
        assert fill((30, 30), [(1, 3), (1, 1)], asset_share) == [6, 12]

    def test_asset_fairness_breaks_bottleneck_fairness(self) -> None:
        """It gives the first three sevenths of the CPUs."""
        assert fill((168, 168), [(3, 2), (4, 1)]) == [28, 21]
        assert fill((168, 168), [(3, 2), (4, 1)], asset_share) == [24, 24]

    @pytest.mark.parametrize(("times", "asset"), [(1, (44, 33)), (2, (42, 35))])
    def test_asset_fairness_depends_on_what_nobody_lacks(self, times: int, asset: Demand) -> None:
        """It takes CPUs from the first when there is twice as much memory."""
        demands = [(4, 2), (1, 1)]
        assert fill((616, 616 * times), demands) == [77, 308]
        tasks = fill((616, 616 * times), demands, asset_share)
        assert [8 * cpus for cpus in asset] == [
            count * need for count, (need, _) in zip(tasks, demands, strict=True)
        ]

    @pytest.mark.parametrize("claim", [(16, 1), (16, 8)])
    def test_equal_incomes_reward_lies(self, claim: Demand) -> None:
        """Competitive equilibrium would give the first 3.2 tasks, and 4.2 if it lies."""
        assert fill((2400, 2400), [claim, (1, 2)])[0] == 100

    def test_equal_incomes_give_less_when_somebody_leaves(self) -> None:
        """Competitive equilibrium would give the second 5.4 tasks, and 4.8 when the third has left."""
        all_three = fill((1000, 1000), [(4, 1), (1, 16), (16, 1)])
        without = fill((1000, 1000), [(4, 1), (1, 16)])
        assert all(now >= then for now, then in zip(without, all_three, strict=False))

    def test_a_lie_hurts_all(self) -> None:
        """One of ten needs only CPUs, the others only memory; if it claims both, all are down to a tenth."""
        others = [(0, 1)] * 9
        assert fill((90, 90), [(1, 0), *others]) == [90] + [10] * 9
        assert fill((90, 90), [(1, 1), *others]) == [9] * 10
