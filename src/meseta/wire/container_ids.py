"""Container ids: messages within each other on the wire, `parent.child` as text."""

from __future__ import annotations

from meseta.ids import ContainerId
from meseta.wire.gen import mesos_pb2 as m

NESTED_CONTAINERS_MAX = 32
"""Containers within each other. No other message can contain itself; nobody reads more than 100 within each
other, and answers that hold an id are deeper than the message that it came in."""


def lift_container_id(message: m.ContainerID) -> ContainerId:
    """Return an id as text."""
    names = [message.value]
    while message.HasField("parent"):
        message = message.parent
        names.append(message.value)
    return ContainerId(".".join(reversed(names)))


def fill_container_id(message: m.ContainerID, container_id: ContainerId) -> None:
    """Write an id into an empty message."""
    *parents, message.value = container_id.split(".")
    for name in reversed(parents):
        message = message.parent
        message.value = name


def nesting_fault(message: m.ContainerID) -> str | None:
    """Say that a container is too deep within others, if so."""
    for _ in range(NESTED_CONTAINERS_MAX):
        if not message.HasField("parent"):
            return None
        message = message.parent
    return f"a container may be within at most {NESTED_CONTAINERS_MAX - 1} others"
