"""Which corners of the life of frameworks' own executors a run has been in; see `marks`."""

from __future__ import annotations

from meseta.agent import effects as x
from meseta.agent import events as e
from meseta.agent.state import ExecutorState
from meseta.master import effects as mx
from meseta.records import TaskReason, TaskState
from meseta.sdk import executor_events as sdk
from meseta.sim import libprocess_executor as v0
from meseta.sim.agent_node import AgentNode
from meseta.sim.executor_node import ExecutorNode
from meseta.sim.executor_routing import launched_tasks
from meseta.sim.marks import Mark, Predicate, reports_because
from meseta.sim.node import Step


def _told(kind: type) -> Predicate:
    """An agent tells an executor this."""
    return lambda effect: isinstance(effect.message, kind)


def _tells(step: Step, kind: type) -> bool:
    return any(
        isinstance(effect, x.SendToExecutor) and isinstance(effect.message, kind) for effect in step.effects
    )


def _is_given_tasks(step: Step) -> bool:
    return _tells(step, x.LaunchTask) or _tells(step, x.LaunchTaskGroup)


def _is_lost_on_the_way(effect: x.SendToMaster) -> bool:
    status = effect.message.update.status if isinstance(effect.message, x.UpdateStatus) else None
    return (
        status is not None
        and status.reason is TaskReason.REASON_AGENT_RESTARTED
        and "during agent restart" in (status.message or "")
    )


def _ends_tasks(step: Step) -> bool:
    """An agent fails tasks, as it says in this very step that their executor is gone."""
    for effect in step.effects:
        match effect:
            case (
                x.Checkpoint(record=x.UpdateCheckpoint(update=update))
                | x.SendToMaster(message=x.UpdateStatus(update=update))
            ) if update is not None and update.status.state is TaskState.TASK_FAILED:
                return True
    return False


def _is_late(step: Step) -> bool:
    """An executor that was asked to leave is killed, as it did not."""
    node = step.node
    if step.event is not None or not isinstance(node, AgentNode) or node.machine is None:
        return False
    killed = {effect.container_id for effect in step.effects if isinstance(effect, x.DestroyContainer)}
    return any(
        executor.container_id in killed
        and executor.builtin is None
        and executor.state is ExecutorState.TERMINATING
        and executor.ending is None
        for framework in node.machine.state.frameworks.values()
        for executor in framework.executors.values()
    )


def _waits(step: Step) -> bool:
    """A task makes its agent start an executor, which is not there yet."""
    return any(isinstance(effect, x.StartContainer | x.PrepareSandbox) for effect in step.effects)


def _is_told_of_end(effect: mx.SendToFramework) -> bool:
    return isinstance(effect.message, mx.Failed) and effect.message.executor_id is not None


def _runs_several(step: Step) -> bool:
    return isinstance(step.node, ExecutorNode) and len(step.node.work.running) > 1


def _comes_for_nothing(step: Step) -> bool:
    return _tells(step, x.Shutdown) and not _tells(step, x.ErrorEvent)


def _has_own(event: e.RunTaskReceived) -> bool:
    return event.task.executor is not None


def _exits_with(status: int) -> Predicate:
    return lambda effect: isinstance(effect.message, x.ExecutorExited) and effect.message.status == status


def _because(text: str) -> Predicate:
    return lambda effect: text in effect.reason


EXECUTOR_MARKS = (
    # coming
    Mark("executor subscribes", e.ExecutorSubscribed),
    Mark("executor registers", e.ExecutorRegistered),
    Mark("task waits for its executor", e.RunTaskReceived, _has_own, _waits),
    Mark("executor is given what waited for it", e.ExecutorSubscribed, context=_is_given_tasks),
    Mark("executor is given what waited for it", e.ExecutorRegistered, context=_is_given_tasks),
    Mark("executor comes for nothing", e.ExecutorSubscribed, context=_comes_for_nothing),
    Mark("executor comes for nothing", e.ExecutorRegistered, context=_comes_for_nothing),
    Mark(
        "executor does not come in time",
        x.SendToMaster,
        reports_because(TaskReason.REASON_EXECUTOR_REGISTRATION_TIMEOUT),
    ),
    # coming back
    Mark(
        "executor subscribes again",
        sdk.ReportSubscribed,
        lambda effect: effect.again and isinstance(effect.payload, x.Subscribed),
    ),
    Mark("executor is asked back", x.SendToExecutor, _told(x.Reconnect)),
    Mark("executor registers again", x.SendToExecutor, _told(x.Resubscribed)),
    Mark(
        "executor brings updates back",
        e.ExecutorSubscribed,
        lambda event: bool(event.unacknowledged_updates),
    ),
    Mark(
        "executor brings updates back",
        e.ExecutorReregistered,
        lambda event: bool(event.unacknowledged_updates),
    ),
    Mark("executor brings tasks back", e.ExecutorSubscribed, lambda event: bool(event.unacknowledged_tasks)),
    Mark(
        "executor brings tasks back", e.ExecutorReregistered, lambda event: bool(event.unacknowledged_tasks)
    ),
    Mark("executor comes back too late", x.SendToExecutor, _told(x.ErrorEvent)),
    Mark(
        "executor does not come back in time",
        x.SendToMaster,
        reports_because(TaskReason.REASON_EXECUTOR_REREGISTRATION_TIMEOUT),
    ),
    Mark("executor gives its agent up", sdk.ReportShutdown, _because("in time")),
    Mark("executor ends with its agent", sdk.ReportShutdown, _because("is gone")),
    Mark("task is lost on its way to its executor", x.SendToMaster, _is_lost_on_the_way),
    Mark(
        "executor that is not connected is given tasks",
        v0.Heard,
        lambda event: bool(launched_tasks(event.message)),
        lambda step: not step.effects,
    ),
    # working
    Mark("executor runs several tasks", sdk.UpdateMade, context=_runs_several),
    Mark("executor is given a group of tasks", x.SendToExecutor, _told(x.LaunchTaskGroup)),
    Mark("message reaches an executor", sdk.Deliver, lambda effect: isinstance(effect.payload, x.Message)),
    Mark(
        "message of an executor reaches its framework",
        mx.SendToFramework,
        lambda effect: isinstance(effect.message, mx.Delivered),
    ),
    Mark("executor says something again", sdk.SendUpdate, context=lambda step: step.event is None),
    # ending
    Mark(
        "executor ends with tasks running",
        x.SendToMaster,
        lambda effect: isinstance(effect.message, x.ExecutorExited),
        _ends_tasks,
    ),
    Mark("executor ends by itself", sdk.ReportStopped),
    Mark("executor does not leave in time", x.DestroyContainer, context=_is_late),
    Mark("executor ends with a status", x.SendToMaster, _exits_with(1 << 8)),
    Mark("framework is told that its executor has ended", mx.SendToFramework, _is_told_of_end),
)
