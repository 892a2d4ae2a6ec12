"""From one machine's effects to another's events, record to record: what `wire` does through bytes.

Each table has an entry for every message that a machine can send, which a test checks, so a message that
is added cannot be forgotten here. Where the wire fills something in, or cannot say something, so does this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from msgspec.structs import replace

from meseta.agent import effects as agent
from meseta.agent import events as to_agent
from meseta.ids import NO_PID, FrameworkId, Pid
from meseta.master import effects as master
from meseta.master import events as to_master
from meseta.records import ExecutorInfo, FrameworkCapability, TaskInfo
from meseta.sdk import events as sdk

# ── from the master to agents ─────────────────────────────────────────────────────────────────────────


def agent_event(
    message: master.AgentMessage, sender: Pid, registration: bytes | None = None
) -> to_agent.AgentEvent:
    """Return what an agent hears when the master sends `message`, which counts under one of its requests."""
    event = AGENT_EVENTS[type(message)](message, sender)
    if registration is None or type(message) in master.TIMELESS:
        return event
    assert isinstance(event, to_agent.FromMaster), "what is not timeless says which master it comes from"
    return replace(event, registration=registration)


def _registered(message: master.AgentRegistered, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.AgentRegistered(
        sender=sender, agent_id=message.agent_id, total_ping_timeout_s=message.ping_timeout_s
    )


def _reregistered(message: master.AgentReregistered, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.AgentReregistered(
        sender=sender,
        agent_id=message.agent_id,
        reconciliations=tuple(
            to_agent.ReconciledTask(
                framework_id=tasks.framework_id,
                tasks=tasks.statuses,
                partition_aware=tasks.framework.has(FrameworkCapability.PARTITION_AWARE),
            )
            for tasks in message.reconciliations
        ),
        total_ping_timeout_s=message.ping_timeout_s,
    )


def _ping(message: master.Ping, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.PingReceived(sender=sender, connected=message.connected)


def _run_task(message: master.RunTask, sender: Pid) -> to_agent.AgentEvent:
    task = _with_role(message.task, message.role)
    if task.executor is not None:
        task = replace(task, executor=_placed(task.executor, message.role, message.framework_id))
    return to_agent.RunTaskReceived(
        sender=sender,
        framework=message.framework,
        task=task,
        framework_pid=_pid(message.framework_pid),
        launch_executor=message.launch_executor,
        resource_version_uuid=message.resource_version,
    )


def _run_group(message: master.RunTaskGroup, sender: Pid) -> to_agent.AgentEvent:
    tasks = tuple(_with_role(task, message.role) for task in message.group.tasks)
    return to_agent.RunTaskGroupReceived(
        sender=sender,
        framework=message.framework,
        executor=_placed(message.executor, message.role, message.framework_id),
        group=replace(message.group, tasks=tasks),
        launch_executor=message.launch_executor,
        resource_version_uuid=message.resource_version,
    )


def _kill_task(message: master.KillTask, sender: Pid) -> to_agent.AgentEvent:
    assert message.kill_policy is None, "the workload kills without a policy"
    return to_agent.KillTaskReceived(
        sender=sender, framework_id=message.framework_id, task_id=message.task_id
    )


def _shutdown_executor(message: master.ShutdownExecutor, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.ShutdownExecutorReceived(
        sender=sender, framework_id=message.framework_id, executor_id=message.executor_id
    )


def _shutdown_framework(message: master.ShutdownFramework, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.ShutdownFrameworkReceived(sender=sender, framework_id=message.framework_id)


def _update_framework(message: master.UpdateFramework, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.FrameworkUpdated(
        sender=sender,
        framework_id=message.framework_id,
        pid=_pid(message.framework_pid),
        framework=replace(message.framework, id=message.framework_id),
    )


def _deliver(message: master.DeliverToExecutor, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.MessageForExecutorReceived(
        framework_id=message.framework_id, executor_id=message.executor_id, data=message.data
    )


def _acknowledge(message: master.AcknowledgeUpdate, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.UpdateAcknowledged(
        sender=sender, framework_id=message.framework_id, task_id=message.task_id, uuid=message.uuid
    )


def _acknowledge_operation(message: master.AcknowledgeOperation, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.OperationAcknowledged(
        sender=sender, operation_uuid=message.operation_uuid, status_uuid=message.status_uuid
    )


def _apply_operation(message: master.ApplyOperation, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.OperationReceived(
        sender=sender,
        operation_uuid=message.operation_uuid,
        operation=message.operation,
        framework_id=message.framework_id,
        resource_version_uuid=message.resource_version,
    )


def _reconcile_operations(message: master.ReconcileOperations, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.ReconcileOperationsReceived(sender=sender, operation_uuids=message.operation_uuids)


def _drain(message: master.DrainAgent, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.DrainReceived(
        sender=sender, max_grace_period_s=message.max_grace_period_s, mark_gone=message.mark_gone
    )


def _shutdown(message: master.Shutdown, sender: Pid) -> to_agent.AgentEvent:
    return to_agent.ShutdownReceived(sender=sender, message=message.message)


def _with_role(task: TaskInfo, role: str) -> TaskInfo:
    return task if task.allocation_role is not None else replace(task, allocation_role=role)


def _placed(executor: ExecutorInfo, role: str, framework_id: FrameworkId) -> ExecutorInfo:
    return replace(executor, framework_id=framework_id, allocation_role=executor.allocation_role or role)


def _pid(pid: Pid) -> Pid | None:
    return None if pid == NO_PID else pid


AGENT_EVENTS: dict[type, Callable[[Any, Pid], to_agent.AgentEvent]] = {
    master.AgentRegistered: _registered,
    master.AgentReregistered: _reregistered,
    master.Ping: _ping,
    master.RunTask: _run_task,
    master.RunTaskGroup: _run_group,
    master.KillTask: _kill_task,
    master.ShutdownExecutor: _shutdown_executor,
    master.ShutdownFramework: _shutdown_framework,
    master.UpdateFramework: _update_framework,
    master.DeliverToExecutor: _deliver,
    master.AcknowledgeUpdate: _acknowledge,
    master.AcknowledgeOperation: _acknowledge_operation,
    master.ApplyOperation: _apply_operation,
    master.ReconcileOperations: _reconcile_operations,
    master.DrainAgent: _drain,
    master.Shutdown: _shutdown,
}
"""By the type of the master's message."""


