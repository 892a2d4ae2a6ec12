"""How an agent finds its master and keeps it.

    DISCONNECTED ──detected──▶ (authenticate) ──▶ Register or Reregister, again and again ──answer──▶ RUNNING
         ▲                                                                                             │
         └──────────── no ping for 75 s · the link broke · the master calls us disconnected ───────────┘

Waits are random so that a whole cluster does not come at once: the first up to the backoff factor (1 s), then
up to 2, 4, 8 … 60 s (Mesos: `doReliableRegistration`). Losing the link is noticed at once, not only after
missed pings. Status updates pause while disconnected.

A master that is started again has the address of the one that died, whose last words may lie in a kernel and
arrive when the agent has registered with its successor. So every request has a name of its own, and a master
that knows of this says with what it sends which request it counts under. What counts is what is said under a
request that was made over the present link, since all of those have gone to one and the same process, and was
not made before one that was answered since. Masters that say nothing of requests, as those of Mesos do, are
always heard.
"""

from __future__ import annotations

from meseta.agent import paths, status, stopping
from meseta.agent.effects import (
    AgentCheckpoint,
    Authenticate,
    Exit,
    Link,
    Pong,
    Register,
    Reregister,
    SendToMaster,
    Unregister,
    UpdateAgent,
)
from meseta.agent.events import (
    AgentRegistered,
    AgentReregistered,
    AgentUnregisterRequested,
    Authenticated,
    AuthenticationFailed,
    FromMaster,
    MasterDetected,
    PeerExited,
    PingReceived,
    ReconciledTask,
    ShutdownReceived,
)
from meseta.agent.reports import operation_report, task_report
from meseta.agent.state import ExecutorState, Phase, State
from meseta.ids import new_uuid
from meseta.records import TaskReason, TaskState, TaskStatus, is_terminal

REGISTRATION_WAIT_MAX_S = 60.0
PING_TIMEOUT_S = 75.0
"""When the master names none: 5 pings of 15 s."""
AUTHENTICATION_TIMEOUT_MIN_S = 5.0
AUTHENTICATION_TIMEOUT_MAX_S = 60.0

TOTALS_MAX = 4
"""Totals that were told and that an answer may be about."""
REGISTRATIONS_MAX = 16
"""Requests that an answer is expected to: they are a minute apart by then."""

REGISTER = "register"
PING = "ping"
AUTHENTICATE = "authenticate"


def is_heard(state: State, event: FromMaster) -> bool:
    """Tell whether this comes from the process that leads, as far as its message says."""
    return event.sender == state.master and event.registration in (None, *state.registrations)


def on_master_detected(state: State, event: MasterDetected, now: float) -> None:
    """Leave the old master, and go to the new one."""
    if state.phase is Phase.TERMINATING:
        return
    state.master = event.pid
    if state.phase is not Phase.RECOVERING:
        seek_master(state, now)


def seek_master(state: State, now: float) -> None:
    """Become disconnected, and start over with the master that is known, if any."""
    state.phase = Phase.DISCONNECTED
    state.updates.pause()
    state.operation_updates.pause()
    state.authenticated = False
    for timer in (REGISTER, PING, AUTHENTICATE):
        state.deadlines.cancel(timer)
    if state.master is None:
        return
    _link(state)
    factor = state.config.registration_backoff_factor_s
    state.registration_range_s = 2 * factor
    state.authentication_range_s = AUTHENTICATION_TIMEOUT_MIN_S + factor
    timer = AUTHENTICATE if state.config.authenticate else REGISTER
    state.deadlines.arm(timer, now + state.entropy.random() * factor)


def _link(state: State) -> None:
    """Ask for a new connection to the master, whatever has become of the one before."""
    assert state.master is not None, "there is somebody to be linked to"
    _forget_requests(state)
    state.out.append(Link(state.master))
    state.linked = True


def _forget_requests(state: State) -> None:
    """Let nothing count any more that is said under a request so far."""
    if state.id is None and state.registrations:
        state.answer_missed = True
    state.registrations = []


def on_authentication_due(state: State, now: float) -> None:
    """Try to authenticate, for a random time within a range that doubles."""
    if state.master is None or state.phase is not Phase.DISCONNECTED:
        return
    spread = state.authentication_range_s - AUTHENTICATION_TIMEOUT_MIN_S
    timeout_s = AUTHENTICATION_TIMEOUT_MIN_S + state.entropy.random() * spread
    state.authentication_range_s = min(
        AUTHENTICATION_TIMEOUT_MIN_S + 2 * spread, AUTHENTICATION_TIMEOUT_MAX_S
    )
    state.out.append(Authenticate(master=state.master, timeout_s=timeout_s))


def on_authenticated(state: State, event: Authenticated, now: float) -> None:
    """Register at once."""
    if event.master == state.master and state.phase is Phase.DISCONNECTED:
        state.authenticated = True
        on_registration_due(state, now)


