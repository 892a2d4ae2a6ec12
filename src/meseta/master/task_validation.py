"""Whether a task, or a group of tasks, may be launched: the rules that need the master's state.

Faults are Mesos's sentences (src/master/validation.cpp), in Mesos's order: first what concerns the task by
itself, then its executor, then whether the offer holds what both need. What can be seen from a message alone
was found at the edge and is in the faults of `TaskInfo` and `ExecutorInfo`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import msgspec

from meseta.ids import id_fault
from meseta.master.state import AgentState, Executor, FrameworkState
from meseta.records import ExecutorInfo, ExecutorType, LaunchGroup, TaskInfo
from meseta.resources import Resources, format_resources
from meseta.resources.faults import (
    is_overlapping,
    mixed_revocable_fault,
    unique_persistence_fault,
    use_fault,
)

EXECUTOR_CPUS_MIN_MILLI = 10
EXECUTOR_MEM_MIN_MILLI = 32_000
REMEMBERED_MAX = 10_000
"""Vectors of resources that are remembered: most tasks ask for what others asked for."""

_plain_id = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,254}", re.ASCII).fullmatch


def task_fault(
    framework: FrameworkState, agent: AgentState, task: TaskInfo, offered: Resources, role: str
) -> str | None:
    """Say why a task may not be launched from what is left of the offer, if so."""
    fault = _own_fault(framework, agent, task)
    if fault is not None:
        return fault
    executor = task.executor
    if (executor is not None) == task.has_command:
        return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
    needed = task.resources
    foreign = task.allocation_role is not None and task.allocation_role != role
    if executor is not None:
        fault = _executor_fault(framework, agent, executor) or _shared_executor_fault(task, executor)
        if fault is not None:
            return fault
        if known_executor(framework, agent, executor) is None:
            needed += executor.resources
            foreign = foreign or (executor.allocation_role or role) != role
    if foreign or not offered.contains(needed):
        wants, has = format_resources(needed, task.allocation_role or role), format_resources(offered, role)
        return f"Total resources {wants} required by task and its executor is more than available {has}"
    return None


def group_fault(
    framework: FrameworkState, agent: AgentState, launch: LaunchGroup, offered: Resources, role: str
) -> str | None:
    """Say why a group of tasks may not be launched from what is left of the offer, if so."""
    executor = launch.executor
    for task in launch.group.tasks:
        fault = _own_fault(framework, agent, task)
        if fault is not None:
            return f"Task '{task.task_id}' is invalid: {fault}"
    return (
        _repeated_task_fault(launch)
        or _executor_fault(framework, agent, executor)
        or _group_executor_fault(launch, executor)
        or _group_resources_fault(launch)
        or _group_size_fault(framework, agent, launch, offered, role)
    )


def resources_fault(infos: Iterable[TaskInfo | ExecutorInfo]) -> str | None:
    """Say which of the resources of what an operation launches are no resources, if any.

    Mesos does nothing at all of such an operation, not even with its other tasks.
    """
    for info in infos:
        executor = info.executor if isinstance(info, TaskInfo) else None
        fault = info.resources_fault or (executor.resources_fault if executor is not None else None)
        if fault is not None:
            return fault
    return None


def known_executor(framework: FrameworkState, agent: AgentState, info: ExecutorInfo) -> Executor | None:
    """Return the executor of this id that runs on the agent, if any."""
    executors = agent.executors.get(framework.id)
    return executors.get(info.executor_id) if executors is not None else None


def _own_fault(framework: FrameworkState, agent: AgentState, task: TaskInfo) -> str | None:
    task_id = task.task_id
    if _plain_id(task_id) is None and (fault := id_fault(task_id)) is not None:
        return fault
    if task_id in framework.tasks:
        return f"Task has duplicate ID: {task_id}"
    if task_id in framework.unreachable_tasks:
        return f"Task reuses the ID of an unreachable task: {task_id}"
    if task.agent_id != agent.id:
        return f"Task uses invalid agent {task.agent_id} while agent {agent.id} is expected"
    if task.fault is not None:
        return task.fault
    if not task.resources:
        return "Task uses no resources"
    return (
        _use_fault(task.resources, _TASK)
        or task.contents_fault
        or (_limits_fault(agent, task) if task.limits else None)
    )


def _limits_fault(agent: AgentState, task: TaskInfo) -> str | None:
    if "TASK_RESOURCE_LIMITS" not in agent.capabilities:
        return "Agent is not capable of handling task resource limits"
    limits = dict(task.limits)
    if limits.keys() - {"cpus", "mem"}:
        return "Only cpus and mem may be included in a task's resource limits"
    for name, what, short in (("cpus", "CPU", "cpu"), ("mem", "memory", "memory")):
        if (limit := limits.get(name)) is None:
            continue
        requested = task.resources.scalar(name)
        if not requested:
            return f"When a {what} limit is specified, a {what} request must also be specified"
        if limit * 1000 < requested:
            return f"The {short} limit must be greater than or equal to the {short} request"
    return None


class _Sentences(NamedTuple):
    """How faults of the use of resources begin, by whose resources they are."""

    invalid: str
    repeated: str
    mixed: str


_TASK = _Sentences(
    "Task uses invalid resources",
    "Task uses duplicate persistence ID",
    "Task mixes revocable and non-revocable resources",
)
_EXECUTOR = _Sentences(
    "Executor uses invalid resources",
    "Executor uses duplicate persistence ID",
    "Executor mixes revocable and non-revocable resources",
)
_BOTH = _Sentences(
    "Task and its executor use invalid resources",
    "Task and its executor use duplicate persistence ID",
    "Task and its executor mix revocable and non-revocable resources",
)
_GROUP = _Sentences(
    "Task group and its executor use invalid resources",
    "Task group and executor use duplicate persistence ID",
    "Task group and executor mix revocable and non-revocable resources",
)


def _use_fault(resources: Resources, sentences: _Sentences) -> str | None:
    """Say why valid resources cannot be used together, if so."""
    if not resources.says_more and _are_usable(resources):
        return None
    for start, fault in zip(sentences, _use_faults(resources), strict=True):
        if fault is not None:
            return f"{start}: {fault}"
    return None


@lru_cache(maxsize=REMEMBERED_MAX)
def _are_usable(resources: Resources) -> bool:
    """Tell whether nothing is wrong, as nearly always, with resources of which equality says all."""
    return not any(_use_faults(resources))


def _use_faults(resources: Resources) -> tuple[str | None, str | None, str | None]:
    """Return what is wrong in each of the three ways."""
    return use_fault(resources), unique_persistence_fault(resources), mixed_revocable_fault(resources)


def _executor_fault(framework: FrameworkState, agent: AgentState, executor: ExecutorInfo) -> str | None:
    if executor.fault is not None:
        return executor.fault
    executor_id = executor.executor_id
    if _plain_id(executor_id) is None and (fault := id_fault(executor_id)) is not None:
        return fault
    if executor.framework_id is not None and executor.framework_id != framework.id:
        return (
            "ExecutorInfo has an invalid FrameworkID"
            f" (Actual: {executor.framework_id} vs Expected: {framework.id})"
        )
    if (fault := _use_fault(executor.resources, _EXECUTOR)) is not None:
        return fault
    known = known_executor(framework, agent, executor)
    if known is not None and not _compatible(known.info, executor):
        return (
            "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID"
            f" '{executor_id}': to change an executor, use another id or wait until the old one has ended"
        )
    return None


def _shared_executor_fault(task: TaskInfo, executor: ExecutorInfo) -> str | None:
    """Say why an executor cannot be that of a task in no group, if so."""
    if executor.type is not ExecutorType.CUSTOM:
        return "'ExecutorInfo.type' must be 'CUSTOM'"
    if executor.resources.shared():
        return (
            f"Executor resources {format_resources(executor.resources, executor.allocation_role)}"
            " should not contain any shared resources"
        )
    if not executor.resources:
        return None
    total = task.resources + executor.resources
    if is_overlapping(task.resources, executor.resources):
        role = executor.allocation_role
        return (
            f"There are overlapping resources in the task resources {format_resources(task.resources, role)}"
            f" and executor resources {format_resources(executor.resources, role)}"
        )
    return _use_fault(total, _BOTH)


def _compatible(known: ExecutorInfo, asked: ExecutorInfo) -> bool:
    """Tell whether two infos describe the same executor.

    Bytes differ without a difference in meaning when the known one came back from an agent, with the
    framework's id and the role filled in.
    """
    return (known.raw == asked.raw and known.raw != b"") or _essence(known) == _essence(asked)


def _essence(info: ExecutorInfo) -> ExecutorInfo:
    return msgspec.structs.replace(info, framework_id=None, allocation_role=None, raw=b"")


def _repeated_task_fault(launch: LaunchGroup) -> str | None:
    seen: set[str] = set()
    for task in launch.group.tasks:
        if task.task_id in seen:
            return f"Task '{task.task_id}' is invalid: Task has duplicate ID: {task.task_id}"
        seen.add(task.task_id)
    return None


def _group_executor_fault(launch: LaunchGroup, executor: ExecutorInfo) -> str | None:
    if executor.type is ExecutorType.UNKNOWN:
        return "Unknown executor type"
    for task in launch.group.tasks:
        if task.executor is not None and not _compatible(task.executor, executor):
            return (
                f"The `ExecutorInfo` of task '{task.task_id}' is different from"
                f" executor '{executor.executor_id}'"
            )
    resources = executor.resources
    if (cpus := resources.scalar("cpus")) < EXECUTOR_CPUS_MIN_MILLI:
        return _too_little(executor, "CPUs", f"{cpus / 1000:g}" if cpus else "None", "0.01")
    if (mem := resources.scalar("mem")) < EXECUTOR_MEM_MIN_MILLI:
        return _too_little(executor, "memory", _size_text(mem) if mem else "None", "32MB")
    if not resources.scalar("disk"):
        return f"Executor '{executor.executor_id}' uses no disk"
    return None


def _too_little(executor: ExecutorInfo, what: str, has: str, least: str) -> str:
    return f"Executor '{executor.executor_id}' uses less {what} ({has}) than the minimum required ({least})"


def _size_text(mem_milli: int) -> str:
    """Write an amount of memory in the largest unit that it is a multiple of."""
    size = (mem_milli << 20) // 1000
    for unit, power in (("MB", 20), ("KB", 10)):
        if not size % (1 << power):
            return f"{size >> power}{unit}"
    return f"{size}B"


def _group_resources_fault(launch: LaunchGroup) -> str | None:
    total = launch.executor.resources
    for task in launch.group.tasks:
        total += task.resources
    if (fault := _use_fault(total, _GROUP)) is not None:
        return fault
    each = [task.resources for task in launch.group.tasks]
    if is_overlapping(*each, launch.executor.resources):
        role = launch.executor.allocation_role
        shown = ", ".join(format_resources(resources, role) for resources in each)
        return (
            f"There are overlapping resources in the task group's task resources [ {shown} ]"
            f" and/or executor resources {format_resources(launch.executor.resources, role)}"
        )
    return None


def _group_size_fault(
    framework: FrameworkState, agent: AgentState, launch: LaunchGroup, offered: Resources, role: str
) -> str | None:
    infos: list[TaskInfo | ExecutorInfo] = list(launch.group.tasks)
    if known_executor(framework, agent, launch.executor) is None:
        infos.append(launch.executor)
    needed = Resources.EMPTY
    for info in infos:
        needed += info.resources
    foreign = next((info.allocation_role for info in infos if info.allocation_role not in (None, role)), None)
    if foreign or not offered.contains(needed):
        return (
            f"Total resources {format_resources(needed, foreign or role)} required by task group and"
            f" its executor are more than available {format_resources(offered, role)}"
        )
    return None
