"""Maintenance from both APIs, as events for the machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from meseta.api.asking import Asked
from meseta.errors import WireError
from meseta.master.events import (
    MaintenanceScheduled,
    MaintenanceStartRequested,
    MaintenanceStopRequested,
)
from meseta.records import MachineId
from meseta.runtime.http1 import Request
from meseta.wire.gen import maintenance_pb2 as mt
from meseta.wire.gen import master_pb2 as ma
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.json import JsonError, from_dict, value_of
from meseta.wire.maintenance import lift_machines, lift_windows


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


def schedule_of_body(request: Request) -> Asked:
    """Read POST /maintenance/schedule. Raises WireError, as all that follow."""
    value = _json(request.body)
    try:
        return partial(MaintenanceScheduled, windows=lift_windows(from_dict(mt.Schedule, value)))
    except JsonError as error:
        raise WireError(f"Failed to convert JSON into a maintenance schedule: {error.reason}") from None


def down_of_body(request: Request) -> Asked:
    """Read POST /machine/down."""
    return partial(MaintenanceStartRequested, machines=_machines_of(request.body))


def up_of_body(request: Request) -> Asked:
    """Read POST /machine/up."""
    return partial(MaintenanceStopRequested, machines=_machines_of(request.body))


def _machines_of(body: bytes) -> tuple[MachineId, ...]:
    value = _json(body)
    if not isinstance(value, list):
        raise WireError("Expecting a JSON array of machines")
    try:
        return lift_machines(from_dict(m.MachineID, each) for each in value)
    except JsonError as error:
        raise WireError(f"Failed to convert JSON into machines: {error.reason}") from None


def _json(body: bytes) -> object:
    try:
        return value_of(body)
    except ValueError as error:
        raise WireError(f"syntax error in the body, which is to be JSON: {error}") from None
