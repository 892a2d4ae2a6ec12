"""Planned maintenance: frameworks are asked to leave machines in time; these go down, and up again.

    UP ──scheduled──▶ DRAINING: inverse offers ──START──▶ DOWN: agents shut down, and refused ──STOP──▶ UP

There is one schedule, which is replaced as a whole, and it is one record of the registry. A machine is what
host name and IP address say together, exactly as agents give them. Sentences are Mesos's.
"""

from __future__ import annotations

import ipaddress

import msgspec

from meseta.master.agents import begin_departure, describe_offered
from meseta.master.effects import Reply, SendToAgent, Shutdown
from meseta.master.events import (
    MaintenanceScheduled,
    MaintenanceStartRequested,
    MaintenanceStopRequested,
    RegistrationRequested,
    RequestId,
    ReregistrationRequested,
)
from meseta.master.pending import PendingMaintenance
from meseta.master.registry import UpdateMaintenance
from meseta.master.rescinding import rescind_offers, withdraw_inverse_offers
from meseta.master.state import AgentState, State, machine_of
from meseta.records import MachineId, MachineKey, Schedule, Window

DOWN = "Operator initiated 'Machine DOWN'"
BUSY = "Another change of the maintenance schedule is being written: ask again"

# From operators ---------------------------------------------------------------------------------------


def on_maintenance_scheduled(state: State, event: MaintenanceScheduled, now: float) -> None:
    """Have a schedule written in the place of the present one."""
    fault = _schedule_fault(state, event.windows)
    schedule = Schedule(event.windows, state.wishes.schedule.down)
    _ask(state, event.request, fault, schedule)


def on_maintenance_start_requested(state: State, event: MaintenanceStartRequested, now: float) -> None:
    """Have it written that machines are down."""
    fault = _machines_fault(event.machines) or _mode_fault(state, event.machines, down=False)
    schedule = Schedule(state.wishes.schedule.windows, (*state.wishes.schedule.down, *event.machines))
    _ask(state, event.request, fault, schedule)


def on_maintenance_stop_requested(state: State, event: MaintenanceStopRequested, now: float) -> None:
    """Have it written that machines are up, and planned to be down no more."""
    fault = _machines_fault(event.machines) or _mode_fault(state, event.machines, down=True)
    _ask(state, event.request, fault, _without(state.wishes.schedule, event.machines))


def _ask(state: State, request: RequestId, fault: str | None, schedule: Schedule) -> None:
    if any(isinstance(pending, PendingMaintenance) for pending in state.pending.values()):
        state.effects.append(Reply(request, 503, BUSY))
    elif fault is not None:
        state.effects.append(Reply(request, 400, fault))
    else:
        state.persist(UpdateMaintenance(schedule), PendingMaintenance(schedule, request))


def _without(schedule: Schedule, machines: tuple[MachineId, ...]) -> Schedule:
    gone = {machine.key for machine in machines}
    windows = (
        Window(tuple(each for each in window.machines if each.key not in gone), window.unavailability)
        for window in schedule.windows
    )
    down = tuple(each for each in schedule.down if each.key not in gone)
    return Schedule(tuple(window for window in windows if window.machines), down)


# Faults -----------------------------------------------------------------------------------------------


def _schedule_fault(state: State, windows: tuple[Window, ...]) -> str | None:
    seen: set[MachineKey] = set()
    for window in windows:
        if not window.machines:
            return "List of machines in the maintenance window is empty"
        if (window.unavailability.duration_ns or 0) < 0:
            return "Unavailability 'duration' is negative"
        fault = _repeated_fault(window.machines, seen)
        if fault is not None:
            return fault
    for machine in state.wishes.schedule.down:
        if machine.key not in seen:
            return f"Machine '{_json(machine)}' is deactivated and cannot be removed from the schedule"
    return None


def _machines_fault(machines: tuple[MachineId, ...]) -> str | None:
    return _repeated_fault(machines, set()) if machines else "List of machines is empty"