# ── from agents to the master ─────────────────────────────────────────────────────────────────────────


def master_event(message: agent.MasterMessage, sender: Pid) -> to_master.MasterEvent:
    """Return what the master hears when an agent sends `message`."""
    return MASTER_EVENTS[type(message)](message, sender)


def _register(message: agent.Register, sender: Pid) -> to_master.MasterEvent:
    return to_master.RegistrationRequested(
        sender=sender,
        info=message.agent,
        version=message.version,
        capabilities=frozenset(message.capabilities),
        checkpointed=message.checkpointed_resources,
        resource_version=message.resource_version_uuid,
        registration=message.registration_uuid,
    )


def _reregister(message: agent.Reregister, sender: Pid) -> to_master.MasterEvent:
    return to_master.ReregistrationRequested(
        sender=sender,
        info=message.agent,
        version=message.version,
        capabilities=frozenset(message.capabilities),
        checkpointed=message.checkpointed_resources,
        resource_version=message.resource_version_uuid,
        registration=message.registration_uuid,
        frameworks=message.frameworks,
        executors=message.executors,
        tasks=tuple(report.record for report in message.tasks),
        completed=tuple(to_master.CompletedFramework(info=info) for info in message.completed_frameworks),
    )


def _unregister(message: agent.Unregister, sender: Pid) -> to_master.MasterEvent:
    return to_master.UnregistrationRequested(sender=sender, agent_id=message.agent_id)


def _update_agent(message: agent.UpdateAgent, sender: Pid) -> to_master.MasterEvent:
    return to_master.AgentUpdated(
        sender=sender,
        agent_id=message.agent_id,
        oversubscribed=message.oversubscribed if message.update_oversubscribed else None,
        resource_version=message.resource_version_uuid,
        operations=tuple(
            to_master.ReportedOperation(
                uuid=report.operation_uuid,
                info=report.operation,
                status=report.latest_status,
                framework_id=report.framework_id,
            )
            for report in message.operations
        ),
    )


def _update_status(message: agent.UpdateStatus, sender: Pid) -> to_master.MasterEvent:
    return to_master.UpdateReceived(sender=sender, update=message.update, pid=message.pid)


