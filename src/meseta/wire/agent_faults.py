"""What is wrong with what an agent says of itself when it registers, before any state is looked at.

The rules are those of Mesos (src/master/validation.cpp, registerSlave and reregisterSlave), which drops such
a message. Two rules are our own, because the accounts could not be right otherwise: what runs does not
overlap, and no task is in a state that only a master can tell of.
"""

from __future__ import annotations

from meseta.ids import ExecutorId, FrameworkId, id_fault
from meseta.master.events import ReregistrationRequested
from meseta.master.tasks import NEVER_FROM_AGENTS
from meseta.records import TERMINAL_STATES, ExecutorInfo, TaskState
from meseta.resources.faults import is_overlapping
from meseta.wire.faults import Fault, first
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.resources import lift_resources


def registration_fault(message: i.RegisterSlaveMessage) -> Fault:
    """Check the agent's id and its resources."""
    slave = message.slave
    if slave.id.value and (fault := id_fault(slave.id.value)) is not None:
        return f"its ID is invalid: {fault}"
    return first(lift_resources(slave.resources).fault, lift_resources(message.checkpointed_resources).fault)


def reregistration_fault(
    event: ReregistrationRequested, of_agent: Fault, of_frameworks: Fault, of_executors: Fault
) -> Fault:
    """Check an agent that comes back, and what it says that it runs.

    The last three say what is wrong with itself, with a framework's description, and with what an executor
    is said to hold.
    """
    frameworks = {info.id for info in event.frameworks if info.id is not None}
    executors = {(info.framework_id, info.executor_id) for info in event.executors}
    return first(
        of_agent,
        of_frameworks,
        "a framework is there twice" if len(frameworks) < len(event.frameworks) else None,
        first(*[_executor_fault(info, frameworks) for info in event.executors]),
        of_executors,
        _repeated_executor_fault(event),
        _tasks_fault(event, frameworks, executors),
        _overlap_fault(event),
    )


def _executor_fault(info: ExecutorInfo, frameworks: set[FrameworkId]) -> Fault:
    if (fault := id_fault(info.executor_id)) is not None:
        return f"Executor has an invalid ExecutorID: {fault}"
    if info.framework_id not in frameworks:
        return f"Executor has an invalid FrameworkID '{info.framework_id or ''}'"
    return None


def _repeated_executor_fault(event: ReregistrationRequested) -> Fault:
    seen: set[tuple[FrameworkId | None, ExecutorId]] = set()
    for info in event.executors:
        key = (info.framework_id, info.executor_id)
        if key in seen:
            return f"Framework '{info.framework_id}' has a duplicate ExecutorID '{info.executor_id}'"
        seen.add(key)
    return None


def _tasks_fault(
    event: ReregistrationRequested,
    frameworks: set[FrameworkId],
    executors: set[tuple[FrameworkId | None, ExecutorId]],
) -> Fault:
    agent_id = event.info.id
    held: Fault = None
    for task in event.tasks:
        if (fault := id_fault(task.task_id)) is not None:
            return f"Task has an invalid TaskID: {fault}"
        if task.agent_id != agent_id:
            return f"Task has an invalid SlaveID '{task.agent_id}'"
        if task.framework_id not in frameworks:
            return f"Task has an invalid FrameworkID '{task.framework_id}'"
        if task.state in NEVER_FROM_AGENTS:
            return f"Task '{task.task_id}' is said to be in {task.state.name}"
        runs = task.executor_id and task.state is TaskState.TASK_RUNNING
        if runs and (task.framework_id, task.executor_id) not in executors:
            return f"Task has an invalid ExecutorID '{task.executor_id}'"
        if task.resources_fault is not None:
            held = held or held_fault("Task", task.resources_fault)
    return held


def held_fault(what: str, fault: Fault) -> Fault:
    """Say that a task or executor cannot hold what it is said to hold, in the role that it is said to."""
    return None if fault is None else f"{what} uses invalid resources: {fault}"


def _overlap_fault(event: ReregistrationRequested) -> Fault:
    """Say that two tasks or executors hold the same port, or member of a set."""
    held = [task.resources for task in event.tasks if task.state not in TERMINAL_STATES]
    held += [info.resources for info in event.executors]
    return "what it runs overlaps in ranges or sets" if is_overlapping(*held) else None
