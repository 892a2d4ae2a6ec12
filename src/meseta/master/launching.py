"""Launching tasks and groups of tasks out of what an accepted offer holds.

Each function takes what is left of the offer and returns what is left afterwards. What a launch consumes
was allocated to the framework as offered and stays allocated to it as used: the allocator is not asked, but
told of every further use of a shared volume.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meseta.ids import AgentId, ExecutorId
from meseta.master.approval import RUN_TASK
from meseta.master.counters import count_task_end
from meseta.master.demand import lessen_demand
from meseta.master.effects import RunTask, RunTaskGroup, TaskAdded
from meseta.master.state import AgentState, Executor, FrameworkState, State, Task
from meseta.master.statuses import make_update
from meseta.master.task_validation import group_fault, known_executor, resources_fault, task_fault
from meseta.master.tasks import add_executor, add_task, tell_of_task
from meseta.records import (
    ExecutorInfo,
    Launch,
    LaunchGroup,
    TaskInfo,
    TaskReason,
    TaskSource,
    TaskState,
)
from meseta.resources import Resources


def launch(
    state: State,
    framework: FrameworkState,
    agent: AgentState,
    role: str,
    operation: Launch,
    left: Resources,
    now: float,
) -> Resources:
    """Launch tasks one by one; each invalid one is refused by an update, the others run."""
    fault = resources_fault(operation.tasks)
    if fault is None and operation.id is not None:
        fault = "The `id` field cannot be set on LAUNCH operations"
    if fault is not None:
        refuse_invalid(state, framework, operation.tasks, TaskReason.REASON_TASK_INVALID, fault, now)
        return left
    for info in operation.tasks:
        if not _may_run(state, framework):
            fault, reason = _not_authorized(framework), TaskReason.REASON_TASK_UNAUTHORIZED
            refuse_invalid(state, framework, (info,), reason, fault, now)
        elif (invalid := task_fault(framework, agent, info, left, role)) is not None:
            refuse_invalid(state, framework, (info,), TaskReason.REASON_TASK_INVALID, invalid, now)
        else:
            left = _launch_task(state, framework, agent, role, info, left)
    return left


def _launch_task(
    state: State, framework: FrameworkState, agent: AgentState, role: str, info: TaskInfo, left: Resources
) -> Resources:
    """Take a valid task into the accounts and send it to its agent."""
    executor_id: ExecutorId | None = None
    starts_executor = True
    if info.executor is not None:
        executor_id = info.executor.executor_id
        left, starts_executor = _start_executor(state, framework, agent, role, info.executor, left)
    add_task(state, framework, agent, Task(_kept(info), framework.id, agent.id, executor_id, role))
    message = RunTask(
        framework.id, framework.info, framework.pid, info, role, starts_executor, agent.resource_version
    )
    state.tell_agent(agent, message)
    state.publish(TaskAdded(framework.id, info.task_id))
    return _use(state, framework, agent, role, info.resources, left)


def launch_group(
    state: State,
    framework: FrameworkState,
    agent: AgentState,
    role: str,
    operation: LaunchGroup,
    left: Resources,
    now: float,
) -> Resources:
    """Launch a group of tasks on one executor: all of them, or none."""
    infos = operation.group.tasks
    malformed = resources_fault((operation.executor, *infos))
    if malformed is not None:
        invalid, reason = malformed, _GROUP_INVALID
    elif operation.id is not None:
        invalid, reason = "The `id` field cannot be set on LAUNCH_GROUP operations", _GROUP_INVALID
    elif not _may_run(state, framework):
        invalid, reason = _not_authorized(framework), TaskReason.REASON_TASK_GROUP_UNAUTHORIZED
    else:
        fault = group_fault(framework, agent, operation, left, role)
        if fault is None:
            return _launch_group(state, framework, agent, role, operation, left) if infos else left
        invalid, reason = fault, _GROUP_INVALID
    refuse_invalid(state, framework, infos, reason, invalid, now)
    return left


_GROUP_INVALID = TaskReason.REASON_TASK_GROUP_INVALID


def _launch_group(
    state: State,
    framework: FrameworkState,
    agent: AgentState,
    role: str,
    operation: LaunchGroup,
    left: Resources,
) -> Resources:
    """Take a valid group into the accounts and send it to its agent."""
    executor = operation.executor
    left, starts_executor = _start_executor(state, framework, agent, role, executor, left)
    for info in operation.group.tasks:
        task = Task(_kept(info), framework.id, agent.id, executor.executor_id, role)
        add_task(state, framework, agent, task)
        state.publish(TaskAdded(framework.id, info.task_id))
        left = _use(state, framework, agent, role, info.resources, left)
    message = RunTaskGroup(
        framework.id, framework.info, executor, operation.group, role, starts_executor, agent.resource_version
    )
    state.tell_agent(agent, message)
    return left


def _kept(info: TaskInfo) -> TaskInfo:
    """Return what is to be remembered of a task that is launched: not what only its agent needs."""
    if info.executor is None and not info.brief:
        return info
    raw = info.brief or info.raw
    return msgspec.structs.replace(info, executor=None, container=b"", raw=raw, brief=b"")


def _use(
    state: State, framework: FrameworkState, agent: AgentState, role: str, used: Resources, left: Resources
) -> Resources:
    """Take what is used out of what is left. A shared volume stays there for others, as one copy more."""
    lessen_demand(framework, role, used)
    shared = used.shared()
    if shared:
        state.allocator.update_allocation(framework.id, agent.id, role, Resources.EMPTY, shared)
        left += shared
    return left - used


def _start_executor(
    state: State,
    framework: FrameworkState,
    agent: AgentState,
    role: str,
    info: ExecutorInfo,
    left: Resources,
) -> tuple[Resources, bool]:
    """Take an executor into the accounts unless it runs already; say whether it is to be started."""
    if known_executor(framework, agent, info) is not None:
        return left, False
    add_executor(framework, agent, Executor(info, framework.id, agent.id, role))
    return _use(state, framework, agent, role, info.resources, left), True


# Refusals -------------------------------------------------------------------------------------------


def refuse_invalid(
    state: State,
    framework: FrameworkState,
    infos: Iterable[TaskInfo],
    reason: TaskReason,
    message: str,
    now: float,
) -> None:
    """Tell the framework that these tasks are in error."""
    _refuse(state, framework, infos, TaskState.TASK_ERROR, reason, message, now)


def refuse_dropped(
    state: State,
    framework: FrameworkState,
    infos: Iterable[TaskInfo],
    reason: TaskReason,
    message: str,
    now: float,
) -> None:
    """Tell the framework that these tasks were not launched, for no fault of theirs."""
    dropped = TaskState.TASK_DROPPED if framework.partition_aware else TaskState.TASK_LOST
    _refuse(state, framework, infos, dropped, reason, message, now)


def _refuse(
    state: State,
    framework: FrameworkState,
    infos: Iterable[TaskInfo],
    task_state: TaskState,
    reason: TaskReason,
    message: str,
    now: float,
) -> None:
    at = state.wall(now)
    for info in infos:
        agent_id: AgentId = info.agent_id
        update = make_update(at, framework.id, agent_id, info.task_id, task_state, reason, message)
        count_task_end(state.counters, task_state, TaskSource.SOURCE_MASTER, reason)
        tell_of_task(state, framework, update)


def _may_run(state: State, framework: FrameworkState) -> bool:
    return state.approvers.approves(RUN_TASK, framework.info.principal, framework.info.user)


def _not_authorized(framework: FrameworkState) -> str:
    return (
        f"Task is not authorized to launch as user '{framework.info.user}': framework principal"
        f" '{framework.info.principal or ''}' may not run tasks as that user"
    )
