"""What clients want to hold altogether: who has it is offered no more.

A framework may state amounts for a role (`FrameworkInfo.options.demands`). As soon as it holds all of them,
offers included, what is free goes to others; it has turns again when it holds less. Revocable resources do
not count: they may be gone at any time. Only clients that state something cost anything here.
"""

from __future__ import annotations

from collections.abc import Mapping

from meseta.allocator.sorter import Client
from meseta.resources import Resources


class Demands:
    """For each client that states a demand what it still lacks."""

    __slots__ = ("lacks", "met")

    def __init__(self) -> None:
        self.lacks: dict[Client, dict[str, int]] = {}
        """In milli-units, by each name that is stated; negative, if a client holds more than it wants."""
        self.met = 0
        """Bits of the clients that lack nothing."""

    def state(self, client: Client, wanted: Mapping[str, int], held: Mapping[str, int]) -> None:
        """Replace what a client wants; `held` is what it holds by now."""
        self.lacks[client] = {name: amount - held.get(name, 0) for name, amount in wanted.items()}
        self._judge(client)

    def forget(self, client: Client) -> None:
        """Forget a client, or that it stated anything."""
        if self.lacks.pop(client, None) is not None:
            self.met &= ~client.bit

    def change(self, client: Client, before: Resources, after: Resources) -> None:
        """Note that a client that states a demand holds `after` of an agent and no longer `before`."""
        lacks, had, has = self.lacks[client], counted(before), counted(after)
        for name in lacks:
            lacks[name] += had.get(name, 0) - has.get(name, 0)
        self._judge(client)

    def _judge(self, client: Client) -> None:
        if any(amount > 0 for amount in self.lacks[client].values()):
            self.met &= ~client.bit
        else:
            self.met |= client.bit


def counted(resources: Resources) -> Mapping[str, int]:
    """Return the quantities that meet demands."""
    return resources.nonrevocable().quantities()
