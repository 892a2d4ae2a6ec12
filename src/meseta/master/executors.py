"""Executors: their end, and the bytes that they and their schedulers send each other."""

from __future__ import annotations

from meseta.master.effects import Delivered, DeliverToExecutor, Failed, ShutdownExecutor
from meseta.master.events import (
    ExecutorExited,
    ExecutorMessageReceived,
    ExecutorShutdownRequested,
    MessageSent,
)
from meseta.master.senders import caller
from meseta.master.state import State
from meseta.master.tasks import remove_executor


def on_executor_exited(state: State, event: ExecutorExited, now: float) -> None:
    """Free what an executor held, and tell its framework."""
    state.counters["master/messages_exited_executor"] += 1
    agent = state.agents.get(event.agent_id)
    framework = state.frameworks.get(event.framework_id)
    if agent is None or agent.pid != event.sender or framework is None:
        state.warn(f"Ignoring the end of executor {event.executor_id} told by {event.sender}")
        return
    executor = agent.executors.get(framework.id, {}).get(event.executor_id)
    if executor is None:
        return  # That of a command task: the task's own update tells of it.
    remove_executor(state, framework, agent, executor, now)
    state.tell(framework, Failed(framework.id, agent.id, event.executor_id, event.status))


def on_executor_shutdown_requested(state: State, event: ExecutorShutdownRequested, now: float) -> None:
    """Tell the agent to end an executor."""
    framework = caller(state, event)
    if framework is None:
        return
    agent = state.agents.get(event.agent_id)
    if agent is None or not agent.connected:
        state.warn(
            f"Cannot shut down executor {event.executor_id} of framework {framework}:"
            f" agent {event.agent_id} is not connected"
        )
        return
    state.tell_agent(agent, ShutdownExecutor(framework.id, event.executor_id))


def on_message_sent(state: State, event: MessageSent, now: float) -> None:
    """Pass a scheduler's bytes on to the agent, best effort."""
    framework = caller(state, event)
    if framework is None:
        return
    counters = state.counters
    counters["master/messages_framework_to_executor"] += 1
    agent = state.agents.get(event.agent_id)
    if agent is None or not agent.connected:
        counters["master/invalid_framework_to_executor_messages"] += 1
        return
    state.tell_agent(agent, DeliverToExecutor(framework.id, agent.id, event.executor_id, event.data))
    counters["master/valid_framework_to_executor_messages"] += 1


def on_executor_message_received(state: State, event: ExecutorMessageReceived, now: float) -> None:
    """Pass an executor's bytes on to the scheduler, best effort."""
    counters = state.counters
    counters["master/messages_executor_to_framework"] += 1
    agent = state.agents.get(event.agent_id)
    framework = state.frameworks.get(event.framework_id)
    if agent is None or agent.pid != event.sender or framework is None or not framework.connected:
        counters["master/invalid_executor_to_framework_messages"] += 1
        return
    state.tell(framework, Delivered(framework.id, agent.id, event.executor_id, event.data))
    counters["master/valid_executor_to_framework_messages"] += 1
