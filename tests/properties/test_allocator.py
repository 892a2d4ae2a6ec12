"""The allocator against the textbook algorithm, choice by choice, and under any sequence of calls."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from meseta.allocator import hierarchical, sorter
from meseta.allocator.agenda import draw
from meseta.allocator.allocator import Allocation, AllocatorOptions
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.allocator.invariants import check
from meseta.allocator.policies import dominant_share
from meseta.allocator.policies.priority import PriorityAllocator
from meseta.allocator.quota import contested
from meseta.attributes import Attribute, AttributeType
from meseta.errors import PolicyError
from meseta.ids import AgentId, FrameworkId
from meseta.machine import Entropy
from meseta.records import (
    AgentInfo,
    AttributeConstraint,
    Filters,
    FrameworkCapability,
    FrameworkInfo,
    FrameworkOptions,
    OfferConstraints,
    Unavailability,
)
from meseta.resources import Disk, Kind, Quantity, Ranges, Reservation, Resources, ValueType
from tests.properties.drf_model import Choice, TextbookAllocator

EVERYTHING = 1_000_000
ROLES = ("*", "a", "a/b", "a/b/c", "a/d", "e", "e/f", "g")
AGENT_CAPABILITIES = ("MULTI_ROLE", "HIERARCHICAL_ROLE")
SEEDS = st.integers(0, 2**32 - 1)
REFUSALS = (None, 0.0, 0.5, 1.5, 5.0, -1.0, float("nan"), 1e12)


def reserved(name: str, *roles: str) -> Kind:
    return Kind(name, reservations=tuple(Reservation(role, False) for role in roles))


def some_resources(chance: random.Random) -> Resources:
    """Return an agent's total: plain or with reservations, revocable resources, gpus and ports."""
    few = chance.choice
    items: list[tuple[Kind, Quantity]] = [
        (Kind("cpus"), few((0, 5, 1000, 2000, 8000))),
        (Kind("mem"), few((0, 16_000, 64_000, 256_000))),
    ]
    if chance.random() < 0.5:
        items += [
            (reserved("cpus", few(("a", "a/b", "e"))), few((0, 500, 1000))),
            (reserved("mem", "a", "a/b"), few((0, 64_000))),
            (Kind("cpus", revocable=True), few((0, 1000))),
            (Kind("gpus"), few((0, 0, 1000))),
            (Kind("ports", ValueType.RANGES), Ranges.from_pairs([(31000, 31000 + few((0, 9)))])),
        ]
    return Resources.of([(kind, quantity) for kind, quantity in items if quantity])


def some_framework(chance: random.Random, name: str) -> FrameworkInfo:
    capabilities = [capability for capability in FrameworkCapability if chance.random() < 0.6]
    count = 3 if FrameworkCapability.MULTI_ROLE in capabilities else 1
    roles = tuple(chance.sample(ROLES, chance.randint(1, count)))
    filters = {role: chance.choice(((), ({"cpus": 1000},))) for role in roles if chance.random() < 0.2}
    demands = {role: some_demand(chance) for role in roles if chance.random() < 0.2}
    return FrameworkInfo(
        user="u",
        name=name,
        roles=roles,
        capabilities=frozenset(capabilities),
        offer_filters=filters,
        options=FrameworkOptions(demands=demands),
    )


def some_demand(chance: random.Random) -> dict[str, int]:
    """Return what a framework wants to hold of a role altogether."""
    return {
        name: chance.randrange(most)
        for name, most in (("cpus", 9000), ("mem", 300_000))
        if chance.random() < 0.7
    }


def some_quota(chance: random.Random) -> tuple[dict[str, int], dict[str, int]]:
    """Return guarantees and limits of a role, often none."""
    guarantees, limits = {}, {}
    for name, most in (("cpus", 12_000), ("mem", 500_000)):
        if chance.random() < 0.4:
            guarantees[name] = chance.randrange(1, most)
        if chance.random() < 0.4:
            limits[name] = guarantees.get(name, 0) + chance.randrange(most)
    return (guarantees, limits) if chance.random() < 0.8 else ({}, {})


