"""Resources as Mesos writes them in the sentences that frameworks read."""

from __future__ import annotations

from meseta.resources import Kind, Ranges, Reservation, Resources


def written(resources: Resources, role: str) -> str:
    """Write resources allocated to a role: `cpus(allocated: web):0.5; ports(allocated: web):[1-2]`."""
    return "; ".join(f"{_kind(kind, role)}:{_value(value)}" for kind, value in resources)


def _kind(kind: Kind, role: str) -> str:
    text = f"{kind.name}(allocated: {role})"
    if kind.reservations:
        text += f"(reservations: [{','.join(map(_reservation, kind.reservations))}])"
    return text + ("{REV}" if kind.revocable else "") + ("<SHARED>" if kind.shared else "")


def _reservation(reservation: Reservation) -> str:
    parts = ["DYNAMIC" if reservation.dynamic else "STATIC", reservation.role]
    if reservation.principal is not None:
        parts.append(reservation.principal)
    if reservation.labels:
        labels = ", ".join(
            f"{key}: {value}" if value is not None else key for key, value in reservation.labels
        )
        parts.append(f"{{{labels}}}")
    return f"({','.join(parts)})"


def _value(value: object) -> str:
    if isinstance(value, int):
        return f"{value / 1000:.15g}"
    if isinstance(value, Ranges):
        return "[" + ", ".join(f"{begin}-{end}" for begin, end in value.pairs()) + "]"
    return "{" + ", ".join(sorted(map(str, value))) + "}" if isinstance(value, frozenset) else str(value)
