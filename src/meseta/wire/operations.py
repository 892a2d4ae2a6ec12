"""What schedulers want done with offers, from the wire to records.

Tasks are completed here as a Mesos master completes them, so that agents get what they would get from one:
executors name their framework, tasks of a group carry the group's executor, health checks their type, and
reservations are written the new way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from google.protobuf.message import Message

from meseta.ids import FrameworkId, OperationId
from meseta.records import (
    ExecutorInfo,
    Launch,
    LaunchGroup,
    Operation,
    OperationType,
    ResourceOperation,
    TaskGroupInfo,
    TaskInfo,
)
from meseta.resources.faults import SCALAR_LIMIT
from meseta.resources.vector import to_milli
from meseta.roles import STAR
from meseta.wire import faults
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_executor, lift_task, optional
from meseta.wire.resources import fill_allocation_role, is_old, lift_resources, renew

# Reading an enumeration's value from a message class is slow, so it is done once.
_LAUNCH, _LAUNCH_GROUP = m.Offer.Operation.LAUNCH, m.Offer.Operation.LAUNCH_GROUP


def lift_operations(
    operations: Sequence[m.Offer.Operation], framework_id: FrameworkId
) -> tuple[Operation, ...]:
    """Lift the operations of a framework, in order. An operation of no known type does nothing.

    The messages are completed in place.
    """
    return tuple(_operation(operation, framework_id) for operation in operations if operation.type)


def _operation(operation: m.Offer.Operation, framework_id: FrameworkId) -> Operation:
    identity = optional(OperationId, operation, "id")
    kind = operation.type
    if kind == _LAUNCH:
        tasks = tuple([lift_lone_task(task, framework_id) for task in operation.launch.task_infos])
        return Launch(tasks=tasks, id=identity)
    if kind == _LAUNCH_GROUP and operation.HasField("launch_group"):
        return _launch_group(operation.launch_group, identity)
    return lift_resource_operation(operation)


def lift_lone_task(task: m.TaskInfo, framework_id: FrameworkId) -> TaskInfo:
    """Lift a task that is in no group; the message is completed in place."""
    if task.HasField("executor") and not task.executor.HasField("framework_id"):
        task.executor.framework_id.value = framework_id
    if task.HasField("health_check"):
        _complete_health_check(task.health_check)
    info = _renewed(task, lift_task(task, with_command=False))
    if not info.container:
        return info
    fault = faults.lone_task_fault(task) if info.contents_fault is None else None
    return info if fault is None else msgspec.structs.replace(info, contents_fault=fault)


def _complete_health_check(check: m.HealthCheck) -> None:
    """Say of which type a check is that old frameworks send without one."""
    if not check.HasField("type") and check.HasField("command") != check.HasField("http"):
        check.type = check.COMMAND if check.HasField("command") else check.HTTP


def _launch_group(launch: m.Offer.Operation.LaunchGroup, identity: OperationId | None) -> LaunchGroup:
    executor = _lift_group_executor(launch.executor)
    tasks = []
    for task in launch.task_group.tasks:
        if not task.HasField("executor"):
            task.executor.CopyFrom(launch.executor)
        info = _renewed(task, lift_task(task, with_command=False))
        fault = info.contents_fault or faults.grouped_task_fault(task)
        tasks.append(info if fault is None else msgspec.structs.replace(info, contents_fault=fault))
    group = TaskGroupInfo(tasks=tuple(tasks), raw=launch.task_group.SerializeToString())
    return LaunchGroup(executor=executor, group=group, id=identity)


def _lift_group_executor(executor: m.ExecutorInfo) -> ExecutorInfo:
    info = lift_executor(executor)
    if any(is_old(resource) for resource in executor.resources) and info.resources_fault is None:
        for resource in executor.resources:
            renew(resource)
        info = lift_executor(executor)
    fault = info.fault or faults.group_executor_fault(executor)
    return info if fault is None else msgspec.structs.replace(info, fault=fault)


def _renewed(task: m.TaskInfo, info: TaskInfo) -> TaskInfo:
    """Lift a task again with its reservations written the new way, if any was written the old way."""
    resources = list(task.resources)
    if info.executor is not None:
        resources += task.executor.resources
    old = [resource for resource in resources if is_old(resource)]
    if not old or info.resources_fault or (info.executor is not None and info.executor.resources_fault):
        return info
    for resource in old:
        renew(resource)
    return lift_task(task, with_command=False)


# Operations on resources ------------------------------------------------------------------------------


def is_on_resources(operation: m.Offer.Operation) -> bool:
    """Tell an operation on resources from launches and from what is not known here."""
    return operation.type not in (m.Offer.Operation.UNKNOWN, _LAUNCH, _LAUNCH_GROUP)


def lift_resource_operation(operation: m.Offer.Operation) -> ResourceOperation:
    """Lift an operation that is no launch. Old reservations are written the new way, in place."""
    kind = OperationType(operation.type)
    identity = optional(OperationId, operation, "id")
    parts = _parts_of(operation)
    if parts is None:
        return ResourceOperation(
            type=kind, id=identity, fault=_lacks(kind), raw=operation.SerializeToString()
        )
    main, source = (lift_resources(messages) for messages in parts)
    fault = main.fault or source.fault or main.roles_fault or source.roles_fault
    if fault is None:
        for resource in (*parts[0], *parts[1]):
            renew(resource)
    return ResourceOperation(
        type=kind,
        id=identity,
        resources=main.resources,
        source=source.resources,
        subtract=_subtract_of(operation),
        role=main.role,
        fault=fault,
        raw=operation.SerializeToString(),
    )


def with_allocation(operation: ResourceOperation, role: str | None) -> m.Offer.Operation:
    """Return the message of an operation, its resources allocated to `role` where they say nothing."""
    message = m.Offer.Operation.FromString(operation.raw)
    parts = _parts_of(message) if role is not None and operation.role is None else None
    for resources in parts or ():
        fill_allocation_role(resources, role or STAR)
    return message


def operation_message(operation: m.Offer.Operation.Type, **contents: Any) -> m.Offer.Operation:
    """Return an operation of a type with the contents of the field that belongs to it."""
    message = m.Offer.Operation(type=operation)
    field = getattr(message, m.Offer.Operation.Type.Name(operation).lower())
    for name, value in contents.items():
        if isinstance(value, Message):
            getattr(field, name).CopyFrom(value)
        else:
            getattr(field, name).extend(value)
    return message


def _parts_of(operation: m.Offer.Operation) -> tuple[Sequence[m.Resource], Sequence[m.Resource]] | None:
    """Return the resources that an operation is about, and those that it names beside them; None: neither."""
    name = m.Offer.Operation.Type.Name(operation.type).lower()
    if not operation.HasField(name):
        return None
    match operation.type:
        case m.Offer.Operation.RESERVE:
            return operation.reserve.resources, operation.reserve.source
        case m.Offer.Operation.UNRESERVE:
            return operation.unreserve.resources, ()
        case m.Offer.Operation.CREATE:
            return operation.create.volumes, ()
        case m.Offer.Operation.DESTROY:
            return operation.destroy.volumes, ()
        case m.Offer.Operation.GROW_VOLUME:
            return (operation.grow_volume.volume,), (operation.grow_volume.addition,)
        case m.Offer.Operation.SHRINK_VOLUME:
            return (operation.shrink_volume.volume,), ()
    return (getattr(operation, name).source,), ()


def _subtract_of(operation: m.Offer.Operation) -> int:
    """Return by how many milli-units a volume is to be made smaller; 0 for what is no number."""
    value = operation.shrink_volume.subtract.value
    return to_milli(value) if abs(value) < SCALAR_LIMIT else 0


def _lacks(kind: OperationType) -> str:
    article = "An" if kind.name[0] in "AEIOU" else "A"
    return (
        f"{article} {kind.name} offer operation must have the Offer.Operation.{kind.name.lower()} field set."
    )
