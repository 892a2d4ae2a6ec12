"""How an agent takes up what ran before it: checkpoints say what should be, the supervisor what is.

    container alive    built-in executor: its machine goes on · v0: asked to reconnect · v1: comes by itself
    container ended    as if it had ended now, with its wait status
    container unknown  its tasks have failed (the machine was rebooted, or it never started)
    not checkpointed   destroyed

Executors that do not come back within `executor_reregistration_timeout` are destroyed. Updates that were not
acknowledged are sent again once the master has taken the agent back.
"""

from __future__ import annotations

from meseta.agent import (
    draining,
    endings,
    executors,
    gc,
    hosting,
    operations,
    paths,
    registration,
    stopping,
    volumes,
)
from meseta.agent.effects import AgentCheckpoint, DestroyContainer, Link, RemoveContainer
from meseta.agent.events import (
    Recovered,
    RecoveredContainer,
    RecoveredExecutor,
    RecoveredFramework,
    RecoveredTask,
)
from meseta.agent.state import (
    Ending,
    Executor,
    ExecutorState,
    Framework,
    Owner,
    Phase,
    State,
    Task,
    TaskPhase,
)
from meseta.agent.stopping import TimerKind, executor_timer
from meseta.containers.effects import Sandbox
from meseta.executors.command import CommandExecutor
from meseta.executors.pod import PodExecutor
from meseta.executors.run import Past
from meseta.ids import ContainerId
from meseta.records import ExecutorType, StatusUpdate, TaskReason, TaskState, is_terminal

GONE = Ending(TaskReason.REASON_EXECUTOR_TERMINATED, "Abnormal executor termination: unknown container")


def on_recovered(state: State, event: Recovered, now: float) -> None:
    """Rebuild the state, deal with what ended meanwhile, and go for the master."""
    if state.phase is not Phase.RECOVERING:
        return
    state.id = event.agent_id
    if event.total is not None:
        state.total = event.total
        volumes.make_all(state)
    gc.start(state, now)
    for path in event.garbage:
        gc.schedule(state, path, now)
    containers = {container.container_id: container for container in event.containers}
    if state.id is not None:
        if event.reconfigured:
            state.checkpoint(paths.agent_info(state.id), AgentCheckpoint(state.info()))
        operations.recover(state, event.operations, now)
        for recovered in event.frameworks:
            _recover_framework(state, recovered, containers, now)
        draining.resume(state, event.draining, now)
    for orphan in containers.values():
        forget = RemoveContainer if orphan.exited else DestroyContainer
        state.out.append(forget(orphan.container_id))
    registration.seek_master(state, now)


def _recover_framework(
    state: State,
    recovered: RecoveredFramework,
    containers: dict[ContainerId, RecoveredContainer],
    now: float,
) -> None:
    completed_max = state.config.max_completed_executors_per_framework
    framework = Framework(recovered.info, recovered.pid, completed_max=completed_max)
    state.frameworks[framework.id] = framework
    rebuilt: list[tuple[Executor, RecoveredExecutor]] = []
    for executor in sorted(recovered.executors, key=_last_heard):
        if executor.completed:
            _remember_completed(state, framework, executor)
            stopping.collect_run(state, framework, executor.info.executor_id, executor.container_id, now)
        else:
            rebuilt.append((_rebuild_executor(state, framework, executor, now), executor))
    # Only when all are there: the end of one must not take the framework away from the others.
    for pair in rebuilt:
        _resume_executor(state, framework, *pair, containers, now)
    stopping.remove_framework_if_idle(state, framework, now)


def _last_heard(executor: RecoveredExecutor) -> float:
    """When an executor's tasks were last heard of: of those that are over the newest are remembered."""
    times = (status.timestamp for task in executor.tasks for status in task.updates[-1:])
    return max(filter(None, times), default=0.0)


