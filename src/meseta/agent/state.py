"""What an agent knows: its configuration, and the frameworks, executors and tasks on it.

    State ── Framework ── Executor ── Task
      │                      │
      │                      └─ builtin: a hosted machine, or peer: a process of its own
      └─ containers, streams of updates, deadlines, operations

Everything is owned by `State`; handlers are functions that get it, change it, and add effects to its outbox.
Nothing points back up (a task names its executor by id), so that there are no reference cycles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from meseta.agent.counters import Counters
from meseta.agent.effects import AgentEffect, Checkpoint, CheckpointRecord, MasterMessage, SendToMaster
from meseta.agent.events import ExecutorPeer
from meseta.attributes import Attribute
from meseta.containers.isolators import DEFAULT_ISOLATION
from meseta.containers.life import Containers
from meseta.executors.command import CommandExecutor
from meseta.executors.pod import PodExecutor
from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, Pid, TaskId, new_uuid, new_uuid_text
from meseta.machine import Deadlines, Entropy
from meseta.records import (
    AgentInfo,
    Domain,
    ExecutorInfo,
    FrameworkInfo,
    OperationStatus,
    ResourceOperation,
    StatusUpdate,
    TaskGroupInfo,
    TaskInfo,
    TaskReason,
    TaskState,
    TaskStatus,
    is_terminal,
)
from meseta.resources import Resources
from meseta.updates import Streams

COMPLETED_FRAMEWORKS_MAX = 50
COMPLETED_TASKS_MAX = 200
MILLI = 1000.0
"""Scalars are kept in thousandths."""
STATUSES_MAX = 10
"""Statuses kept per task for display; the last is always the newest."""

CAPABILITIES = (
    "MULTI_ROLE",
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "RESOURCE_PROVIDER",
    "RESIZE_VOLUME",
    "AGENT_OPERATION_FEEDBACK",
    "AGENT_DRAINING",
    "TASK_RESOURCE_LIMITS",
)
"""What this agent can do, as it tells the master."""


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How an agent is set up. Names are those of Mesos's flags where there is one; times are seconds."""

    pid: Pid
    """Where it listens, such as `slave(1)@10.0.0.1:5051`."""
    hostname: str
    ip: str
    port: int
    resources: Resources
    work_dir: str
    attributes: tuple[Attribute, ...] = ()
    domain: Domain | None = None
    version: str = "1.12.0"
    capabilities: tuple[str, ...] = CAPABILITIES
    authenticate: bool = False
    """There is a credential: prove it to each master before registering."""
    registration_backoff_factor_s: float = 1.0
    executor_registration_timeout_s: float = 60.0
    executor_reregistration_timeout_s: float = 2.0
    executor_reregistration_retry_interval_s: float | None = None
    """How often v0 executors are asked again to come back after a restart; None: they are asked once."""
    executor_shutdown_grace_period_s: float = 5.0
    recovery_timeout_s: float = 900.0
    gc_delay_s: float = 7 * 24 * 3600.0
    gc_disk_headroom: float = 0.1
    disk_watch_interval_s: float = 60.0
    switch_user: bool = True
    isolation: tuple[str, ...] = DEFAULT_ISOLATION
    max_completed_executors_per_framework: int = 150
    http_command_executor: bool = False
    libprocess_ip: str | None = None
    """Value of LIBPROCESS_IP for executors; left out if None."""
    path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    """Value of PATH for executors and tasks."""
    executor_environment: tuple[tuple[str, str], ...] | None = None
    """The whole environment that executors start from, PATH included; None: PATH alone."""


class Phase(Enum):
    """Where the agent stands with the master."""

    RECOVERING = "recovering"
    DISCONNECTED = "disconnected"
    RUNNING = "running"
    TERMINATING = "terminating"


class ExecutorState(Enum):
    """Where an executor is in its life."""

    REGISTERING = "registering"
    RUNNING = "running"
    TERMINATING = "terminating"
    TERMINATED = "terminated"


class TaskPhase(Enum):
    """Where the agent stands with a task."""

    QUEUED = "queued"
    """Waits for its executor."""
    LAUNCHED = "launched"
    TERMINATED = "terminated"
    """Its end waits to be acknowledged."""


class Task:
    """A task that is not over, or whose end is not acknowledged."""

    __slots__ = (
        "container_id",
        "executor_id",
        "group",
        "info",
        "phase",
        "state",
        "statuses",
        "update_state",
        "update_uuid",
    )

    def __init__(self, info: TaskInfo, executor_id: ExecutorId, group: str | None = None) -> None:
        self.info = info
        self.executor_id = executor_id
        self.group = group
        """Name of the pod that it came in, the same for all tasks of that and for no others."""
        self.phase = TaskPhase.QUEUED
        self.state = TaskState.TASK_STAGING
        self.statuses: deque[TaskStatus] = deque(maxlen=STATUSES_MAX)
        self.update_state: TaskState | None = None
        """State of the newest update that was forwarded."""
        self.update_uuid: bytes | None = None
        self.container_id: ContainerId | None = None
        """Its own container, if it is not the executor's."""

    @property
    def over(self) -> bool:
        """Its state is terminal."""
        return is_terminal(self.state)


