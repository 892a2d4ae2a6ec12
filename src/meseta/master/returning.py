"""Agents that come back: what they say that they run, held against what the master knows.

An agent that comes back brings its tasks and executors with it; a framework that the master does not know is
taken into the accounts from the agent's word ("recovered"). What an agent runs and the master has given up
for lost is killed: a task never runs on after its framework was told of its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from meseta.allocator.allocator import RoleResources
from meseta.ids import AgentId, ExecutorId, FrameworkId, TaskId
from meseta.master.agents import add_agent, reconnect_agent, watch_returning
from meseta.master.draining import repeat_drain
from meseta.master.effects import (
    AgentAdded,
    AgentReregistered,
    KillTask,
    ReconciledTasks,
    SendToAgent,
    Shutdown,
    ShutdownFramework,
    TaskAdded,
    UpdateFramework,
)
from meseta.master.events import ReregistrationRequested
from meseta.master.frameworks import recover_framework
from meseta.master.gone import refuse_gone
from meseta.master.history import forget_returned, recall_completed
from meseta.master.maintenance import leave_if_down, refuse_down
from meseta.master.pending import PendingAgent
from meseta.master.registry import MarkReachable, UpdateAgentInfo
from meseta.master.state import (
    ENDED_STATES,
    AgentState,
    Executor,
    FrameworkState,
    State,
    Task,
    address_of,
    new_agent,
)
from meseta.master.statuses import latest_update
from meseta.master.tasks import (
    add_executor,
    add_task,
    forget_unreachable,
    kept_statuses,
    remove_executor,
    tell_of_task,
)
from meseta.master.vetting import is_refused
from meseta.records import (
    TERMINAL_STATES,
    AgentInfo,
    ExecutorInfo,
    TaskReason,
    TaskRecord,
    TaskSource,
    TaskStatus,
    is_terminal,
)
from meseta.resources import Resources, total_of


def on_reregistration_requested(state: State, event: ReregistrationRequested, now: float) -> None:
    """Let an agent that has an id back in, after the registry has written what is new about it."""
    state.counters["master/messages_reregister_slave"] += 1
    id = event.info.id
    assert id is not None, "the edge drops a re-registration without an id"
    if id in state.reregistering or refuse_gone(state, event) or refuse_down(state, event):
        return
    if is_refused(state, event):
        return
    agent = state.agents.get(id)
    if agent is not None and agent.leaving is not None:
        return  # It is told to come again when the registry has written that it left.
    if agent is not None and not _same_machine(agent, event):
        message = "Agent attempted to reregister with different IP / hostname"
        state.warn(f"{message}: {id} at {event.sender} was at {agent.pid}; shutting it down")
        state.effects.append(SendToAgent(event.sender, Shutdown(message), event.registration))
        return
    known = agent.info if agent is not None else state.recovered_agents.get(id)
    if known is not None and _same_info(known, event):
        readmit(state, event, now)
        return
    mutation = MarkReachable(event.info) if known is None else UpdateAgentInfo(event.info)
    state.reregistering[id] = state.persist(mutation, PendingAgent(event, event.info))


def _same_machine(agent: AgentState, event: ReregistrationRequested) -> bool:
    ours, theirs = address_of(agent.pid), address_of(event.sender)
    same_ip = ours.rpartition(":")[0] == theirs.rpartition(":")[0]
    return same_ip and agent.info.hostname == event.info.hostname


def _same_info(known: AgentInfo, event: ReregistrationRequested) -> bool:
    if known.raw and known.raw == event.info.raw:
        return True
    return msgspec.structs.replace(known, raw=b"") == msgspec.structs.replace(event.info, raw=b"")


def readmit(state: State, event: ReregistrationRequested, now: float) -> None:
    """Take an agent back in with what it runs."""
    assert event.info.id is not None
    agent = state.agents.get(event.info.id)
    if agent is None:
        _add_returning(state, event, now)
    elif agent.leaving is not None:
        return
    else:
        _refresh_known(state, agent, event, now)
    agent = state.agents[event.info.id]
    repeat_drain(state, agent, now)
    _settle_frameworks(state, agent, event)
    leave_if_down(state, agent)


def _add_returning(state: State, event: ReregistrationRequested, now: float) -> None:
    """Take an agent into the accounts that this master does not have there."""
    assert event.info.id is not None
    agent = new_agent(event.info, event, state.wall(now))
    agent.reregistered_time = state.wall(now)
    state.counters["master/slave_reregistrations"] += 1
    for info in event.frameworks:
        if info.id is not None and info.id not in state.frameworks and not _is_completed(state, info.id):
            recover_framework(state, info)
    told = _why_told(state, agent.id)
    used = _adopt(state, agent, event, now, told)
    add_agent(state, agent, used, now)
    state.tell_agent(agent, AgentReregistered(agent.id, state.config.ping_timeout_s))
    watch_returning(state, agent, now)
    for framework, task in forget_unreachable(state, agent.id):  # What it did not report is gone.
        del framework.unreachable_tasks[task.task_id]
    state.publish(AgentAdded(agent.id))


def _why_told(state: State, id: AgentId) -> str | None:
    """Say how frameworks are told of the tasks of an agent that is back; None: they are not."""
    if id in state.recovered_agents:
        return None
    return (
        "Unreachable agent re-reregistered" if id in state.past.unreachable else "Unknown agent reregistered"
    )


def _is_completed(state: State, id: FrameworkId | None) -> bool:
    return id is not None and id in state.completed_frameworks


def _adopt(
    state: State, agent: AgentState, event: ReregistrationRequested, now: float, told: str | None
) -> Mapping[FrameworkId, RoleResources]:
    """Take the agent's executors and tasks into the accounts; return what they hold, for the allocator."""
    held: dict[tuple[FrameworkId, str], list[Resources]] = {}
    for info in event.executors:
        framework = state.frameworks.get(info.framework_id) if info.framework_id is not None else None
        if framework is not None:
            executor = Executor(info, framework.id, agent.id, info.allocation_role or _only_role(framework))
            add_executor(framework, agent, executor)
            held.setdefault((framework.id, executor.role), []).append(executor.resources)
    for record in event.tasks:
        framework = state.frameworks.get(record.framework_id)
        task = _adopt_task(state, framework, agent, record) if framework is not None else None
        if framework is None or task is None:
            continue
        if task.state not in ENDED_STATES:
            held.setdefault((framework.id, task.role), []).append(record.resources)
        if told is not None:
            reason = TaskReason.REASON_AGENT_REREGISTERED
            tell_of_task(state, framework, latest_update(task, state.wall(now), reason, told))
    forget_returned(state, agent)
    recall_completed(state, agent.id, event.completed)
    used: dict[FrameworkId, dict[str, Resources]] = {}
    for (framework_id, role), vectors in held.items():
        used.setdefault(framework_id, {})[role] = total_of(*vectors)
    return used