def _operation_update(message: agent.OperationUpdate, sender: Pid) -> to_master.MasterEvent:
    return to_master.OperationUpdateReceived(
        sender=sender,
        agent_id=message.agent_id,
        framework_id=message.framework_id,
        operation_uuid=message.operation_uuid,
        status=message.status,
        latest=message.latest_status,
    )


def _executor_exited(message: agent.ExecutorExited, sender: Pid) -> to_master.MasterEvent:
    return to_master.ExecutorExited(
        sender=sender,
        agent_id=message.agent_id,
        framework_id=message.framework_id,
        executor_id=message.executor_id,
        status=message.status,
    )


def _from_executor(message: agent.DeliverToFramework, sender: Pid) -> to_master.MasterEvent:
    return to_master.ExecutorMessageReceived(
        sender=sender,
        agent_id=message.agent_id,
        framework_id=message.framework_id,
        executor_id=message.executor_id,
        data=message.data,
    )


def _pong(message: agent.Pong, sender: Pid) -> to_master.MasterEvent:
    return to_master.PongReceived(sender=sender)


MASTER_EVENTS: dict[type, Callable[[Any, Pid], to_master.MasterEvent]] = {
    agent.Register: _register,
    agent.Reregister: _reregister,
    agent.Unregister: _unregister,
    agent.UpdateAgent: _update_agent,
    agent.UpdateStatus: _update_status,
    agent.OperationUpdate: _operation_update,
    agent.ExecutorExited: _executor_exited,
    agent.DeliverToFramework: _from_executor,
    agent.Pong: _pong,
}
"""By the type of the agent's message."""

REPEATED = frozenset(
    {
        agent.Register,
        agent.Reregister,
        agent.UpdateStatus,
        agent.Pong,
        master.Ping,
        master.KillTask,
        master.AcknowledgeUpdate,
        master.AgentRegistered,
        master.ShutdownFramework,
    }
)
"""Messages that come more than once by the protocol itself, as whoever causes them tries again."""


def is_repeated(message: Any) -> bool:
    """Tell whether a message may arrive twice."""
    return type(message) in REPEATED


# ── from the master to schedulers ─────────────────────────────────────────────────────────────────────


def scheduler_event(message: master.FrameworkMessage, attempt: int) -> sdk.Event:
    """Return what a scheduler's session hears when the master sends `message` on the stream of `attempt`."""
    match message:
        case master.Subscribed():
            return sdk.Subscribed(
                attempt=attempt,
                framework_id=message.framework_id,
                heartbeat_interval_s=message.heartbeat_interval_s,
                payload=message,
            )
        case master.Heartbeat():
            return sdk.HeartbeatArrived(attempt=attempt)
        case master.Errored():
            return sdk.ErrorArrived(attempt=attempt, message=message.message)
        case master.Updated(update=update) if update.uuid is not None and update.agent_id is not None:
            token = sdk.Token(agent_id=update.agent_id, task_id=update.status.task_id, uuid=update.uuid)
            return sdk.UpdateArrived(attempt=attempt, token=token, payload=message)
    return sdk.EventArrived(attempt=attempt, payload=message)


# ── from schedulers to the master ─────────────────────────────────────────────────────────────────────


class Ask(NamedTuple):
    """A call of an application: the master's event that it becomes, and its fields."""

    kind: type[to_master.Call]
    fields: dict[str, Any]

    @property
    def name(self) -> str:
        """How a trace calls it."""
        return self.kind.__name__


def call_event(call: Any, framework_id: FrameworkId, sender: to_master.Peer) -> to_master.MasterEvent:
    """Return what the master hears when a scheduler makes `call`: the session's own, or an `Ask`."""
    kind, fields = CALLS[type(call)](call)
    return cast(to_master.MasterEvent, kind(framework_id=framework_id, sender=sender, **fields))


def _settle(call: sdk.Acknowledge) -> Ask:
    token = call.token
    fields = {"agent_id": token.agent_id, "task_id": token.task_id, "uuid": token.uuid}
    return Ask(to_master.UpdateAcknowledged, fields)


CALLS: dict[type, Callable[[Any], Ask]] = {
    Ask: lambda call: call,
    sdk.Acknowledge: _settle,
    sdk.Suppress: lambda call: Ask(to_master.Suppressed, {"roles": call.roles}),
    sdk.Revive: lambda call: Ask(to_master.Revived, {"roles": call.roles}),
    sdk.Teardown: lambda call: Ask(to_master.TeardownRequested, {}),
}
"""By the type of the session's call."""
