"""What the demo observes: samples of the master's state, dominant shares, and whether they have settled."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import msgspec

from meseta.frameworks.contender import Shape

MEM_HEAVY = "mem-heavy"
CPU_HEAVY = "cpu-heavy"
SHAPES = {MEM_HEAVY: Shape(1, 4096), CPU_HEAVY: Shape(3, 1024)}
FAIR = {MEM_HEAVY: 3, CPU_HEAVY: 2}
"""How many tasks each has in the end: 3 of 4 GB are 12/18 of the memory, 2 of 3 CPUs 6/9 of the CPUs."""
FAIR_SHARE = 2 / 3

SETTLED_S = 6.0
"""So long the shares have to stay what they are: longer than most tasks live."""
TOLERANCE = 0.08
"""How far the mean of a share may be off: between a task's end and the next one's start there is a gap."""
SAMPLES_MAX = 2_000
RESOURCES = ("cpus", "mem")


class TaskView(msgspec.Struct, frozen=True):
    """A task as the demo shows it. `since` is seconds since 1970."""

    id: str
    framework: str
    agent: str
    state: str
    since: float


class AgentView(msgspec.Struct, frozen=True):
    """An agent, what it has and what of that is used; MiB of `mem`."""

    id: str
    address: str
    total: dict[str, float]
    used: dict[str, float]
    tasks: list[TaskView]


class Standing(msgspec.Struct, frozen=True):
    """How a framework stands: tasks, dominant share and in which resource."""

    tasks: int
    share: float
    resource: str
    ended: int


class Sample(msgspec.Struct, frozen=True):
    """One look at the cluster, `at_s` after the start."""

    at_s: float
    agents: list[AgentView]
    standings: dict[str, Standing]
    recent: list[TaskView]
    """The latest tasks that have ended, the newest first."""


class Watch:
    """All samples so far, and since when the shares are what they should be."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self.master = ""
        self.samples: deque[Sample] = deque(maxlen=SAMPLES_MAX)
        self.settled_s: float | None = None
        """When they were found settled, in seconds after the start."""

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    def start(self, master: str) -> None:
        """The cluster is up."""
        self.master = master
        self._started = self._clock()

    def sample(self, state: dict[str, Any]) -> None:
        """Take in what the master's `/state` says now."""
        self.samples.append(read_state(state, self.elapsed_s))
        if self.settled_s is None and self._is_settled():
            self.settled_s = self.elapsed_s

    def mean_share(self, name: str, window_s: float = SETTLED_S) -> float:
        """Return a framework's dominant share, averaged over the last seconds."""
        shares = [sample.standings[name].share for sample in self.window(window_s)]
        return sum(shares) / len(shares) if shares else 0.0

    def window(self, window_s: float) -> list[Sample]:
        """Return the samples of the last seconds."""
        start = self.elapsed_s - window_s
        return [sample for sample in self.samples if sample.at_s >= start]

    def _is_settled(self) -> bool:
        """Most of the time the numbers are right, and on average the shares are.

        Not all of the time: tasks end, and their successors need a moment to start.
        """
        if self.elapsed_s < SETTLED_S:
            return False
        counts = Counter(
            tuple(sample.standings[name].tasks for name in FAIR) for sample in self.window(SETTLED_S)
        )
        if counts.most_common(1)[0][0] != tuple(FAIR.values()):
            return False
        return all(abs(self.mean_share(name) - FAIR_SHARE) <= TOLERANCE for name in FAIR)


def read_state(state: dict[str, Any], at_s: float) -> Sample:
    """Return what the demo needs of a master's `/state`."""
    agents = sorted(state["slaves"], key=lambda agent: (-agent["resources"]["mem"], agent["id"]))
    labels = {agent["id"]: agent["id"].rpartition("-")[2] for agent in agents}
    frameworks = {each["name"]: each for each in state["frameworks"] if each["name"] in SHAPES}
    running = [
        _task(task, name, labels) for name, framework in frameworks.items() for task in framework["tasks"]
    ]
    ended = [
        _task(task, name, labels)
        for name, framework in frameworks.items()
        for task in framework["completed_tasks"]
    ]
    total = {name: float(sum(agent["resources"][name] for agent in agents)) for name in RESOURCES}
    return Sample(
        at_s=at_s,
        agents=[_agent(agent, labels[agent["id"]], running) for agent in agents],
        standings={name: _standing(frameworks.get(name), total) for name in SHAPES},
        recent=sorted(ended, key=lambda task: -task.since),
    )


def _agent(agent: dict[str, Any], label: str, tasks: list[TaskView]) -> AgentView:
    return AgentView(
        id=label,
        address=agent["pid"].rpartition("@")[2],
        total={name: agent["resources"][name] for name in RESOURCES},
        used={name: agent["used_resources"].get(name, 0.0) for name in RESOURCES},
        tasks=[task for task in tasks if task.agent == label],
    )


def _task(task: dict[str, Any], framework: str, labels: dict[str, str]) -> TaskView:
    statuses = task.get("statuses") or [{}]
    return TaskView(
        id=task["id"],
        framework=framework,
        agent=labels.get(task["slave_id"], "-"),
        state=task["state"],
        since=statuses[-1].get("timestamp", 0.0),
    )


def _standing(framework: dict[str, Any] | None, total: dict[str, float]) -> Standing:
    if framework is None:
        return Standing(0, 0.0, "-", 0)
    used = framework["used_resources"]
    shares = {name: used.get(name, 0.0) / total[name] if total[name] else 0.0 for name in RESOURCES}
    resource = max(shares, key=lambda name: shares[name])
    ended = len(framework["completed_tasks"])
    return Standing(len(framework["tasks"]), shares[resource], resource if shares[resource] else "-", ended)