def _adopt_task(
    state: State, framework: FrameworkState, agent: AgentState, record: TaskRecord
) -> Task | None:
    """Take a reported task into the accounts, unless its id is in use on another agent: then kill it.

    An agent may not know yet that an end is acknowledged. Such a task would stay in the accounts for ever.
    """
    if record.state in TERMINAL_STATES and _is_settled(framework, record):
        return None
    other = framework.tasks.get(record.task_id)
    if other is not None:
        state.warn(
            f"Killing task {record.task_id} of framework {framework} on agent {agent}: another task of this"
            f" id is on agent {other.agent_id}"
        )
        state.tell_agent(agent, KillTask(framework.id, record.task_id))
        return None
    if framework.unreachable_tasks:
        framework.unreachable_tasks.pop(record.task_id, None)
    role = record.allocation_role or _only_role(framework)
    task = Task(
        record,
        framework.id,
        agent.id,
        record.executor_id or None,
        role,
        record.state,
        kept_statuses(state.config, record.statuses),
        record.status_update_state,
        record.status_update_uuid,
    )
    add_task(state, framework, agent, task)
    if state.subscribers:  # Else the event of each of very many tasks would be made for nobody.
        state.publish(TaskAdded(framework.id, task.task_id))
    return task


def _is_settled(framework: FrameworkState, record: TaskRecord) -> bool:
    """Tell whether the framework has acknowledged the end that an agent reports."""
    uuids = {record.status_update_uuid, *(status.uuid for status in record.statuses)} - {None}
    return any(
        task.task_id == record.task_id and is_terminal(task.state) and task.sent_uuid in uuids
        for task in framework.completed_tasks
    )


