"""Whether an agent that starts again may be what it has become since: `--reconfiguration_policy`.

    equal      nothing may have changed that the master and frameworks were told
    additive   more of it is fine: resources may grow, attributes and a domain may be added

Another port is fine with both: the master is told of it, and so are v0 executors. The sentences for
`additive` are Mesos's (src/slave/compatibility.cpp).
"""

from __future__ import annotations

from meseta.attributes import Attribute, AttributeType
from meseta.records import AgentInfo
from meseta.resources import Ranges, Resources

EQUAL = "equal"
ADDITIVE = "additive"
POLICIES = (EQUAL, ADDITIVE)

_REFUSED = "Configuration change not permitted under 'additive' policy: "


def incompatibility(policy: str, before: AgentInfo, now: AgentInfo) -> str | None:
    """Say what has changed that may not, if anything."""
    if policy == EQUAL:
        return _difference(before, now)
    fault = (
        _host_fault(before, now)
        or _resources_fault(before.resources, now.resources)
        or _attributes_fault(before.attributes, now.attributes)
    )
    return None if fault is None else _REFUSED + fault


def is_changed(before: AgentInfo, now: AgentInfo) -> bool:
    """Tell whether anything has changed that the master and frameworks were told."""
    return _difference(before, now) is not None


def _difference(before: AgentInfo, now: AgentInfo) -> str | None:
    for name in ("hostname", "resources", "attributes", "domain"):
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            return f"This agent was started before with other {name} ({_shown(old)}, now {_shown(new)})"
    return None


def _shown(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _host_fault(before: AgentInfo, now: AgentInfo) -> str | None:
    if before.hostname != now.hostname:
        return f"Hostname changed from {before.hostname} to {now.hostname}"
    if before.domain is not None and before.domain != now.domain:
        return f"Domain changed from {before.domain} to {now.domain}"
    return None


def _resources_fault(before: Resources, now: Resources) -> str | None:
    present = dict(now)
    for kind, old in before:
        new = present.get(kind)
        if new is None:
            return f"Resource not found: {Resources.of({kind: old})}"
        if isinstance(old, Ranges) and isinstance(new, Ranges):
            if not old <= new:
                return f"Previous value of range resource '{kind.name}' ({old}) not included in current {new}"
        elif isinstance(old, frozenset) and isinstance(new, frozenset):
            if not old <= new:
                was, is_now = _set(old), _set(new)
                return (
                    f"Previous value of set resource '{kind.name}' ({was}) not included in current {is_now}"
                )
        elif isinstance(old, int) and isinstance(new, int) and old > new:
            return f"Value of scalar resource '{kind.name}' decreased from {old / 1000:g} to {new / 1000:g}"
    return None


def _attributes_fault(before: tuple[Attribute, ...], now: tuple[Attribute, ...]) -> str | None:
    for old in before:
        new = next((attribute for attribute in now if attribute.name == old.name), None)
        if new is None:
            return f"Couldn't find attribute {old.name}:{old.value}"
        if new.type is not old.type:
            return f"Type of attribute '{old.name}' changed from {old.type.name} to {new.type.name}"
        if isinstance(old.value, (Ranges, frozenset)):
            if not old.value <= new.value:  # type: ignore[operator]  # of the same type, as just checked
                return (
                    f"Previous value of {_KINDS[old.type]} attribute '{old.name}' ({old.value}) not included "
                    f"in current {new.value}"
                )
        elif old.value != new.value:
            return (
                f"Value of {_KINDS[old.type]} attribute '{old.name}' changed from {old.value} to {new.value}"
            )
    return None


_KINDS = {
    AttributeType.SCALAR: "scalar",
    AttributeType.RANGES: "ranges",
    AttributeType.SET: "set",
    AttributeType.TEXT: "text",
}


def _set(items: frozenset[str]) -> str:
    return "{" + ", ".join(sorted(items)) + "}"
