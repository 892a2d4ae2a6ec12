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
               the grace period is over ──▶ those are killed that still bring what is missing
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

from meseta.allocator.amounts import Amounts, Sums, add, amounts_text, exceeds, less, subtract, take
from meseta.allocator.quota import contested, top_of
from meseta.allocator.victims import Runner, Shortage, fault_of, needed_of
from meseta.ids import FrameworkId, TaskId
from meseta.master.config import RevocationTerms
from meseta.master.demand import demand_by_role
from meseta.master.effects import KillTask, Revoked
from meseta.master.plans import Round
from meseta.master.rescinding import rescind_offers
from meseta.master.state import AgentState, FrameworkState, Offer, State, Task
from meseta.master.sums import RoleSums, role_sums
from meseta.master.units import Unit, units_of
from meseta.master.views import free_on_agent
from meseta.resources import EMPTY

NOTHING = RoleSums()
Spare = dict[str, Sums]
"""By top-level role, and by name of what is guaranteed to it: what it may lose."""

HELPED_MAX = 4
"""Roles that are helped at one check; the others have their turns at the next ones."""
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
    for role in [role for role, round in rounds.by_role.items() if not _running(state, round)]:
        rounds.end(role)
        state.deadlines.cancel(("revoke", role))
    if not rounds.by_role and not any(quota.guarantees for quota in state.quotas.values()):
        rounds.short = rounds.helpless = frozenset()
        return
    missing = _missing(state)
    for role, round in list(rounds.by_role.items()):
        if role not in missing and not round.killed:
            _withdraw(state, role)
    lasting = [role for role in missing if role in rounds.short and role not in rounds.by_role]
    rounds.short = frozenset(missing)
    rounds.helpless &= rounds.short
    if lasting:
        _help(state, {role: missing[role] for role in rounds.turns(lasting, HELPED_MAX)}, now)


# What is missing ----------------------------------------------------------------------------------------


def _missing(state: State) -> dict[str, Sums]:
    """Return by role what it needs of its guarantee and what is not free; roles share what is free."""
    needed = demand_by_role(state) if not state.recovered_agents else {}
    needy = [role for role in sorted(needed) if role in state.quotas and state.quotas[role].guarantees]
    if not needy:
        return {}
    sums, free = role_sums(state), _free(state)
    missing: dict[str, Sums] = {}
    for role in needy:
        short = _short(state.quotas[role].guarantees, needed[role], sums.get(role, NOTHING))
        if left := less(short, free):
            missing[role] = left
        free = less(free, short)
    return missing


def _short(guarantees: Amounts, needed: Amounts, sums: RoleSums) -> Sums:
    unmet = less(guarantees, _consumed(sums))
    wanted = {name: min(amount, needed.get(name, 0)) for name, amount in unmet.items()}
    return less(wanted, contested(sums.offered))


def _consumed(sums: RoleSums) -> Amounts:
    return sums.consumed.nonrevocable().quantities()


def _free(state: State) -> Sums:
    """Return what nobody uses and nobody is offered."""
    free: Sums = {}
    for agent in _usable(state):
        add(free, contested(free_on_agent(agent)))
    return free


def _total(state: State) -> Amounts:
    return contested(sum((agent.total for agent in _usable(state)), EMPTY))


def _usable(state: State) -> Iterator[AgentState]:
    return (agent for agent in state.agents.values() if agent.active and agent.connected)


# Help ---------------------------------------------------------------------------------------------------


def _help(state: State, missing: Mapping[str, Sums], now: float) -> None:
    """Make free what roles miss: of offers first, then of tasks."""
    sums = role_sums(state)
    left = _rescind(state, missing, sums, now)
    units = units_of(state, _candidates(state), now) if left else []
    for role, amounts in left.items():
        _choose(state, role, amounts, sums, units, now)


def _rescind(
    state: State, missing: Mapping[str, Sums], sums: Mapping[str, RoleSums], now: float
) -> dict[str, Sums]:
    """Take back offers that bring what roles miss; return what they miss then."""
    spare = _spare(state, sums, now, with_offers=True)
    offers = [offer for agent in _usable(state) for offer in agent.offers.values()]
    left: dict[str, Sums] = {}
    for role, amounts in missing.items():
        bring: list[Offer] = []
        for offer in offers:
            whose, brought = top_of(offer.role), contested(offer.resources)
            rest = less(amounts, brought)
            if whose != role and rest != amounts and take(spare.get(whose, {}), brought):
                bring.append(offer)
                amounts = rest
        rescind_offers(state, bring, now)
        offers = [offer for offer in offers if offer.id in state.offers]
        if amounts:
            left[role] = amounts
    return left


def _choose(
    state: State, role: str, missing: Amounts, sums: Mapping[str, RoleSums], units: list[Unit], now: float
) -> None:
    """Have victims chosen for what a role misses, and begin its round."""
    terms = state.config.revocation
    assert terms is not None
    units = [unit for unit in units if unit.runner.role != role and not _is_to_end(state, unit)]
    shortage = Shortage(missing, _total(state), _spare(state, sums, now))
    victims = set(map(id, _ask(state, terms, shortage, [unit.runner for unit in units])))
    chosen = [task for unit in units if id(unit.runner) in victims for task in unit.tasks]
    if not chosen:
        _say_helpless(state, role, missing)
        return
    round = state.revocations.begin(role, state.wall(now) + terms.grace_s, [task.key for task in chosen])
    state.deadlines.arm(("revoke", role), now + terms.grace_s)
    state.note(
        f"Role '{role}' misses {amounts_text(missing)} of its guarantee: {len(chosen)} tasks of other roles"
        f" are to end within {terms.grace_s:g}secs"
    )
    _tell(state, role, chosen, round.deadline_s)


