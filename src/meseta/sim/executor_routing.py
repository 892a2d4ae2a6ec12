"""Between agents and executors of frameworks' own, record to record: `wire.executor_link` in bytes."""

from __future__ import annotations

from typing import NamedTuple

from meseta.agent import effects as agent
from meseta.agent import events as to_agent
from meseta.ids import ExecutorId, FrameworkId
from meseta.records import TaskInfo, TaskStatus
from meseta.sdk import executor_events as sdk


class Subscribe(NamedTuple):
    """A v1 executor opens its stream."""

    framework_id: FrameworkId
    executor_id: ExecutorId
    tasks: tuple[TaskInfo, ...]
    updates: tuple[TaskStatus, ...]

    def event(self, stream: int) -> to_agent.ExecutorSubscribed:
        """Return what the agent hears."""
        return to_agent.ExecutorSubscribed(
            stream=stream,
            framework_id=self.framework_id,
            executor_id=self.executor_id,
            unacknowledged_tasks=self.tasks,
            unacknowledged_updates=tuple(map(to_agent.UnacknowledgedUpdate, self.updates)),
        )


class Refused(NamedTuple):
    """The answer to a `Subscribe` that is refused."""

    status: int
    reason: str


ExecutorCall = to_agent.ExecutorUpdated | to_agent.MessageForFrameworkReceived
"""What executors of both protocols tell their agent beside that they are there."""

V0_EVENTS = (to_agent.ExecutorRegistered, to_agent.ExecutorReregistered, ExecutorCall)
"""What an agent hears from v0 executors."""

NEVER_ON_STREAMS = (agent.Resubscribed, agent.Reconnect)
"""What only v0 executors are told."""


def session_event(message: agent.ExecutorMessage, attempt: int) -> sdk.Event:
    """Return what a v1 executor's session hears when its agent sends `message` on the stream of `attempt`."""
    match message:
        case agent.Subscribed():
            return sdk.Subscribed(attempt=attempt, payload=message)
        case agent.LaunchTask() | agent.LaunchTaskGroup():
            tasks = tuple((task.task_id, task) for task in launched_tasks(message))
            return sdk.TasksLaunched(attempt=attempt, tasks=tasks, payload=message)
        case agent.Acknowledged(task_id=task_id, uuid=uuid):
            return sdk.UpdateAcknowledged(attempt=attempt, task_id=task_id, uuid=uuid)
        case agent.ErrorEvent(message=text):
            return sdk.ErrorArrived(attempt=attempt, message=text)
    return sdk.EventArrived(attempt=attempt, payload=message)


def launched_tasks(message: object) -> tuple[TaskInfo, ...]:
    """Return the tasks that an agent's message gives to an executor."""
    match message:
        case agent.LaunchTask(task=task):
            return (task,)
        case agent.LaunchTaskGroup(group=group):
            return group.tasks
    return ()
