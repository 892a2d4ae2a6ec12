"""Disks: what is written takes a while, lands in order, and is lost in a crash until it has landed.

A write that was under way when its process died may have landed or not, and nobody was told: what survives
is a prefix of what was asked for.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from meseta.agent import paths
from meseta.agent.effects import (
    AgentCheckpoint,
    Checkpoint,
    DrainCheckpoint,
    ExecutorCheckpoint,
    FrameworkCheckpoint,
    OperationReport,
    RemovePath,
    ResourcesCheckpoint,
    TaskCheckpoint,
    TextCheckpoint,
    UpdateCheckpoint,
)
from meseta.agent.events import Recovered as AgentRecovered
from meseta.agent.events import (
    RecoveredContainer,
    RecoveredDraining,
    RecoveredExecutor,
    RecoveredFramework,
    RecoveredOperation,
    RecoveredTask,
)
from meseta.allocator.quota import Quota
from meseta.ids import NO_PID, AgentId, ContainerId, Pid
from meseta.master.quota import apply_quotas
from meseta.master.registry import (
    AdmitAgent,
    Deactivate,
    Deactivation,
    ForgetAgents,
    MarkGone,
    MarkReachable,
    MarkUnreachable,
    Mutation,
    Reactivate,
    Recovered,
    RemoveAgent,
    UpdateAgentInfo,
    UpdateMaintenance,
    UpdateQuota,
    UpdateWeights,
)
from meseta.records import NO_MAINTENANCE, AgentInfo, TaskStatus
from meseta.sim.world import World

AWAY_S = 0.1
"""How often it is tried whether a store can be reached again."""


class Latency(NamedTuple):
    """How long a write takes: a mean, and now and then much longer."""

    mean_s: float = 0.001
    slow: float = 0.0
    """Likelihood of a write of up to `slow_s`."""
    slow_s: float = 0.0

    def draw(self, chance: random.Random) -> float:
        """Draw the time of one write."""
        if self.slow and chance.random() < self.slow:
            return chance.random() * self.slow_s
        return self.mean_s * chance.random() * 2


class Disk:
    """Writes in order. `apply` makes one durable; `done` is told of those that the process waits for.

    `is_away` tells whether a store cannot be reached at the moment; what is asked of it waits.
    """

    def __init__(
        self,
        world: World,
        latency: Latency,
        chance: random.Random,
        is_away: Callable[[], bool] = lambda: False,
    ) -> None:
        self._world = world
        self._chance = chance
        self._queue: deque[tuple[Callable[[], None], Callable[[], None] | None]] = deque()
        self._life = 0
        self._last = 0.0
        self._is_away = is_away
        self.latency = latency

    def write(self, apply: Callable[[], None], done: Callable[[], None] | None) -> None:
        """Ask for a write."""
        self._queue.append((apply, done))
        self._last = max(self._last, self._world.now + self.latency.draw(self._chance))
        self._world.at(self._last, partial(self._land, self._life))

    def stall(self, length_s: float) -> None:
        """Let what is written from now on wait."""
        self._last = max(self._last, self._world.now + length_s)

    def crash(self, late_s: float = 0.0) -> None:
        """Lose what has not landed, but for a part that nobody knows of, which lands within `late_s`."""
        survives = [self._queue.popleft()[0] for _ in range(self._chance.randint(0, len(self._queue)))]
        self._queue.clear()
        if late_s:
            self._world.after(self._chance.random() * late_s, partial(_land_all, survives))
        else:
            _land_all(survives)
        self._life += 1

    def _land(self, life: int) -> None:
        if life != self._life:
            return
        if self._is_away():
            self._world.after(AWAY_S, partial(self._land, life))
        else:
            apply, done = self._queue.popleft()
            apply()
            if done is not None:
                done()


def _land_all(writes: list[Callable[[], None]]) -> None:
    for apply in writes:
        apply()


class Registry:
    """What a master's registry holds."""

    def __init__(self) -> None:
        self.agents: dict[AgentId, AgentInfo] = {}
        self.unreachable: dict[AgentId, float] = {}
        self.gone: dict[AgentId, float] = {}
        self.deactivated: dict[AgentId, Deactivation] = {}
        self.schedule = NO_MAINTENANCE
        self.quotas: dict[str, Quota] = {}
        self.weights: dict[str, float] = {}

    def apply(self, mutation: Mutation) -> None:
        """Make one mutation durable."""
        match mutation:
            case AdmitAgent(info) | UpdateAgentInfo(info) | MarkReachable(info):
                assert info.id is not None, "the registry holds agents with their ids"
                self.unreachable.pop(info.id, None)
                self.agents[info.id] = info
            case MarkUnreachable(agent_id, since):
                self.agents.pop(agent_id, None)
                self.unreachable[agent_id] = since
            case MarkGone(agent_id, since):
                self._forget(agent_id)
                self.gone[agent_id] = since
            case RemoveAgent(agent_id):
                self._forget(agent_id)
            case ForgetAgents(agent_ids):
                for agent_id in agent_ids:
                    self._forget(agent_id)
            case Deactivate(agent_id, deactivation):
                self.deactivated[agent_id] = deactivation
            case Reactivate(agent_id):
                self.deactivated.pop(agent_id, None)
            case UpdateMaintenance(schedule):
                self.schedule = schedule
            case UpdateQuota(quotas):
                apply_quotas(self.quotas, dict(quotas))
            case UpdateWeights(weights):
                self.weights = dict(weights)

    def _forget(self, agent_id: AgentId) -> None:
        self.agents.pop(agent_id, None)
        self.unreachable.pop(agent_id, None)
        self.gone.pop(agent_id, None)
        self.deactivated.pop(agent_id, None)

    def recovered(self) -> Recovered:
        """Return what a new master finds."""
        return Recovered(
            agents=tuple(self.agents.values()),
            unreachable=tuple(self.unreachable.items()),
            gone=tuple(self.gone.items()),
            deactivated=tuple(self.deactivated.items()),
            schedule=self.schedule,
            quotas=tuple(self.quotas.items()),
            weights=tuple(self.weights.items()),
        )


