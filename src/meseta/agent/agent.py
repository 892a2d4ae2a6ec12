"""The agent machine. `HANDLERS` and `TIMERS` show everything that can happen to it.

Handlers are functions `on_<event>(state, event, now)` in the modules beside this one; they add the effects
that they want to `state.out`, which is what `handle` returns. `now` is seconds since the epoch on a clock
that never goes back: it becomes the timestamp of status updates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.agent import (
    draining,
    endings,
    executors,
    frameworks,
    gc,
    guests,
    operations,
    recovery,
    registration,
    status,
    tasks,
)
from meseta.agent import events as on
from meseta.agent.effects import AgentEffect
from meseta.agent.events import AgentEvent, FromMaster
from meseta.agent.state import AgentConfig, Phase, State
from meseta.agent.stopping import ExecutorTimer
from meseta.executors.run import RunTimer
from meseta.machine import Entropy

Handler = Callable[[State, Any, float], None]


def _on_checkpointed(state: State, event: on.Checkpointed, now: float) -> None:
    """Tell what is on disk: a task's update, or the end of an operation."""
    status.on_checkpointed(state, event, now)
    operations.on_operations_checkpointed(state, event, now)


def _on_executor_subscribed(state: State, event: on.ExecutorSubscribed, now: float) -> None:
    """Take an executor in; on an agent that is being emptied it has to kill its tasks at once."""
    executors.on_executor_subscribed(state, event, now)
    draining.on_executor_back(state, event, now)


def _on_executor_reregistered(state: State, event: on.ExecutorReregistered, now: float) -> None:
    """As above, for an executor that was found again."""
    executors.on_executor_reregistered(state, event, now)
    draining.on_executor_back(state, event, now)


HANDLERS: dict[type, Handler] = {
    # the master comes and goes
    on.MasterDetected: registration.on_master_detected,
    on.Authenticated: registration.on_authenticated,
    on.AuthenticationFailed: registration.on_authentication_failed,
    on.AgentRegistered: registration.on_agent_registered,
    on.AgentReregistered: registration.on_agent_reregistered,
    on.PingReceived: registration.on_ping_received,
    on.ShutdownReceived: registration.on_shutdown_received,
    # tasks
    on.RunTaskReceived: tasks.on_run_task_received,
    on.RunTaskGroupReceived: tasks.on_run_task_group_received,
    on.KillTaskReceived: tasks.on_kill_task_received,
    on.DrainReceived: draining.on_drain_received,
    # frameworks
    on.FrameworkUpdated: frameworks.on_framework_updated,
    on.MessageForExecutorReceived: frameworks.on_message_for_executor_received,
    on.ShutdownExecutorReceived: frameworks.on_shutdown_executor_received,
    on.ShutdownFrameworkReceived: frameworks.on_shutdown_framework_received,
    # operations
    on.OperationReceived: operations.on_operation_received,
    on.OperationAcknowledged: operations.on_operation_acknowledged,
    on.ReconcileOperationsReceived: operations.on_reconcile_operations_received,
    # executors
    on.ExecutorSubscribed: _on_executor_subscribed,
    on.ExecutorRegistered: executors.on_executor_registered,
    on.ExecutorReregistered: _on_executor_reregistered,
    on.ExecutorStreamClosed: executors.on_executor_stream_closed,
    on.MessageForFrameworkReceived: executors.on_message_for_framework_received,
    on.PeerExited: registration.on_peer_exited,
    # status updates
    on.ExecutorUpdated: status.on_executor_updated,
    on.UpdateAcknowledged: status.on_update_acknowledged,
    on.Checkpointed: _on_checkpointed,
    # containers
    on.SandboxPrepared: endings.on_sandbox_prepared,
    on.SandboxFailed: endings.on_sandbox_failed,
    on.ContainerStarted: endings.on_container_started,
    on.ContainerStartFailed: endings.on_container_start_failed,
    on.ContainerExited: endings.on_container_exited,
    on.CheckFinished: endings.on_check_finished,
    # storage
    on.Recovered: recovery.on_recovered,
    on.DiskUsageSampled: gc.on_disk_usage_sampled,
    # the operator
    on.ContainerLaunchRequested: guests.on_container_launch_requested,
    on.ContainerWaitRequested: guests.on_container_wait_requested,
    on.ContainerKillRequested: guests.on_container_kill_requested,
    on.ContainerRemovalRequested: guests.on_container_removal_requested,
    on.AgentUnregisterRequested: registration.on_unregister_requested,
}

TIMERS: dict[str, Callable[[State, float], None]] = {
    registration.REGISTER: registration.on_registration_due,
    registration.AUTHENTICATE: registration.on_authentication_due,
    registration.PING: registration.on_ping_timeout,
    gc.WATCH: gc.on_watch_due,
}
"""What happens when a timer of the agent itself is due."""

FOR_STRANGERS = (on.AgentRegistered, on.ShutdownReceived)
"""What a master may say to an agent that it has not admitted."""


class Agent:
    """The machine of one agent. Its first event is `Recovered`. `state` may be read, by views above all."""

    __slots__ = ("state",)

    def __init__(self, config: AgentConfig, entropy: Entropy) -> None:
        self.state = State(config, entropy)

    def handle(self, event: AgentEvent, now: float) -> list[AgentEffect]:
        """Take one event; what rivals of the master say is dropped, and what those before it have said, and
        what it says to nobody yet."""
        state = self.state
        if isinstance(event, FromMaster) and (
            not registration.is_heard(state, event)
            or (state.id is None and not isinstance(event, FOR_STRANGERS))
        ):
            state.counters.add("dropped_messages")
            return []
        state.now = now
        HANDLERS[type(event)](state, event, now)
        return self._settle(now)

    def tick(self, now: float) -> list[AgentEffect]:
        """Do what is due: timers first, then updates that nobody acknowledged."""
        state = self.state
        state.now = now
        for key in state.deadlines.due(now):
            if isinstance(key, RunTimer):
                endings.on_run_timer(state, key, now)
            elif isinstance(key, ExecutorTimer):
                endings.on_executor_timer(state, key, now)
            else:
                TIMERS[key](state, now)
        status.on_retry_due(state, now)
        return self._settle(now)

    def deadline(self) -> float | None:
        """When `tick` is wanted next."""
        state = self.state
        times = (state.deadlines.next(), state.updates.deadline(), state.operation_updates.deadline())
        return min((time for time in times if time is not None), default=None)

    def _settle(self, now: float) -> list[AgentEffect]:
        """Finish what the event left to be finished, and hand out the effects."""
        state = self.state
        if state.finished:
            endings.settle_finished(state, now)
        if state.phase is Phase.TERMINATING:
            registration.exit_if_idle(state)
        elif state.draining is not None:
            draining.settle_draining(state)
        effects, state.out = state.out, []
        return effects
