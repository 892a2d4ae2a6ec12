"""What a master is told at its start: the flags that change what it decides, with Mesos's defaults."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meseta.allocator.victims import VictimPolicy, least_work
from meseta.ids import MasterId, Pid
from meseta.records import Domain


class RevocationTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How tasks are ended so that roles get what is guaranteed to them. Durations are seconds."""

    check_interval_s: float = 5.0
    """How often guarantees are looked after; what is missing twice in a row is made free."""
    grace_s: float = 30.0
    """How long frameworks have to end tasks, from when they are told to the kill."""
    policy: VictimPolicy = least_work
    policy_name: str = "least_work"
    victims_max: int = 100
    """How many victims a role can have at a time; a task is one, or a pod."""


class MasterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a master. Durations are seconds."""

    id: MasterId
    """A UUID in text form, new for every start of a master."""
    pid: Pid
    hostname: str
    domain: Domain | None = None
    require_agent_domain: bool = False
    root_submissions: bool = True
    roles: frozenset[str] | None = None
    """The only roles that frameworks may have; None: any."""
    weights: Mapping[str, float] = {}
    """Of roles, until an operator changes some at run time."""
    agent_ping_timeout_s: float = 15.0
    agent_ping_timeouts_max: int = 5
    """So many pings in a row without an answer make an agent unreachable."""
    agent_reregister_timeout_s: float = 600.0
    agent_removal_interval_s: float | None = None
    """Agents are given up for unreachable one by one, so far apart at least; None: without a limit."""
    recovery_agent_removal_limit: float = 1.0
    """Share of the registry's agents that may be given up after a failover; rather than more, end."""
    offer_timeout_s: float | None = None
    """An offer that is not answered for so long is rescinded; None: never."""
    revocation: RevocationTerms | None = None
    """None: guarantees keep free what is free, and no task is ended for them."""
    heartbeat_interval_s: float = 15.0
    standbys_max: int = 8
    """Schedulers that may stand by for one framework."""
    standby_takeover_timeout_s: float = 0.8
    """How soon a standby has the framework of a scheduler whose machine acknowledges nothing any more."""
    completed_frameworks_max: int = 50
    completed_tasks_max: int = 1000
    """Per framework."""
    unreachable_tasks_max: int = 1000
    """Per framework."""
    offers_max: int = 50_000
    """Outstanding offers per framework; what is allocated beyond goes back with a default filter."""
    past_agents_max: int = 102_400
    """How many agents that are unreachable, gone or have left are remembered, of each kind."""
    past_agents_max_s: float = 2 * 7 * 24 * 3600.0
    """For how long unreachable and gone agents are remembered."""
    forgetting_interval_s: float = 900.0
    """How often the registry is rid of agents that are to be remembered no more."""
    allocation_agents_max: int = 1000
    """How many agents one tick may look at to make offers."""
    statuses_max: int = 16
    """Statuses kept per task, newest last."""
    status_bytes_max: int = 8192
    """A status whose opaque part is longer than this is kept without it."""

    @property
    def ping_timeout_s(self) -> float:
        """How long an agent waits for a ping before it registers again."""
        return self.agent_ping_timeout_s * self.agent_ping_timeouts_max
