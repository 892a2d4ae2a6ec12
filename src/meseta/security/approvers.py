"""Who may do what, as a pure value: compiled at the edge, asked synchronously by machines and routes."""

from __future__ import annotations

import msgspec


class Approvers(msgspec.Struct, frozen=True, gc=False):
    """Answers whether a principal may do something. This one lets everybody do everything.

    Actions are the names of Mesos's access control lists (`register_frameworks`, `run_tasks`, …), the
    subject is a principal, the object what the action is done to: a role, a user, another principal.
    """

    def approves(self, action: str, subject: str | None, object: str | None, /) -> bool:
        """Tell whether `subject` (None: not authenticated) may do `action` to `object`."""
        return True


PERMISSIVE = Approvers()
