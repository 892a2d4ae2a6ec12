"""What schedulers want done with offers, from the wire to records.

Tasks are completed here as a Mesos master completes them, so that agents get what they would get from one:
executors name their framework, tasks of a group carry the group's executor, health checks their type, and
reservations are written the new way.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

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
from meseta.wire import faults
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_executor, lift_task, optional
from meseta.wire.resources import is_old, lift_resources, renew

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
    return ResourceOperation(
        type=OperationType(kind),
        id=identity,
        fault=_resource_operation_fault(operation),
        raw=operation.SerializeToString(),
    )


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


def _resource_operation_fault(operation: m.Offer.Operation) -> str | None:
    kind = m.Offer.Operation.Type.Name(operation.type)
    field = kind.lower()
    if not operation.HasField(field):
        article = "An" if kind[0] in "AEIOU" else "A"
        return f"{article} {kind} offer operation must have the Offer.Operation.{field} field set."
    contents = getattr(operation, field)
    for name in _RESOURCES:
        value = getattr(contents, name, ())
        fault = lift_resources([value] if isinstance(value, m.Resource) else value).fault
        if fault is not None:
            return fault
    return None


_RESOURCES = ("resources", "source", "volumes", "volume", "addition")
"""Fields of the messages of operations that hold resources."""
