"""What schedulers ask, from the wire to the master's events.

v1 schedulers POST `scheduler.Call`; v0 drivers send `mesos.scheduler.Call` as a libprocess message, and
older drivers one message type per call. All three become the same events. The differences are few: the
driver's Subscribe has other field numbers, and a driver is known by its pid instead of a stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from meseta.errors import WireError
from meseta.ids import AgentId, ExecutorId, FrameworkId, OfferId, OperationId, Pid, TaskId, is_uuid
from meseta.master import events as e
from meseta.records import Launch
from meseta.wire.call_limits import SIZE_FAULTS, entries_fault, tasks_fault
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.gen import scheduler_v0_pb2 as v0
from meseta.wire.lift import (
    lift_constraints,
    lift_filters,
    lift_framework,
    optional,
    text,
)
from meseta.wire.operations import lift_lone_task, lift_operations
from meseta.wire.parsing import parse
from meseta.wire.resources import lift_resources

Call = s.Call | v0.Call

# Reading an enumeration's value from a message class is slow, so the hot path does it once.
_SUBSCRIBE = s.Call.SUBSCRIBE
_OPTIONAL_FIELD = {s.Call.TEARDOWN, s.Call.REVIVE, s.Call.SUPPRESS, s.Call.UNKNOWN}
_FIELDS = {number: name.lower() for name, number in s.Call.Type.items()}


# ── checks that need no state ─────────────────────────────────────────────────────────────────────────


def call_fault(call: Call) -> str | None:
    """Say what is structurally wrong with a call, in Mesos's words and order, if anything.

    Source of the rules: src/master/validation.cpp, scheduler::call::validate.
    """
    if not call.HasField("type"):
        return "Expecting 'type' to be present"
    kind = call.type
    if kind == _SUBSCRIBE:
        return _subscribe_fault(call)
    if not call.HasField("framework_id"):
        return "Expecting 'framework_id' to be present"
    if kind not in _OPTIONAL_FIELD and not call.HasField(_FIELDS[kind]):
        return f"Expecting '{_FIELDS[kind]}' to be present"
    check = _FIELD_FAULTS.get(kind)
    return check(call) if check is not None else None


def _subscribe_fault(call: Call) -> str | None:
    if not call.HasField("subscribe"):
        return "Expecting 'subscribe' to be present"
    info = call.subscribe.framework_info
    if info.HasField("id") != call.HasField("framework_id") or info.id.value != call.framework_id.value:
        return "'framework_id' differs from 'subscribe.framework_info.id'"
    return None


def _acknowledge_fault(call: Call) -> str | None:
    return None if is_uuid(call.acknowledge.uuid) else "Not a valid UUID"


def _acknowledge_operation_fault(call: Call) -> str | None:
    acknowledge = call.acknowledge_operation_status
    if not is_uuid(acknowledge.uuid):
        return "Not a valid UUID"
    return None if acknowledge.HasField("agent_id") else "Expecting 'agent_id' to be present"


def _update_framework_fault(call: Call) -> str | None:
    info = call.update_framework.framework_info
    if not info.HasField("id") or info.id.value != call.framework_id.value:
        return "'framework_id' differs from 'update_framework.framework_info.id'"
    return None


_FIELD_FAULTS: dict[int, Callable[[Call], str | None]] = {
    s.Call.ACKNOWLEDGE: _acknowledge_fault,
    s.Call.ACKNOWLEDGE_OPERATION_STATUS: _acknowledge_operation_fault,
    s.Call.UPDATE_FRAMEWORK: _update_framework_fault,
    **SIZE_FAULTS,
}


# ── subscriptions ─────────────────────────────────────────────────────────────────────────────────────


def subscription(
    call: Call,
    peer: e.Peer,
    principal: str | None,
    constraints_fault: Callable[[Any], str | None],
    *,
    standby: bool = False,
) -> e.SubscribeRequested:
    """Lift a SUBSCRIBE call. `constraints_fault` is the allocator's check of offer constraints."""
    subscribe = call.subscribe
    constraints = (
        lift_constraints(subscribe.offer_constraints) if subscribe.HasField("offer_constraints") else None
    )
    return e.SubscribeRequested(
        peer=peer,
        info=lift_framework(subscribe.framework_info),
        force=subscribe.force if isinstance(subscribe, v0.Call.Subscribe) else True,
        suppressed_roles=tuple(subscribe.suppressed_roles),
        constraints=constraints,
        constraints_fault=constraints_fault(constraints) if constraints is not None else None,
        principal=principal,
        standby=standby,
    )


