"""What is wrong with operations on resources, in Mesos's sentences: frameworks show and compare them.

Rules and their order are Mesos's (src/master/validation.cpp, `operation::validate`). What is asked here are
questions to the message and to the agent; that the resources are there is asked when it is applied. With a
framework its resources must be allocated to the role of the offer; an operator's are allocated to nobody.
"""

from __future__ import annotations

from typing import NamedTuple

from meseta.master.state import AgentState, FrameworkState
from meseta.master.views import used_on_agent
from meseta.records import FrameworkCapability, OperationType, ResourceOperation
from meseta.records.conversions import stripped
from meseta.resources import DiskType, Kind, Quantity, Resources
from meseta.resources.describe import kind_text, quantity_text, set_text
from meseta.resources.faults import (
    provider_fault,
    unique_persistence_fault,
    use_fault,
    volume_fault,
)

Fault = str | None


class Asker(NamedTuple):
    """Who wants an operation done: a framework out of an offer to `role`, or an operator without both."""

    principal: str | None
    framework: FrameworkState | None = None
    role: str | None = None


def operation_fault(agent: AgentState, operation: ResourceOperation, asker: Asker) -> Fault:
    """Return the first thing that is wrong with an operation on an agent's resources."""
    match operation.type:
        case OperationType.RESERVE:
            return _reserve_fault(agent, operation, asker)
        case OperationType.UNRESERVE:
            return _unreserve_fault(operation, asker)
        case OperationType.CREATE:
            return _create_fault(agent, operation, asker)
        case OperationType.DESTROY:
            return _destroy_fault(agent, operation)
        case OperationType.GROW_VOLUME:
            return _grow_fault(agent, operation, asker)
        case OperationType.SHRINK_VOLUME:
            return _shrink_fault(agent, operation, asker)
    return "'source' is not managed by a resource provider"


def _resources_fault(resources: Resources) -> Fault:
    """Say why resources cannot be used at all, or not together."""
    fault = use_fault(resources) or provider_fault(resources)
    return None if fault is None else f"Invalid resources: {fault}"


# Reservations -----------------------------------------------------------------------------------------


def _reserve_fault(agent: AgentState, operation: ResourceOperation, asker: Asker) -> Fault:
    resources = operation.resources
    if fault := use_fault(resources):
        return f"Invalid resources: {fault}"
    if operation.source and (fault := _source_fault(operation)):
        return fault
    if fault := provider_fault(resources):
        return f"Invalid resources: {fault}"
    role = _role_of(operation, asker)
    for kind, quantity in resources:
        text = _text(kind, quantity, role)
        if not kind.is_dynamically_reserved:
            return f"Resource {text} is not dynamically reserved"
        if fault := _agent_fault(agent, kind, "Resource", text, "reserved"):
            return fault
        if fault := _reserver_fault(kind, asker) or _allocation_fault(kind, operation, asker):
            return fault
    return None


def _source_fault(operation: ResourceOperation) -> Fault:
    source, target = operation.source, operation.resources
    if fault := use_fault(source):
        return f"Invalid source: {fault}"
    if len({kind.reservations for kind, _ in source}) > 1:
        return f"Invalid source: Mixed reservations are not supported{source}"
    if not target:
        return "Invalid resources: Resource cannot be empty"
    if len({kind.reservations for kind, _ in target}) > 1:
        return f"Invalid resources: Mixed reservations are not supported{target}"
    if source.to_unreserved() != target.to_unreserved():
        return (
            "Source and target resources should refer to identical resource quantities:"
            f" {source.to_unreserved()} vs. {target.to_unreserved()}"
        )
    return None


def _reserver_fault(kind: Kind, asker: Asker) -> Fault:
    principal = kind.reservations[-1].principal
    if asker.principal is None or principal == asker.principal:
        return None
    if principal is None:
        return (
            f"A reserve operation was attempted by principal '{asker.principal}', but there is a"
            " reserved resource in the request with no principal set"
        )
    return (
        f"A reserve operation was attempted by authenticated principal '{asker.principal}', which does not"
        f" match a reserved resource in the request with principal '{principal}'"
    )


def _allocation_fault(kind: Kind, operation: ResourceOperation, asker: Asker) -> Fault:
    if asker.framework is None:
        if operation.role is None:
            return None
        return (
            "A reserve operation was attempted with an allocated resource, but the operator API only allows"
            " reservations to be made to unallocated resources"
        )
    role = _role_of(operation, asker)
    if role != kind.role:
        return (
            f"A reserve operation was attempted for a resource with role '{kind.role}', but the resource was"
            f" allocated to role '{role}'"
        )
    own = asker.framework.info.roles
    if role not in own:
        return (
            f"A reserve operation was attempted for a resource allocated to role '{role}', but the framework"
            f" only has roles '{set_text(own)}'"
        )
    return None


def _unreserve_fault(operation: ResourceOperation, asker: Asker) -> Fault:
    if fault := _resources_fault(operation.resources):
        return fault
    for kind, quantity in operation.resources:
        text = _text(kind, quantity, _role_of(operation, asker))
        if not kind.is_dynamically_reserved:
            return f"Resource {text} is not dynamically reserved"
        if kind.is_persistent_volume:
            return (
                f"A dynamically reserved persistent volume {text} cannot be unreserved directly. Please"
                " destroy the persistent volume first then unreserve the resource"
            )
    return None


# Volumes ----------------------------------------------------------------------------------------------


