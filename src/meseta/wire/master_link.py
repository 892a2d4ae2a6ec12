"""The agent's side of its link to the master: its messages lowered, the master's lifted to events.

The master's side of the same link is `meseta.wire.agent_link`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from meseta.agent import effects as x
from meseta.agent import events as e
from meseta.errors import WireError
from meseta.ids import NO_PID, AgentId, ExecutorId, FrameworkId, Pid, TaskId, id_fault
from meseta.records import ExecutorInfo, FrameworkCapability, FrameworkInfo, ResourceOperation, TaskRecord
from meseta.resources.formats import Format
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import (
    lift_executor,
    lift_framework,
    lift_status,
    lift_task,
    lift_task_group,
    seconds,
    text,
)
from meseta.wire.lower import (
    executor_message,
    fill_status,
    framework_message,
    internal_agent_message,
    operation_status_message,
    update_message,
)
from meseta.wire.operations import lift_operations
from meseta.wire.parsing import parse
from meseta.wire.resources import fill_resources

# ── from the master ───────────────────────────────────────────────────────────────────────────────────


def master_event(name: str, body: bytes, sender: Pid) -> e.AgentEvent | None:
    """Lift a libprocess message of the master; None for messages that masters do not send.

    Raises:
        WireError: the body is not the message that its name says.
    """
    lift = MASTER_MESSAGES.get(name)
    return lift(body, sender) if lift is not None else None


def _registered(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.SlaveRegisteredMessage, body)
    return e.AgentRegistered(
        sender=sender,
        registration=_registration(message),
        agent_id=AgentId(text(message.slave_id.value)),
        total_ping_timeout_s=_ping_timeout_s(message),
    )


def _reregistered(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.SlaveReregisteredMessage, body)
    return e.AgentReregistered(
        sender=sender,
        registration=_registration(message),
        agent_id=AgentId(text(message.slave_id.value)),
        reconciliations=tuple(
            e.ReconciledTask(
                framework_id=FrameworkId(text(tasks.framework_id.value)),
                tasks=tuple(lift_status(status) for status in tasks.statuses),
                partition_aware=tasks.HasField("framework")
                and lift_framework(tasks.framework).has(FrameworkCapability.PARTITION_AWARE),
            )
            for tasks in message.reconciliations
        ),
        total_ping_timeout_s=_ping_timeout_s(message),
    )


def _registration(message: Any) -> bytes | None:
    return message.registration_uuid.value if message.HasField("registration_uuid") else None


def _ping_timeout_s(message: Any) -> float | None:
    timeout_s: float = message.connection.total_ping_timeout_seconds
    return timeout_s if 0 < timeout_s < math.inf else None


def _ping(body: bytes, sender: Pid) -> e.AgentEvent:
    return e.PingReceived(sender=sender, connected=parse(i.PingSlaveMessage, body).connected)


def _run_task(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.RunTaskMessage, body)
    framework = _framework(message)
    task = lift_task(message.task, with_command=True)
    _refuse_bad_ids(task.task_id)
    if task.executor is not None:
        task = replace(task, executor=_executor_of(framework, task.executor))
    return e.RunTaskReceived(
        sender=sender,
        registration=_registration(message),
        framework=framework,
        task=task,
        framework_pid=_framework_pid(message),
        launch_executor=message.launch_executor if message.HasField("launch_executor") else None,
        resource_version_uuid=_resource_version(message.resource_version_uuids),
    )


def _run_task_group(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.RunTaskGroupMessage, body)
    framework = _framework(message)
    group = lift_task_group(message.task_group, with_command=True)
    _refuse_bad_ids(*(task.task_id for task in group.tasks))
    return e.RunTaskGroupReceived(
        sender=sender,
        registration=_registration(message),
        framework=framework,
        executor=_executor_of(framework, lift_executor(message.executor)),
        group=group,
        launch_executor=message.launch_executor if message.HasField("launch_executor") else None,
        resource_version_uuid=_resource_version(message.resource_version_uuids),
    )


def _framework(message: Any) -> FrameworkInfo:
    info = lift_framework(message.framework)
    if info.id is None:
        raise WireError("a task of a framework without an id")
    _refuse_bad_ids(info.id)
    return info


def _executor_of(framework: FrameworkInfo, executor: ExecutorInfo) -> ExecutorInfo:
    """Return the executor of a framework that may not have said that it is its own."""
    _refuse_bad_ids(executor.executor_id)
    if executor.framework_id not in (None, framework.id):
        raise WireError(f"executor '{executor.executor_id}' is of framework {executor.framework_id}")
    return replace(executor, framework_id=framework.id)


def _refuse_bad_ids(*ids: str) -> None:
    """Ids become names of directories here. Masters check them, but not everyone who can reach the port."""
    for value in ids:
        if fault := id_fault(value):
            raise WireError(f"'{value}' is no id: {fault}")


def _framework_pid(message: Any) -> Pid | None:
    return Pid(message.pid) if message.pid and message.pid != NO_PID else None


def _resource_version(versions: Iterable[i.ResourceVersionUUID]) -> bytes | None:
    own = (version.uuid.value for version in versions if not version.HasField("resource_provider_id"))
    return next(own, None)


def _kill_task(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.KillTaskMessage, body)
    return e.KillTaskReceived(
        sender=sender,
        registration=_registration(message),
        framework_id=FrameworkId(text(message.framework_id.value)),
        task_id=TaskId(text(message.task_id.value)),
        grace_period_s=seconds(message.kill_policy, "grace_period"),
    )


def _shutdown_executor(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.ShutdownExecutorMessage, body)
    return e.ShutdownExecutorReceived(
        sender=sender,
        registration=_registration(message),
        framework_id=FrameworkId(text(message.framework_id.value)),
        executor_id=ExecutorId(text(message.executor_id.value)),
    )


def _shutdown_framework(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.ShutdownFrameworkMessage, body)
    return e.ShutdownFrameworkReceived(
        sender=sender,
        registration=_registration(message),
        framework_id=FrameworkId(text(message.framework_id.value)),
    )


def _update_framework(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.UpdateFrameworkMessage, body)
    framework_id = FrameworkId(text(message.framework_id.value))
    framework = lift_framework(message.framework_info) if message.HasField("framework_info") else None
    if framework is not None:
        if framework.id not in (None, framework_id):
            raise WireError(f"framework {framework_id} is described as {framework.id}")
        framework = replace(framework, id=framework_id)
    return e.FrameworkUpdated(
        sender=sender,
        registration=_registration(message),
        framework_id=framework_id,
        pid=_framework_pid(message),
        framework=framework,
    )


def _message_for_executor(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.FrameworkToExecutorMessage, body)
    return e.MessageForExecutorReceived(
        framework_id=FrameworkId(text(message.framework_id.value)),
        executor_id=ExecutorId(text(message.executor_id.value)),
        data=message.data,
    )


def _update_acknowledged(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.StatusUpdateAcknowledgementMessage, body)
    return e.UpdateAcknowledged(
        sender=sender,
        framework_id=FrameworkId(text(message.framework_id.value)),
        task_id=TaskId(text(message.task_id.value)),
        uuid=message.uuid,
    )


def _operation(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.ApplyOperationMessage, body)
    framework_id = FrameworkId(text(message.framework_id.value))
    operation = next(iter(lift_operations([message.operation_info], framework_id)), None)
    if not isinstance(operation, ResourceOperation):
        raise WireError("an operation that is not on resources")
    version = message.resource_version_uuid
    return e.OperationReceived(
        sender=sender,
        registration=_registration(message),
        operation_uuid=message.operation_uuid.value,
        operation=operation,
        framework_id=framework_id if message.HasField("framework_id") else None,
        resource_version_uuid=version.uuid.value if version.HasField("uuid") else None,
    )


def _operation_acknowledged(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.AcknowledgeOperationStatusMessage, body)
    return e.OperationAcknowledged(
        sender=sender,
        operation_uuid=message.operation_uuid.value,
        status_uuid=message.status_uuid.value,
    )


def _reconcile_operations(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.ReconcileOperationsMessage, body)
    uuids = tuple(operation.operation_uuid.value for operation in message.operations)
    return e.ReconcileOperationsReceived(
        sender=sender, registration=_registration(message), operation_uuids=uuids
    )


def _drain(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.DrainSlaveMessage, body)
    config = message.config
    return e.DrainReceived(
        sender=sender,
        registration=_registration(message),
        max_grace_period_s=seconds(config, "max_grace_period"),
        mark_gone=config.mark_gone,
    )


def _shutdown(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.ShutdownMessage, body)
    return e.ShutdownReceived(sender=sender, registration=_registration(message), message=message.message)


MASTER_MESSAGES: dict[str, Callable[[bytes, Pid], e.AgentEvent]] = {
    "mesos.internal.SlaveRegisteredMessage": _registered,
    "mesos.internal.SlaveReregisteredMessage": _reregistered,
    "mesos.internal.PingSlaveMessage": _ping,
    "mesos.internal.RunTaskMessage": _run_task,
    "mesos.internal.RunTaskGroupMessage": _run_task_group,
    "mesos.internal.KillTaskMessage": _kill_task,
    "mesos.internal.ShutdownExecutorMessage": _shutdown_executor,
    "mesos.internal.ShutdownFrameworkMessage": _shutdown_framework,
    "mesos.internal.UpdateFrameworkMessage": _update_framework,
    "mesos.internal.FrameworkToExecutorMessage": _message_for_executor,
    "mesos.internal.StatusUpdateAcknowledgementMessage": _update_acknowledged,
    "mesos.internal.ApplyOperationMessage": _operation,
    "mesos.internal.AcknowledgeOperationStatusMessage": _operation_acknowledged,
    "mesos.internal.ReconcileOperationsMessage": _reconcile_operations,
    "mesos.internal.DrainSlaveMessage": _drain,
    "mesos.internal.ShutdownMessage": _shutdown,
}
"""Messages that masters (and, with FrameworkToExecutor, drivers) send to an agent, by name."""


# ── to the master ─────────────────────────────────────────────────────────────────────────────────────


def master_message_bytes(message: x.MasterMessage) -> tuple[str, bytes]:
    """Return the name and body of the libprocess message that says `message`."""
    name, encode = _ENCODERS[type(message)]
    return name, encode(message).SerializeToString()


def _register(message: x.Register) -> Any:
    body = i.RegisterSlaveMessage(version=message.version)
    _fill_agent(body, message)
    return body


def _reregister(message: x.Reregister) -> Any:
    body = i.ReregisterSlaveMessage(version=message.version)
    _fill_agent(body, message)
    body.frameworks.extend(framework_message(info) for info in message.frameworks)
    for executor in message.executors:
        assert executor.framework_id is not None, "an agent knows whose executor it runs"
        body.executor_infos.append(
            executor_message(executor, executor.allocation_role, executor.framework_id)
        )
    body.tasks.extend(task_of(report, Format.PRE) for report in message.tasks)
    for info in message.completed_frameworks:
        body.completed_frameworks.add(framework_info=framework_message(info))
    return body


def _fill_agent(body: Any, message: x.Register | x.Reregister) -> None:
    body.slave.CopyFrom(internal_agent_message(message.agent, Format.PRE))
    kinds = m.AgentInfo.Capability
    for name in message.capabilities:
        body.agent_capabilities.add(type=kinds.Type.Value(name))
    fill_resources(body.checkpointed_resources, message.checkpointed_resources, Format.PRE, None)
    body.resource_version_uuid.value = message.resource_version_uuid
    body.registration_uuid.value = message.registration_uuid


def task_of(report: x.TaskReport, format: Format = Format.POST) -> m.Task:
    """Return a task that exists as the wire's `Task`: its state, and what it was asked as.

    Daemons and checkpoints have its resources in the old format, so that older ones can read them.
    """
    body = _task_skeleton(report.record, format)
    info = m.TaskInfo.FromString(report.info.raw)
    for name in ("labels", "discovery", "container", "health_check", "kill_policy"):
        if info.HasField(name):
            getattr(body, name).CopyFrom(getattr(info, name))
    for name, limit in info.limits.items():
        body.limits[name].CopyFrom(limit)
    command = info.command if info.HasField("command") else info.executor.command
    if command.user:
        body.user = command.user
    return body


def _task_skeleton(record: TaskRecord, format: Format) -> m.Task:
    body = m.Task(name=record.name, state=record.state)  # type: ignore[arg-type]
    body.task_id.value = record.task_id
    body.framework_id.value = record.framework_id
    body.agent_id.value = record.agent_id
    if record.executor_id is not None:
        body.executor_id.value = record.executor_id
    fill_resources(body.resources, record.resources, format, record.allocation_role)
    for status in record.statuses:
        fill_status(body.statuses.add(), status)
    if record.status_update_state is not None:
        body.status_update_state = record.status_update_state  # type: ignore[assignment]
    if record.status_update_uuid is not None:
        body.status_update_uuid = record.status_update_uuid
    return body


def _unregister(message: x.Unregister) -> Any:
    return i.UnregisterSlaveMessage(slave_id=m.AgentID(value=message.agent_id))


def _update_agent(message: x.UpdateAgent) -> Any:
    body = i.UpdateSlaveMessage(update_oversubscribed_resources=message.update_oversubscribed)
    body.slave_id.value = message.agent_id
    body.resource_version_uuid.value = message.resource_version_uuid
    fill_resources(body.oversubscribed_resources, message.oversubscribed, Format.POST, None)
    body.operations.SetInParent()
    body.resource_providers.SetInParent()
    body.operations.operations.extend(operation_of(report) for report in message.operations)
    return body


def operation_of(report: x.OperationReport) -> m.Operation:
    """Return an operation that is not settled yet as the wire's `Operation`."""
    body = m.Operation(
        info=m.Offer.Operation.FromString(report.operation.raw),
        latest_status=operation_status_message(report.latest_status),
    )
    body.uuid.value = report.operation_uuid
    body.statuses.extend(operation_status_message(status) for status in report.statuses)
    if report.framework_id is not None:
        body.framework_id.value = report.framework_id
    if report.latest_status.agent_id is not None:
        body.agent_id.value = report.latest_status.agent_id
    return body


