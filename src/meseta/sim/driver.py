"""A scheduler driver of the v0 protocol: what libmesos does for those who link it, as a pure machine.

    MasterDetected ─▶ link, SUBSCRIBE ──again after a random wait, twice as long each time──▶ …
                        │ FrameworkRegistered or FrameworkReregistered, of the master that leads
                        ▼
                    connected ──another master, or none──▶ disconnected
                        │ FrameworkError: aborted, which is the end

It differs from a session over HTTP (`meseta.sdk.session`) in what it cannot know. Its calls have no answers;
what is lost with a connection is lost, unless the other side or the application tries again. It subscribes
with `force` until it has been registered once: so a driver that was given the id of a framework takes that
over, and one that was cut off does not take its framework back from whoever has it by now. It listens only
to the master that leads, as far as it knows, and acknowledges no update that it was not told then. What it
asks while it is disconnected is not done; tasks are said to be lost at once.

A driver of libmesos does not hear that the way to its master is gone: it waits until another master is
detected, or until the master tells it that it was given up. Drivers that were written anew, such as
mesos-go's, subscribe again: those `heeds_exits` are.

Source: src/sched/sched.cpp of Mesos 1.12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from meseta.agent.effects import DeliverToFramework
from meseta.ids import NO_PID, AgentId, FrameworkId, OfferId, Pid
from meseta.machine import Deadlines, Entropy
from meseta.master import effects as x
from meseta.master import events as e
from meseta.records import (
    FrameworkCapability,
    FrameworkInfo,
    Launch,
    StatusUpdate,
    TaskInfo,
    TaskReason,
    TaskSource,
    TaskState,
    TaskStatus,
)
from meseta.sdk.events import Token
from meseta.sim.driver_messages import DriverCall, Subscribe
from meseta.sim.routing import Ask

BACKOFF_FIRST_S = 2.0
BACKOFF_MAX_S = 60.0
BACKOFF_PARTS = 10
"""The longest wait is at most this part of the framework's failover timeout, if it has one."""
RETRY = "retry"

NOT_CONNECTED = "the driver is disconnected"
NOT_LEADING = "its sender does not lead"
ALREADY_CONNECTED = "the driver is connected already"
NO_CALLBACK = "applications of drivers have no callback for it"


# ── events ────────────────────────────────────────────────────────────────────────────────────────────


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events."""


class MasterDetected(Event, frozen=True, kw_only=True):
    """The master at `pid` leads by now, maybe the same one anew; None: nobody is known to."""

    pid: Pid | None


class PeerExited(Event, frozen=True, kw_only=True):
    """The link to an address is gone."""

    address: str


class MessageArrived(Event, frozen=True, kw_only=True):
    """A libprocess message came from `sender`."""

    sender: Pid
    payload: Any


class CallRequested(Event, frozen=True, kw_only=True):
    """The application wants to make a call."""

    call: Ask


class SuppressRequested(Event, frozen=True, kw_only=True):
    """The application wants no offers."""


class ReviveRequested(Event, frozen=True, kw_only=True):
    """The application wants offers again."""


class UpdateSettled(Event, frozen=True, kw_only=True):
    """The application has taken note of an update: it says so, or its callback has returned."""

    token: Token


class AbortRequested(Event, frozen=True, kw_only=True):
    """The application wants to hear nothing more; its framework stays."""


class StopRequested(Event, frozen=True, kw_only=True):
    """The application leaves; without `teardown` another driver is to take its framework over."""

    teardown: bool


# ── effects ───────────────────────────────────────────────────────────────────────────────────────────


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all effects."""


class Link(Effect, frozen=True, kw_only=True):
    """Keep a connection to a pid, and tell when it is gone."""

    pid: Pid


class Send(Effect, frozen=True, kw_only=True):
    """Send a libprocess message."""

    receiver: Pid
    payload: Any


class TellRegistered(Effect, frozen=True, kw_only=True):
    """Callback: the framework is registered, `again` if it was before."""

    framework_id: FrameworkId
    again: bool


