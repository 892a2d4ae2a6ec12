"""What drivers send to a master, and what it hears then. What a master sends them are its own records."""

from __future__ import annotations

from typing import Any

import msgspec

from meseta.ids import FrameworkId, Pid
from meseta.master import effects as x
from meseta.master import events as e
from meseta.records import FrameworkInfo
from meseta.sim.routing import Ask, call_event


class Subscribe(msgspec.Struct, frozen=True):
    """SUBSCRIBE, as drivers send it."""

    info: FrameworkInfo
    force: bool
    suppressed_roles: tuple[str, ...]


class DriverCall(msgspec.Struct, frozen=True):
    """Any other call."""

    framework_id: FrameworkId
    call: Ask


DriverMessage = Subscribe | DriverCall


def master_event(message: DriverMessage, sender: Pid) -> e.MasterEvent:
    """Return what the master hears when a driver sends `message`."""
    if isinstance(message, DriverCall):
        return call_event(message.call, message.framework_id, sender)
    return e.SubscribeRequested(
        peer=sender, info=message.info, force=message.force, suppressed_roles=message.suppressed_roles
    )


REPEATED = {Subscribe, x.Subscribed, x.Updated}
REPEATED_CALLS = {e.UpdateAcknowledged, e.KillRequested, e.ReconcileRequested}


def is_repeated(message: Any) -> bool:
    """Tell whether a message to or from a driver may arrive twice, as its cause comes more than once."""
    if isinstance(message, DriverCall):
        return message.call.kind in REPEATED_CALLS
    return type(message) in REPEATED
