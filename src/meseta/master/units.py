"""What ends together when tasks are to end: a task, or all tasks of a pod with its executor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from meseta.allocator.quota import contested, top_of
from meseta.allocator.victims import Runner
from meseta.ids import AgentId, ExecutorId, FrameworkId
from meseta.master.state import Executor, State, Task
from meseta.records import ExecutorType
from meseta.resources import EMPTY, Resources


class Unit(NamedTuple):
    """What ends together, as a policy sees it: under the name of the first of its tasks."""

    runner: Runner
    tasks: list[Task]


def units_of(state: State, tasks: Iterable[Task], now: float) -> list[Unit]:
    """Return tasks as units: those of one pod together, and what its executor holds if none go on there."""
    units: list[Unit] = []
    pods: dict[tuple[AgentId, FrameworkId, ExecutorId], list[Task]] = {}
    for task in tasks:
        if task.executor_id is not None and _pod(state, task) is not None:
            pods.setdefault((task.agent_id, task.framework_id, task.executor_id), []).append(task)
        else:
            units.append(_unit(state, [task], EMPTY, now))
    units += [_unit(state, members, _freed_beside(state, members), now) for members in pods.values()]
    return units


def _pod(state: State, task: Task) -> Executor | None:
    """Return the executor of the pods that a task is of; None for tasks that end alone."""
    executors = state.agents[task.agent_id].executors.get(task.framework_id, {})
    executor = executors.get(task.executor_id) if task.executor_id is not None else None
    return executor if executor is not None and executor.info.type is ExecutorType.DEFAULT else None


def _freed_beside(state: State, members: list[Task]) -> Resources:
    """Return what a pod's executor frees when these tasks end: nothing if others go on."""
    first, pod = members[0], _pod(state, members[0])
    there = state.agents[first.agent_id].tasks[first.framework_id].values()
    running = sum(task.executor_id == first.executor_id and task.holds_resources for task in there)
    return pod.resources if pod is not None and running == len(members) else EMPTY


def _unit(state: State, tasks: list[Task], beside: Resources, now: float) -> Unit:
    first = tasks[0]
    amounts = contested(sum((task.resources for task in tasks), beside))
    running_s = max(_running_s(state, task, now) for task in tasks)
    role = top_of(first.role)
    return Unit(Runner(first.framework_id, first.task_id, first.agent_id, role, amounts, running_s), tasks)


def _running_s(state: State, task: Task, now: float) -> float:
    """Return for how long a task has run; 0 for one that is being killed: its work is lost already."""
    killed = task.key in state.agents[task.agent_id].killed
    since = task.statuses[0].timestamp if task.statuses else None
    return max(0.0, state.wall(now) - since) if since is not None and not killed else 0.0
