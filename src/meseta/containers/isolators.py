"""Which isolators there are, as data: what each controls. What they do is the runtime's.

The names are Mesos's (`--isolation`). Without a cgroup isolator for a resource, its amount is only counted,
not enforced. They prepare in the order of this table and clean up in reverse.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Isolator(msgspec.Struct, frozen=True, kw_only=True):
    """One isolator: what it limits, and whether it needs root."""

    name: str
    resource: str | None
    enforces: bool
    root: bool


ISOLATORS = {
    isolator.name: isolator
    for isolator in (
        Isolator(name="filesystem/posix", resource=None, enforces=False, root=False),
        Isolator(name="posix/cpu", resource="cpus", enforces=False, root=False),
        Isolator(name="posix/mem", resource="mem", enforces=False, root=False),
        Isolator(name="cgroups/cpu", resource="cpus", enforces=True, root=True),
        Isolator(name="cgroups/mem", resource="mem", enforces=True, root=True),
    )
}

DEFAULT_ISOLATION = ("posix/cpu", "posix/mem")


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` in the order in which they prepare; unknown ones are left out."""
    wanted = set(names)
    return tuple(name for name in ISOLATORS if name in wanted)


def unknown(names: Iterable[str]) -> list[str]:
    """Return those of `names` that are no isolators, for a message to the operator."""
    return [name for name in names if name not in ISOLATORS]
