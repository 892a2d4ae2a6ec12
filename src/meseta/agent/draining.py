"""An agent that is to become empty: it kills all its tasks and takes no new ones until the last is gone.

What the master has asked for is checkpointed, so that an agent which starts again in between goes on. The
master asks again whenever the agent comes back, and an empty agent has nothing to do about it. How the ends
of such tasks are told is in `status`.
"""

from __future__ import annotations

from meseta.agent import paths, tasks
from meseta.agent.effects import DrainCheckpoint, RemovePath
from meseta.agent.events import DrainReceived, ExecutorReregistered, ExecutorSubscribed, RecoveredDraining
from meseta.agent.state import Draining, Executor, Framework, State, Task


def on_drain_received(state: State, event: DrainReceived, now: float) -> None:
    """Kill all tasks, with at most the grace period of the call."""
    if _is_empty(state):
        return
    state.draining = Draining(event.max_grace_period_s, event.mark_gone, now)
    record = DrainCheckpoint(event.max_grace_period_s, event.mark_gone)
    state.checkpoint(paths.drain_config(state.agent_id()), record)
    _kill_all(state, now)


def resume(state: State, recorded: RecoveredDraining | None, now: float) -> None:
    """Go on with what an earlier life of the agent was asked for."""
    if recorded is not None:
        state.draining = Draining(recorded.max_grace_period_s, recorded.mark_gone, now)
        _kill_all(state, now)


def on_executor_back(state: State, event: ExecutorSubscribed | ExecutorReregistered, now: float) -> None:
    """Have an executor that could not be reached meanwhile kill its tasks, too."""
    if state.draining is None:
        return
    framework = state.frameworks.get(event.framework_id)
    executor = framework.executors.get(event.executor_id) if framework is not None else None
    if framework is not None and executor is not None:
        _kill_of(state, state.draining, framework, executor, now)


def settle_draining(state: State) -> None:
    """Take tasks again once the last is gone; the master has noted that the agent is drained."""
    if state.draining is not None and _is_empty(state):
        state.draining = None
        state.out.append(RemovePath(paths.drain_config(state.agent_id())))


def _is_empty(state: State) -> bool:
    return not state.frameworks and not state.operations


def _kill_all(state: State, now: float) -> None:
    assert state.draining is not None
    for framework in list(state.frameworks.values()):
        for executor in list(framework.executors.values()):
            _kill_of(state, state.draining, framework, executor, now)


def _kill_of(state: State, draining: Draining, framework: Framework, executor: Executor, now: float) -> None:
    for task in list(executor.tasks.values()):
        if not task.over:
            tasks.kill(state, framework, executor, task, _grace_s(draining, task), now)


def _grace_s(draining: Draining, task: Task) -> float | None:
    own, most = task.info.kill_grace_period_s, draining.max_grace_period_s
    if most is None or own is None:
        return own if most is None else most
    return min(own, most)
