"""Builders for allocator tests: a small cluster in a few words."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping

from meseta.allocator.allocator import Allocation, AllocatorOptions, Skip
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.allocator.invariants import check
from meseta.attributes import Attribute
from meseta.ids import AgentId, FrameworkId
from meseta.records import (
    AgentInfo,
    Domain,
    Filters,
    FrameworkCapability,
    FrameworkInfo,
    FrameworkOptions,
    OfferConstraints,
)
from meseta.resources import Resources

AGENT_CAPABILITIES = ("MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT")
EVERYTHING = 1_000_000


class Cluster:
    """An allocator and the way to talk to it; every step checks the invariants."""

    def __init__(self, seed: int = 1, **options: object) -> None:
        self.allocator = HierarchicalAllocator(random.Random(seed), AllocatorOptions(**options))  # type: ignore[arg-type]
        self.now = 0.0

    def agent(
        self,
        name: str,
        total: Resources,
        used: Mapping[str, Mapping[str, Resources]] | None = None,
        *,
        capabilities: Collection[str] = AGENT_CAPABILITIES,
        region: str | None = None,
        attributes: tuple[Attribute, ...] = (),
    ) -> AgentId:
        info = AgentInfo(
            hostname=f"{name}.example.org",
            port=5051,
            resources=total,
            attributes=attributes,
            domain=Domain(region, "zone") if region else None,
        )
        holders = {FrameworkId(name): by_role for name, by_role in (used or {}).items()}
        self.allocator.add_agent(AgentId(name), info, capabilities, total, holders)
        check(self.allocator)
        return AgentId(name)

    def framework(
        self,
        name: str,
        *roles: str,
        has: Collection[FrameworkCapability] = (),
        active: bool = True,
        suppressed: Collection[str] = (),
        constraints: OfferConstraints | None = None,
        offer_filters: Mapping[str, tuple[Mapping[str, int], ...]] | None = None,
        wanted: Mapping[str, str] | None = None,
        demands: Mapping[str, Mapping[str, int]] | None = None,
    ) -> FrameworkId:
        info = framework_info(
            name, *roles, has=has, offer_filters=offer_filters, wanted=wanted, demands=demands
        )
        self.allocator.add_framework(
            FrameworkId(name),
            info,
            {},
            active=active,
            suppressed_roles=suppressed,
            constraints=constraints,
        )
        check(self.allocator)
        return FrameworkId(name)

    def allocate(self, after_s: float = 0.0) -> list[Allocation]:
        """Let time pass, then allocate."""
        self.now += after_s
        decided = self.allocator.allocate(self.now, EVERYTHING)
        check(self.allocator)
        return decided

    def turns(self, after_s: float = 0.0) -> list[tuple[str, str, str]]:
        """Allocate, and say who got something of which agent in which role."""
        return [(one.framework_id, one.role, one.agent_id) for one in self.allocate(after_s)]

    def give_back(
        self,
        allocation: Allocation,
        resources: Resources | None = None,
        refuse_s: float | None = None,
        *,
        accepted: bool = False,
    ) -> None:
        """Return what was offered, or a part of it."""
        self.allocator.recover(
            allocation.framework_id,
            allocation.agent_id,
            allocation.role,
            allocation.resources if resources is None else resources,
            None if refuse_s is None else Filters(refuse_s),
            self.now,
            accepted=accepted,
        )
        check(self.allocator)

    def accept(self, offer: Allocation) -> None:
        """Accept an offer."""
        self.allocator.accept(offer.framework_id, offer.agent_id, offer.role, offer.resources)
        check(self.allocator)

    def decline(self, allocation: Allocation, refuse_s: float = 5.0) -> None:
        """Return an offer and refuse it for a while."""
        self.give_back(allocation, refuse_s=refuse_s)

    def share(self, role: str) -> float:
        """Return the share of a role."""
        tree = self.allocator.ledger.tree
        node = tree.node(role)
        assert node is not None
        return tree.share(node)

    def reasons(self, framework_id: FrameworkId) -> list[tuple[str, str, str]]:
        """Return agent, role and reason for everything that the framework is not offered."""
        skips = self.allocator.explain(framework_id, self.now).skips
        return [(skip.agent_id, skip.role, in_words(skip)) for skip in skips]


def in_words(skip: Skip) -> str:
    """Return a reason with the time that it lasts."""
    return skip.detail if skip.left_s is None else f"{skip.detail}, for another {skip.left_s:g} s at most"


def framework_info(
    name: str,
    *roles: str,
    has: Collection[FrameworkCapability] = (),
    offer_filters: Mapping[str, tuple[Mapping[str, int], ...]] | None = None,
    wanted: Mapping[str, str] | None = None,
    demands: Mapping[str, Mapping[str, int]] | None = None,
) -> FrameworkInfo:
    return FrameworkInfo(
        user="someone",
        name=name,
        roles=roles or ("*",),
        capabilities=frozenset(has),
        offer_filters=offer_filters or {},
        wanted=wanted or {},
        options=FrameworkOptions(demands=demands or {}),
    )
