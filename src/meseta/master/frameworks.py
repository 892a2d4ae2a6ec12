"""The life of frameworks: subscribed, failed over, described anew, disconnected, removed.

A scheduler that subscribes is either new, or takes over (HTTP always, a driver with `force`), or is the same
driver again, or comes to a master that knows its framework from agents only ("recovered"). A framework
without a scheduler keeps its tasks for its failover timeout, then it is removed with all that it runs.
"""

from __future__ import annotations

import msgspec

from meseta.ids import FrameworkId, framework_id
from meseta.master.effects import (
    CloseStream,
    Errored,
    FrameworkAdded,
    FrameworkRemoved,
    FrameworkUpdated,
    Heartbeat,
    Reply,
    SendToFramework,
    ShutdownFramework,
    Subscribed,
    UpdateFramework,
)
from meseta.master.events import (
    DeactivationRequested,
    FrameworkTeardownRequested,
    FrameworkUpdateRequested,
    Peer,
    StreamClosed,
    StreamId,
    SubscribeRequested,
    TeardownRequested,
)
from meseta.master.rescinding import discard_offer, rescind_offers, withdraw_inverse_offers
from meseta.master.revocation import remind
from meseta.master.senders import caller
from meseta.master.standbys import (
    UNNAMED,
    dismiss_standbys,
    next_standby,
    on_standby_gone,
    stand_by,
    standby_fault,
)
from meseta.master.state import FrameworkState, State, new_framework, remember
from meseta.master.statuses import make_update
from meseta.master.tasks import bury_unreachable_task, remove_executor, remove_task, update_task
from meseta.master.validation import authorization_fault, demand_fault, framework_fault, update_fault
from meseta.records import FrameworkInfo, TaskReason, TaskState

# Subscribing ------------------------------------------------------------------------------------------


def on_subscribe_requested(state: State, event: SubscribeRequested, now: float) -> None:
    """Make a framework of a scheduler, or give it the one that it names; refusals are ERROR events."""
    info = event.info
    known = "reregister" if info.id else "register"
    state.counters[f"master/messages_{known}_framework"] += 1
    _subscribe(state, event, now)


def _subscribe(state: State, event: SubscribeRequested, now: float) -> None:
    info = event.info
    if info.principal is None and event.principal is not None:
        info = msgspec.structs.replace(info, principal=event.principal)
    fault = framework_fault(state, info) or demand_fault(event) or authorization_fault(state, info)
    if fault is None and event.standby and not info.id:
        fault = UNNAMED
    if fault is not None:
        _refuse(state, event.peer, info, fault)
    elif info.id:
        _subscribe_again(state, event, info, now)
    else:
        _subscribe_new(state, event, info, now)


def _refuse(state: State, peer: Peer, info: FrameworkInfo, fault: str) -> None:
    state.counters["master/framework_registrations_refused"] += 1
    state.note(f"Refusing subscription of framework '{info.name}' at {peer}: {fault}")
    state.effects.append(SendToFramework(peer, Errored(fault)))
    if isinstance(peer, int):
        state.effects.append(CloseStream(peer))


def _subscribe_new(state: State, event: SubscribeRequested, info: FrameworkInfo, now: float) -> None:
    """Admit a framework; a driver that asks again is answered again."""
    present = state.peers.get(event.peer)
    if present is not None:
        _welcome(state, state.frameworks[present], now, reregistered=False)
        return
    id = _next_id(state)
    framework = new_framework(state, msgspec.structs.replace(info, id=id))
    _describe(framework, event)
    framework.registered_time = state.wall(now)
    state.frameworks[id] = framework
    state.allocator.add_framework(
        id,
        framework.info,
        {},
        active=True,
        suppressed_roles=event.suppressed_roles,
        constraints=event.constraints,
    )
    framework.active = True
    _connect(state, framework, event.peer)
    _welcome(state, framework, now, reregistered=False)
    state.publish(FrameworkAdded(id))


def _next_id(state: State) -> FrameworkId:
    """Return an id that is free: schedulers may name any id, also one that this master has yet to give."""
    while True:
        id = framework_id(state.config.id, state.issued.frameworks)
        state.issued.frameworks += 1
        if id not in state.frameworks and id not in state.completed_frameworks:
            return id


