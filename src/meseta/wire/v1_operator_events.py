"""What operators' event streams are told: the master's `Publish` effects as v1 events.

Effects name what has changed; the events carry it as it is when they are sent. What is gone again by then
has no event, its end has one of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.master import effects as x
from meseta.master.state import State, Task
from meseta.wire.gen import master_pb2 as ma
from meseta.wire.lower import framework_message, status_message
from meseta.wire.v1_operator_master import MasterAnswers, agent_details, framework_details

HEARTBEAT = ma.Event(type=ma.Event.HEARTBEAT)


def subscribed(answers: MasterAnswers, heartbeat_interval_s: float) -> bytes:
    """Return the first event of a stream: all that there is."""
    body = ma.Event.Subscribed(heartbeat_interval_seconds=heartbeat_interval_s)
    part = answers.form.join(body, {"get_state": answers.state_part()})
    return answers.form.join(ma.Event(type=ma.Event.SUBSCRIBED), {"subscribed": part})


def event(answers: MasterAnswers, state: State, what: x.OperatorEvent) -> bytes | None:
    """Return one event; None if what it tells of is gone."""
    if isinstance(what, x.TaskAdded):
        return _task_added(answers, state, what)
    message = _EVENTS[type(what)](state, what)
    return None if message is None else answers.form.one(message)


def _task_added(answers: MasterAnswers, state: State, what: x.TaskAdded) -> bytes | None:
    task = _find_task(state, what)
    if task is None:
        return None
    part = answers.form.join(ma.Event.TaskAdded(), {"task": answers.task_part(task)})
    return answers.form.join(ma.Event(type=ma.Event.TASK_ADDED), {"task_added": part})


def _find_task(state: State, what: x.TaskAdded) -> Task | None:
    framework = state.frameworks.get(what.framework_id)
    if framework is None:
        return None
    task = framework.tasks.get(what.task_id) or framework.unreachable_tasks.get(what.task_id)
    ended = (task for task in reversed(framework.completed_tasks) if task.task_id == what.task_id)
    return task or next(ended, None)


def _task_updated(state: State, what: x.TaskUpdated) -> ma.Event:
    message = ma.Event(type=ma.Event.TASK_UPDATED)
    message.task_updated.framework_id.value = what.framework_id
    message.task_updated.status.CopyFrom(status_message(what.status))
    message.task_updated.state = what.state  # type: ignore[assignment]
    return message


def _agent_added(state: State, what: x.AgentAdded) -> ma.Event | None:
    agent = state.agents.get(what.agent_id)
    if agent is None:
        return None
    message = ma.Event(type=ma.Event.AGENT_ADDED)
    message.agent_added.agent.CopyFrom(agent_details(agent))
    return message


def _agent_removed(state: State, what: x.AgentRemoved) -> ma.Event:
    message = ma.Event(type=ma.Event.AGENT_REMOVED)
    message.agent_removed.agent_id.value = what.agent_id
    return message


def _framework_added(state: State, what: x.FrameworkAdded) -> ma.Event | None:
    framework = state.frameworks.get(what.framework_id)
    if framework is None:
        return None
    message = ma.Event(type=ma.Event.FRAMEWORK_ADDED)
    message.framework_added.framework.CopyFrom(framework_details(framework))
    message.framework_added.framework.unregistered_time.nanoseconds = 0
    return message


def _framework_updated(state: State, what: x.FrameworkUpdated) -> ma.Event | None:
    framework = state.frameworks.get(what.framework_id)
    if framework is None:
        return None
    message = ma.Event(type=ma.Event.FRAMEWORK_UPDATED)
    message.framework_updated.framework.CopyFrom(framework_details(framework))
    message.framework_updated.framework.unregistered_time.nanoseconds = 0
    return message


def _framework_removed(state: State, what: x.FrameworkRemoved) -> ma.Event:
    message = ma.Event(type=ma.Event.FRAMEWORK_REMOVED)
    info = framework_message(what.info, what.framework_id)
    message.framework_removed.framework_info.CopyFrom(info)
    return message


_EVENTS: dict[type, Callable[[State, Any], ma.Event | None]] = {
    x.TaskUpdated: _task_updated,
    x.AgentAdded: _agent_added,
    x.AgentRemoved: _agent_removed,
    x.FrameworkAdded: _framework_added,
    x.FrameworkUpdated: _framework_updated,
    x.FrameworkRemoved: _framework_removed,
}
