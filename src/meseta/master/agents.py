"""The life of agents once admitted: pings, lost connections, departure for good or for now.

A broken connection makes an agent disconnected: nothing of it is offered, and tasks of frameworks that do
not checkpoint are lost at once. Unanswered pings, or no re-registration in time, make it unreachable: the
registry is told, then its tasks are (partition-aware frameworks hear TASK_UNREACHABLE and may see them
again). An agent that unregisters, or is replaced by a new one at its address, has left for good.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from meseta.allocator.allocator import RoleResources
from meseta.ids import AgentId, FrameworkId, Pid
from meseta.master.effects import AgentRemoved, Failed, OfferedAgent, Ping
from meseta.master.events import (
    AgentUpdated,
    PeerExited,
    PongReceived,
    RegistrationRequested,
    ReregistrationRequested,
    UnregistrationRequested,
)
from meseta.master.feedback import forget_operations, reconcile_reported
from meseta.master.frameworks import disconnect_framework
from meseta.master.pending import PendingDeparture
from meseta.master.registry import Deactivation, RemoveAgent
from meseta.master.removals import give_up, keep
from meseta.master.rescinding import rescind_offers, withdraw_inverse_offers
from meseta.master.state import (
    AgentState,
    FrameworkState,
    State,
    Task,
    machine_of,
    remember,
    remember_agent,
    reported_total,
)
from meseta.master.statuses import make_update
from meseta.master.tasks import end_task, remove_executor
from meseta.records import OperationState, OperationStatus, StatusUpdate, TaskReason, TaskState
from meseta.resources import Resources

GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
"""Multiples of it, without what is before the point, are spread evenly however many there are."""

# Accounts ---------------------------------------------------------------------------------------------


def add_agent(state: State, agent: AgentState, used: Mapping[FrameworkId, RoleResources], now: float) -> None:
    """Take an agent into the accounts, of which `used` is already allocated."""
    state.agents[agent.id] = agent
    claim_pid(state, agent, now)
    keep(state, agent.id)
    state.past.unreachable.pop(agent.id, None)
    state.past.removed.pop(agent.id, None)
    state.recovered_agents.pop(agent.id, None)
    state.allocator.add_agent(agent.id, agent.info, agent.capabilities, agent.total, used)
    if state.wishes.planned:
        describe_offered(state, agent)
    if agent.offered.unavailability is not None:
        state.allocator.update_unavailability(agent.id, agent.offered.unavailability)
    agent.deactivation = state.wishes.deactivated.get(agent.id)
    if agent.deactivation is not None:
        agent.active = False
        state.allocator.deactivate_agent(agent.id)


def describe_offered(state: State, agent: AgentState) -> None:
    """Renew what offers say of an agent."""
    unavailability = state.wishes.planned.get(machine_of(agent.info, agent.pid))
    agent.offered = OfferedAgent(agent.id, agent.pid, agent.info, unavailability)


def set_deactivation(state: State, id: AgentId, deactivation: Deactivation | None) -> None:
    """Note what an operator wants of an agent, wherever it is."""
    if deactivation is None:
        state.wishes.deactivated.pop(id, None)
    else:
        state.wishes.deactivated[id] = deactivation
    agent = state.agents.get(id)
    if agent is not None:
        agent.deactivation = deactivation


def stop_offers(state: State, agent: AgentState, now: float) -> None:
    """Offer nothing more of an agent."""
    agent.active = False
    state.allocator.deactivate_agent(agent.id)
    rescind_offers(state, agent.offers.values(), now)
    withdraw_inverse_offers(state, agent.inverse_offers.values(), now)


# Pings ------------------------------------------------------------------------------------------------


def watch_agent(state: State, agent: AgentState, now: float) -> None:
    """Start to ping an agent that is new here."""
    on_ping_due(state, agent.id, now)


def watch_returning(state: State, agent: AgentState, now: float) -> None:
    """Start to ping an agent that has come back, some time within the next interval.

    After a failover all agents come back at once: their pings should not, then and ever after.
    """
    phase = len(state.agents) * GOLDEN_RATIO % 1.0
    state.deadlines.arm(("ping", agent.id), now + phase * state.config.agent_ping_timeout_s)


def on_ping_due(state: State, id: AgentId, now: float) -> None:
    """Ping an agent again, or give it up when too many pings went unanswered."""
    agent = state.agents.get(id)
    if agent is None:
        return
    if agent.pings_missed >= state.config.agent_ping_timeouts_max and agent.leaving is None:
        give_up(state, id, "health check timed out", now)
    agent.pings_missed += 1
    if state.agent_pids.get(agent.pid) == id:  # Else it would be another agent that hears it.
        state.tell_agent(agent, Ping(agent.connected))
    state.deadlines.arm(("ping", id), now + state.config.agent_ping_timeout_s)


def on_pong_received(state: State, event: PongReceived, now: float) -> None:
    """Note that an agent is alive."""
    id = state.agent_pids.get(event.sender)
    if id is not None:
        agent = state.agents[id]
        agent.pings_missed = 0
        if agent.connected:
            keep(state, id)


# Connections ------------------------------------------------------------------------------------------


def on_peer_exited(state: State, event: PeerExited, now: float) -> None:
    """Note that nobody at an address can be reached any more: agents and drivers."""
    for pid in state.addresses.pop(event.address, {}):
        framework_id = state.peers.get(pid)
        if framework_id is not None:
            disconnect_framework(state, state.frameworks[framework_id], now)
        agent_id = state.agent_pids.get(pid)
        if agent_id is not None:
            disconnect_agent(state, state.agents[agent_id], now)


def disconnect_agent(state: State, agent: AgentState, now: float) -> None:
    """Offer nothing more of an agent, give up what does not checkpoint, and wait for it to come back."""
    if not agent.connected:
        return
    state.note(f"Agent {agent} disconnected")
    agent.connected = False
    stop_offers(state, agent, now)
    for framework_id in list(dict.fromkeys([*agent.tasks, *agent.executors])):
        framework = state.frameworks[framework_id]
        if not framework.info.checkpoint:
            _give_up_framework(state, agent, framework, now)
    state.deadlines.arm(("reregister", agent.id), now + state.config.agent_reregister_timeout_s)


def _give_up_framework(state: State, agent: AgentState, framework: FrameworkState, now: float) -> None:
    """End what a framework without checkpointing runs on a disconnected agent."""
    message = f"Agent {agent.info.hostname} disconnected"
    reason = TaskReason.REASON_AGENT_DISCONNECTED
    for task in list(agent.tasks.get(framework.id, {}).values()):
        update = _end_of(state, task, TaskState.TASK_LOST, reason, message, now)
        end_task(state, framework, task, update, now, unreachable=False)
    for executor in list(agent.executors.get(framework.id, {}).values()):
        remove_executor(state, framework, agent, executor, now)


def reconnect_agent(state: State, agent: AgentState, event: ReregistrationRequested, now: float) -> None:
    """Take over what an agent in the accounts says of itself, and let it be offered again."""
    _move_agent(state, agent, event.sender, now)
    agent.info, agent.version, agent.capabilities = event.info, event.version, event.capabilities
    describe_offered(state, agent)
    agent.resource_version, agent.registration = event.resource_version, event.registration
    agent.reregistered_time = state.wall(now)
    total = reported_total(event.info, event.checkpointed)
    set_total(state, agent, total + agent.oversubscribed, now)
    state.allocator.update_agent(agent.id, info=event.info, capabilities=event.capabilities)
    agent.pings_missed = 0
    keep(state, agent.id)
    if not agent.connected:
        agent.connected = True
        state.deadlines.cancel(("reregister", agent.id))
        if agent.deactivation is None:
            agent.active = True
            state.allocator.activate_agent(agent.id)


def _move_agent(state: State, agent: AgentState, pid: Pid, now: float) -> None:
    if agent.pid != pid and state.agent_pids.get(agent.pid) == agent.id:
        del state.agent_pids[agent.pid]
        state.unlink(agent.pid)
    agent.pid = pid
    claim_pid(state, agent, now)


def claim_pid(state: State, agent: AgentState, now: float) -> None:
    """Let an agent be found by its pid; another one that was there is not there any more."""
    other = state.agent_pids.get(agent.pid)
    if other is not None and other != agent.id:
        disconnect_agent(state, state.agents[other], now)
    state.agent_pids[agent.pid] = agent.id
    state.link(agent.pid)


def on_agent_updated(state: State, event: AgentUpdated, now: float) -> None:
    """Take over an agent's new total."""
    state.counters["master/messages_update_slave"] += 1
    agent = state.agents.get(event.agent_id)
    if agent is None or agent.pid != event.sender:
        state.warn(
            f"Ignoring update of agent {event.agent_id} from {event.sender}: it is not registered there"
        )
        return
    if event.resource_version is not None:
        agent.resource_version = event.resource_version
    base = event.total if event.total is not None else agent.total - agent.oversubscribed
    if event.oversubscribed is not None:
        agent.oversubscribed = event.oversubscribed
    set_total(state, agent, base + agent.oversubscribed, now)
    if event.operations is not None:
        reconcile_reported(state, agent, event.operations)
    if agent.deactivation is not None:
        state.wishes.emptied[agent.id] = None  # Only now is it known whether operations are under way there.


