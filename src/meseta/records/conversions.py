"""What operations on resources take, and what they make of it.

All of them are the same step, "put this in the place of that", on the master's running copy of an offer, in
its and the allocator's books, and on the agent's total:

    operation        consumed                        converted
    RESERVE          the source, or the resources    the resources
                     without their last reservation
    UNRESERVE        the resources                   the same without their last reservation
    CREATE           the disk of the volumes         the volumes
    DESTROY          the volumes                     the disk of the volumes
    GROW_VOLUME      the volume and the addition     one volume of both
    SHRINK_VOLUME    the volume                      a smaller one, and disk
"""

from __future__ import annotations

from typing import NamedTuple

from meseta.records.operations import OperationType, ResourceOperation
from meseta.resources import Kind, Quantity, Resources

RESIZING = frozenset({OperationType.GROW_VOLUME, OperationType.SHRINK_VOLUME})


class Conversion(NamedTuple):
    """`consumed` goes, `converted` comes in its place."""

    consumed: Resources
    converted: Resources


def conversion_of(operation: ResourceOperation) -> Conversion | str:
    """Return what an operation does, or why that cannot be said; that it is allowed is asked elsewhere."""
    if operation.fault is not None:
        return operation.fault
    match operation.type:
        case OperationType.RESERVE:
            return _reserve(operation)
        case OperationType.UNRESERVE:
            fault = _unreserved_fault(operation.resources)
            return fault or Conversion(operation.resources, operation.resources.pop_reservation())
        case OperationType.CREATE | OperationType.DESTROY:
            return _volumes(operation)
        case OperationType.GROW_VOLUME | OperationType.SHRINK_VOLUME:
            return _resize(operation)
    return f"{operation.type.name} needs a resource provider, and there is none"


def stripped(volume: Kind) -> Kind:
    """Return the kind of the disk that a persistent volume was made of."""
    disk = None if volume.disk is None else volume.disk.without_volume()
    return volume.replace(disk=disk, shared=False)


def _reserve(operation: ResourceOperation) -> Conversion | str:
    fault = _unreserved_fault(operation.resources)
    if fault is not None:
        return fault
    consumed = operation.source or operation.resources.pop_reservation()
    if consumed.to_unreserved() != operation.resources.to_unreserved():
        return f"{consumed} and {operation.resources} are different amounts"
    return Conversion(consumed, operation.resources)


def _unreserved_fault(resources: Resources) -> str | None:
    for kind, _ in resources:
        if not kind.is_dynamically_reserved:
            return f"{resources} is not dynamically reserved"
    return None


def _volumes(operation: ResourceOperation) -> Conversion | str:
    volumes = operation.resources
    if volumes.persistent_volumes() != volumes:
        return f"{volumes} is not all persistent volumes"
    if operation.type is OperationType.CREATE:
        return Conversion(volumes.without_volumes(), volumes)
    return Conversion(volumes, volumes.without_volumes())


def _resize(operation: ResourceOperation) -> Conversion | str:
    parts = list(operation.resources)
    if len(parts) != 1 or not parts[0][0].is_persistent_volume:
        return f"{operation.resources} is not one persistent volume"
    kind, size = parts[0]
    if not isinstance(size, int):
        return f"{operation.resources} is not measured by a number"
    if operation.type is OperationType.SHRINK_VOLUME:
        if not 0 < operation.subtract < size:
            return f"{operation.resources} cannot be made smaller by {operation.subtract / 1000:g}"
        rest: list[tuple[Kind, Quantity]] = [
            (kind, size - operation.subtract),
            (stripped(kind), operation.subtract),
        ]
        return Conversion(operation.resources, Resources.of(rest))
    added = list(operation.source)
    if len(added) != 1 or added[0][0] is not stripped(kind):
        return f"{operation.source} cannot be added to {operation.resources}"
    more = added[0][1]
    assert isinstance(more, int), "of one kind with the volume"
    return Conversion(operation.resources + operation.source, Resources.of([(kind, size + more)]))