def _repeated_fault(machines: tuple[MachineId, ...], seen: set[MachineKey]) -> str | None:
    """Say what is wrong with machines; those that are named go into `seen`."""
    for machine in machines:
        if not machine.hostname and not machine.ip:
            return "Both 'hostname' and 'ip' for a machine are empty"
        if machine.ip and not _is_ip(machine.ip):
            return f"Failed to parse the IP '{machine.ip}'"
        if machine.key in seen:
            return f"Machine '{_json(machine)}' appears more than once in the schedule"
        seen.add(machine.key)
    return None


def _is_ip(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _mode_fault(state: State, machines: tuple[MachineId, ...], *, down: bool) -> str | None:
    for machine in machines:
        is_down = machine.key in state.wishes.down
        if down and not is_down:
            return f"Machine '{_json(machine)}' is not in DOWN mode and cannot be brought up"
        if machine.key not in state.wishes.planned:
            return f"Machine '{_json(machine)}' is not part of a maintenance schedule"
        if is_down and not down:
            return f"Machine '{_json(machine)}' is not in DRAINING mode and cannot be brought down"
    return None


def _json(machine: MachineId) -> str:
    """Return a machine as Mesos shows it."""
    named = {"hostname": machine.hostname, "ip": machine.ip}
    return msgspec.json.encode({name: value for name, value in named.items() if value}).decode()


# The registry -----------------------------------------------------------------------------------------


def on_maintenance_written(state: State, pending: PendingMaintenance, now: float) -> None:
    """Let a schedule count: what it says anew of agents is told at once, and what is to be down goes."""
    wishes = state.wishes
    old, were_down = wishes.planned, wishes.down
    wishes.plan(pending.schedule)
    for agent in list(state.agents.values()):
        machine = machine_of(agent.info, agent.pid)
        if old.get(machine) != wishes.planned.get(machine):
            _replan(state, agent, now)
        if machine in wishes.down and machine not in were_down:
            _take_down(state, agent)
    if pending.request is not None:
        state.effects.append(Reply(pending.request, 200))


def _replan(state: State, agent: AgentState, now: float) -> None:
    """Tell the allocator when an agent is to be down; offers that say otherwise are rescinded."""
    rescind_offers(state, agent.offers.values(), now)
    withdraw_inverse_offers(state, agent.inverse_offers.values(), now)
    describe_offered(state, agent)
    state.allocator.update_unavailability(agent.id, agent.offered.unavailability)


def _take_down(state: State, agent: AgentState) -> None:
    """Shut an agent down. It leaves the accounts in any case: it may not have heard."""
    state.tell_agent(agent, Shutdown(DOWN))
    begin_departure(state, agent, DOWN, None)


# Agents -----------------------------------------------------------------------------------------------


def refuse_down(state: State, event: RegistrationRequested | ReregistrationRequested) -> bool:
    """Tell whether the machine of an agent that wants to join is down; the agent is shut down then."""
    if not state.wishes.down or machine_of(event.info, event.sender) not in state.wishes.down:
        return False
    state.warn(f"Refusing registration of agent at {event.sender}: machine {event.info.hostname} is DOWN")
    state.effects.append(SendToAgent(event.sender, Shutdown("Machine is `DOWN`"), event.registration))
    return True


def leave_if_down(state: State, agent: AgentState) -> None:
    """Shut an agent down that was let in while the registry was told that its machine is down."""
    if state.wishes.down and machine_of(agent.info, agent.pid) in state.wishes.down:
        _take_down(state, agent)


def drain_fault(state: State, agent: AgentState) -> str | None:
    """Say that an agent cannot be drained because there are other plans for its machine."""
    key = machine_of(agent.info, agent.pid)
    if key not in state.wishes.planned:
        return None
    return f"Agent {agent.id} is part of a maintenance schedule under Machine {MachineId(*key)}"
