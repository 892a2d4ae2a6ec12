"""Guaranteed allocation with revocation (Mesos paper, section 3.3): tasks end where a guarantee is not kept.

A guarantee keeps free what its role does not hold. But it comes too late for what others hold already: long
tasks above their guarantees, launched before the guarantee was set or while it was asked for by nobody. Mesos
waits until they end. Here, if an operator wants it, each check finds for every role with a guarantee

    short    = min(guarantee - consumed, what its frameworks need) - what it is offered
    missing  = short - what is free and offered to nobody

and a role that misses something at two checks in a row is helped:

    offers that others have  ──▶ rescinded, as far as they bring what is missing
    the rest                 ──▶ the policy chooses victims of roles above their guarantees
          victims' frameworks are told, and have the grace period to end them, or to end others
               nothing missing any more ──▶ withdrawn; the frameworks are told
               the grace period is over ──▶ the victims are killed
                    all of them have ended ──▶ the round is over; the role is short no more, or begins anew

What is freed goes to the role by itself: an allocator serves roles that miss some of their guarantees first.

A role has one round at a time. Nobody is taken below its own guarantee; if all that a role misses cannot be
had so, half of it is tried, a quarter, an eighth. The tasks of a pod end together, so they are one victim.
While agents of the registry are awaited nothing is done: what runs on them is not known. Amounts are sums
over the cluster, so a role can get its guarantee in pieces that are too small for a task of it; the default
policy looks for one agent first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from meseta.allocator.quota import contested, top_of
from meseta.allocator.victims import Runner, Shortage, fault_of
from meseta.ids import AgentId, ExecutorId, FrameworkId, TaskId
from meseta.master.config import RevocationTerms
from meseta.master.demand import demand_by_role
from meseta.master.effects import KillTask, Revoked
from meseta.master.quota_validation import amounts_text
from meseta.master.rescinding import rescind_offers
from meseta.master.state import AgentState, Executor, FrameworkState, Offer, Round, State, Task
from meseta.master.sums import Amounts, RoleSums, role_sums, users_on_agent
from meseta.records import ExecutorType
from meseta.resources import EMPTY, Resources

NOTHING = RoleSums()
Spare = dict[str, dict[str, int]]
"""By top-level role, and by name of what is guaranteed to it: what it may lose."""

PARTS = (1, 2, 4, 8)
"""What is tried of what a role misses, as divisors."""


def watch_guarantees(state: State, now: float) -> None:
    """Arm the timer of the next check, if an operator wants guarantees to be kept so."""
    if state.config.revocation is not None:
        state.deadlines.arm(("revocation", None), now + state.config.revocation.check_interval_s)


def on_revocation_check_due(state: State, key: None, now: float) -> None:
    """Help roles that have missed some of their guarantees for a while; end rounds that are over."""
    watch_guarantees(state, now)
    rounds = state.revocations
    for role in [role for role in rounds.by_role if not _running(state, role)]:
        rounds.end(role)
        state.deadlines.cancel(("revoke", role))
    if not rounds.by_role and not any(quota.guarantees for quota in state.quotas.values()):
        rounds.short = frozenset()
        return
    missing = _missing(state)
    for role, round in list(rounds.by_role.items()):
        if role not in missing and not round.killed:
            _withdraw(state, role)
    lasting = [role for role in missing if role in rounds.short and role not in rounds.by_role]
    rounds.short = frozenset(missing)
    for role in lasting:
        _help(state, role, missing[role], now)


# What is missing ----------------------------------------------------------------------------------------


def _missing(state: State) -> dict[str, Amounts]:
    """Return by role what it needs of its guarantee and what is not free; roles share what is free."""
    needed = demand_by_role(state) if not state.recovered_agents else {}
    needy = [role for role in sorted(needed) if role in state.quotas and state.quotas[role].guarantees]
    if not needy:
        return {}
    sums, free = role_sums(state), _free(state)
    missing: dict[str, Amounts] = {}
    for role in needy:
        short = _short(state.quotas[role].guarantees, needed[role], sums.get(role, NOTHING))
        if left := _less(short, free):
            missing[role] = left
        free = _less(free, short)
    return missing


def _short(guarantees: Mapping[str, int], needed: Amounts, sums: RoleSums) -> Amounts:
    consumed, offered = _consumed(sums), contested(sums.offered)
    short = {
        name: min(guarantee - consumed.get(name, 0), needed.get(name, 0)) - offered.get(name, 0)
        for name, guarantee in guarantees.items()
    }
    return {name: amount for name, amount in short.items() if amount > 0}


def _consumed(sums: RoleSums) -> Mapping[str, int]:
    return sums.consumed.nonrevocable().quantities()


def _free(state: State) -> Amounts:
    """Return what nobody uses and nobody is offered."""
    free: Amounts = {}
    for agent in _usable(state):
        used = sum((holder.resources for holder in users_on_agent(agent)), EMPTY)
        offered = sum((offer.resources for offer in agent.offers.values()), EMPTY)
        _add(free, contested(agent.total.subtract(used + offered)))
    return free


def _usable(state: State) -> Iterator[AgentState]:
    return (agent for agent in state.agents.values() if agent.active and agent.connected)


# Help ---------------------------------------------------------------------------------------------------


def _help(state: State, role: str, missing: Amounts, now: float) -> None:
    """Make free what a role misses: of offers first, then of tasks."""
    sums = role_sums(state)
    bring: list[Offer] = []
    spare = _spare(state, sums, now, with_offers=True)
    left = missing
    for offer in [offer for agent in _usable(state) for offer in agent.offers.values()]:
        whose, brought = top_of(offer.role), contested(offer.resources)
        if whose != role and left != (less := _less(left, brought)) and _take(spare, whose, brought):
            bring.append(offer)
            left = less
    rescind_offers(state, bring, now)
    if left:
        _choose(state, role, left, sums, now)


def _choose(state: State, role: str, missing: Amounts, sums: Mapping[str, RoleSums], now: float) -> None:
    """Have victims chosen for what a role misses, and begin its round."""
    terms = state.config.revocation
    assert terms is not None
    total = contested(sum((agent.total for agent in _usable(state)), EMPTY))
    units = _units(state, _candidates(state, role), now)
    runners = [unit.runner for unit in units]
    victims = set(map(id, _ask(state, terms, Shortage(missing, total, _spare(state, sums, now)), runners)))
    chosen = [task for unit in units if id(unit.runner) in victims for task in unit.tasks]
    if not chosen:
        return
    round = Round(state.wall(now) + terms.grace_s)
    state.revocations.begin(role, round, chosen)
    state.deadlines.arm(("revoke", role), now + terms.grace_s)
    state.note(
        f"Role '{role}' misses {amounts_text(missing)} of its guarantee: {len(chosen)} tasks of other roles"
        f" are to end within {terms.grace_s:g}secs"
    )
    _tell(state, role, chosen, round.deadline_s)


def _ask(state: State, terms: RevocationTerms, shortage: Shortage, runners: list[Runner]) -> list[Runner]:
    """Return the victims that the policy chooses, as many as one round may have; [] if there are none.

    What cannot be had as a whole is had in part, since a guarantee is a sum.
    """
    for part in PARTS:
        missing = {name: -(-amount // part) for name, amount in shortage.missing.items()}
        wanted = Shortage(missing, shortage.total, shortage.spare)
        try:
            victims = list(terms.policy(wanted, runners))
            fault = fault_of(wanted, victims, runners)
        except Exception as error:  # A plugin may raise anything.
            victims, fault = [], f"it raised {error!r}"
        if fault is not None:
            state.counters["master/revocation_policy_faults"] += 1
            state.warn(f"Not ending tasks as revocation policy '{terms.policy_name}' says: {fault}")
            return []
        if victims:
            return victims[: terms.victims_max]
    return []


def _spare(
    state: State,
    sums: Mapping[str, RoleSums],
    now: float,
    *,
    with_offers: bool = False,
    but_for: str | None = None,
) -> Spare:
    """Return what each role with a guarantee has above it, less what is to end for roles (`but_for` one)."""
    victims = state.revocations.victims
    leaving = [task for task in _victims(state) if victims[task.framework_id, task.task_id] != but_for]
    spare: Spare = {}
    for role, quota in state.quotas.items():
        mine = sums.get(role, NOTHING)
        has = dict(_consumed(mine))
        if with_offers:
            _add(has, contested(mine.offered))
        spare[role] = {name: has.get(name, 0) - amount for name, amount in quota.guarantees.items()}
    for unit in _units(state, leaving, now):
        _take(spare, unit.runner.role, unit.runner.amounts, force=True)
    return {role: {name: max(0, amount) for name, amount in left.items()} for role, left in spare.items()}


def _take(spare: Spare, role: str, amounts: Mapping[str, int], *, force: bool = False) -> bool:
    """Take amounts from what a top-level role may lose, unless that is too little."""
    bounds = spare.get(role, {})
    if not force and any(amounts.get(name, 0) > amount for name, amount in bounds.items()):
        return False
    for name in bounds:
        bounds[name] -= amounts.get(name, 0)
    return True


# Units --------------------------------------------------------------------------------------------------


class Unit(NamedTuple):
    """What ends together, as the policy sees it: under the name of the first of its tasks."""

    runner: Runner
    tasks: list[Task]


def _candidates(state: State, role: str) -> Iterator[Task]:
    """Yield the tasks that may be ended for a role."""
    for agent in _usable(state):
        for framework_id, tasks in agent.tasks.items():
            for task in tasks.values():
                known = (framework_id, task.task_id) in state.revocations.victims
                if task.holds_resources and top_of(task.role) != role and not known:
                    yield task


def _units(state: State, tasks: Iterable[Task], now: float) -> list[Unit]:
    """Return tasks as units: those of one pod executor together, with what that executor holds."""
    units: list[Unit] = []
    pods: dict[tuple[AgentId, FrameworkId, ExecutorId], list[Task]] = {}
    for task in tasks:
        if task.executor_id is not None and _pod(state, task) is not None:
            pods.setdefault((task.agent_id, task.framework_id, task.executor_id), []).append(task)
        else:
            units.append(_unit(state, [task], EMPTY, now))
    for members in pods.values():
        pod = _pod(state, members[0])
        units.append(_unit(state, members, pod.resources if pod is not None else EMPTY, now))
    return units


def _pod(state: State, task: Task) -> Executor | None:
    """Return the executor of the pods that a task is of; None for tasks that end alone."""
    executors = state.agents[task.agent_id].executors.get(task.framework_id, {})
    executor = executors.get(task.executor_id) if task.executor_id is not None else None
    return executor if executor is not None and executor.info.type is ExecutorType.DEFAULT else None


def _unit(state: State, tasks: list[Task], beside: Resources, now: float) -> Unit:
    first = tasks[0]
    amounts = contested(sum((task.resources for task in tasks), beside))
    running_s = max(_running_s(state, task, now) for task in tasks)
    role = top_of(first.role)
    return Unit(Runner(first.framework_id, first.task_id, first.agent_id, role, amounts, running_s), tasks)


def _running_s(state: State, task: Task, now: float) -> float:
    """Return for how long a task has run; 0 for one that is being killed: its work is lost already."""
    killed = (task.framework_id, task.task_id) in state.agents[task.agent_id].killed
    since = task.statuses[0].timestamp if task.statuses else None
    return max(0.0, state.wall(now) - since) if since is not None and not killed else 0.0


# Rounds -------------------------------------------------------------------------------------------------


def on_revocation_due(state: State, role: str, now: float) -> None:
    """Kill the victims that still run, if the role still misses something."""
    round = state.revocations.by_role.get(role)
    if round is None:
        return
    if role not in _missing(state):
        _withdraw(state, role)
        return
    round.killed = True
    spare = _spare(state, role_sums(state), now, but_for=role)
    for unit in _units(state, _running(state, role), now):
        if _take(spare, unit.runner.role, unit.runner.amounts):
            _kill(state, role, unit.tasks)
        else:  # By now its role needs it for its own guarantee.
            _spare_tasks(state, role, unit.tasks)


def _kill(state: State, role: str, tasks: Iterable[Task]) -> None:
    for task in tasks:
        agent, key = state.agents[task.agent_id], (task.framework_id, task.task_id)
        agent.killed.add(key)
        agent.revoked[key] = role
        state.counters["master/tasks_revoked"] += 1
        if agent.connected:
            state.tell_agent(agent, KillTask(task.framework_id, task.task_id))


def _spare_tasks(state: State, role: str, tasks: Iterable[Task]) -> None:
    """Let tasks run on of which their frameworks had been told that they are to end."""
    for task in tasks:
        state.revocations.victims.pop((task.framework_id, task.task_id))
    _tell(state, role, tasks, None)


def _withdraw(state: State, role: str) -> None:
    """End a round before anything was killed, and tell the frameworks that had been told of it."""
    running = list(_running(state, role))
    state.revocations.end(role)
    state.deadlines.cancel(("revoke", role))
    state.note(f"Role '{role}' misses nothing of its guarantee any more: no task has to end for it")
    _tell(state, role, running, None)


def remind(state: State, framework: FrameworkState) -> None:
    """Tell a scheduler that has just subscribed what the one before it was told."""
    rounds = state.revocations
    for role, round in rounds.by_role.items():
        mine = [task for task in _running(state, role) if task.framework_id == framework.id]
        if not round.killed:
            _tell(state, role, mine, round.deadline_s)


def _tell(state: State, role: str, tasks: Iterable[Task], deadline_s: float | None) -> None:
    """Tell frameworks that want to know it which of their tasks are to end, or not any more."""
    by_framework: dict[FrameworkId, list[TaskId]] = {}
    for task in tasks:
        by_framework.setdefault(task.framework_id, []).append(task.task_id)
    for framework_id, ids in by_framework.items():
        framework = state.frameworks[framework_id]
        if framework.info.options.revocation_notices:
            state.tell(framework, Revoked(role, tuple(ids), deadline_s))


def _victims(state: State) -> Iterator[Task]:
    """Yield the tasks that are to end and have not."""
    for framework_id, task_id in state.revocations.victims:
        task = state.frameworks[framework_id].tasks[task_id]
        if task.holds_resources:
            yield task


def _running(state: State, role: str) -> list[Task]:
    """Return the tasks that are to end for a role and have not."""
    victims = state.revocations.victims
    return [task for task in _victims(state) if victims[task.framework_id, task.task_id] == role]


def _less(amounts: Mapping[str, int], taken: Mapping[str, int]) -> Amounts:
    left = {name: amount - taken.get(name, 0) for name, amount in amounts.items()}
    return {name: amount for name, amount in left.items() if amount > 0}


def _add(sums: Amounts, amounts: Mapping[str, int]) -> None:
    for name, amount in amounts.items():
        sums[name] = sums.get(name, 0) + amount
