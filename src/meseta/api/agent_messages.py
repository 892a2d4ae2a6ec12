"""libprocess messages for an agent: from the master, drivers and executors, lifted and fed.

Messages get no answer of their own. What does not parse, names no process, or comes for nobody is counted
and dropped, as in Mesos; nothing that a peer sends can end the agent.
"""

from __future__ import annotations

from collections.abc import Callable

from meseta.agent.events import AgentEvent
from meseta.errors import WireError
from meseta.ids import Pid
from meseta.runtime.libprocess import parse_pid
from meseta.wire.executor_link import EXECUTOR_MESSAGES, executor_event
from meseta.wire.master_link import master_event

AGENT = "slave(1)"


class AgentMessages:
    """Receives the libprocess messages of one agent; `count_dropped` hears of each that is of no use."""

    def __init__(self, feed: Callable[[AgentEvent], None], count_dropped: Callable[[], None]) -> None:
        self._feed = feed
        self._count_dropped = count_dropped

    def on_message(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        """Take one message; False if there is no process `receiver`."""
        if receiver != AGENT:
            return False
        event = _lift(sender, name, body)
        if event is None:
            self._count_dropped()
        else:
            self._feed(event)
        return True


def _lift(sender: str, name: str, body: bytes) -> AgentEvent | None:
    if parse_pid(sender) is None:
        return None
    lift = executor_event if name in EXECUTOR_MESSAGES else master_event
    try:
        return lift(name, body, Pid(sender))
    except WireError:
        return None
