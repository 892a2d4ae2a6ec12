"""The master's side of its link to agents: their messages lifted to events, its own lowered to messages.

Messages are libprocess messages with Mesos's names (see ADR 5). The agent's side of the same link is
`meseta.wire.master_link`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from meseta.errors import WireError
from meseta.ids import AgentId, ExecutorId, FrameworkId, Pid, is_uuid
from meseta.master import effects as x
from meseta.master import events as e
from meseta.resources.formats import Format
from meseta.wire.agent_faults import registration_fault
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.lift import (
    agent_capabilities,
    lift_agent,
    lift_operation_status,
    lift_status_update,
    optional,
    text,
)
from meseta.wire.lower import (
    drain_config,
    executor_message,
    framework_message,
    status_message,
    task_bytes,
    task_group_message,
)
from meseta.wire.operations import is_on_resources, lift_resource_operation, with_allocation
from meseta.wire.parsing import parse
from meseta.wire.reregistration import lift_reregistration, request_name
from meseta.wire.resources import fill_resources, lift_resources
from meseta.wire.splice import field, number

# ── from agents ───────────────────────────────────────────────────────────────────────────────────────


def agent_event(name: str, body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent | None:
    """Lift a libprocess message of an agent; None for messages that agents do not send.

    Raises:
        WireError: the body is not the message that its name says.
    """
    lift = AGENT_MESSAGES.get(name)
    return lift(body, sender, principal) if lift is not None else None


def _register(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.RegisterSlaveMessage, body)
    return e.RegistrationRequested(
        sender=sender,
        info=lift_agent(message.slave),
        version=message.version,
        capabilities=frozenset(agent_capabilities(message.agent_capabilities)),
        checkpointed=lift_resources(message.checkpointed_resources).resources,
        resource_version=_uuid(message, "resource_version_uuid"),
        registration=request_name(_uuid(message, "registration_uuid")),
        principal=principal,
        fault=registration_fault(message),
    )


def _unregister(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.UnregisterSlaveMessage, body)
    return e.UnregistrationRequested(sender=sender, agent_id=AgentId(text(message.slave_id.value)))


def _update_agent(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.UpdateSlaveMessage, body)
    revocable = message.update_oversubscribed_resources or bool(message.oversubscribed_resources)
    return e.AgentUpdated(
        sender=sender,
        agent_id=AgentId(text(message.slave_id.value)),
        oversubscribed=lift_resources(message.oversubscribed_resources).resources if revocable else None,
        resource_version=_uuid(message, "resource_version_uuid"),
        operations=_reported(message) if message.HasField("operations") else None,
    )


def _reported(message: i.UpdateSlaveMessage) -> tuple[e.ReportedOperation, ...]:
    return tuple(
        e.ReportedOperation(
            uuid=operation.uuid.value,
            info=lift_resource_operation(operation.info),
            status=lift_operation_status(operation.latest_status),
            framework_id=optional(FrameworkId, operation, "framework_id"),
        )
        for operation in message.operations.operations
        if is_on_resources(operation.info)
    )


def _status_update(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.StatusUpdateMessage, body)
    update = lift_status_update(message.update)
    if update.uuid is not None and not is_uuid(update.uuid):
        raise WireError(f"status update from {sender} with a uuid that is none: {update.uuid.hex()}")
    return e.UpdateReceived(
        sender=sender,
        update=update,
        pid=Pid(message.pid) if is_pid(message.pid) else None,
    )


def _executor_exited(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.ExitedExecutorMessage, body)
    return e.ExecutorExited(
        sender=sender,
        agent_id=AgentId(text(message.slave_id.value)),
        framework_id=FrameworkId(text(message.framework_id.value)),
        executor_id=ExecutorId(text(message.executor_id.value)),
        status=message.status,
    )


def _executor_message(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.ExecutorToFrameworkMessage, body)
    return e.ExecutorMessageReceived(
        sender=sender,
        agent_id=AgentId(text(message.slave_id.value)),
        framework_id=FrameworkId(text(message.framework_id.value)),
        executor_id=ExecutorId(text(message.executor_id.value)),
        data=message.data,
    )


def _operation_update(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.UpdateOperationStatusMessage, body)
    has = message.HasField
    return e.OperationUpdateReceived(
        sender=sender,
        agent_id=optional(AgentId, message, "slave_id"),
        framework_id=optional(FrameworkId, message, "framework_id"),
        operation_uuid=message.operation_uuid.value,
        status=lift_operation_status(message.status),
        latest=lift_operation_status(message.latest_status) if has("latest_status") else None,
    )


def _pong(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    return e.PongReceived(sender=sender)


AGENT_MESSAGES: dict[str, Callable[[bytes, Pid, str | None], e.MasterEvent]] = {
    "mesos.internal.RegisterSlaveMessage": _register,
    "mesos.internal.ReregisterSlaveMessage": lift_reregistration,
    "mesos.internal.UnregisterSlaveMessage": _unregister,
    "mesos.internal.UpdateSlaveMessage": _update_agent,
    "mesos.internal.StatusUpdateMessage": _status_update,
    "mesos.internal.ExitedExecutorMessage": _executor_exited,
    "mesos.internal.ExecutorToFrameworkMessage": _executor_message,
    "mesos.internal.UpdateOperationStatusMessage": _operation_update,
    "mesos.internal.PongSlaveMessage": _pong,
}
"""Messages that agents send to a master, by their names on the wire."""

_PID = re.compile(r"[!\"$&-.0-9:->A-~]+@[A-Za-z0-9._-]+:(\d{1,5})", re.ASCII)


def is_pid(text: str) -> bool:
    """Tell whether `text` is an address of a process, `name@ip:port`, to which a message can be sent."""
    match = _PID.fullmatch(text)
    return match is not None and 0 < int(match[1]) < 65536


def _uuid(message: Any, name: str) -> bytes | None:
    return getattr(message, name).value if message.HasField(name) else None


_NAMED = i.RunTaskMessage(registration_uuid={"value": bytes(16)}).SerializePartialToString()[:-16]
"""What comes before the name of a request, at the end of every message that counts under one."""


# ── to agents ─────────────────────────────────────────────────────────────────────────────────────────


def agent_message_bytes(message: x.AgentMessage, registration: bytes | None = None) -> tuple[str, bytes]:
    """Return the name and body of the libprocess message that says `message`.

    `registration`: the request of the agent that it counts under, if that has a name (16 bytes).
    """
    name, encode = _ENCODERS[type(message)]
    body = encode(message)
    if registration is None or type(message) in x.TIMELESS:
        return name, body
    return name, body + _NAMED + registration


def _registered(message: x.AgentRegistered) -> bytes:
    connection = _connection(message.ping_timeout_s)
    return field(1, field(1, message.agent_id.encode())) + field(2, connection)


def _reregistered(message: x.AgentReregistered) -> bytes:
    parts = [field(1, field(1, message.agent_id.encode()))]
    for tasks in message.reconciliations:
        reconciliation = i.ReconcileTasksMessage()
        reconciliation.framework_id.value = tasks.framework_id
        reconciliation.statuses.extend(status_message(status) for status in tasks.statuses)
        reconciliation.framework.CopyFrom(framework_message(tasks.framework, tasks.framework_id))
        parts.append(field(2, reconciliation.SerializeToString()))
    parts.append(field(3, _connection(message.ping_timeout_s)))
    return b"".join(parts)


@lru_cache(maxsize=16)
def _connection(ping_timeout_s: float) -> bytes:
    """It is nearly always the same."""
    return i.MasterSlaveConnection(total_ping_timeout_seconds=ping_timeout_s).SerializeToString()


def _ping(message: x.Ping) -> bytes:
    return i.PingSlaveMessage(connected=message.connected).SerializeToString()


def _run_task(message: x.RunTask) -> bytes:
    parts = [
        field(2, framework_bytes(message.framework, message.framework_id)),
        field(3, message.framework_pid.encode()),
        field(4, task_bytes(message.task, message.role)),
    ]
    if message.resource_version is not None:
        parts.append(field(5, field(2, field(1, message.resource_version))))
    parts.append(number(6, message.launch_executor))
    return b"".join(parts)


def _run_task_group(message: x.RunTaskGroup) -> bytes:
    body = i.RunTaskGroupMessage(
        framework=framework_message(message.framework, message.framework_id),
        executor=executor_message(message.executor, message.role, message.framework_id),
        task_group=task_group_message(message.group, message.role),
        launch_executor=message.launch_executor,
    )
    if message.resource_version is not None:
        body.resource_version_uuids.add().uuid.value = message.resource_version
    return body.SerializeToString()


def _kill_task(message: x.KillTask) -> bytes:
    body = i.KillTaskMessage()
    body.framework_id.value = message.framework_id
    body.task_id.value = message.task_id
    if message.kill_policy is not None:
        body.kill_policy.MergeFromString(message.kill_policy)
    return body.SerializeToString()


def _shutdown_executor(message: x.ShutdownExecutor) -> bytes:
    body = i.ShutdownExecutorMessage()
    body.framework_id.value = message.framework_id
    body.executor_id.value = message.executor_id
    return body.SerializeToString()


def _shutdown_framework(message: x.ShutdownFramework) -> bytes:
    return field(1, field(1, message.framework_id.encode()))


def _update_framework(message: x.UpdateFramework) -> bytes:
    return b"".join(
        (
            field(1, field(1, message.framework_id.encode())),
            field(2, message.framework_pid.encode()),
            field(3, framework_bytes(message.framework, message.framework_id)),
        )
    )


def _deliver(message: x.DeliverToExecutor) -> bytes:
    body = i.FrameworkToExecutorMessage(data=message.data)
    body.slave_id.value = message.agent_id
    body.framework_id.value = message.framework_id
    body.executor_id.value = message.executor_id
    return body.SerializeToString()


def _acknowledge(message: x.AcknowledgeUpdate) -> bytes:
    return b"".join(
        (
            field(1, field(1, message.agent_id.encode())),
            field(2, field(1, message.framework_id.encode())),
            field(3, field(1, message.task_id.encode())),
            field(4, message.uuid),
        )
    )


def _acknowledge_operation(message: x.AcknowledgeOperation) -> bytes:
    body = i.AcknowledgeOperationStatusMessage()
    body.status_uuid.value = message.status_uuid
    body.operation_uuid.value = message.operation_uuid
    if message.resource_provider_id is not None:
        body.resource_provider_id.value = message.resource_provider_id
    return body.SerializeToString()


def _apply_operation(message: x.ApplyOperation) -> bytes:
    body = i.ApplyOperationMessage(operation_info=with_allocation(message.operation, message.role))
    if message.framework_id is not None:
        body.framework_id.value = message.framework_id
    body.operation_uuid.value = message.operation_uuid
    body.resource_version_uuid.uuid.value = message.resource_version
    return body.SerializeToString()


def _reconcile_operations(message: x.ReconcileOperations) -> bytes:
    body = i.ReconcileOperationsMessage()
    for uuid in message.operation_uuids:
        body.operations.add().operation_uuid.value = uuid
    return body.SerializeToString()


def _checkpoint_resources(message: x.CheckpointResources) -> bytes:
    body = i.CheckpointResourcesMessage()
    fill_resources(body.resources, message.resources, Format.PRE, None)
    return body.SerializeToString()


def _drain(message: x.DrainAgent) -> bytes:
    config = drain_config(message.max_grace_period_s, mark_gone=message.mark_gone)
    return i.DrainSlaveMessage(config=config).SerializeToString()


def _shutdown(message: x.Shutdown) -> bytes:
    return i.ShutdownMessage(message=message.message).SerializeToString()


_ENCODERS: dict[type, tuple[str, Callable[[Any], bytes]]] = {
    x.AgentRegistered: ("mesos.internal.SlaveRegisteredMessage", _registered),
    x.AgentReregistered: ("mesos.internal.SlaveReregisteredMessage", _reregistered),
    x.Ping: ("mesos.internal.PingSlaveMessage", _ping),
    x.RunTask: ("mesos.internal.RunTaskMessage", _run_task),
    x.RunTaskGroup: ("mesos.internal.RunTaskGroupMessage", _run_task_group),
    x.KillTask: ("mesos.internal.KillTaskMessage", _kill_task),
    x.ShutdownExecutor: ("mesos.internal.ShutdownExecutorMessage", _shutdown_executor),
    x.ShutdownFramework: ("mesos.internal.ShutdownFrameworkMessage", _shutdown_framework),
    x.UpdateFramework: ("mesos.internal.UpdateFrameworkMessage", _update_framework),
    x.DeliverToExecutor: ("mesos.internal.FrameworkToExecutorMessage", _deliver),
    x.AcknowledgeUpdate: ("mesos.internal.StatusUpdateAcknowledgementMessage", _acknowledge),
    x.AcknowledgeOperation: ("mesos.internal.AcknowledgeOperationStatusMessage", _acknowledge_operation),
    x.ApplyOperation: ("mesos.internal.ApplyOperationMessage", _apply_operation),
    x.ReconcileOperations: ("mesos.internal.ReconcileOperationsMessage", _reconcile_operations),
    x.CheckpointResources: ("mesos.internal.CheckpointResourcesMessage", _checkpoint_resources),
    x.DrainAgent: ("mesos.internal.DrainSlaveMessage", _drain),
    x.Shutdown: ("mesos.internal.ShutdownMessage", _shutdown),
}


# A framework's description goes into every RunTask and is large and the same each time. The cache is
# keyed by identity, which is safe because the entry keeps its record alive.
_FRAMEWORKS_MAX = 10_000
_frameworks: dict[int, tuple[Any, FrameworkId, bytes]] = {}


def framework_bytes(info: Any, framework_id: FrameworkId) -> bytes:
    """Return the bytes of a v1 FrameworkInfo with its id."""
    known = _frameworks.get(id(info))
    if known is not None and known[0] is info and known[1] == framework_id:
        return known[2]
    encoded = framework_message(info, framework_id).SerializeToString()
    if len(_frameworks) >= _FRAMEWORKS_MAX:
        _frameworks.clear()
    _frameworks[id(info)] = (info, framework_id, encoded)
    return encoded
