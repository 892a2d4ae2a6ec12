"""Between an agent and its executors: v1 calls and events over HTTP, v0 messages over libprocess."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.agent import effects as x
from meseta.agent import events as e
from meseta.ids import NO_PID, ExecutorId, FrameworkId, Pid, is_uuid
from meseta.records import TaskInfo
from meseta.wire import faults, json
from meseta.wire.container_ids import fill_container_id
from meseta.wire.gen import executor_pb2 as v1
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_status, lift_task, text
from meseta.wire.lower import (
    agent_message,
    executor_message,
    framework_message,
    internal_agent_message,
    nanoseconds,
)
from meseta.wire.parsing import parse

# ── v1 calls ──────────────────────────────────────────────────────────────────────────────────────────


def call_fault(call: v1.Call) -> str | None:
    """Say what is structurally wrong with a call, in Mesos's words and order, if anything.

    Source of the rules: src/common/validation.cpp, executor::call::validate.
    """
    if not call.HasField("type"):
        return "Expecting 'type' to be present"
    if not call.HasField("executor_id"):
        return "Expecting 'executor_id' to be present"
    if not call.HasField("framework_id"):
        return "Expecting 'framework_id' to be present"
    field = v1.Call.Type.Name(call.type).lower()
    if field in ("subscribe", "update", "message") and not call.HasField(field):
        return f"Expecting '{field}' to be present"
    return _update_fault(call) if call.type == v1.Call.UPDATE else None


def _update_fault(call: v1.Call) -> str | None:
    status = call.update.status
    sender = f"{call.executor_id.value} of framework {call.framework_id.value}"
    if not status.HasField("uuid"):
        return "Expecting 'uuid' to be present"
    if not is_uuid(status.uuid):
        return "Not a valid UUID"
    if status.HasField("executor_id") and status.executor_id.value != call.executor_id.value:
        return (
            f"ExecutorID in Call: {call.executor_id.value} does not match ExecutorID in TaskStatus: "
            f"{status.executor_id.value}"
        )
    if status.source != m.TaskStatus.SOURCE_EXECUTOR or not status.HasField("source"):
        return f"Received Call from executor {sender} with invalid source, expecting 'SOURCE_EXECUTOR'"
    if status.state == m.TASK_STAGING:
        return f"Received TASK_STAGING from executor {sender} which is not allowed"
    if status.HasField("check_status"):
        return faults.first(_check_status_fault(status.check_status))
    return None


def _check_status_fault(status: m.CheckStatusInfo) -> str | None:
    if not status.HasField("type"):
        return "CheckStatusInfo must specify 'type'"
    kind = m.CheckInfo.Type.Name(status.type)
    if kind not in ("COMMAND", "HTTP", "TCP"):
        return f"'{kind}' is not a valid check's status type"
    has = status.HasField(kind.lower())
    return None if has else f"Expecting '{kind.lower()}' to be set for {kind} check's status"


def subscription(call: v1.Call, stream: int) -> e.ExecutorSubscribed:
    """Lift SUBSCRIBE."""
    subscribe = call.subscribe
    return e.ExecutorSubscribed(
        stream=stream,
        framework_id=FrameworkId(text(call.framework_id.value)),
        executor_id=ExecutorId(text(call.executor_id.value)),
        unacknowledged_tasks=_tasks(subscribe.unacknowledged_tasks),
        unacknowledged_updates=tuple(
            e.UnacknowledgedUpdate(lift_status(update.status)) for update in subscribe.unacknowledged_updates
        ),
    )


def call_event(call: v1.Call) -> e.AgentEvent | None:
    """Lift UPDATE or MESSAGE; None for calls that ask for nothing."""
    framework_id = FrameworkId(text(call.framework_id.value))
    executor_id = ExecutorId(text(call.executor_id.value))
    if call.type == v1.Call.UPDATE:
        status = lift_status(call.update.status)
        return e.ExecutorUpdated(framework_id=framework_id, executor_id=executor_id, status=status)
    if call.type == v1.Call.MESSAGE:
        return e.MessageForFrameworkReceived(
            framework_id=framework_id, executor_id=executor_id, data=call.message.data
        )
    return None


def _tasks(tasks: Any) -> tuple[TaskInfo, ...]:
    return tuple(lift_task(task, with_command=True) for task in tasks)


# ── v1 events ─────────────────────────────────────────────────────────────────────────────────────────


def event_bytes(message: x.ExecutorMessage, *, as_json: bool) -> bytes | None:
    """Return a v1 event without its RecordIO frame; None for what only v0 executors are told."""
    event = v1_event(message)
    if event is None:
        return None
    return json.to_json(event) if as_json else event.SerializeToString()


def v1_event(message: x.ExecutorMessage) -> v1.Event | None:
    """Return a v1 event; None for what only v0 executors are told."""
    fill = _V1.get(type(message))
    if fill is None:
        return None
    event = v1.Event()
    fill(event, message)
    return event


def heartbeat_bytes(*, as_json: bool) -> bytes:
    """Return the event that keeps a stream alive, without its frame."""
    event = v1.Event(type=v1.Event.HEARTBEAT)
    return json.to_json(event) if as_json else event.SerializeToString()


def _subscribed(event: v1.Event, message: x.Subscribed) -> None:
    event.type = v1.Event.SUBSCRIBED
    subscribed = event.subscribed
    subscribed.executor_info.CopyFrom(_executor(message))
    subscribed.framework_info.CopyFrom(framework_message(message.framework))
    subscribed.agent_info.CopyFrom(agent_message(message.agent))
    fill_container_id(subscribed.container_id, message.container_id)


def _executor(message: x.Subscribed) -> m.ExecutorInfo:
    framework_id = message.framework.id
    assert framework_id is not None, "an agent knows its frameworks by id"
    return executor_message(message.executor, message.executor.allocation_role, framework_id)


def _launch(event: v1.Event, message: x.LaunchTask) -> None:
    event.type = v1.Event.LAUNCH
    event.launch.task.MergeFromString(message.task.raw)


def _launch_group(event: v1.Event, message: x.LaunchTaskGroup) -> None:
    event.type = v1.Event.LAUNCH_GROUP
    event.launch_group.task_group.MergeFromString(message.group.raw)


def _kill(event: v1.Event, message: x.KillTask) -> None:
    event.type = v1.Event.KILL
    event.kill.task_id.value = message.task_id
    if message.grace_period_s is not None:
        event.kill.kill_policy.grace_period.nanoseconds = nanoseconds(message.grace_period_s)


def _acknowledged(event: v1.Event, message: x.Acknowledged) -> None:
    event.type = v1.Event.ACKNOWLEDGED
    event.acknowledged.task_id.value = message.task_id
    event.acknowledged.uuid = message.uuid


def _message(event: v1.Event, message: x.Message) -> None:
    event.type = v1.Event.MESSAGE
    event.message.data = message.data


def _shutdown(event: v1.Event, message: x.Shutdown) -> None:
    event.type = v1.Event.SHUTDOWN


def _error(event: v1.Event, message: x.ErrorEvent) -> None:
    event.type = v1.Event.ERROR
    event.error.message = message.message


_V1: dict[type, Callable[[v1.Event, Any], None]] = {
    x.Subscribed: _subscribed,
    x.LaunchTask: _launch,
    x.LaunchTaskGroup: _launch_group,
    x.KillTask: _kill,
    x.Acknowledged: _acknowledged,
    x.Message: _message,
    x.Shutdown: _shutdown,
    x.ErrorEvent: _error,
}


# ── v0 messages of executors ──────────────────────────────────────────────────────────────────────────


def executor_event(name: str, body: bytes, sender: Pid) -> e.AgentEvent | None:
    """Lift a libprocess message of an executor; None for messages that executors do not send.

    Raises:
        WireError: the body is not the message that its name says.
    """
    lift = EXECUTOR_MESSAGES.get(name)
    return lift(body, sender) if lift is not None else None


def _register(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.RegisterExecutorMessage, body)
    return e.ExecutorRegistered(
        pid=sender,
        framework_id=FrameworkId(text(message.framework_id.value)),
        executor_id=ExecutorId(text(message.executor_id.value)),
    )


def _reregister(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.ReregisterExecutorMessage, body)
    return e.ExecutorReregistered(
        pid=sender,
        framework_id=FrameworkId(text(message.framework_id.value)),
        executor_id=ExecutorId(text(message.executor_id.value)),
        unacknowledged_tasks=_tasks(message.tasks),
        unacknowledged_updates=tuple(
            e.UnacknowledgedUpdate(lift_status(update.status)) for update in message.updates
        ),
    )


def _status_update(body: bytes, sender: Pid) -> e.AgentEvent:
    update = parse(i.StatusUpdateMessage, body).update
    status = update.status
    if update.HasField("uuid") and not status.HasField("uuid"):
        status.uuid = update.uuid
    return e.ExecutorUpdated(
        framework_id=FrameworkId(text(update.framework_id.value)),
        executor_id=ExecutorId(text(update.executor_id.value)),
        status=lift_status(status),
        peer=sender,
    )


def _framework_message(body: bytes, sender: Pid) -> e.AgentEvent:
    message = parse(i.ExecutorToFrameworkMessage, body)
    return e.MessageForFrameworkReceived(
        framework_id=FrameworkId(text(message.framework_id.value)),
        executor_id=ExecutorId(text(message.executor_id.value)),
        data=message.data,
    )


EXECUTOR_MESSAGES: dict[str, Callable[[bytes, Pid], e.AgentEvent]] = {
    "mesos.internal.RegisterExecutorMessage": _register,
    "mesos.internal.ReregisterExecutorMessage": _reregister,
    "mesos.internal.StatusUpdateMessage": _status_update,
    "mesos.internal.ExecutorToFrameworkMessage": _framework_message,
}
"""Messages that executors send to their agent, by their names on the wire."""


# ── v0 messages to executors ──────────────────────────────────────────────────────────────────────────


def executor_message_bytes(message: x.ExecutorMessage) -> tuple[str, bytes] | None:
    """Return name and body of the libprocess message for an executor; None if there is none for this."""
    entry = _V0.get(type(message))
    if entry is None:
        return None
    name, encode = entry
    return name, encode(message).SerializeToString()


def _v0_registered(message: x.Subscribed) -> Any:
    framework_id, agent_id = message.framework.id, message.agent.id
    assert framework_id is not None, "an agent knows its frameworks by id"
    assert agent_id is not None, "an agent that runs something has an id"
    body = i.ExecutorRegisteredMessage(
        executor_info=_executor(message),
        framework_info=framework_message(message.framework),
        slave_info=internal_agent_message(message.agent),
    )
    body.framework_id.value = framework_id
    body.slave_id.value = agent_id
    return body


def _v0_reregistered(message: x.Resubscribed) -> Any:
    assert message.agent.id is not None, "an agent that has recovered has an id"
    body = i.ExecutorReregisteredMessage(slave_info=internal_agent_message(message.agent))
    body.slave_id.value = message.agent.id
    return body


def _v0_reconnect(message: x.Reconnect) -> Any:
    return i.ReconnectExecutorMessage(slave_id=m.AgentID(value=message.agent_id))


def _v0_run_task(message: x.LaunchTask) -> Any:
    return i.RunTaskMessage(
        framework=framework_message(message.framework),
        task=m.TaskInfo.FromString(message.task.raw),
        pid=message.framework_pid or NO_PID,
    )


def _v0_kill_task(message: x.KillTask) -> Any:
    body = i.KillTaskMessage()
    body.framework_id.value = message.framework_id
    body.task_id.value = message.task_id
    if message.grace_period_s is not None:
        body.kill_policy.grace_period.nanoseconds = nanoseconds(message.grace_period_s)
    return body


def _v0_acknowledgement(message: x.Acknowledged) -> Any:
    body = i.StatusUpdateAcknowledgementMessage(uuid=message.uuid)
    body.slave_id.value = message.agent_id
    body.framework_id.value = message.framework_id
    body.task_id.value = message.task_id
    return body


def _v0_message(message: x.Message) -> Any:
    body = i.FrameworkToExecutorMessage(data=message.data)
    body.slave_id.value = message.agent_id
    body.framework_id.value = message.framework_id
    body.executor_id.value = message.executor_id
    return body


def _v0_shutdown(message: x.Shutdown) -> Any:
    return i.ShutdownExecutorMessage()


_V0: dict[type, tuple[str, Callable[[Any], Any]]] = {
    x.Subscribed: ("mesos.internal.ExecutorRegisteredMessage", _v0_registered),
    x.Resubscribed: ("mesos.internal.ExecutorReregisteredMessage", _v0_reregistered),
    x.Reconnect: ("mesos.internal.ReconnectExecutorMessage", _v0_reconnect),
    x.LaunchTask: ("mesos.internal.RunTaskMessage", _v0_run_task),
    x.KillTask: ("mesos.internal.KillTaskMessage", _v0_kill_task),
    x.Acknowledged: ("mesos.internal.StatusUpdateAcknowledgementMessage", _v0_acknowledgement),
    x.Message: ("mesos.internal.FrameworkToExecutorMessage", _v0_message),
    x.Shutdown: ("mesos.internal.ShutdownExecutorMessage", _v0_shutdown),
}