class Twins:
    """The allocator and the textbook side by side, doing the same."""

    def __init__(self, seed: int, orders: list[list[str]]) -> None:
        self.orders = orders
        """In which orders the allocator looked at agents, by stage."""
        self.chance = random.Random(seed)
        self.ours = HierarchicalAllocator(random.Random(seed), AllocatorOptions(starvation_timeout_s=0.0))
        self.textbook = TextbookAllocator()
        self.now = 0.0
        self.infos: dict[str, FrameworkInfo] = {}
        self.held: list[Choice] = []
        self.serial = 0
        self.chosen = 0
        """How often both have chosen somebody, and the same."""

    def step(self) -> None:
        steps = (
            [self.add_agent] * 3
            + [self.add_framework] * 3
            + [self.allocate] * 5
            + [self.give_back] * 8
            + [self.suppress, self.revive, self.weigh, self.set_quota]
            + [self.toggle, self.remove_framework, self.remove_agent]
            + [self.switch_agent, self.set_whitelist]
        )
        self.chance.choice(steps)()

    def add_agent(self) -> None:
        self.serial += 1
        name, total = f"agent{self.serial}", some_resources(self.chance)
        has = AGENT_CAPABILITIES if self.chance.random() < 0.8 else self.chance.sample(AGENT_CAPABILITIES, 1)
        info = AgentInfo(hostname=name, port=1, resources=total)
        used: dict[FrameworkId, dict[str, Resources]] = {}
        for holder in self._some_framework() if self.chance.random() < 0.3 else ():
            role = self.chance.choice(self.infos[holder].roles)
            part = Resources.of([item for item in total.allocatable_to(role) if self.chance.random() < 0.5])
            used[FrameworkId(holder)] = {role: part}
        self.ours.add_agent(AgentId(name), info, has, total, used)
        self.textbook.add_agent(name, name, frozenset(has), total)
        for holder, by_role in used.items():
            for role, part in by_role.items():
                if part:
                    self.textbook.hold(holder, role, name, part)
                    self.held.append((holder, role, name, part))

    def add_framework(self) -> None:
        self.serial += 1
        name = f"framework{self.serial}"
        info = self.infos[name] = some_framework(self.chance, name)
        suppressed = info.roles[:1] if self.chance.random() < 0.2 else ()
        self.ours.add_framework(FrameworkId(name), info, {}, active=True, suppressed_roles=suppressed)
        self.textbook.add_framework(name, info, suppressed)

    def allocate(self) -> None:
        self.now += self.chance.choice((1.0, 1.0, 2.0, 7.0))
        self.orders.clear()
        ours = self.ours.allocate(self.now, EVERYTHING)
        first, order = self.whole(self.orders[0]), self.whole(self.orders[-1])
        assert [_choice(one) for one in ours] == self.textbook.allocate(self.now, order, first)
        self.chosen += len(ours)
        for one in ours:
            self.ours.accept(one.framework_id, one.agent_id, one.role, one.resources)
        self.held += [_choice(one) for one in ours]

    def give_back(self) -> None:
        if not self.held:
            return
        choice = self.held.pop(self.chance.randrange(len(self.held)))
        framework, role, agent, resources = choice
        some = resources
        if self.chance.random() < 0.4:
            some = Resources.of([item for item in resources if self.chance.random() < 0.5])
            if some != resources:
                self.held.append((framework, role, agent, resources - some))
        refused_s = self.chance.choice(REFUSALS)
        filters = None if refused_s is None else Filters(refused_s)
        names = FrameworkId(framework), AgentId(agent), role
        self.ours.recover(*names, some, filters, self.now, accepted=True)
        if some:
            self.textbook.recover(framework, role, agent, some, filters, self.now)

    def suppress(self) -> None:
        for name in self._some_framework():
            roles = self.infos[name].roles[:1]
            self.ours.suppress(FrameworkId(name), roles)
            self.textbook.suppress(name, roles)

    def revive(self) -> None:
        for name in self._some_framework():
            self.ours.revive(FrameworkId(name), self.infos[name].roles)
            self.textbook.revive(name, self.infos[name].roles)

    def weigh(self) -> None:
        weights = {self.chance.choice(ROLES): self.chance.choice((0.5, 1.0, 2.0, 3.0))}
        self.ours.update_weights(weights)
        self.textbook.update_weights(weights)

    def set_quota(self) -> None:
        role = self.chance.choice(("a", "e", "g"))
        guarantees, limits = some_quota(self.chance)
        self.ours.update_quota(role, guarantees, limits)
        self.textbook.update_quota(role, guarantees, limits)

    def whole(self, order: list[str]) -> list[str]:
        """Append the agents that the allocator had no need to look at."""
        return [*order, *(agent for agent in self.textbook.agents if agent not in order)]

    def toggle(self) -> None:
        for name in self._some_framework():
            if self.textbook.frameworks[name].active:
                self.ours.deactivate_framework(FrameworkId(name))
                self.textbook.set_active(name, False)
            else:
                self.ours.activate_framework(FrameworkId(name))
                self.textbook.set_active(name, True)

    def remove_framework(self) -> None:
        for name in self._some_framework():
            self.ours.remove_framework(FrameworkId(name))
            self.textbook.remove_framework(name)
            self.held = [one for one in self.held if one[0] != name]

    def remove_agent(self) -> None:
        if self.textbook.agents and self.chance.random() < 0.5:
            name = self.chance.choice(list(self.textbook.agents))
            self.ours.remove_agent(AgentId(name))
            self.textbook.remove_agent(name)
            self.held = [one for one in self.held if one[2] != name]

    def switch_agent(self) -> None:
        if self.textbook.agents:
            name = self.chance.choice(list(self.textbook.agents))
            active = self.textbook.agents[name].active = self.chance.random() < 0.7
            (self.ours.activate_agent if active else self.ours.deactivate_agent)(AgentId(name))

    def set_whitelist(self) -> None:
        some = frozenset(name for name in self.textbook.agents if self.chance.random() < 0.7)
        self.textbook.whitelist = self.chance.choice((some, None, None))
        self.ours.update_whitelist(self.textbook.whitelist)

    def _some_framework(self) -> Iterable[str]:
        names = list(self.textbook.frameworks)
        return [self.chance.choice(names)] if names else []


