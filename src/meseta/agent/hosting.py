"""Built-in executors inside the agent: their actions become containers, statuses and checks.

To the rest of the agent a hosted executor looks like any other; only how it is reached differs. The pods'
nested containers and the command tasks' own both go through `containers`, and come back here by their owner.
"""

from __future__ import annotations

from functools import partial

from meseta.agent import environment, paths, status
from meseta.agent.effects import RunCheck
from meseta.agent.state import Executor, Framework, Owner, State
from meseta.agent.volumes import links_of
from meseta.containers import plan
from meseta.containers.effects import Sandbox
from meseta.containers.isolators import ordered
from meseta.executors.actions import (
    Action,
    CheckTask,
    DestroyTask,
    Finish,
    ReportStatus,
    SignalTask,
    StartTask,
)
from meseta.executors.command import CommandExecutor
from meseta.executors.pod import PodExecutor
from meseta.executors.run import Host
from meseta.ids import ContainerId, new_uuid_text
from meseta.records import (
    CommandInfo,
    ExecutorType,
    FrameworkCapability,
    HealthCheck,
    HealthCheckType,
    TaskInfo,
    TaskStatus,
)


def host(state: State, framework: Framework, executor: Executor) -> None:
    """Give an executor that has no process of its own its machine."""
    owner = Owner(framework.id, executor.id)
    seat = Host(
        emit=partial(_perform, state, owner, executor.container_id),
        timers=state.deadlines,
        task_killing=framework.info.has(FrameworkCapability.TASK_KILLING_STATE),
    )
    if executor.command_task:
        executor.builtin = CommandExecutor(executor.container_id, seat)
    else:
        assert executor.info.type is ExecutorType.DEFAULT
        executor.builtin = PodExecutor(executor.container_id, seat, partial(new_uuid_text, state.entropy))


def _perform(state: State, owner: Owner, container_id: ContainerId, action: Action) -> None:
    """Do what a built-in executor asks for; one that is gone asks in vain."""
    framework = state.frameworks.get(owner.framework_id)
    executor = None if framework is None else framework.executors.get(owner.executor_id)
    if framework is None or executor is None or executor.container_id != container_id:
        return
    match action:
        case ReportStatus():
            _report(state, framework, executor, action)
        case StartTask():
            _start(state, framework, executor, action.container_id, action.task)
        case SignalTask():
            state.containers.signal(action.container_id, action.signal)
        case DestroyTask():
            ended = state.containers.destroy(action.container_id)
            assert ended is None, "a task's container has a process"
        case CheckTask():
            _check(state, action.container_id, action.health_check)
        case Finish():
            state.finished.append(owner)


def _report(state: State, framework: Framework, executor: Executor, action: ReportStatus) -> None:
    task = executor.tasks.get(action.task_id)
    if task is None:
        return
    if action.container_id != executor.container_id:
        task.container_id = action.container_id
    report = TaskStatus(
        task_id=action.task_id,
        state=action.state,
        reason=action.reason,
        message=action.message,
        healthy=action.healthy,
        limitation=status.limitation_of(action.reason, task.info.resources, task.info.limits),
    )
    status.send_from_builtin(state, framework, executor, report, state.now)


def _start(
    state: State, framework: Framework, executor: Executor, container_id: ContainerId, task: TaskInfo
) -> None:
    """Plan the task's container and launch it: one effect, unless there is something to fetch."""
    state.owners[container_id] = Owner(framework.id, executor.id)
    command = task.command or CommandInfo()
    resources, limits = task.resources, task.limits
    config, agent_id = state.config, state.agent_id()
    if container_id == executor.container_id:
        directory = executor.directory
        variables = environment.for_executor(config, agent_id, framework, executor)
        latest = paths.latest_run(agent_id, framework.id, executor.id)
    else:
        directory = paths.run_dir(agent_id, framework.id, executor.id, container_id)
        variables = environment.for_pod_task(
            config, agent_id, framework, executor, directory, task.allocation_role
        )
        latest = None
    user = user_of(state, framework, command)
    sandbox = Sandbox(
        path=f"{config.work_dir}/{directory}",
        user=user,
        latest=None if latest is None else f"{config.work_dir}/{latest}",
        task=task.task_id if latest is None else None,
        volumes=links_of(state, resources),
    )
    state.containers.launch(
        plan.build(
            container_id,
            command,
            variables,
            sandbox,
            user=user,
            resources=resources,
            limits=limits,
            isolators=ordered(config.isolation),
            container=task.container,
        ),
        command.uris,
    )


def user_of(state: State, framework: Framework, command: CommandInfo | None) -> str | None:
    """Whom to run a command as: None, the agent's own user, unless users are switched."""
    if not state.config.switch_user:
        return None
    return (command.user if command is not None else None) or framework.info.user or None


def _check(state: State, container_id: ContainerId, check: HealthCheck) -> None:
    number = state.next_check
    state.next_check += 1
    state.checks[number] = container_id
    argv: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    url = port = None
    if check.type is HealthCheckType.COMMAND:
        command = check.command or CommandInfo()
        file, argv = plan.file_and_argv(command)
        argv = (file, *argv[1:])
        variables = command.environment
    elif check.type is HealthCheckType.HTTP:
        url = f"{check.scheme}://127.0.0.1:{check.port}{check.path}"
    else:
        port = check.port
    state.out.append(
        RunCheck(
            check=number,
            container_id=container_id,
            timeout_s=check.timeout_s,
            argv=argv,
            environment=variables,
            url=url,
            port=port,
        )
    )
