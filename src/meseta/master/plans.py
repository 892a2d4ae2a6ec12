"""What is under way for longer than one event: operators' wishes, agents to be given up, tasks to end."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meseta.ids import AgentId, FrameworkId, TaskId
from meseta.master.registry import Deactivation
from meseta.records import NO_MAINTENANCE, MachineKey, Schedule, Unavailability

TaskKey = tuple[FrameworkId, TaskId]


class Wishes:
    """What operators want of agents and machines, and what is under way for that."""

    def __init__(self) -> None:
        self.marking_gone: set[AgentId] = set()
        """Agents of which the registry is being told that they are gone."""
        self.deactivated: dict[AgentId, Deactivation] = {}
        """Agents that are there, awaited or unreachable, of which nothing is to be offered."""
        self.emptied: dict[AgentId, None] = {}
        """Deactivated agents that may have become empty in this event."""
        self.schedule = NO_MAINTENANCE
        """When machines are to be down."""
        self.planned: dict[MachineKey, Unavailability] = {}
        """The same by machine."""
        self.down: set[MachineKey] = set()
        """Machines whose agents are refused."""

    def plan(self, schedule: Schedule) -> None:
        """Let a maintenance schedule count."""
        self.schedule = schedule
        self.planned = schedule.planned()
        self.down = {machine.key for machine in schedule.down}


class Removals:
    """Agents that wait to be given up for unreachable, oldest first, and why; when the next may be."""

    def __init__(self) -> None:
        self.waiting: dict[AgentId, str] = {}
        self.next_s = 0.0


class Round(msgspec.Struct):
    """Tasks are to end for a role."""

    deadline_s: float
    """When they are killed, in seconds since the epoch."""
    victims: dict[TaskKey, None]
    """Those that are not forgotten."""
    killed: bool = False


class Revocations:
    """Which roles miss some of their guarantees, and which tasks are to end for them."""

    def __init__(self) -> None:
        self.short: frozenset[str] = frozenset()
        """Top-level roles that missed something at the last check."""
        self.helpless: frozenset[str] = frozenset()
        """Those of them of which operators have been told that no task can end for them."""
        self.by_role: dict[str, Round] = {}
        self.victims: dict[TaskKey, str] = {}
        """For which role a task is to end, until it is forgotten or its round is over."""
        self._helped_last = ""

    def turns(self, roles: Iterable[str], at_most: int) -> list[str]:
        """Return those of some roles whose turn it is to be helped; the others have theirs after them."""
        in_turn = sorted(roles, key=lambda role: (role <= self._helped_last, role))[:at_most]
        self._helped_last = in_turn[-1]
        return in_turn

    def begin(self, role: str, deadline_s: float, tasks: Iterable[TaskKey]) -> Round:
        """Begin a role's round."""
        round = Round(deadline_s, dict.fromkeys(tasks))
        self.by_role[role] = round
        self.victims.update(dict.fromkeys(round.victims, role))
        return round

    def forget(self, key: TaskKey) -> None:
        """Let a task, if it is a victim, be none any more: it is over, or may run on."""
        role = self.victims.pop(key, None)
        if role is not None:
            del self.by_role[role].victims[key]

    def end(self, role: str) -> None:
        """End a role's round."""
        for key in self.by_role.pop(role).victims:
            del self.victims[key]
