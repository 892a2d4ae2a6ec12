"""Tasks: from the master's word to their executor, and their kill on the way or there.

    RunTask ─▶ framework · refused? · executor ─▶ queued ─▶ launched ─▶ (executor) ─▶ terminated ─▶ gone
                             │ dropped, with the reason

All of it happens within one event: a command task is a `StartContainer` effect as soon as it arrives. What is
checkpointed (framework, executor, task) is asked for first and lands in order before the first status update,
which alone waits for it. Checks and their texts are those of Mesos's `Slave::__run`.
"""

from __future__ import annotations

from typing import NamedTuple

from meseta.agent import endings, executors, gc, paths, status, stopping
from meseta.agent.effects import (
    ExecutorExited,
    FrameworkCheckpoint,
    KillTask,
    RemovePath,
    TaskCheckpoint,
    TaskReport,
    TextCheckpoint,
)
from meseta.agent.events import KillTaskReceived, RunTaskGroupReceived, RunTaskReceived
from meseta.agent.reports import task_report
from meseta.agent.state import (
    Executor,
    ExecutorState,
    Framework,
    Phase,
    State,
    Task,
    TaskPhase,
)
from meseta.ids import NO_PID, Pid, new_uuid_text
from meseta.records import (
    ExecutorInfo,
    ExecutorType,
    FrameworkInfo,
    TaskGroupInfo,
    TaskInfo,
    TaskReason,
    TaskState,
    TaskStatus,
)
from meseta.resources import Resources


class Run(NamedTuple):
    """One request to run a task or a pod."""

    framework: FrameworkInfo
    framework_pid: Pid | None
    executor: ExecutorInfo
    command_task: bool
    tasks: tuple[TaskInfo, ...]
    group: TaskGroupInfo | None
    launch_executor: bool | None
    resource_version_uuid: bytes | None


class Refusal(NamedTuple):
    """Why tasks are dropped. `exited`: tell the master, which counts on a new executor, that none came."""

    reason: TaskReason
    message: str
    exited: bool


def on_run_task_received(state: State, event: RunTaskReceived, now: float) -> None:
    """Run a task on its executor."""
    assert event.framework.id is not None
    command_task = event.task.executor is None
    executor = event.task.executor or executors.command_executor_info(event.framework.id, event.task)
    _run(
        state,
        Run(
            event.framework,
            event.framework_pid,
            executor,
            command_task,
            (event.task,),
            None,
            event.launch_executor,
            event.resource_version_uuid,
        ),
        now,
    )


def on_run_task_group_received(state: State, event: RunTaskGroupReceived, now: float) -> None:
    """Run a pod, all of its tasks or none."""
    _run(
        state,
        Run(
            event.framework,
            None,
            event.executor,
            False,
            event.group.tasks,
            event.group,
            event.launch_executor,
            event.resource_version_uuid,
        ),
        now,
    )


def on_kill_task_received(state: State, event: KillTaskReceived, now: float) -> None:
    """Kill a task, wherever it is. A task that is unknown here is reported as such."""
    framework = state.frameworks.get(event.framework_id)
    if framework is None or framework.terminating or state.phase is Phase.TERMINATING:
        return
    executor = framework.executor_of(event.task_id)
    if executor is None and (framework.id, event.task_id) in state.updates:
        return  # That it is not here is being reported already.
    if executor is None:
        unknown = TaskStatus(
            task_id=event.task_id,
            state=status.dropped_state(framework),
            reason=TaskReason.REASON_EXECUTOR_TERMINATED,
            message="Cannot find executor",
        )
        status.send_from_agent(state, framework, None, unknown, now)
        return
    kill(state, framework, executor, executor.tasks[event.task_id], event.grace_period_s, now)


def kill(
    state: State,
    framework: Framework,
    executor: Executor,
    task: Task,
    grace_s: float | None,
    now: float,
) -> None:
    """Kill one task: drop it if it waits, else have its executor do it."""
    if task.phase is TaskPhase.QUEUED:
        _kill_queued(state, framework, executor, task, now)
    elif executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
        return
    elif executor.builtin is not None:
        executor.builtin.kill(task.info.task_id, grace_s, now)
    else:
        message = KillTask(framework_id=framework.id, task_id=task.info.task_id, grace_period_s=grace_s)
        stopping.send(executor, message, state)


