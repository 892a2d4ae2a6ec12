"""Checkpoints as messages: what an agent writes down, in the messages of Mesos's files, and back.

    slave.info      SlaveInfo                  framework.info   FrameworkInfo
    executor.info   ExecutorInfo               task.info        Task, then TaskInfo …
    task.updates    StatusUpdateRecord …       resources_and_operations.state   ResourceState

Mesos reads the first record of `task.info` and leaves the others alone. They are there because a `Task` does
not say what was to be run, and this agent hosts the executors that know: the `TaskInfo`, and for a task of a
pod the name of the pod as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from msgspec.structs import replace

from meseta.agent import effects as x
from meseta.agent.events import RecoveredDraining, RecoveredOperation
from meseta.errors import WireError
from meseta.ids import FrameworkId
from meseta.records import (
    AgentInfo,
    CommandInfo,
    ContainerStatus,
    ExecutorInfo,
    FrameworkInfo,
    TaskInfo,
    TaskStatus,
)
from meseta.resources import Resources
from meseta.resources.formats import Format
from meseta.wire.container_ids import lift_container_id
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import (
    lift_agent,
    lift_executor,
    lift_framework,
    lift_operation_status,
    lift_status,
    lift_task,
    optional,
    seconds,
)
from meseta.wire.lower import drain_config, framework_message, internal_agent_message, update_message
from meseta.wire.master_link import operation_of, task_of
from meseta.wire.operations import is_on_resources, lift_resource_operation
from meseta.wire.parsing import parse
from meseta.wire.resources import fill_resources, lift_resources


class Updates(NamedTuple):
    """What a `task.updates` file holds."""

    updates: tuple[TaskStatus, ...]
    acknowledged: tuple[bytes, ...]


# ── out ───────────────────────────────────────────────────────────────────────────────────────────────


def checkpoint_records(record: x.CheckpointRecord) -> list[bytes] | str:
    """Return the records to write, unframed, or the whole text of a plain file."""
    if isinstance(record, x.TextCheckpoint):
        return record.text
    return _ENCODERS[type(record)](record)


def _agent(record: x.AgentCheckpoint) -> list[bytes]:
    return [internal_agent_message(record.agent, Format.PRE).SerializeToString()]


def _framework(record: x.FrameworkCheckpoint) -> list[bytes]:
    return [framework_message(record.framework).SerializeToString()]


def _executor(record: x.ExecutorCheckpoint) -> list[bytes]:
    info = record.executor
    message = m.ExecutorInfo.FromString(info.raw) if info.raw else _described_executor(info)
    if info.framework_id is not None:
        message.framework_id.value = info.framework_id
    return [message.SerializeToString()]


def _described_executor(info: ExecutorInfo) -> m.ExecutorInfo:
    """Describe the executor of a command task, which came from nobody."""
    message = m.ExecutorInfo(name=info.name, source=info.source)
    message.executor_id.value = info.executor_id
    message.type = info.type  # type: ignore[assignment]
    fill_resources(message.resources, info.resources, Format.PRE, info.allocation_role)
    _fill_command(message.command, info.command or CommandInfo())
    if info.container:
        message.container.MergeFromString(info.container)
    return message


def _fill_command(message: m.CommandInfo, command: CommandInfo) -> None:
    message.shell = command.shell
    if command.value is not None:
        message.value = command.value
    message.arguments.extend(command.arguments)
    if command.user is not None:
        message.user = command.user


def _task(record: x.TaskCheckpoint) -> list[bytes]:
    group = [] if record.group is None else [record.group.encode()]
    return [task_of(record.report, Format.PRE).SerializeToString(), record.report.info.raw, *group]


def _update(record: x.UpdateCheckpoint) -> list[bytes]:
    message = i.StatusUpdateRecord(type=i.StatusUpdateRecord.ACK)
    if record.update is not None:
        message.type = i.StatusUpdateRecord.UPDATE
        message.update.CopyFrom(update_message(record.update))
    else:
        assert record.acknowledged is not None, "an update or an acknowledgement"
        message.uuid = record.acknowledged
    return [message.SerializeToString()]


def _resources(record: x.ResourcesCheckpoint) -> list[bytes]:
    message = i.ResourceState(operations=[operation_of(report) for report in record.operations])
    fill_resources(message.resources, record.total.checkpointed(), Format.POST, None)
    return [message.SerializeToString()]


def _drain(record: x.DrainCheckpoint) -> list[bytes]:
    return [drain_config(record.max_grace_period_s, mark_gone=record.mark_gone).SerializeToString()]


_ENCODERS: dict[type, Callable[[Any], list[bytes]]] = {
    x.AgentCheckpoint: _agent,
    x.FrameworkCheckpoint: _framework,
    x.ExecutorCheckpoint: _executor,
    x.TaskCheckpoint: _task,
    x.UpdateCheckpoint: _update,
    x.ResourcesCheckpoint: _resources,
    x.DrainCheckpoint: _drain,
}


# ── back ──────────────────────────────────────────────────────────────────────────────────────────────


def read_agent(record: bytes) -> AgentInfo:
    """Return what the agent said of itself. Raises WireError, as all that follow, if it is something else."""
    return lift_agent(parse(i.SlaveInfo, record))


def read_framework(record: bytes) -> FrameworkInfo:
    """Return a framework's description."""
    info = lift_framework(parse(m.FrameworkInfo, record))
    if info.id is None:
        raise WireError("the framework has no id")
    return info