def set_total(state: State, agent: AgentState, total: Resources, now: float) -> None:
    """Change what an agent has; offers of what it had before are rescinded.

    When only the revocable part has changed, offers without any of it stay.
    """
    if total == agent.total:
        return
    all_are_stale = total.nonrevocable() != agent.total.nonrevocable()
    stale = [offer for offer in agent.offers.values() if all_are_stale or offer.resources.revocable()]
    rescind_offers(state, stale, now)
    agent.total = total
    state.allocator.update_agent(agent.id, total=total)


# Departure --------------------------------------------------------------------------------------------


def on_reregister_timed_out(state: State, id: AgentId, now: float) -> None:
    """Give up an agent that lost its connection and did not come back."""
    agent = state.agents.get(id)
    if agent is not None and not agent.connected and agent.leaving is None:
        timeout = state.config.agent_reregister_timeout_s
        cause = f"agent did not reregister within {timeout:g}secs after disconnecting"
        give_up(state, id, cause, now)


def on_unregistration_requested(state: State, event: UnregistrationRequested, now: float) -> None:
    """Let an agent leave for good."""
    state.counters["master/messages_unregister_slave"] += 1
    agent = state.agents.get(event.agent_id)
    if agent is None or agent.pid != event.sender:
        state.warn(f"Ignoring unregistration of agent {event.agent_id} from {event.sender}: it is not there")
    elif agent.leaving is None:
        counter = "master/slave_removals/reason_unregistered"
        begin_departure(state, agent, "the agent unregistered", counter)