def on_authentication_failed(state: State, event: AuthenticationFailed, now: float) -> None:
    """Try again, or give up if the credential is wrong."""
    if event.master != state.master or state.phase is not Phase.DISCONNECTED:
        return
    if event.refused:
        message = f"Master {event.master} refused authentication: {event.message or 'wrong credential'}"
        state.out.append(Exit(message, code=1))
    else:
        state.deadlines.arm(AUTHENTICATE, now)


def on_registration_due(state: State, now: float) -> None:
    """Ask to be admitted or taken back, and arm the next attempt."""
    if state.master is None or state.phase is not Phase.DISCONNECTED:
        return
    if not state.linked:
        _link(state)
    state.registrations = [*state.registrations[1 - REGISTRATIONS_MAX :], new_uuid(state.entropy)]
    state.send_master(_register(state) if state.id is None else _reregister(state))
    if state.registered_totals[-1:] != [state.total]:
        state.registered_totals = [*state.registered_totals[1 - TOTALS_MAX :], state.total]
    state.deadlines.arm(REGISTER, now + state.entropy.random() * state.registration_range_s)
    state.registration_range_s = min(2 * state.registration_range_s, REGISTRATION_WAIT_MAX_S)


def on_agent_registered(state: State, event: AgentRegistered, now: float) -> None:
    """Take the id and start working."""
    _forget_older(state, event)
    if state.phase is Phase.RUNNING and state.id == event.agent_id:
        return
    if state.id is not None and state.id != event.agent_id:
        _wrong_id(state, event.agent_id)
        return
    if state.phase is not Phase.DISCONNECTED:
        return
    state.id = event.agent_id
    state.checkpoint(paths.agent_info(event.agent_id), AgentCheckpoint(state.info()))
    _connected(state, event.total_ping_timeout_s, now)
    if state.answer_missed and event.registration is not None:
        # Maybe it was given tasks since then: the master is to hear that they are not here.
        seek_master(state, now)
    state.answer_missed = False


def on_agent_reregistered(state: State, event: AgentReregistered, now: float) -> None:
    """Go on working, and give up the tasks that the master believes to be here and are not."""
    _forget_older(state, event)
    if state.id != event.agent_id:
        _wrong_id(state, event.agent_id)
        return
    if state.phase not in (Phase.DISCONNECTED, Phase.RUNNING):
        return
    if not state.registered_totals:
        return  # It answers a request from before the one that is to be made next.
    if any(total != state.total for total in state.registered_totals):
        # This may answer an older request, from before an operation: the master is to hear what is here now.
        state.registered_totals = []
        seek_master(state, now)
        return
    if state.phase is Phase.DISCONNECTED:
        _connected(state, event.total_ping_timeout_s, now)
    else:  # The master has forgotten this agent since, and waits to hear of its operations.
        _describe(state)
    _repeat_ends(state)
    for reconciled in event.reconciliations:
        for task in reconciled.tasks:
            _answer_for(state, reconciled, task, now)


def _answer_for(state: State, reconciled: ReconciledTask, asked: TaskStatus, now: float) -> None:
    """Say how a task that the master asks about has ended, or that it is not here.

    What the master believes may be of an older request to register again, which came late: so a task that it
    takes for running may have ended, and that may be settled. One that is staging may be another of that id.
    One that has ended for the master did so in an earlier life of the agent that was not written down: its
    framework may have heard how.
    """
    framework = state.frameworks.get(reconciled.framework_id)
    here = framework is not None and asked.task_id in framework.task_executors
    may_have_ended = is_terminal(asked.state) or not (here or asked.state is TaskState.TASK_STAGING)
    if may_have_ended and status.repeat_end(state, reconciled.framework_id, asked.task_id):
        return
    if here:
        return
    lost = TaskState.TASK_LOST if not reconciled.partition_aware else TaskState.TASK_DROPPED
    answer = TaskStatus(
        task_id=asked.task_id,
        state=asked.state if is_terminal(asked.state) else lost,
        reason=TaskReason.REASON_RECONCILIATION,
        message="Reconciliation: task unknown to the agent",
    )
    status.send_unknown(state, reconciled.framework_id, answer, now)


def _forget_older(state: State, event: AgentRegistered | AgentReregistered) -> None:
    """Let nothing count any more that was said under requests before the one that is answered."""
    if event.registration is not None:
        del state.registrations[: state.registrations.index(event.registration)]


def _repeat_ends(state: State) -> None:
    """Tell again of tasks that were reported as ended and whose end was acknowledged on the way: the master
    may have taken them back into its accounts after it had seen that acknowledgement."""
    reported, state.reported_ends = state.reported_ends, {}
    for framework_id, task_id in reported:
        framework = state.frameworks.get(framework_id)
        if framework is None or task_id not in framework.task_executors:
            status.repeat_end(state, framework_id, task_id)