def _subscribe_again(state: State, event: SubscribeRequested, info: FrameworkInfo, now: float) -> None:
    """Give a scheduler the framework whose id it knows, and take it from the scheduler that had it."""
    assert info.id
    present = state.peers.get(event.peer)
    if present is not None and present != info.id:
        state.warn(f"Dropping subscription of framework '{info.name}': {present} is already at {event.peer}")
        return
    framework = state.frameworks.get(info.id)
    known = framework is not None
    if framework is None:
        framework = recover_framework(state, info)
    info = msgspec.structs.replace(info, user=framework.info.user, checkpoint=framework.info.checkpoint)
    fault = update_fault(framework.info, info)
    if fault is None and _is_late(framework, event):
        fault = "Framework failed over"
    waits = event.standby and framework.connected
    if fault is None and waits:
        fault = standby_fault(state, framework)
    if fault is not None:
        _refuse(state, event.peer, info, fault)
        return
    if waits:
        stand_by(state, framework, event, now)
        return
    update_framework(state, framework, info, event, now)
    again = _take_over(state, framework, event, now) and known
    state.deadlines.cancel(("failover", framework.id))
    framework.reregistered_time = state.wall(now)
    _connect(state, framework, event.peer)
    _activate(state, framework)
    _welcome(state, framework, now, reregistered=again)
    remind(state, framework)
    broadcast_framework(state, framework)


def _is_late(framework: FrameworkState, event: SubscribeRequested) -> bool:
    """Tell whether another scheduler has the framework, and this one does not claim to replace it."""
    return not framework.recovered and framework.peer != event.peer and not event.force


def _take_over(state: State, framework: FrameworkState, event: SubscribeRequested, now: float) -> bool:
    """End what the framework's last scheduler had; say whether a driver is to hear "reregistered"."""
    if framework.recovered:
        framework.recovered = False
        framework.registered_time = state.wall(now)
        return True
    if framework.peer == event.peer and not event.force:
        rescind_offers(state, framework.offers.values(), now)
        withdraw_inverse_offers(state, framework.inverse_offers.values(), now)
        return True
    if framework.connected and framework.peer != event.peer:
        state.tell(framework, Errored("Framework failed over"))
    for offer in list(framework.offers.values()):
        discard_offer(state, offer, None, now)
    withdraw_inverse_offers(state, framework.inverse_offers.values(), now)
    if framework.peer != event.peer:
        _hang_up(state, framework)
    return False


def _connect(state: State, framework: FrameworkState, peer: Peer) -> None:
    framework.peer = peer
    framework.connected = True
    state.peers[peer] = framework.id
    if isinstance(peer, str):
        state.link(peer)


def _activate(state: State, framework: FrameworkState) -> None:
    if not framework.active:
        framework.active = True
        state.allocator.activate_framework(framework.id)


def _welcome(state: State, framework: FrameworkState, now: float, *, reregistered: bool) -> None:
    """Tell a scheduler that it is subscribed; over HTTP heartbeats follow, the first one at once."""
    interval = state.config.heartbeat_interval_s
    state.tell(framework, Subscribed(framework.id, reregistered, interval))
    if isinstance(framework.peer, int):
        on_heartbeat_due(state, framework.id, now)


def on_heartbeat_due(state: State, id: FrameworkId, now: float) -> None:
    """Show a framework's stream that it is alive."""
    framework = state.frameworks.get(id)
    if framework is not None and framework.connected and isinstance(framework.peer, int):
        state.tell(framework, Heartbeat())
        state.deadlines.arm(("heartbeat", id), now + state.config.heartbeat_interval_s)


def recover_framework(state: State, info: FrameworkInfo) -> FrameworkState:
    """Take a framework into the accounts that is known from its agents or its own word only."""
    assert info.id
    framework = new_framework(state, info)
    framework.recovered = True
    state.frameworks[info.id] = framework
    state.allocator.add_framework(info.id, info, {}, active=False)
    state.publish(FrameworkAdded(info.id))
    return framework


# Describing -------------------------------------------------------------------------------------------


