"""What goes wrong, and when: each kind of fault comes at random on its own, until everything is healed.

Whatever is broken is repaired after a while; `heal` repairs the rest and lets nothing more go wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from meseta.sim.agent_node import AgentNode
from meseta.sim.cluster import Cluster
from meseta.sim.network import CALM, Way, ip_of
from meseta.sim.node import Node

AnyNode = Node[Any, Any]


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
        self._paused: dict[AnyNode, int] = {}

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
            ("failover", mix.failovers_s, self._fail_over),
            ("teardown", mix.teardowns_s, self._tear_down),
            ("pause", mix.pauses_s, self._pause),
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
        if not cluster.leader.up:
            cluster.elect(cluster.leader)
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
        """Cut one or several machines off from the master's, in one direction or both."""
        chance, network = chooser.chance, self.cluster.network
        peers = [agent.address for agent in self.cluster.agents]
        peers += [f.process.address for f in self.cluster.frameworks if f.process is not None]
        cut_off = [ip_of(peer) for peer in chance.sample(peers, chance.randint(1, len(peers)))]
        master = ip_of(self.cluster.leader.address)
        to, fro = True, True
        if chance.random() < self._mix.one_way:
            to, fro = (True, False) if chance.random() < 0.5 else (False, True)
        ways = [(ip, master) for ip in cut_off if to] + [(master, ip) for ip in cut_off if fro]
        arrows = {(True, True): "<->", (True, False): "-->", (False, True): "<--"}[to, fro]
        self._note("partition", f"{' '.join(cut_off)} {arrows} {master}")
        for way in ways:
            network.block(way)
        self._ways += ways
        length_s = self._mix.partition_min_s + chance.expovariate(1 / self._mix.partition_mean_s)
        self._repair(length_s, partial(self._unblock, ways))
        return True

    def _unblock(self, ways: list[Way]) -> None:
        self._note("partition is over", " ".join(f"{source}-{target}" for source, target in ways))
        for way in ways:
            self._ways.remove(way)
            self.cluster.network.unblock(way)

    # ── processes ─────────────────────────────────────────────────────────────────────────────────────

    def _crash_master(self, chooser: Chooser) -> bool:
        cluster, leader = self.cluster, self.cluster.leader
        if not leader.up:
            return False
        leader.crash(silent=chooser.silent())
        successor = leader
        if chooser.chance.random() < self._mix.moves:
            successor = cluster.masters[1 - cluster.masters.index(leader)]
        self._repair(chooser.down_s(), partial(cluster.elect, successor))
        return True

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
        nodes: list[AnyNode] = [self.cluster.leader, *self.cluster.agents]
        nodes += [framework.process for framework in self.cluster.frameworks if framework.process is not None]
        running = [node for node in nodes if node.up and not node.paused]
        if not running:
            return False
        node = chooser.chance.choice(running)
        self._note("pause", node.name)
        node.pause()
        self._paused[node] = node.incarnation
        self._repair(chooser.down_s(), partial(self._resume, node))
        return True

    def _resume(self, node: AnyNode) -> None:
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

    def agent(self) -> AgentNode | None:
        """Pick an agent that runs."""
        running = [agent for agent in self._cluster.agents if agent.up]
        return self.chance.choice(running) if running else None