def _remember_completed(state: State, framework: Framework, recovered: RecoveredExecutor) -> None:
    """Keep how the tasks of an executor ended that is over: a master may have taken them back into its books.

    That happens when the last acknowledgement came while the agent was registering with it.
    """
    info, container_id = recovered.info, recovered.container_id
    directory = paths.run_dir(state.agent_id(), framework.id, info.executor_id, container_id)
    executor = Executor(info, container_id, directory, command_task=recovered.command_task)
    for ended in recovered.tasks:
        if ended.updates and is_terminal(ended.updates[-1].state):
            task = Task(ended.info, executor.id, ended.group)
            task.phase, task.state = TaskPhase.TERMINATED, ended.updates[-1].state
            task.statuses.extend(ended.updates)
            executor.completed.append(task)
    framework.completed.append(executor)


def _rebuild_executor(
    state: State, framework: Framework, recovered: RecoveredExecutor, now: float
) -> Executor:
    """Rebuild one executor with its tasks."""
    info, container_id = recovered.info, recovered.container_id
    directory = paths.run_dir(state.agent_id(), framework.id, info.executor_id, container_id)
    executor = Executor(info, container_id, directory, command_task=recovered.command_task)
    executor.sent_task = True
    framework.executors[executor.id] = executor
    state.owners[container_id] = Owner(framework.id, executor.id)
    for task in recovered.tasks:
        _recover_task(state, framework, executor, task, now)
    return executor


def _resume_executor(
    state: State,
    framework: Framework,
    executor: Executor,
    recovered: RecoveredExecutor,
    containers: dict[ContainerId, RecoveredContainer],
    now: float,
) -> None:
    """Act on what became of an executor's container."""
    container = containers.pop(executor.container_id, None)
    if recovered.command_task or recovered.info.type is ExecutorType.DEFAULT:
        _resume_builtin(state, framework, executor, recovered, container, containers, now)
    elif container is None or container.exited:
        status = None if container is None else container.wait_status
        ending = GONE if container is None else Ending(None, None)
        endings.executor_terminated(state, framework, executor, status, ending, now)
    else:
        _await_executor(state, framework, executor, recovered, container, now)


def _recover_task(
    state: State, framework: Framework, executor: Executor, recovered: RecoveredTask, now: float
) -> None:
    """Replay a task's updates: its state is the newest, and what is not acknowledged waits to be sent."""
    task = Task(recovered.info, executor.id, recovered.group)
    task.phase = TaskPhase.LAUNCHED
    task_id = recovered.info.task_id
    executor.tasks[task_id] = task
    framework.task_executors[task_id] = executor.id
    key = (framework.id, task_id)
    acknowledged = set(recovered.acknowledged)
    for status in recovered.updates:
        assert status.uuid is not None
        task.state = status.state
        task.statuses.append(status)
        where = status.container_status
        if where is not None and where.container_id != executor.container_id:
            task.container_id = where.container_id
        terminal = is_terminal(status.state)
        update = StatusUpdate(
            framework_id=framework.id,
            executor_id=executor.id,
            agent_id=state.id,
            status=status,
            timestamp=now if status.timestamp is None else status.timestamp,
            uuid=status.uuid,
        )
        state.updates.push(key, status.uuid, update, now, terminal=terminal)
        if terminal:
            task.phase = TaskPhase.TERMINATED
        if status.uuid in acknowledged:
            task.update_state, task.update_uuid = status.state, status.uuid
            done = state.updates.acknowledge(key, status.uuid, now)
            if done is not None and done.ended:
                stopping.complete_task(state, framework, executor, task)
                return


def _resume_builtin(
    state: State,
    framework: Framework,
    executor: Executor,
    recovered: RecoveredExecutor,
    container: RecoveredContainer | None,
    containers: dict[ContainerId, RecoveredContainer],
    now: float,
) -> None:
    """Let a hosted machine go on with those tasks whose processes are there; end the others."""
    hosting.host(state, framework, executor)
    executor.state = ExecutorState.RUNNING
    assert executor.builtin is not None
    if executor.command_task:
        executor.pid = None if container is None else container.pid
    else:
        state.containers.recover(executor.container_id, _sandbox(state, executor.directory), None)
    pasts: list[Past] = []
    processes: dict[ContainerId, RecoveredContainer] = {}
    for task in recovered.tasks:
        here = executor.tasks.get(task.info.task_id)
        if here is None or here.over:
            continue
        past = _past(state, executor, here, task)
        process = container if executor.command_task else containers.pop(past.container_id, None)
        if process is not None:
            processes[past.container_id] = process
        _recover_container(state, framework, executor, past.container_id, process)
        pasts.append(past)
    _resume(executor, pasts, now)
    for past in pasts:
        _catch_up(executor.builtin, past, processes.get(past.container_id), now)
    _kill_again(executor, executor.builtin, now)
    if all(task.over for task in executor.tasks.values()):
        state.finished.append(Owner(framework.id, executor.id))


