"""How frameworks behave: what they want to run, and how they treat offers, updates and the master."""

from __future__ import annotations

import random

import msgspec
from msgspec.structs import replace

from meseta.records import NO_OPTIONS, FrameworkCapability, FrameworkInfo, FrameworkOptions
from meseta.sim.own_executors import NO_HABITS, Habits

DRIVERS = 0.3
"""Part of the frameworks that speak v0."""


class Temper(msgspec.Struct, frozen=True, kw_only=True):
    """How a framework behaves. Times are means in seconds, likelihoods per occasion."""

    role: str = "*"
    cpus: float = 1.0
    mem: float = 256.0
    """Of one task; memory in MiB."""
    alive_max: int = 10
    """Tasks that it wants to have at one time."""
    task_s: float = 20.0
    services: float = 0.0
    """Likelihood that a task runs until it is killed."""
    failing: float = 0.0
    hungry: float = 0.0
    stubborn_s: float = 0.0
    pods: float = 0.0
    """Likelihood that tasks are launched as a group."""
    picky: float = 0.0
    """Likelihood that an offer is declined, though it could be used."""
    hoard_s: float = 0.0
    """How long offers are kept before they are answered."""
    refuse_s: float = 5.0
    acknowledge_s: float = 0.0
    reconcile_s: float = 30.0
    kill_s: float = 0.0
    """How often a task is killed; 0: never."""
    reserves: float = 0.0
    """How often it reserves some of an offer that it uses. What it finds reserved it undoes."""
    filters: bool = False
    """Wants no offers that are too small for a task."""
    expression: bool = False
    """Says so by an offer filter."""
    demands: bool = False
    """Says how much it wants to hold, and wants to be told which of its tasks are to end for others."""
    suppresses: bool = False
    """Wants no offers while it has all the tasks that it wants."""
    checkpoint: bool = True
    partition_aware: bool = True
    failover_timeout_s: float = 3600.0
    driver: bool = False
    """Its schedulers are drivers of the v0 protocol."""
    heeds_exits: bool = False
    """Its driver subscribes again when the way to its master is gone, which libmesos does not."""
    keeps_offers: bool = False
    """It answers offers of a master that is gone, as applications do that have no use for `disconnected`."""
    messages_s: float = 0.0
    """How often its driver sends a message to an executor; 0: never."""
    standby: bool = False
    """Has a second scheduler wait for the end of the first."""
    executors: Habits = NO_HABITS
    """How it uses executors of its own."""

    def info(self, name: str) -> FrameworkInfo:
        """Return how the framework describes itself."""
        capabilities = {
            FrameworkCapability.MULTI_ROLE,
            FrameworkCapability.RESERVATION_REFINEMENT,
            FrameworkCapability.TASK_KILLING_STATE,
        }
        if self.partition_aware:
            capabilities.add(FrameworkCapability.PARTITION_AWARE)
        return FrameworkInfo(
            user="nobody",
            name=name,
            roles=(self.role,),
            capabilities=frozenset(capabilities),
            checkpoint=self.checkpoint,
            failover_timeout_s=self.failover_timeout_s,
            offer_filters={self.role: ({"cpus": round(self.cpus * 1000), "mem": round(self.mem * 1000)},)}
            if self.filters and not self.expression
            else {},
            wanted={self.role: f"cpus >= {self.cpus:g} and mem >= {self.mem:g} and not hostname == 'none'"}
            if self.filters and self.expression
            else {},
            options=self._options(),
        )

    def _options(self) -> FrameworkOptions:
        if not self.demands:
            return NO_OPTIONS
        wanted = {
            "cpus": round(self.cpus * 1000) * self.alive_max,
            "mem": round(self.mem * 1000) * self.alive_max,
        }
        return FrameworkOptions(revocation_notices=True, demands={self.role: wanted})


def as_driver(temper: Temper, chance: random.Random, *, sure: bool) -> Temper:
    """Draw whether a framework speaks v0. `sure`: its driver must notice what no detector tells it."""
    if chance.random() >= DRIVERS:
        return temper
    return replace(
        temper,
        driver=True,
        heeds_exits=chance.random() < 0.5 or sure,
        messages_s=chance.choice([0.0, 2.0, 5.0]),
        keeps_offers=chance.random() < 0.5,
        standby=False,
    )
