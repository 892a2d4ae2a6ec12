"""Frameworks that reserve some of what they are offered, make volumes of it, and undo all of it later."""

from __future__ import annotations

import random

from meseta.records import OperationType, ResourceOperation
from meseta.resources import Disk, Kind, Reservation, Resources
from meseta.roles import STAR

VOLUME_MILLI = 10_000
"""Size of a volume: disk that no task uses."""


def before_use(offered: Resources, role: str, often: float, chance: random.Random) -> list[ResourceOperation]:
    """Return what a framework does with an offer before it launches: undo what is reserved, or reserve."""
    undone = undo(offered)
    if undone or role == STAR or not often or chance.random() >= often:
        return undone
    if offered.unreserved().scalar("disk") < 10 * VOLUME_MILLI:
        return []
    kind = Kind("disk", reservations=(Reservation(role, dynamic=True),))
    disk = Disk(persistence_id=f"v{chance.randrange(1 << 30)}", container_path="data", mode="RW")
    reserved = Resources.of({kind: VOLUME_MILLI})
    made = [ResourceOperation(type=OperationType.RESERVE, resources=reserved)]
    if chance.random() < 0.5:
        volume = Resources.of({kind.replace(disk=disk): VOLUME_MILLI})
        made.append(ResourceOperation(type=OperationType.CREATE, resources=volume))
    return made


def undo(offered: Resources) -> list[ResourceOperation]:
    """Return what makes plain resources of all that is reserved of an offer."""
    volumes = offered.persistent_volumes()
    reserved = offered.reserved().without_volumes()
    undone = []
    if volumes:
        undone.append(ResourceOperation(type=OperationType.DESTROY, resources=volumes))
    if reserved:
        undone.append(ResourceOperation(type=OperationType.UNRESERVE, resources=reserved))
    return undone