def _kill_queued(state: State, framework: Framework, executor: Executor, task: Task, now: float) -> None:
    """Drop a task that its executor does not have yet, with its whole pod."""
    victims, message = [task], "Killed before delivery to the executor"
    for group in executor.groups:
        ids = {member.task_id for member in group.tasks}
        if task.info.task_id in ids:
            executor.groups.remove(group)
            victims = [executor.tasks[member.task_id] for member in group.tasks]
            message = "A task within the task group was killed before delivery to the executor"
            break
    for victim in victims:
        killed = TaskStatus(
            task_id=victim.info.task_id,
            state=TaskState.TASK_KILLED,
            reason=TaskReason.REASON_TASK_KILLED_DURING_LAUNCH,
            message=message,
        )
        status.send_from_agent(state, framework, executor, killed, now)
    if executor.builtin is not None and not any(executor.queued()) and not executor.sent_task:
        stopping.shutdown_executor(state, framework, executor, now)


def _run(state: State, run: Run, now: float) -> None:
    assert run.framework.id is not None
    if state.phase not in (Phase.RUNNING, Phase.DISCONNECTED):
        state.counters.add("dropped_messages")
        return
    framework = state.frameworks.get(run.framework.id)
    if framework is not None and framework.terminating:
        _refuse_terminating(state, framework, run, now)
        return
    if framework is None:
        framework = _add_framework(state, run)
    elif any(task.task_id in framework.task_executors for task in run.tasks):
        state.counters.add("dropped_messages")
        return
    executor = framework.executors.get(run.executor.executor_id)
    refusal = _refusal(state, run, executor)
    if refusal is not None:
        _drop(state, framework, executor, run, refusal, now)
        return
    new = executor is None
    if executor is None:
        executor = executors.add_executor(state, framework, run.executor, command_task=run.command_task)
    _enqueue(state, framework, executor, run)
    if new:
        executors.start_executor(state, framework, executor, now)
    if executor.state is ExecutorState.RUNNING:
        executors.deliver(state, framework, executor)


def _add_framework(state: State, run: Run) -> Framework:
    pid = None if run.framework_pid in (None, NO_PID) else run.framework_pid
    completed_max = state.config.max_completed_executors_per_framework
    framework = Framework(run.framework, pid, completed_max=completed_max)
    state.frameworks[framework.id] = framework
    earlier = state.completed_frameworks.pop(framework.id, None)
    if earlier is not None:
        framework.completed.extend(earlier.completed)
    directory = paths.framework_dir(state.agent_id(), framework.id)
    for path in (directory, f"{paths.META}/{directory}"):
        gc.unschedule(state, path)
    if framework.info.checkpoint:
        checkpoint_framework(state, framework)
    return framework


def checkpoint_framework(state: State, framework: Framework) -> None:
    """Write down a framework's description and pid."""
    agent_id = state.agent_id()
    state.checkpoint(paths.framework_info(agent_id, framework.id), FrameworkCheckpoint(framework.info))
    state.checkpoint(paths.framework_pid(agent_id, framework.id), TextCheckpoint(framework.pid or NO_PID))


def _refusal(state: State, run: Run, executor: Executor | None) -> Refusal | None:
    """Say why the tasks cannot run here, in the order of Mesos's checks."""
    if state.draining is not None:
        text = "Task was received while agent was already draining"
        return Refusal(TaskReason.REASON_AGENT_DRAINING, text, True)
    if run.resource_version_uuid not in (None, state.resource_version):
        return Refusal(TaskReason.REASON_INVALID_OFFERS, "Task assumes outdated resource state", True)
    if what := _unknown_resources(state, run):
        text = f"The checkpointed resources being used by the {what} are unknown to the agent"
        return Refusal(TaskReason.REASON_RESOURCES_UNKNOWN, text, True)
    terminated = TaskReason.REASON_EXECUTOR_TERMINATED
    if run.command_task and executor is not None:
        text = "Cannot reuse an already existing executor for a command task"
        return Refusal(TaskReason.REASON_TASK_INVALID, text, False)
    if run.launch_executor and executor is not None:
        text = "Master wants to launch executor, but one already exists"
        return Refusal(terminated, text, executor.state is ExecutorState.TERMINATED)
    if run.launch_executor is False and executor is None and not run.command_task:
        text = "No executor is expected to launch and there is none running"
        return Refusal(terminated, text, False)
    if executor is not None and executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
        return Refusal(terminated, f"Executor {executor.state.value}", False)
    return _misfit(run, executor)