def read_drain(record: bytes) -> RecoveredDraining:
    """Return how the agent is to be emptied."""
    config = parse(m.DrainConfig, record)
    return RecoveredDraining(seconds(config, "max_grace_period"), config.mark_gone)


def read_executor(record: bytes) -> ExecutorInfo:
    """Return an executor's description."""
    return lift_executor(parse(m.ExecutorInfo, record))


def read_task(records: list[bytes]) -> TaskInfo:
    """Return a task as it was asked for; of one that Mesos has written there is less."""
    if len(records) > 1:
        return lift_task(parse(m.TaskInfo, records[1]), with_command=True)
    task = parse(m.Task, records[0])
    info = m.TaskInfo(name=task.name, task_id=task.task_id, agent_id=task.agent_id, resources=task.resources)
    for name in ("labels", "discovery", "container", "health_check", "kill_policy"):
        if task.HasField(name):
            getattr(info, name).CopyFrom(getattr(task, name))
    return lift_task(info, with_command=True)


def read_group(records: list[bytes]) -> str | None:
    """Return the name of the pod that a task came in."""
    return records[2].decode(errors="replace") if len(records) > 2 else None


def read_updates(records: Iterable[bytes]) -> Updates:
    """Return a task's updates, and which of them are acknowledged."""
    updates, acknowledged = [], []
    for record in records:
        message = parse(i.StatusUpdateRecord, record)
        if message.type == i.StatusUpdateRecord.ACK:
            acknowledged.append(message.uuid)
        else:
            updates.append(_status(message.update))
    return Updates(tuple(updates), tuple(acknowledged))


def read_checkpointed_resources(record: bytes) -> Resources:
    """Return the reservations and volumes that operations had made."""
    lifted = lift_resources(parse(i.ResourceState, record).resources)
    if lifted.fault is not None:
        raise WireError(f"the resources cannot be used: {lifted.fault}")
    return lifted.resources


def read_operations(record: bytes) -> tuple[RecoveredOperation, ...]:
    """Return the operations whose ends were not acknowledged."""
    found = []
    for known in parse(i.ResourceState, record).operations:
        status = lift_operation_status(known.latest_status)
        if status.uuid is None or not is_on_resources(known.info):
            continue  # Nobody waits for it: it was not to be told until it is acknowledged.
        found.append(
            RecoveredOperation(
                operation_uuid=known.uuid.value,
                operation=lift_resource_operation(known.info),
                status=status,
                framework_id=optional(FrameworkId, known, "framework_id"),
            )
        )
    return tuple(found)


def _status(update: i.StatusUpdate) -> TaskStatus:
    """Return an update's status, with where the task ran: that names the container of a pod's task."""
    status = lift_status(update.status)
    if status.uuid is None:
        status = replace(status, uuid=update.uuid)
    if not update.status.container_status.HasField("container_id"):
        return status
    where = update.status.container_status
    pid = where.executor_pid if where.HasField("executor_pid") else None
    return replace(
        status,
        container_status=ContainerStatus(
            container_id=lift_container_id(where.container_id),
            executor_pid=pid,
            ip_addresses=tuple(
                address.ip_address for network in where.network_infos for address in network.ip_addresses
            ),
        ),
    )
