"""Maintenance from both APIs, as events for the machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from meseta.api.context import MasterContext
from meseta.api.negotiation import plain, refuse_method
from meseta.api.router import Handler
from meseta.errors import WireError
from meseta.master.events import (
    MaintenanceScheduled,
    MaintenanceStartRequested,
    MaintenanceStopRequested,
    MasterEvent,
)
from meseta.runtime.http1 import Request
from meseta.runtime.streams import Responder
from meseta.wire.gen import maintenance_pb2 as mt
from meseta.wire.gen import master_pb2 as ma
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.json import JsonError, from_dict
from meseta.wire.maintenance import lift_machines, lift_windows

MachinesEvent = type[MaintenanceStartRequested] | type[MaintenanceStopRequested]
Asked = Callable[..., MasterEvent]
"""Makes the event when it is given the `request` that is to be answered."""


def _schedule(call: ma.Call) -> Asked:
    return partial(MaintenanceScheduled, windows=lift_windows(call.update_maintenance_schedule.schedule))


def _start(call: ma.Call) -> Asked:
    return partial(MaintenanceStartRequested, machines=lift_machines(call.start_maintenance.machines))


def _stop(call: ma.Call) -> Asked:
    return partial(MaintenanceStopRequested, machines=lift_machines(call.stop_maintenance.machines))


MAINTENANCE_CALLS: dict[str, Callable[[ma.Call], Asked]] = {
    "UPDATE_MAINTENANCE_SCHEDULE": _schedule,
    "START_MAINTENANCE": _start,
    "STOP_MAINTENANCE": _stop,
}
"""Calls of the operator API. Each raises WireError if there is too much in it."""


# Endpoints --------------------------------------------------------------------------------------------


def schedule_writer(context: MasterContext, request: Request, responder: Responder) -> None:
    """Answer POST /maintenance/schedule."""
    _answer(context, responder, request, _asked_by_schedule)


def machines_handler(context: MasterContext, kind: MachinesEvent) -> Handler:
    """Return the handler of /machine/down or /machine/up, which asks for an event of this kind."""

    def handle(request: Request, responder: Responder, rest: str) -> None:
        if request.method == "POST":
            _answer(context, responder, request, partial(_asked_by_machines, kind))
        else:
            responder.send(refuse_method(request, "POST"))

    return handle


def _answer(
    context: MasterContext, responder: Responder, request: Request, read: Callable[[bytes], Asked]
) -> None:
    try:
        asked = read(request.body)
    except WireError as fault:
        responder.send(plain(400, str(fault)))
        return
    context.feed(asked(request=context.replies.later(responder)))


def _asked_by_schedule(body: bytes) -> Asked:
    value = _json(body)
    try:
        return partial(MaintenanceScheduled, windows=lift_windows(from_dict(mt.Schedule, value)))
    except JsonError as error:
        raise WireError(f"Failed to convert JSON into a maintenance schedule: {error.reason}") from None


def _asked_by_machines(kind: MachinesEvent, body: bytes) -> Asked:
    value = _json(body)
    if not isinstance(value, list):
        raise WireError("Expecting a JSON array of machines")
    try:
        return partial(kind, machines=lift_machines(from_dict(m.MachineID, each) for each in value))
    except JsonError as error:
        raise WireError(f"Failed to convert JSON into machines: {error.reason}") from None


def _json(body: bytes) -> object:
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"syntax error in the body, which is to be JSON: {error}") from None
    return value
