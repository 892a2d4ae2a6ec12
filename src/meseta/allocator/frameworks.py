"""What the allocator knows of one framework."""

from __future__ import annotations

from collections.abc import Collection

from meseta.allocator.sorter import Client
from meseta.ids import FrameworkId
from meseta.records import FrameworkInfo


class FrameworkAccount:
    """One framework: what it said of itself, and one client for each role that it has or still holds."""

    __slots__ = ("active", "clients", "id", "info", "roles", "suppressed")

    def __init__(self, framework_id: FrameworkId) -> None:
        self.id = framework_id
        self.info: FrameworkInfo | None = None
        """None as long as the framework is known only as the holder of resources."""
        self.roles: frozenset[str] = frozenset()
        """The roles that the framework is subscribed to."""
        self.active = False
        self.suppressed: set[str] = set()
        self.clients: dict[str, Client] = {}
        """By role. A role that the framework has left stays until nothing is held in it."""

    def describe(self, info: FrameworkInfo, suppressed: Collection[str]) -> None:
        """Take over what the framework says of itself."""
        self.info = info
        self.roles = frozenset(info.roles)
        self.suppressed = set(suppressed)

    def wants(self, role: str) -> bool:
        """Tell whether offers in this role are welcome."""
        return self.active and role in self.roles and role not in self.suppressed