class Executor:
    """An executor and its tasks."""

    __slots__ = (
        "builtin",
        "command_task",
        "completed",
        "container_id",
        "directory",
        "ending",
        "former_pid",
        "groups",
        "info",
        "peer",
        "pid",
        "sent_task",
        "state",
        "tasks",
        "user",
    )

    def __init__(
        self, info: ExecutorInfo, container_id: ContainerId, directory: str, *, command_task: bool
    ) -> None:
        self.info = info
        self.container_id = container_id
        self.directory = directory
        """Its sandbox, relative to the work directory."""
        self.command_task = command_task
        """It was made for a task without an executor of its own."""
        self.user: str | None = None
        self.state = ExecutorState.REGISTERING
        self.builtin: CommandExecutor | PodExecutor | None = None
        self.peer: ExecutorPeer | None = None
        self.former_pid: Pid | None = None
        """Where a v0 executor listened before the agent was restarted."""
        self.pid: int | None = None
        """Its first process."""
        self.sent_task = False
        self.tasks: dict[TaskId, Task] = {}
        self.groups: list[TaskGroupInfo] = []
        """Pods that wait for the executor; their tasks are among `tasks`."""
        self.completed: deque[Task] = deque(maxlen=COMPLETED_TASKS_MAX)
        self.ending: Ending | None = None
        """Why the agent itself ended it, for the last updates of its tasks."""

    @property
    def id(self) -> ExecutorId:
        """Its id."""
        return self.info.executor_id

    def queued(self) -> Iterator[Task]:
        """Tasks that wait for the executor, in order."""
        return (task for task in self.tasks.values() if task.phase is TaskPhase.QUEUED)

    def allocated(self) -> Resources:
        """What it and its unfinished tasks hold."""
        total = self.info.resources
        for task in self.tasks.values():
            if not task.over:
                total = total + task.info.resources
        return total

    def limits(self) -> tuple[tuple[str, float], ...]:
        """How far it may burst: for each resource that a task has a limit of, limits where there are any and
        requests where not (Mesos: `computeExecutorLimits`)."""
        unfinished = [task.info for task in self.tasks.values() if not task.over]
        names = sorted({name for info in unfinished for name, _ in info.limits})
        return tuple(
            (
                name,
                self.info.resources.scalar(name) / MILLI
                + sum(
                    dict(info.limits).get(name, info.resources.scalar(name) / MILLI) for info in unfinished
                ),
            )
            for name in names
        )


class Framework:
    """A framework with something on this agent."""

    __slots__ = ("completed", "executors", "info", "pid", "task_executors", "terminating")

    def __init__(self, info: FrameworkInfo, pid: Pid | None, *, completed_max: int) -> None:
        self.info = info
        self.pid = pid
        """None for frameworks on HTTP."""
        self.terminating = False
        self.executors: dict[ExecutorId, Executor] = {}
        self.task_executors: dict[TaskId, ExecutorId] = {}
        self.completed: deque[Executor] = deque(maxlen=completed_max)

    @property
    def id(self) -> FrameworkId:
        """Its id, which the master has filled in."""
        assert self.info.id is not None
        return self.info.id

    def executor_of(self, task_id: TaskId) -> Executor | None:
        """The executor that has a task."""
        executor_id = self.task_executors.get(task_id)
        return None if executor_id is None else self.executors.get(executor_id)


class Ending(NamedTuple):
    """How the tasks of an executor that is gone are to end."""

    reason: TaskReason | None
    message: str | None


class Operation:
    """An operation on the agent's resources whose status is not acknowledged."""

    __slots__ = ("framework_id", "operation", "status", "uuid")

    def __init__(
        self,
        uuid: bytes,
        operation: ResourceOperation,
        framework_id: FrameworkId | None,
        status: OperationStatus,
    ) -> None:
        self.uuid = uuid
        self.operation = operation
        self.framework_id = framework_id
        self.status = status


class Owner(NamedTuple):
    """Whose container it is: an executor's, or that of a task nested in it."""

    framework_id: FrameworkId
    executor_id: ExecutorId


class Guest:
    """A nested or standalone container that was asked for through the API."""

    __slots__ = ("ended", "launching", "wait_status", "waits")

    def __init__(self, launching: int) -> None:
        self.launching: int | None = launching
        """The request that is answered when it runs."""
        self.waits: list[int] = []
        """Requests that are answered when it is over."""
        self.ended = False
        self.wait_status: int | None = None


class PendingUpdate(NamedTuple):
    """An update that is being written, and what follows when it is."""

    update: StatusUpdate
    peer: ExecutorPeer | None
    executor_id: ExecutorId | None


class Draining(NamedTuple):
    """The agent is being emptied."""

    max_grace_period_s: float | None
    mark_gone: bool
    since: float


def _paused() -> Streams[Any, Any]:
    """Return streams of updates to a master that is not known yet."""
    return Streams(paused=True)


