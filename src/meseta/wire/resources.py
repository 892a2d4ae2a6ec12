"""Resources on the wire: between protobuf's Resource and `meseta.resources`, in all three formats.

Most vectors of resources on a cluster are equal, and equal messages have equal bytes; so lifting is
remembered by bytes, and each vector is checked and interned once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from meseta.resources import EMPTY, Disk, DiskType, Labels, Resources
from meseta.resources.faults import ResourceFault, resources_fault
from meseta.resources.formats import Format, from_records, to_records
from meseta.resources.records import ReservationRecord, ResourceRecord
from meseta.roles import STAR, role_fault
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.parsing import parse

LIFTED_MAX = 50_000
"""Vectors that are remembered; then the memory is emptied."""

LIFTED_BYTES_MAX = 4096
"""A vector that is longer is not remembered."""


class Lifted(msgspec.Struct, frozen=True):
    """Resources, the role that they are allocated to, and what is wrong with them, if anything.

    With any fault there are no resources: nothing can be decided about them but to refuse.
    """

    resources: Resources
    role: str | None = None
    fault: str | None = None
    roles_fault: str | None = None
    """They are resources, but allocated to several roles."""

    @property
    def held_fault(self) -> str | None:
        """Why nobody can hold these in the role that they are said to be allocated to, if so."""
        role_is_wrong = role_fault(self.role) if self.role is not None else None
        return self.fault or self.roles_fault or role_is_wrong


NOTHING = Lifted(EMPTY)
_lifted: dict[tuple[bytes, ...], Lifted] = {}


def lift_resources(messages: Sequence[m.Resource]) -> Lifted:
    """Lift a message's resources, in any format."""
    if not messages:
        return NOTHING
    key = tuple([message.SerializePartialToString() for message in messages])
    known = _lifted.get(key)
    return _remember(key, messages) if known is None else known


def lift_resource_bytes(key: tuple[bytes, ...]) -> Lifted:
    """The same of messages that are not parsed.

    Raises:
        WireError: they are none.
    """
    if not key:
        return NOTHING
    known = _lifted.get(key)
    return _remember(key, [parse(m.Resource, raw) for raw in key]) if known is None else known


def _remember(key: tuple[bytes, ...], messages: Sequence[m.Resource]) -> Lifted:
    lifted = _lift(messages)
    if sum(map(len, key)) <= LIFTED_BYTES_MAX and all(message.IsInitialized() for message in messages):
        if len(_lifted) >= LIFTED_MAX:
            _lifted.clear()
        _lifted[key] = lifted
    return lifted


def _lift(messages: Sequence[m.Resource]) -> Lifted:
    records = [_record(message) for message in messages]
    try:
        resources, role = from_records(records)
    except ResourceFault as fault:
        if resources_fault(records) is None:
            return Lifted(EMPTY, roles_fault=str(fault))
        return Lifted(EMPTY, fault=str(fault))
    return Lifted(resources, role)


def _record(r: m.Resource) -> ResourceRecord:
    has = r.HasField
    return ResourceRecord(
        name=r.name,
        type=r.type,
        scalar=r.scalar.value if has("scalar") else None,
        ranges=tuple((pair.begin, pair.end) for pair in r.ranges.range) if has("ranges") else None,
        items=tuple(r.set.item) if has("set") else None,
        role=r.role if has("role") else None,
        reservation=_reservation(r.reservation) if has("reservation") else None,
        reservations=tuple(_reservation(reservation) for reservation in r.reservations),
        disk=_disk(r.disk) if has("disk") else None,
        revocable=has("revocable"),
        shared=has("shared"),
        provider_id=r.provider_id.value if has("provider_id") else None,
        allocation_role=r.allocation_info.role if r.allocation_info.HasField("role") else None,
    )


def _reservation(r: m.Resource.ReservationInfo) -> ReservationRecord:
    return ReservationRecord(
        r.type if r.HasField("type") else None,
        r.role if r.HasField("role") else None,
        r.principal if r.HasField("principal") else None,
        _labels(r.labels) if r.HasField("labels") else None,
    )


def _labels(labels: m.Labels) -> Labels:
    return tuple((label.key, label.value if label.HasField("value") else None) for label in labels.labels)


