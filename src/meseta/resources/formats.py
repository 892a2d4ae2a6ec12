"""Plain records of Resource objects, and the way between them and vectors.

Whatever carries resources (protobuf, JSON in flags) fills in records; what is right or wrong about them
is decided once, here and in `faults`. Reservations have been written in two ways over time:

    format     unreserved   reserved once                               refined
    PRE        role "*"     role, and `reservation` if it is dynamic    cannot be said
    POST       -            reservations                                reservations
    ENDPOINT   role "*"     both ways                                   reservations
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

import msgspec

from meseta.resources.faults import ResourceFault, allocation_fault, resources_fault
from meseta.resources.kinds import Kind, Reservation, ValueType
from meseta.resources.ranges import Ranges
from meseta.resources.records import DYNAMIC, STATIC, ReservationRecord, ResourceRecord
from meseta.resources.vector import Quantity, Resources, from_milli, to_milli
from meseta.roles import STAR


class Format(Enum):
    """How reservations are written."""

    PRE = "pre-reservation-refinement"
    POST = "post-reservation-refinement"
    ENDPOINT = "endpoint"


def from_records(records: Sequence[ResourceRecord]) -> tuple[Resources, str | None]:
    """Return the sum of records in any format, and the role to which they are allocated, if they say so.

    Raises ResourceFault with a sentence for the sender when a record is invalid or the roles differ.
    """
    fault = resources_fault(records) or allocation_fault(records)
    if fault is not None:
        raise ResourceFault(fault)
    roles = (record.allocation_role for record in records if record.allocation_role is not None)
    return Resources.of([(kind_of(record), _quantity_of(record)) for record in records]), next(roles, None)


def to_records(
    resources: Resources, *, allocation_role: str | None = None, format: Format = Format.POST
) -> list[ResourceRecord]:
    """Return one record for each kind, for each piece of an undivided one, for all copies of a shared one.

    Refined reservations are written the new way in every format, since the old has no words for them.
    """
    return [
        _described(_record(kind, quantity, allocation_role), kind.reservations, format)
        for kind, quantity, _ in resources.entries()
    ]


def kind_of(record: ResourceRecord) -> Kind:
    """Return the kind of a valid record."""
    return Kind(
        record.name,
        ValueType(record.type),
        _reservations_of(record),
        record.disk,
        record.revocable,
        record.shared,
        record.provider_id,
    )


def _reservations_of(record: ResourceRecord) -> tuple[Reservation, ...]:
    if record.reservations:
        return tuple(
            Reservation(r.role or "", r.type == DYNAMIC, r.principal, r.labels) for r in record.reservations
        )
    if record.role is None or record.role == STAR:
        return ()
    old = record.reservation
    if old is None:
        return (Reservation(record.role, dynamic=False),)
    return (Reservation(record.role, True, old.principal, old.labels),)


def _quantity_of(record: ResourceRecord) -> Quantity:
    if record.scalar is not None:
        return to_milli(record.scalar)
    if record.ranges is not None:
        return Ranges.from_pairs(record.ranges)
    return frozenset(record.items or ())


def _record(kind: Kind, quantity: Quantity, allocation_role: str | None) -> ResourceRecord:
    """Return everything but the reservations."""
    return ResourceRecord(
        name=kind.name,
        type=int(kind.type),
        scalar=from_milli(quantity) if isinstance(quantity, int) else None,
        ranges=quantity.pairs() if isinstance(quantity, Ranges) else None,
        items=tuple(sorted(quantity)) if isinstance(quantity, frozenset) else None,
        disk=kind.disk,
        revocable=kind.revocable,
        shared=kind.shared,
        provider_id=kind.provider_id,
        allocation_role=allocation_role,
    )


def _described(
    record: ResourceRecord, reservations: tuple[Reservation, ...], format: Format
) -> ResourceRecord:
    """Add the reservations in a format."""
    is_old = format is not Format.POST and len(reservations) <= 1
    if is_old:
        record = _described_old(record, reservations)
    if format is Format.PRE and is_old:
        return record
    return msgspec.structs.replace(record, reservations=tuple(_new_records(reservations)))


def _described_old(record: ResourceRecord, reservations: tuple[Reservation, ...]) -> ResourceRecord:
    if not reservations:
        return msgspec.structs.replace(record, role=STAR)
    (only,) = reservations
    old = ReservationRecord(principal=only.principal, labels=only.labels) if only.dynamic else None
    return msgspec.structs.replace(record, role=only.role, reservation=old)


def _new_records(reservations: Iterable[Reservation]) -> Iterable[ReservationRecord]:
    for r in reservations:
        yield ReservationRecord(DYNAMIC if r.dynamic else STATIC, r.role, r.principal, r.labels)
