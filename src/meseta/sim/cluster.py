"""The processes of one run, put together from its plan."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from meseta.agent.state import AgentConfig
from meseta.allocator.allocator import AllocatorOptions
from meseta.ids import Pid
from meseta.master.config import RevocationTerms
from meseta.master.events import MasterEvent, Peer, RequestId
from meseta.master.state import State
from meseta.records import FrameworkInfo
from meseta.resources import Resources
from meseta.sim.agent_node import AgentNode
from meseta.sim.clock import Clock
from meseta.sim.coordination import ADDRESS, Coordination
from meseta.sim.disk import Disk
from meseta.sim.driver_node import DriverNode, SchedulerProcess
from meseta.sim.master_node import EPOCH_S, MasterNode
from meseta.sim.master_process import MasterProcess, leading
from meseta.sim.network import Network, ip_of
from meseta.sim.node import Observer
from meseta.sim.plan import Plan
from meseta.sim.scheduler_node import SchedulerNode
from meseta.sim.seats import Seat
from meseta.sim.temper import Temper
from meseta.sim.terms import SharedRegistry
from meseta.sim.workload import Framework
from meseta.sim.world import World

MASTERS = ("10.0.0.1:5050", "10.0.0.2:5050", "10.0.0.3:5050")
"""Where the masters are: the first of them, as many as there are."""
START_WITHIN_S = 1.0
MASTER_UPTIME_S = 1000.0
"""What a master's monotonic clock shows when the run begins."""