def recorded_draw(orders: list[list[str]], items: list[Any], count: int, entropy: Entropy) -> None:
    """Draw, and note what came out."""
    draw(items, count, entropy)
    orders.append([agent.id for agent in items[:count]])


def _by_holder(booked: dict[Any, Resources]) -> dict[tuple[str, str, str], Resources]:
    """What is booked, by framework, role and agent."""
    return {(client.framework_id, client.role, agent.id): some for (agent, client), some in booked.items()}


def _summed(choices: list[Choice]) -> dict[tuple[str, str, str], Resources]:
    sums: dict[tuple[str, str, str], Resources] = {}
    for framework, role, agent, some in choices:
        key = framework, role, agent
        sums[key] = sums.get(key, Resources.EMPTY) + some
    return sums


def _choice(allocation: Allocation) -> Choice:
    return allocation.framework_id, allocation.role, allocation.agent_id, allocation.resources


@pytest.mark.parametrize("few", [1, 8, EVERYTHING])
@pytest.mark.parametrize("block", range(4))
def test_same_choices_as_the_textbook(block: int, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether candidates are sorted among themselves or taken from the tree."""
    monkeypatch.setattr(sorter, "FEW", few)
    orders: list[list[str]] = []
    monkeypatch.setattr(hierarchical, "draw", partial(recorded_draw, orders))
    for seed in range(block * 30, block * 30 + 30):
        twins = Twins(seed, orders)
        for _ in range(150):
            twins.step()
        check(twins.ours)


SMALL_INSTANCES = 2400
SMALL_CHUNK = 300


@pytest.mark.parametrize("first", range(0, SMALL_INSTANCES, SMALL_CHUNK))
def test_same_choices_as_the_textbook_on_many_small_clusters(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each from the start: a role tree with weights and quota, agents, and a few rounds of give and take."""
    orders: list[list[str]] = []
    monkeypatch.setattr(hierarchical, "draw", partial(recorded_draw, orders))
    chosen = with_quota = 0
    for seed in range(first, first + SMALL_CHUNK):
        twins = Twins(1_000_000 + seed, orders)
        for step in small_script(twins):
            step()
        chosen += twins.chosen
        with_quota += bool(twins.textbook.quotas)
    assert chosen > 4 * SMALL_CHUNK, "too little was chosen to show anything"
    assert with_quota > SMALL_CHUNK / 2


def small_script(twins: Twins) -> Iterable[Callable[[], None]]:
    """Yield what to do to a small cluster: fill it, then change it a little before each allocation."""
    chance = twins.chance
    yield from [twins.add_framework] * chance.randint(1, 6)
    yield from [twins.add_agent] * chance.randint(1, 6)
    yield from [twins.weigh, twins.set_quota] * chance.randint(0, 2)
    yield twins.allocate
    changes = (twins.give_back, twins.give_back, twins.suppress, twins.revive, twins.toggle, twins.set_quota)
    for _ in range(4):
        yield from chance.choices(changes, k=chance.randint(1, 4))
        yield twins.allocate


class AnyCalls(RuleBasedStateMachine):
    """Every call of the protocol in any order, as a master would make them."""

    options = AllocatorOptions(starvation_timeout_s=2.0)
    make = HierarchicalAllocator

    def __init__(self) -> None:
        super().__init__()
        self.allocator = self.make(random.Random(1), self.options)
        self.now = 0.0
        self.serial = 0
        self.agents: list[AgentId] = []
        self.frameworks: dict[FrameworkId, FrameworkInfo] = {}
        self.held: list[Choice] = []
        self.offers: list[Choice] = []
        self.asked: set[tuple[AgentId, FrameworkId]] = set()

    def name(self, kind: str) -> str:
        self.serial += 1
        return f"{kind}{self.serial}"

    @rule(seed=SEEDS)
    def add_agent(self, seed: int) -> None:
        chance = random.Random(seed)
        agent, total = AgentId(self.name("agent")), some_resources(chance)
        used: dict[FrameworkId, dict[str, Resources]] = {}
        if total and chance.random() < 0.4:
            holder = FrameworkId(chance.choice([*self.frameworks, self.name("framework")]))
            part = Resources.of([item for item in total if chance.random() < 0.5])
            used[holder] = {chance.choice(ROLES): part}
            self.held += [(holder, role, agent, some) for role, some in used[holder].items() if some]
        self.allocator.add_agent(agent, _agent_info(agent, total), AGENT_CAPABILITIES, total, used)
        self.agents.append(agent)

    @precondition(lambda self: self.agents)
    @rule(seed=SEEDS)
    def update_agent(self, seed: int) -> None:
        chance = random.Random(seed)
        agent = chance.choice(self.agents)
        if chance.random() < 0.5:
            self.allocator.update_agent(agent, total=some_resources(chance))
        else:
            capabilities = chance.sample(AGENT_CAPABILITIES, chance.randint(0, 2))
            rack = Attribute("rack", AttributeType.TEXT, str(chance.randint(1, 2)))
            info = _agent_info(agent, Resources.EMPTY, rack)
            self.allocator.update_agent(agent, capabilities=capabilities, info=info)

    @precondition(lambda self: self.agents)
    @rule(seed=SEEDS)
    def remove_agent(self, seed: int) -> None:
        agent = random.Random(seed).choice(self.agents)
        self.allocator.remove_agent(agent)
        self.agents.remove(agent)
        self.asked = {pair for pair in self.asked if pair[0] != agent}
        self.held = [one for one in self.held if one[2] != agent]
        self.offers = [one for one in self.offers if one[2] != agent]

    @precondition(lambda self: self.agents)
    @rule(seed=SEEDS)
    def switch_agent(self, seed: int) -> None:
        chance = random.Random(seed)
        agent = chance.choice(self.agents)
        chance.choice((self.allocator.activate_agent, self.allocator.deactivate_agent))(agent)

    @rule(seed=SEEDS)
    def add_framework(self, seed: int) -> None:
        chance = random.Random(seed)
        strangers = sorted({one[0] for one in self.held} - set(self.frameworks))
        name = FrameworkId(chance.choice([*strangers, self.name("framework")]))
        info = some_framework(chance, name)
        used: dict[AgentId, dict[str, Resources]] = {}
        for framework, role, agent, some in self.held:
            if framework == name:
                used.setdefault(AgentId(agent), {})[role] = some
        active = chance.random() < 0.8
        self.allocator.add_framework(name, info, used, active=active, suppressed_roles=info.roles[1:2])
        self.frameworks[name] = info

    @precondition(lambda self: self.frameworks)
    @rule(seed=SEEDS)
    def update_framework(self, seed: int) -> None:
        chance = random.Random(seed)
        name = chance.choice(list(self.frameworks))
        info = self.frameworks[name] = some_framework(chance, name)
        wanted = AttributeConstraint(("attribute", "rack"), "text_equals", "1")
        constraints = OfferConstraints({info.roles[0]: ((wanted,),)}) if chance.random() < 0.3 else None
        suppressed = info.roles[: chance.randint(0, 1)]
        self.allocator.update_framework(name, info, suppressed_roles=suppressed, constraints=constraints)
        self.allocator.metrics()

    @precondition(lambda self: self.frameworks)
    @rule(seed=SEEDS)
    def remove_framework(self, seed: int) -> None:
        name = random.Random(seed).choice(list(self.frameworks))
        del self.frameworks[name]
        self.asked = {pair for pair in self.asked if pair[1] != name}
        self.allocator.remove_framework(name)
        self.held = [one for one in self.held if one[0] != name]
        self.offers = [one for one in self.offers if one[0] != name]

    @precondition(lambda self: self.frameworks)
    @rule(seed=SEEDS)
    def switch_framework(self, seed: int) -> None:
        chance = random.Random(seed)
        name = chance.choice(list(self.frameworks))
        roles = self.frameworks[name].roles[:2]
        allocator = self.allocator
        step = chance.randrange(5)
        if step == 0:
            allocator.activate_framework(name)
        elif step == 1:
            allocator.deactivate_framework(name)
        elif step == 2:
            allocator.suppress(name, roles)
        elif step == 3:
            allocator.revive(name, roles)
        else:
            allocator.request_resources(name, [(None, Resources.scalars(cpus=1))])

    @rule(count=st.integers(0, 8))
    def await_agents(self, count: int) -> None:
        """As after a failover: with quota nothing is offered for a while."""
        self.allocator.await_agents(count, self.now)

    @rule(role=st.sampled_from(ROLES), weight=st.sampled_from((0.5, 1.0, 3.0)))
    def weigh(self, role: str, weight: float) -> None:
        self.allocator.update_weights({role: weight})

    @rule(seed=SEEDS, role=st.sampled_from(("a", "e", "g")))
    def set_quota(self, seed: int, role: str) -> None:
        guarantees, limits = some_quota(random.Random(seed))
        self.allocator.update_quota(role, guarantees, limits)

    @precondition(lambda self: self.agents)
    @rule(seed=SEEDS, start=st.sampled_from((None, 1, 2)))
    def plan_maintenance(self, seed: int, start: int | None) -> None:
        agent = random.Random(seed).choice(self.agents)
        self.allocator.update_unavailability(agent, None if start is None else Unavailability(start))
        self.asked = {pair for pair in self.asked if pair[0] != agent}

    @rule(after_s=st.sampled_from((0.0, 1.0, 6.0)))
    def ask_to_vacate(self, after_s: float) -> None:
        self.now += after_s
        for one in self.allocator.inverse_offers(self.now):
            pair = (one.agent_id, one.framework_id)
            assert pair not in self.asked, "asked twice at a time"
            assert any((one[2], one[0]) == pair for one in self.held + self.offers), "asked about nothing"
            self.asked.add(pair)

    @precondition(lambda self: self.asked)
    @rule(accepted=st.sampled_from((True, False, None)), refuse_s=st.sampled_from(REFUSALS))
    def answer(self, accepted: bool | None, refuse_s: float | None) -> None:
        agent, framework = min(self.asked)
        self.asked.remove((agent, framework))
        filters = None if refuse_s is None else Filters(refuse_s)
        self.allocator.update_inverse_offer(agent, framework, accepted, filters, self.now)

    @rule(seed=SEEDS)
    def set_whitelist(self, seed: int) -> None:
        chance = random.Random(seed)
        some = frozenset(f"{agent}.example.org" for agent in self.agents if chance.random() < 0.5)
        self.allocator.update_whitelist(chance.choice((some, None, None)))

    @rule(after_s=st.sampled_from((0.0, 0.005, 1.0, 6.0)), agents_max=st.sampled_from((1, 2, EVERYTHING)))
    def allocate(self, after_s: float, agents_max: int) -> None:
        self.now += after_s
        decided = self.decide(agents_max)
        assert len({one.agent_id for one in decided}) <= agents_max
        self.limits_hold(decided)
        self.offers += [_choice(one) for one in decided]

    def decide(self, agents_max: int) -> list[Allocation]:
        return self.allocator.allocate(self.now, agents_max)

    def limits_hold(self, decided: list[Allocation]) -> None:
        """Whoever was offered contested resources of a limited name is within the limit."""
        quotas = self.allocator.ledger.quotas
        for one in decided:
            top = one.role.split("/")[0]
            consumed = quotas.consumed.get(top, {})
            for name, limit in quotas.of(top).limits.items():
                if contested(one.resources).get(name):
                    assert consumed[name] <= limit

    @precondition(lambda self: self.offers)
    @rule(seed=SEEDS)
    def accept(self, seed: int) -> None:
        framework, role, agent, resources = self.offers.pop(seed % len(self.offers))
        self.allocator.accept(FrameworkId(framework), AgentId(agent), role, resources)
        self.held.append((framework, role, agent, resources))

    @precondition(lambda self: self.held or self.offers)
    @rule(seed=SEEDS, refuse_s=st.sampled_from(REFUSALS))
    def recover(self, seed: int, refuse_s: float | None) -> None:
        chance = random.Random(seed)
        accepted = not self.offers or (bool(self.held) and chance.random() < 0.5)
        source = self.held if accepted else self.offers
        framework, role, agent, resources = source.pop(chance.randrange(len(source)))
        some = Resources.of([item for item in resources if chance.random() < 0.7])
        if some != resources:
            source.append((framework, role, agent, resources - some))
        filters = None if refuse_s is None else Filters(refuse_s)
        self.allocator.recover(
            FrameworkId(framework), AgentId(agent), role, some, filters, self.now, accepted=accepted
        )

    @precondition(lambda self: self.held)
    @rule(seed=SEEDS, shared=st.booleans())
    def convert(self, seed: int, shared: bool) -> None:
        """Reserve a part of what is held, or turn it into a shared volume."""
        chance = random.Random(seed)
        index = chance.randrange(len(self.held))
        framework, role, agent, resources = self.held[index]
        plain = [(kind, some) for kind, some in resources if kind == Kind(kind.name) and kind.name != "gpus"]
        if framework not in self.frameworks or role == "*" or not plain:
            return
        kind, some = chance.choice(plain)
        consumed = Resources.of([(kind, some)])
        disk = Disk(persistence_id=self.name("volume")) if shared else None
        target = Kind(kind.name, reservations=(Reservation(role, True),), disk=disk, shared=shared)
        converted = Resources.of([(target, some)])
        self.allocator.update_allocation(FrameworkId(framework), AgentId(agent), role, consumed, converted)
        self.held[index] = (framework, role, agent, resources - consumed + converted)

    @precondition(lambda self: self.agents)
    @rule(seed=SEEDS)
    def reserve_as_operator(self, seed: int) -> None:
        chance = random.Random(seed)
        agent = chance.choice(self.agents)
        available = self.allocator.ledger.agents[agent].available
        consumed = Resources.scalars(cpus=chance.choice((0.5, 1, 100)))
        converted = Resources.of([(reserved("cpus", "e"), consumed.scalar("cpus"))])
        done = self.allocator.update_available(agent, consumed, converted)
        assert done == available.contains(consumed)

    @invariant()
    def everything_adds_up(self) -> None:
        check(self.allocator)
        agents = self.allocator.ledger.agents.values()
        booked = {(agent, client): some for agent in agents for client, some in agent.held.items()}
        assert _by_holder(booked) == _summed(self.held + self.offers)
        offered = {(agent, client): some for agent in agents for client, some in agent.offered.items()}
        assert _by_holder(offered) == _summed(self.offers)

    @invariant()
    def what_it_tells_makes_sense(self) -> None:
        deadline = self.allocator.deadline()
        assert deadline is None or deadline >= 0.0
        assert all(value >= 0.0 for value in self.allocator.metrics().values())
        assert set(self.allocator.inverse_offer_statuses()) <= set(self.agents)

    @invariant()
    def explanations_cover_everything(self) -> None:
        for name, info in self.frameworks.items():
            explanation = self.allocator.explain(name, self.now)
            assert explanation.total == len(explanation.skips)
            assert {(skip.agent_id, skip.role) for skip in explanation.skips} >= {
                (agent, role) for agent in self.agents for role in info.roles
            }


def _agent_info(agent: AgentId, total: Resources, *attributes: Attribute) -> AgentInfo:
    return AgentInfo(hostname=f"{agent}.example.org", port=1, resources=total, attributes=attributes)


class AnyCallsByLot(AnyCalls):
    """The same, when lots decide."""

    options = AllocatorOptions(role_sorter="random", framework_sorter="random")


class AnyCallsWithFaults(AnyCalls):
    """The same, with a policy that fails now and then: what it decided is taken back, and all adds up."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False

        def policy(allocated: Mapping[str, int], totals: Sequence[tuple[str, float]], weight: float) -> float:
            if self.broken and sum(allocated.values()) % 3 == 0:
                raise LookupError("no idea")
            return dominant_share(allocated, totals, weight)

        self.allocator = HierarchicalAllocator(random.Random(1), self.options, share=policy)

    @rule()
    def switch_policy(self) -> None:
        self.broken = not self.broken

    def decide(self, agents_max: int) -> list[Allocation]:
        try:
            return super().decide(agents_max)
        except PolicyError:
            assert self.allocator.deadline() is not None, "what was taken back has to be decided again"
            return []


TestAnyCallsWithFaults = AnyCallsWithFaults.TestCase
TestAnyCallsWithFaults.settings = settings(max_examples=50, stateful_step_count=40)


class AnyCallsByPriority(AnyCalls):
    """The same, when priorities decide, and change."""

    options = AllocatorOptions(role_priorities={"a": 1, "a/b": -1, "e": 2})
    make = PriorityAllocator

    @rule(role=st.sampled_from(ROLES), priority=st.integers(-1, 2))
    def prioritize(self, role: str, priority: int) -> None:
        assert isinstance(self.allocator, PriorityAllocator)
        self.allocator.update_priorities({role: priority})


TestAnyCallsByPriority = AnyCallsByPriority.TestCase
TestAnyCallsByPriority.settings = settings(max_examples=50, stateful_step_count=40)

TestAnyCallsByLot = AnyCallsByLot.TestCase
TestAnyCallsByLot.settings = settings(max_examples=50, stateful_step_count=40)
TestAnyCalls = AnyCalls.TestCase
TestAnyCalls.settings = settings(max_examples=150, stateful_step_count=40)
