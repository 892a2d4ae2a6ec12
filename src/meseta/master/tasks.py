"""The life of tasks and executors: added, updated by agents, acknowledged, killed, removed.

A task holds its resources from its launch until its first state that is terminal (or unreachable), which
may come before its last update is acknowledged. It stays in the accounts until that acknowledgement, so that
nobody forgets a state that a framework has not seen.
"""

from __future__ import annotations

from typing import Any

import msgspec

from meseta.ids import NO_PID, AgentId, FrameworkId
from meseta.master.config import MasterConfig
from meseta.master.counters import count_task_end
from meseta.master.effects import (
    AcknowledgeUpdate,
    KillTask,
    SendToAgent,
    SendToFramework,
    ShutdownFramework,
    TaskUpdated,
    Updated,
)
from meseta.master.events import KillRequested, UpdateAcknowledged, UpdateReceived
from meseta.master.reconciliation import reconcile_task
from meseta.master.senders import caller
from meseta.master.state import AgentState, Executor, FrameworkState, State, Task, remember
from meseta.records import (
    TERMINAL_STATES,
    LateStatuses,
    Statuses,
    StatusUpdate,
    TaskReason,
    TaskState,
    TaskStatus,
    is_terminal,
)

CHECK_REASONS = frozenset(
    {TaskReason.REASON_TASK_CHECK_STATUS_UPDATED, TaskReason.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED}
)
NEVER_FROM_AGENTS = frozenset({TaskState.TASK_UNREACHABLE, TaskState.TASK_UNKNOWN})
"""States that only a master can tell of."""


def tell_of_task(state: State, framework: FrameworkState, update: StatusUpdate) -> None:
    """Send an update that the master made to the framework, if it is connected."""
    state.tell(framework, Updated(update, NO_PID))


# Accounts -------------------------------------------------------------------------------------------


def add_task(state: State, framework: FrameworkState, agent: AgentState, task: Task) -> None:
    """Take a task into the accounts of its framework and its agent."""
    task_id = task.info.task_id
    framework.tasks[task_id] = task
    there = agent.tasks.get(framework.id)
    if there is None:
        framework.agents[agent.id] = None
        agent.tasks[framework.id] = {task_id: task}
    else:
        there[task_id] = task
    state.task_states[task.state] += 1


def add_executor(framework: FrameworkState, agent: AgentState, executor: Executor) -> None:
    """Take an executor into the accounts of its framework and its agent."""
    framework.executors.setdefault(agent.id, {})[executor.executor_id] = executor
    framework.agents[agent.id] = None
    agent.executors.setdefault(framework.id, {})[executor.executor_id] = executor


def remove_executor(
    state: State, framework: FrameworkState, agent: AgentState, executor: Executor, now: float
) -> None:
    """Take an executor out of the accounts and free its resources."""
    state.allocator.recover(
        framework.id, agent.id, executor.role, executor.resources, None, now, accepted=True
    )
    _discard(framework.executors, agent.id, executor.executor_id)
    _discard(agent.executors, framework.id, executor.executor_id)


def update_task(state: State, task: Task, update: StatusUpdate, now: float) -> None:
    """Note a status of a task; free its resources when it has just ended."""
    status = update.status
    new = update.latest_state if update.latest_state is not None else status.state
    held = task.holds_resources
    if task.state is not new and task.state not in TERMINAL_STATES:
        states = state.task_states
        states[task.state] -= 1
        states[new] += 1
        task.state = new
    if keep_status(state, task, status) or status.reason in CHECK_REASONS:
        state.publish(TaskUpdated(task.framework_id, status, task.state))
    if held and not task.holds_resources:
        state.allocator.recover(
            task.framework_id, task.agent_id, task.role, task.resources, None, now, accepted=True
        )
        told = status.state is task.state  # Else only that it has ended is known yet, and not why.
        reason = status.reason if told else None
        count_task_end(state.counters, task.state, status.source, reason)


def keep_status(state: State, task: Task, status: TaskStatus) -> bool:
    """Remember a status; say whether its state differs from that of the one before."""
    status = _slim(status, state.config)
    statuses = task.statuses
    if statuses and statuses[-1].state is status.state:
        task.statuses = (*statuses[:-1], status)
        return False
    task.statuses = (*statuses[1 - state.config.statuses_max :], status)
    return True