def update_framework(
    state: State,
    framework: FrameworkState,
    info: FrameworkInfo,
    event: SubscribeRequested | FrameworkUpdateRequested,
    now: float,
) -> None:
    """Take over a description; offers in roles that the framework has left are rescinded."""
    gone = [offer for offer in framework.offers.values() if offer.role not in info.roles]
    rescind_offers(state, gone, now)
    framework.info = info
    _describe(framework, event)
    state.allocator.update_framework(
        framework.id, info, suppressed_roles=event.suppressed_roles, constraints=event.constraints
    )


def _describe(framework: FrameworkState, event: SubscribeRequested | FrameworkUpdateRequested) -> None:
    framework.suppressed = frozenset(event.suppressed_roles)
    framework.constraints = event.constraints


def broadcast_framework(state: State, framework: FrameworkState) -> None:
    """Tell operators, and the agents that may run something of the framework, who and where it is now.

    Mesos tells every agent, which keeps a master of thousands busy for seconds; the others learn it with
    the first task that they get.
    """
    state.publish(FrameworkUpdated(framework.id))
    for agent_id in framework.agents:
        agent = state.agents.get(agent_id)
        if agent is not None:
            state.tell_agent(agent, UpdateFramework(framework.id, framework.info, framework.pid))


def on_framework_update_requested(state: State, event: FrameworkUpdateRequested, now: float) -> None:
    """Describe a framework anew, all or nothing."""
    framework = caller(state, event)
    if framework is None:
        if event.request is not None:
            state.effects.append(Reply(event.request, 409, "Framework cannot be found"))
        return
    info = event.info
    if (fault := framework_fault(state, info)) is not None:
        _reply(state, event, 400, f"Supplied FrameworkInfo is not valid: {fault}")
    elif (fault := update_fault(framework.info, info)) is not None:
        _reply(state, event, 400, f"FrameworkInfo update is not valid: {fault}")
    elif (fault := demand_fault(event)) is not None:
        _reply(state, event, 400, f"'UpdateFramework' call is not valid: {fault}")
    elif (fault := authorization_fault(state, info)) is not None:
        _reply(state, event, 403, fault)
    else:
        changed = info != framework.info
        update_framework(state, framework, info, event, now)
        if changed:
            broadcast_framework(state, framework)
        _reply(state, event, 200, "")


def _reply(state: State, event: FrameworkUpdateRequested, code: int, text: str) -> None:
    """Answer over HTTP; a driver can only be told that it is refused, which ends it."""
    if event.request is not None:
        state.effects.append(Reply(event.request, code, text))
    elif code != 200:
        state.effects.append(SendToFramework(event.sender, Errored(text)))


# Disconnecting and removing ---------------------------------------------------------------------------


def on_stream_closed(state: State, event: StreamClosed, now: float) -> None:
    """Give the framework whose stream ended its time to fail over; or forget a standby."""
    leave_stream(state, event.stream, now)


def leave_stream(state: State, stream: StreamId, now: float) -> None:
    """Go on without whoever was at a stream."""
    on_standby_gone(state, stream)
    id = state.peers.get(stream)
    if id is not None:
        disconnect_framework(state, state.frameworks[id], now)


def disconnect_framework(state: State, framework: FrameworkState, now: float) -> None:
    """Note that the framework has no scheduler any more: a standby is the next.

    Without one it is removed, unless a scheduler comes in time.
    """
    state.note(f"Framework {framework} disconnected")
    if isinstance(framework.peer, str):
        state.tell(framework, Errored("Framework disconnected"))
    _forget_peer(state, framework)
    _deactivate(state, framework, now)
    timeout_s = max(0.0, framework.info.failover_timeout_s)
    state.deadlines.arm(("failover", framework.id), now + timeout_s)
    _promote_standby(state, framework, now)


def _promote_standby(state: State, framework: FrameworkState, now: float) -> None:
    """Subscribe whoever has waited longest; the next, if that one is refused."""
    while not framework.connected and (event := next_standby(state, framework)) is not None:
        state.note(f"Scheduler at {event.peer} takes over framework {framework}, for which it stood by")
        state.counters["master/standby_promotions"] += 1
        _subscribe(state, event, now)