def _disk(disk: m.Resource.DiskInfo) -> Disk:
    has_source = disk.HasField("source")
    source, persistence, volume = disk.source, disk.persistence, disk.volume
    root = source.path.root if source.HasField("path") else source.mount.root
    return Disk(
        persistence_id=persistence.id if disk.HasField("persistence") else None,
        principal=persistence.principal if persistence.HasField("principal") else None,
        container_path=volume.container_path if disk.HasField("volume") else None,
        host_path=volume.host_path if volume.HasField("host_path") else None,
        mode=m.Volume.Mode.Name(volume.mode) if disk.HasField("volume") else None,
        source_type=DiskType(source.type) if has_source and source.type else None,
        source_root=root or None,
        source_vendor=source.vendor if source.HasField("vendor") else None,
        source_id=source.id if source.HasField("id") else None,
        source_metadata=_labels(source.metadata) if source.HasField("metadata") else None,
        source_profile=source.profile if source.HasField("profile") else None,
    )


def fill_resources(target: Any, resources: Resources, format: Format, role: str | None) -> None:
    """Append `resources` to a repeated field; `role` is whom they are allocated to (None: not said)."""
    for record in to_records(resources, allocation_role=role, format=format):
        _fill(target.add(), record)


def _fill(message: m.Resource, record: ResourceRecord) -> None:
    message.name = record.name
    message.type = record.type  # type: ignore[assignment]
    if record.scalar is not None:
        message.scalar.value = record.scalar
    if record.ranges is not None:
        for begin, end in record.ranges:
            message.ranges.range.add(begin=begin, end=end)
    if record.items is not None:
        message.set.item.extend(record.items)
    if record.role is not None:
        message.role = record.role
    if record.reservation is not None:
        _fill_reservation(message.reservation, record.reservation)
    for reservation in record.reservations:
        _fill_reservation(message.reservations.add(), reservation)
    if record.disk is not None:
        _fill_disk(message.disk, record.disk)
    if record.revocable:
        message.revocable.SetInParent()
    if record.shared:
        message.shared.SetInParent()
    if record.provider_id is not None:
        message.provider_id.value = record.provider_id
    if record.allocation_role is not None:
        message.allocation_info.role = record.allocation_role


def _fill_reservation(message: m.Resource.ReservationInfo, record: ReservationRecord) -> None:
    message.SetInParent()
    if record.type is not None:
        message.type = record.type  # type: ignore[assignment]
    if record.role is not None:
        message.role = record.role
    if record.principal is not None:
        message.principal = record.principal
    if record.labels is not None:
        _fill_labels(message.labels, record.labels)


def _fill_labels(message: m.Labels, labels: Labels) -> None:
    message.SetInParent()
    for key, value in labels:
        label = message.labels.add(key=key)
        if value is not None:
            label.value = value


def _fill_disk(message: m.Resource.DiskInfo, disk: Disk) -> None:
    message.SetInParent()
    if disk.persistence_id is not None:
        message.persistence.id = disk.persistence_id
        if disk.principal is not None:
            message.persistence.principal = disk.principal
    if disk.container_path is not None:
        message.volume.container_path = disk.container_path
        message.volume.mode = m.Volume.RO if disk.mode == "RO" else m.Volume.RW
        if disk.host_path is not None:
            message.volume.host_path = disk.host_path
    if disk.source_type is not None:
        _fill_source(message.source, disk)


def _fill_source(message: m.Resource.DiskInfo.Source, disk: Disk) -> None:
    message.type = disk.source_type  # type: ignore[assignment]
    if disk.source_root is not None:
        place = message.path if disk.source_type is DiskType.PATH else message.mount
        place.root = disk.source_root
    if disk.source_vendor is not None:
        message.vendor = disk.source_vendor
    if disk.source_id is not None:
        message.id = disk.source_id
    if disk.source_metadata is not None:
        _fill_labels(message.metadata, disk.source_metadata)
    if disk.source_profile is not None:
        message.profile = disk.source_profile


def fill_allocation_role(target: Iterable[m.Resource], role: str) -> None:
    """Say on every resource that does not say so itself that it is allocated to `role`."""
    for resource in target:
        if not resource.allocation_info.HasField("role"):
            resource.allocation_info.role = role


def is_old(resource: m.Resource) -> bool:
    """Tell whether a resource writes its reservation the way that was before refinement."""
    return resource.HasField("role") or resource.HasField("reservation")


def renew(resource: m.Resource) -> None:
    """Write the reservation of a valid resource of any format the new way."""
    if not resource.reservations and resource.role != STAR:
        reservation = resource.reservations.add()
        reservation.CopyFrom(resource.reservation)
        dynamic = resource.HasField("reservation")
        reservation.type = reservation.DYNAMIC if dynamic else reservation.STATIC
        reservation.role = resource.role
    resource.ClearField("role")
    resource.ClearField("reservation")
