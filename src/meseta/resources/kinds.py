"""What makes two resources different: everything but the amount.

Kinds are interned: equal fields give the same object, so that comparing and hashing kinds, which is most
of what resource arithmetic does, is comparing and hashing addresses.

Where a volume is mounted and who created it do not distinguish volumes: a framework may name another
path with each use (Mesos compares likewise). `Kind.identity` is the kind without that.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import msgspec

from meseta.roles import STAR, is_within

Labels = tuple[tuple[str, str | None], ...]
"""Keys with values, in the order in which they were given."""


class ValueType(IntEnum):
    """How a resource is measured; numbered as on the wire."""

    SCALAR = 0
    RANGES = 1
    SET = 2


class DiskType(IntEnum):
    """What a disk is made of; numbered as on the wire."""

    UNKNOWN = 0
    PATH = 1
    MOUNT = 2
    BLOCK = 3
    RAW = 4


class Reservation(msgspec.Struct, frozen=True):
    """A claim of a role: `dynamic` ones are made and undone at run time, static ones by agent flags."""

    role: str
    dynamic: bool
    principal: str | None = None
    labels: Labels | None = None


class Disk(msgspec.Struct, frozen=True):
    """Where a disk is and what it is used for; without a source it is the agent's work directory."""

    persistence_id: str | None = None
    """Set on persistent volumes; unique per role and agent."""
    principal: str | None = None
    """Who created the persistent volume."""
    container_path: str | None = None
    host_path: str | None = None
    mode: str | None = None
    """Of the mount: "RW" or "RO"."""
    source_type: DiskType | None = None
    source_root: str | None = None
    source_vendor: str | None = None
    source_id: str | None = None
    source_metadata: Labels | None = None
    source_profile: str | None = None

    @property
    def has_volume(self) -> bool:
        """Whether it says where it is mounted."""
        return self.container_path is not None

    def identity(self) -> Disk:
        """Return this disk without what does not tell it from others."""
        if self.principal is self.container_path is self.host_path is self.mode is None:
            return self
        return msgspec.structs.replace(self, principal=None, container_path=None, host_path=None, mode=None)

    def without_volume(self) -> Disk | None:
        """Return the disk that a persistent volume on it was made of."""
        if self.source_type is None:
            return None
        return msgspec.structs.replace(self.identity(), persistence_id=None)


# What is unusual about a kind, as bits: vectors of plain kinds, nearly all, skip whole filters.
RESERVED = 1
REVOCABLE = 2
SHARED = 4
REFINED = 8
VOLUME = 16

_FIELDS = ("name", "type", "reservations", "disk", "revocable", "shared", "provider_id")


class Kind:
    """A resource without its amount. Immutable; the same fields give the same object."""

    __slots__ = (
        "__weakref__",
        "_bare",
        "disk",
        "is_divisible",
        "name",
        "provider_id",
        "reservations",
        "revocable",
        "role",
        "shared",
        "traits",
        "type",
    )

    name: str
    type: ValueType
    reservations: tuple[Reservation, ...]
    """Outermost first; each role is below the one before."""
    disk: Disk | None
    revocable: bool
    shared: bool
    provider_id: str | None
    role: str
    """Role of the last reservation, `*` if there is none."""
    is_divisible: bool
    """Whether parts of it can be given away; otherwise it is taken whole (volumes, whole disks)."""
    traits: int
    """Bits from above."""
    _bare: Kind | None
    """The identity unless it is the kind itself, which would be a cycle."""

    def __new__(
        cls,
        name: str,
        type: ValueType = ValueType.SCALAR,
        reservations: tuple[Reservation, ...] = (),
        disk: Disk | None = None,
        revocable: bool = False,
        shared: bool = False,
        provider_id: str | None = None,
    ) -> Kind:
        """Return the one kind with these fields."""
        fields = (name, type, reservations, disk, revocable, shared, provider_id)
        known = _KINDS.get(fields)
        if known is not None:
            return known
        made = super().__new__(cls)
        for field, value in zip(_FIELDS, fields, strict=True):
            object.__setattr__(made, field, value)
        for field, value in _derived(made).items():
            object.__setattr__(made, field, value)
        _KINDS[fields] = made
        return made

    @property
    def identity(self) -> Kind:
        """What the algebra goes by: the kind without how its volume is mounted and who created it."""
        return self if self._bare is None else self._bare

    @property
    def is_reserved(self) -> bool:
        """Whether it belongs to a role."""
        return bool(self.reservations)

    @property
    def is_dynamically_reserved(self) -> bool:
        """Whether the last reservation was made at run time."""
        return bool(self.reservations) and self.reservations[-1].dynamic

    @property
    def is_refined(self) -> bool:
        """Whether a reservation lies on top of another."""
        return len(self.reservations) > 1

    @property
    def is_persistent_volume(self) -> bool:
        """Whether it is a volume that outlives its tasks."""
        return bool(self.traits & VOLUME)

    @property
    def is_checkpointed(self) -> bool:
        """Whether the agent must write it down: no flag brings it back after a restart."""
        return self.provider_id is None and (self.is_dynamically_reserved or self.is_persistent_volume)

    def is_allocatable_to(self, role: str) -> bool:
        """Tell whether `role` may use it: it is unreserved, or reserved to the role or one above it."""
        return not self.reservations or is_within(role, self.role)

    def replace(self, **fields: Any) -> Kind:
        """Return the kind with some fields changed."""
        return Kind(**{field: getattr(self, field) for field in _FIELDS} | fields)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"kinds are immutable; use replace({name}=...)")

    def __reduce__(self) -> tuple[object, ...]:
        return (Kind, tuple(getattr(self, field) for field in _FIELDS))

    def __repr__(self) -> str:
        parts = [f"{field}={value!r}" for field in _FIELDS[1:] if (value := getattr(self, field))]
        return f"Kind({', '.join([repr(self.name), *parts])})"


_KINDS: WeakValueDictionary[tuple[Any, ...], Kind] = WeakValueDictionary()


def _derived(kind: Kind) -> dict[str, Any]:
    disk = kind.disk
    is_volume = disk is not None and disk.persistence_id is not None
    bare = None if disk is None or disk.identity() is disk else kind.replace(disk=disk.identity())
    return {
        "role": kind.reservations[-1].role if kind.reservations else STAR,
        "is_divisible": not (is_volume or kind.shared or (disk is not None and _is_whole(disk))),
        "_bare": bare,
        "traits": RESERVED * bool(kind.reservations)
        | REVOCABLE * kind.revocable
        | SHARED * kind.shared
        | REFINED * (len(kind.reservations) > 1)
        | VOLUME * is_volume,
    }


def _is_whole(disk: Disk) -> bool:
    """Tell whether the disk goes to one user as a whole: a mount, a block device, a named raw disk."""
    if disk.source_type is DiskType.RAW:
        return disk.source_id is not None
    return disk.source_type in (DiskType.MOUNT, DiskType.BLOCK)
