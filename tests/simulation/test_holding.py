"""A large request among many small ones (the Mesos paper, 4.6), through a whole simulated cluster.

One framework fills every agent with tasks of one CPU that end at random, and would go on for ever. After a
while another needs a whole agent for one task: it is never empty by chance.
"""

from __future__ import annotations

import pytest

from meseta.records import TaskState
from meseta.resources import Resources
from meseta.sim.plan import Plan
from meseta.sim.simulation import Simulation
from meseta.sim.temper import Temper
from meseta.sim.trace import Trace

AGENT = Resources.scalars(cpus=8, mem=8192, disk=1000)
SMALL = Temper(role="small", cpus=1, mem=512, alive_max=1000, task_s=20.0, refuse_s=1.0)
IDLE = Temper(role="large", alive_max=0, refuse_s=1.0)
LARGE = Temper(role="large", cpus=8, mem=4096, alive_max=1, filters=True)
JOINS_S = 60.0
GIVES_UP_S = 600.0
TIMEOUT_S = 30.0
SLACK_S = 5.0
"""For messages, the recovery window, and a look at the cluster once a second."""
SEEDS = (1, 2, 3, 4)


class Contest:
    """A cluster that is full of small tasks."""

    def __init__(self, seed: int, timeout_s: float) -> None:
        plan = Plan(
            seed=seed,
            duration_s=GIVES_UP_S,
            agents=(AGENT,) * 3,
            frameworks=(SMALL, IDLE),
            allocator={"starvation_timeout_s": timeout_s},
        )
        simulation = Simulation(plan, Trace(on=False), check_every=50)
        self.cluster, self.world = simulation.cluster, simulation.world
        self.longest_s = 0.0
        """Of the tasks that were seen to run."""
        self.cluster.start()
        self.run_until(JOINS_S)

    def run_until(self, end: float) -> None:
        """Run on, second by second, until the large task runs."""
        while self.world.now < end and not self.is_served():
            self.world.run(self.world.now + 1.0)
            for agent in self.cluster.agents:
                for program in agent.containers.running().values():
                    if program.what.startswith(self.cluster.frameworks[0].name):
                        self.longest_s = max(self.longest_s, program.seconds)

    def is_served(self) -> bool:
        jobs = self.cluster.frameworks[1].jobs.values()
        return any(job.state is not TaskState.TASK_STAGING for job in jobs)

    def waits_s(self) -> float | None:
        """Let the large task come; return how long it waits until it runs, if it ever does."""
        large = self.cluster.frameworks[1]
        assert len(self.cluster.frameworks[0].jobs) > 24, "the agents were never full"
        large.temper = LARGE
        large.fail_over()
        start = self.world.now
        self.run_until(GIVES_UP_S)
        assert large.wants_offers
        return self.world.now - start if self.is_served() else None


@pytest.mark.parametrize("seed", SEEDS)
def test_without_the_guard_a_large_request_among_small_ones_starves(seed: int) -> None:
    assert Contest(seed, 0.0).waits_s() is None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_large_request_among_small_ones_is_served_within_the_timeout_and_a_task(seed: int) -> None:
    contest = Contest(seed, TIMEOUT_S)
    waited_s = contest.waits_s()
    assert waited_s is not None
    assert TIMEOUT_S < waited_s <= TIMEOUT_S + contest.longest_s + SLACK_S
