"""How containers and executors end, and what that means for their tasks.

An executor that is gone takes its unfinished tasks with it: each gets a last update that says why. It is
forgotten when the last of those is acknowledged (`stopping.remove_executor_if_done`). Rules and texts are
those of Mesos's `Slave::executorTerminated`.
"""

from __future__ import annotations

from meseta.agent import executors, guests, paths, status, stopping
from meseta.agent.effects import ExecutorExited, RemoveContainer, TextCheckpoint
from meseta.agent.environment import duration_text
from meseta.agent.events import (
    CheckFinished,
    ContainerExited,
    ContainerStarted,
    ContainerStartFailed,
    SandboxFailed,
    SandboxPrepared,
)
from meseta.agent.state import Ending, Executor, ExecutorState, Framework, State
from meseta.agent.stopping import ExecutorTimer, TimerKind, executor_timer
from meseta.containers.life import EndCause, Ended, Outcome, Started
from meseta.executors.run import RunTimer
from meseta.records import TaskReason, TaskState, TaskStatus

UNKNOWN_STATUS = -1

_LIMITATIONS = {
    "mem": TaskReason.REASON_CONTAINER_LIMITATION_MEMORY,
    "disk": TaskReason.REASON_CONTAINER_LIMITATION_DISK,
}


def on_sandbox_prepared(state: State, event: SandboxPrepared, now: float) -> None:
    """Go on with a container's start."""
    settle(state, state.containers.on_sandbox_prepared(event), now)


def on_sandbox_failed(state: State, event: SandboxFailed, now: float) -> None:
    """A container will not start."""
    state.counters.add("container_launch_errors")
    settle(state, state.containers.on_sandbox_failed(event), now)


def on_container_started(state: State, event: ContainerStarted, now: float) -> None:
    """A container's process runs."""
    settle(state, state.containers.on_started(event), now)


def on_container_start_failed(state: State, event: ContainerStartFailed, now: float) -> None:
    """A container did not start."""
    state.counters.add("container_launch_errors")
    settle(state, state.containers.on_start_failed(event), now)


def on_container_exited(state: State, event: ContainerExited, now: float) -> None:
    """A container is gone. Of one that was destroyed as an orphan nobody here wants to know how it ended."""
    if event.container_id not in state.containers:
        state.out.append(RemoveContainer(event.container_id))
    settle(state, state.containers.on_exited(event), now)


def on_check_finished(state: State, event: CheckFinished, now: float) -> None:
    """A health check is over."""
    container_id = state.checks.pop(event.check, None)
    run = None if container_id is None else state.run_of(container_id)
    if container_id is not None and run is not None and run[1].builtin is not None:
        run[1].builtin.on_checked(container_id, event.fault, now)


def on_run_timer(state: State, timer: RunTimer, now: float) -> None:
    """A timer of a built-in executor's task is due."""
    run = state.run_of(timer.container_id)
    if run is not None and run[1].builtin is not None:
        run[1].builtin.on_timer(timer, now)


def on_executor_timer(state: State, timer: ExecutorTimer, now: float) -> None:
    """An executor did not register, come back, or end in time: destroy it, or ask once more."""
    framework = state.frameworks.get(timer.framework_id)
    executor = None if framework is None else framework.executors.get(timer.executor_id)
    if framework is None or executor is None or executor.container_id != timer.container_id:
        return
    if timer.kind is not TimerKind.SHUTDOWN:
        if executor.state is not ExecutorState.REGISTERING:
            return
        if timer.kind is TimerKind.RECONNECTION:
            executors.ask_back(state, framework, executor, now)
            return
        executor.state = ExecutorState.TERMINATING
        executor.ending = _late(state, timer.kind)
    destroy_executor(state, framework, executor, now)


def destroy_executor(state: State, framework: Framework, executor: Executor, now: float) -> None:
    """Kill all that an executor runs. It is gone when its container is."""
    if executor.builtin is not None:
        for task in executor.tasks.values():
            if task.container_id is not None:
                state.containers.destroy(task.container_id)
    if executor.container_id in state.containers:
        settle(state, state.containers.destroy(executor.container_id), now)
    elif executor.builtin is None or not executor.tasks:
        executor_terminated(state, framework, executor, None, Ending(None, None), now)


def settle_finished(state: State, now: float) -> None:
    """See to the built-in executors that have said during this event that they are done."""
    while state.finished:
        owner = state.finished.pop(0)
        framework = state.frameworks.get(owner.framework_id)
        executor = None if framework is None else framework.executors.get(owner.executor_id)
        if framework is None or executor is None or executor.state is ExecutorState.TERMINATED:
            continue
        if executor.container_id in state.containers:
            settle(state, state.containers.destroy(executor.container_id), now)
        else:
            executor_terminated(state, framework, executor, 0, Ending(None, None), now)


