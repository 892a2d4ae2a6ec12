"""libprocess messages for a master: from drivers and agents, lifted and fed.

Messages get no answer of their own. What does not parse, names no process, or comes for nobody is counted
and dropped, as in Mesos; nothing that a peer sends can end the master.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.errors import WireError
from meseta.ids import Pid
from meseta.master import events as e
from meseta.wire.agent_link import AGENT_MESSAGES, agent_event, is_pid
from meseta.wire.call_limits import CALL_BYTES_MAX
from meseta.wire.scheduler_calls import driver_event

MASTER = "master"
OBSERVER_PREFIX = "slave-observer("
REPORT = "mesos.internal.ReregisterSlaveMessage"
"""Tells all that an agent runs, so only the server's own limit is for it."""


class MasterMessages:
    """Receives the libprocess messages of one master."""

    def __init__(
        self,
        feed: Callable[[e.MasterEvent], None],
        count: Callable[[str], None],
        constraints_fault: Callable[[Any], str | None],
    ) -> None:
        self._feed = feed
        self._count = count
        self._constraints_fault = constraints_fault

    def on_message(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        """Take one message; False if there is no process `receiver`."""
        if receiver != MASTER and not receiver.startswith(OBSERVER_PREFIX):
            return False
        event = self._lift(sender, name, body)
        if event is not None:
            self._feed(event)
        return True

    def _lift(self, sender: str, name: str, body: bytes) -> e.MasterEvent | None:
        pid = Pid(sender)
        if not is_pid(sender) or (len(body) > CALL_BYTES_MAX and name != REPORT):
            self._count("master/dropped_messages")
            return None
        try:
            if name in AGENT_MESSAGES:
                event = agent_event(name, body, pid, None)
            else:
                event = driver_event(name, body, pid, None, self._constraints_fault)
        except WireError:
            event = None
        if event is None:
            self._count("master/dropped_messages")
        return event