def on_ping_received(state: State, event: PingReceived, now: float) -> None:
    """Answer; if the master thinks that we are gone while we think that we are not, register again."""
    if state.phase is Phase.RUNNING:
        state.deadlines.arm(PING, now + state.ping_timeout_s)
        if not event.connected:
            seek_master(state, now)
    state.out.append(SendToMaster(master=event.sender, message=Pong()))


def on_ping_timeout(state: State, now: float) -> None:
    """The master is silent: start over with it, or with whom the detector names by then."""
    if state.phase is Phase.RUNNING:
        seek_master(state, now)


def on_peer_exited(state: State, event: PeerExited, now: float) -> None:
    """A link broke: if it was the master's, do not wait for missed pings."""
    if state.master is None or state.master.rpartition("@")[2] != event.address:
        return
    state.linked = False
    _forget_requests(state)
    if state.phase is Phase.RUNNING:
        seek_master(state, now)


def on_shutdown_received(state: State, event: ShutdownReceived, now: float) -> None:
    """Stop everything and exit, as the master says."""
    _terminate(state, event.message or "the master asked the agent to shut down", now)


def on_unregister_requested(state: State, event: AgentUnregisterRequested, now: float) -> None:
    """Tell the master, stop everything and exit."""
    if state.id is not None and state.phase is not Phase.TERMINATING:
        state.send_master(Unregister(state.id))
    _terminate(state, event.message or "the operator unregistered the agent", now)


def exit_if_idle(state: State) -> None:
    """End the process once everything is stopped."""
    if state.phase is Phase.TERMINATING and not state.frameworks and not state.exited:
        state.exited = True
        state.out.append(Exit(state.exit_message))


def _terminate(state: State, message: str, now: float) -> None:
    if state.phase is Phase.TERMINATING:
        return
    state.phase = Phase.TERMINATING
    state.exit_message = message
    for timer in (REGISTER, PING, AUTHENTICATE):
        state.deadlines.cancel(timer)
    state.updates.pause()
    for framework in list(state.frameworks.values()):
        stopping.shutdown_framework(state, framework, now)
    exit_if_idle(state)


def _connected(state: State, ping_timeout_s: float | None, now: float) -> None:
    state.phase = Phase.RUNNING
    state.registered_at = now
    state.deadlines.cancel(REGISTER)
    state.ping_timeout_s = ping_timeout_s or PING_TIMEOUT_S
    state.deadlines.arm(PING, now + state.ping_timeout_s)
    _describe(state)
    for update in state.updates.resume(now):
        status.forward(state, update)
    for operation in state.operation_updates.resume(now):
        state.send_master(status.operation_update(state, operation))


def _describe(state: State) -> None:
    """Tell the master what a registration does not say."""
    state.send_master(
        UpdateAgent(
            agent_id=state.agent_id(),
            resource_version_uuid=state.resource_version,
            operations=tuple(operation_report(operation) for operation in state.operations.values()),
        )
    )


def _wrong_id(state: State, agent_id: str) -> None:
    state.out.append(
        Exit(
            f"The master knows this agent as {agent_id}, but it is {state.id}. "
            "Remove meta/slaves/latest in its work directory to start as a new agent",
            code=1,
        )
    )


def _register(state: State) -> Register:
    return Register(
        agent=state.info(),
        version=state.config.version,
        capabilities=state.config.capabilities,
        resource_version_uuid=state.resource_version,
        registration_uuid=state.registrations[-1],
        checkpointed_resources=state.total.checkpointed(),
    )


def _reregister(state: State) -> Reregister:
    # What is shut down ends without a word, so a master that never knew of it is not to wait for that.
    frameworks = [framework for framework in state.frameworks.values() if not framework.terminating]
    for framework in frameworks:
        for executor in framework.executors.values():
            for task in executor.tasks.values():
                if task.over:
                    state.reported_ends[framework.id, task.info.task_id] = None
    return Reregister(
        agent=state.info(),
        version=state.config.version,
        capabilities=state.config.capabilities,
        resource_version_uuid=state.resource_version,
        registration_uuid=state.registrations[-1],
        checkpointed_resources=state.total.checkpointed(),
        frameworks=tuple(framework.info for framework in frameworks),
        executors=tuple(
            executor.info
            for framework in frameworks
            for executor in framework.executors.values()
            if not executor.command_task and executor.state is not ExecutorState.TERMINATED
        ),
        tasks=tuple(
            task_report(state, framework, executor, task)
            for framework in frameworks
            for executor in framework.executors.values()
            for task in executor.tasks.values()
        ),
        completed_frameworks=tuple(framework.info for framework in state.completed_frameworks.values()),
    )
