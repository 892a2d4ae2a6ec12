"""What a master asks about permissions; the values that answer live in `meseta.security.approvers`."""

from __future__ import annotations

from typing import Protocol

REGISTER_FRAMEWORK = "register_frameworks"
"""Object: a role."""
RUN_TASK = "run_tasks"
"""Object: the operating system user that the task runs as."""
REGISTER_AGENT = "register_agents"
"""Object: none."""


class Approvers(Protocol):
    """Answers at once, from a value that was compiled before; never waits."""

    def approves(self, action: str, subject: str | None, object: str | None, /) -> bool:
        """Tell whether the principal `subject` (None: nobody in particular) may do `action` to `object`."""
        ...
