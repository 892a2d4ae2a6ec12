"""What an agent says of itself."""

from __future__ import annotations

import msgspec

from meseta.attributes import Attribute
from meseta.ids import AgentId
from meseta.resources import Resources


class Domain(msgspec.Struct, frozen=True, gc=False):
    """A fault domain: the region and zone that a machine stands in."""

    region: str
    zone: str


class Unavailability(msgspec.Struct, frozen=True):
    """A maintenance window: when it starts, and for how long (None: without end). Nanoseconds."""

    start_ns: int
    duration_ns: int | None = None


class AgentInfo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An agent's description of itself, as registered."""

    hostname: str
    port: int
    resources: Resources
    """Its total as declared, static reservations included, without what operations changed since."""
    attributes: tuple[Attribute, ...] = ()
    id: AgentId | None = None
    domain: Domain | None = None
    raw: bytes = b""
    """v1 AgentInfo as it came; `id` may be missing there: the field above wins."""