def _hang_up(state: State, framework: FrameworkState) -> None:
    """Close the stream to the framework's scheduler, if there is one, and forget the way to it."""
    if framework.connected and isinstance(framework.peer, int):
        state.effects.append(CloseStream(framework.peer))
    _forget_peer(state, framework)


def _forget_peer(state: State, framework: FrameworkState) -> None:
    peer = framework.peer
    if peer is None or not framework.connected:
        return
    framework.connected = False
    state.peers.pop(peer, None)
    state.deadlines.cancel(("heartbeat", framework.id))
    if isinstance(peer, str):
        state.unlink(peer)


def _deactivate(state: State, framework: FrameworkState, now: float) -> None:
    """Offer nothing more to the framework, and take back what it is offered."""
    if framework.active:
        framework.active = False
        state.allocator.deactivate_framework(framework.id)
    rescind_offers(state, framework.offers.values(), now)
    withdraw_inverse_offers(state, framework.inverse_offers.values(), now)


def on_deactivation_requested(state: State, event: DeactivationRequested, now: float) -> None:
    """Offer nothing more to a framework whose driver was aborted."""
    framework = caller(state, event)
    if framework is not None:
        state.counters["master/messages_deactivate_framework"] += 1
        _deactivate(state, framework, now)


def on_failover_timed_out(state: State, id: FrameworkId, now: float) -> None:
    """Remove a framework that no scheduler has come back for."""
    framework = state.frameworks.get(id)
    if framework is not None and not framework.connected:
        state.note(f"No scheduler came back for framework {framework}: removing it")
        remove_framework(state, framework, now)


def on_teardown_requested(state: State, event: TeardownRequested, now: float) -> None:
    """End a framework as its scheduler asks."""
    framework = caller(state, event)
    if framework is not None:
        state.counters["master/messages_unregister_framework"] += 1
        remove_framework(state, framework, now)


def on_framework_teardown_requested(state: State, event: FrameworkTeardownRequested, now: float) -> None:
    """End a framework as an operator asks."""
    framework = state.frameworks.get(event.framework_id)
    if framework is None:
        state.effects.append(Reply(event.request, 400, "No framework found with specified ID"))
        return
    remove_framework(state, framework, now)
    state.effects.append(Reply(event.request, 200))


def remove_framework(state: State, framework: FrameworkState, now: float) -> None:
    """End a framework with all that it runs, and refuse its id from now on."""
    state.note(f"Removing framework {framework}")
    for offer in list(framework.offers.values()):
        discard_offer(state, offer, None, now)
    withdraw_inverse_offers(state, framework.inverse_offers.values(), now)
    for agent_id in framework.agents:
        if (agent := state.agents.get(agent_id)) is not None:
            state.tell_agent(agent, ShutdownFramework(framework.id))
    _end_tasks(state, framework, now)
    dismiss_standbys(state, framework)
    for executors in list(framework.executors.values()):
        for executor in list(executors.values()):
            remove_executor(state, framework, state.agents[executor.agent_id], executor, now)
    _hang_up(state, framework)
    framework.active = False
    framework.demand = {}
    framework.unregistered_time = state.wall(now)
    state.deadlines.cancel(("failover", framework.id))
    state.operations.pop(framework.id, None)
    del state.frameworks[framework.id]
    state.allocator.remove_framework(framework.id)
    remember(state.completed_frameworks, framework.id, framework, state.config.completed_frameworks_max)
    state.publish(FrameworkRemoved(framework.id, framework.info))


def _end_tasks(state: State, framework: FrameworkState, now: float) -> None:
    """Note of every task of a framework that it is killed; nobody is left to be told."""
    reason = TaskReason.REASON_FRAMEWORK_REMOVED
    message = f"Framework {framework.id} removed"
    at = state.wall(now)
    for task in [*framework.tasks.values(), *framework.unreachable_tasks.values()]:
        update = make_update(
            at,
            framework.id,
            task.agent_id,
            task.task_id,
            TaskState.TASK_KILLED,
            reason,
            message,
            executor_id=task.executor_id,
        )
        if task.task_id in framework.tasks:
            update_task(state, task, update, now)
            remove_task(state, framework, task)
        else:
            bury_unreachable_task(state, framework, task, update)
    framework.agents.clear()
