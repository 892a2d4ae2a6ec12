"""An operator who takes agents and machines out of use at random, and has all of them in use in the end.

Agents are drained, deactivated, reactivated, and marked gone, but the latter only when they are drained: an
operator who calls something gone which is not lies, and nobody could tell that from a bug. Machines are
planned for maintenance, taken down and up. An agent that was shut down for that is started again, as by a
service manager; one that was marked gone starts as a new one.
"""

from __future__ import annotations

from functools import partial

from meseta.ids import AgentId
from meseta.master import events as e
from meseta.master.gone import MESSAGE as GONE
from meseta.master.maintenance import DOWN
from meseta.master.state import State
from meseta.records import MachineId, Unavailability, Window
from meseta.sim.agent_node import AgentNode
from meseta.sim.cluster import Cluster
from meseta.sim.master_node import EPOCH_S
from meseta.sim.network import ip_of

LOOK_EVERY_S = 1.0
"""How often agents that were shut down are started again, and how often all is asked to be in use."""
SHUT_DOWN = (GONE, DOWN, "Machine is `DOWN`")
"""Why an agent ends that the operator has taken out of use."""
NS = 1e9


class Upkeep:
    """The upkeep of one run."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._world = cluster.world
        self._chance = cluster.world.chance("upkeep")
        self._over = False

    def start(self) -> None:
        """Begin to act, if the plan says so."""
        if self._cluster.plan.upkeep_s:
            self._act_later()
            self._look()

    def clean_up(self) -> None:
        """Have everything in use from now on; ask until it is."""
        self._over = True
        if self._cluster.plan.upkeep_s:
            self._use_all()

    # ── at random ─────────────────────────────────────────────────────────────────────────────────────

    def _act_later(self) -> None:
        self._world.after(self._chance.expovariate(1 / self._cluster.plan.upkeep_s), self._act)

    def _act(self) -> None:
        if self._over:
            return
        state = self._cluster.state
        if state is not None:
            act = self._chance.choice(
                (
                    self._drain,
                    self._drain,
                    self._deactivate,
                    self._reactivate,
                    self._mark_gone,
                    self._plan,
                    self._take_down,
                    self._bring_up,
                )
            )
            act(state)
        self._act_later()

    def _drain(self, state: State) -> None:
        id, grace_s = self._any_agent(state), self._chance.choice((None, 0.5, 5.0))
        gone = self._chance.random() < 0.2
        self._cluster.operate(
            lambda request: e.AgentDrainRequested(
                request=request, agent_id=id, max_grace_period_s=grace_s, mark_gone=gone
            )
        )

    def _deactivate(self, state: State) -> None:
        id = self._any_agent(state)
        self._cluster.operate(lambda request: e.AgentDeactivationRequested(request=request, agent_id=id))

    def _reactivate(self, state: State) -> None:
        self._reactivate_one(self._any_agent(state))

    def _reactivate_one(self, id: AgentId) -> None:
        self._cluster.operate(lambda request: e.AgentReactivationRequested(request=request, agent_id=id))

    def _mark_gone(self, state: State) -> None:
        for id, deactivation in state.wishes.deactivated.items():
            if deactivation.drain is not None and not deactivation.draining:
                self._cluster.operate(partial(_gone_request, id))
                return

    def _plan(self, state: State) -> None:
        start_ns = round((EPOCH_S + self._world.now + self._chance.uniform(0, 60)) * NS)
        machines = tuple(each for each in self._machines() if self._chance.random() < 0.4)
        windows = (Window(machines, Unavailability(start_ns)),) if machines else ()
        self._cluster.operate(lambda request: e.MaintenanceScheduled(request=request, windows=windows))

    def _take_down(self, state: State) -> None:
        machine = self._chance.choice(self._machines())
        self._cluster.operate(
            lambda request: e.MaintenanceStartRequested(request=request, machines=(machine,))
        )

    def _bring_up(self, state: State) -> None:
        machine = self._chance.choice(self._machines())
        self._cluster.operate(
            lambda request: e.MaintenanceStopRequested(request=request, machines=(machine,))
        )

    # ── for good ──────────────────────────────────────────────────────────────────────────────────────

    def _use_all(self) -> None:
        """Ask for what is not in use yet."""
        state = self._cluster.state
        if state is not None:
            wishes = state.wishes
            for id, deactivation in list(wishes.deactivated.items()):
                if not deactivation.draining:
                    self._reactivate_one(id)
            if down := wishes.schedule.down:
                self._cluster.operate(
                    lambda request: e.MaintenanceStopRequested(request=request, machines=down)
                )
            elif wishes.schedule.windows:
                self._cluster.operate(lambda request: e.MaintenanceScheduled(request=request, windows=()))
        self._world.after(LOOK_EVERY_S, self._use_all)

    def _look(self) -> None:
        """Start agents again that were shut down."""
        for agent in self._cluster.agents:
            if not agent.up and agent.exit is not None and agent.exit.message in SHUT_DOWN:
                if agent.exit.message == GONE:
                    agent.forget()
                agent.start()
        self._world.after(LOOK_EVERY_S, self._look)

    # ── helpers ───────────────────────────────────────────────────────────────────────────────────────

    def _any_agent(self, state: State) -> AgentId:
        known = [*state.agents, *state.past.unreachable, *state.recovered_agents]
        return self._chance.choice(known) if known else AgentId("nobody")

    def _machines(self) -> list[MachineId]:
        return [_machine(agent) for agent in self._cluster.agents]


def _gone_request(id: AgentId, request: e.RequestId) -> e.MasterEvent:
    return e.AgentGoneRequested(request=request, agent_id=id)


def _machine(agent: AgentNode) -> MachineId:
    return MachineId(agent.config.hostname, ip_of(agent.address))
