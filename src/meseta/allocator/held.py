"""What quota keeps from clients: which agents to look at again when there is more room.

A no because of quota may turn into a yes by a change anywhere in the cluster: something ends in the role,
or in another that gives headroom back. Then all agents of which the client was told such a no are looked
at again, with the next batch and not at once, so that many changes cost one look.
"""

from __future__ import annotations

import math

from meseta.ids import AgentId

ALL = -1
"""The mask of all clients."""


class HeldBack:
    """For each agent the bits of the clients that quota keeps from (all of) what is free there."""

    __slots__ = ("_batch", "_bits", "_grown", "_interval_s")

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._bits: dict[AgentId, int] = {}
        self._grown = 0
        """Bits of the clients for which there may be more room since the last batch."""
        self._batch = 0
        """The number of the batch that looks at them."""

    def bits(self, agent_id: AgentId) -> int:
        """Return the clients that something of an agent is kept from."""
        return self._bits.get(agent_id, 0)

    def add(self, agent_id: AgentId, bits: int) -> None:
        """Note that something of an agent is kept from clients."""
        self._bits[agent_id] = self._bits.get(agent_id, 0) | bits

    def grow(self, bits: int, now: float) -> None:
        """Note that there may be more room for clients; look with the first batch after `now`."""
        if not self._bits:
            return
        if not self._grown:
            self._batch = math.floor(now / self._interval_s) + 1
        self._grown |= bits

    def pending(self, agent_id: AgentId) -> int:
        """Return the clients that the next batch will ask again about an agent."""
        return self.bits(agent_id) & self._grown

    def deadline(self) -> float | None:
        """Return when agents want to be looked at again."""
        return self._batch * self._interval_s if self._grown and self._bits else None

    def take(self, now: float) -> list[tuple[AgentId, int]]:
        """Take out the agents, with the clients, that there may be more room for, if a batch is due."""
        if not self._grown or self._batch * self._interval_s > now:
            return []
        taken = [(agent_id, bits & self._grown) for agent_id, bits in self._bits.items()]
        taken = [(agent_id, bits) for agent_id, bits in taken if bits]
        for agent_id, bits in taken:
            self._set(agent_id, self._bits[agent_id] & ~bits)
        self._grown = 0
        return taken

    def forget_agent(self, agent_id: AgentId) -> None:
        """Forget a removed agent."""
        self._bits.pop(agent_id, None)

    def forget_client(self, bit: int) -> None:
        """Forget a removed client, whose bit others will have."""
        for agent_id, bits in list(self._bits.items()):
            self._set(agent_id, bits & ~bit)

    def _set(self, agent_id: AgentId, bits: int) -> None:
        if bits:
            self._bits[agent_id] = bits
        else:
            del self._bits[agent_id]
