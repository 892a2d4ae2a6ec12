"""When which machines are to be down."""

from __future__ import annotations

import msgspec

from meseta.records.agents import Unavailability

MachineKey = tuple[str, str]
"""A machine's host name in lower case, and its IP address: what tells machines apart."""


class MachineId(msgspec.Struct, frozen=True, gc=False):
    """A machine, as somebody has named it. Either may be empty, not both."""

    hostname: str = ""
    ip: str = ""

    @property
    def key(self) -> MachineKey:
        """What tells machines apart."""
        return self.hostname.lower(), self.ip

    def __str__(self) -> str:
        return f"{self.hostname} ({self.ip})" if self.hostname and self.ip else self.hostname or self.ip


class Window(msgspec.Struct, frozen=True):
    """Machines that are down together."""

    machines: tuple[MachineId, ...]
    unavailability: Unavailability


class Schedule(msgspec.Struct, frozen=True):
    """All that is planned, and which of the machines are down by now."""

    windows: tuple[Window, ...] = ()
    down: tuple[MachineId, ...] = ()

    def planned(self) -> dict[MachineKey, Unavailability]:
        """Return when machines are to be down."""
        return {machine.key: window.unavailability for window in self.windows for machine in window.machines}


NO_MAINTENANCE = Schedule()
