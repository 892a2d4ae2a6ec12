"""Agents that ask to be let in while the master that was elected still reads the registry.

Agents find a new leader before it can answer. If it dropped what they say, each would wait for its own
backoff, which doubles up to a minute; so the newest such message of each agent is kept, as it came, and taken
in when the registry is read. Mesos drops them.
"""

from __future__ import annotations

from itertools import islice

from meseta.api.messages import REPORT

KEPT = frozenset({REPORT, "mesos.internal.RegisterSlaveMessage"})
KEPT_BYTES_MAX = 256 * 1024 * 1024
"""Of all messages that are kept; what comes then is dropped, and its sender comes again."""
OVERHEAD_BYTES = 512
"""What a message costs beside its text: so many without a body are bounded, too."""

Message = tuple[str, str, str, bytes]
"""Receiver, sender, name, body."""


class EarlyMessages:
    """The newest message of each agent."""

    def __init__(self, bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._bytes_left = bytes_max
        self._messages: dict[str, Message] = {}

    def keep(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        """Keep a message in place of the sender's last one. False: it is not of those that are kept."""
        if name not in KEPT:
            return False
        self.forget(sender)
        message = (receiver, sender, name, body)
        cost = _cost(message)
        if cost <= self._bytes_left:
            self._bytes_left -= cost
            self._messages[sender] = message
        return True

    def forget(self, sender: str) -> None:
        """Forget what a sender has said: it has said something newer."""
        known = self._messages.pop(sender, None)
        if known is not None:
            self._bytes_left += _cost(known)

    def take(self, count: int) -> list[Message]:
        """Return up to `count` messages, the oldest first, and forget them."""
        taken = list(islice(self._messages.values(), count))
        for _, sender, _, _ in taken:
            self.forget(sender)
        return taken


def _cost(message: Message) -> int:
    return OVERHEAD_BYTES + sum(map(len, message))
