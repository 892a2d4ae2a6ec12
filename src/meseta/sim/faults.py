"""What goes wrong, and when: each kind of fault comes at random on its own, until everything is healed.

Whatever is broken is repaired after a while; `heal` repairs the rest and lets nothing more go wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from meseta.sim.agent_node import AgentNode
from meseta.sim.cluster import Cluster
from meseta.sim.coordination import ADDRESS
from meseta.sim.master_process import MasterProcess
from meseta.sim.network import CALM, Way, ip_of

LEADER = 0.7
"""Likelihood that what strikes a master strikes the one that leads, if one does."""
VANISHED_S = 2.0
"""A machine that falls silent does so for longer than it takes to follow its scheduler."""


class Process(Protocol):
    """What may hang."""

    name: str
    incarnation: int
    up: bool
    paused: bool

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Faults:
    """The faults of one run."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.counts: dict[str, int] = {}
        """How often each has happened."""
        self._world = cluster.world
        self._mix = cluster.plan.faults
        self._over = False
        self._ways: list[Way] = []
        """What partitions block."""
        self._paused: dict[Process, int] = {}

    def start(self) -> None:
        """Let faults come from now on."""
        mix = self._mix
        kinds: list[tuple[str, float, Callable[[Chooser], bool]]] = [
            ("break", mix.breaks_s, self._break),
            ("partition", mix.partitions_s, self._partition),
            ("master crash", mix.master_s, self._crash_master),
            ("agent crash", mix.agents_s, self._crash_agent),
            ("power loss", mix.power_s, self._lose_power),
            ("scheduler crash", mix.schedulers_s, self._crash_scheduler),
            ("vanishing", mix.vanishing_s, self._vanish),
            ("failover", mix.failovers_s, self._fail_over),
            ("teardown", mix.teardowns_s, self._tear_down),
            ("pause", mix.pauses_s, self._pause),
            ("executor crash", mix.executors_s, self._crash_executor),
            ("slow store", mix.stores_s, self._slow_store),
            ("cut off from elections", mix.elections_s, self._cut_off_masters),
            ("early expiry", mix.expiries_s, self._expire),
        ]
        for name, mean_s, strike in kinds:
            if mean_s:
                self._schedule(name, mean_s, strike, Chooser(self, name))

    def heal(self) -> None:
        """Repair everything at once, for good."""
        self._over = True
        self._note("heal", "everything")
        cluster = self.cluster
        cluster.network.weather = CALM
        for way in self._ways:
            cluster.network.unblock(way)
        self._ways.clear()
        for node in list(self._paused):
            node.resume()
        for master in cluster.masters:
            master.start_if_down()
        for agent in cluster.agents:
            if not agent.up:
                agent.start()
        for framework in cluster.frameworks:
            framework.start_if_down()

    # ── when ──────────────────────────────────────────────────────────────────────────────────────────

    def _schedule(
        self, name: str, mean_s: float, strike: Callable[[Chooser], bool], chooser: Chooser
    ) -> None:
        self._world.after(
            chooser.chance.expovariate(1 / mean_s), partial(self._strike, name, mean_s, strike, chooser)
        )

    def _strike(self, name: str, mean_s: float, strike: Callable[[Chooser], bool], chooser: Chooser) -> None:
        if self._over:
            return
        if strike(chooser):
            self.counts[name] = self.counts.get(name, 0) + 1
        self._schedule(name, mean_s, strike, chooser)

    def _repair(self, delay_s: float, repair: Callable[[], None]) -> None:
        self._world.after(delay_s, partial(self._unless_over, repair))

    def _unless_over(self, repair: Callable[[], None]) -> None:
        if not self._over:
            repair()

    def _note(self, what: str, details: str) -> None:
        self._world.trace.line(self._world.now, "-", "fault", what, details)

    # ── the network ───────────────────────────────────────────────────────────────────────────────────

    def _break(self, chooser: Chooser) -> bool:
        return self.cluster.network.break_one(chooser.chance)

    def _partition(self, chooser: Chooser) -> bool:
        """Cut agents and schedulers off from a master, in one direction or both."""
        peers = [agent.address for agent in self.cluster.agents]
        peers += [f.process.address for f in self.cluster.frameworks if f.process is not None]
        return self._cut_off(chooser, peers, chooser.master().address)

    def _cut_off_masters(self, chooser: Chooser) -> bool:
        """Cut masters off from what they elect their leader with, and from the registry that is there."""
        if self.cluster.service is None:
            return False
        return self._cut_off(chooser, [master.address for master in self.cluster.masters], ADDRESS)

    def _cut_off(self, chooser: Chooser, peers: list[str], address: str) -> bool:
        """Cut some of several machines off from another one."""
        chance = chooser.chance
        cut_off = [ip_of(peer) for peer in chance.sample(peers, chance.randint(1, len(peers)))]
        other = ip_of(address)
        to, fro = True, True
        if chance.random() < self._mix.one_way:
            to, fro = (True, False) if chance.random() < 0.5 else (False, True)
        ways = [(ip, other) for ip in cut_off if to] + [(other, ip) for ip in cut_off if fro]
        arrows = {(True, True): "<->", (True, False): "-->", (False, True): "<--"}[to, fro]
        self._note("partition", f"{' '.join(cut_off)} {arrows} {other}")
        self._block(ways, self._mix.partition_min_s + chance.expovariate(1 / self._mix.partition_mean_s))
        return True

    def _block(self, ways: list[Way], length_s: float) -> None:
        for way in ways:
            self.cluster.network.block(way)
        self._ways += ways
        self._repair(length_s, partial(self._unblock, ways))

    def _unblock(self, ways: list[Way]) -> None:
        self._note("partition is over", " ".join(f"{source}-{target}" for source, target in ways))
        for way in ways:
            self._ways.remove(way)
            self.cluster.network.unblock(way)

    # ── processes ─────────────────────────────────────────────────────────────────────────────────────

    def _crash_master(self, chooser: Chooser) -> bool:
        master = chooser.master()
        if not master.up:
            return False
        master.crash(silent=chooser.silent())
        self._repair(chooser.down_s(), master.start_if_down)
        return True

    def _expire(self, chooser: Chooser) -> bool:
        service = self.cluster.service
        address = service.expire_one(chooser.chance) if service is not None else None
        if address is not None:
            self._note("early expiry", address)
        return address is not None

    def _crash_agent(self, chooser: Chooser) -> bool:
        agent = chooser.agent()
        if agent is not None:
            agent.crash(silent=chooser.silent())
            self._repair(chooser.down_s(), partial(self._restart_agent, agent))
        return agent is not None

    def _lose_power(self, chooser: Chooser) -> bool:
        agent = chooser.agent()
        if agent is not None:
            agent.lose_power()
            self._repair(chooser.down_s(), partial(self._restart_agent, agent))
        return agent is not None

    def _crash_executor(self, chooser: Chooser) -> bool:
        """Kill a process that an agent runs for a task, its executor with it."""
        agent = chooser.machine()
        return agent.containers.kill_one(chooser.chance)

    def _slow_store(self, chooser: Chooser) -> bool:
        """Let the registry's store take no write for a while."""
        until_s = chooser.down_s()
        self._note("slow store", f"{until_s:.3f} s")
        for master in self.cluster.masters:
            master.disk.stall(until_s)
        return True

    def _restart_agent(self, agent: AgentNode) -> None:
        if not agent.up:
            agent.start()

    def _crash_scheduler(self, chooser: Chooser) -> bool:
        running = [framework for framework in self.cluster.frameworks if framework.process is not None]
        if not running:
            return False
        framework = chooser.chance.choice(running)
        framework.crash(silent=chooser.silent())
        self._repair(chooser.down_s(), framework.start_if_down)
        return True

    def _vanish(self, chooser: Chooser) -> bool:
        """Let the machine of a scheduler that is waited for lose its power, so that nobody is told.

        What other processes of its framework have there cannot be reached for a while either.
        """
        frameworks = self.cluster.frameworks
        followed = [f for f in frameworks if f.subscribed and f.process is not None and f.standby is not None]
        if not followed:
            return False
        framework = chooser.chance.choice(followed)
        assert framework.process is not None
        ip = ip_of(framework.process.address)
        self._note("vanishing", ip)
        masters = [ip_of(master.address) for master in self.cluster.masters]
        ways = [(ip, master) for master in masters] + [(master, ip) for master in masters]
        down_s = VANISHED_S + chooser.down_s()
        self._block(ways, down_s)
        framework.crash(silent=True)
        self._repair(down_s, framework.start_if_down)
        return True

    def _fail_over(self, chooser: Chooser) -> bool:
        """Start a second scheduler while the first runs."""
        running = [framework for framework in self.cluster.frameworks if framework.subscribed]
        if running:
            framework = chooser.chance.choice(running)
            self._note("failover", framework.name)
            framework.fail_over()
        return bool(running)

    def _tear_down(self, chooser: Chooser) -> bool:
        running = [framework for framework in self.cluster.frameworks if framework.subscribed]
        if running:
            framework = chooser.chance.choice(running)
            self._note("teardown", framework.name)
            framework.tear_down()
        return bool(running)

    def _pause(self, chooser: Chooser) -> bool:
        nodes: list[Process] = [chooser.master(), *self.cluster.agents]
        nodes += [framework.process for framework in self.cluster.frameworks if framework.process is not None]
        nodes += [executor for agent in self.cluster.agents for executor in agent.executors]
        running = [node for node in nodes if node.up and not node.paused]
        if not running:
            return False
        node = chooser.chance.choice(running)
        self._note("pause", node.name)
        node.pause()
        self._paused[node] = node.incarnation
        self._repair(chooser.down_s(), partial(self._resume, node))
        return True

    def _resume(self, node: Process) -> None:
        if self._paused.pop(node, None) == node.incarnation:
            self._note("pause is over", node.name)
            node.resume()


class Chooser:
    """The chance of one kind of fault, and what it is asked."""

    def __init__(self, faults: Faults, name: str) -> None:
        self.chance = faults.cluster.world.chance(f"faults/{name}")
        self._cluster = faults.cluster
        self._mix = faults.cluster.plan.faults

    def silent(self) -> bool:
        """Draw whether nobody is told of an end."""
        return self.chance.random() < self._mix.silent

    def down_s(self) -> float:
        """Draw how long something is down."""
        return self.chance.expovariate(1 / self._mix.down_mean_s)

    def master(self) -> MasterProcess:
        """Pick a master, most often the leader."""
        masters, leader = self._cluster.masters, self._cluster.leader
        if leader is not None and self.chance.random() < LEADER:
            return next(master for master in masters if master.node is leader)
        return self.chance.choice(masters)

    def machine(self) -> AgentNode:
        """Pick an agent's machine, whether the agent runs or not."""
        return self.chance.choice(self._cluster.agents)

    def agent(self) -> AgentNode | None:
        """Pick an agent that runs."""
        running = [agent for agent in self._cluster.agents if agent.up]
        return self.chance.choice(running) if running else None
