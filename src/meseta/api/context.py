"""What the operator endpoints of a daemon need to know; the composition root puts it together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from meseta.agent.events import AgentEvent
from meseta.agent.state import State as AgentState
from meseta.api.replies import Replies
from meseta.api.verbosity import Later, Verbosity
from meseta.ids import ContainerId
from meseta.master.events import MasterEvent
from meseta.master.state import State as MasterState
from meseta.runtime.files import VirtualFiles
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.scheduler_events import SchedulerEvents

Metrics = Callable[[], Mapping[str, float]]


@dataclass(slots=True, kw_only=True)
class DaemonContext:
    """What master and agent have in common. Times are seconds since the epoch."""

    version: m.VersionInfo
    """`api.build.this_build()`."""
    flags: Mapping[str, str]
    """The values in force, as text, by Mesos's names; flags without a value are left out."""
    files: VirtualFiles
    verbosity: Verbosity
    clock: Callable[[], float]
    """Seconds since the epoch."""
    start_time: float
    metrics: tuple[Metrics, ...] = ()
    """More metrics than those that follow from the state: of the allocator, the registry, the fetcher …"""


@dataclass(slots=True, kw_only=True)
class MasterContext(DaemonContext):
    """What the master's endpoints need."""

    state: MasterState
    feed: Callable[[MasterEvent], None]
    replies: Replies
    info: m.MasterInfo
    offers: SchedulerEvents
    """Shows offers."""
    later: Later
    elected_time: float
    leader: Callable[[], m.MasterInfo | None]
    """Who leads, None if nobody is known to. Requests to a master that does not are redirected."""
    has_recovered: bool = True
    """Whether the registry was read: a master is elected first."""
    subscribers_max: int = 1000
    heartbeat_interval_s: float = 15.0


@dataclass(slots=True, kw_only=True)
class AgentContext(DaemonContext):
    """What the agent's endpoints need."""

    state: AgentState
    feed: Callable[[AgentEvent], None]
    statistics: Callable[[Collection[ContainerId]], Mapping[ContainerId, Mapping[str, float | int]]]
    """Measures containers: fields of ResourceStatistics, for those that could be measured."""
    master_hostname: Callable[[], str | None]
    """The host name of the master that the agent knows, if any."""
