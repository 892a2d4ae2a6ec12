"""Roles: paths such as `eng/web`, whose order decides who gets what is promised to whom.

A reservation, a weight or a quota of a role holds for everything below it. `*` is the role of those
who have none; it is outside of the tree. The rules of validity are those of Mesos, with its sentences,
because frameworks are shown them (src/common/roles.cpp).
"""

from __future__ import annotations

STAR = "*"
"""The default role; resources "reserved" to it are unreserved."""

_FORBIDDEN = frozenset("\t\n\v\f\r \x7f")


def role_fault(role: str) -> str | None:
    """Say what makes `role` no valid role, if anything."""
    if role == STAR:
        return None
    if not role:
        return "Role names cannot be the empty string"
    if role.startswith("/"):
        return f"Role '{role}' cannot start with a slash"
    if role.endswith("/"):
        return f"Role '{role}' cannot end with a slash"
    if "//" in role:
        return f"Role '{role}' cannot contain two adjacent slashes"
    for component in role.split("/"):
        if (fault := _component_fault(role, component)) is not None:
            return fault
    return None


def ancestors(role: str) -> tuple[str, ...]:
    """Return the roles above `role`, nearest first: `a/b` and `a` for `a/b/c`."""
    components = role.split("/")
    return tuple("/".join(components[:depth]) for depth in range(len(components) - 1, 0, -1))


def is_ancestor(upper: str, lower: str) -> bool:
    """Tell whether `upper` is somewhere above `lower`; no role is above itself."""
    return len(lower) > len(upper) and lower[len(upper)] == "/" and lower.startswith(upper)


def is_refinement(role: str, of: str) -> bool:
    """Tell whether a reservation to `role` may be made on top of one to `of`: it is strictly below."""
    return is_ancestor(of, role)


def is_within(role: str, root: str) -> bool:
    """Tell whether `role` is `root` or below it."""
    return role == root or is_ancestor(root, role)


def _component_fault(role: str, component: str) -> str | None:
    if component in (".", "..", STAR):
        return f"Role '{role}' cannot include '{component}' as a component"
    if component.startswith("-"):
        return f"Role component '{component}' is invalid because it starts with a dash"
    if not _FORBIDDEN.isdisjoint(component):
        return f"Role component '{component}' is invalid because it contains backspace or whitespace"
    return None
