"""Whose tasks to end when a role is short of what is guaranteed to it (Mesos paper, section 3.3).

A policy gets what is missing, and the tasks of roles that hold more than their guarantees. It returns victims
whose resources cover what is missing and take no role below its guarantee, or nothing: a shortage that cannot
be mended is no reason to end anybody's work.

The default wastes as little work as it can. The work of a task is its dominant share times the time it has
run. First it looks for one agent on which enough can be had, so that a large task finds room in one place;
then over all agents. Both ways it takes the task that brings most per work lost, until there is enough, and
lets go those that turned out to be needless, the greatest work first. This is the greedy cover of a knapsack,
not the optimum, which nobody could wait for.

Amounts are thousandths by name of resource; roles are top-level roles, which is where guarantees are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from meseta.allocator.amounts import Amounts, Sums, add, exceeds, less, take
from meseta.ids import AgentId, FrameworkId, TaskId


class Runner(msgspec.Struct, frozen=True, gc=False):
    """A task that may be ended."""

    framework_id: FrameworkId
    task_id: TaskId
    agent_id: AgentId
    role: str
    amounts: Amounts
    running_s: float


class Shortage(msgspec.Struct, frozen=True):
    """What is missing, and what may be taken."""

    missing: Amounts
    total: Amounts
    """What the cluster has, to compare resources of different kinds."""
    spare: Mapping[str, Amounts]
    """By role: what it holds above its guarantee. Of resources that are not named there everything."""


class VictimPolicy(Protocol):
    """Chooses victims. A plugin kind."""

    def __call__(self, shortage: Shortage, runners: Sequence[Runner], /) -> Collection[Runner]:
        """Return the tasks to end, of those given; none if the shortage cannot be mended."""
        ...


def least_work(shortage: Shortage, runners: Sequence[Runner]) -> list[Runner]:
    """Return victims that lose little work, all on one agent if that is enough. The default policy."""
    in_order = sorted(runners, key=lambda one: _price(shortage, one))
    by_agent: dict[AgentId, list[Runner]] = {}
    for runner in in_order:
        by_agent.setdefault(runner.agent_id, []).append(runner)
    enough = (group for group in by_agent.values() if not exceeds(shortage.missing, _brought_by(group), 0))
    covers = [cover for group in enough if (cover := _cover(shortage, group))]
    if not covers:
        return _cover(shortage, in_order)
    return min(covers, key=lambda cover: (sum(_work(shortage, one) for one in cover), cover[0].agent_id))


def fault_of(shortage: Shortage, victims: Collection[Runner], runners: Collection[Runner]) -> str | None:
    """Say what is wrong with what a policy returned, if anything is."""
    chosen = [_key(one) for one in victims]
    if len(set(chosen)) < len(chosen) or not set(map(_key, runners)).issuperset(chosen):
        return "it chose a task twice, or one that it was not given"
    if victims and exceeds(shortage.missing, _brought_by(victims), missing=0):
        return "what it chose does not cover what is missing"
    spare = _copy(shortage.spare)
    if not all(take(spare.get(one.role, {}), one.amounts) for one in victims):
        return "what it chose takes a role below its guarantee"
    return None


def needed_of(missing: Amounts, runners: Sequence[Runner]) -> list[Runner]:
    """Return the runners without those that are needless for what is missing: the first ones are let go."""
    surplus = less(_brought_by(runners), missing)
    bounds = {name: surplus.get(name, 0) for name in missing}
    return [one for one in runners if not take(bounds, one.amounts)]


def _cover(shortage: Shortage, in_order: Iterable[Runner]) -> list[Runner]:
    """Return the first of these that are enough, without those that are needless; [] if all are too few."""
    left = less(shortage.missing, {})
    spare = _copy(shortage.spare)
    cover: list[Runner] = []
    for runner in in_order:
        if not left:
            break
        if _use(left, runner) > 0 and take(spare.get(runner.role, {}), runner.amounts):
            cover.append(runner)
            left = less(left, runner.amounts)
    return [] if left else _without_needless(shortage, cover)


def _without_needless(shortage: Shortage, cover: list[Runner]) -> list[Runner]:
    by_work = sorted(cover, key=lambda one: -_work(shortage, one))
    needed = set(map(_key, needed_of(shortage.missing, by_work)))
    return [one for one in cover if _key(one) in needed]


def _key(runner: Runner) -> tuple[FrameworkId, TaskId]:
    return runner.framework_id, runner.task_id


def _copy(spare: Mapping[str, Amounts]) -> dict[str, Sums]:
    return {role: dict(amounts) for role, amounts in spare.items()}


def _brought_by(runners: Iterable[Runner]) -> Sums:
    brought: Sums = {}
    for one in runners:
        add(brought, one.amounts)
    return brought


def _use(missing: Amounts, runner: Runner) -> float:
    """Return which part of what is missing the task's end would bring, summed over the resources."""
    wanted = [(runner.amounts.get(name, 0), amount) for name, amount in missing.items() if amount]
    return sum(min(brought, amount) / amount for brought, amount in wanted)


def _work(shortage: Shortage, runner: Runner) -> float:
    shares = [
        amount / shortage.total[name] for name, amount in runner.amounts.items() if shortage.total.get(name)
    ]
    return max(shares, default=0.0) * max(0.0, runner.running_s)


def _price(shortage: Shortage, runner: Runner) -> tuple[float, FrameworkId, TaskId]:
    """Return what orders candidates: work lost for what it brings, then names, so that runs repeat."""
    use = _use(shortage.missing, runner)
    price = _work(shortage, runner) / use if use else float("inf")
    return price, runner.framework_id, runner.task_id
