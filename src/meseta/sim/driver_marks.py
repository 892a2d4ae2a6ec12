"""The corners that only drivers of the v0 protocol lead into; see `marks`."""

from __future__ import annotations

from meseta.ids import FrameworkId
from meseta.master import effects as mx
from meseta.master import events as me
from meseta.records import TaskReason
from meseta.sim import driver as d
from meseta.sim.driver_messages import Subscribe
from meseta.sim.driver_node import DriverNode
from meseta.sim.marks import Mark, Predicate
from meseta.sim.node import Step

FAILED_OVER = "Framework failed over"
GIVEN_UP = "Framework disconnected"


def _hears(text: str) -> Predicate:
    """A driver hears a FrameworkError with this text."""
    return lambda event: isinstance(event.payload, mx.Errored) and text in event.payload.message


def _ignored(why: str) -> Predicate:
    return lambda effect: effect.why == why


def _logs(*texts: str) -> Predicate:
    return lambda effect: all(text in effect.text for text in texts)


def _is_driver(call: me.Call) -> bool:
    return isinstance(call.sender, str)


def _is_lost(effect: d.Tell) -> bool:
    message = effect.payload
    reason = TaskReason.REASON_MASTER_DISCONNECTED
    return isinstance(message, mx.Updated) and message.update.status.reason is reason


DRIVER_MARKS = (
    Mark("driver is registered", d.TellRegistered, lambda effect: not effect.again),
    Mark("driver is registered again", d.TellRegistered, lambda effect: effect.again),
    Mark("driver loses its master", d.TellDisconnected, lambda effect: "master" in effect.reason),
    Mark("driver notices that its link broke", d.TellDisconnected, lambda effect: "link" in effect.reason),
    Mark("driver is answered again", d.Ignore, _ignored(d.ALREADY_CONNECTED)),
    Mark("message to a driver is not its leader's", d.Ignore, _ignored(d.NOT_LEADING)),
    Mark("message to a driver comes too early or late", d.Ignore, _ignored(d.NOT_CONNECTED)),
    Mark("driver is failed over", d.MessageArrived, _hears(FAILED_OVER)),
    Mark("driver hears that it was given up", d.MessageArrived, _hears(GIVEN_UP)),
    Mark("driver's framework is removed for good", d.MessageArrived, _hears("removed")),
    Mark("driver has no master to launch with", d.Tell, _is_lost),
    Mark(
        "driver's message goes straight to an agent",
        d.Send,
        lambda effect: isinstance(effect.payload, mx.DeliverToExecutor),
    ),
    Mark("driver's message goes through the master", me.MessageSent, _is_driver),
    Mark("driver describes its framework anew", me.FrameworkUpdateRequested, _is_driver),
    Mark("driver that aborts deactivates its framework", me.DeactivationRequested),
    Mark("driver tears its framework down", me.TeardownRequested, _is_driver),
    Mark(
        "driver takes a framework over",
        me.SubscribeRequested,
        lambda event: isinstance(event.peer, str) and event.force,
    ),
    Mark("call of a former driver is dropped", mx.Log, _logs("at scheduler-", "not from the registered")),
    Mark(
        "driver that does not take over is refused",
        mx.Log,
        _logs("Refusing subscription", "at scheduler-", FAILED_OVER),
    ),
)

ASKS_AGAIN = "driver asks again to be registered"
LINK_BROKE = "link to a driver breaks"
CALLS = "driver calls that was given up"
COMES_BACK = "framework of a broken link comes back"
WATCHED = (ASKS_AGAIN, LINK_BROKE, CALLS, COMES_BACK)
"""Corners that more than one event or effect shows."""


class DriverWatch:
    """Counts the corners of drivers that take more than a look at one event or effect, into `counts`."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts
        self._given_up: set[FrameworkId] = set()
        counts.update(dict.fromkeys(WATCHED, 0))

    def observe(self, step: Step) -> None:
        """Look at one step."""
        for effect in step.effects:
            match effect:
                case d.Send(payload=Subscribe()) if step.event is None:
                    self._counts[ASKS_AGAIN] += 1
                case mx.SendToFramework(peer=str(), message=mx.Errored(message=text)) if text == GIVEN_UP:
                    self._counts[LINK_BROKE if isinstance(step.event, me.PeerExited) else CALLS] += 1
                case mx.SendToFramework(message=mx.Subscribed(framework_id=id)) if id in self._given_up:
                    self._given_up.discard(id)
                    self._counts[COMES_BACK] += 1
        if (
            isinstance(step.node, DriverNode)
            and isinstance(step.event, d.MessageArrived)
            and step.event.payload == mx.Errored(GIVEN_UP)
            and step.node.machine.info.id is not None
        ):
            self._given_up.add(step.node.machine.info.id)
