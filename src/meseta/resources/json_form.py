"""Resource objects in JSON, as flags and configuration files carry them, in the names of the protobuf."""

from __future__ import annotations

import msgspec

from meseta.errors import ConfigError
from meseta.resources.kinds import Disk, DiskType, Labels
from meseta.resources.records import DYNAMIC, STATIC, ReservationRecord, ResourceRecord

_TYPES = {"SCALAR": 0, "RANGES": 1, "SET": 2, "TEXT": 3}
_RESERVATION_TYPES = {"STATIC": STATIC, "DYNAMIC": DYNAMIC}
_UNKNOWN = -1


class _Scalar(msgspec.Struct):
    value: float


class _Range(msgspec.Struct):
    begin: int
    end: int


class _Ranges(msgspec.Struct):
    range: list[_Range] = []


class _Set(msgspec.Struct):
    item: list[str] = []


class _Label(msgspec.Struct):
    key: str
    value: str | None = None


class _Labels(msgspec.Struct):
    labels: list[_Label] = []


class _Reservation(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    principal: str | None = None
    labels: _Labels | None = None


class _Persistence(msgspec.Struct):
    id: str
    principal: str | None = None


class _Volume(msgspec.Struct):
    container_path: str
    mode: str
    host_path: str | None = None


class _Root(msgspec.Struct):
    root: str | None = None


class _Source(msgspec.Struct):
    type: str
    path: _Root | None = None
    mount: _Root | None = None
    vendor: str | None = None
    id: str | None = None
    metadata: _Labels | None = None
    profile: str | None = None


class _Disk(msgspec.Struct):
    persistence: _Persistence | None = None
    volume: _Volume | None = None
    source: _Source | None = None


class _Empty(msgspec.Struct):
    pass


class _Id(msgspec.Struct):
    value: str


class _Resource(msgspec.Struct):
    name: str
    type: str
    scalar: _Scalar | None = None
    ranges: _Ranges | None = None
    set: _Set | None = None
    role: str | None = None
    reservation: _Reservation | None = None
    reservations: list[_Reservation] = []
    disk: _Disk | None = None
    revocable: _Empty | None = None
    shared: _Empty | None = None
    provider_id: _Id | None = None


_decoder = msgspec.json.Decoder(list[_Resource], strict=False)


def read_json_records(text: str, default_role: str) -> list[ResourceRecord]:
    """Return the objects of a JSON list; those that name no role get `default_role`.

    Raises ConfigError with the place that is wrong.
    """
    try:
        resources = _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise ConfigError(f"Some JSON resources were not formatted properly: {error}") from None
    return [_record(resource, default_role) for resource in resources]


def _record(resource: _Resource, default_role: str) -> ResourceRecord:
    has_role = resource.role is not None or resource.reservations
    ranges, items = resource.ranges, resource.set
    return ResourceRecord(
        name=resource.name,
        type=_TYPES.get(resource.type, _UNKNOWN),
        scalar=None if resource.scalar is None else resource.scalar.value,
        ranges=None if ranges is None else tuple((r.begin, r.end) for r in ranges.range),
        items=None if items is None else tuple(items.item),
        role=resource.role if has_role else default_role,
        reservation=None if resource.reservation is None else _reservation(resource.reservation),
        reservations=tuple(_reservation(r) for r in resource.reservations),
        disk=None if resource.disk is None else _disk(resource.disk),
        revocable=resource.revocable is not None,
        shared=resource.shared is not None,
        provider_id=None if resource.provider_id is None else resource.provider_id.value,
    )


def _reservation(r: _Reservation) -> ReservationRecord:
    type_number = None if r.type is None else _RESERVATION_TYPES.get(r.type, _UNKNOWN)
    return ReservationRecord(type_number, r.role, r.principal, _labels(r.labels))


def _disk(disk: _Disk) -> Disk:
    persistence = disk.persistence
    volume, source = disk.volume, disk.source
    return Disk(
        persistence_id=None if persistence is None else persistence.id,
        principal=None if persistence is None else persistence.principal,
        container_path=None if volume is None else volume.container_path,
        host_path=None if volume is None else volume.host_path,
        mode=None if volume is None else volume.mode,
        source_type=None if source is None else _disk_type(source.type),
        source_root=None if source is None else _root(source),
        source_vendor=None if source is None else source.vendor,
        source_id=None if source is None else source.id,
        source_metadata=None if source is None else _labels(source.metadata),
        source_profile=None if source is None else source.profile,
    )


def _disk_type(name: str) -> DiskType:
    return DiskType[name] if name in DiskType.__members__ else DiskType.UNKNOWN


def _root(source: _Source) -> str | None:
    root = source.path or source.mount
    return None if root is None else root.root


def _labels(labels: _Labels | None) -> Labels | None:
    return None if labels is None else tuple((label.key, label.value) for label in labels.labels)
