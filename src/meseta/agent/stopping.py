"""How executors and frameworks leave: ask, wait, destroy; then forget them and leave their files to gc."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from meseta.agent import gc, paths
from meseta.agent.effects import (
    CloseExecutorStream,
    ExecutorMessage,
    RemoveContainer,
    SendToExecutor,
    Shutdown,
    TextCheckpoint,
)
from meseta.agent.state import (
    COMPLETED_FRAMEWORKS_MAX,
    Executor,
    ExecutorState,
    Framework,
    State,
    Task,
    TaskPhase,
)
from meseta.ids import ContainerId, ExecutorId, FrameworkId
from meseta.records import ExecutorType

BUILTIN_SHUTDOWN_MARGIN_S = 2.0
"""Time that a built-in executor leaves itself between killing its tasks and being destroyed."""


class TimerKind(Enum):
    """What an executor's timers are for."""

    REGISTRATION = "registration"
    REREGISTRATION = "reregistration"
    RECONNECTION = "reconnection"
    SHUTDOWN = "shutdown"


class ExecutorTimer(NamedTuple):
    """Key of a timer of one run of an executor."""

    kind: TimerKind
    framework_id: FrameworkId
    executor_id: ExecutorId
    container_id: ContainerId


def executor_timer(kind: TimerKind, framework: Framework, executor: Executor) -> ExecutorTimer:
    """Return the key of a timer of an executor's present run."""
    return ExecutorTimer(kind, framework.id, executor.id, executor.container_id)


def send(executor: Executor, message: ExecutorMessage, state: State) -> None:
    """Send to an executor that is its own process; one that cannot be reached gets nothing."""
    if executor.peer is not None:
        state.out.append(SendToExecutor(executor.peer, message))


def shutdown_executor(state: State, framework: Framework, executor: Executor, now: float) -> None:
    """Ask an executor to end, and arm the timer that destroys it."""
    if executor.state not in (ExecutorState.REGISTERING, ExecutorState.RUNNING):
        return
    executor.state = ExecutorState.TERMINATING
    grace_s = executor.info.shutdown_grace_period_s
    if grace_s is None:
        grace_s = state.config.executor_shutdown_grace_period_s
    state.deadlines.cancel(executor_timer(TimerKind.REGISTRATION, framework, executor))
    state.deadlines.arm(executor_timer(TimerKind.SHUTDOWN, framework, executor), now + grace_s)
    if executor.builtin is not None:
        executor.builtin.shutdown(max(0.0, grace_s - BUILTIN_SHUTDOWN_MARGIN_S), now)
    else:
        send(executor, Shutdown(), state)


def shutdown_framework(state: State, framework: Framework, now: float) -> None:
    """Shut all executors of a framework down. From now on nobody hears of its tasks."""
    if framework.terminating:
        return
    framework.terminating = True
    for executor in list(framework.executors.values()):
        shutdown_executor(state, framework, executor, now)
        if executor.state is ExecutorState.TERMINATED:
            remove_executor_if_done(state, framework, executor, now)
    remove_framework_if_idle(state, framework, now)


def drop_updates(state: State, framework_id: FrameworkId) -> None:
    """Say nothing more of a framework's tasks: nobody is left to acknowledge it."""
    for key in [key for key in state.updates.unsettled() if key[0] == framework_id]:
        state.updates.drop(key)


def release(state: State, container_id: ContainerId) -> None:
    """Have the end of a container forgotten, now that it is settled; one that still ends is seen to then."""
    if container_id not in state.containers:
        state.out.append(RemoveContainer(container_id))


def complete_task(state: State, framework: Framework, executor: Executor, task: Task) -> None:
    """Move a task whose end is acknowledged to the history."""
    if task.container_id is not None:
        release(state, task.container_id)
    del executor.tasks[task.info.task_id]
    framework.task_executors.pop(task.info.task_id, None)
    executor.completed.append(task)


def remove_executor_if_done(state: State, framework: Framework, executor: Executor, now: float) -> None:
    """Forget an executor that has ended, once nothing of its tasks is left to be said."""
    if executor.state is ExecutorState.TERMINATED and (not executor.tasks or framework.terminating):
        _remove_executor(state, framework, executor, now)
    remove_framework_if_idle(state, framework, now)


def remove_framework_if_idle(state: State, framework: Framework, now: float) -> None:
    """Forget a framework with nothing left here."""
    if framework.executors or state.frameworks.get(framework.id) is not framework:
        return
    del state.frameworks[framework.id]
    state.completed_frameworks[framework.id] = framework
    if len(state.completed_frameworks) > COMPLETED_FRAMEWORKS_MAX:
        del state.completed_frameworks[next(iter(state.completed_frameworks))]
    directory = paths.framework_dir(state.agent_id(), framework.id)
    gc.schedule(state, directory, now)
    if framework.info.checkpoint:
        gc.schedule(state, f"{paths.META}/{directory}", now)


def collect_run(
    state: State, framework: Framework, executor_id: ExecutorId, container_id: ContainerId, now: float
) -> None:
    """Leave the files of an executor's run, and of the executor if it does not run again, to gc."""
    agent_id = state.agent_id()
    run = paths.run_dir(agent_id, framework.id, executor_id, container_id)
    for path in (run, paths.executor_dir(agent_id, framework.id, executor_id)):
        gc.schedule(state, path, now)
        if framework.info.checkpoint:
            gc.schedule(state, f"{paths.META}/{path}", now)


def detach(state: State, executor: Executor) -> None:
    """Forget how to reach an executor, closing its stream if it has one."""
    peer, executor.peer = executor.peer, None
    if isinstance(peer, int):
        state.streams.pop(peer, None)
        state.out.append(CloseExecutorStream(peer))
    elif peer is not None:
        state.pids.pop(peer, None)


def _remove_executor(state: State, framework: Framework, executor: Executor, now: float) -> None:
    for task in list(executor.tasks.values()):
        state.updates.drop((framework.id, task.info.task_id))
        task.phase = TaskPhase.TERMINATED
        complete_task(state, framework, executor, task)
    detach(state, executor)
    executor.builtin = None
    if executor.info.type is not ExecutorType.DEFAULT:
        release(state, executor.container_id)
    for kind in TimerKind:
        state.deadlines.cancel(executor_timer(kind, framework, executor))
    del framework.executors[executor.id]
    framework.completed.append(executor)
    if framework.info.checkpoint:
        run = (state.agent_id(), framework.id, executor.id, executor.container_id)
        state.checkpoint(paths.sentinel(*run), TextCheckpoint())
    collect_run(state, framework, executor.id, executor.container_id, now)
