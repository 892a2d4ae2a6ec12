"""What a run is made of, drawn from its seed: how large, how fast, how unreliable, who wants what.

Every seed mixes another few of the faults and habits that there are (swarm testing): a run with everything
at once hides what only shows when something is missing.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from meseta.resources import Resources, parse_resources
from meseta.sim.containers import Speed
from meseta.sim.disk import Latency
from meseta.sim.network import CALM, Weather
from meseta.sim.own_executors import NO_HABITS, drawn_habits
from meseta.sim.temper import Temper, as_driver

NETWORK_FAULTS = ("slow", "breaks", "repeats", "overtaking", "partitions")
PROCESS_FAULTS = ("master", "agents", "power", "schedulers", "failovers", "teardowns", "pauses")
OTHER_FAULTS = ("disks", "spawns", "clocks")
LATER_FAULTS = ("executors", "stores", "elections", "expiries")
"""Drawn apart, so that what a seed does without them stays the same."""
VANISHING = "vanishing"
"""The same."""
FAULTS = (*NETWORK_FAULTS, *PROCESS_FAULTS, *OTHER_FAULTS, *LATER_FAULTS, VANISHING)
"""Names of all faults, as `--faults` takes them."""
ANSWERED_WITHIN_S = 15.0
"""How long offers last where a driver may have answered them in vain, which it has no way to know."""


class FaultMix(msgspec.Struct, frozen=True, kw_only=True):
    """How often what goes wrong: mean seconds between two occasions, 0 for never."""

    breaks_s: float = 0.0
    """A connection breaks."""
    partitions_s: float = 0.0
    partition_min_s: float = 1.0
    partition_mean_s: float = 10.0
    one_way: float = 0.0
    """Likelihood that a partition is in one direction only."""
    master_s: float = 0.0
    """A master's process ends, mostly the leader's, and starts again."""
    agents_s: float = 0.0
    power_s: float = 0.0
    """An agent's whole machine stops."""
    schedulers_s: float = 0.0
    vanishing_s: float = 0.0
    """The machine of a scheduler that has a standby falls silent for good."""
    failovers_s: float = 0.0
    """A second scheduler takes over a framework."""
    teardowns_s: float = 0.0
    pauses_s: float = 0.0
    """A process hangs."""
    executors_s: float = 0.0
    """A process that an agent runs for a task is killed."""
    stores_s: float = 0.0
    """The registry takes no writes for a while."""
    elections_s: float = 0.0
    """Masters are cut off from the coordination service, in one direction or both."""
    expiries_s: float = 0.0
    """The service ends the session of a candidate too early, which the terms of the registry must stand."""
    down_mean_s: float = 5.0
    """How long what has ended stays down, or hangs."""
    silent: float = 0.2
    """Likelihood that peers are not told of an end by a kernel."""


NO_FAULTS = FaultMix()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    seed: int
    duration_s: float
    """How long faults and new tasks go on."""
    agents: tuple[Resources, ...]
    frameworks: tuple[Temper, ...]
    masters: int = 1
    """One that always leads, or several that elect a leader."""
    session_s: float = 3.0
    """How long the coordination service waits for a sign of life."""
    master: dict[str, Any] = {}
    """Settings of the master that are not its defaults."""
    allocator: dict[str, Any] = {}
    weights: dict[str, float] = {}
    weather: Weather = CALM
    agent: dict[str, Any] = {}
    """Settings of the agents that are not their defaults."""
    disk: Latency = Latency()
    speed: Speed = Speed()
    clock_drift: float = 0.0
    """How much faster or slower a clock may run."""
    clock_skew_s: float = 0.0
    operator_s: float = 0.0
    """Mean seconds between two changes of quotas and weights, 0 for none."""
    revocation_s: float = 0.0
    """Grace period of tasks that end so that roles get their guarantees, 0 for none that end so."""
    upkeep_s: float = 0.0
    """Mean seconds between two times that agents or machines are taken out of use or back, 0 for never."""
    faults: FaultMix = NO_FAULTS
    fault_names: tuple[str, ...] = ()