class _Directory(dict[str, Any]):
    """Names to directories, records, or lists of records; oldest first."""


class WorkDirectory:
    """The meta directory of one agent, in the layout of `agent.paths`, with records for files."""

    def __init__(self) -> None:
        self._root = _Directory()
        self._latest: str | None = None
        self._latest_runs: dict[str, str] = {}

    def apply(self, effect: Checkpoint | RemovePath) -> None:
        """Make one write or removal durable."""
        if isinstance(effect, RemovePath):
            self._remove(effect.path)
            return
        *directories, name = effect.path.split("/")
        directory = self._make(directories)
        if isinstance(effect.record, UpdateCheckpoint):
            directory.setdefault(name, []).append(effect.record)
        else:
            directory[name] = effect.record
        if isinstance(effect.record, AgentCheckpoint):
            self._latest = "/".join(directories)

    def forget_agent(self) -> None:
        """Remove `latest`."""
        self._latest = None

    def recovered(self, containers: tuple[RecoveredContainer, ...]) -> AgentRecovered:
        """Return what a new process of the agent finds, as `runtime.agent_recovery` does."""
        agent = self._find(self._latest)
        resources = self._resources()
        total = None if resources is None else resources.total
        if agent is None or "slave.info" not in agent:
            return AgentRecovered(total=total, containers=containers)
        frameworks = agent.get("frameworks", {})
        return AgentRecovered(
            agent_id=agent["slave.info"].agent.id,
            total=total,
            operations=() if resources is None else tuple(map(_operation, resources.operations)),
            frameworks=tuple(
                self._framework(f"{self._latest}/frameworks/{name}", framework)
                for name, framework in frameworks.items()
                if "framework.info" in framework
            ),
            draining=_draining(agent.get("drain.config")),
            containers=containers,
        )

    def _resources(self) -> ResourcesCheckpoint | None:
        parent, _, name = paths.RESOURCES_STATE.rpartition("/")
        record: ResourcesCheckpoint | None = (self._find(parent) or _Directory()).get(name)
        return record

    def _framework(self, path: str, directory: _Directory) -> RecoveredFramework:
        info: FrameworkCheckpoint = directory["framework.info"]
        pid: TextCheckpoint = directory.get("framework.pid", TextCheckpoint(NO_PID))
        executors = directory.get("executors", {})
        return RecoveredFramework(
            info=info.framework,
            pid=None if pid.text == NO_PID else Pid(pid.text),
            executors=tuple(
                self._executor(executor, self._latest_runs[run])
                for name, executor in executors.items()
                if "executor.info" in executor and (run := f"{path}/executors/{name}") in self._latest_runs
            ),
        )

    def _executor(self, directory: _Directory, latest: str) -> RecoveredExecutor:
        info: ExecutorCheckpoint = directory["executor.info"]
        run = directory.get("runs", {}).get(latest, {})
        pid: TextCheckpoint | None = run.get("pids", {}).get("libprocess.pid")
        return RecoveredExecutor(
            info=info.executor,
            container_id=ContainerId(latest),
            command_task=info.command_task,
            pid=None if pid is None else Pid(pid.text),
            http="http.marker" in run,
            completed="executor.sentinel" in run,
            tasks=tuple(_task(task) for task in run.get("tasks", {}).values() if "task.info" in task),
        )

    def _make(self, names: list[str]) -> _Directory:
        directory = self._root
        for depth, name in enumerate(names):
            if name not in directory:
                directory[name] = _Directory()
                if depth and names[depth - 1] == "runs":
                    self._latest_runs["/".join(names[: depth - 1])] = name
            directory = directory[name]
        return directory

    def _find(self, path: str | None) -> _Directory | None:
        directory: Any = self._root
        for name in () if path is None else path.split("/"):
            directory = directory.get(name)
            if not isinstance(directory, _Directory):
                return None
        return None if path is None else directory

    def _remove(self, path: str) -> None:
        parent, _, name = path.rpartition("/")
        directory = self._find(parent)
        if directory is not None:
            directory.pop(name, None)


def _operation(report: OperationReport) -> RecoveredOperation:
    return RecoveredOperation(
        operation_uuid=report.operation_uuid,
        operation=report.operation,
        status=report.latest_status,
        framework_id=report.framework_id,
    )


def _task(directory: _Directory) -> RecoveredTask:
    info: TaskCheckpoint = directory["task.info"]
    log: list[UpdateCheckpoint] = directory.get("task.updates", [])
    return RecoveredTask(
        info=info.report.info,
        updates=tuple(_status(record) for record in log if record.update is not None),
        acknowledged=tuple(record.acknowledged for record in log if record.acknowledged is not None),
        group=info.group,
    )


def _status(record: UpdateCheckpoint) -> TaskStatus:
    assert record.update is not None
    return record.update.status


def _draining(record: DrainCheckpoint | None) -> RecoveredDraining | None:
    return None if record is None else RecoveredDraining(record.max_grace_period_s, record.mark_gone)
