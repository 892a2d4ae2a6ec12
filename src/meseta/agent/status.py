"""Status updates, from whoever makes them to the acknowledgement by their framework.

    executor · built-in executor · agent ──▶ filled in ──▶ task's state ──▶ checkpoint ──▶ stream ──▶ master
                                                                  (if the framework checkpoints)
              ◀── acknowledged to the executor ◀──────────────────────┘        master ──▶ acknowledged

An executor is acknowledged once its update cannot be lost here any more. Per task one update is on its way at
a time; the newest state rides along with it, so that the master frees resources without waiting for its turn.
Who made an update, and about which executor, is never taken from the message (Mesos: `Slave::statusUpdate`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from meseta.agent import paths, stopping
from meseta.agent.effects import Acknowledged, OperationUpdate, SendToExecutor, UpdateCheckpoint, UpdateStatus
from meseta.agent.events import Checkpointed, ExecutorPeer, ExecutorUpdated, UpdateAcknowledged
from meseta.agent.state import (
    MILLI,
    Executor,
    ExecutorState,
    Framework,
    Operation,
    PendingUpdate,
    State,
    Task,
    TaskPhase,
)
from meseta.ids import FrameworkId, TaskId, is_uuid, new_uuid
from meseta.records import (
    ContainerStatus,
    FrameworkCapability,
    StatusUpdate,
    TaskReason,
    TaskSource,
    TaskState,
    TaskStatus,
    is_terminal,
)
from meseta.resources import Resources
from meseta.updates import Pushed


def on_executor_updated(state: State, event: ExecutorUpdated, now: float) -> None:
    """Take an update from an executor that is its own process."""
    received = event.status
    framework = state.frameworks.get(event.framework_id)
    if (
        framework is None
        or framework.terminating
        or received.uuid is None
        or not is_uuid(received.uuid)
        or received.agent_id not in (None, state.id)
    ):
        state.counters.add("invalid_status_updates")
        return
    executor = framework.executor_of(received.task_id)
    if received.state is TaskState.TASK_STAGING:
        if executor is not None:
            stopping.shutdown_executor(state, framework, executor, now)
        return
    state.counters.add("valid_status_updates")
    sender = executor or framework.executors.get(event.executor_id)
    peer = sender.peer if event.peer is None and sender is not None else event.peer
    status = replace(received, source=TaskSource.SOURCE_EXECUTOR, executor_id=event.executor_id)
    _take(state, framework, executor, status, peer, now)


def send_from_agent(
    state: State, framework: Framework, executor: Executor | None, status: TaskStatus, now: float
) -> None:
    """Send an update that the agent itself makes."""
    if framework.terminating:
        return
    executor_id = status.executor_id if executor is None else executor.id
    status = replace(status, source=TaskSource.SOURCE_AGENT, executor_id=executor_id)
    _take(state, framework, executor, status, None, now)


def send_from_builtin(
    state: State, framework: Framework, executor: Executor, status: TaskStatus, now: float
) -> None:
    """Send an update of an executor that the agent hosts; it looks like any other executor's."""
    if framework.terminating:
        return
    state.counters.add("valid_status_updates")
    status = replace(status, source=TaskSource.SOURCE_EXECUTOR, executor_id=executor.id)
    _take(state, framework, executor, status, None, now)


def send_unknown(state: State, framework_id: FrameworkId, status: TaskStatus, now: float) -> None:
    """Send an update about a task that the agent does not know, maybe of a framework neither."""
    status = replace(status, source=TaskSource.SOURCE_AGENT)
    _push(state, PendingUpdate(_update(state, framework_id, status, now), None, None), now)


def repeat_end(state: State, framework_id: FrameworkId, task_id: TaskId) -> bool:
    """Tell the master once more how a task ended, and that was acknowledged; False: it is not known here.

    The framework recognises the update and acknowledges it again, which settles it at the master too.
    """
    for executor in _executors_ever(state, framework_id):
        for task in executor.completed:
            if task.info.task_id == task_id and task.over and task.statuses:
                last = task.statuses[-1]
                update = StatusUpdate(
                    framework_id=framework_id,
                    executor_id=last.executor_id,
                    agent_id=state.id,
                    status=last,
                    timestamp=state.now if last.timestamp is None else last.timestamp,
                    uuid=last.uuid,
                    latest_state=last.state,
                )
                state.send_master(UpdateStatus(update=update, pid=state.config.pid))
                return True
    return False


