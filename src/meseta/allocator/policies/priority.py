"""Strict priority, `--allocator=priority`: who has a higher one has turns before all others.

Roles have priorities (`--role_priorities=prod=10,batch=1`; 0 where none is set), compared among siblings as
weights are. Among equals the order is that of dominant shares. Everything else is that of the hierarchical
allocator: the same accounts, verdicts and refusals, with another order of turns. So a role of lower priority
gets what those above decline, and nothing is taken away from anybody. Guarantees of quota come before
priorities: whose role misses some of them is served first, those by priority.
"""

from __future__ import annotations

from collections.abc import Mapping

from meseta.allocator.allocator import DEFAULT_OPTIONS, AllocatorOptions
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.allocator.sorter import Entry, Node, RoleTree
from meseta.errors import ConfigError
from meseta.machine import Entropy


class PriorityTree(RoleTree):
    """A role tree whose levels are in order of (priority, share, count, name)."""

    __slots__ = ("_priorities",)

    def __init__(self, excluded: frozenset[str] = frozenset()) -> None:
        super().__init__(excluded=excluded)
        self._priorities: dict[str, int] = {}

    def priority(self, node: Node) -> int:
        """Return a node's priority: that of its role."""
        return self._priorities.get(node.path, 0)

    def set_priority(self, role: str, priority: int) -> None:
        """Set a role's priority; it counts at the role's own level only."""
        self._priorities[role] = priority
        self._reposition(role)

    def _entry(self, node: Node) -> Entry:
        share, count, name, _ = super()._entry(node)
        return (-self.priority(node), share), count, name, node


class PriorityAllocator(HierarchicalAllocator):
    """The hierarchical allocator with a `PriorityTree`."""

    def __init__(self, entropy: Entropy, options: AllocatorOptions = DEFAULT_OPTIONS) -> None:
        """Raises ConfigError if roles are to have turns by lot."""
        if options.role_sorter == "random":
            raise ConfigError(
                "--role_sorter=random draws the roles by lot, so they have no priorities: "
                "use --allocator=HierarchicalDRF, or leave --role_sorter out"
            )
        self._priorities = PriorityTree(options.fair_sharing_excluded_resource_names)
        super().__init__(entropy, options, tree=self._priorities)
        self.update_priorities(options.role_priorities)

    def update_priorities(self, priorities: Mapping[str, int]) -> None:
        """Set the priorities of these roles, as `update_weights` sets weights."""
        for role, priority in priorities.items():
            self._priorities.set_priority(role, priority)