def _only_role(framework: FrameworkState) -> str:
    """Return the role of what an agent without MULTI_ROLE reports."""
    return framework.info.roles[0] if framework.info.roles else "*"


def _refresh_known(state: State, agent: AgentState, event: ReregistrationRequested, now: float) -> None:
    """Bring the accounts of an agent up to date that has been away for less than it takes to give it up."""
    reconnect_agent(state, agent, event, now)
    reported = {(record.framework_id, record.task_id): record for record in event.tasks}
    reconciliations = tuple(_missing_tasks(state, agent, reported, now))
    state.tell_agent(agent, AgentReregistered(agent.id, state.config.ping_timeout_s, reconciliations))
    _drop_missing_executors(state, agent, event.executors, now)
    _kill_unwanted(state, agent, reported.values())


def _missing_tasks(
    state: State, agent: AgentState, reported: dict[tuple[FrameworkId, TaskId], TaskRecord], now: float
) -> Iterable[ReconciledTasks]:
    """Ask the agent about tasks that it did not report; it answers with TASK_LOST or TASK_DROPPED."""
    for framework_id, tasks in agent.tasks.items():
        statuses = tuple(
            TaskStatus(
                task_id=task.task_id,
                state=task.sent_state if task.sent_state is not None else task.state,
                source=TaskSource.SOURCE_MASTER,
                reason=TaskReason.REASON_RECONCILIATION,
                message="Reconciliation request",
                agent_id=agent.id,
                timestamp=state.wall(now),
            )
            for task in tasks.values()
            if (framework_id, task.task_id) not in reported
        )
        if statuses:
            yield ReconciledTasks(framework_id, state.frameworks[framework_id].info, statuses)


def _drop_missing_executors(
    state: State, agent: AgentState, reported: tuple[ExecutorInfo, ...], now: float
) -> None:
    present: set[tuple[FrameworkId | None, ExecutorId]] = {
        (info.framework_id, info.executor_id) for info in reported
    }
    for framework_id, executors in list(agent.executors.items()):
        for executor in list(executors.values()):
            if (framework_id, executor.executor_id) not in present:
                remove_executor(state, state.frameworks[framework_id], agent, executor, now)


def _kill_unwanted(state: State, agent: AgentState, reported: Iterable[TaskRecord]) -> None:
    """Have tasks killed that a framework wants killed, or that it was told are over."""
    for record in reported:
        if is_terminal(record.state) or record.framework_id not in state.frameworks:
            continue
        key = (record.framework_id, record.task_id)
        ours = agent.tasks.get(record.framework_id, {})
        if key in agent.killed or record.task_id not in ours:
            state.tell_agent(agent, KillTask(*key))


def _settle_frameworks(state: State, agent: AgentState, event: ReregistrationRequested) -> None:
    """Tell the agent which of its frameworks are over, and who and where the others are now.

    A framework that is in no account by now is over, even if that is so long ago that it is forgotten.
    """
    for info in event.frameworks:
        if info.id is None:
            continue
        framework = state.frameworks.get(info.id)
        if framework is None:
            state.tell_agent(agent, ShutdownFramework(info.id))
            continue
        framework.agents[agent.id] = None
        if not framework.recovered:
            state.tell_agent(agent, UpdateFramework(framework.id, framework.info, framework.pid))
