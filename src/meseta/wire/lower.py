"""From records back to protobuf messages: start from the bytes that came, then set what records decide.

A record's fields win over those in its `raw`. Nothing is rebuilt that was not changed on the way.
"""

from __future__ import annotations

from meseta.ids import FrameworkId
from meseta.records import (
    AgentInfo,
    Domain,
    ExecutorInfo,
    FrameworkInfo,
    OperationStatus,
    StatusUpdate,
    TaskGroupInfo,
    TaskInfo,
    TaskSource,
    TaskStatus,
    Unavailability,
)
from meseta.resources.formats import Format
from meseta.wire.container_ids import fill_container_id
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lower_attributes import fill_attribute
from meseta.wire.resources import fill_allocation_role, fill_resources

_NS = 1_000_000_000


def drain_config(max_grace_period_s: float | None, *, mark_gone: bool) -> m.DrainConfig:
    """Return how an agent is to be drained."""
    config = m.DrainConfig(mark_gone=mark_gone)
    if max_grace_period_s is not None:
        config.max_grace_period.nanoseconds = nanoseconds(max_grace_period_s)
    return config


def nanoseconds(seconds: float) -> int:
    """Return a time in 64-bit nanoseconds; a peer's largest one, rounded to a float, is beyond them."""
    return max(-(1 << 63), min(round(seconds * _NS), (1 << 63) - 1))


def status_message(status: TaskStatus) -> m.TaskStatus:
    """Return a v1 TaskStatus."""
    message = m.TaskStatus()
    fill_status(message, status)
    return message


def fill_status(message: m.TaskStatus, status: TaskStatus) -> None:
    """Write `status` into an empty message; what the record does not say is not said."""
    if status.raw:
        message.MergeFromString(status.raw)
        if status.source is TaskSource.SOURCE_MASTER:
            _forget_sender(message)
    message.task_id.value = status.task_id
    message.state = status.state  # type: ignore[assignment]
    if status.data is not None:
        message.data = status.data
    _set_or_clear(message, "message", status.message)
    _set_or_clear(message, "source", status.source)
    _set_or_clear(message, "reason", status.reason)
    _set_or_clear(message, "timestamp", status.timestamp)
    _set_or_clear(message, "healthy", status.healthy)
    _set_or_clear(message, "uuid", status.uuid)
    _set_or_clear_id(message, "agent_id", status.agent_id)
    _set_or_clear_id(message, "executor_id", status.executor_id)
    if status.unreachable_time is not None:
        message.unreachable_time.nanoseconds = nanoseconds(status.unreachable_time)
    else:
        message.ClearField("unreachable_time")
    if status.container_status is not None:
        _fill_container_status(message.container_status, status)
    if status.limitation is not None:
        message.ClearField("limitation")
        fill_resources(message.limitation.resources, status.limitation, Format.PRE, None)


def _forget_sender(message: m.TaskStatus) -> None:
    """Keep what stays true of a task when the master repeats it: its health, its checks, its container."""
    for name in ("data", "labels", "limitation"):
        message.ClearField(name)


def _fill_container_status(message: m.ContainerStatus, status: TaskStatus) -> None:
    """Add what the agent knows of the container to what the executor said of it."""
    known = status.container_status
    assert known is not None, "asked for only with a container status"
    if not message.HasField("container_id"):
        fill_container_id(message.container_id, known.container_id)
    if known.executor_pid is not None and not message.HasField("executor_pid"):
        message.executor_pid = known.executor_pid
    if known.ip_addresses and not message.network_infos:
        network = message.network_infos.add()
        for address in known.ip_addresses:
            network.ip_addresses.add(ip_address=address)


def _set_or_clear(message: m.TaskStatus, field: str, value: object) -> None:
    if value is not None:
        setattr(message, field, value)
    elif message.HasField(field):
        message.ClearField(field)


def _set_or_clear_id(message: m.TaskStatus, field: str, value: str | None) -> None:
    if value is not None:
        getattr(message, field).value = value
    elif message.HasField(field):
        message.ClearField(field)


def update_message(update: StatusUpdate) -> i.StatusUpdate:
    """Return a StatusUpdate as it travels between daemons."""
    message = i.StatusUpdate(timestamp=update.timestamp)
    message.framework_id.value = update.framework_id
    fill_status(message.status, update.status)
    if update.executor_id is not None:
        message.executor_id.value = update.executor_id
    if update.agent_id is not None:
        message.slave_id.value = update.agent_id
    if update.uuid is not None:
        message.uuid = update.uuid
    if update.latest_state is not None:
        message.latest_state = update.latest_state  # type: ignore[assignment]
    return message


