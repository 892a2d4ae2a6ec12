"""What is wrong with resources from outside, as sentences for whoever sent them.

Rules, their order and the sentences are Mesos's (Resources::validate, and the resource rules of
src/master/validation.cpp): frameworks show and compare them. Each function returns the first fault or
None. `resources_fault` asks whether records are resources at all; the others ask whether resources may be
used in a certain way, and their callers put the prefix ("Task uses invalid resources: ") before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from meseta.errors import MesetaError
from meseta.ids import id_fault
from meseta.resources.describe import kind_text, labels_text, quantity_text
from meseta.resources.kinds import Disk, DiskType, Kind, ValueType
from meseta.resources.ranges import Ranges
from meseta.resources.records import DYNAMIC, STATIC, ReservationRecord, ResourceRecord
from meseta.resources.remembered import remembered
from meseta.resources.vector import Quantity, Resources, to_milli
from meseta.roles import STAR, is_refinement, role_fault

Fault = str | None

SCALAR_LIMIT = 2.0**63 / 1000
"""Scalars must be below this: Mesos counts milli-units in 64 bits."""

OVERLAPS_MAX = 1024
"""Lists of vectors for which it is remembered whether they overlap."""

_TEXT = 3


class ResourceFault(MesetaError):
    """Records from outside are no resources; the message is for whoever sent them."""


# Records ------------------------------------------------------------------------------------------------


def resources_fault(records: Iterable[ResourceRecord]) -> Fault:
    """Say which record is no resource, and why."""
    for record in records:
        if (fault := record_fault(record)) is not None:
            return f"Resource '{record}' is invalid: {fault}"
    return None


def record_fault(record: ResourceRecord) -> Fault:
    """Say what makes a record no resource."""
    if not record.name:
        return "Empty resource name"
    reservation_fault = _new_format_fault(record) if record.reservations else _old_format_fault(record)
    return _value_fault(record) or _disk_fault(record) or reservation_fault or _shared_fault(record)


def allocation_fault(records: Iterable[ResourceRecord]) -> Fault:
    """Say that records are allocated to different roles."""
    first: str | None = None
    for record in records:
        role = record.allocation_role
        first = role if first is None else first
        if role is not None and role != first:
            return (
                f"The resources have multiple allocation roles ('{role}' and '{first}')"
                " but only one allocation role is allowed"
            )
    return None


def _value_fault(record: ResourceRecord) -> Fault:
    values = (record.scalar, record.ranges, record.items)
    if record.type == _TEXT:
        return "Unsupported resource type"
    if not 0 <= record.type < len(values):
        return "Invalid resource type"
    if [value is not None for value in values] != [record.type == n for n in range(len(values))]:
        return f"Invalid {ValueType(record.type).name.lower()} resource"
    if record.scalar is not None:
        return _scalar_fault(record.scalar)
    if record.ranges is not None:
        return _ranges_fault(record.ranges)
    items = record.items or ()
    return "Invalid set resource: duplicated elements" if len(set(items)) < len(items) else None


def _scalar_fault(value: float) -> Fault:
    if not abs(value) < SCALAR_LIMIT:
        return "Invalid scalar resource: value is not finite or too large"
    if value != 0 and to_milli(value) <= 0:
        return "Invalid scalar resource: value <= 0"
    return None


def _ranges_fault(pairs: Sequence[tuple[int, int]]) -> Fault:
    if any(begin > end for begin, end in pairs):
        return "Invalid ranges resource: begin > end"
    if any(later[0] <= earlier[1] for earlier, later in pairwise(sorted(pairs))):
        return "Invalid ranges resource: overlapping ranges"
    return None


def _disk_fault(record: ResourceRecord) -> Fault:
    disk = record.disk
    if disk is None:
        return None
    if record.name != "disk":
        return f"DiskInfo should not be set for {record.name} resource"
    if disk.source_type is DiskType.UNKNOWN:
        return "Unsupported 'DiskInfo.Source.Type' in 'UNKNOWN'"
    if disk.source_type in (DiskType.BLOCK, DiskType.RAW) and disk.source_root is not None:
        return f"Path should not be set for {disk.source_type.name} disk source"
    return None


def _old_format_fault(record: ResourceRecord) -> Fault:
    """Check `role` and `reservation`, which stand alone."""
    role = STAR if record.role is None else record.role
    if (fault := role_fault(role)) is not None:
        return fault
    if record.reservation is None:
        return None
    if record.reservation.type is not None:
        return "'Resource.ReservationInfo.type' must not be set for the 'Resource.reservation' field"
    if record.reservation.role is not None:
        return "'Resource.ReservationInfo.role' must not be set for the 'Resource.reservation' field"
    if role == STAR:
        return 'Invalid reservation: role "*" cannot be dynamically reserved'
    return None


def _new_format_fault(record: ResourceRecord) -> Fault:
    """Check `reservations`, and that the fields of the old format do not contradict them."""
    for reservation in record.reservations:
        if (fault := _reservation_fault(reservation)) is not None:
            return fault
    for outer, inner in pairwise(record.reservations):
        if (fault := _refinement_fault(outer, inner)) is not None:
            return fault
    if len(record.reservations) == 1:
        return _both_formats_fault(record, record.reservations[0])
    for field, value in (("role", record.role), ("reservation", record.reservation)):
        if value is not None:
            return (
                f"Invalid resource format: 'Resource.{field}' must not be set if"
                " there is more than one reservation in 'Resource.reservations'"
            )
    return None


def _reservation_fault(reservation: ReservationRecord) -> Fault:
    if reservation.type is None:
        return "Invalid reservation: 'Resource.ReservationInfo.type' field must be set."
    if reservation.role is None:
        return "Invalid reservation: 'Resource.ReservationInfo.role' field must be set."
    if (fault := role_fault(reservation.role)) is not None:
        return fault
    if reservation.role == STAR:
        return 'Invalid reservation: role "*" cannot be reserved'
    if reservation.type not in (STATIC, DYNAMIC):
        return "Unsupported 'Resource.ReservationInfo.Type'"
    return None


def _refinement_fault(outer: ReservationRecord, inner: ReservationRecord) -> Fault:
    if inner.type == STATIC:
        return "Invalid refined reservation: A refined reservation cannot be STATIC"
    if not is_refinement(inner.role or "", outer.role or ""):
        return f"Invalid refined reservation: role '{inner.role}' is not a refinement of '{outer.role}'"
    return None


def _both_formats_fault(record: ResourceRecord, reservation: ReservationRecord) -> Fault:
    old = record.reservation
    if record.role is not None and record.role != reservation.role:
        return (
            f"Invalid resource format: 'Resource.role' field with '{record.role}' does not match"
            f" the role '{reservation.role}' in 'Resource.reservations'"
        )
    if reservation.type == STATIC:
        return (
            None
            if old is None
            else (
                "Invalid resource format: 'Resource.reservation' must not be set if"
                " the single reservation in 'Resource.reservations' is STATIC"
            )
        )
    if (record.role is None) != (old is None):
        return (
            "Invalid resource format: 'Resource.role' and 'Resource.reservation' must either be both set"
            " or both not set if the single reservation in 'Resource.reservations' is DYNAMIC"
        )
    return None if old is None else _old_reservation_fault(old, reservation)


def _old_reservation_fault(old: ReservationRecord, new: ReservationRecord) -> Fault:
    if (old.principal or "") != (new.principal or ""):
        return (
            f"Invalid resource format: 'Resource.reservation.principal' field with '{old.principal or ''}'"
            f" does not match the principal '{new.principal or ''}' in 'Resource.reservations'"
        )
    if (old.labels or ()) != (new.labels or ()):
        return (
            "Invalid resource format: 'Resource.reservation.labels' field with"
            f" '{labels_text(old.labels or ())}' does not match the labels"
            f" '{labels_text(new.labels or ())}' in 'Resource.reservations'"
        )
    return None


def _shared_fault(record: ResourceRecord) -> Fault:
    if not record.shared:
        return None
    if record.name != "disk":
        return f"Resource {record.name} cannot be shared"
    if record.disk is None or record.disk.persistence_id is None:
        return "Only persistent volumes can be shared"
    return None


# Use ----------------------------------------------------------------------------------------------------


def use_fault(resources: Resources) -> Fault:
    """Say why valid resources cannot be used by anybody."""
    for kind, quantity in resources:
        if kind.name == "gpus" and isinstance(quantity, int) and quantity % 1000:
            return "Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer"
    for kind, _ in resources:
        if kind.disk is not None and (fault := _disk_use_fault(kind, kind.disk)) is not None:
            return f"Invalid DiskInfo: {fault}"
    for kind, quantity in resources:
        if kind.is_dynamically_reserved and kind.revocable:
            return (
                f"Invalid ReservationInfo: Dynamically reserved resource {_text(kind, quantity)}"
                " cannot be created from revocable resources"
            )
    return None


def unique_persistence_fault(resources: Resources) -> Fault:
    """Say that two volumes of one role have one id."""
    seen: set[tuple[str, str]] = set()
    for kind, _, _ in resources.persistent_volumes().entries():
        persistence_id = kind.disk.persistence_id if kind.disk is not None else None
        key = (kind.role, persistence_id or "")
        if key in seen:
            return f"Persistence ID '{persistence_id}' is not unique"
        seen.add(key)
    return None


def mixed_revocable_fault(resources: Resources) -> Fault:
    """Say that a name stands for what may be taken back and for what may not."""
    mixed = resources.revocable().names() & resources.nonrevocable().names()
    if mixed:
        return f"Cannot use both revocable and non-revocable '{min(mixed)}' at the same time"
    return None


def volume_fault(resources: Resources) -> Fault:
    """Say what is no persistent volume that can be created or destroyed."""
    for kind, quantity in resources:
        if kind.disk is None:
            return f"Resource {_text(kind, quantity)} does not have DiskInfo"
        if kind.disk.persistence_id is None:
            return "'persistence' is not set in DiskInfo"
        if not kind.disk.has_volume:
            return "Expecting 'volume' to be set for persistent volume"
        if kind.disk.mode == "RO":
            return "Read-only persistent volume not supported"
    return None


def provider_fault(resources: Resources) -> Fault:
    """Say that resources come from different providers, or from none at all."""
    providers = {kind.provider_id for kind, _ in resources}
    if len(providers) == 1:
        return None
    if None in providers:
        return "Some resources have a resource provider and some do not"
    named = sorted(provider for provider in providers if provider is not None)
    return f"The resources have multiple resource providers: {', '.join(named)}"


def _is_overlapping(*vectors: Resources) -> bool:
    total = Resources.EMPTY
    members = 0
    for resources in vectors:
        if count := _members(resources):
            total = total + resources
            members += count
    return members != _members(total)


is_overlapping = remembered(_is_overlapping, OVERLAPS_MAX)
"""Tells whether a member of ranges or a set is in several vectors, so that they cannot be summed."""


def _disk_use_fault(kind: Kind, disk: Disk) -> Fault:
    if disk.persistence_id is None:
        if disk.has_volume:
            return "Non-persistent volume not supported"
        return "DiskInfo is set but empty" if disk.source_type is None else None
    if kind.revocable:
        return "Persistent volumes cannot be created from revocable resources"
    if not kind.is_reserved:
        return "Persistent volumes cannot be created from unreserved resources"
    if not disk.has_volume:
        return "Expecting 'volume' to be set for persistent volume"
    if disk.host_path is not None:
        return "Expecting 'host_path' to be unset for persistent volume"
    fault = id_fault(disk.persistence_id)
    return None if fault is None else f"Invalid persistence ID for persistent volume: {fault}"


@lru_cache(maxsize=4096)
def _members(resources: Resources) -> int:
    """Return how many members of ranges and sets there are. Most tasks of a cluster hold equal vectors."""
    count = 0
    for _, quantity in resources:
        if isinstance(quantity, Ranges):
            count += quantity.count()
        elif isinstance(quantity, frozenset):
            count += len(quantity)
    return count


def _text(kind: Kind, quantity: Quantity) -> str:
    return f"{kind_text(kind)}:{quantity_text(quantity)}"
