"""The processes of one run, put together from its plan."""

from __future__ import annotations

from functools import partial

from meseta.agent.state import AgentConfig
from meseta.allocator.allocator import AllocatorOptions
from meseta.ids import Pid
from meseta.records import FrameworkInfo
from meseta.resources import Resources
from meseta.sim.agent_node import AgentNode
from meseta.sim.clock import Clock
from meseta.sim.disk import Disk, Registry
from meseta.sim.master_node import EPOCH_S, MasterNode
from meseta.sim.network import Network
from meseta.sim.node import Observer
from meseta.sim.plan import Plan
from meseta.sim.scheduler_node import SchedulerNode
from meseta.sim.workload import Framework, Seat
from meseta.sim.world import World

MASTERS = ("10.0.0.1:5050", "10.0.0.2:5050")
"""Where the master may be; one at a time leads, and no other one runs."""
START_WITHIN_S = 1.0
MASTER_UPTIME_S = 1000.0
"""What a master's monotonic clock shows when the run begins."""
DETECTION_S = 2.0
"""How long it takes at most until an agent knows of a new leader."""


class Cluster:
    """Master, agents and frameworks of one run."""

    def __init__(self, plan: Plan, world: World, observers: list[Observer]) -> None:
        self.plan = plan
        self.world = world
        self.network = Network(world, plan.weather)
        self._observers = observers
        self._chance = world.chance("cluster")
        self._registry = Registry()
        self._registry_disk = Disk(world, plan.disk, world.chance("registry"))
        self.masters = [self._make_master(address) for address in MASTERS]
        self.leader = self.masters[0]
        """Who leads, or will when it is up again."""
        self.agents = [self._make_agent(number, total) for number, total in enumerate(plan.agents)]
        self.frameworks = [
            Framework(world, f"framework-{number}", temper, partial(self._make_scheduler, number))
            for number, temper in enumerate(plan.frameworks)
        ]
        self.schedulers: list[SchedulerNode] = []
        """All processes of schedulers that were ever started."""

    def start(self) -> None:
        """Start everything within a second, the master first."""
        self.leader.start()
        for agent in self.agents:
            self.world.after(self._chance.random() * START_WITHIN_S, agent.start)
        for framework in self.frameworks:
            self.world.after(self._chance.random() * START_WITHIN_S, framework.start)

    def elect(self, master: MasterNode) -> None:
        """Let another master lead once it starts, and agents detect it in their time."""
        moved = master is not self.leader
        self.leader = master
        master.start()
        if moved:
            for agent in self.agents:
                self.world.after(self._chance.random() * DETECTION_S, partial(self._detect, agent))

    def tidy(self) -> None:
        """Do what an operator does about frameworks that no scheduler will ever come back for."""
        claimed = {framework.framework_id for framework in self.frameworks}
        if self.leader.machine is not None:
            for framework in list(self.leader.machine.state.frameworks.values()):
                if framework.id not in claimed and not framework.connected:
                    self.leader.tear_down(framework.id)

    def _detect(self, agent: AgentNode) -> None:
        agent.detect(self.leader.pid)

    # ── parts ─────────────────────────────────────────────────────────────────────────────────────────

    def _clock(self, name: str, offset_s: float) -> Clock:
        chance, plan = self.world.chance(f"clock/{name}"), self.plan
        rate = 1.0 + chance.uniform(-plan.clock_drift, plan.clock_drift)
        return Clock(self.world, offset_s + chance.uniform(0, plan.clock_skew_s), rate)

    def _make_master(self, address: str) -> MasterNode:
        name = f"master-{MASTERS.index(address) + 1}"
        plan = self.plan
        return MasterNode(
            self.network,
            name,
            address,
            self._clock(name, MASTER_UPTIME_S),
            self._observers,
            settings=plan.master,
            options=AllocatorOptions(**plan.allocator),
            weights=plan.weights,
            registry=self._registry,
            disk=self._registry_disk,
            epoch_offset_s=EPOCH_S - MASTER_UPTIME_S,
        )

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
        )
        return AgentNode(
            self.network,
            config,
            name,
            self._clock(name, EPOCH_S),
            self._observers,
            speed=self.plan.speed,
            disk=Disk(self.world, self.plan.disk, self.world.chance(f"{name}/disk")),
            detect=lambda: self.leader.pid,
        )

    def _make_scheduler(
        self, number: int, framework: Framework, seat: Seat, info: FrameworkInfo, suppressed: tuple[str, ...]
    ) -> SchedulerNode:
        address = f"10.2.{number // 250}.{number % 250 + 1}:{40_000 + framework.lives}"
        scheduler = SchedulerNode(
            self.network,
            framework.name,
            address,
            self._clock(framework.name, 0.0),
            self._observers,
            masters=MASTERS,
            info=info,
            application=seat,
            suppressed_roles=suppressed,
        )
        self.schedulers.append(scheduler)
        return scheduler