class TellDisconnected(Effect, frozen=True, kw_only=True):
    """Callback: the master is gone, and so are all offers."""

    reason: str


class Tell(Effect, frozen=True, kw_only=True):
    """Any other callback; an update with a token is to be acknowledged."""

    payload: Any
    token: Token | None = None


class TellStopped(Effect, frozen=True, kw_only=True):
    """The driver is over, and why, unless the application wanted so."""

    fault: str | None


class Ignore(Effect, frozen=True, kw_only=True):
    """A message was dropped."""

    sender: Pid
    payload: Any
    why: str


class Driver:
    """The machine. With `info.id` it takes a framework over."""

    def __init__(
        self,
        info: FrameworkInfo,
        entropy: Entropy,
        *,
        suppressed_roles: tuple[str, ...] = (),
        heeds_exits: bool = False,
    ) -> None:
        self.info = info
        self.master: Pid | None = None
        """Who leads, as far as the driver knows."""
        self.connected = False
        self.running = True
        self._entropy = entropy
        self._heeds_exits = heeds_exits
        self._suppressed = suppressed_roles
        self._takes_over = bool(info.id)
        self._changed = False
        """Whether offers are wanted is to be said again, once connected."""
        self._backoff_s = BACKOFF_FIRST_S
        self._offers: dict[OfferId, x.OfferedAgent] = {}
        self._agents: dict[AgentId, Pid] = {}
        """Where the agents are on which tasks were launched, for messages to executors."""
        self._deadlines = Deadlines()

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take one event; see `HANDLERS` for all of them. After the end nothing happens."""
        return HANDLERS[type(event)](self, event, now) if self.running else []

    def tick(self, now: float) -> list[Effect]:
        """Subscribe again if there was no answer."""
        return [effect for _ in self._deadlines.due(now) for effect in self._subscribe(now)]

    def deadline(self) -> float | None:
        """Return when `tick` wants to be called."""
        return self._deadlines.next()

    # ── the master ────────────────────────────────────────────────────────────────────────────────────

    def on_master_detected(self, event: MasterDetected, now: float) -> list[Effect]:
        """Go to the master that leads now."""
        self.master = event.pid
        effects = self._disconnect("another master leads, or none", now)
        self._deadlines.cancel(RETRY)
        if event.pid is None:
            return effects
        return [*effects, Link(pid=event.pid), *self._subscribe(now)]

    def on_peer_exited(self, event: PeerExited, now: float) -> list[Effect]:
        """Subscribe again, if drivers of this sort notice; one that waits for an answer asks again anyway."""
        if not self._heeds_exits or not self.connected or self.master is None:
            return []
        if event.address != self.master.rpartition("@")[2]:
            return []
        effects = self._disconnect("the link broke", now)
        return [*effects, *self._subscribe(now)]

    def _disconnect(self, reason: str, now: float) -> list[Effect]:
        was_connected, self.connected = self.connected, False
        self._offers.clear()
        self._backoff_s = BACKOFF_FIRST_S
        return [TellDisconnected(reason=reason)] if was_connected else []

    def _subscribe(self, now: float) -> list[Effect]:
        """Ask to be registered, and ask again after a while."""
        assert self.master is not None, "without a master nothing is tried again"
        longest_s = min(self._backoff_s, BACKOFF_MAX_S)
        if self.info.failover_timeout_s > 0:
            longest_s = min(longest_s, self.info.failover_timeout_s / BACKOFF_PARTS)
        self._backoff_s = 2 * longest_s
        self._deadlines.arm(RETRY, now + self._entropy.random() * longest_s)
        subscribe = Subscribe(self.info, self._takes_over, self._suppressed)
        return [*self._watch(self.master), Send(receiver=self.master, payload=subscribe)]

    def _on_registered(self, sender: Pid, message: x.Subscribed) -> list[Effect]:
        if self.connected:
            return [Ignore(sender=sender, payload=message, why=ALREADY_CONNECTED)]
        if sender != self.master:
            return [Ignore(sender=sender, payload=message, why=NOT_LEADING)]
        assert not message.reregistered or self.info.id == message.framework_id, "it keeps its id"
        self.info = replace(self.info, id=message.framework_id)
        self.connected = True
        self._takes_over = False
        self._deadlines.cancel(RETRY)
        update = self._tell_description() if self._changed else []
        self._changed = False
        told = TellRegistered(framework_id=message.framework_id, again=message.reregistered)
        return [*self._watch(sender), *update, told]

    def _watch(self, master: Pid) -> list[Effect]:
        """Hear of the end of the link to a master; an earlier one may have broken since it was asked."""
        return [Link(pid=master)] if self._heeds_exits else []

    def _tell_description(self) -> list[Effect]:
        fields = {"info": self.info, "suppressed_roles": self._suppressed}
        return self._call(Ask(e.FrameworkUpdateRequested, fields))

    # ── what arrives ──────────────────────────────────────────────────────────────────────────────────

    def on_message_arrived(self, event: MessageArrived, now: float) -> list[Effect]:
        """Take a message that libmesos has a callback for, mostly from the master that leads only."""
        sender, message = event.sender, event.payload
        match message:
            case x.Subscribed():
                return self._on_registered(sender, message)
            case x.Errored():
                return self._abort(message.message)
            case DeliverToFramework() | x.Delivered():
                return [Tell(payload=message)]
        if not self.connected:
            return [Ignore(sender=sender, payload=message, why=NOT_CONNECTED)]
        if sender != self.master:
            return [Ignore(sender=sender, payload=message, why=NOT_LEADING)]
        match message:
            case x.InverseOffered() | x.InverseRescinded() | x.OperationUpdated():
                return [Ignore(sender=sender, payload=message, why=NO_CALLBACK)]
            case x.Offered():
                self._offers.update((offer.id, offer.agent) for offer in message.offers)
            case x.Rescinded():
                self._offers.pop(message.offer_id, None)
            case x.Failed() if message.executor_id is None:
                self._agents.pop(message.agent_id, None)
            case x.Updated():
                return self._on_updated(message)
        return [Tell(payload=message)]

    def _on_updated(self, message: x.Updated) -> list[Effect]:
        """Pass an update on, as often as it comes."""
        update = message.update
        assert update.framework_id == self.info.id, "updates are of this framework"
        if update.uuid is None or update.agent_id is None or message.pid in (None, NO_PID):
            return [Tell(payload=message)]
        token = Token(agent_id=update.agent_id, task_id=update.status.task_id, uuid=update.uuid)
        return [Tell(payload=message, token=token)]

    def _abort(self, fault: str | None) -> list[Effect]:
        """Hear nothing more; the master is told to make no more offers, if there is one."""
        effects = self._call(Ask(e.DeactivationRequested, {})) if self.connected else []
        self._end()
        return [*effects, TellStopped(fault=fault)]

    def _end(self) -> None:
        self.running = False
        self.connected = False
        self._deadlines.cancel(RETRY)

    # ── what the application does ─────────────────────────────────────────────────────────────────────

    def on_call_requested(self, event: CallRequested, now: float) -> list[Effect]:
        """Make a call. Without a master its tasks are lost, and all else is nothing."""
        ask = event.call
        if ask.kind is e.OffersAccepted:
            return self._accept(ask, now)
        if not self.connected:
            return []
        if ask.kind is e.MessageSent:
            return self._send_message(ask)
        if ask.kind is e.OffersDeclined:
            for offer_id in ask.fields["offer_ids"]:
                self._offers.pop(offer_id, None)
        elif ask.kind is e.KillRequested:
            ask = Ask(e.KillRequested, {"task_id": ask.fields["task_id"]})  # It has no room for the agent.
        return self._call(ask)

    def _accept(self, ask: Ask, now: float) -> list[Effect]:
        launches = [operation for operation in ask.fields["operations"] if isinstance(operation, Launch)]
        launched = [task for launch in launches for task in launch.tasks]
        if not self.connected:
            return [Tell(payload=x.Updated(self._dropped(task, now))) for task in launched]
        agents = [self._offers.pop(id) for id in ask.fields["offer_ids"] if id in self._offers]
        wanted = {task.agent_id for task in launched}
        self._agents.update((agent.id, agent.pid) for agent in agents if agent.id in wanted)
        return self._call(ask)

    def _dropped(self, task: TaskInfo, now: float) -> StatusUpdate:
        """Return what is said of a task that no master was asked to launch."""
        assert self.info.id is not None, "who was offered something has been registered"
        aware = self.info.has(FrameworkCapability.PARTITION_AWARE)
        status = TaskStatus(
            task_id=task.task_id,
            state=TaskState.TASK_DROPPED if aware else TaskState.TASK_LOST,
            source=TaskSource.SOURCE_MASTER,
            reason=TaskReason.REASON_MASTER_DISCONNECTED,
            message="Master disconnected",
        )
        return StatusUpdate(
            framework_id=self.info.id,
            executor_id=None,
            agent_id=None,
            status=status,
            timestamp=now,
            uuid=None,
        )

    def _send_message(self, ask: Ask) -> list[Effect]:
        """Send a message to an executor, straight to its agent if that is known."""
        pid = self._agents.get(ask.fields["agent_id"])
        if pid is None:
            return self._call(ask)
        assert self.info.id is not None, "who is connected has an id"
        return [Send(receiver=pid, payload=x.DeliverToExecutor(self.info.id, **ask.fields))]

    def on_suppress_requested(self, event: SuppressRequested, now: float) -> list[Effect]:
        """Want no offers in any role."""
        return self._want(self.info.roles, Ask(e.Suppressed, {"roles": ()}))

    def on_revive_requested(self, event: ReviveRequested, now: float) -> list[Effect]:
        """Want offers in all roles."""
        return self._want((), Ask(e.Revived, {"roles": ()}))

    def _want(self, suppressed: tuple[str, ...], ask: Ask) -> list[Effect]:
        """Say now whether offers are wanted, or with the next registration."""
        self._suppressed = suppressed
        self._changed |= not self.connected
        return self._call(ask) if self.connected else []

    def on_update_settled(self, event: UpdateSettled, now: float) -> list[Effect]:
        """Acknowledge an update; without a master the agent repeats it."""
        token = event.token
        fields = {"agent_id": token.agent_id, "task_id": token.task_id, "uuid": token.uuid}
        return self._call(Ask(e.UpdateAcknowledged, fields)) if self.connected else []

    def on_abort_requested(self, event: AbortRequested, now: float) -> list[Effect]:
        """Hear nothing more, as the application wants."""
        return self._abort(None)

    def on_stop_requested(self, event: StopRequested, now: float) -> list[Effect]:
        """End, and end the framework, too, if that is wanted and there is a master; nobody waits for it."""
        ends = event.teardown and self.connected
        effects = self._call(Ask(e.TeardownRequested, {})) if ends else []
        self._end()
        return [*effects, TellStopped(fault=None)]

    def _call(self, ask: Ask) -> list[Effect]:
        assert self.master is not None, "who is connected knows to whom"
        assert self.info.id is not None, "who is connected has an id"
        return [Send(receiver=self.master, payload=DriverCall(self.info.id, ask))]


HANDLERS: dict[type[Event], Callable[[Driver, Any, float], list[Effect]]] = {
    MasterDetected: Driver.on_master_detected,
    PeerExited: Driver.on_peer_exited,
    MessageArrived: Driver.on_message_arrived,
    CallRequested: Driver.on_call_requested,
    SuppressRequested: Driver.on_suppress_requested,
    ReviveRequested: Driver.on_revive_requested,
    UpdateSettled: Driver.on_update_settled,
    AbortRequested: Driver.on_abort_requested,
    StopRequested: Driver.on_stop_requested,
}