def framework_update(
    call: Call,
    sender: e.Peer,
    constraints_fault: Callable[[Any], str | None],
) -> e.FrameworkUpdateRequested:
    """Lift an UPDATE_FRAMEWORK call."""
    update = call.update_framework
    constraints = lift_constraints(update.offer_constraints) if update.HasField("offer_constraints") else None
    return e.FrameworkUpdateRequested(
        framework_id=FrameworkId(text(call.framework_id.value)),
        sender=sender,
        info=lift_framework(update.framework_info),
        suppressed_roles=tuple(update.suppressed_roles),
        constraints=constraints,
        constraints_fault=constraints_fault(constraints) if constraints is not None else None,
    )


# ── calls ─────────────────────────────────────────────────────────────────────────────────────────────


def call_event(call: Call, sender: e.Peer) -> e.MasterEvent | None:
    """Lift any call but SUBSCRIBE and UPDATE_FRAMEWORK; None for a type that this schema does not know."""
    lift = _LIFTS.get(call.type)
    return lift(call, FrameworkId(text(call.framework_id.value)), sender) if lift is not None else None


def _accept(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.OffersAccepted:
    accept = call.accept
    return e.OffersAccepted(
        framework_id=framework_id,
        sender=sender,
        offer_ids=_offer_ids(accept.offer_ids),
        operations=lift_operations(accept.operations, framework_id),
        filters=lift_filters(accept.filters) if accept.HasField("filters") else e.DEFAULT_FILTERS,
    )


def _decline(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.OffersDeclined:
    decline = call.decline
    return e.OffersDeclined(
        framework_id=framework_id,
        sender=sender,
        offer_ids=_offer_ids(decline.offer_ids),
        filters=lift_filters(decline.filters) if decline.HasField("filters") else e.DEFAULT_FILTERS,
    )


def _accept_inverse(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.InverseOffersAccepted:
    accept = call.accept_inverse_offers
    return e.InverseOffersAccepted(
        framework_id=framework_id,
        sender=sender,
        offer_ids=_offer_ids(accept.inverse_offer_ids),
        filters=lift_filters(accept.filters),
    )


def _decline_inverse(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.InverseOffersDeclined:
    decline = call.decline_inverse_offers
    return e.InverseOffersDeclined(
        framework_id=framework_id,
        sender=sender,
        offer_ids=_offer_ids(decline.inverse_offer_ids),
        filters=lift_filters(decline.filters),
    )


def _teardown(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.TeardownRequested:
    return e.TeardownRequested(framework_id=framework_id, sender=sender)


def _revive(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.Revived:
    return e.Revived(framework_id=framework_id, sender=sender, roles=tuple(call.revive.roles))


def _suppress(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.Suppressed:
    return e.Suppressed(framework_id=framework_id, sender=sender, roles=tuple(call.suppress.roles))


def _kill(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.KillRequested:
    kill = call.kill
    return e.KillRequested(
        framework_id=framework_id,
        sender=sender,
        task_id=TaskId(text(kill.task_id.value)),
        agent_id=optional(AgentId, kill, "agent_id"),
        kill_policy=kill.kill_policy.SerializeToString() if kill.HasField("kill_policy") else None,
    )


def _shutdown(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.ExecutorShutdownRequested:
    return e.ExecutorShutdownRequested(
        framework_id=framework_id,
        sender=sender,
        agent_id=AgentId(text(call.shutdown.agent_id.value)),
        executor_id=ExecutorId(text(call.shutdown.executor_id.value)),
    )


def _acknowledge(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.UpdateAcknowledged:
    acknowledge = call.acknowledge
    return e.UpdateAcknowledged(
        framework_id=framework_id,
        sender=sender,
        agent_id=AgentId(text(acknowledge.agent_id.value)),
        task_id=TaskId(text(acknowledge.task_id.value)),
        uuid=acknowledge.uuid,
    )


def _reconcile(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.ReconcileRequested:
    tasks = tuple(
        (
            TaskId(text(task.task_id.value)),
            optional(AgentId, task, "agent_id"),
        )
        for task in call.reconcile.tasks
    )
    return e.ReconcileRequested(framework_id=framework_id, sender=sender, tasks=tasks)


def _message(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.MessageSent:
    message = call.message
    return e.MessageSent(
        framework_id=framework_id,
        sender=sender,
        agent_id=AgentId(text(message.agent_id.value)),
        executor_id=ExecutorId(text(message.executor_id.value)),
        data=message.data,
    )


def _request(call: Call, framework_id: FrameworkId, sender: e.Peer) -> e.ResourcesRequested:
    return e.ResourcesRequested(
        framework_id=framework_id, sender=sender, requests=_requests(call.request.requests)
    )


def _acknowledge_operation(
    call: Call, framework_id: FrameworkId, sender: e.Peer
) -> e.OperationUpdateAcknowledged:
    acknowledge = call.acknowledge_operation_status
    provider = acknowledge.resource_provider_id.value
    return e.OperationUpdateAcknowledged(
        framework_id=framework_id,
        sender=sender,
        agent_id=AgentId(text(acknowledge.agent_id.value)),
        operation_id=OperationId(text(acknowledge.operation_id.value)),
        uuid=acknowledge.uuid,
        resource_provider_id=provider if acknowledge.HasField("resource_provider_id") else None,
    )


def _reconcile_operations(
    call: Call, framework_id: FrameworkId, sender: e.Peer
) -> e.OperationsReconcileRequested:
    operations = tuple(
        (
            OperationId(text(o.operation_id.value)),
            optional(AgentId, o, "agent_id"),
        )
        for o in call.reconcile_operations.operations
    )
    return e.OperationsReconcileRequested(framework_id=framework_id, sender=sender, operations=operations)


_LIFTS: dict[int, Callable[[Call, FrameworkId, e.Peer], e.MasterEvent]] = {
    s.Call.TEARDOWN: _teardown,
    s.Call.ACCEPT: _accept,
    s.Call.DECLINE: _decline,
    s.Call.REVIVE: _revive,
    s.Call.KILL: _kill,
    s.Call.SHUTDOWN: _shutdown,
    s.Call.ACKNOWLEDGE: _acknowledge,
    s.Call.RECONCILE: _reconcile,
    s.Call.MESSAGE: _message,
    s.Call.REQUEST: _request,
    s.Call.SUPPRESS: _suppress,
    s.Call.ACCEPT_INVERSE_OFFERS: _accept_inverse,
    s.Call.DECLINE_INVERSE_OFFERS: _decline_inverse,
    s.Call.ACKNOWLEDGE_OPERATION_STATUS: _acknowledge_operation,
    s.Call.RECONCILE_OPERATIONS: _reconcile_operations,
}


# ── messages of drivers ───────────────────────────────────────────────────────────────────────────────


def driver_event(
    name: str, body: bytes, sender: Pid, principal: str | None, constraints_fault: Callable[[Any], str | None]
) -> e.MasterEvent | None:
    """Lift a libprocess message of a scheduler driver; None when it asks for nothing.

    Raises:
        WireError: the body is not the message that its name says, or a call is malformed.
    """
    if name == "mesos.scheduler.Call":
        return _driver_call(parse(v0.Call, body), sender, principal, constraints_fault)
    lift = DRIVER_MESSAGES.get(name)
    return lift(body, sender, principal) if lift is not None else None


def _check_size(fault: str | None) -> None:
    if fault is not None:
        raise WireError(fault)


def _driver_call(
    call: v0.Call, sender: Pid, principal: str | None, constraints_fault: Callable[[Any], str | None]
) -> e.MasterEvent | None:
    fault = call_fault(call)
    if fault is not None:
        raise WireError(f"malformed scheduler call from {sender}: {fault}")
    if call.type == s.Call.SUBSCRIBE:
        return subscription(call, sender, principal, constraints_fault)
    if call.type == s.Call.UPDATE_FRAMEWORK:
        return framework_update(call, sender, constraints_fault)
    return call_event(call, sender)


def _register(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.RegisterFrameworkMessage, body)
    info = lift_framework(message.framework)
    return e.SubscribeRequested(peer=sender, info=info, force=False, principal=principal)


def _reregister(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.ReregisterFrameworkMessage, body)
    info = lift_framework(message.framework)
    return e.SubscribeRequested(peer=sender, info=info, force=message.failover, principal=principal)


def _unregister(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.UnregisterFrameworkMessage, body)
    return e.TeardownRequested(framework_id=FrameworkId(text(message.framework_id.value)), sender=sender)


def _deactivate(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.DeactivateFrameworkMessage, body)
    return e.DeactivationRequested(framework_id=FrameworkId(text(message.framework_id.value)), sender=sender)


def _launch_tasks(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.LaunchTasksMessage, body)
    _check_size(tasks_fault(len(message.tasks)) or entries_fault(len(message.offer_ids)))
    framework_id = FrameworkId(text(message.framework_id.value))
    offer_ids, filters = _offer_ids(message.offer_ids), lift_filters(message.filters)
    if not message.tasks:
        return e.OffersDeclined(
            framework_id=framework_id, sender=sender, offer_ids=offer_ids, filters=filters
        )
    tasks = tuple([lift_lone_task(task, framework_id) for task in message.tasks])
    return e.OffersAccepted(
        framework_id=framework_id,
        sender=sender,
        offer_ids=offer_ids,
        operations=(Launch(tasks=tasks),),
        filters=filters,
    )


def _revive_offers(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.ReviveOffersMessage, body)
    return e.Revived(
        framework_id=FrameworkId(text(message.framework_id.value)), sender=sender, roles=tuple(message.roles)
    )


def _resource_request(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.ResourceRequestMessage, body)
    return e.ResourcesRequested(
        framework_id=FrameworkId(text(message.framework_id.value)),
        sender=sender,
        requests=_requests(message.requests),
    )


def _kill_task(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.KillTaskMessage, body)
    return e.KillRequested(
        framework_id=FrameworkId(text(message.framework_id.value)),
        sender=sender,
        task_id=TaskId(text(message.task_id.value)),
        kill_policy=message.kill_policy.SerializeToString() if message.HasField("kill_policy") else None,
    )


def _acknowledge_update(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.StatusUpdateAcknowledgementMessage, body)
    if not is_uuid(message.uuid):
        raise WireError(f"acknowledgement from {sender} with a uuid that is none: {message.uuid.hex()}")
    return e.UpdateAcknowledged(
        framework_id=FrameworkId(text(message.framework_id.value)),
        sender=sender,
        agent_id=AgentId(text(message.slave_id.value)),
        task_id=TaskId(text(message.task_id.value)),
        uuid=message.uuid,
    )


def _framework_to_executor(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.FrameworkToExecutorMessage, body)
    return e.MessageSent(
        framework_id=FrameworkId(text(message.framework_id.value)),
        sender=sender,
        agent_id=AgentId(text(message.slave_id.value)),
        executor_id=ExecutorId(text(message.executor_id.value)),
        data=message.data,
    )


def _reconcile_tasks(body: bytes, sender: Pid, principal: str | None) -> e.MasterEvent:
    message = parse(i.ReconcileTasksMessage, body)
    _check_size(entries_fault(len(message.statuses)))
    tasks = tuple(
        (
            TaskId(text(st.task_id.value)),
            optional(AgentId, st, "agent_id"),
        )
        for st in message.statuses
    )
    return e.ReconcileRequested(
        framework_id=FrameworkId(text(message.framework_id.value)), sender=sender, tasks=tasks
    )


DRIVER_MESSAGES: dict[str, Callable[[bytes, Pid, str | None], e.MasterEvent]] = {
    "mesos.internal.RegisterFrameworkMessage": _register,
    "mesos.internal.ReregisterFrameworkMessage": _reregister,
    "mesos.internal.UnregisterFrameworkMessage": _unregister,
    "mesos.internal.DeactivateFrameworkMessage": _deactivate,
    "mesos.internal.LaunchTasksMessage": _launch_tasks,
    "mesos.internal.ReviveOffersMessage": _revive_offers,
    "mesos.internal.ResourceRequestMessage": _resource_request,
    "mesos.internal.KillTaskMessage": _kill_task,
    "mesos.internal.StatusUpdateAcknowledgementMessage": _acknowledge_update,
    "mesos.internal.FrameworkToExecutorMessage": _framework_to_executor,
    "mesos.internal.ReconcileTasksMessage": _reconcile_tasks,
}
"""Messages of drivers that are older than `mesos.scheduler.Call`, by their names on the wire."""


def _offer_ids(ids: Sequence[m.OfferID]) -> tuple[OfferId, ...]:
    return tuple([OfferId(text(identity.value)) for identity in ids])


def _requests(requests: Sequence[m.Request]) -> tuple[e.ResourceRequest, ...]:
    lifted = [(request, lift_resources(request.resources)) for request in requests]
    return tuple(
        e.ResourceRequest(
            resources=needed.resources, role=needed.role, agent_id=optional(AgentId, request, "agent_id")
        )
        for request, needed in lifted
    )