def calm_plan(seed: int, agents: int, frameworks: int, duration_s: float) -> Plan:
    """Plan a cluster in which nothing goes wrong: what an operator wants to look at."""
    chance = random.Random(f"{seed}/plan")
    return Plan(
        seed=seed,
        duration_s=duration_s,
        agents=tuple(_resources(8.0, 32768.0) for _ in range(agents)),
        frameworks=tuple(
            Temper(
                role=f"role-{number % 10}",
                cpus=chance.choice([0.5, 1.0, 2.0, 4.0]),
                mem=chance.choice([512.0, 1024.0, 4096.0, 8192.0]),
                alive_max=chance.randint(1, max(4, 16 * agents // max(1, frameworks))),
                task_s=chance.choice([30.0, 60.0, 120.0]),
                filters=True,
                suppresses=True,
            )
            for number in range(frameworks)
        ),
    )


def swarm_plan(
    seed: int,
    *,
    agents: int | None = None,
    frameworks: int | None = None,
    duration_s: float | None = None,
    masters: int | None = None,
    only: Collection[str] | None = None,
) -> Plan:
    """Plan a run that wants to find bugs; `only` names the faults that may be drawn."""
    chance = random.Random(f"{seed}/plan")
    later = random.Random(f"{seed}/plan/later")
    vanishing = random.Random(f"{seed}/plan/vanishing")
    chances = dict.fromkeys(LATER_FAULTS, later) | {VANISHING: vanishing}
    drawn = [name for name in FAULTS if chances.get(name, chance).random() < 0.4]
    names = tuple(drawn if only is None else [name for name in FAULTS if name in only])
    agent_count = chance.randint(2, 5)
    framework_count = chance.randint(1, 4)
    length_s = chance.uniform(40.0, 90.0)
    cpus = chance.choice([2.0, 4.0, 8.0])
    calm = chance.random() < 0.5
    operator_s = random.Random(f"{seed}/plan/operator").choice([0.0, 0.0, 2.0, 8.0])
    revocation_s = random.Random(f"{seed}/plan/revocation").choice([0.0, 0.0, 1.0])
    master_count = later.choice([1, 3]) if masters is None else masters
    tempers = tuple(
        _swarm_temper(seed, number, one_master=master_count == 1)
        for number in range(framework_count if frameworks is None else frameworks)
    )
    return Plan(
        seed=seed,
        duration_s=length_s if duration_s is None else duration_s,
        agents=tuple(
            _resources(chance.choice([cpus, cpus / 2]), 1024.0 * cpus)
            for _ in range(agent_count if agents is None else agents)
        ),
        frameworks=tuple(map(_crowding, tempers)) if revocation_s else tempers,
        masters=master_count,
        session_s=later.choice([1.0, 3.0, 8.0]),
        master=_heard_of(tempers, _master_settings(chance))
        | {"agent_removal_interval_s": random.Random(f"{seed}/plan/removals").choice([None, None, 1.0, 6.0])},
        allocator={
            "recovery_window_s": chance.choice([0.0, 0.005, 0.5]),
            "recovery_timeout_s": 20.0,
            "starvation_timeout_s": random.Random(f"{seed}/plan/holding").choice([0.0, 1.0, 4.0]),
        },
        weights={"a": 2.0} if chance.random() < 0.3 else {},
        weather=_weather(chance, names),
        agent=_agent_settings(random.Random(f"{seed}/plan/executors"), tempers),
        disk=Latency(slow=0.1, slow_s=chance.choice([0.5, 3.0])) if "disks" in names else Latency(),
        speed=Speed(spawn_s=chance.choice([0.002, 0.2]), failures=0.1 if "spawns" in names else 0.0),
        clock_drift=0.02 if "clocks" in names else 0.0,
        clock_skew_s=100.0 if "clocks" in names else 0.0,
        operator_s=operator_s or 4.0 * revocation_s,
        revocation_s=revocation_s,
        upkeep_s=random.Random(f"{seed}/plan/upkeep").choice([0.0, 0.0, 3.0, 10.0]),
        faults=_fault_mix(chance, names, calm=calm),
        fault_names=names,
    )


def _swarm_temper(seed: int, number: int, *, one_master: bool) -> Temper:
    """Draw how a framework is: each matter from a source of its own, so that a new one changes no other."""
    temper = _temper(random.Random(f"{seed}/temper/{number}"), number)
    temper = as_driver(temper, random.Random(f"{seed}/driver/{number}"), sure=one_master)
    return replace(temper, executors=drawn_habits(random.Random(f"{seed}/temper/{number}/executors")))


def _resources(cpus: float, mem: float) -> Resources:
    return parse_resources(f"cpus:{cpus:g};mem:{mem:g};disk:10000;ports:[31000-32000]")


def _master_settings(chance: random.Random) -> dict[str, Any]:
    """Make everything that a master waits for short, as the run is."""
    return {
        "agent_ping_timeout_s": chance.choice([1.0, 2.0, 5.0]),
        "agent_ping_timeouts_max": chance.randint(2, 4),
        "agent_reregister_timeout_s": chance.choice([8.0, 20.0, 60.0]),
        "offer_timeout_s": chance.choice([None, 3.0, 15.0]),
        "heartbeat_interval_s": chance.choice([1.0, 3.0]),
    }


def _heard_of(tempers: Iterable[Temper], settings: dict[str, Any]) -> dict[str, Any]:
    """Let offers end by themselves that a driver has answered for nobody, without any way to know."""
    deaf = any(temper.driver and not temper.heeds_exits for temper in tempers)
    if deaf and settings["offer_timeout_s"] is None:
        return settings | {"offer_timeout_s": ANSWERED_WITHIN_S}
    return settings


def _agent_settings(chance: random.Random, tempers: tuple[Temper, ...]) -> dict[str, Any]:
    """Make what an agent waits for short, where there are executors of frameworks' own to wait for."""
    if all(temper.executors == NO_HABITS for temper in tempers):
        return {}
    return {
        "executor_registration_timeout_s": chance.choice([3.0, 10.0]),
        "executor_reregistration_timeout_s": chance.choice([1.0, 2.0, 8.0]),
        "executor_reregistration_retry_interval_s": chance.choice([None, None, 0.5]),
        "executor_shutdown_grace_period_s": chance.choice([1.0, 5.0]),
        "recovery_timeout_s": chance.choice([5.0, 30.0, 120.0]),
    }


def _weather(chance: random.Random, names: tuple[str, ...]) -> Weather:
    return Weather(
        delay_s=chance.choice([0.0002, 0.01]),
        jitter_s=chance.choice([0.0002, 0.05]),
        slow=chance.choice([0.01, 0.1]) if "slow" in names else 0.0,
        slow_s=chance.choice([0.5, 4.0]),
        breaks=chance.choice([0.001, 0.01]) if "breaks" in names else 0.0,
        repeats=0.1 if "repeats" in names else 0.0,
        overtaking=0.5 if "overtaking" in names else 0.0,
        patience_s=chance.choice([3.0, 15.0]),
    )


def _fault_mix(chance: random.Random, names: tuple[str, ...], *, calm: bool) -> FaultMix:
    def every(name: str, mean_s: float) -> float:
        return (mean_s * (2 if calm else 1)) if name in names else 0.0

    return FaultMix(
        breaks_s=every("breaks", 8.0),
        partitions_s=every("partitions", 12.0),
        partition_min_s=chance.choice([0.5, 3.0]),
        partition_mean_s=chance.choice([2.0, 12.0]),
        one_way=chance.choice([0.0, 0.5, 1.0]),
        master_s=every("master", 25.0),
        agents_s=every("agents", 12.0),
        power_s=every("power", 30.0),
        schedulers_s=every("schedulers", 15.0),
        vanishing_s=every(VANISHING, 8.0),
        failovers_s=every("failovers", 20.0),
        teardowns_s=every("teardowns", 40.0),
        pauses_s=every("pauses", 15.0),
        executors_s=every("executors", 5.0),
        stores_s=every("stores", 15.0),
        elections_s=every("elections", 12.0),
        expiries_s=every("expiries", 25.0),
        down_mean_s=chance.choice([0.5, 5.0, 15.0]),
        silent=chance.choice([0.0, 0.3]),
    )


def _temper(chance: random.Random, number: int) -> Temper:
    """Draw how one framework behaves."""
    pick = chance.choice
    return Temper(
        role=pick(["*", "a", "a/x", "b", f"own-{number}"]),
        cpus=pick([0.1, 0.5, 1.0]),
        mem=pick([32.0, 256.0, 512.0]),
        alive_max=pick([2, 5, 10]),
        task_s=pick([1.0, 5.0, 20.0]),
        services=pick([0.0, 0.2]),
        failing=pick([0.0, 0.3]),
        hungry=pick([0.0, 0.1]),
        stubborn_s=pick([0.0, 0.5, 6.0]),
        pods=pick([0.0, 0.0, 0.5, 1.0]),
        picky=pick([0.0, 0.3]),
        hoard_s=pick([0.0, 0.0, 1.0, 8.0]),
        refuse_s=pick([0.0, 1.0, 5.0, 30.0]),
        acknowledge_s=pick([0.0, 0.0, 0.5, 5.0]),
        reconcile_s=pick([5.0, 30.0]),
        kill_s=pick([0.0, 3.0, 10.0]),
        suppresses=pick([False, True]),
        filters=pick([False, False, True]),
        checkpoint=pick([True, True, False]),
        partition_aware=pick([True, True, False]),
        failover_timeout_s=pick([0.0, 5.0, 60.0, 3600.0]),
        standby=pick([False, False, True]),
        expression=pick([False, True]),
        demands=pick([False, True]),
    )


def _crowding(temper: Temper) -> Temper:
    """Return a framework that fills the agents for long: where room is left nothing ends for guarantees."""
    return replace(temper, cpus=1.0, mem=64.0, alive_max=20, services=0.5)


def shown(plan: Plan) -> Iterator[str]:
    """Yield lines that say what was drawn."""
    sizes = f"{len(plan.agents)} agents, {len(plan.frameworks)} frameworks, {plan.duration_s:.0f} s"
    if plan.masters > 1:
        sizes += f", {plan.masters} masters with sessions of {plan.session_s:g} s"
    if plan.operator_s:
        sizes += f", an operator who acts every {plan.operator_s:g} s"
    if plan.revocation_s:
        sizes += f", tasks that end for guarantees after {plan.revocation_s:g} s"
    if plan.upkeep_s:
        sizes += f", agents and machines out of use and back every {plan.upkeep_s:g} s"
    yield f"seed {plan.seed}: {sizes}"
    yield f"  faults: {', '.join(plan.fault_names) or 'none'}"
    for title, record in (("mix", plan.faults), ("network", plan.weather)):
        yield f"  {title}: {_differences(record)}"
    for title, settings in (("master", plan.master), ("agents", plan.agent)):
        yield f"  {title}: {', '.join(f'{name}={value}' for name, value in settings.items()) or 'as usual'}"
    for number, temper in enumerate(plan.frameworks):
        yield f"  framework-{number}: {_differences(temper)}"


def _differences(record: msgspec.Struct) -> str:
    """Return the fields that are not at their defaults."""
    plain = type(record)()
    fields = ((name, getattr(record, name)) for name in record.__struct_fields__)
    different = [f"{name}={value}" for name, value in fields if value != getattr(plain, name)]
    return ", ".join(different) or "as usual"
