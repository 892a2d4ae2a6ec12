"""The allocator's interface, a plugin kind: the master tells it what is there and asks what to offer.

The master calls an allocator synchronously and owns the truth about tasks and offers; an allocator
only accounts for resources. Every resource of an agent is, for the allocator, either available or
held by one (framework, role): offered first, allocated when the framework has accepted the offer. Shares,
limits and headroom count both; what a role is said to have consumed of its quota leaves out what is offered.

The protocol follows Mesos's (include/mesos/allocator/allocator.hpp) with two differences: decisions are
asked for (`allocate`) instead of called back, and time is an argument.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from meseta.ids import AgentId, FrameworkId
from meseta.records import AgentInfo, Filters, FrameworkInfo, OfferConstraints, Unavailability
from meseta.resources import Resources

RoleResources = Mapping[str, Resources]
"""What is allocated, by role."""


Sorter = Literal["drf", "random"]


class AllocatorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator sets, by the flags of the same names; the region is that of the master's domain."""

    allocation_interval_s: float = 1.0
    """Time between batches: expired refusals count, and declined offers without a refusal go out again."""
    agent_recovery_factor: float = 0.8
    """With quota, so many of the known agents have to be back after a failover before anything is offered."""
    recovery_timeout_s: float = 600.0
    """Or so much time has to have passed."""
    recovery_window_s: float = 0.005
    """How long freed resources wait for others to be offered with them."""
    min_allocatable_resources: tuple[Mapping[str, int], ...] = ({"cpus": 10}, {"mem": 32_000})
    """What is worth offering: alternatives of minimum quantities in milli-units; (): anything."""
    role_min_offer_size: Mapping[str, tuple[Mapping[str, int], ...]] = msgspec.field(default_factory=dict)
    """The same for some roles."""
    starvation_timeout_s: float = 30.0
    """When an agent is held back for those who ask for much of one; 0: never. Not with role priorities."""
    fair_sharing_excluded_resource_names: frozenset[str] = frozenset()
    role_sorter: Sorter = "drf"
    """Whether roles have turns by share or by lot."""
    framework_sorter: Sorter = "drf"
    """Whether the frameworks of a role have turns by share or by lot."""
    role_priorities: Mapping[str, int] = msgspec.field(default_factory=dict)
    """For allocators that have priorities: the higher goes first; 0 where none is set."""
    filter_gpu_resources: bool = True
    """Offer agents with gpus only to frameworks that ask for such."""
    region: str | None = None
    """The region of the master; agents elsewhere are for region-aware frameworks."""


DEFAULT_OPTIONS = AllocatorOptions()


class Allocation(msgspec.Struct, frozen=True, gc=False):
    """A decision: offer these resources of this agent to this framework, in this role."""

    framework_id: FrameworkId
    role: str
    agent_id: AgentId
    resources: Resources


class InverseAllocation(msgspec.Struct, frozen=True, gc=False):
    """A decision: ask this framework to vacate this agent."""

    framework_id: FrameworkId
    agent_id: AgentId
    unavailability: Unavailability


