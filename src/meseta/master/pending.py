"""What a master has asked the registry to write, and what follows when it is written."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from meseta.allocator.quota import Quota
from meseta.ids import AgentId
from meseta.master.events import RegistrationRequested, RequestId, ReregistrationRequested
from meseta.master.registry import Deactivation
from meseta.records import AgentInfo, Schedule


class PendingAgent(msgspec.Struct, frozen=True):
    """What to do when the registry has written that an agent is admitted or described anew."""

    request: RegistrationRequested | ReregistrationRequested
    info: AgentInfo
    """With its id."""


class PendingDeparture(msgspec.Struct, frozen=True):
    """What to do when the registry has written that an agent is unreachable, has left, or is gone."""

    agent_id: AgentId
    cause: str
    unreachable_since: float | None
    """None: the agent has left for good."""
    counter: str | None = None
    replacement: RegistrationRequested | None = None
    """A new agent at the same address, to be admitted next."""
    gone_since: float | None = None
    """An operator says that it is gone."""
    request: RequestId | None = None
    """An operator waits for the answer."""


class PendingDeactivation(msgspec.Struct, frozen=True):
    """What to do when the registry has written what an operator wants of an agent."""

    agent_id: AgentId
    deactivation: Deactivation | None
    request: RequestId | None = None
    """An operator waits for the answer."""


class PendingMaintenance(msgspec.Struct, frozen=True):
    """Which schedule counts when the registry has written it."""

    schedule: Schedule
    request: RequestId | None = None
    """An operator waits for the answer."""


class PendingForgetting(msgspec.Struct, frozen=True):
    """Which unreachable and gone agents to forget when the registry has."""

    agent_ids: tuple[AgentId, ...]


class PendingQuota(msgspec.Struct, frozen=True):
    """What to do when the registry has written quotas."""

    request: RequestId
    quotas: dict[str, Quota]


class PendingWeights(msgspec.Struct, frozen=True):
    """What to do when the registry has written weights."""

    request: RequestId
    weights: dict[str, float]
    """Those that change."""


Pending = (
    PendingAgent
    | PendingDeparture
    | PendingDeactivation
    | PendingForgetting
    | PendingMaintenance
    | PendingQuota
    | PendingWeights
)


@dataclass(slots=True)
class AskedOfRegistry:
    """What the registry will hold of roles when it has written all that it was asked to."""

    quotas: dict[str, Quota] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
