"""Frameworks on an agent: their changes, their messages to executors, and their end."""

from __future__ import annotations

from meseta.agent import stopping
from meseta.agent.effects import Message
from meseta.agent.events import (
    FrameworkUpdated,
    MessageForExecutorReceived,
    ShutdownExecutorReceived,
    ShutdownFrameworkReceived,
)
from meseta.agent.state import ExecutorState, Phase, State
from meseta.agent.tasks import checkpoint_framework
from meseta.ids import NO_PID


def on_framework_updated(state: State, event: FrameworkUpdated, now: float) -> None:
    """Note a framework's new pid and description."""
    framework = state.frameworks.get(event.framework_id)
    if framework is None or framework.terminating:
        return
    framework.pid = None if event.pid in (None, NO_PID) else event.pid
    if event.framework is not None:
        framework.info = event.framework
    if framework.info.checkpoint:
        checkpoint_framework(state, framework)


def on_message_for_executor_received(state: State, event: MessageForExecutorReceived, now: float) -> None:
    """Pass a framework's message on. Built-in executors have no use for messages."""
    executor = state.executor(event.framework_id, event.executor_id)
    if executor is None or executor.state is not ExecutorState.RUNNING or state.id is None:
        state.counters.add("invalid_framework_messages")
        return
    state.counters.add("valid_framework_messages")
    message = Message(
        agent_id=state.id,
        framework_id=event.framework_id,
        executor_id=event.executor_id,
        data=event.data,
    )
    stopping.send(executor, message, state)


def on_shutdown_executor_received(state: State, event: ShutdownExecutorReceived, now: float) -> None:
    """Shut an executor down."""
    framework = state.frameworks.get(event.framework_id)
    executor = None if framework is None else framework.executors.get(event.executor_id)
    if framework is not None and executor is not None:
        stopping.shutdown_executor(state, framework, executor, now)


def on_shutdown_framework_received(state: State, event: ShutdownFrameworkReceived, now: float) -> None:
    """Shut a framework down; also let go of what was to be said of tasks that never ran here."""
    if state.phase is not Phase.RUNNING:
        return
    stopping.drop_updates(state, event.framework_id)
    framework = state.frameworks.get(event.framework_id)
    if framework is not None:
        stopping.shutdown_framework(state, framework, now)