def framework_message(info: FrameworkInfo, framework_id: FrameworkId | None = None) -> m.FrameworkInfo:
    """Return a v1 FrameworkInfo with what the master has settled: its id, and what may never change."""
    message = m.FrameworkInfo.FromString(info.raw)
    identity = framework_id or info.id
    if identity is not None:
        message.id.value = identity
    message.user, message.name = info.user, info.name
    if message.checkpoint != info.checkpoint:
        message.checkpoint = info.checkpoint
    if info.principal is not None:
        message.principal = info.principal
    return message


def agent_message(info: AgentInfo) -> m.AgentInfo:
    """Return a v1 AgentInfo with the id that the master gave it."""
    message = m.AgentInfo.FromString(info.raw)
    if not info.raw:
        _describe_agent(message, info, Format.POST)
    if info.id is not None:
        message.id.value = info.id
    return message


def internal_agent_message(info: AgentInfo, format: Format = Format.POST) -> i.SlaveInfo:
    """Return what daemons call SlaveInfo: an AgentInfo that says that it checkpoints.

    `format` is that of the resources of an agent that describes itself, and so has no `raw` yet.
    """
    message = i.SlaveInfo.FromString(info.raw)
    if not info.raw:
        _describe_agent(message, info, format)
    message.checkpoint = True
    if info.id is not None:
        message.id.value = info.id
    return message


def _describe_agent(message: m.AgentInfo | i.SlaveInfo, info: AgentInfo, format: Format) -> None:
    message.hostname = info.hostname
    message.port = info.port
    fill_resources(message.resources, info.resources, format, None)
    for attribute in info.attributes:
        fill_attribute(message.attributes.add(), attribute)
    if info.domain is not None:
        fill_domain(message.domain, info.domain)


def task_message(task: TaskInfo, role: str) -> m.TaskInfo:
    """Return a v1 TaskInfo in which every resource says that it is allocated to `role`."""
    message = m.TaskInfo.FromString(task.raw)
    fill_allocation_role(message.resources, role)
    if message.HasField("executor"):
        fill_allocation_role(message.executor.resources, role)
    return message


def task_bytes(task: TaskInfo, role: str) -> bytes:
    """Return the bytes of `task_message`; those that came, if nothing is to be filled in."""
    executor = task.executor
    if task.allocation_role is not None and (executor is None or _says_its_role(executor)):
        return task.raw
    return task_message(task, role).SerializeToString()


def _says_its_role(executor: ExecutorInfo) -> bool:
    return executor.allocation_role is not None or not executor.resources


def executor_message(executor: ExecutorInfo, role: str | None, framework_id: FrameworkId) -> m.ExecutorInfo:
    """Return a v1 ExecutorInfo that names its framework and (if given) the role of its resources."""
    message = m.ExecutorInfo.FromString(executor.raw)
    message.framework_id.value = framework_id
    if role is not None:
        fill_allocation_role(message.resources, role)
    return message


def task_group_message(group: TaskGroupInfo, role: str) -> m.TaskGroupInfo:
    """Return a v1 TaskGroupInfo in which every resource says that it is allocated to `role`."""
    message = m.TaskGroupInfo.FromString(group.raw)
    for task in message.tasks:
        fill_allocation_role(task.resources, role)
        if task.HasField("executor"):
            fill_allocation_role(task.executor.resources, role)
    return message


def fill_domain(message: m.DomainInfo, domain: Domain) -> None:
    """Write a fault domain into an empty message."""
    message.fault_domain.region.name = domain.region
    message.fault_domain.zone.name = domain.zone


def fill_unavailability(message: m.Unavailability, window: Unavailability) -> None:
    """Write a maintenance window into an empty message."""
    message.start.nanoseconds = window.start_ns
    if window.duration_ns is not None:
        message.duration.nanoseconds = window.duration_ns


def operation_status_message(status: OperationStatus) -> m.OperationStatus:
    """Return a v1 OperationStatus."""
    message = m.OperationStatus.FromString(status.raw) if status.raw else m.OperationStatus()
    message.state = status.state  # type: ignore[assignment]
    if status.operation_id is not None:
        message.operation_id.value = status.operation_id
    if status.agent_id is not None:
        message.agent_id.value = status.agent_id
    if status.message is not None:
        message.message = status.message
    if status.uuid is not None:
        message.uuid.value = status.uuid
    else:
        message.ClearField("uuid")
    return message