def _say_helpless(state: State, role: str, missing: Amounts) -> None:
    """Tell operators, once, why nothing is done for a role."""
    rounds = state.revocations
    if role not in rounds.helpless:
        rounds.helpless |= {role}
        state.note(
            f"Role '{role}' misses {amounts_text(missing)} of its guarantee, and no tasks were found to end"
            " for it: others hold no more than their guarantees, or it is on agents that are not offered"
        )


def _candidates(state: State) -> Iterator[Task]:
    """Yield the tasks whose end would make something free."""
    for agent in _usable(state):
        for tasks in agent.tasks.values():
            yield from (task for task in tasks.values() if task.holds_resources)


def _is_to_end(state: State, unit: Unit) -> bool:
    return any(task.key in state.revocations.victims for task in unit.tasks)


def _ask(state: State, terms: RevocationTerms, shortage: Shortage, runners: list[Runner]) -> list[Runner]:
    """Return the victims that the policy chooses, as many as one round may have; [] if there are none.

    What cannot be had as a whole is had in part, since a guarantee is a sum.
    """
    most = _most(runners, shortage.spare)
    for part in PARTS:
        missing = {name: -(-amount // part) for name, amount in shortage.missing.items()}
        if exceeds(missing, most, missing=0):
            continue  # Nobody can choose so much, and to find that out takes a policy long.
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


def _most(runners: Iterable[Runner], spare: Mapping[str, Amounts]) -> Sums:
    """Return a bound on what runners can bring without a role getting below its guarantee."""
    by_role: dict[str, Sums] = {}
    for runner in runners:
        add(by_role.setdefault(runner.role, {}), runner.amounts)
    most: Sums = {}
    for role, amounts in by_role.items():
        bounds = spare.get(role, {})
        add(most, {name: min(amount, bounds.get(name, amount)) for name, amount in amounts.items()})
    return most


def _spare(
    state: State,
    sums: Mapping[str, RoleSums],
    now: float,
    *,
    with_offers: bool = False,
    but_for: str | None = None,
) -> Spare:
    """Return what each role with a guarantee has above it, less what is to end for roles (`but_for` one)."""
    spare: Spare = {}
    for role, quota in state.quotas.items():
        mine = sums.get(role, NOTHING)
        has = dict(_consumed(mine))
        if with_offers:
            add(has, contested(mine.offered))
        spare[role] = {name: has.get(name, 0) - amount for name, amount in quota.guarantees.items()}
    rounds = state.revocations.by_role.items()
    leaving = [task for whose, round in rounds if whose != but_for for task in _running(state, round)]
    for unit in units_of(state, leaving, now):
        bounds = spare.get(unit.runner.role, {})
        subtract(bounds, {name: unit.runner.amounts.get(name, 0) for name in bounds})
    return {role: {name: max(0, amount) for name, amount in left.items()} for role, left in spare.items()}


# Rounds -------------------------------------------------------------------------------------------------


def on_revocation_due(state: State, role: str, now: float) -> None:
    """Kill the victims that still run, as far as the role still misses what they bring."""
    round = state.revocations.by_role.get(role)
    if round is None:
        return
    missing = _missing(state).get(role)
    if missing is None:
        _withdraw(state, role)
        return
    round.killed = True
    spare = _spare(state, role_sums(state), now, but_for=role)
    units = units_of(state, _running(state, round), now)
    able = [unit.runner for unit in units if _may_end(state, unit.runner, spare)]
    able.sort(key=lambda runner: -runner.running_s)  # The longest work goes on first.
    needed = set(map(id, needed_of(missing, able)))
    _kill(state, role, [task for unit in units if id(unit.runner) in needed for task in unit.tasks])
    _let_go(state, role, [task for unit in units if id(unit.runner) not in needed for task in unit.tasks])


def _may_end(state: State, victim: Runner, spare: Spare) -> bool:
    """Tell whether a victim's end still helps, and its role can do without it; take it off what is spare."""
    is_offered = state.agents[victim.agent_id].deactivation is None  # Or will be, when the agent is back.
    return is_offered and take(spare.get(victim.role, {}), victim.amounts)


def _kill(state: State, role: str, tasks: Iterable[Task]) -> None:
    for task in tasks:
        agent = state.agents[task.agent_id]
        agent.killed[task.key] = None
        agent.revoked[task.key] = role
        state.counters["master/tasks_revoked"] += 1
        if agent.connected:
            state.tell_agent(agent, KillTask(*task.key))


def _let_go(state: State, role: str, tasks: Iterable[Task]) -> None:
    """Let tasks run on of which their frameworks had been told that they are to end."""
    for task in tasks:
        state.revocations.forget(task.key)
    _tell(state, role, tasks, None)


def _withdraw(state: State, role: str) -> None:
    """End a round before anything was killed, and tell the frameworks that had been told of it."""
    running = _running(state, state.revocations.by_role[role])
    state.revocations.end(role)
    state.deadlines.cancel(("revoke", role))
    state.note(f"Role '{role}' misses nothing of its guarantee any more: no task has to end for it")
    _tell(state, role, running, None)


def remind(state: State, framework: FrameworkState) -> None:
    """Tell a scheduler that has just subscribed what the one before it was told."""
    for role, round in state.revocations.by_role.items():
        if not round.killed:
            mine = [task for task in _running(state, round) if task.framework_id == framework.id]
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


def _running(state: State, round: Round) -> list[Task]:
    """Return the tasks that are to end for a role and have not."""
    tasks = [state.frameworks[framework_id].tasks[task_id] for framework_id, task_id in round.victims]
    return [task for task in tasks if task.holds_resources]
