"""What a cluster is used for: samples of utilisation and shares over the time of a run."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from meseta.master import views
from meseta.resources import Resources
from meseta.sim.cluster import Cluster
from meseta.sim.workload import Framework

SAMPLE_EVERY_S = 15.0
WARM_UP = 0.1
"""The part of a run at its beginning that is not counted."""
RESOURCES = ("cpus", "mem")


class Share(NamedTuple):
    """What one framework had, on average."""

    name: str
    role: str
    task: str
    """What one of its tasks needs."""
    running: float
    wanted: int
    dominant: float
    """Its dominant share, from 0 to 1."""
    ended: int


class Usage(NamedTuple):
    """What the cluster was used for."""

    utilisation: dict[str, float]
    """By resource, from 0 to 1."""
    shares: list[Share]
    launched: int
    ended: int


class Sampler:
    """Looks at a cluster every now and then."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._used: dict[str, float] = dict.fromkeys(RESOURCES, 0.0)
        self._running: dict[str, float] = {}
        self._dominant: dict[str, float] = {}
        self._samples = 0
        cluster.world.after(max(SAMPLE_EVERY_S, cluster.plan.duration_s * WARM_UP), self._sample)

    def usage(self) -> Usage:
        """Return the averages."""
        samples = max(1, self._samples)
        frameworks = self._cluster.frameworks
        shares = [self._share(framework, samples) for framework in frameworks]
        return Usage(
            utilisation={name: used / samples for name, used in self._used.items()},
            shares=sorted(shares, key=lambda share: -share.dominant),
            launched=sum(len(framework.jobs) for framework in frameworks),
            ended=sum(share.ended for share in shares),
        )

    def _share(self, framework: Framework, samples: int) -> Share:
        temper = framework.temper
        return Share(
            name=framework.name,
            role=temper.role,
            task=f"{temper.cpus:g} CPU, {temper.mem:g} MiB",
            running=self._running.get(framework.name, 0.0) / samples,
            wanted=temper.alive_max,
            dominant=self._dominant.get(framework.name, 0.0) / samples,
            ended=sum(job.over for job in framework.jobs.values()),
        )

    def _sample(self) -> None:
        cluster = self._cluster
        cluster.world.after(SAMPLE_EVERY_S, partial(self._sample))
        leader = cluster.leader
        machine = leader.machine if leader is not None else None
        if machine is None:
            return
        totals = _quantities(agent.total for agent in machine.state.agents.values())
        if not all(totals.values()):
            return
        self._samples += 1
        names = {framework.framework_id: framework.name for framework in cluster.frameworks}
        for state in machine.state.frameworks.values():
            used = views.used_by_framework(state)
            parts = {name: used.scalar(name) / totals[name] for name in RESOURCES}
            for name, part in parts.items():
                self._used[name] += part
            owner = names.get(state.id, "others")
            running = sum(task.holds_resources for task in state.tasks.values())
            self._running[owner] = self._running.get(owner, 0.0) + running
            self._dominant[owner] = self._dominant.get(owner, 0.0) + max(parts.values())


def _quantities(many: Iterable[Resources]) -> dict[str, int]:
    totals = dict.fromkeys(RESOURCES, 0)
    for resources in many:
        for name in RESOURCES:
            totals[name] += resources.scalar(name)
    return totals
