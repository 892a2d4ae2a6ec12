"""What a framework says of itself and of the offers that it wants."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from meseta.ids import FrameworkId


class FrameworkCapability(IntEnum):
    """What a framework can cope with; numbers are those of the wire. Unknown ones are dropped."""

    REVOCABLE_RESOURCES = 1
    TASK_KILLING_STATE = 2
    GPU_RESOURCES = 3
    SHARED_RESOURCES = 4
    PARTITION_AWARE = 5
    MULTI_ROLE = 6
    RESERVATION_REFINEMENT = 7
    REGION_AWARE = 8


class FrameworkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a framework says that only this project's masters understand."""

    revocation_notices: bool = False
    """Whether it wants to be told before its tasks are ended for another role's guarantee."""
    demands: Mapping[str, Mapping[str, int]] = msgspec.field(default_factory=dict)
    """Per role: how much it wants to hold altogether, in milli-units by name."""


NO_OPTIONS = FrameworkOptions()


class FrameworkInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A framework's description of itself, as subscribed."""

    user: str
    name: str
    id: FrameworkId | None = None
    roles: tuple[str, ...] = ("*",)
    """Always filled: `role` for frameworks without MULTI_ROLE, `roles` for those with it."""
    capabilities: frozenset[FrameworkCapability] = frozenset()
    checkpoint: bool = False
    failover_timeout_s: float = 0.0
    principal: str | None = None
    hostname: str = ""
    webui_url: str = ""
    offer_filters: Mapping[str, tuple[Mapping[str, int], ...]] = msgspec.field(default_factory=dict)
    """Per role: what is worth offering, as alternatives of minimum quantities in milli-units."""
    wanted: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Per role: which agents are of use, as an expression (`allocator.offer_filter`)."""
    options: FrameworkOptions = NO_OPTIONS
    fault: str | None = None
    """What is wrong with the message itself (both `role` and `roles` set, say); found at the edge."""
    raw: bytes = b""
    """v1 FrameworkInfo as it came; `id` may be missing there: the field above wins."""

    def has(self, capability: FrameworkCapability) -> bool:
        """Tell whether the framework declared `capability`."""
        return capability in self.capabilities


class Filters(msgspec.Struct, frozen=True, gc=False):
    """How long a refused agent is not to be offered again. Rules: `allocator.filters`."""

    refuse_s: float = 5.0


class AttributeConstraint(msgspec.Struct, frozen=True):
    """One predicate over one thing of an agent.

    `selector` is ("attribute", name) or ("pseudo", "HOSTNAME" | "REGION" | "ZONE"); `predicate` is one of
    exists, not_exists, text_equals, text_not_equals, text_matches, text_not_matches.
    """

    selector: tuple[str, str]
    predicate: str
    value: str | None = None


AttributeConstraints = tuple[tuple[AttributeConstraint, ...], ...]
"""Alternatives of conjunctions."""


class OfferConstraints(msgspec.Struct, frozen=True):
    """Which agents a framework wants to be offered, by role; a role that is not named wants all."""

    by_role: Mapping[str, AttributeConstraints]
    raw: bytes = b""
