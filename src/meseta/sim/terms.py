"""Who may write to the registry that all masters of a run share, as ZooKeeper or etcd keep it.

Whoever is elected claims the registry, which begins a new term. A write carries its writer's term, and one of
an earlier term is refused, however late it comes: so what one leader has read is never changed behind its
back by another one that has not heard yet that it leads no more.
"""

from __future__ import annotations

from meseta.master.registry import Mutation, Recovered
from meseta.sim.disk import Registry
from meseta.sim.failures import SafetyViolation


class SharedRegistry:
    """A registry with terms."""

    def __init__(self) -> None:
        self.held = Registry()
        self.term = 0
        self.refused = 0
        """Writes of former leaders."""
        self.given_up = 0
        """How often a master ended because a write took too long."""
        self._writers: dict[int, str] = {}

    def claim(self, master: str) -> tuple[int, Recovered]:
        """Begin a term, in which only `master` writes; return its number, and what is held."""
        self.term += 1
        self._writers[self.term] = master
        return self.term, self.held.recovered()

    def write(self, mutation: Mutation, term: int, master: str) -> bool:
        """Make one mutation durable, unless its writer's term is over; tell which.

        Raises:
            SafetyViolation: two masters write in one term.
        """
        if self._writers[term] != master:
            raise SafetyViolation(f"{master} writes in term {term}, which is that of {self._writers[term]}")
        if term != self.term:
            self.refused += 1
            return False
        self.held.apply(mutation)
        return True
