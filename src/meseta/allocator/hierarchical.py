"""The built-in allocator: whole agents, in the order of the role tree, at a cost that follows the change.

An allocation looks only at the agents on its agenda: those where something changed that could turn a no
into a yes (resources came back, a refusal ended, a client appeared that was never asked). For everything
else the last answer stands. On each such agent the clients have turns in the order of `sorter.RoleTree`; the
first for which `verdict.offerable` has something gets all of it, and the next are asked about the rest
(`rounds.Round`). With quota, roles that miss some of their guarantees have turns before all others.

Each agent remembers the clients that said no as bits, together with what was available then: a no holds
for anything less too. So an agent that comes back to what it was, when an offer is declined, does not ask
the same clients again, and an agent that everybody refused costs one operation on integers.

When a change becomes visible:
- Most calls want an allocation at once; the caller may gather several.
- Freed resources wait for `recovery_window_s`, so that an agent's are offered together.
- An offer that was declined without a refusal (0 seconds) waits for the next batch, else a framework and
  the master would send it to and fro without end. So does the end of a refusal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from meseta.allocator.agenda import Agenda, draw
from meseta.allocator.agents import AgentAccount
from meseta.allocator.allocator import (
    DEFAULT_OPTIONS,
    EVERYTHING,
    Allocation,
    AllocatorOptions,
    Explanation,
    InverseAllocation,
    InverseStatus,
    Question,
    RoleResources,
)
from meseta.allocator.explanation import Explainer
from meseta.allocator.filters import Refusals, refuse_s
from meseta.allocator.frameworks import FrameworkAccount
from meseta.allocator.held import ALL, HeldBack
from meseta.allocator.holding import Holding, look_after
from meseta.allocator.inverse import InverseOffers
from meseta.allocator.ledger import Ledger
from meseta.allocator.metrics import gauges
from meseta.allocator.pause import Pause
from meseta.allocator.policies import GuardedShare, dominant_share
from meseta.allocator.quota import Quota
from meseta.allocator.reasons import Reasons
from meseta.allocator.rounds import Round, Turns
from meseta.allocator.shuffle import Shuffle
from meseta.allocator.sorter import Client, RoleTree, Share
from meseta.allocator.terms import TermsOfAll, terms_of
from meseta.allocator.verdict import Reason
from meseta.allocator.whitelist import Whitelist
from meseta.errors import PolicyError
from meseta.ids import AgentId, FrameworkId
from meseta.machine import Entropy
from meseta.records import AgentInfo, Filters, FrameworkInfo, OfferConstraints, Unavailability
from meseta.resources import EMPTY, Resources

NOTHING: Mapping[str, int] = {}


class HierarchicalAllocator:
    """The Allocator of `allocator.Allocator`; `share` is the policy, `entropy` shuffles agents."""

    def __init__(
        self,
        entropy: Entropy,
        options: AllocatorOptions = DEFAULT_OPTIONS,
        share: Share = dominant_share,
        tree: RoleTree | None = None,
    ) -> None:
        """`tree`, where it is given, has an order of its own, in which `share` has no say."""
        self.options = options
        self._guard = GuardedShare(share) if share is not dominant_share else None
        if tree is None:
            tree = RoleTree(self._guard or share, options.fair_sharing_excluded_resource_names)
        self._held = HeldBack(options.allocation_interval_s)
        self.ledger = Ledger(tree, self._held)
        self.refusals = Refusals(options.allocation_interval_s)
        self._entropy = entropy
        self._turns = _turns(tree, entropy, options)
        self._terms = TermsOfAll(options.min_allocatable_resources)
        self._whitelist = Whitelist()
        self._inverse = InverseOffers(options.allocation_interval_s)
        self._holding = Holding(0.0 if options.role_priorities else options.starvation_timeout_s)
        self._reasons = Reasons(self.ledger, self._terms, self.refusals, self._holding, self._whitelist)
        self._runs = 0
        self._pause = Pause(self.ledger.agents)
        self._now = 0.0
        """The latest time that a call has told."""
        self._agenda = Agenda(options.allocation_interval_s)

    # Frameworks.

    def add_framework(
        self,
        framework_id: FrameworkId,
        info: FrameworkInfo,
        used: Mapping[AgentId, RoleResources],
        *,
        active: bool,
        suppressed_roles: Collection[str] = (),
        constraints: OfferConstraints | None = None,
    ) -> None:
        """See `Allocator`."""
        framework = self.ledger.framework(framework_id)
        assert framework.info is None, f"framework {framework_id} is known already"
        framework.active = active
        self._describe(framework, info, suppressed_roles, constraints)
        for agent_id, by_role in used.items():
            agent = self.ledger.agents.get(agent_id)
            if agent is not None:
                self._hold_used(agent, framework, by_role)
        self._held.grow(ALL, self._now)
        self._inverse.touch_all(self._now)

    def _hold_used(self, agent: AgentAccount, framework: FrameworkAccount, by_role: RoleResources) -> None:
        """Account for what a framework already holds of an agent, unless that is known."""
        for role, resources in by_role.items():
            if resources:
                client = self.ledger.client(framework, role)
                if client not in agent.held:
                    # An agent may report more than it has: then what is free is worked out anew each time.
                    agent.simple = agent.simple and agent.available.contains(resources)
                    self.ledger.hold(agent, client, resources)

    def update_framework(
        self,
        framework_id: FrameworkId,
        info: FrameworkInfo,
        *,
        suppressed_roles: Collection[str] = (),
        constraints: OfferConstraints | None = None,
    ) -> None:
        """See `Allocator`."""
        framework = self.ledger.frameworks[framework_id]
        revived = framework.suppressed - set(suppressed_roles)
        self._describe(framework, info, suppressed_roles, constraints)
        for role in sorted(revived.intersection(info.roles)):
            self._drop_refusals(framework.clients[role])

    def remove_framework(self, framework_id: FrameworkId) -> None:
        """See `Allocator`."""
        framework = self.ledger.frameworks[framework_id]
        for client in list(framework.clients.values()):
            self._forget(client)
        for agent in self.ledger.close(framework):
            self._touch(agent)
        self._inverse.forget_framework(framework_id)
        self._held.grow(ALL, self._now)

    def activate_framework(self, framework_id: FrameworkId) -> None:
        """See `Allocator`."""
        framework = self.ledger.frameworks[framework_id]
        framework.active = True
        self._set_wants(framework)
        self._inverse.touch_all(self._now)

    def deactivate_framework(self, framework_id: FrameworkId) -> None:
        """See `Allocator`."""
        framework = self.ledger.frameworks[framework_id]
        framework.active = False
        self._set_wants(framework)
        for client in framework.clients.values():
            self._drop_refusals(client)
        self._inverse.revive(framework_id, self._now)

    def suppress(self, framework_id: FrameworkId, roles: Collection[str]) -> None:
        """See `Allocator`."""
        framework = self.ledger.frameworks[framework_id]
        framework.suppressed.update(roles)
        self._set_wants(framework)

    def revive(self, framework_id: FrameworkId, roles: Collection[str]) -> None:
        """See `Allocator`."""
        framework = self.ledger.frameworks[framework_id]
        framework.suppressed.difference_update(roles)
        for role in roles:
            if role in framework.clients:
                self._drop_refusals(framework.clients[role])
        self._inverse.revive(framework_id, self._now)
        self._set_wants(framework)

    def request_resources(
        self, framework_id: FrameworkId, requests: Sequence[tuple[AgentId | None, Resources]]
    ) -> None:
        """End the framework's refusals, so that what it needs and has refused is offered again at once."""
        if any(resources for _, resources in requests):
            for client in self.ledger.frameworks[framework_id].clients.values():
                self._drop_refusals(client)

    # Agents.

    def add_agent(
        self,
        agent_id: AgentId,
        info: AgentInfo,
        capabilities: Collection[str],
        total: Resources,
        used: Mapping[FrameworkId, RoleResources],
    ) -> None:
        """See `Allocator`."""
        ledger = self.ledger
        held: dict[Client, Resources] = {}
        for framework_id, by_role in used.items():
            for role, resources in by_role.items():
                if resources:
                    held[ledger.client(ledger.framework(framework_id), role)] = resources
        agent = AgentAccount(agent_id, info, capabilities, total, held)
        ledger.add_agent(agent)
        self._set_traits(agent)
        self._touch(agent)
        if held:
            self._inverse.touch(agent_id, self._now)
        self._held.grow(ALL, self._now)

    def update_agent(
        self,
        agent_id: AgentId,
        *,
        info: AgentInfo | None = None,
        capabilities: Collection[str] | None = None,
        total: Resources | None = None,
    ) -> None:
        """See `Allocator`."""
        agent = self.ledger.agents[agent_id]
        if info is not None:
            if info.attributes != agent.info.attributes:
                self.refusals.remove_agent(agent_id)
            agent.info = info
        if capabilities is not None:
            agent.capabilities = frozenset(capabilities)
        if total is not None:
            self.ledger.set_total(agent, total)
        self._set_traits(agent)
        agent.blocked = 0
        self._touch(agent)
        self._held.grow(ALL, self._now)

    def remove_agent(self, agent_id: AgentId) -> None:
        """See `Allocator`."""
        met = self.ledger.demands.met
        self.ledger.remove_agent(self.ledger.agents[agent_id])
        self._serve_again(met, self._now)
        self.refusals.remove_agent(agent_id)
        self._agenda.forget(agent_id)
        self._holding.forget_agent(agent_id, self._now)
        self._inverse.forget_agent(agent_id)
        self._held.grow(ALL, self._now)

    def activate_agent(self, agent_id: AgentId) -> None:
        """See `Allocator`."""
        agent = self.ledger.agents[agent_id]
        agent.active = True
        self._touch(agent)

    def deactivate_agent(self, agent_id: AgentId) -> None:
        """See `Allocator`."""
        self.ledger.agents[agent_id].active = False

    def update_whitelist(self, hostnames: frozenset[str] | None) -> None:
        """See `Allocator`."""
        self._whitelist.hostnames = hostnames
        self._agenda.touch_all(self._now)

    # Resources.

    def accept(self, framework_id: FrameworkId, agent_id: AgentId, role: str, offered: Resources) -> None:
        """See `Allocator`."""
        client = self.ledger.frameworks[framework_id].clients[role]
        self.ledger.agents[agent_id].settle_offer(client, offered)

    def update_allocation(
        self,
        framework_id: FrameworkId,
        agent_id: AgentId,
        role: str,
        consumed: Resources,
        converted: Resources,
    ) -> None:
        """See `Allocator`."""
        agent = self.ledger.agents[agent_id]
        client = self.ledger.frameworks[framework_id].clients[role]
        met = self.ledger.demands.met
        self.ledger.convert(agent, client, consumed, converted)
        self._serve_again(met, self._now)
        self._held.grow(ALL, self._now)
        if agent.available:
            self._touch(agent)

    def update_available(self, agent_id: AgentId, consumed: Resources, converted: Resources) -> bool:
        """See `Allocator`."""
        agent = self.ledger.agents[agent_id]
        if not agent.available.contains(consumed):
            return False
        self.ledger.set_total(agent, agent.total - consumed + converted)
        self._touch(agent)
        self._held.grow(ALL, self._now)
        return True

    def recover(
        self,
        framework_id: FrameworkId,
        agent_id: AgentId,
        role: str,
        resources: Resources,
        filters: Filters | None,
        now: float,
        *,
        accepted: bool = False,
    ) -> None:
        """See `Allocator`."""
        self._now = now
        agent = self.ledger.agents.get(agent_id)
        framework = self.ledger.frameworks.get(framework_id)
        client = framework.clients.get(role) if framework is not None else None
        if agent is None or client is None or not resources:
            return
        if not accepted:
            agent.settle_offer(client, resources)
        met = self.ledger.demands.met
        self.ledger.release(agent, client, resources)
        self._make_room(client)
        refused_s = refuse_s(filters, self.options.allocation_interval_s) if filters is not None else None
        if refused_s == 0.0:
            self._agenda.wait_for_batch(agent_id, now)
            self._serve_again(met, self._agenda.next_batch_s(now))
            return
        self._serve_again(met, now + self.options.recovery_window_s)
        if refused_s is not None and client in self._terms.by_client:
            self.refusals.add(client, agent_id, resources, now + refused_s)
            agent.blocked &= ~client.bit  # The new refusal may have replaced one that was the reason.
        self._agenda.touch(agent_id, now + self.options.recovery_window_s)

    def update_weights(self, weights: Mapping[str, float]) -> None:
        """See `Allocator`."""
        for role, weight in weights.items():
            self.ledger.tree.set_weight(role, weight)

    def update_quota(
        self, role: str, guarantees: Mapping[str, int] = NOTHING, limits: Mapping[str, int] = NOTHING
    ) -> None:
        """See `Allocator`."""
        assert "/" not in role, f"{role} is not a top-level role"
        self.ledger.set_quota(role, Quota(dict(guarantees), dict(limits)))
        self._held.grow(ALL, self._now)
        for agent_id in self._holding.holders:  # Without quota nobody notes from whom they are held back.
            self._touch(self.ledger.agents[agent_id])

    # Maintenance and recovery.

    def update_unavailability(self, agent_id: AgentId, unavailability: Unavailability | None) -> None:
        """See `Allocator`."""
        assert agent_id in self.ledger.agents, f"there is no agent {agent_id}"
        self._inverse.plan(agent_id, unavailability, self._now)

    def update_inverse_offer(
        self,
        agent_id: AgentId,
        framework_id: FrameworkId,
        accepted: bool | None,
        filters: Filters | None,
        now: float,
    ) -> None:
        """See `Allocator`."""
        if framework_id in self.ledger.frameworks:
            self._inverse.answer(agent_id, framework_id, accepted, filters, now)

    def inverse_offers(self, now: float) -> list[InverseAllocation]:
        """See `Allocator`."""
        return [] if self._pause.lasts(now) else self._inverse.take(now, self._frameworks_on)

    def inverse_offer_statuses(self) -> Mapping[AgentId, Mapping[FrameworkId, InverseStatus]]:
        """See `Allocator`."""
        return self._inverse.statuses()

    def await_agents(self, expected: int, now: float) -> None:
        """See `Allocator`."""
        if self.ledger.quotas.enforced:
            awaited = int(expected * self.options.agent_recovery_factor)
            self._pause.start(awaited, now + self.options.recovery_timeout_s)

    def metrics(self) -> Mapping[str, float]:
        """See `Allocator`."""
        return {**gauges(self.ledger, self.refusals), "allocator/mesos/allocation_runs": float(self._runs)}

    # Decisions.

    def deadline(self) -> float | None:
        """See `Allocator`."""
        sources = (self._agenda, self._held, self._inverse, self._holding)
        due = (self.refusals.next_s(), *(source.deadline() for source in sources))
        first = min((when for when in due if when is not None), default=None)
        if first is not None and self._pause.lasts(first):
            return self._pause.ends_s
        return first

    def allocate(self, now: float, agents_max: int) -> list[Allocation]:
        """See `Allocator`."""
        self._now = now
        if self._pause.lasts(now):
            return []
        self._runs += 1
        self._end_refusals(now)
        self._look_again(now)
        for agent in look_after(
            self._holding, self.ledger, self._terms.by_client, self.refusals, self._whitelist.admits, now
        ):
            self._touch(agent)
        agents = self._take_agents(now, agents_max)
        if not agents:
            return []
        ledger = self.ledger
        decisions = Round(ledger, self._terms, self.refusals, self._turns, self._holding.holders)
        if ledger.quotas.needy:
            for agent in agents:
                decisions.give_guarantees(agent)
            agents = [agent for agent in agents if agent.available]
            draw(agents, len(agents), self._entropy)
        for agent in agents:
            decisions.share(agent)
        self._check_policy(decisions)
        self._end_waits(decisions.decided)
        for agent_id in decisions.taken:
            self._agenda.wait_for_batch(agent_id, now)
        if self._inverse.is_needed:
            for one in decisions.decided:
                self._inverse.touch(one.agent_id, now)
        return decisions.decided

    def _check_policy(self, decisions: Round) -> None:
        """Take back what was decided by a policy that failed, and raise PolicyError."""
        if self._guard is None:
            return
        try:
            self._guard.check()
        except PolicyError:
            for one in decisions.decided:
                client = self.ledger.frameworks[one.framework_id].clients[one.role]
                agent = self.ledger.agents[one.agent_id]
                agent.settle_offer(client, one.resources)
                self.ledger.release(agent, client, one.resources)
            self._agenda.touch_all(self._now)
            raise

    def explain(self, framework_id: FrameworkId, now: float, question: Question = EVERYTHING) -> Explanation:
        """See `Allocator`."""
        by_lot = "random" in (self.options.role_sorter, self.options.framework_sorter)
        explainer = Explainer(
            self.ledger,
            self.refusals,
            self._holding.holders,
            self._reasons.reason,
            now,
            by_lot=by_lot,
            paused=self._pause.lasts(now),
        )
        return explainer.explain(self.ledger.frameworks[framework_id], question)

    def reason(self, client: Client, agent: AgentAccount) -> Reason:
        """Say why a client is not offered an agent now."""
        return self._reasons.reason(client, agent)

    @property
    def holders(self) -> Mapping[AgentId, Client]:
        """The agents that are held back, and for whom."""
        return self._holding.holders

    def pending(self, agent: AgentAccount) -> int:
        """Return the bits of the clients that will be asked about an agent with the next batch or before."""
        blocked = agent.blocked if agent.is_blocked_at(agent.available) else 0
        needy = ALL if self.ledger.quotas.needy else 0
        lasting = blocked & ~(needy & self._held.bits(agent.id))
        return (~lasting if agent.id in self._agenda else 0) | self._held.pending(agent.id)

    def _frameworks_on(self, agent_id: AgentId) -> list[FrameworkId]:
        """Return the active frameworks that hold something of an agent."""
        frameworks = (
            self.ledger.frameworks[client.framework_id] for client in self.ledger.agents[agent_id].held
        )
        return [framework.id for framework in frameworks if framework.active]

    def _make_room(self, client: Client) -> None:
        """Note that a client has given something back, which may leave more for others."""
        quotas = self.ledger.quotas
        if quotas.enforced:
            node = self.ledger.tree.node(client.top)
            self._held.grow(ALL if quotas.required or node is None else node.mask, self._now)

    def _serve_again(self, met: int, due: float) -> None:
        """Look at all agents again, for clients whose demands are met no longer and were (`met`)."""
        if met & ~self.ledger.demands.met:
            self._agenda.touch_all(due)

    def _look_again(self, now: float) -> None:
        """Look at agents again from which quota kept clients, when there may be more room."""
        for agent_id, bits in self._held.take(now):
            agent = self.ledger.agents[agent_id]
            agent.blocked &= ~bits
            self._touch(agent)

    def _end_waits(self, decided: Collection[Allocation]) -> None:
        """Note who waits no longer, as something is offered to it."""
        for one in decided if self._holding.deadline() is not None else ():
            client = self.ledger.frameworks[one.framework_id].clients[one.role]
            self._free(self._holding.on_offered(client, self._now))

    def _free(self, agent_id: AgentId | None) -> None:
        """Ask all again about an agent that is held back no longer."""
        if agent_id is not None:
            self._touch(self.ledger.agents[agent_id])

    def _end_refusals(self, now: float) -> None:
        for refusal in self.refusals.expire(now):
            agent = self.ledger.agents[refusal.agent_id]
            agent.blocked &= ~refusal.client.bit
            self._touch(agent)

    def _take_agents(self, now: float, agents_max: int) -> list[AgentAccount]:
        """Take up to `agents_max` agents that can be offered off the agenda, in random order."""
        agents, everywhere = self.ledger.agents, self._whitelist.hostnames is None
        able = [
            agent
            for agent in map(agents.__getitem__, self._agenda.take(now, agents))
            if agent.available is not EMPTY and agent.active and (everywhere or self._whitelist.admits(agent))
        ]
        draw(able, agents_max, self._entropy)
        for agent in able[agents_max:]:
            self._touch(agent)
        return able[:agents_max]

    def _touch(self, agent: AgentAccount) -> None:
        """Note that something changed on an agent that may turn a no into a yes."""
        self._agenda.touch(agent.id, self._now)

    # Descriptions and their consequences.

    def _describe(
        self,
        framework: FrameworkAccount,
        info: FrameworkInfo,
        suppressed_roles: Collection[str],
        constraints: OfferConstraints | None,
    ) -> None:
        """Take over what a framework says of itself."""
        framework.describe(info, suppressed_roles)
        met = self.ledger.demands.met
        for role in info.roles:
            client = self.ledger.client(framework, role)
            self.ledger.set_demand(client, info.options.demands.get(role))
            minimum = self.options.role_min_offer_size.get(role, self._terms.usual)
            if self._terms.set(client, terms_of(info, role, minimum, constraints)):
                self.ledger.unblock(client)
                if client.mask:
                    self._agenda.touch_all(self._now)
        for client in list(framework.clients.values()):
            if client.role not in framework.roles:
                self._forget(client)
                self.ledger.leave(framework, client)
        self._serve_again(met, self._now)
        self._set_wants(framework)

    def _forget(self, client: Client) -> None:
        """Drop what is remembered of a client but for its holdings."""
        self.refusals.remove_client(client)
        self.ledger.demands.forget(client)
        self._free(self._holding.unwatch(client))
        self._terms.forget(client)

    def _set_wants(self, framework: FrameworkAccount) -> None:
        """Let those clients of a framework have turns that want offers."""
        for role, client in framework.clients.items():
            wants = framework.wants(role)
            if wants and self._terms.is_picky(client):
                self._holding.watch(client, self._now)
            else:
                self._free(self._holding.unwatch(client))
            if wants and not client.mask:
                self.ledger.tree.want(client)
                self._held.grow(client.bit, self._now)
                self._agenda.touch_all(self._now)
            elif not wants and client.mask:
                self.ledger.tree.unwant(client)

    def _drop_refusals(self, client: Client) -> None:
        """End all refusals of a client."""
        for agent_id in self.refusals.remove_client(client):
            agent = self.ledger.agents[agent_id]
            agent.blocked &= ~client.bit
            self._touch(agent)

    def _set_traits(self, agent: AgentAccount) -> None:
        agent.set_traits(region=self.options.region, filter_gpus=self.options.filter_gpu_resources)


def _turns(tree: RoleTree, entropy: Entropy, options: AllocatorOptions) -> Turns:
    """Return what decides whose turn it is: shares, lots, or both."""
    roles, frameworks = options.role_sorter == "random", options.framework_sorter == "random"
    if roles or frameworks:
        return Shuffle(tree, entropy, roles=roles, frameworks=frameworks).turns
    return tree.turns