@dataclass(slots=True, eq=False)
class State:
    """All that an agent knows. `out` collects the effects of the event at hand."""

    config: AgentConfig
    entropy: Entropy
    out: list[AgentEffect] = field(default_factory=list)
    deadlines: Deadlines = field(default_factory=Deadlines)
    counters: Counters = field(default_factory=Counters)
    now: float = 0.0
    """Time of the event at hand."""
    phase: Phase = Phase.RECOVERING
    started_at: float = 0.0
    registered_at: float | None = None

    id: AgentId | None = None
    total: Resources = field(init=False)
    """Its resources after all operations."""
    registered_totals: list[Resources] = field(default_factory=list)
    """What they were when it asked to be taken back, since it knew for certain what was taken over."""
    resource_version: bytes = field(init=False)
    master: Pid | None = None
    linked: bool = False
    """Whether a link to the master was asked for and is not known to be broken."""
    registrations: list[bytes] = field(default_factory=list)
    """Requests over that link that the master may still answer; before those, the one that it answered."""
    answer_missed: bool = False
    """Whether it may have been admitted without hearing of it."""
    ping_timeout_s: float = 75.0
    registration_range_s: float = 0.0
    authenticated: bool = False
    authentication_range_s: float = 0.0
    draining: Draining | None = None
    disk_used: float = 0.0

    frameworks: dict[FrameworkId, Framework] = field(default_factory=dict)
    completed_frameworks: dict[FrameworkId, Framework] = field(default_factory=dict)
    containers: Containers = field(init=False)
    owners: dict[ContainerId, Owner] = field(default_factory=dict)
    streams: dict[int, Owner] = field(default_factory=dict)
    """Executors by event stream."""
    pids: dict[Pid, Owner] = field(default_factory=dict)
    """Executors by libprocess pid."""
    guests: dict[ContainerId, Guest] = field(default_factory=dict)
    """Containers that executors and operators have launched through the API."""
    checks: dict[int, ContainerId] = field(default_factory=dict)
    next_check: int = 0
    finished: list[Owner] = field(default_factory=list)
    """Built-in executors that said that they are done; seen to when the event at hand is."""

    updates: Streams[tuple[FrameworkId, TaskId], StatusUpdate] = field(default_factory=_paused)
    reported_ends: dict[tuple[FrameworkId, TaskId], None] = field(default_factory=dict)
    """Tasks that the master was told of as ended, since it took this agent back last."""
    operations: dict[bytes, Operation] = field(default_factory=dict)
    operation_updates: Streams[bytes, Operation] = field(default_factory=_paused)
    writing: dict[int, PendingUpdate] = field(default_factory=dict)
    """Updates by the ticket of their checkpoint."""
    writing_operations: dict[int, Operation] = field(default_factory=dict)
    """Operations by the ticket of the checkpoint that tells of their end."""
    next_ticket: int = 0

    garbage: dict[str, float] = field(default_factory=dict)
    """Paths to delete, relative to the work directory, by the time since which they are unused."""
    collected: int = 0
    """How many paths were deleted so."""
    exit_message: str = ""
    exited: bool = False

    def __post_init__(self) -> None:
        self.total = self.config.resources
        self.resource_version = new_uuid(self.entropy)
        self.containers = Containers(self.out_append)

    def out_append(self, effect: AgentEffect) -> None:
        """Ask for `effect`, after those asked for before."""
        self.out.append(effect)

    def send_master(self, message: MasterMessage) -> None:
        """Send to the leading master; without one the message is lost, as it would be on the way."""
        if self.master is not None:
            self.out.append(SendToMaster(master=self.master, message=message))

    def checkpoint(self, path: str, record: CheckpointRecord, ticket: int | None = None) -> None:
        """Ask for a write."""
        self.out.append(Checkpoint(path=path, record=record, ticket=ticket))

    def new_container_id(self) -> ContainerId:
        """Return a fresh id."""
        return ContainerId(new_uuid_text(self.entropy))

    def executor(self, framework_id: FrameworkId, executor_id: ExecutorId) -> Executor | None:
        """Return an executor that is not completed."""
        framework = self.frameworks.get(framework_id)
        return None if framework is None else framework.executors.get(executor_id)

    def run_of(self, container_id: ContainerId) -> tuple[Framework, Executor] | None:
        """Return the executor whose present run a container belongs to; None for an earlier run's."""
        owner = self.owners.get(container_id)
        framework = None if owner is None else self.frameworks.get(owner.framework_id)
        executor = None if framework is None or owner is None else framework.executors.get(owner.executor_id)
        if framework is None or executor is None:
            return None
        same_run = executor.container_id == container_id.partition(".")[0]
        return (framework, executor) if same_run else None

    def info(self) -> AgentInfo:
        """Describe the agent."""
        config = self.config
        return AgentInfo(
            id=self.id,
            hostname=config.hostname,
            port=config.port,
            resources=config.resources,
            attributes=config.attributes,
            domain=config.domain,
        )

    def agent_id(self) -> AgentId:
        """Return the agent's id; it must have one."""
        assert self.id is not None, "the agent is not registered"
        return self.id
