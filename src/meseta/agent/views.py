"""What the agent's API shows of its state, and what it must know before it makes an event of a call.

Views only read. They return records and numbers; the edge turns these into messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from meseta.agent import gc
from meseta.agent.state import MILLI, Executor, ExecutorState, Framework, Phase, State, Task
from meseta.ids import ContainerId, ExecutorId, FrameworkId
from meseta.records import TaskState
from meseta.resources import Resources

MEASURED = ("cpus", "gpus", "mem", "disk")


class CallFault(NamedTuple):
    """Why an executor's call is refused: HTTP code and text."""

    code: int
    text: str


def executor_call_fault(
    state: State, framework_id: FrameworkId, executor_id: ExecutorId, *, subscribe: bool
) -> CallFault | None:
    """Say what is wrong with a v1 executor's call (but HEARTBEAT, which is always fine), if anything."""
    if state.phase is Phase.RECOVERING:
        return CallFault(503, "Agent has not finished recovery")
    framework = state.frameworks.get(framework_id)
    if framework is None:
        return CallFault(400, "Framework cannot be found")
    executor = framework.executors.get(executor_id)
    if executor is None:
        return CallFault(400, "Executor cannot be found")
    if not subscribe and executor.state is ExecutorState.REGISTERING:
        return CallFault(403, "Executor is not subscribed")
    return None


def executors(state: State) -> Iterator[tuple[Framework, Executor]]:
    """All executors that are not forgotten, with their frameworks."""
    for framework in state.frameworks.values():
        for executor in framework.executors.values():
            yield framework, executor


def tasks(state: State) -> Iterator[tuple[Framework, Executor, Task]]:
    """All tasks that are not forgotten: queued, launched, or with an end that waits for acknowledgement."""
    for framework, executor in executors(state):
        for task in executor.tasks.values():
            yield framework, executor, task


def allocated(state: State) -> Resources:
    """What executors and unfinished tasks hold."""
    total = Resources.EMPTY
    for _, executor in executors(state):
        total = total + executor.allocated()
    return total


class ContainerView(NamedTuple):
    """A container that is there, and whose it is. Guests of the API that are standalone have no owner."""

    container_id: ContainerId
    pid: int | None
    framework: Framework | None
    executor: Executor | None


def containers(state: State) -> Iterator[ContainerView]:
    """All containers that are not gone."""
    for container in state.containers:
        top = ContainerId(container.id.partition(".")[0])
        owner = state.owners.get(container.id) or state.owners.get(top)
        framework = None if owner is None else state.frameworks.get(owner.framework_id)
        executor = None if owner is None else state.executor(*owner)
        yield ContainerView(container.id, container.pid, framework, executor)


def metrics(state: State) -> dict[str, float]:
    """All metrics under Mesos's names."""
    values = state.counters.as_metrics()
    values["slave/registered"] = float(state.phase is Phase.RUNNING)
    values["slave/frameworks_active"] = float(len(state.frameworks))
    values["slave/executor_directory_max_allowed_age_secs"] = gc.age_max_s(state)
    values["gc/path_removals_pending"] = float(len(state.garbage))
    values["gc/path_removals_succeeded"] = float(state.collected)
    of_executors = Counter(executor.state for _, executor in executors(state))
    for executor_state in (ExecutorState.REGISTERING, ExecutorState.RUNNING, ExecutorState.TERMINATING):
        values[f"slave/executors_{executor_state.value}"] = float(of_executors[executor_state])
    of_tasks = Counter(task.state for *_, task in tasks(state))
    for name in ("staging", "starting", "running", "killing"):
        values[f"slave/tasks_{name}"] = float(of_tasks[TaskState[f"TASK_{name.upper()}"]])
    used = allocated(state)
    _measure(values, "", state.total.nonrevocable(), used.nonrevocable())
    _measure(values, "revocable_", state.total.revocable(), used.revocable())
    return values


def _measure(values: dict[str, float], infix: str, total: Resources, used: Resources) -> None:
    """Add amounts and the share in use. `total` is what the agent has, `used` what tasks hold."""
    for name in MEASURED:
        have, taken = total.scalar(name) / MILLI, used.scalar(name) / MILLI
        values[f"slave/{name}_{infix}total"] = have
        values[f"slave/{name}_{infix}used"] = taken
        values[f"slave/{name}_{infix}percent"] = taken / have if have else 0.0
