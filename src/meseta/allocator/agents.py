"""The account of one agent: what it has, who holds how much of it, and what is free."""

from __future__ import annotations

from collections.abc import Collection

from meseta.allocator.offer_filter import OfferFilter, Rest
from meseta.allocator.sorter import Client
from meseta.allocator.terms import Trait
from meseta.ids import AgentId
from meseta.records import AgentInfo
from meseta.resources import EMPTY, Resources, remembered

RESTS_MAX = 256
"""Offer filters whose answers are kept with an agent."""
SETTLED_MAX = 1024
"""Agents, each with what is held of it, for which it is remembered what is free."""


class AgentAccount:
    """One agent. Every resource of its total is either in `available` or held by a client.

    Shared resources are the exception: they stay available however many hold them. And an agent whose
    total shrank below what is held has a debt: nothing of it is available until it is paid.
    """

    __slots__ = (
        "_rests",
        "_rests_of",
        "active",
        "available",
        "blocked",
        "blocked_at",
        "capabilities",
        "held",
        "id",
        "info",
        "offered",
        "plain",
        "simple",
        "total",
        "traits",
    )

    def __init__(
        self,
        agent_id: AgentId,
        info: AgentInfo,
        capabilities: Collection[str],
        total: Resources,
        held: dict[Client, Resources],
    ) -> None:
        self.id = agent_id
        self.info = info
        self.capabilities = frozenset(capabilities)
        self.active = True
        self.held = held
        self.offered: dict[Client, Resources] = {}
        """The part of `held` that nobody has accepted yet."""
        self.available = EMPTY
        self.simple = True
        """Whether free = total - held, to the last unit, so that it can be kept step by step."""
        self.traits = 0
        self.blocked = 0
        """Bits of clients that cannot be offered anything of `blocked_at` or less."""
        self.blocked_at = EMPTY
        self._rests: dict[OfferFilter, Rest] = {}
        self._rests_of = info
        """What the facts were that offer filters have been held against."""
        self.set_total(total)

    def set_total(self, total: Resources) -> None:
        """Replace the total."""
        self.total = total
        self.plain = total.is_plain
        self._settle()

    def set_traits(self, *, region: str | None, filter_gpus: bool) -> None:
        """Find out what clients must cope with here."""
        traits = 0
        if filter_gpus and self.total.scalar("gpus"):
            traits |= Trait.GPUS
        if region is not None and self.info.domain is not None and self.info.domain.region != region:
            traits |= Trait.REMOTE
        if "MULTI_ROLE" not in self.capabilities:
            traits |= Trait.SINGLE_ROLE
        if "HIERARCHICAL_ROLE" not in self.capabilities:
            traits |= Trait.FLAT_ROLES
        self.traits = int(traits)

    def rest_of(self, wanted: OfferFilter) -> Rest:
        """Return what an offer filter still asks of this agent, worked out once for its facts."""
        if self._rests_of is not self.info or len(self._rests) >= RESTS_MAX:
            self._rests_of = self.info
            self._rests.clear()
        rest = self._rests.get(wanted)
        if rest is None:
            rest = self._rests[wanted] = wanted.on(self.info)
        return rest

    def hold(self, client: Client, resources: Resources) -> None:
        """Give resources to a client."""
        mine = self.held.get(client)
        self.held[client] = resources if mine is None else mine + resources
        if self.simple:
            self.available = EMPTY if resources is self.available else self.available - resources
        else:
            self._settle()

    def release(self, client: Client, resources: Resources) -> None:
        """Take resources back from a client that holds them."""
        mine = self.held[client]
        assert mine.contains(resources), f"{client.path} holds {mine} of {self.id}, not {resources}"
        left = EMPTY if mine is resources else mine - resources
        if left:
            self.held[client] = left
        else:
            del self.held[client]
        if self.simple:
            self.available = self.available + resources if self.available else resources
        else:
            self._settle()

    def offer(self, client: Client, resources: Resources) -> None:
        """Count resources that were given to a client as offered only."""
        mine = self.offered.get(client)
        self.offered[client] = resources if mine is None else mine + resources

    def settle_offer(self, client: Client, resources: Resources) -> None:
        """Count resources as offered no more: they were accepted, or are about to be given back."""
        mine = self.offered.get(client, EMPTY)
        if mine is resources:  # So it is nearly always.
            self.offered.pop(client, None)
            return
        assert mine.contains(resources), f"{client.path} is offered {mine} of {self.id}, not {resources}"
        left = mine - resources
        if left:
            self.offered[client] = left
        else:
            self.offered.pop(client, None)

    def convert(self, client: Client, consumed: Resources, converted: Resources) -> None:
        """Turn what a client holds, and with it a part of the total, into something else."""
        mine = self.held[client]
        assert mine.contains(consumed), f"{client.path} holds {mine} of {self.id}, not {consumed}"
        left = mine - consumed + converted
        if left:
            self.held[client] = left
        else:
            del self.held[client]
        total = self.total.convert(consumed, converted) if consumed else None
        if total is not None:
            self.set_total(total)
        else:
            self._settle()

    def block(self, client: Client, available: Resources) -> None:
        """Remember that there is nothing for a client in `available`, hence in less.

        Earlier noes were said to at least that much, so they hold too.
        """
        self.blocked |= client.bit
        self.blocked_at = available

    def is_blocked_at(self, available: Resources) -> bool:
        """Tell whether the bits in `blocked` say something about `available`."""
        return self.blocked_at is available or self.blocked_at.contains(available)

    def _settle(self) -> None:
        """Work out what is free from the total and the holdings."""
        # What is free of shared resources is a new vector whenever somebody was given of it: see `rounds`.
        settled = _settled if self.total.shared() else _remembered
        self.simple, self.available = settled(self.total, *self.held.values())


def _settled(total: Resources, *held: Resources) -> tuple[bool, Resources]:
    """Tell whether what is held is of the total, all of it, and return what is free."""
    shared, taken = total.shared(), sum(held, EMPTY)
    free = total.nonshared().subtract(taken.nonshared()) + shared
    return not shared and total.contains(taken), free


def _settled_alike(total: Resources, *held: Resources) -> tuple[bool, Resources]:
    simple, free = _settled(total, *held)
    return simple, free.interned()


_remembered = remembered(_settled_alike, SETTLED_MAX)
"""The same: after a failover agents come by the thousands, and few differ."""
