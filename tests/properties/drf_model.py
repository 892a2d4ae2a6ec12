"""The textbook algorithm: Mesos's hierarchical DRF allocator, literal, slow and obvious.

It keeps one sorter for the roles and one for the frameworks of each role, sorts both anew for every agent,
and asks every framework about every agent in every cycle. What a role consumes of its quota and what is
free is added up anew for every question. The allocator proper has to make the same choices. Shared
resources are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from meseta.allocator.amounts import amount
from meseta.records import Filters, FrameworkCapability, FrameworkInfo
from meseta.resources import EMPTY, Kind, Quantity, Resources

MINIMUM: tuple[Mapping[str, int], ...] = ({"cpus": 10}, {"mem": 32_000})
Quantities = Mapping[str, int]
Choice = tuple[str, str, str, Resources]
"""Framework, role, agent, resources."""


class Node:
    def __init__(self, name: str, parent: Node | None, leaf: bool) -> None:
        self.name = name
        self.parent = parent
        self.leaf = leaf
        self.active = False
        self.children: list[Node] = []
        self.totals: dict[str, int] = {}
        self.count = 0
        above = parent.path if parent is not None else ""
        self.path: str = f"{above}/{name}" if above else name

    @property
    def client(self) -> str:
        return self.parent.path if self.name == "." and self.parent else self.path

    def find(self, name: str) -> Node | None:
        return next((child for child in self.children if child.name == name), None)


class Sorter:
    def __init__(self) -> None:
        self.root = Node("", None, leaf=False)
        self.weights: dict[str, float] = {}
        self.agents: dict[str, dict[str, int]] = {}

    def add(self, client: str) -> None:
        node = self.root
        names = client.split("/")
        while True:
            if not names:
                self._append(node, Node(".", node, leaf=True))
                return
            if node.leaf:
                virtual = Node(".", node, leaf=True)
                virtual.active, virtual.totals, virtual.count = node.active, dict(node.totals), node.count
                node.leaf = False
                self._append(node, virtual)
            child = node.find(names[0])
            if child is None:
                break
            node = child
            names.pop(0)
        for index, name in enumerate(names):
            child = Node(name, node, leaf=index == len(names) - 1)
            self._append(node, child)
            node = child

    def remove(self, client: str) -> None:
        node = self._leaf(client)
        quantities = dict(node.totals)
        while node.parent is not None:
            parent = node.parent
            _subtract(parent.totals, quantities)
            if not node.children:
                parent.children.remove(node)
            elif len(node.children) == 1 and node.children[0].name == ".":
                node.leaf, node.active = True, node.children[0].active
                node.children = []
            node = parent

    def activate(self, client: str) -> None:
        self._leaf(client).active = True

    def deactivate(self, client: str) -> None:
        self._leaf(client).active = False

    def allocated(self, client: str, quantities: Mapping[str, int]) -> None:
        node: Node | None = self._leaf(client)
        while node is not None:
            for name, quantity in quantities.items():
                node.totals[name] = node.totals.get(name, 0) + quantity
            node.count += 1
            node = node.parent

    def unallocated(self, client: str, quantities: Mapping[str, int]) -> None:
        node: Node | None = self._leaf(client)
        while node is not None:
            _subtract(node.totals, quantities)
            node = node.parent

    def sort(self) -> list[str]:
        totals: dict[str, int] = {}
        for quantities in self.agents.values():
            for name, quantity in quantities.items():
                totals[name] = totals.get(name, 0) + quantity
        return list(self._sorted(self.root, totals))

    def _sorted(self, node: Node, totals: dict[str, int]) -> Iterable[str]:
        for child in sorted(node.children, key=lambda child: self._key(child, totals)):
            if not child.leaf:
                yield from self._sorted(child, totals)
            elif child.active:
                yield child.client

    def _key(self, node: Node, totals: dict[str, int]) -> tuple[float, int, str]:
        share = 0.0
        for name, total in totals.items():
            if total > 0:
                share = max(share, (node.totals.get(name, 0) / 1000.0) / (total / 1000.0))
        return share / self.weights.get(node.path, 1.0), node.count, node.path

    def _append(self, parent: Node, child: Node) -> None:
        parent.children.append(child)

    def _leaf(self, client: str) -> Node:
        node = self.root
        for name in client.split("/"):
            child = node.find(name)
            assert child is not None
            node = child
        if not node.leaf:
            virtual = node.find(".")
            assert virtual is not None
            node = virtual
        return node


def _contested(resources: Resources) -> dict[str, int]:
    """Return what quota is about: unreserved, non-revocable scalars."""
    return {
        kind.name: quantity
        for kind, quantity in resources
        if isinstance(quantity, int) and not kind.is_reserved and not kind.revocable
    }


def _subtract(totals: dict[str, int], quantities: Mapping[str, int]) -> None:
    for name, quantity in quantities.items():
        totals[name] -= quantity


class Agent:
    def __init__(self, hostname: str, capabilities: frozenset[str], total: Resources) -> None:
        self.hostname = hostname
        self.capabilities = capabilities
        self.total = total
        self.available = total
        self.active = True


class Framework:
    def __init__(self, info: FrameworkInfo) -> None:
        self.info = info
        self.active = True
        self.suppressed: set[str] = set()
        self.refused: dict[str, dict[str, list[tuple[Resources, float]]]] = {}
        self.held: dict[tuple[str, str], Resources] = {}


class TextbookAllocator:
    def __init__(self, interval_s: float = 1.0) -> None:
        self.interval_s = interval_s
        self.roles = Sorter()
        self.sorters: dict[str, Sorter] = {}
        self.members: dict[str, set[str]] = {}
        self.agents: dict[str, Agent] = {}
        self.frameworks: dict[str, Framework] = {}
        self.whitelist: frozenset[str] | None = None
        self.quotas: dict[str, tuple[Quantities, Quantities]] = {}

    def add_framework(self, framework_id: str, info: FrameworkInfo, suppressed: Iterable[str] = ()) -> None:
        framework = self.frameworks[framework_id] = Framework(info)
        framework.suppressed = set(suppressed)
        for role in info.roles:
            if role not in self.sorters:
                self.roles.add(role)
                self.roles.activate(role)
                self.sorters[role] = Sorter()
                self.members[role] = set()
                for agent_id, agent in self.agents.items():
                    self.sorters[role].agents[agent_id] = dict(agent.total.quantities())
            self.members[role].add(framework_id)
            self.sorters[role].add(framework_id)
            if role not in framework.suppressed:
                self.sorters[role].activate(framework_id)

    def remove_framework(self, framework_id: str) -> None:
        framework = self.frameworks.pop(framework_id)
        for (agent_id, role), resources in framework.held.items():
            self.agents[agent_id].available += resources
            self._unallocated(framework_id, role, resources)
        for role in framework.info.roles:
            self.sorters[role].remove(framework_id)
            self.members[role].remove(framework_id)
            if not self.members[role]:
                self.roles.remove(role)
                del self.sorters[role], self.members[role]

    def set_active(self, framework_id: str, active: bool) -> None:
        framework = self.frameworks[framework_id]
        framework.active = active
        for role in framework.info.roles:
            if active and role not in framework.suppressed:
                self.sorters[role].activate(framework_id)
            elif not active:
                self.sorters[role].deactivate(framework_id)
        if not active:
            framework.refused.clear()

    def suppress(self, framework_id: str, roles: Iterable[str]) -> None:
        for role in roles:
            self.frameworks[framework_id].suppressed.add(role)
            self.sorters[role].deactivate(framework_id)

    def revive(self, framework_id: str, roles: Iterable[str]) -> None:
        framework = self.frameworks[framework_id]
        for role in roles:
            framework.suppressed.discard(role)
            framework.refused.pop(role, None)
            if framework.active:
                self.sorters[role].activate(framework_id)

    def add_agent(self, agent_id: str, hostname: str, capabilities: frozenset[str], total: Resources) -> None:
        self.agents[agent_id] = Agent(hostname, capabilities, total)
        for sorter in (self.roles, *self.sorters.values()):
            sorter.agents[agent_id] = dict(total.quantities())

    def remove_agent(self, agent_id: str) -> None:
        for framework_id, framework in self.frameworks.items():
            for held_on, role in [key for key in framework.held if key[0] == agent_id]:
                self._unallocated(framework_id, role, framework.held.pop((held_on, role)))
            for by_agent in framework.refused.values():
                by_agent.pop(agent_id, None)
        for sorter in (self.roles, *self.sorters.values()):
            del sorter.agents[agent_id]
        del self.agents[agent_id]

    def hold(self, framework_id: str, role: str, agent_id: str, resources: Resources) -> None:
        held = self.frameworks[framework_id].held
        held[agent_id, role] = held.get((agent_id, role), EMPTY) + resources
        self.agents[agent_id].available -= resources
        self.roles.allocated(role, resources.quantities())
        self.sorters[role].allocated(framework_id, resources.quantities())

    def recover(
        self,
        framework_id: str,
        role: str,
        agent_id: str,
        resources: Resources,
        filters: Filters | None,
        now: float,
    ) -> None:
        framework = self.frameworks[framework_id]
        left = framework.held[agent_id, role] - resources
        if left:
            framework.held[agent_id, role] = left
        else:
            del framework.held[agent_id, role]
        self.agents[agent_id].available += resources
        self._unallocated(framework_id, role, resources)
        if filters is None or filters.refuse_s == 0:
            return
        wanted = 5.0 if filters.refuse_s < 0 or math.isnan(filters.refuse_s) else filters.refuse_s
        until = now + max(self.interval_s, min(wanted, 365 * 24 * 3600.0))
        framework.refused.setdefault(role, {}).setdefault(agent_id, []).append((resources, until))

    def update_weights(self, weights: Mapping[str, float]) -> None:
        self.roles.weights.update(weights)

    def update_quota(self, role: str, guarantees: Quantities, limits: Quantities) -> None:
        self.quotas[role] = (guarantees, limits)

    def allocate(self, now: float, order: Iterable[str], first: Iterable[str] = ()) -> list[Choice]:
        """Run one batch at `now` over all agents, in `first` order for guarantees, then in `order`."""
        choices: list[Choice] = []
        for agent_id in first:
            self._allocate_agent(now, agent_id, choices, guaranteed=True)
        for agent_id in order:
            self._allocate_agent(now, agent_id, choices, guaranteed=False)
        return choices

    def _allocate_agent(self, now: float, agent_id: str, choices: list[Choice], guaranteed: bool) -> None:
        agent = self.agents[agent_id]
        if not agent.active or (self.whitelist is not None and agent.hostname not in self.whitelist):
            return
        for role in self.roles.sort():
            if not agent.available:
                break
            for framework_id in self.sorters[role].sort():
                if guaranteed and not self._missing(role.split("/")[0]):
                    break
                available = agent.available.allocatable_to(role)
                if not available:
                    break
                offer = self._offer(framework_id, role, agent_id, available, now, guaranteed)
                if offer:
                    choices.append((framework_id, role, agent_id, offer))
                    self.hold(framework_id, role, agent_id, offer)

    def consumed(self, top: str) -> dict[str, int]:
        """Add up what a top-level role consumes of its quota."""
        total: dict[str, int] = {}
        for agent in self.agents.values():
            for kind, quantity in agent.total:
                if kind.is_reserved and kind.role.split("/")[0] == top and isinstance(quantity, int):
                    total[kind.name] = total.get(kind.name, 0) + quantity
        for framework in self.frameworks.values():
            for (_, role), resources in framework.held.items():
                if role.split("/")[0] == top:
                    for name, quantity in _contested(resources).items():
                        total[name] = total.get(name, 0) + quantity
        return total

    def _missing(self, top: str) -> dict[str, int]:
        guarantees, _ = self.quotas.get(top, ({}, {}))
        consumed = self.consumed(top)
        missing = {name: quantity - consumed.get(name, 0) for name, quantity in guarantees.items()}
        return {name: quantity for name, quantity in missing.items() if quantity > 0}

    def _room(self, top: str) -> dict[str, int]:
        _, limits = self.quotas.get(top, ({}, {}))
        consumed = self.consumed(top)
        return {name: limit - consumed.get(name, 0) for name, limit in limits.items()}

    def _surplus(self) -> dict[str, int]:
        required: dict[str, int] = {}
        for top in self.quotas:
            for name, quantity in self._missing(top).items():
                required[name] = required.get(name, 0) + quantity
        free = dict.fromkeys(required, 0)
        for agent in self.agents.values():
            for name, quantity in _contested(agent.available).items():
                if name in free:
                    free[name] += quantity
        return {name: free[name] - required[name] for name in required}

    def _quota(self, offer: Resources, role: str, guaranteed: bool) -> Resources:
        """Cut what quota is about down to what the role may have."""
        if not self.quotas:
            return offer
        top = role.split("/")[0]
        missing, room, surplus = self._missing(top), self._room(top), self._surplus()
        kept: list[tuple[Kind, Quantity]] = []
        helps = False
        for kind, quantity in offer:
            if kind.name not in _contested(Resources.of([(kind, quantity)])):
                kept.append((kind, quantity))
                continue
            assert isinstance(quantity, int)
            given = min(quantity, missing.get(kind.name, 0)) if guaranteed else 0
            helps = helps or given > 0
            more = quantity - given
            if kind.name in room:
                more = min(more, max(0, room[kind.name] - given))
            if kind.name in surplus:
                more = min(more, max(0, surplus[kind.name]))
            kept.append((kind, given + more))
        return EMPTY if guaranteed and not helps else Resources.of(kept)

    def _offer(
        self, framework_id: str, role: str, agent_id: str, available: Resources, now: float, guaranteed: bool
    ) -> Resources:
        framework = self.frameworks[framework_id]
        if self._has_what_it_wants(framework, role) or not self._is_enough(available, role, framework):
            return EMPTY
        if not self._copes(framework, role, self.agents[agent_id]):
            return EMPTY
        offer = self._quota(self._strip(available, framework), role, guaranteed)
        if not self._is_enough(offer, role, framework):
            return EMPTY
        if self._is_refused(framework, role, agent_id, offer, now):
            return EMPTY
        return offer

    def _unallocated(self, framework_id: str, role: str, resources: Resources) -> None:
        self.roles.unallocated(role, resources.quantities())
        self.sorters[role].unallocated(framework_id, resources.quantities())

    def _has_what_it_wants(self, framework: Framework, role: str) -> bool:
        wanted = framework.info.options.demands.get(role)
        held = sum((some for (_, of_role), some in framework.held.items() if of_role == role), EMPTY)
        has = held.nonrevocable().quantities()
        return wanted is not None and all(has.get(name, 0) >= amount for name, amount in wanted.items())

    def _is_enough(self, resources: Resources, role: str, framework: Framework) -> bool:
        if not resources:
            return False
        minimum = framework.info.offer_filters.get(role, MINIMUM)
        return not minimum or any(
            all(amount(resources, name) >= quantity for name, quantity in quantities.items())
            for quantities in minimum
        )

    def _copes(self, framework: Framework, role: str, agent: Agent) -> bool:
        info = framework.info
        if agent.total.scalar("gpus") and not info.has(FrameworkCapability.GPU_RESOURCES):
            return False
        if info.has(FrameworkCapability.MULTI_ROLE) and "MULTI_ROLE" not in agent.capabilities:
            return False
        return "/" not in role or "HIERARCHICAL_ROLE" in agent.capabilities

    def _strip(self, resources: Resources, framework: Framework) -> Resources:
        if not framework.info.has(FrameworkCapability.REVOCABLE_RESOURCES):
            resources = resources.nonrevocable()
        if not framework.info.has(FrameworkCapability.RESERVATION_REFINEMENT):
            resources = resources.unrefined()
        return resources

    def _is_refused(
        self, framework: Framework, role: str, agent_id: str, offer: Resources, now: float
    ) -> bool:
        """A refusal ends with the first batch at or after its time."""
        return any(
            resources.contains(offer)
            for resources, until in framework.refused.get(role, {}).get(agent_id, [])
            if math.ceil(until / self.interval_s) * self.interval_s > now
        )