def _update_status(message: x.UpdateStatus) -> Any:
    return i.StatusUpdateMessage(update=update_message(message.update), pid=message.pid)


def _operation_update(message: x.OperationUpdate) -> Any:
    body = i.UpdateOperationStatusMessage(
        status=operation_status_message(message.status),
        latest_status=operation_status_message(message.latest_status),
    )
    body.slave_id.value = message.agent_id
    body.operation_uuid.value = message.operation_uuid
    if message.framework_id is not None:
        body.framework_id.value = message.framework_id
    return body


def _executor_exited(message: x.ExecutorExited) -> Any:
    body = i.ExitedExecutorMessage(status=message.status)
    body.slave_id.value = message.agent_id
    body.framework_id.value = message.framework_id
    body.executor_id.value = message.executor_id
    return body


def _deliver(message: x.DeliverToFramework) -> Any:
    body = i.ExecutorToFrameworkMessage(data=message.data)
    body.slave_id.value = message.agent_id
    body.framework_id.value = message.framework_id
    body.executor_id.value = message.executor_id
    return body


def _pong(message: x.Pong) -> Any:
    return i.PongSlaveMessage()


_ENCODERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    x.Register: ("mesos.internal.RegisterSlaveMessage", _register),
    x.Reregister: ("mesos.internal.ReregisterSlaveMessage", _reregister),
    x.Unregister: ("mesos.internal.UnregisterSlaveMessage", _unregister),
    x.UpdateAgent: ("mesos.internal.UpdateSlaveMessage", _update_agent),
    x.UpdateStatus: ("mesos.internal.StatusUpdateMessage", _update_status),
    x.OperationUpdate: ("mesos.internal.UpdateOperationStatusMessage", _operation_update),
    x.ExecutorExited: ("mesos.internal.ExitedExecutorMessage", _executor_exited),
    x.DeliverToFramework: ("mesos.internal.ExecutorToFrameworkMessage", _deliver),
    x.Pong: ("mesos.internal.PongSlaveMessage", _pong),
}