def _executors_ever(state: State, framework_id: FrameworkId) -> Iterator[Executor]:
    """Return the executors of a framework that are here, and those that are remembered."""
    for frameworks in (state.frameworks, state.completed_frameworks):
        framework = frameworks.get(framework_id)
        if framework is not None:
            yield from framework.executors.values()
            yield from framework.completed


def limitation_of(
    reason: TaskReason | None, resources: Resources, limits: Iterable[tuple[str, float]]
) -> Resources | None:
    """Say of what a container used so much that it was ended, if that is the reason: all that it might."""
    if reason is not TaskReason.REASON_CONTAINER_LIMITATION_MEMORY:
        return None
    return Resources.scalars(mem=dict(limits).get("mem", resources.scalar("mem") / MILLI))


def dropped_state(framework: Framework) -> TaskState:
    """State of a task that was never started here."""
    aware = framework.info.has(FrameworkCapability.PARTITION_AWARE)
    return TaskState.TASK_DROPPED if aware else TaskState.TASK_LOST


def on_checkpointed(state: State, event: Checkpointed, now: float) -> None:
    """An update is on disk: now it may be seen."""
    pending = state.writing.pop(event.ticket, None)
    framework = None if pending is None else state.frameworks.get(pending.update.framework_id)
    if pending is not None and framework is not None and not framework.terminating:
        _push(state, pending, now)


def on_update_acknowledged(state: State, event: UpdateAcknowledged, now: float) -> None:
    """The framework has an update: send the next, or let the task go with its last."""
    key = (event.framework_id, event.task_id)
    done = state.updates.acknowledge(key, event.uuid, now)
    if done is None:
        return
    framework = state.frameworks.get(event.framework_id)
    executor = None if framework is None else framework.executor_of(event.task_id)
    if framework is not None and executor is not None and framework.info.checkpoint:
        task_dir = paths.task_dir(
            state.agent_id(), framework.id, executor.id, executor.container_id, event.task_id
        )
        state.checkpoint(f"{task_dir}/task.updates", UpdateCheckpoint(acknowledged=event.uuid))
    if done.next is not None:
        forward(state, done.next)
    elif executor is None and not any(state.updates.pending(key)):
        # Of a task that is not here nothing more will come.
        state.updates.drop(key)
    if done.ended and framework is not None and executor is not None:
        task = executor.tasks[event.task_id]
        if task.over:
            stopping.complete_task(state, framework, executor, task)
            stopping.remove_executor_if_done(state, framework, executor, now)


def on_retry_due(state: State, now: float) -> None:
    """Send again what was not acknowledged in time."""
    for update in state.updates.due(now):
        forward(state, update)
    for operation in state.operation_updates.due(now):
        state.send_master(operation_update(state, operation))


def forward(state: State, update: StatusUpdate) -> None:
    """Send an update to the master, with the newest state of its task."""
    task_id = update.status.task_id
    framework = state.frameworks.get(update.framework_id)
    executor = None if framework is None else framework.executor_of(task_id)
    latest = update.status.state
    if executor is not None:
        task = executor.tasks[task_id]
        task.update_state = update.status.state
        task.update_uuid = update.uuid
        latest = task.state
    state.send_master(UpdateStatus(update=replace(update, latest_state=latest), pid=state.config.pid))


def operation_update(state: State, operation: Operation) -> OperationUpdate:
    """Return the message about an operation's newest status."""
    return OperationUpdate(
        agent_id=state.agent_id(),
        operation_uuid=operation.uuid,
        status=operation.status,
        latest_status=operation.status,
        framework_id=operation.framework_id,
    )


def _take(
    state: State,
    framework: Framework,
    executor: Executor | None,
    status: TaskStatus,
    peer: ExecutorPeer | None,
    now: float,
) -> None:
    """Fill an update in, apply it to its task, and see that it is kept."""
    if state.draining is not None:
        status = _drained(state, framework, status)
    task = None if executor is None else executor.tasks.get(status.task_id)
    if executor is not None and task is not None:
        status = replace(status, container_status=_container_status(state, executor, task, status))
    update = _update(state, framework.id, status, now)
    pending = PendingUpdate(update, peer, None if executor is None else executor.id)
    if executor is None or task is None:
        if _is_completed(framework, status):
            _acknowledge(state, pending)
        else:
            _push(state, pending, now)
        return
    if task.over or state.updates.knows((framework.id, status.task_id), update.uuid or b""):
        # Nothing may follow the end, and a repetition must not set the state back. The executor is told, so
        # that it does not come again, unless the update is being written at this moment.
        if not any(other.update.uuid == update.uuid for other in state.writing.values()):
            _acknowledge(state, pending)
        return
    _apply(state, executor, task, update.status)
    if not framework.info.checkpoint:
        _push(state, pending, now)
        return
    ticket = state.next_ticket
    state.next_ticket += 1
    state.writing[ticket] = pending
    task_dir = paths.task_dir(
        state.agent_id(), framework.id, executor.id, executor.container_id, status.task_id
    )
    state.checkpoint(f"{task_dir}/task.updates", UpdateCheckpoint(update=update), ticket)


