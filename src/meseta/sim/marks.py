"""Which corners a run has been in: marks that are counted when a step shows that a branch was reached.

A fault that is injected proves nothing if nothing came of it. The report says for every corner how often it
was reached, so that a mark at nought over many seeds is a hole in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from meseta.agent import effects as ax
from meseta.agent import events as ae
from meseta.election import events as ee
from meseta.ids import MasterId
from meseta.master import effects as mx
from meseta.master import events as me
from meseta.master.state import State
from meseta.records import TaskReason, TaskState
from meseta.sdk import events as sdk
from meseta.sim.master_node import MasterNode
from meseta.sim.node import Step

Predicate = Callable[[Any], bool]


class Mark(NamedTuple):
    """A corner: the type of an event or effect, and what else must be true of it and of its step."""

    name: str
    type: type
    predicate: Predicate = lambda record: True
    context: Callable[[Step], bool] = lambda step: True


def _told(reason: TaskReason) -> Predicate:
    """The master tells a framework of a task for this reason."""
    return lambda effect: (
        isinstance(effect.message, mx.Updated) and effect.message.update.status.reason is reason
    )


def _sent(kind: type) -> Predicate:
    return lambda effect: isinstance(effect.message, kind)


def _reports(state: TaskState) -> Predicate:
    """An agent reports this state."""
    return lambda effect: (
        isinstance(effect.message, ax.UpdateStatus) and effect.message.update.status.state is state
    )


def reports_because(reason: TaskReason) -> Predicate:
    """An agent reports a state for this reason."""
    return lambda effect: (
        isinstance(effect.message, ax.UpdateStatus) and effect.message.update.status.reason is reason
    )


def _logs(text: str) -> Predicate:
    return lambda effect: text in effect.text


MARKS = (
    # agents and the master
    Mark("agent re-registers", me.ReregistrationRequested),
    Mark("agent comes back with tasks", me.ReregistrationRequested, lambda event: bool(event.tasks)),
    Mark(
        "agent is asked about missing tasks",
        mx.SendToAgent,
        lambda effect: bool(getattr(effect.message, "reconciliations", ())),
    ),
    Mark("link to an agent breaks", me.PeerExited),
    Mark("link to the master breaks", ae.PeerExited),
    Mark("agent is told that it is disconnected", ae.PingReceived, lambda event: not event.connected),
    Mark(
        "agent becomes unreachable",
        mx.Persist,
        lambda effect: "Unreachable" in type(effect.mutation).__name__,
    ),
    Mark(
        "agent becomes reachable",
        mx.Persist,
        lambda effect: "MarkReachable" in type(effect.mutation).__name__,
    ),
    Mark(
        "agent is replaced at its address",
        mx.Persist,
        lambda effect: "RemoveAgent" in type(effect.mutation).__name__,
    ),
    Mark(
        "agent takes up tasks",
        ae.Recovered,
        lambda event: any(
            executor.tasks for framework in event.frameworks for executor in framework.executors
        ),
    ),
    Mark(
        "agent finds a container that has ended",
        ae.Recovered,
        lambda event: any(c.exited for c in event.containers),
    ),
    Mark(
        "agent finds a container that runs",
        ae.Recovered,
        lambda event: any(not c.exited for c in event.containers),
    ),
    Mark(
        "agent answers for a task that it does not know",
        ax.SendToMaster,
        reports_because(TaskReason.REASON_RECONCILIATION),
    ),
    Mark("agent is drained", mx.Log, _logs("is drained")),
    Mark("agent is told to drain", mx.SendToAgent, _sent(mx.DrainAgent)),
    Mark("agent goes on draining after a restart", ae.Recovered, lambda event: event.draining is not None),
    Mark(
        "agent is marked gone",
        mx.Persist,
        lambda effect: "MarkGone" in type(effect.mutation).__name__,
    ),
    Mark("gone agent is refused", mx.Log, _logs("it is marked gone")),
    Mark("agent of a machine that is down is refused", mx.Log, _logs("is DOWN")),
    Mark("framework is asked to leave an agent", mx.SendToFramework, _sent(mx.InverseOffered)),
    Mark("framework need not leave an agent any more", mx.SendToFramework, _sent(mx.InverseRescinded)),
    # tasks
    Mark("task is lost with its agent", mx.SendToFramework, _told(TaskReason.REASON_AGENT_REMOVED)),
    Mark("task is lost with a connection", mx.SendToFramework, _told(TaskReason.REASON_AGENT_DISCONNECTED)),
    Mark("task comes back with its agent", mx.SendToFramework, _told(TaskReason.REASON_AGENT_REREGISTERED)),
    Mark("framework is told what it asked", mx.SendToFramework, _told(TaskReason.REASON_RECONCILIATION)),
    Mark("offer was not valid any more", mx.SendToFramework, _told(TaskReason.REASON_INVALID_OFFERS)),
    Mark(
        "task is killed during its launch",
        ax.SendToMaster,
        reports_because(TaskReason.REASON_TASK_KILLED_DURING_LAUNCH),
    ),
    Mark(
        "task is out of memory",
        ax.SendToMaster,
        reports_because(TaskReason.REASON_CONTAINER_LIMITATION_MEMORY),
    ),
    Mark("task does not start", ax.SendToMaster, reports_because(TaskReason.REASON_CONTAINER_LAUNCH_FAILED)),
    Mark("task has died unseen", ax.SendToMaster, reports_because(TaskReason.REASON_EXECUTOR_TERMINATED)),
    Mark(
        "task is killed as its agent drains",
        ax.SendToMaster,
        reports_because(TaskReason.REASON_AGENT_DRAINING),
    ),
    Mark("task is dropped by its agent", ax.SendToMaster, _reports(TaskState.TASK_DROPPED)),
    Mark("task ignores SIGTERM", ax.DestroyContainer),
    Mark("task is ended for a guarantee", mx.SendToFramework, _told(TaskReason.REASON_REVOKED)),
    Mark(
        "task is ended for a guarantee, unannounced",
        mx.SendToFramework,
        _told(TaskReason.REASON_CONTAINER_PREEMPTED),
    ),
    # frameworks
    Mark(
        "framework is told of tasks that are to end",
        mx.SendToFramework,
        lambda effect: isinstance(effect.message, mx.Revoked) and effect.message.deadline_s is not None,
    ),
    Mark(
        "framework is told that tasks need not end",
        mx.SendToFramework,
        lambda effect: isinstance(effect.message, mx.Revoked) and effect.message.deadline_s is None,
    ),
    Mark(
        "offer passes an offer filter",
        mx.SendToFramework,
        lambda effect: isinstance(effect.message, mx.Offered) and bool(effect.message.info.wanted),
    ),
    Mark("offer is rescinded", mx.SendToFramework, _sent(mx.Rescinded)),
    Mark("scheduler is replaced", sdk.ErrorArrived, lambda event: "failed over" in event.message),
    Mark("standby takes over", mx.Log, _logs("for which it stood by")),
    Mark("silent scheduler is followed", mx.Log, _logs("goes on without the scheduler at")),
    Mark("silent standby is forgotten", mx.Log, _logs("any more: no sign of its machine")),
    Mark("framework is removed for good", sdk.ErrorArrived, lambda event: "removed" in event.message),
    Mark("framework has no scheduler for too long", mx.Log, _logs("No scheduler came back")),
    Mark("framework is shut down on an agent", mx.SendToAgent, _sent(mx.ShutdownFramework)),
    Mark("stream falls silent", sdk.ReportDisconnected, lambda effect: "silent" in effect.reason),
    Mark("stream breaks", sdk.ReportDisconnected, lambda effect: "silent" not in effect.reason),
    Mark("call has no answer", sdk.CallBroken, lambda event: event.sent),
    Mark("call is not made", sdk.ConcludeCall, lambda effect: not effect.sent),
    Mark("call is refused", sdk.CallAnswered, lambda event: event.status >= 400),
    Mark("update of a former agent is ignored", mx.Log, _logs("Ignoring status update")),
    # elections
    Mark("master is elected", ee.Lead),
    Mark("candidate's session expires", ee.SessionLost),
    Mark("leader's lease is not confirmed", ee.StepDown, lambda effect: "in time" in effect.reason),
    Mark("leader's entry is gone", ee.StepDown, lambda effect: "removed" in effect.reason),
    Mark("agent does not know who leads", ae.MasterDetected, lambda event: event.pid is None),
    Mark("scheduler is sent to the leader", sdk.StreamRedirected),
)


REFUSED = "late write of a former leader is refused"
STUCK = "master gives its registry up"
"""What happens outside of machines."""
CANCELLED = "agent is back before it is given up"
HELD = "agent is held back for a large request"
"""The last is counted with each step of such a master."""
REMOVALS_CANCELLED = "master/slave_unreachable_canceled"


class Marks:
    """Counts the marks of one run."""

    def __init__(self, marks: Iterable[Mark] = MARKS) -> None:
        marks = tuple(marks)
        self.counts: dict[str, int] = {mark.name: 0 for mark in marks}
        for corner in (REFUSED, STUCK, CANCELLED, HELD):
            self.counts[corner] = 0
        self._cancelled: dict[MasterId, int] = {}
        self._by_type: dict[type, list[Mark]] = {}
        for mark in marks:
            self._by_type.setdefault(mark.type, []).append(mark)

    def observe(self, step: Step) -> None:
        """Look at one step."""
        if isinstance(step.node, MasterNode) and step.node.machine is not None:
            self._look_at(step.node.machine.state)
            self.counts[HELD] += bool(step.node.allocator.holders)
        for record in (step.event, *step.effects):
            for mark in self._by_type.get(type(record), ()):
                if mark.predicate(record) and mark.context(step):
                    self.counts[mark.name] += 1

    def _look_at(self, state: State) -> None:
        """Count what a master says only by its own counters, from which each of its lives begins anew."""
        cancelled = state.counters[REMOVALS_CANCELLED]
        self.counts[CANCELLED] += cancelled - self._cancelled.get(state.config.id, 0)
        self._cancelled[state.config.id] = cancelled