def kept_statuses(config: MasterConfig, statuses: Statuses) -> Statuses:
    """Return the newest of a task's statuses as they are remembered."""
    if (
        isinstance(statuses, LateStatuses)
        and statuses.count <= config.statuses_max
        and len(statuses.raw) <= config.status_bytes_max
    ):
        return statuses  # Nobody needs to look at them: together they are no longer than one may be.
    return tuple([_slim(status, config) for status in statuses[-config.statuses_max :]])


def _slim(status: TaskStatus, config: MasterConfig) -> TaskStatus:
    """Return a status without its data, which may be large, and without what else is too long."""
    if len(status.raw) > config.status_bytes_max:
        return msgspec.structs.replace(status, data=None, raw=b"")
    return status if status.data is None else msgspec.structs.replace(status, data=None)


def remove_task(state: State, framework: FrameworkState, task: Task, *, unreachable: bool = False) -> None:
    """Take a task that has ended out of the accounts and into the framework's history."""
    assert not task.holds_resources, f"{task} is removed while it holds resources"
    del framework.tasks[task.task_id]
    state.task_states[task.state] -= 1
    agent, key = state.agents[task.agent_id], task.key
    _discard(agent.tasks, framework.id, task.task_id)
    agent.killed.pop(key, None)
    agent.revoked.pop(key, None)
    state.revocations.forget(key)
    if agent.deactivation is not None:
        state.wishes.emptied[agent.id] = None
    if unreachable:
        remember(framework.unreachable_tasks, task.task_id, task, state.config.unreachable_tasks_max)
    else:
        framework.completed_tasks.append(task)


def end_task(
    state: State,
    framework: FrameworkState,
    task: Task,
    update: StatusUpdate,
    now: float,
    *,
    unreachable: bool,
) -> None:
    """End a task by the master's own word, and tell its framework."""
    update_task(state, task, update, now)
    remove_task(state, framework, task, unreachable=unreachable)
    tell_of_task(state, framework, update)


def forget_unreachable(state: State, id: AgentId) -> list[tuple[FrameworkState, Task]]:
    """Forget which tasks were on an unreachable agent; return those still in their frameworks' accounts."""
    known: list[tuple[FrameworkState, Task]] = []
    for framework_id, task_id in state.past.tasks.pop(id, ()):
        framework = state.frameworks.get(framework_id)
        task = framework.unreachable_tasks.get(task_id) if framework is not None else None
        if framework is not None and task is not None and task.agent_id == id:
            known.append((framework, task))
    return known


def bury_unreachable_task(state: State, framework: FrameworkState, task: Task, update: StatusUpdate) -> None:
    """Note the end of a task that was on an unreachable agent: it holds nothing any more."""
    if task.state not in TERMINAL_STATES:
        task.state = update.status.state
    if keep_status(state, task, update.status):
        state.publish(TaskUpdated(framework.id, update.status, task.state))
    del framework.unreachable_tasks[task.task_id]
    framework.completed_tasks.append(task)


def _discard(accounts: dict[Any, dict[Any, Any]], outer: object, inner: object) -> None:
    """Remove an entry of a dictionary in a dictionary, and the inner one when it gets empty."""
    entries = accounts.get(outer)
    if entries is not None:
        entries.pop(inner, None)
        if not entries:
            del accounts[outer]


# Handlers -------------------------------------------------------------------------------------------


def on_update_received(state: State, event: UpdateReceived, now: float) -> None:
    """Pass an agent's update on to the framework, and note it."""
    counters = state.counters
    counters["master/messages_status_update"] += 1
    update = event.update
    status = update.status
    agent = state.agents.get(update.agent_id) if update.agent_id is not None else None
    told = {status.state, update.latest_state}
    if agent is None or agent.pid != event.sender or update.uuid is None or told & NEVER_FROM_AGENTS:
        counters["master/invalid_status_updates"] += 1
        state.warn(
            f"Ignoring status update of task {status.task_id} from {event.sender}: {_fault(agent, event)}"
        )
        return
    framework = state.frameworks.get(update.framework_id)
    if framework is None and _is_over(state, update.framework_id, now):
        # Nobody will ever acknowledge this: the agent is to let go of all that it has of the framework.
        state.tell_agent(agent, ShutdownFramework(update.framework_id))
    task = framework.tasks.get(status.task_id) if framework is not None else None
    if task is not None and task.agent_id != agent.id:
        task = None
    if framework is not None and task is not None and agent.revoked:
        update = _with_cause(framework, agent, update)
    connected = framework is not None and framework.connected
    if framework is not None and framework.connected and framework.peer is not None:
        if task is not None and task.sent_state not in TERMINAL_STATES:  # else this one comes late
            task.sent_state, task.sent_uuid = status.state, update.uuid
        state.effects.append(SendToFramework(framework.peer, Updated(update, event.pid or agent.pid)))
    if task is not None:
        update_task(state, task, update, now)
    elif framework is not None and not is_terminal(update.latest_state or status.state):
        # Its framework was told that it is over, and its resources are offered again.
        state.tell_agent(agent, KillTask(framework.id, status.task_id))
    valid = connected and task is not None
    counters["master/valid_status_updates" if valid else "master/invalid_status_updates"] += 1