def _create_fault(agent: AgentState, operation: ResourceOperation, asker: Asker) -> Fault:
    volumes = operation.resources
    if fault := _resources_fault(volumes):
        return fault
    if fault := volume_fault(volumes):
        return f"Not a persistent volume: {fault}"
    if fault := _known_volume_fault(agent, volumes) or unique_persistence_fault(volumes):
        return fault
    role = _role_of(operation, asker)
    for kind, quantity in volumes:
        text = _text(kind, quantity, role)
        if fault := _sharing_fault(kind, text, asker):
            return fault
        if fault := _agent_fault(agent, kind, "Volume", text, "created"):
            return fault
        if fault := _creator_fault(kind, asker):
            return fault
    return None


def _known_volume_fault(agent: AgentState, volumes: Resources) -> Fault:
    known = {(kind.role, _persistence_id(kind)) for kind, _ in agent.total.persistent_volumes()}
    for kind, _ in volumes:
        if (kind.role, _persistence_id(kind)) in known:
            return f"Persistence ID '{_persistence_id(kind)}' is not unique"
    return None


def _persistence_id(kind: Kind) -> str | None:
    return None if kind.disk is None else kind.disk.persistence_id


def _sharing_fault(kind: Kind, text: str, asker: Asker) -> Fault:
    framework = asker.framework
    if framework is None or not kind.shared or framework.info.has(FrameworkCapability.SHARED_RESOURCES):
        return None
    return (
        f"Create volume operation for '{text}' has been attempted by framework '{framework.id}' with no"
        " SHARED_RESOURCES capability"
    )


def _creator_fault(kind: Kind, asker: Asker) -> Fault:
    creator = None if kind.disk is None else kind.disk.principal
    if asker.principal is None or creator == asker.principal:
        return None
    if creator is None:
        return (
            f"Create volume operation attempted by principal '{asker.principal}', but there is a volume in"
            " the operation with no principal set in 'disk.persistence'"
        )
    return (
        f"Create volume operation attempted by authenticated principal '{asker.principal}', which does not"
        f" match a volume in the operation with principal '{creator}' set in 'disk.persistence'"
    )


def _destroy_fault(agent: AgentState, operation: ResourceOperation) -> Fault:
    volumes = operation.resources
    if fault := _resources_fault(volumes):
        return fault
    if fault := volume_fault(volumes):
        return f"Not a persistent volume: {fault}"
    used = used_on_agent(agent)
    parts = [Resources.of([part]) for part in volumes]
    if not all(agent.total.contains(part) for part in parts):
        return "Persistent volumes not found"
    return "Persistent volumes in use" if any(used.contains(part) for part in parts) else None


def _grow_fault(agent: AgentState, operation: ResourceOperation, asker: Asker) -> Fault:
    if not operation.source:
        return "The size of 'GrowVolume.addition' field must be greater than zero"
    fault = _resizing_fault(operation, "Growing", "GrowVolume")
    if fault is not None:
        return fault
    kind, size = next(iter(operation.resources))
    if [added for added, _ in operation.source] != [stripped(kind)]:
        return "Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields"
    if "RESIZE_VOLUME" not in agent.capabilities:
        text = _text(kind, size, _role_of(operation, asker))
        return f"Volume {text} cannot be grown on an agent without RESIZE_VOLUME capability"
    return None


def _shrink_fault(agent: AgentState, operation: ResourceOperation, asker: Asker) -> Fault:
    if operation.subtract <= 0:
        return "Value of 'ShrinkVolume.subtract' must be greater than zero"
    if sum(size for _, size in operation.resources if isinstance(size, int)) <= operation.subtract:
        return "Value of 'ShrinkVolume.subtract' must be smaller than the size of 'ShrinkVolume.volume'"
    disks = [kind.disk for kind, _ in operation.resources if kind.disk is not None]
    if any(disk.source_type is DiskType.MOUNT for disk in disks):
        return "Shrinking a volume on a MOUNT disk is not supported"
    fault = _resizing_fault(operation, "Shrinking", "ShrinkVolume")
    if fault is not None:
        return fault
    kind, size = next(iter(operation.resources))
    if "RESIZE_VOLUME" not in agent.capabilities:
        text = _text(kind, size, _role_of(operation, asker))
        return f"Volume {text} cannot be shrunk on an agent without RESIZE_VOLUME capability"
    return None


def _resizing_fault(operation: ResourceOperation, doing: str, field: str) -> Fault:
    """Say what is no volume of which there can be more or less."""
    if any(kind.provider_id is not None for kind, _ in operation.resources):
        return f"{doing} a volume from a resource provider is not supported"
    fault = volume_fault(operation.resources) or (None if operation.resources else "It is empty")
    if fault is not None:
        return f"Invalid persistent volume in the '{field}.volume' field: {fault}"
    if operation.resources.shared():
        return f"{doing} a shared persistent volume is not supported"
    return None


# Texts ------------------------------------------------------------------------------------------------


def _agent_fault(agent: AgentState, kind: Kind, what: str, text: str, done: str) -> Fault:
    """Say that an agent has no word for a reservation."""
    if "HIERARCHICAL_ROLE" not in agent.capabilities and "/" in kind.role:
        return (
            f"{what} {text} with reservation for hierarchical role '{kind.role}' cannot be {done} on an"
            " agent without HIERARCHICAL_ROLE capability"
        )
    if "RESERVATION_REFINEMENT" not in agent.capabilities and kind.is_refined:
        return (
            f"{what} {text} with reservation refinement cannot be {done} on an agent without"
            " RESERVATION_REFINEMENT capability"
        )
    return None


def _role_of(operation: ResourceOperation, asker: Asker) -> str | None:
    """Return the role that resources are allocated to; where they do not say so, the offer's."""
    return asker.role if operation.role is None else operation.role


def _text(kind: Kind, quantity: Quantity, role: str | None) -> str:
    return f"{kind_text(kind, role)}:{quantity_text(quantity)}"
