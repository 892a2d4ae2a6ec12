"""How resources are written in logs and errors: `cpus(allocated: web)(reservations: [(STATIC,eng)]):1.5`.

The form is Mesos's, because frameworks are shown it in the reasons of refusals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meseta.resources.kinds import Disk, DiskType, Kind, Labels, Reservation
from meseta.resources.ranges import Ranges

NO_RESOURCES = "{}"


def scalar_text(value: float) -> str:
    """Return a number with up to 15 significant digits."""
    return f"{value:.15g}"


def set_text(items: Iterable[str]) -> str:
    """Return items in braces, in the order given."""
    return "{" + ", ".join(items) + "}"


def quantity_text(quantity: int | Ranges | frozenset[str]) -> str:
    """Return what stands after the colon."""
    if isinstance(quantity, Ranges):
        return str(quantity)
    if isinstance(quantity, frozenset):
        return set_text(sorted(quantity))
    return scalar_text(quantity / 1000)


def kind_text(kind: Kind, allocation_role: str | None = None) -> str:
    """Return what stands before the colon."""
    reservations = [reservation_text(_type_name(r), r.role, r.principal, r.labels) for r in kind.reservations]
    return resource_text(
        kind.name, allocation_role, reservations, kind.disk, revocable=kind.revocable, shared=kind.shared
    )


def resource_text(
    name: str,
    allocation_role: str | None,
    reservations: Sequence[str],
    disk: Disk | None,
    *,
    revocable: bool,
    shared: bool,
) -> str:
    """Put together what stands before the colon."""
    parts = [name]
    if allocation_role is not None:
        parts.append(f"(allocated: {allocation_role})")
    if reservations:
        parts.append("(reservations: [" + ",".join(f"({text})" for text in reservations) + "])")
    if disk is not None:
        parts.append(f"[{disk_text(disk)}]")
    if revocable:
        parts.append("{REV}")
    if shared:
        parts.append("<SHARED>")
    return "".join(parts)


def reservation_text(type_name: str, role: str, principal: str | None, labels: Labels | None) -> str:
    """Return one reservation without its parentheses."""
    parts = [type_name, role]
    if principal is not None:
        parts.append(principal)
    if labels is not None:
        parts.append(labels_text(labels))
    return ",".join(parts)


def labels_text(labels: Labels) -> str:
    """Return labels in braces: `{key: value, flag}`."""
    return set_text(key if value is None else f"{key}: {value}" for key, value in labels)


def disk_text(disk: Disk) -> str:
    """Return where a disk is, its persistence id and its mount."""
    parts = [text for text in (_source_text(disk), disk.persistence_id) if text is not None]
    text = ",".join(parts)
    if disk.container_path is None:
        return text
    if disk.host_path is None:
        return f"{text}:{disk.container_path}"
    mode = "" if disk.mode is None else f":{disk.mode.lower()}"
    return f"{text}:{disk.host_path}:{disk.container_path}{mode}"


def _source_text(disk: Disk) -> str | None:
    if disk.source_type is None:
        return None
    if disk.source_id is not None or disk.source_profile is not None:
        known = (disk.source_vendor or "", disk.source_id or "", disk.source_profile or "")
        return f"{disk.source_type.name}({','.join(known)})"
    if disk.source_root is not None and disk.source_type in (DiskType.PATH, DiskType.MOUNT):
        return f"{disk.source_type.name}:{disk.source_root}"
    return disk.source_type.name


def _type_name(reservation: Reservation) -> str:
    return "DYNAMIC" if reservation.dynamic else "STATIC"