class InverseStatus(msgspec.Struct, frozen=True, gc=False):
    """What a framework answered when it was asked to vacate an agent, and when."""

    accepted: bool
    answered_s: float


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What of an explanation is wanted: a page of the pairs of a role and an agent."""

    role: str | None = None
    """Only this role of the framework."""
    agent_id: AgentId | None = None
    """Only this agent."""
    offset: int = 0
    limit: int = 1000


class Skip(msgspec.Struct, frozen=True):
    """Why an agent is not offered to a framework in a role, from the code that decided it."""

    agent_id: AgentId
    role: str
    reason: str
    """The kind of reason in a word, such as `REFUSED`."""
    detail: str
    """The same as a sentence for people, without a full stop."""
    left_s: float | None = None
    """How long it will last at most, where that is known."""


class Explanation(msgspec.Struct, frozen=True):
    """A page of what there is to say."""

    total: int
    """How many pairs of a role and an agent the question is about."""
    skips: list[Skip]


EVERYTHING = Question()


class Allocator(Protocol):
    """Accounts for resources and decides on offers. All times are seconds of the master's clock."""

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
        """Add a framework that already holds `used` (known from agents that re-registered)."""
        ...

    def update_framework(
        self,
        framework_id: FrameworkId,
        info: FrameworkInfo,
        *,
        suppressed_roles: Collection[str] = (),
        constraints: OfferConstraints | None = None,
    ) -> None:
        """Replace what the framework says of itself: roles, capabilities, filters, constraints."""
        ...

    def remove_framework(self, framework_id: FrameworkId) -> None:
        """Forget a framework; the master has recovered its resources before."""
        ...

    def activate_framework(self, framework_id: FrameworkId) -> None:
        """Let the framework be offered resources."""
        ...

    def deactivate_framework(self, framework_id: FrameworkId) -> None:
        """Offer nothing more to the framework; keep its accounts; drop its filters."""
        ...

    def add_agent(
        self,
        agent_id: AgentId,
        info: AgentInfo,
        capabilities: Collection[str],
        total: Resources,
        used: Mapping[FrameworkId, RoleResources],
    ) -> None:
        """Add an active agent of which `used` is already allocated."""
        ...

    def update_agent(
        self,
        agent_id: AgentId,
        *,
        info: AgentInfo | None = None,
        capabilities: Collection[str] | None = None,
        total: Resources | None = None,
    ) -> None:
        """Replace an agent's description, capabilities or total."""
        ...

    def remove_agent(self, agent_id: AgentId) -> None:
        """Forget an agent and every allocation on it."""
        ...

    def activate_agent(self, agent_id: AgentId) -> None:
        """Let the agent's free resources be offered."""
        ...

    def deactivate_agent(self, agent_id: AgentId) -> None:
        """Offer nothing of the agent; keep its accounts."""
        ...

    def update_whitelist(self, hostnames: frozenset[str] | None) -> None:
        """Offer only agents on these hosts; None: on all."""
        ...

    def request_resources(
        self, framework_id: FrameworkId, requests: Sequence[tuple[AgentId | None, Resources]]
    ) -> None:
        """The framework says what it needs beyond what it has; nothing if it needs no more."""
        ...

    def accept(self, framework_id: FrameworkId, agent_id: AgentId, role: str, offered: Resources) -> None:
        """The framework accepted an offer: what it holds counts as allocated from now on.

        What the framework does not use of it comes back with `recover(…, accepted=True)`.
        """
        ...

    def update_allocation(
        self,
        framework_id: FrameworkId,
        agent_id: AgentId,
        role: str,
        consumed: Resources,
        converted: Resources,
    ) -> None:
        """An operation turned `consumed`, allocated to the framework, into `converted`."""
        ...

    def update_available(self, agent_id: AgentId, consumed: Resources, converted: Resources) -> bool:
        """An operator's operation wants to turn free resources into others; False: not free."""
        ...

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
        """Take back what was offered or allocated; `filters` holds it back from the framework.

        `accepted` tells whether the framework had accepted it. An unknown framework or agent is ignored:
        its accounts are gone already.
        """
        ...

    def suppress(self, framework_id: FrameworkId, roles: Collection[str]) -> None:
        """Offer nothing to the framework in these roles."""
        ...

    def revive(self, framework_id: FrameworkId, roles: Collection[str]) -> None:
        """Offer again in these roles, and drop the filters set there."""
        ...

    def update_weights(self, weights: Mapping[str, float]) -> None:
        """Set the weights of these roles."""
        ...

    def update_quota(self, role: str, guarantees: Mapping[str, int], limits: Mapping[str, int]) -> None:
        """Set the quota of a top-level role, in milli-units by name; both empty: it has none any more.

        Sub-roles share it. Legacy quota is one whose guarantees are its limits.
        """
        ...

    def await_agents(self, expected: int, now: float) -> None:
        """Say how many agents are known from before a failover, after the quotas are set.

        If there is quota, nothing is offered until most of them are back, or a time has passed: shares of
        a part of the cluster would give roles with guarantees too much of it.
        """
        ...

    def update_unavailability(self, agent_id: AgentId, unavailability: Unavailability | None) -> None:
        """Plan maintenance of an agent, or none; earlier answers of frameworks count no more."""
        ...

    def update_inverse_offer(
        self,
        agent_id: AgentId,
        framework_id: FrameworkId,
        accepted: bool | None,
        filters: Filters | None,
        now: float,
    ) -> None:
        """Note the answer to an inverse offer; None: it was rescinded or not answered in time."""
        ...

    def inverse_offers(self, now: float) -> list[InverseAllocation]:
        """Decide which frameworks to ask to vacate agents; each is asked once at a time about an agent."""
        ...

    def inverse_offer_statuses(self) -> Mapping[AgentId, Mapping[FrameworkId, InverseStatus]]:
        """Return the latest answers, for agents with planned maintenance."""
        ...

    def metrics(self) -> Mapping[str, float]:
        """Return gauges and counters by Mesos's names."""
        ...

    def allocate(self, now: float, agents_max: int) -> list[Allocation]:
        """Decide, looking at no more than `agents_max` agents; account the result as allocated."""
        ...

    def deadline(self) -> float | None:
        """When `allocate` wants to be called next: at once after changes, later for what is held back."""
        ...

    def explain(self, framework_id: FrameworkId, now: float, question: Question = EVERYTHING) -> Explanation:
        """Say for agents and roles of a known framework why nothing is offered now.

        No more than `question.limit` pairs may be looked at: the master does nothing else meanwhile.
        """
        ...