def begin_departure(
    state: State,
    agent: AgentState,
    cause: str,
    counter: str | None,
    replacement: RegistrationRequested | None = None,
) -> None:
    """Have it written that an agent has left for good; the rest follows from that."""
    if agent.leaving is None:
        pending = PendingDeparture(agent.id, cause, None, counter, replacement)
        agent.leaving = state.persist(RemoveAgent(agent.id), pending)


def on_agent_departed(state: State, pending: PendingDeparture, now: float) -> None:
    """Take an agent out of the accounts that the registry has written off."""
    agent = state.agents[pending.agent_id]
    state.note(f"Removed agent {agent}: {pending.cause}")
    state.counters["master/slave_removals"] += 1
    if pending.counter is not None:
        state.counters[pending.counter] += 1
    if pending.unreachable_since is not None:
        state.counters["master/slave_unreachable_completed"] += 1
        remember_agent(state, state.past.unreachable, agent.id, pending.unreachable_since, now)
        tasks = tuple((framework_id, id) for framework_id, by_id in agent.tasks.items() for id in by_id)
        state.past.tasks[agent.id] = tasks
    else:
        if pending.gone_since is None:
            remember(state.past.removed, agent.id, None, state.config.past_agents_max)
        set_deactivation(state, agent.id, None)
    _remove_agent(state, agent, pending, now)


