"""Executors: how they start, register, and are given their tasks.

    ensure ─▶ REGISTERING ──subscribed──▶ RUNNING ──shut down──▶ TERMINATING ──gone──▶ TERMINATED ─▶ forgotten
                   │ 60 s: destroyed         (built-in ones are RUNNING at once)

How they end is told in `endings`. A v0 executor answers on its libprocess pid, a v1 executor on its event
stream; built-in ones are machines (`hosting`).
"""

from __future__ import annotations

from msgspec.structs import replace

from meseta.agent import environment, gc, hosting, paths, status, stopping
from meseta.agent.effects import (
    CloseExecutorStream,
    DeliverToFramework,
    ErrorEvent,
    ExecutorCheckpoint,
    ExecutorMessage,
    LaunchTask,
    LaunchTaskGroup,
    Link,
    Reconnect,
    Resubscribed,
    SendToExecutor,
    SendToFramework,
    Shutdown,
    Subscribed,
    TextCheckpoint,
)
from meseta.agent.events import (
    ExecutorPeer,
    ExecutorRegistered,
    ExecutorReregistered,
    ExecutorStreamClosed,
    ExecutorSubscribed,
    ExecutorUpdated,
    MessageForFrameworkReceived,
    UnacknowledgedUpdate,
)
from meseta.agent.state import (
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
from meseta.agent.volumes import links_of
from meseta.containers import plan
from meseta.containers.effects import LinkVolumes, Sandbox
from meseta.containers.isolators import ordered
from meseta.executors.command import CommandExecutor
from meseta.executors.pod import PodExecutor
from meseta.ids import ExecutorId, FrameworkId
from meseta.records import (
    CommandInfo,
    ExecutorInfo,
    ExecutorType,
    TaskInfo,
    TaskReason,
    TaskState,
    TaskStatus,
)
from meseta.resources import Resources

NAME_LENGTH_MAX = 15

# ── start ─────────────────────────────────────────────────────────────────────────────────────────────


def command_executor_info(framework_id: FrameworkId, task: TaskInfo) -> ExecutorInfo:
    """Describe the executor of a command task; it is named after the task."""
    command = task.command or CommandInfo()
    if command.shell:
        text = command.value or ""
        short = f"{text[:12]}..." if len(text) > NAME_LENGTH_MAX else text
        shown = f"sh -c '{short}'"
    else:
        text = ", ".join((command.value or "", *command.arguments))
        shown = f"[{text[:12]}...]" if len(text) > NAME_LENGTH_MAX else f"[{text}]"
    return ExecutorInfo(
        executor_id=ExecutorId(task.task_id),
        framework_id=framework_id,
        resources=Resources.EMPTY,
        allocation_role=task.allocation_role,
        name=f"Command Executor (Task: {task.task_id}) (Command: {shown})",
        source=task.task_id,
        command=command,
        container=task.container,
    )


def add_executor(state: State, framework: Framework, info: ExecutorInfo, *, command_task: bool) -> Executor:
    """Make an executor, write it down, and give it a machine if it is a built-in one."""
    agent_id, container_id = state.agent_id(), state.new_container_id()
    directory = paths.run_dir(agent_id, framework.id, info.executor_id, container_id)
    executor = Executor(info, container_id, directory, command_task=command_task)
    framework.executors[executor.id] = executor
    state.owners[container_id] = Owner(framework.id, executor.id)
    parent = paths.executor_dir(agent_id, framework.id, executor.id)
    for path in (parent, f"{paths.META}/{parent}"):
        gc.unschedule(state, path)
    if framework.info.checkpoint:
        _checkpoint_executor(state, framework, executor)
    if command_task or info.type is ExecutorType.DEFAULT:
        hosting.host(state, framework, executor)
    return executor


def start_executor(state: State, framework: Framework, executor: Executor, now: float) -> None:
    """Start an executor's process; a built-in one has none and is there at once, unless it must fetch."""
    if executor.builtin is None:
        _launch_process(state, framework, executor, now)
        return
    command = executor.info.command
    uris = () if executor.command_task or command is None else command.uris
    if isinstance(executor.builtin, PodExecutor):
        state.containers.launch_frame(executor.container_id, _sandbox(state, framework, executor), uris)
    if not uris:
        executor.state = ExecutorState.RUNNING


def _launch_process(state: State, framework: Framework, executor: Executor, now: float) -> None:
    command = executor.info.command or CommandInfo()
    sandbox = _sandbox(state, framework, executor)
    state.containers.launch(
        plan.build(
            executor.container_id,
            command,
            environment.for_executor(state.config, state.agent_id(), framework, executor),
            sandbox,
            user=sandbox.user,
            resources=executor.allocated(),
            limits=executor.limits(),
            isolators=ordered(state.config.isolation),
            container=executor.info.container,
        ),
        command.uris,
    )
    state.deadlines.arm(
        executor_timer(TimerKind.REGISTRATION, framework, executor),
        now + state.config.executor_registration_timeout_s,
    )


def _sandbox(state: State, framework: Framework, executor: Executor) -> Sandbox:
    work_dir = state.config.work_dir
    return Sandbox(
        path=f"{work_dir}/{executor.directory}",
        user=hosting.user_of(state, framework, executor.info.command),
        latest=f"{work_dir}/{paths.latest_run(state.agent_id(), framework.id, executor.id)}",
        volumes=links_of(state, executor.info.resources if executor.builtin else executor.allocated()),
    )


def _checkpoint_executor(state: State, framework: Framework, executor: Executor) -> None:
    ids = (state.agent_id(), framework.id, executor.id)
    generated = executor.command_task
    state.checkpoint(
        paths.executor_info(*ids), ExecutorCheckpoint(executor=executor.info, command_task=generated)
    )
    state.checkpoint(paths.generated_marker(*ids), TextCheckpoint("1" if generated else "0"))


# ── registration ──────────────────────────────────────────────────────────────────────────────────────


def on_executor_subscribed(state: State, event: ExecutorSubscribed, now: float) -> None:
    """A v1 executor opens its stream, for the first time or again; an older stream of it is closed."""
    framework, executor = _expected(state, event.framework_id, event.executor_id)
    if framework is None or executor is None:
        state.out.append(SendToExecutor(event.stream, ErrorEvent("Executor is not expected on this agent")))
        state.out.append(SendToExecutor(event.stream, Shutdown()))
        state.out.append(CloseExecutorStream(event.stream))
        return
    _attach(state, framework, executor, event.stream)
    if framework.info.checkpoint:
        run = (state.agent_id(), framework.id, executor.id, executor.container_id)
        state.checkpoint(paths.http_marker(*run), TextCheckpoint())
    greeting = _greeting(state, framework, executor)
    if _welcome(state, framework, executor, greeting, now):
        _settle(state, framework, executor, event.unacknowledged_tasks, event.unacknowledged_updates, now)
        deliver(state, framework, executor)


def on_executor_registered(state: State, event: ExecutorRegistered, now: float) -> None:
    """A v0 executor is up: link to it and give it its tasks."""
    framework, executor = _expected(state, event.framework_id, event.executor_id)
    if framework is None or executor is None or executor.state is not ExecutorState.REGISTERING:
        state.out.append(SendToExecutor(event.pid, Shutdown()))
        return
    _attach(state, framework, executor, event.pid)
    if _welcome(state, framework, executor, _greeting(state, framework, executor), now):
        deliver(state, framework, executor)


def ask_back(state: State, framework: Framework, executor: Executor, now: float) -> None:
    """Ask a v0 executor that outlived an agent to come back, and arm the next time if one is wanted."""
    assert executor.former_pid is not None, "only who was there before is asked back"
    state.out.append(SendToExecutor(executor.former_pid, Reconnect(state.agent_id())))
    interval_s = state.config.executor_reregistration_retry_interval_s
    if interval_s is not None:
        state.deadlines.arm(executor_timer(TimerKind.RECONNECTION, framework, executor), now + interval_s)


def on_executor_reregistered(state: State, event: ExecutorReregistered, now: float) -> None:
    """A v0 executor is found again after an agent restart; that it was asked twice it may tell twice."""
    framework, executor = _expected(state, event.framework_id, event.executor_id)
    if framework is None or executor is None:
        state.out.append(SendToExecutor(event.pid, Shutdown()))
        return
    if executor.peer == event.pid:
        return
    _attach(state, framework, executor, event.pid)
    if _welcome(state, framework, executor, Resubscribed(agent=state.info()), now):
        _settle(state, framework, executor, event.unacknowledged_tasks, event.unacknowledged_updates, now)
        deliver(state, framework, executor)


def on_executor_stream_closed(state: State, event: ExecutorStreamClosed, now: float) -> None:
    """A v1 executor is out of reach; it may subscribe again, until its process ends."""
    owner = state.streams.pop(event.stream, None)
    executor = None if owner is None else state.executor(*owner)
    if executor is not None and executor.peer == event.stream:
        executor.peer = None


def on_message_for_framework_received(state: State, event: MessageForFrameworkReceived, now: float) -> None:
    """Pass an executor's message on: to a v0 framework directly, else through the master."""
    framework = state.frameworks.get(event.framework_id)
    if framework is None or framework.terminating or state.phase is not Phase.RUNNING:
        state.counters.add("invalid_framework_messages")
        return
    state.counters.add("valid_framework_messages")
    message = DeliverToFramework(
        agent_id=state.agent_id(),
        framework_id=event.framework_id,
        executor_id=event.executor_id,
        data=event.data,
    )
    if framework.pid is None:
        state.send_master(message)
    else:
        state.out.append(SendToFramework(pid=framework.pid, message=message))


def deliver(state: State, framework: Framework, executor: Executor) -> None:
    """Give a running executor all that waits for it."""
    waiting = list(executor.queued())
    if not waiting:
        return
    if executor.builtin is None:
        state.containers.update(executor.container_id, executor.allocated(), executor.limits())
        _link_volumes(state, framework, executor, waiting)
    groups, executor.groups = executor.groups, []
    grouped = {task.task_id for group in groups for task in group.tasks}
    executor.sent_task = True
    for task in waiting:
        task.phase = TaskPhase.LAUNCHED
    for task in waiting:
        if task.info.task_id not in grouped:
            _deliver_task(state, framework, executor, task)
    for group in groups:
        if isinstance(executor.builtin, PodExecutor):
            executor.builtin.launch_group(group)
        else:
            message = LaunchTaskGroup(framework=framework.info, executor=executor.info, group=group)
            stopping.send(executor, message, state)


def _link_volumes(state: State, framework: Framework, executor: Executor, waiting: list[Task]) -> None:
    """Show an executor the volumes of tasks that it is about to be given."""
    resources = sum((task.info.resources for task in waiting), Resources.EMPTY)
    if resources.persistent_volumes():
        sandbox = replace(_sandbox(state, framework, executor), volumes=links_of(state, resources))
        state.out.append(LinkVolumes(sandbox=sandbox))


def _deliver_task(state: State, framework: Framework, executor: Executor, task: Task) -> None:
    if isinstance(executor.builtin, CommandExecutor):
        executor.builtin.launch(task.info)
    else:
        message = LaunchTask(framework=framework.info, task=task.info, framework_pid=framework.pid)
        stopping.send(executor, message, state)


def _expected(
    state: State, framework_id: FrameworkId, executor_id: ExecutorId
) -> tuple[Framework | None, Executor | None]:
    """Return the executor that may register under these ids now, with its framework."""
    framework = state.frameworks.get(framework_id)
    executor = None if framework is None else framework.executors.get(executor_id)
    if (
        state.phase is Phase.TERMINATING
        or framework is None
        or framework.terminating
        or executor is None
        or executor.builtin is not None
        or executor.state not in (ExecutorState.REGISTERING, ExecutorState.RUNNING)
    ):
        return None, None
    return framework, executor


def _attach(state: State, framework: Framework, executor: Executor, peer: ExecutorPeer) -> None:
    if executor.peer != peer:
        stopping.detach(state, executor)
    executor.peer = peer
    owner = Owner(framework.id, executor.id)
    if isinstance(peer, int):
        state.streams[peer] = owner
        return
    state.pids[peer] = owner
    state.out.append(Link(peer))
    if framework.info.checkpoint:
        run = (state.agent_id(), framework.id, executor.id, executor.container_id)
        state.checkpoint(paths.libprocess_pid(*run), TextCheckpoint(peer))


def _welcome(
    state: State, framework: Framework, executor: Executor, greeting: ExecutorMessage, now: float
) -> bool:
    """Greet an executor, before anything else is sent to it; tell it to end if it came for nothing."""
    executor.state = ExecutorState.RUNNING
    for kind in (TimerKind.REGISTRATION, TimerKind.REREGISTRATION, TimerKind.RECONNECTION):
        state.deadlines.cancel(executor_timer(kind, framework, executor))
    if not executor.sent_task and not any(executor.queued()):
        stopping.shutdown_executor(state, framework, executor, now)
        return False
    stopping.send(executor, greeting, state)
    return True


def _greeting(state: State, framework: Framework, executor: Executor) -> Subscribed:
    return Subscribed(
        executor=executor.info,
        framework=framework.info,
        agent=state.info(),
        container_id=executor.container_id,
    )


def _settle(
    state: State,
    framework: Framework,
    executor: Executor,
    tasks: tuple[TaskInfo, ...],
    updates: tuple[UnacknowledgedUpdate, ...],
    now: float,
) -> None:
    """Take what an executor brings: updates that were lost on the way, and which tasks it ever got."""
    for update in updates:
        event = ExecutorUpdated(
            framework_id=framework.id, executor_id=executor.id, status=update.status, peer=executor.peer
        )
        status.on_executor_updated(state, event, now)
    brought = {task.task_id for task in tasks}
    for task in list(executor.tasks.values()):
        staging = task.phase is TaskPhase.LAUNCHED and task.state is TaskState.TASK_STAGING
        if staging and task.info.task_id not in brought:
            never_got = TaskStatus(
                task_id=task.info.task_id,
                state=status.dropped_state(framework),
                reason=TaskReason.REASON_AGENT_RESTARTED,
                message="Task launched during agent restart",
            )
            status.send_from_agent(state, framework, executor, never_got, now)