def _is_completed(framework: Framework, status: TaskStatus) -> bool:
    """Tell a late word about a task whose end is settled from one about a task that was never here."""
    if status.source is not TaskSource.SOURCE_EXECUTOR or status.executor_id is None:
        return False
    executor = framework.executors.get(status.executor_id)
    return executor is not None and any(task.info.task_id == status.task_id for task in executor.completed)


def _update(state: State, framework_id: FrameworkId, status: TaskStatus, now: float) -> StatusUpdate:
    """Wrap a status, with what its maker left out."""
    uuid = new_uuid(state.entropy) if status.uuid is None else status.uuid
    timestamp = now if status.timestamp is None else status.timestamp
    return StatusUpdate(
        framework_id=framework_id,
        executor_id=status.executor_id,
        agent_id=state.id,
        status=replace(status, uuid=uuid, timestamp=timestamp, agent_id=state.id),
        timestamp=timestamp,
        uuid=uuid,
    )


def _container_status(
    state: State, executor: Executor, task: Task, status: TaskStatus
) -> ContainerStatus | None:
    """Say where the task runs; nothing if it never ran."""
    never_ran = status.source is TaskSource.SOURCE_AGENT and status.state in (
        TaskState.TASK_DROPPED,
        TaskState.TASK_LOST,
    )
    if task.phase is TaskPhase.QUEUED or never_ran:
        return None
    if task.container_id is None:
        return ContainerStatus(
            container_id=executor.container_id, executor_pid=executor.pid, ip_addresses=(state.config.ip,)
        )
    container = state.containers.get(task.container_id)
    if container is None or container.pid is None:
        return ContainerStatus(container_id=task.container_id)
    return ContainerStatus(
        container_id=task.container_id, executor_pid=container.pid, ip_addresses=(state.config.ip,)
    )


def _drained(state: State, framework: Framework, status: TaskStatus) -> TaskStatus:
    """Tell kills of a draining agent from others.

    Where the agent will be gone, a partition-aware framework hears that of what has ended. (In Mesos it hears
    it in the place of TASK_KILLING already, while the task still runs.)
    """
    if status.state not in (TaskState.TASK_KILLING, TaskState.TASK_KILLED) or state.draining is None:
        return status
    aware = framework.info.has(FrameworkCapability.PARTITION_AWARE)
    gone = state.draining.mark_gone and aware and status.state is TaskState.TASK_KILLED
    new_state = TaskState.TASK_GONE_BY_OPERATOR if gone else status.state
    return replace(status, state=new_state, reason=TaskReason.REASON_AGENT_DRAINING)


def _apply(state: State, executor: Executor, task: Task, status: TaskStatus) -> None:
    task.state = status.state
    task.statuses.append(status)
    if not is_terminal(status.state):
        return
    task.phase = TaskPhase.TERMINATED
    state.counters.task_ended(status.state)
    if not executor.command_task and executor.state is not ExecutorState.TERMINATED:
        state.containers.update(executor.container_id, executor.allocated(), executor.limits())


def _push(state: State, pending: PendingUpdate, now: float) -> None:
    """Queue an update that is safe, acknowledge it to its executor, and send it if it is its turn."""
    update = pending.update
    assert update.uuid is not None
    key = (update.framework_id, update.status.task_id)
    terminal = is_terminal(update.status.state)
    pushed = state.updates.push(key, update.uuid, update, now, terminal=terminal)
    if pushed is Pushed.FRONT:
        forward(state, update)
    if pushed is not Pushed.FULL:
        _acknowledge(state, pending)


def _acknowledge(state: State, pending: PendingUpdate) -> None:
    if pending.peer is None:
        return
    update = pending.update
    assert update.uuid is not None
    message = Acknowledged(
        agent_id=state.agent_id(),
        framework_id=update.framework_id,
        task_id=update.status.task_id,
        uuid=update.uuid,
    )
    state.out.append(SendToExecutor(pending.peer, message))