def _past(state: State, executor: Executor, task: Task, recovered: RecoveredTask) -> Past:
    """Say what was reported of a task. One of a pod whose container is not known never ran in any."""
    container_id = executor.container_id
    if not executor.command_task:
        container_id = task.container_id or ContainerId(f"{container_id}.{state.new_container_id()}")
        task.container_id = container_id
    updates = recovered.updates
    running = (status.timestamp for status in updates if status.state is TaskState.TASK_RUNNING)
    return Past(
        task.info,
        container_id,
        started_at=next(running, None),
        was_healthy=any(status.healthy for status in updates),
        healthy=updates[-1].healthy if updates else None,
    )


def _recover_container(
    state: State,
    framework: Framework,
    executor: Executor,
    container_id: ContainerId,
    process: RecoveredContainer | None,
) -> None:
    state.owners[container_id] = Owner(framework.id, executor.id)
    if process is not None and not process.exited:
        directory = paths.run_dir(state.agent_id(), framework.id, executor.id, container_id)
        state.containers.recover(container_id, _sandbox(state, directory), process.pid)


def _resume(executor: Executor, pasts: list[Past], now: float) -> None:
    """Give a hosted machine its tasks back, those of a pod together."""
    if isinstance(executor.builtin, CommandExecutor):
        for past in pasts:
            executor.builtin.resume(past, now)
    elif executor.builtin is not None:
        pods: dict[str, list[Past]] = {}
        for past in pasts:
            group = executor.tasks[past.task.task_id].group
            pods.setdefault(group or past.task.task_id, []).append(past)
        for pod in pods.values():
            executor.builtin.resume_group(pod, now)


def _catch_up(
    builtin: CommandExecutor | PodExecutor, past: Past, process: RecoveredContainer | None, now: float
) -> None:
    """Tell a hosted machine what has become of a task's process since it was last told."""
    if process is None:
        builtin.on_ended(past.container_id, None, GONE.reason, GONE.message, now)
    elif process.exited:
        builtin.on_ended(past.container_id, process.wait_status, None, None, now)
    elif past.started_at is None:
        builtin.on_started(past.container_id, now)


def _kill_again(executor: Executor, builtin: CommandExecutor | PodExecutor, now: float) -> None:
    """Kill what was being killed when the agent ended, and the rest of pods of which a task had failed."""
    broken = {
        task.group
        for task in (*executor.tasks.values(), *executor.completed)
        if task.over and task.state is not TaskState.TASK_FINISHED
    }
    for task in list(executor.tasks.values()):
        is_broken = task.group is not None and task.group in broken
        if not task.over and (is_broken or task.state is TaskState.TASK_KILLING):
            builtin.kill(task.info.task_id, None, now)


def _await_executor(
    state: State,
    framework: Framework,
    executor: Executor,
    recovered: RecoveredExecutor,
    container: RecoveredContainer,
    now: float,
) -> None:
    """Give an executor that runs some time to come back."""
    executor.pid = container.pid
    state.containers.recover(executor.container_id, _sandbox(state, executor.directory), container.pid)
    state.deadlines.arm(
        executor_timer(TimerKind.REREGISTRATION, framework, executor),
        now + state.config.executor_reregistration_timeout_s,
    )
    if recovered.pid is not None and not recovered.http:
        state.out.append(Link(recovered.pid))
        executor.former_pid = recovered.pid
        executors.ask_back(state, framework, executor, now)


def _sandbox(state: State, directory: str) -> Sandbox:
    return Sandbox(path=f"{state.config.work_dir}/{directory}")
