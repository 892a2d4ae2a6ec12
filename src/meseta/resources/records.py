"""The fields of Resource objects as they come from outside, right or wrong. None means not set."""

from __future__ import annotations

import msgspec

from meseta.resources.describe import reservation_text, resource_text, scalar_text, set_text
from meseta.resources.kinds import Disk, Labels

STATIC = 1
DYNAMIC = 2
"""Types of reservations, numbered as on the wire."""


class ReservationRecord(msgspec.Struct, frozen=True):
    """One reservation; in the old format `type` and `role` stand elsewhere."""

    type: int | None = None
    role: str | None = None
    principal: str | None = None
    labels: Labels | None = None

    def __str__(self) -> str:
        name = {STATIC: "STATIC", DYNAMIC: "DYNAMIC"}.get(self.type or 0, "UNKNOWN")
        return reservation_text(name, self.role or "", self.principal, self.labels)


class ResourceRecord(msgspec.Struct, frozen=True):
    """One Resource object. Exactly one of `scalar`, `ranges` and `items` should be set, as `type` says."""

    name: str
    type: int
    """As in `ValueType`; 3 is text, which no resource has."""
    scalar: float | None = None
    ranges: tuple[tuple[int, int], ...] | None = None
    """With inclusive ends."""
    items: tuple[str, ...] | None = None
    role: str | None = None
    reservation: ReservationRecord | None = None
    reservations: tuple[ReservationRecord, ...] = ()
    disk: Disk | None = None
    revocable: bool = False
    shared: bool = False
    provider_id: str | None = None
    allocation_role: str | None = None

    def __str__(self) -> str:
        reservations = [str(reservation) for reservation in self.reservations]
        text = resource_text(
            self.name,
            self.allocation_role,
            reservations,
            self.disk,
            revocable=self.revocable,
            shared=self.shared,
        )
        return f"{text}:{self._value_text()}"

    def _value_text(self) -> str:
        if self.scalar is not None:
            return scalar_text(self.scalar)
        if self.ranges is not None:
            return "[" + ", ".join(f"{begin}-{end}" for begin, end in self.ranges) + "]"
        return set_text(self.items or ())
