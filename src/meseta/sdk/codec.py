"""Between the sessions and the wire: protobuf messages of the scheduler and executor APIs.

The sessions look at a few fields only; everything else of an event passes through them as it came.
"""

from __future__ import annotations

from google.protobuf.message import Message

from meseta.ids import AgentId, FrameworkId, TaskId
from meseta.sdk import events, executor_events
from meseta.sdk.faults import SdkError
from meseta.wire.gen import executor_pb2, mesos_pb2, scheduler_pb2
from meseta.wire.missing import missing_fields
from meseta.wire.parsing import parse

SchedulerCall = scheduler_pb2.Call
SchedulerEvent = scheduler_pb2.Event
ExecutorCall = executor_pb2.Call
ExecutorEvent = executor_pb2.Event

DEFAULT_HEARTBEAT_S = 15.0


def check_complete(message: Message, what: str) -> None:
    """Raises SdkError for a message that lacks required fields; `what` is to say what it is."""
    missing = missing_fields(message)
    if missing:
        raise SdkError(f"{what} cannot be sent: it is missing required fields: {missing}")


def subscribe_call(info: mesos_pb2.FrameworkInfo, effect: events.OpenStream) -> SchedulerCall:
    """Return the call that opens a framework's stream."""
    call = SchedulerCall(type=SchedulerCall.SUBSCRIBE)
    call.subscribe.framework_info.CopyFrom(info)
    call.subscribe.suppressed_roles.extend(effect.suppressed_roles)
    if effect.framework_id is not None:
        call.framework_id.value = effect.framework_id
        call.subscribe.framework_info.id.value = effect.framework_id
    return call


def scheduler_call(effect: events.SendCall) -> SchedulerCall:
    """Return the message of a call: one of the session's own, or the application's."""
    call = SchedulerCall()
    match effect.call:
        case events.Acknowledge(token=token):
            call.type = SchedulerCall.ACKNOWLEDGE
            call.acknowledge.agent_id.value = token.agent_id
            call.acknowledge.task_id.value = token.task_id
            call.acknowledge.uuid = token.uuid
        case events.Suppress(roles=roles):
            call.type = SchedulerCall.SUPPRESS
            call.suppress.roles.extend(roles)
        case events.Revive(roles=roles):
            call.type = SchedulerCall.REVIVE
            call.revive.roles.extend(roles)
        case events.Teardown():
            call.type = SchedulerCall.TEARDOWN
        case message:
            call.CopyFrom(message)
    call.framework_id.value = effect.framework_id
    return call


def scheduler_event(record: bytes, attempt: int) -> events.Event:
    """Lift one record of a framework's stream. Raises WireError if it is no event."""
    event: SchedulerEvent = parse(SchedulerEvent, record)
    match event.type:
        case SchedulerEvent.SUBSCRIBED:
            return events.Subscribed(
                attempt=attempt,
                framework_id=FrameworkId(event.subscribed.framework_id.value),
                heartbeat_interval_s=event.subscribed.heartbeat_interval_seconds or DEFAULT_HEARTBEAT_S,
                payload=event,
            )
        case SchedulerEvent.HEARTBEAT:
            return events.HeartbeatArrived(attempt=attempt)
        case SchedulerEvent.ERROR:
            return events.ErrorArrived(attempt=attempt, message=event.error.message)
        case SchedulerEvent.UPDATE if event.update.status.uuid:
            return events.UpdateArrived(attempt=attempt, token=token_of(event.update.status), payload=event)
    return events.EventArrived(attempt=attempt, payload=event)


def token_of(status: mesos_pb2.TaskStatus) -> events.Token:
    """Return what an acknowledgement of the status says."""
    return events.Token(
        agent_id=AgentId(status.agent_id.value), task_id=TaskId(status.task_id.value), uuid=status.uuid
    )


def executor_event(record: bytes, attempt: int) -> executor_events.Event:
    """Lift one record of an executor's stream. Raises WireError if it is no event."""
    event: ExecutorEvent = parse(ExecutorEvent, record)
    match event.type:
        case ExecutorEvent.SUBSCRIBED:
            return executor_events.Subscribed(attempt=attempt, payload=event)
        case ExecutorEvent.HEARTBEAT:
            return executor_events.HeartbeatArrived(attempt=attempt)
        case ExecutorEvent.ERROR:
            return executor_events.ErrorArrived(attempt=attempt, message=event.error.message)
        case ExecutorEvent.LAUNCH | ExecutorEvent.LAUNCH_GROUP:
            launched = tuple((TaskId(info.task_id.value), info) for info in launched_tasks(event))
            return executor_events.TasksLaunched(attempt=attempt, tasks=launched, payload=event)
        case ExecutorEvent.ACKNOWLEDGED:
            return executor_events.UpdateAcknowledged(
                attempt=attempt,
                task_id=TaskId(event.acknowledged.task_id.value),
                uuid=event.acknowledged.uuid,
            )
    return executor_events.EventArrived(attempt=attempt, payload=event)


def launched_tasks(event: ExecutorEvent) -> list[mesos_pb2.TaskInfo]:
    """Return the tasks of a LAUNCH or LAUNCH_GROUP event."""
    if event.type == ExecutorEvent.LAUNCH:
        return [event.launch.task]
    return list(event.launch_group.task_group.tasks)