def _is_over(state: State, id: FrameworkId, now: float) -> bool:
    """Tell whether a framework that is in no account is awaited no more. One that has tasks comes back into
    the accounts with its agents; what an agent says of a task that it never had is awaited no longer than
    those. Whoever comes later asks for it."""
    awaited_until = state.leads_since + state.config.agent_reregister_timeout_s
    return id in state.completed_frameworks or now > awaited_until


def _with_cause(framework: FrameworkState, agent: AgentState, update: StatusUpdate) -> StatusUpdate:
    """Say of a task that was killed for a role's guarantee that it was; the agent does not know."""
    role = agent.revoked.get((framework.id, update.status.task_id))
    if role is None or update.status.state is not TaskState.TASK_KILLED:
        return update
    knows = framework.info.options.revocation_notices
    status = msgspec.structs.replace(
        update.status,
        reason=TaskReason.REASON_REVOKED if knows else TaskReason.REASON_CONTAINER_PREEMPTED,
        message=f"Revoked for role '{role}', which is below its guarantee",
    )
    return msgspec.structs.replace(update, status=status)


def _fault(agent: AgentState | None, event: UpdateReceived) -> str:
    """Say why an update is ignored."""
    if agent is None:
        return f"agent {event.update.agent_id} is not registered"
    if agent.pid != event.sender:
        return f"agent {agent.id} is at {agent.pid}"
    if event.update.uuid is None:
        return "it has no uuid"
    return f"agents cannot tell of {' or '.join(sorted(state.name for state in NEVER_FROM_AGENTS))}"


def on_update_acknowledged(state: State, event: UpdateAcknowledged, now: float) -> None:
    """Pass an acknowledgement on to the agent; forget a task whose end is acknowledged."""
    counters = state.counters
    framework = caller(state, event)
    counters["master/messages_status_update_acknowledgement"] += 1
    agent = state.agents.get(event.agent_id)
    if framework is None or agent is None or not agent.connected:
        counters["master/invalid_status_update_acknowledgements"] += 1
        return
    task = framework.tasks.get(event.task_id)
    if task is not None and task.agent_id == agent.id:
        if task.sent_uuid is None:
            counters["master/invalid_status_update_acknowledgements"] += 1
            return
        if _is_end(task, event.uuid):
            remove_task(state, framework, task)
    acknowledgement = AcknowledgeUpdate(framework.id, agent.id, event.task_id, event.uuid)
    state.effects.append(SendToAgent(agent.pid, acknowledgement))
    counters["master/valid_status_update_acknowledgements"] += 1


def _is_end(task: Task, uuid: bytes) -> bool:
    """Tell whether an update of this name told of the task's end, sent by this master or by one before."""
    if task.sent_uuid == uuid:
        return task.sent_state in TERMINAL_STATES
    return any(status.uuid == uuid and status.state in TERMINAL_STATES for status in task.statuses)


def on_kill_requested(state: State, event: KillRequested, now: float) -> None:
    """Tell the agent to kill a task, now and when it comes back; an unknown task is reconciled."""
    framework = caller(state, event)
    if framework is None:
        return
    state.counters["master/messages_kill_task"] += 1
    task = framework.tasks.get(event.task_id)
    if task is None:
        reconcile_task(state, framework, event.task_id, event.agent_id, now)
        return
    if event.agent_id is not None and event.agent_id != task.agent_id:
        state.warn(
            f"Cannot kill task {task.task_id} of framework {framework}: it is not on agent {event.agent_id}"
            f" but on {task.agent_id}"
        )
        return
    agent = state.agents[task.agent_id]
    agent.killed[framework.id, task.task_id] = None
    if agent.connected:
        state.tell_agent(agent, KillTask(framework.id, task.task_id, event.kill_policy))
