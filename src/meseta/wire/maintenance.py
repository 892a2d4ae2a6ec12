"""Maintenance schedules and machines: messages to records, and records to messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meseta.allocator.allocator import InverseStatus
from meseta.errors import WireError
from meseta.ids import FrameworkId
from meseta.master.state import State, machine_of
from meseta.records import MachineId, MachineKey, Unavailability, Window
from meseta.wire.gen import allocator_pb2 as al
from meseta.wire.gen import maintenance_pb2 as mt
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import text
from meseta.wire.lower import fill_unavailability, nanoseconds

MACHINES_MAX = 100_000
"""Machines that one call may name."""


def lift_machines(messages: Iterable[m.MachineID]) -> tuple[MachineId, ...]:
    """Return machines. Raises WireError if there are too many."""
    machines = tuple(MachineId(text(message.hostname), text(message.ip)) for message in messages)
    if len(machines) > MACHINES_MAX:
        raise WireError(f"{len(machines)} machines are named, {MACHINES_MAX} is the most")
    return machines


def lift_windows(message: mt.Schedule) -> tuple[Window, ...]:
    """Return the windows of a schedule. Raises WireError if there is too much in it."""
    windows = tuple(_lift_window(window) for window in message.windows)
    named = sum(len(window.machines) for window in windows)
    if named > MACHINES_MAX:
        raise WireError(f"{named} machines are named, {MACHINES_MAX} is the most")
    return windows


def _lift_window(message: mt.Window) -> Window:
    when = message.unavailability
    duration_ns = when.duration.nanoseconds if when.HasField("duration") else None
    return Window(lift_machines(message.machine_ids), Unavailability(when.start.nanoseconds, duration_ns))


def schedule_message(state: State) -> mt.Schedule:
    """Return the schedule."""
    schedule = mt.Schedule()
    for window in state.wishes.schedule.windows:
        message = schedule.windows.add(machine_ids=map(machine_message, window.machines))
        fill_unavailability(message.unavailability, window.unavailability)
    return schedule


def machine_message(machine: MachineId) -> m.MachineID:
    """Return a machine as it was named."""
    message = m.MachineID()
    if machine.hostname:
        message.hostname = machine.hostname
    if machine.ip:
        message.ip = machine.ip
    return message


def status_message(state: State) -> mt.ClusterStatus:
    """Return which machines are draining, what frameworks say to that, and which are down."""
    status = mt.ClusterStatus(down_machines=map(machine_message, state.wishes.schedule.down))
    answers = _answers(state)
    for window in state.wishes.schedule.windows:
        for machine in window.machines:
            if machine.key not in state.wishes.down:
                given = answers.get(machine.key, ())
                status.draining_machines.add(id=machine_message(machine), statuses=given)
    return status


def _answers(state: State) -> Mapping[MachineKey, list[al.InverseOfferStatus]]:
    """Return what frameworks have answered about the agents of each machine."""
    answers: dict[MachineKey, list[al.InverseOfferStatus]] = {}
    for agent_id, by_framework in state.allocator.inverse_offer_statuses().items():
        agent = state.agents.get(agent_id)
        if agent is not None:
            given = answers.setdefault(machine_of(agent.info, agent.pid), [])
            given.extend(_answer(state, id, said) for id, said in by_framework.items())
    return answers


def _answer(state: State, framework_id: FrameworkId, said: InverseStatus) -> al.InverseOfferStatus:
    kinds = al.InverseOfferStatus
    message = kinds(status=kinds.ACCEPT if said.accepted else kinds.DECLINE)
    message.framework_id.value = framework_id
    message.timestamp.nanoseconds = nanoseconds(state.wall(said.answered_s))
    return message