def settle(state: State, outcome: Outcome | None, now: float) -> None:
    """Tell the owner of a container what became of it."""
    if outcome is None:
        return
    if outcome.container_id in state.guests:
        guests.settle(state, outcome)
        return
    run = state.run_of(outcome.container_id)
    if isinstance(outcome, Ended):
        state.owners.pop(outcome.container_id, None)
    if run is None or run[1].state is ExecutorState.TERMINATED:
        if isinstance(outcome, Ended):
            stopping.release(state, outcome.container_id)
        return
    framework, executor = run
    if isinstance(outcome, Started):
        _started(state, framework, executor, outcome, now)
    elif executor.builtin is not None and _is_task(executor, outcome):
        ending = ending_of(outcome)
        if outcome.cause is EndCause.DESTROYED:
            ending = Ending(None, "Killed before its command was started")
        executor.builtin.on_ended(
            outcome.container_id, outcome.wait_status, ending.reason, ending.message, now
        )
    else:
        executor_terminated(state, framework, executor, outcome.wait_status, ending_of(outcome), now)


def executor_terminated(
    state: State,
    framework: Framework,
    executor: Executor,
    wait_status: int | None,
    ending: Ending,
    now: float,
) -> None:
    """An executor is gone: end its tasks, tell the master, and forget it if nothing is left to say."""
    if executor.state is ExecutorState.TERMINATED:
        return
    executor.state = ExecutorState.TERMINATED
    state.counters.add("executors_terminated")
    for kind in TimerKind:
        state.deadlines.cancel(executor_timer(kind, framework, executor))
    guests.destroy_nested(state, executor.container_id)
    for task in executor.tasks.values():
        if task.container_id is not None:
            state.containers.destroy(task.container_id)
    reason, message = _reason(executor, ending)
    limitation = status.limitation_of(reason, executor.allocated(), executor.limits())
    for task in list(executor.tasks.values()):
        if not task.over:
            last = TaskStatus(
                task_id=task.info.task_id,
                state=TaskState.TASK_FAILED,
                reason=reason,
                message=message,
                limitation=limitation,
            )
            status.send_from_agent(state, framework, executor, last, now)
    if not executor.command_task and state.id is not None:
        state.send_master(
            ExecutorExited(
                agent_id=state.id,
                framework_id=framework.id,
                executor_id=executor.id,
                status=UNKNOWN_STATUS if wait_status is None else wait_status,
            )
        )
    stopping.remove_executor_if_done(state, framework, executor, now)


def ending_of(ended: Ended) -> Ending:
    """Say in Mesos's terms why a container ended, if its wait status does not tell."""
    if ended.cause in (EndCause.START_FAILED, EndCause.FETCH_FAILED):
        return Ending(
            TaskReason.REASON_CONTAINER_LAUNCH_FAILED, f"Failed to launch container: {ended.message}"
        )
    if ended.cause is EndCause.LIMITATION:
        reason = _LIMITATIONS.get(ended.limitation or "", TaskReason.REASON_CONTAINER_LIMITATION)
        return Ending(reason, ended.message)
    return Ending(None, None)


def _is_task(executor: Executor, outcome: Ended) -> bool:
    """Tell a task's container from the frame of a pod."""
    return executor.command_task or outcome.container_id != executor.container_id


def _late(state: State, kind: TimerKind) -> Ending:
    config = state.config
    if kind is TimerKind.REGISTRATION:
        limit_s, what = config.executor_registration_timeout_s, "register"
        reason = TaskReason.REASON_EXECUTOR_REGISTRATION_TIMEOUT
    else:
        limit_s, what = config.executor_reregistration_timeout_s, "reregister"
        reason = TaskReason.REASON_EXECUTOR_REREGISTRATION_TIMEOUT
    return Ending(reason, f"Executor did not {what} within {duration_text(limit_s)}")


def _reason(executor: Executor, ending: Ending) -> tuple[TaskReason, str]:
    """Combine why the agent ended the executor, if it did, with what the container tells."""
    earlier = executor.ending or Ending(None, None)
    reason = ending.reason or earlier.reason or TaskReason.REASON_EXECUTOR_TERMINATED
    texts = [text for text in (earlier.message, ending.message) if text]
    return reason, "; ".join(texts) or "Executor terminated"


def _started(state: State, framework: Framework, executor: Executor, outcome: Started, now: float) -> None:
    if outcome.container_id == executor.container_id:
        executor.pid = outcome.pid
        if framework.info.checkpoint and outcome.pid is not None:
            run = (state.agent_id(), framework.id, executor.id, executor.container_id)
            state.checkpoint(paths.forked_pid(*run), TextCheckpoint(str(outcome.pid)))
    if executor.builtin is None:
        return
    if outcome.pid is not None:
        executor.builtin.on_started(outcome.container_id, now)
    elif executor.state is ExecutorState.REGISTERING:
        executor.state = ExecutorState.RUNNING
        executors.deliver(state, framework, executor)
