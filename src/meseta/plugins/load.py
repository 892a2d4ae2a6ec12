"""Finding plugins by name: the built-in ones, then the entry points of installed packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import cast

from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.allocator.policies.priority import PriorityAllocator
from meseta.allocator.victims import least_work
from meseta.errors import ConfigError
from meseta.plugins.kinds import AllocatorFactory, VictimPolicy

ALLOCATORS = "meseta.allocators"
DEFAULT_ALLOCATOR = "HierarchicalDRF"
BUILT_IN_ALLOCATORS: dict[str, AllocatorFactory] = {
    DEFAULT_ALLOCATOR: HierarchicalAllocator,
    "priority": PriorityAllocator,
}
VICTIM_POLICIES = "meseta.victim_policies"
DEFAULT_VICTIM_POLICY = "least_work"
BUILT_IN_VICTIM_POLICIES: dict[str, VictimPolicy] = {DEFAULT_VICTIM_POLICY: least_work}


def load_allocator(name: str) -> AllocatorFactory:
    """Return the allocation module called `name`.

    Raises ConfigError if there is none, if two packages give it, or if it cannot be imported.
    """
    built_in = BUILT_IN_ALLOCATORS.get(name)
    if built_in is not None:
        return built_in
    factory = _load(ALLOCATORS, name, known=list(BUILT_IN_ALLOCATORS))
    if not callable(factory):
        raise ConfigError(f"allocator '{name}' is {factory!r}, which cannot be called to make an allocator")
    return cast(AllocatorFactory, factory)


def load_victim_policy(name: str) -> VictimPolicy:
    """Return the revocation policy called `name`.

    Raises ConfigError if there is none, if two packages give it, or if it cannot be imported.
    """
    built_in = BUILT_IN_VICTIM_POLICIES.get(name)
    if built_in is not None:
        return built_in
    policy = _load(VICTIM_POLICIES, name, known=list(BUILT_IN_VICTIM_POLICIES))
    if not callable(policy):
        raise ConfigError(f"revocation policy '{name}' is {policy!r}, which cannot be called for victims")
    return cast(VictimPolicy, policy)


def _load(group: str, name: str, known: list[str]) -> object:
    point = _find(group, name, known)
    try:
        return point.load()
    except Exception as error:
        raise ConfigError(
            f"plugin '{name}' ({point.value}) of group '{group}' cannot be imported: {error!r}"
        ) from error


def _find(group: str, name: str, known: list[str]) -> EntryPoint:
    points = entry_points(group=group)
    found = [point for point in points if point.name == name]
    if len(found) > 1:
        values = ", ".join(point.value for point in found)
        raise ConfigError(f"plugin '{name}' of group '{group}' is given more than once: {values}")
    if not found:
        names = ", ".join(sorted({*known, *points.names}))
        raise ConfigError(f"there is no plugin '{name}' of group '{group}'; installed are: {names}")
    return found[0]
