"""The whitelist: the hosts whose agents are offered, where an operator has named them."""

from __future__ import annotations

from meseta.allocator.agents import AgentAccount


class Whitelist:
    """Which agents may be offered."""

    def __init__(self) -> None:
        self.hostnames: frozenset[str] | None = None
        """None: all."""

    def admits(self, agent: AgentAccount) -> bool:
        """Tell whether an agent may be offered."""
        return self.hostnames is None or agent.info.hostname in self.hostnames
