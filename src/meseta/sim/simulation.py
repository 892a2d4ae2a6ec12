"""One run: start, faults, heal, and the demand that everything comes to rest.

0 ── start ── faults and new tasks ── duration ── heal, no new tasks ── converged, or a failure ── end
"""

from __future__ import annotations

from typing import NamedTuple

from meseta.sim.checkers import (
    Accounts,
    Acknowledgements,
    Admissions,
    Guarantees,
    Leaders,
    Limits,
    Offers,
    Runs,
    check_node,
)
from meseta.sim.cluster import Cluster
from meseta.sim.convergence import missing
from meseta.sim.driver_marks import DRIVER_MARKS, DriverWatch
from meseta.sim.executor_marks import EXECUTOR_MARKS
from meseta.sim.failures import LivenessViolation, SimulationFailure
from meseta.sim.faults import Faults
from meseta.sim.marks import MARKS, REFUSED, STUCK, Marks
from meseta.sim.node import Observer
from meseta.sim.operator import Operator
from meseta.sim.plan import Plan
from meseta.sim.statistics import Sampler, Usage
from meseta.sim.trace import Trace
from meseta.sim.upkeep import Upkeep
from meseta.sim.world import World

CONVERGENCE_S = 900.0
"""How long after everything was healed a cluster may take to come to rest."""
LOOK_EVERY_S = 2.0
TIDY_AFTER_S = 30.0
"""How long after the heal frameworks have to come back."""
FAULTS_SHOWN_MAX = 8


class Outcome(NamedTuple):
    """What a run came to."""

    plan: Plan
    failure: SimulationFailure | None
    at_s: float
    """When it ended, in virtual seconds."""
    deliveries: int
    marks: dict[str, int]
    faults: dict[str, int]
    tasks: int
    digest: str


def run_calm(plan: Plan) -> Usage:
    """Run a cluster without faults, checkers and a trace; return how it was used."""
    world = World(plan.seed, Trace(on=False))
    cluster = Cluster(plan, world, [])
    sampler = Sampler(cluster)
    cluster.start()
    world.run(plan.duration_s)
    return sampler.usage()


class Simulation:
    """One run with its checkers."""

    def __init__(self, plan: Plan, trace: Trace, *, check_every: int = 1) -> None:
        """`check_every`: check each machine's invariants after every so many of its steps."""
        self.plan = plan
        self.world = World(plan.seed, trace)
        self.observers: list[Observer] = []
        """See every step of every process."""
        self.cluster = Cluster(plan, self.world, self.observers)
        self.faults = Faults(self.cluster)
        self.operator = Operator(self.cluster)
        self.upkeep = Upkeep(self.cluster)
        self.marks = Marks((*MARKS, *DRIVER_MARKS, *EXECUTOR_MARKS))
        self.observers += [
            Accounts(check_every).observe,
            Offers().observe,
            Limits().observe,
            Guarantees().observe,
            Acknowledgements(self.cluster).observe,
            Runs(self.cluster).observe,
            Admissions(self.cluster).observe,
            Leaders(self.cluster).observe,
            self.marks.observe,
            DriverWatch(self.marks.counts).observe,
        ]

    def run(self) -> Outcome:
        """Run to the end; a failure is part of the outcome."""
        failure = None
        try:
            self.cluster.start()
            self.faults.start()
            self.operator.start()
            self.upkeep.start()
            self.world.run(self.plan.duration_s)
            self.faults.heal()
            self.upkeep.clean_up()
            self.operator.clean_up()
            for framework in self.cluster.frameworks:
                framework.fall_quiet()
            self._converge()
        except SimulationFailure as fault:
            failure = fault
        registry = self.cluster.registry
        self.marks.counts.update({REFUSED: registry.refused, STUCK: registry.given_up})
        return Outcome(
            plan=self.plan,
            failure=failure,
            at_s=self.world.now,
            deliveries=self.world.deliveries,
            marks=self.marks.counts,
            faults=self.faults.counts,
            tasks=sum(len(framework.jobs) for framework in self.cluster.frameworks),
            digest=self.world.trace.digest(),
        )

    def _converge(self) -> None:
        """Wait until nothing is missing any more.

        Raises:
            LivenessViolation: that takes too long.
        """
        end = self.world.now + CONVERGENCE_S
        lacking = missing(self.cluster)
        while lacking and self.world.now < end:
            self.world.run(self.world.now + LOOK_EVERY_S)
            if self.world.now > self.plan.duration_s + TIDY_AFTER_S:
                self.cluster.tidy()
            lacking = missing(self.cluster)
        if lacking:
            more = len(lacking) - FAULTS_SHOWN_MAX
            shown = [*lacking[:FAULTS_SHOWN_MAX], *([f"and {more} more"] if more > 0 else [])]
            raise LivenessViolation(f"{CONVERGENCE_S:g} s after the heal: {'; '.join(shown)}")
        for node in (*(master.node for master in self.cluster.masters), *self.cluster.agents):
            check_node(node)