def _remove_agent(state: State, agent: AgentState, pending: PendingDeparture, now: float) -> None:
    """Tasks first, then executors and offers, then word to all frameworks: Mesos's order."""
    state.allocator.remove_agent(agent.id)
    for framework_id, tasks in list(agent.tasks.items()):
        framework = state.frameworks[framework_id]
        for task in list(tasks.values()):
            update = _departure_update(state, agent, framework, task, pending, now)
            unreachable = pending.unreachable_since is not None
            end_task(state, framework, task, update, now, unreachable=unreachable)
    for framework_id, executors in list(agent.executors.items()):
        for executor in list(executors.values()):
            remove_executor(state, state.frameworks[framework_id], agent, executor, now)
    rescind_offers(state, agent.offers.values(), now)
    withdraw_inverse_offers(state, agent.inverse_offers.values(), now)
    forget_operations(state, agent, _fate_of_operations(pending))
    del state.agents[agent.id]
    if state.agent_pids.get(agent.pid) == agent.id:
        del state.agent_pids[agent.pid]
        state.unlink(agent.pid)
    state.deadlines.cancel(("ping", agent.id))
    state.deadlines.cancel(("reregister", agent.id))
    for framework in state.frameworks.values():
        framework.agents.pop(agent.id, None)
        state.tell(framework, Failed(framework.id, agent.id))
    state.publish(AgentRemoved(agent.id))


def _fate_of_operations(pending: PendingDeparture) -> OperationStatus | None:
    """Return what is to be said of operations on the agent; None: nothing."""
    if pending.gone_since is not None:
        state, message = OperationState.OPERATION_GONE_BY_OPERATOR, pending.cause
    elif pending.unreachable_since is not None:
        state, message = OperationState.OPERATION_UNREACHABLE, "Agent was marked unreachable"
    else:
        return None
    return OperationStatus(state=state, agent_id=pending.agent_id, message=message)


def gone_state(framework: FrameworkState) -> tuple[TaskState, TaskReason]:
    """Return how a framework is told that a task is gone with its agent, and the reason."""
    if framework.partition_aware:
        return TaskState.TASK_GONE_BY_OPERATOR, TaskReason.REASON_AGENT_REMOVED_BY_OPERATOR
    return TaskState.TASK_LOST, TaskReason.REASON_AGENT_REMOVED


def _departure_update(
    state: State,
    agent: AgentState,
    framework: FrameworkState,
    task: Task,
    pending: PendingDeparture,
    now: float,
) -> StatusUpdate:
    reason = TaskReason.REASON_AGENT_REMOVED
    if pending.gone_since is not None:
        gone, reason = gone_state(framework)
        told = gone if task.holds_resources else task.state
        return _end_of(state, task, told, reason, pending.cause, now)
    if not task.holds_resources:  # Its end is known, but not acknowledged: that is what is to be told.
        return _end_of(state, task, task.state, reason, pending.cause, now)
    if pending.unreachable_since is None:
        message = f"Agent {agent.info.hostname} removed: {pending.cause}"
        return _end_of(state, task, TaskState.TASK_LOST, reason, message, now)
    new = TaskState.TASK_UNREACHABLE if framework.partition_aware else TaskState.TASK_LOST
    return _end_of(state, task, new, reason, pending.cause, now, pending.unreachable_since)


def _end_of(
    state: State,
    task: Task,
    new: TaskState,
    reason: TaskReason,
    message: str,
    now: float,
    since: float | None = None,
) -> StatusUpdate:
    return make_update(
        state.wall(now),
        task.framework_id,
        task.agent_id,
        task.task_id,
        new,
        reason,
        message,
        executor_id=task.executor_id,
        unreachable_since=since,
    )
