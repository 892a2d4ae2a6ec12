"""What a master asks about permissions; the values that answer live in `meseta.security.approvers`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from meseta.records import OperationType
from meseta.resources import Kind

REGISTER_FRAMEWORK = "register_frameworks"
"""Object: a role."""
RUN_TASK = "run_tasks"
"""Object: the operating system user that the task runs as."""
UPDATE_QUOTA = "update_quotas"
"""Object: a role."""
UPDATE_WEIGHT = "update_weights"
"""Object: a role."""
REGISTER_AGENT = "register_agents"
"""Object: none."""


def _role(kind: Kind) -> str | None:
    return kind.role


def _reserver(kind: Kind) -> str | None:
    return kind.reservations[-1].principal if kind.reservations else None


def _creator(kind: Kind) -> str | None:
    return None if kind.disk is None else kind.disk.principal


OPERATIONS: dict[OperationType, tuple[str, Callable[[Kind], str | None]]] = {
    OperationType.RESERVE: ("reserve_resources", _role),
    OperationType.UNRESERVE: ("unreserve_resources", _reserver),
    OperationType.CREATE: ("create_volumes", _role),
    OperationType.DESTROY: ("destroy_volumes", _creator),
    OperationType.GROW_VOLUME: ("resize_volume", _role),
    OperationType.SHRINK_VOLUME: ("resize_volume", _role),
}
"""Actions on resources, and what the object is of each: a role, or the principal who made what is undone."""


class Approvers(Protocol):
    """Answers at once, from a value that was compiled before; never waits."""

    def approves(self, action: str, subject: str | None, object: str | None, /) -> bool:
        """Tell whether the principal `subject` (None: nobody in particular) may do `action` to `object`."""
        ...