class Cluster:
    """Master, agents and frameworks of one run."""

    def __init__(self, plan: Plan, world: World, observers: list[Observer]) -> None:
        self.plan = plan
        self.world = world
        self.network = Network(world, plan.weather)
        self._observers = observers
        self._chance = world.chance("cluster")
        self.registry = SharedRegistry()
        several = plan.masters > 1
        self.service = Coordination(self.network, plan.session_s) if several else None
        """What the masters elect their leader with, if there are several."""
        self.masters = [self._make_process(address) for address in MASTERS[: plan.masters]]
        self.agents = [self._make_agent(number, total) for number, total in enumerate(plan.agents)]
        self.frameworks = [
            Framework(world, f"framework-{number}", temper, partial(self._make_scheduler, number))
            for number, temper in enumerate(plan.frameworks)
        ]
        self.schedulers: list[SchedulerProcess] = []
        """All processes of schedulers that were ever started."""

    def start(self) -> None:
        """Start everything within a second, the masters first."""
        for master in self.masters:
            master.start()
        for agent in self.agents:
            self.world.after(self._chance.random() * START_WITHIN_S, agent.start)
        for framework in self.frameworks:
            self.world.after(self._chance.random() * START_WITHIN_S, framework.start)

    @property
    def leader(self) -> MasterNode | None:
        """The master that leads, if one does."""
        return leading(self.masters)

    @property
    def state(self) -> State | None:
        """What the master knows that leads, if one does and has read the registry."""
        machine = None if self.leader is None else self.leader.machine
        return None if machine is None else machine.state

    def operate(self, make: Callable[[RequestId], MasterEvent]) -> None:
        """Ask the master that leads for something, as an operator does; if none does, nobody hears it."""
        if self.leader is not None and self.leader.machine is not None:
            self.leader.operate(make)

    def tidy(self) -> None:
        """Do what an operator does about frameworks that no scheduler will ever come back for."""
        claimed = {framework.framework_id for framework in self.frameworks}
        leader = self.leader
        if leader is not None and leader.machine is not None:
            for framework in list(leader.machine.state.frameworks.values()):
                if framework.id not in claimed and not self._is_served(framework.peer):
                    leader.tear_down(framework.id)

    def _is_served(self, peer: Peer | None) -> bool:
        """Tell whether a scheduler runs that was last known at `peer`: masters may miss a driver's end."""
        if isinstance(peer, str):
            return self.network.hosts[peer.rpartition("@")[2]].up
        return peer is not None and self.state is not None and peer in self.state.peers

    # ── parts ─────────────────────────────────────────────────────────────────────────────────────────

    def _clock(self, name: str, offset_s: float) -> Clock:
        chance, plan = self.world.chance(f"clock/{name}"), self.plan
        rate = 1.0 + chance.uniform(-plan.clock_drift, plan.clock_drift)
        return Clock(self.world, offset_s + chance.uniform(0, plan.clock_skew_s), rate)

    def _make_process(self, address: str) -> MasterProcess:
        name = f"master-{MASTERS.index(address) + 1}"
        clock = self._clock(name, MASTER_UPTIME_S)
        chance = self.world.chance(f"{name}/registry")
        return MasterProcess(
            self.network,
            name,
            address,
            clock,
            self._observers,
            make=partial(self._make_master, name, address, clock),
            registry=self.registry,
            disk=Disk(self.world, self.plan.disk, chance, is_away=partial(self._is_cut_off, ip_of(address))),
            service=self.service,
        )

    def _make_master(
        self,
        name: str,
        address: str,
        clock: Clock,
        *,
        disk: Disk,
        may_serve: Callable[[], bool],
        leave: Callable[[str], None],
    ) -> MasterNode:
        plan = self.plan
        return MasterNode(
            self.network,
            name,
            address,
            clock,
            self._observers,
            settings=plan.master | {"revocation": _revocation(plan)},
            options=AllocatorOptions(**plan.allocator),
            weights=plan.weights,
            registry=self.registry,
            disk=disk,
            epoch_offset_s=EPOCH_S - MASTER_UPTIME_S,
            may_serve=may_serve,
            leave=leave,
        )

    def _is_cut_off(self, master: str) -> bool:
        """Tell whether a master cannot reach the registry, which several masters have at the service."""
        service = ip_of(ADDRESS)
        blocked = self.network.is_blocked
        return self.service is not None and (blocked((master, service)) or blocked((service, master)))

    def _make_agent(self, number: int, total: Resources) -> AgentNode:
        name = f"agent-{number}"
        ip = f"10.1.{number // 250}.{number % 250 + 1}"
        config = AgentConfig(
            pid=Pid(f"slave(1)@{ip}:5051"),
            hostname=name,
            ip=ip,
            port=5051,
            resources=total,
            work_dir="/var/lib/meseta",
            **self.plan.agent,
        )
        return AgentNode(
            self.network,
            config,
            name,
            self._clock(name, EPOCH_S),
            self._observers,
            speed=self.plan.speed,
            disk=Disk(self.world, self.plan.disk, self.world.chance(f"{name}/disk")),
            master=Pid(f"master@{MASTERS[0]}"),
            service=self.service,
        )

    def _make_scheduler(
        self,
        number: int,
        framework: Framework,
        seat: Seat,
        info: FrameworkInfo,
        suppressed: tuple[str, ...],
        *,
        standby: bool,
    ) -> SchedulerProcess:
        port = 40_000 + framework.processes
        network = 3 if standby and framework.processes % 2 == 0 else 2  # a standby is elsewhere, mostly
        address = f"10.{network}.{number // 250}.{number % 250 + 1}:{port}"
        make = self._driver(framework.temper) if framework.temper.driver else self._session(standby)
        scheduler = make(
            self.network,
            framework.name,
            address,
            self._clock(framework.name, 0.0),
            self._observers,
            info=info,
            application=seat,
            suppressed_roles=suppressed,
        )
        self.schedulers.append(scheduler)
        return scheduler

    def _session(self, standby: bool) -> Callable[..., SchedulerProcess]:
        return partial(SchedulerNode, masters=MASTERS[: self.plan.masters], standby=standby)

    def _driver(self, temper: Temper) -> Callable[..., SchedulerProcess]:
        return partial(
            DriverNode,
            master=Pid(f"master@{MASTERS[0]}"),
            service=self.service,
            heeds_exits=temper.heeds_exits,
            is_implicit=not temper.acknowledge_s,
        )


def _revocation(plan: Plan) -> RevocationTerms | None:
    if not plan.revocation_s:
        return None
    return RevocationTerms(check_interval_s=0.5, grace_s=plan.revocation_s, victims_max=5)
