"""Who holds what: agents, frameworks and the role tree, kept in step to the milli-unit.

A framework is known under every role that it is subscribed to, and under roles that it has left as long as
it holds something there. A framework that is known only because an agent says that it holds resources
has an account without a description: its holdings count, and it is offered nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from meseta.allocator.agents import AgentAccount
from meseta.allocator.demands import Demands, counted
from meseta.allocator.frameworks import FrameworkAccount
from meseta.allocator.held import HeldBack
from meseta.allocator.quota import NO_STAKE, Quantities, Quota, Quotas, Stake, contested, stake_of
from meseta.allocator.sorter import Client, Node, RoleTree, lineage
from meseta.ids import AgentId, FrameworkId
from meseta.resources import EMPTY, Resources, total_of

Charges = dict[Node, dict[str, int]]
"""Scalar quantities in milli-units, by node of the tree."""


class Ledger:
    """The books. Every change of a holding or a total goes through here."""

    __slots__ = ("agents", "demands", "frameworks", "held_back", "quotas", "tree")

    def __init__(self, tree: RoleTree, held_back: HeldBack) -> None:
        self.tree = tree
        self.held_back = held_back
        self.quotas = Quotas()
        self.demands = Demands()
        self.agents: dict[AgentId, AgentAccount] = {}
        self.frameworks: dict[FrameworkId, FrameworkAccount] = {}

    # Agents.

    def add_agent(self, agent: AgentAccount) -> None:
        """Add an agent, with what is held of it."""
        assert agent.id not in self.agents, f"agent {agent.id} is known already"
        self.agents[agent.id] = agent
        self.tree.change_total(agent.total.quantities(), {})
        self._charge_for(agent)
        for client in agent.held:
            client.holdings += 1
        for client in self.demands.lacks.keys() & agent.held.keys():
            self.demands.change(client, EMPTY, agent.held[client])
        self._restake(agent, NO_STAKE)

    def set_total(self, agent: AgentAccount, total: Resources) -> None:
        """Replace an agent's total."""
        before, stake = agent.total.quantities(), self._stake(agent)
        agent.set_total(total)
        self.tree.change_total(total.quantities(), before)
        self._restake(agent, stake)

    def remove_agent(self, agent: AgentAccount) -> None:
        """Forget an agent and all that is held of it."""
        agent.offered.clear()
        for client, resources in list(agent.held.items()):
            self.release(agent, client, resources)
        self.tree.change_total({}, agent.total.quantities())
        self.quotas.exchange(self._stake(agent), NO_STAKE)
        self.held_back.forget_agent(agent.id)
        del self.agents[agent.id]

    # Frameworks and their clients.

    def framework(self, framework_id: FrameworkId) -> FrameworkAccount:
        """Return a framework's account, opened if need be."""
        framework = self.frameworks.get(framework_id)
        if framework is None:
            framework = self.frameworks[framework_id] = FrameworkAccount(framework_id)
        return framework

    def client(self, framework: FrameworkAccount, role: str) -> Client:
        """Return the client of a framework in a role, added if need be."""
        client = framework.clients.get(role)
        if client is None:
            client = framework.clients[role] = self.tree.add(framework.id, role)
        return client

    def remove_client(self, framework: FrameworkAccount, client: Client) -> None:
        """Forget a client that holds nothing, and what was remembered of it."""
        del framework.clients[client.role]
        self.tree.remove(client)
        self.unblock(client)
        self.held_back.forget_client(client.bit)

    def unblock(self, client: Client) -> None:
        """Let the client be asked again about all agents."""
        bit = client.bit
        for agent in self.agents.values():
            if agent.blocked & bit:
                agent.blocked ^= bit

    def leave(self, framework: FrameworkAccount, client: Client) -> None:
        """Forget a client whose framework has left its role, as soon as it holds nothing."""
        self.tree.unwant(client)
        if not client.holdings:
            self.remove_client(framework, client)

    def close(self, framework: FrameworkAccount) -> list[AgentAccount]:
        """Forget a framework and its clients; return the agents on which it still held something."""
        touched: dict[AgentAccount, None] = {}
        for client in list(framework.clients.values()):
            if client.holdings:
                for agent in [agent for agent in self.agents.values() if client in agent.held]:
                    touched[agent] = None
                    agent.offered.pop(client, None)
                    self.release(agent, client, agent.held[client])
        for client in list(framework.clients.values()):
            self.remove_client(framework, client)
        self.frameworks.pop(framework.id, None)
        return list(touched)

    # Holdings.

    def hold(self, agent: AgentAccount, client: Client, resources: Resources) -> None:
        """Give resources of an agent to a client."""
        had = agent.held.get(client, EMPTY)
        if not had:
            client.holdings += 1
        if agent.simple:
            agent.hold(client, resources)
            self.tree.charge(client, resources.quantities())
            if self.quotas.enforced:
                self.quotas.hold(client.top, contested(resources))
        else:
            before, stake = charges(agent), self._stake(agent)
            agent.hold(client, resources)
            self.tree.charge(client, {})
            self._recharge(agent, before)
            self._restake(agent, stake)
        if client in self.demands.lacks:
            self.demands.change(client, had, agent.held[client])

    def release(self, agent: AgentAccount, client: Client, resources: Resources) -> None:
        """Take back what a client holds of an agent; a client that is then of no use is forgotten."""
        had = agent.held[client]
        if agent.simple:
            agent.release(client, resources)
            self.tree.discharge(client, resources.quantities())
            if self.quotas.enforced:
                self.quotas.release(client.top, contested(resources))
        else:
            before, stake = charges(agent), self._stake(agent)
            agent.release(client, resources)
            self._recharge(agent, before)
            self._restake(agent, stake)
        if client in self.demands.lacks:
            self.demands.change(client, had, agent.held.get(client, EMPTY))
        if client not in agent.held:
            self._left(client)

    def convert(self, agent: AgentAccount, client: Client, consumed: Resources, converted: Resources) -> None:
        """Turn what a client holds of an agent into something else."""
        total, had = agent.total.quantities(), agent.held[client]
        before, stake = charges(agent), self._stake(agent)
        agent.convert(client, consumed, converted)
        self._recharge(agent, before)
        self._restake(agent, stake)
        self.tree.change_total(agent.total.quantities(), total)
        if client in self.demands.lacks:
            self.demands.change(client, had, agent.held.get(client, EMPTY))
        if client not in agent.held:
            self._left(client)

    # Demands and quota.

    def set_demand(self, client: Client, wanted: Mapping[str, int] | None) -> None:
        """Replace what a client wants to hold altogether; None: it does not say."""
        if wanted is None:
            self.demands.forget(client)
            return
        held: Quantities = {}
        if client.holdings:
            for agent in self.agents.values():
                for name, quantity in counted(agent.held.get(client, EMPTY)).items():
                    held[name] = held.get(name, 0) + quantity
        self.demands.state(client, wanted, held)

    def set_quota(self, role: str, quota: Quota) -> None:
        """Replace the quota of a top-level role."""
        self.quotas.set(role, quota, self.agents.values())

    def offered_contested(self) -> dict[str, Quantities]:
        """Add up what is offered, and accepted by nobody yet, of what quota is about, by top-level role."""
        offered: dict[str, Quantities] = {}
        for agent in self.agents.values():
            for client, resources in agent.offered.items():
                totals = offered.setdefault(client.top, {})
                for name, quantity in contested(resources).items():
                    totals[name] = totals.get(name, 0) + quantity
        return offered

    def _stake(self, agent: AgentAccount) -> Stake:
        return stake_of(agent) if self.quotas.enforced else NO_STAKE

    def _restake(self, agent: AgentAccount, before: Stake) -> None:
        """Bring the quotas up to date after an agent's stake was `before`."""
        if self.quotas.enforced:
            self.quotas.exchange(before, stake_of(agent))

    def _charge_for(self, agent: AgentAccount) -> None:
        """Charge for all that is held of a new agent: for what clients of one role hold, together."""
        by_place: dict[Node, dict[Client, Resources]] = {}
        for client, resources in agent.held.items():
            assert client.parent is not None, "a client is below its role"
            by_place.setdefault(client.parent, {})[client] = resources
        for place, held in by_place.items():
            if agent.simple:
                given = {client: resources.quantities() for client, resources in held.items()}
                first, *others = held.values()
                together = total_of(first, *others) if others else first
                self.tree.charge_together(place, given, together.quantities())
            else:
                self.tree.charge_together(place, {client: {} for client in held}, {})
        if not agent.simple:
            self._recharge(agent, {})

    def _recharge(self, agent: AgentAccount, before: Charges) -> None:
        """Bring the tree up to date after an agent's charges were `before`."""
        after = charges(agent)
        for node in {**before, **after}:
            self.tree.exchange(node, after.get(node, {}), before.get(node, {}))

    def _left(self, client: Client) -> None:
        client.holdings -= 1
        framework = self.frameworks[client.framework_id]
        if not client.holdings and client.role not in framework.roles:
            self.remove_client(framework, client)
            if framework.info is None and not framework.clients:
                del self.frameworks[framework.id]


def charges(agent: AgentAccount) -> Charges:
    """Return the scalar quantities that an agent's holdings add to each node of the tree.

    Copies of a shared resource count once at each level, however many below hold one: so a level may be
    charged less than the sum of those below it.
    """
    held: dict[Node, Resources] = {}
    for client, resources in agent.held.items():
        for node in lineage(client):
            held[node] = held.get(node, EMPTY) + resources
    return {node: resources.quantities() for node, resources in held.items()}
