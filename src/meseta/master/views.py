"""Read-only sums and counts over a master's state, for endpoints and metrics.

Nothing here is kept up to date by handlers: a sum is computed when it is asked for, at a cost that follows
what it sums. Whoever asks often keeps the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meseta.master.state import AgentState, FrameworkState, State, Task
from meseta.master.sums import Holder, users_of_framework, users_on_agent
from meseta.records import TaskState
from meseta.resources import Resources

GAUGED_STATES = (
    TaskState.TASK_STAGING,
    TaskState.TASK_STARTING,
    TaskState.TASK_RUNNING,
    TaskState.TASK_KILLING,
)
RESOURCE_NAMES = ("cpus", "gpus", "mem", "disk")


def total_of(holders: Iterable[Holder]) -> Resources:
    """Return the sum of what these hold."""
    total = Resources.EMPTY
    for holder in holders:
        total += holder.resources
    return total


def used_by_framework(framework: FrameworkState) -> Resources:
    """Return what the framework's tasks and executors hold."""
    return total_of(users_of_framework(framework))


def offered_to_framework(framework: FrameworkState) -> Resources:
    """Return what the framework's open offers hold."""
    return total_of(framework.offers.values())


def used_on_agent(agent: AgentState) -> Resources:
    """Return what tasks and executors hold on the agent."""
    return total_of(users_on_agent(agent))


def offered_on_agent(agent: AgentState) -> Resources:
    """Return what open offers hold on the agent."""
    return total_of(agent.offers.values())


def free_on_agent(agent: AgentState) -> Resources:
    """Return what nobody holds on the agent, nor is offered."""
    return agent.total.subtract(used_on_agent(agent) + offered_on_agent(agent))


def task_counts(tasks: Iterable[Task]) -> dict[TaskState, int]:
    """Return how many of these tasks are in each state; states without tasks are left out."""
    counts: dict[TaskState, int] = {}
    for task in tasks:
        counts[task.state] = counts.get(task.state, 0) + 1
    return counts


def gauges(state: State, now: float) -> dict[str, float]:
    """Return what Mesos's metrics tell of the present, by Mesos's names. Counters are in `state.counters`."""
    return {
        "master/outstanding_offers": len(state.offers),
        "master/operator_event_stream_subscribers": state.subscribers,
        **dict(_agent_gauges(state)),
        **dict(_framework_gauges(state)),
        **dict(_task_gauges(state)),
        **dict(_resource_gauges(state)),
    }


def _agent_gauges(state: State) -> Iterator[tuple[str, float]]:
    agents = state.agents.values()
    connected = sum(agent.connected for agent in agents)
    active = sum(agent.active for agent in agents)
    yield "master/slaves_connected", connected
    yield "master/slaves_disconnected", len(agents) - connected
    yield "master/slaves_active", active
    yield "master/slaves_inactive", len(agents) - active
    yield "master/slaves_unreachable", len(state.past.unreachable)


def _framework_gauges(state: State) -> Iterator[tuple[str, float]]:
    frameworks = state.frameworks.values()
    connected = sum(framework.connected for framework in frameworks)
    active = sum(framework.active for framework in frameworks)
    yield "master/frameworks_connected", connected
    yield "master/frameworks_disconnected", len(frameworks) - connected
    yield "master/frameworks_active", active
    yield "master/frameworks_inactive", len(frameworks) - active


def _task_gauges(state: State) -> Iterator[tuple[str, float]]:
    for task_state in GAUGED_STATES:
        yield f"master/{task_state.name.lower().replace('task_', 'tasks_')}", state.task_states[task_state]
    unreachable = sum(
        task.state is TaskState.TASK_UNREACHABLE
        for framework in state.frameworks.values()
        for task in framework.unreachable_tasks.values()
    )
    yield "master/tasks_unreachable", unreachable


def _resource_gauges(state: State) -> Iterator[tuple[str, float]]:
    totals = total_quantities(agent.total for agent in state.agents.values())
    used = total_quantities(used_on_agent(agent) for agent in state.agents.values())
    for kind, suffix in ((False, ""), (True, "_revocable")):
        for name in RESOURCE_NAMES:
            total, taken = totals.get((name, kind), 0), used.get((name, kind), 0)
            yield f"master/{name}{suffix}_total", total / 1000
            yield f"master/{name}{suffix}_used", taken / 1000
            yield f"master/{name}{suffix}_percent", taken / total if total else 0.0


def total_quantities(many: Iterable[Resources]) -> dict[tuple[str, bool], int]:
    """Sum scalars in milli-units by name and by whether they are revocable."""
    sums: dict[tuple[str, bool], int] = {}
    for resources in many:
        for kind, value in resources:
            if isinstance(value, int):
                key = (kind.name, kind.revocable)
                sums[key] = sums.get(key, 0) + value
    return sums