def _misfit(run: Run, executor: Executor | None) -> Refusal | None:
    """Say that tasks do not go with their executor. Masters do not send such tasks."""
    if executor is not None and executor.command_task:
        text = f"Executor '{executor.id}' is that of a command task, which runs no other"
    elif run.group is None and run.executor.type is ExecutorType.DEFAULT:
        text = "A default executor runs task groups only"
    else:
        return None
    return Refusal(TaskReason.REASON_TASK_INVALID, text, False)


def _unknown_resources(state: State, run: Run) -> str | None:
    """Name what uses reservations or volumes that are not here (any more)."""
    used = Resources.EMPTY
    for task in run.tasks:
        used = used + task.resources.nonshared()
        if not _has_checkpointed(state, task.resources.shared()):
            return "task or task group"
    if not _has_checkpointed(state, used):
        return "task or task group"
    return None if _has_checkpointed(state, run.executor.resources) else "executor"


def _has_checkpointed(state: State, used: Resources) -> bool:
    return state.total.contains(used.checkpointed())


def _drop(
    state: State, framework: Framework, executor: Executor | None, run: Run, refusal: Refusal, now: float
) -> None:
    """Report the tasks as never started, and settle with the master about the executor."""
    for task in run.tasks:
        dropped = TaskStatus(
            task_id=task.task_id,
            state=status.dropped_state(framework),
            reason=refusal.reason,
            message=refusal.message,
            executor_id=run.executor.executor_id,
        )
        status.send_from_agent(state, framework, None, dropped, now)
    if refusal.exited:
        _say_no_executor(state, run)
    elif run.launch_executor and not run.command_task and executor is not None:
        stopping.shutdown_executor(state, framework, executor, now)
    stopping.remove_framework_if_idle(state, framework, now)


def _refuse_terminating(state: State, framework: Framework, run: Run, now: float) -> None:
    """Refuse tasks of a framework that is shut down here: one that still launches lives on elsewhere."""
    for task in run.tasks:
        dropped = TaskStatus(
            task_id=task.task_id,
            state=status.dropped_state(framework),
            reason=TaskReason.REASON_EXECUTOR_TERMINATED,
            message="The framework is being shut down",
            executor_id=run.executor.executor_id,
        )
        status.send_unknown(state, framework.id, dropped, now)
    _say_no_executor(state, run)


def _say_no_executor(state: State, run: Run) -> None:
    if run.launch_executor and run.framework.id is not None:
        state.send_master(
            ExecutorExited(
                agent_id=state.agent_id(),
                framework_id=run.framework.id,
                executor_id=run.executor.executor_id,
                status=endings.UNKNOWN_STATUS,
            )
        )


def _enqueue(state: State, framework: Framework, executor: Executor, run: Run) -> None:
    group = None if run.group is None else new_uuid_text(state.entropy)
    for info in run.tasks:
        task = executor.tasks[info.task_id] = Task(info, executor.id, group)
        framework.task_executors[info.task_id] = executor.id
        if framework.info.checkpoint:
            _checkpoint_task(state, framework, executor, task)
    if run.group is not None:
        executor.groups.append(run.group)


def _checkpoint_task(state: State, framework: Framework, executor: Executor, task: Task) -> None:
    report: TaskReport = task_report(state, framework, executor, task)
    task_dir = paths.task_dir(
        state.agent_id(), framework.id, executor.id, executor.container_id, task.info.task_id
    )
    if any(earlier.info.task_id == task.info.task_id for earlier in executor.completed):
        # What was said of the former task with this id is not to be taken for the new one's.
        state.out.append(RemovePath(task_dir))
    state.checkpoint(f"{task_dir}/task.info", TaskCheckpoint(report, task.group))
