"""What must never happen, watched step by step. Each checker is on its own and knows one promise.

    Accounts          the machines' own invariants: no resource is lost, held twice, or offered twice
    Offers            what is offered of an agent is really free there, counted anew from the master's books,
                      and its framework's offer filter wants it
    Limits            a role that is offered something has no more than its quota allows, counted anew
    Guarantees        no task that is killed for a role's guarantee takes its own role below its guarantee
    Acknowledgements  an agent forgets an update only when its framework has acknowledged it
    Runs              no task is started twice, or said to be unknown where it was started
    Admissions        an agent hears that it is registered only once that is durable
    Leaders           no master acts while another one may, unless the service gave the place away too early

Who writes the registry in which term is watched by the registry itself, in `terms`.

What must happen in the end is in `convergence`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from meseta.agent import effects as agent_effects
from meseta.agent import events as agent_events
from meseta.agent import invariants as agent_invariants
from meseta.allocator import invariants as allocator_invariants
from meseta.allocator.offer_filter import OfferFilter, compile_filter, is_wanted
from meseta.allocator.quota import NO_QUOTA, contested, top_of
from meseta.ids import AgentId, FrameworkId, MasterId, TaskId
from meseta.master import effects as master_effects
from meseta.master import invariants as master_invariants
from meseta.master import views
from meseta.master.state import State
from meseta.master.sums import role_sums, users_on_agent
from meseta.records import FrameworkInfo, TaskReason
from meseta.sdk import executor_events
from meseta.sim.agent_node import AgentNode
from meseta.sim.cluster import Cluster
from meseta.sim.executor_routing import launched_tasks
from meseta.sim.failures import SafetyViolation
from meseta.sim.master_node import MasterNode
from meseta.sim.node import Step
from meseta.sim.programs import ExecutorProgram, program_of


class Accounts:
    """Checks every machine after every `interval`th of its steps, as checks cost more than steps."""

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self._steps: dict[str, int] = {}

    def observe(self, step: Step) -> None:
        """Look at one step."""
        name = step.node.name
        count = self._steps[name] = self._steps.get(name, 0) + 1
        if count % self._interval == 0:
            check_node(step.node)


def check_node(node: object) -> None:
    """Check one process's machine, if it runs."""
    try:
        if isinstance(node, MasterNode) and node.machine is not None:
            master_invariants.check(node.machine.state)
            allocator_invariants.check(node.allocator)
        elif isinstance(node, AgentNode) and node.machine is not None:
            agent_invariants.check(node.machine.state)
    except AssertionError as fault:
        assert isinstance(node, MasterNode | AgentNode)
        raise SafetyViolation(f"{node.name}: {fault or 'an invariant does not hold'}") from fault


class Offers:
    """Counts anew what is free of each agent that is offered, and asks whether its framework wants it."""

    def observe(self, step: Step) -> None:
        """Look at one step."""
        if not isinstance(step.node, MasterNode) or step.node.machine is None:
            return
        offered: dict[AgentId, None] = {}
        for effect in step.effects:
            match effect:
                case master_effects.SendToFramework(message=master_effects.Offered(info=info, offers=offers)):
                    offered.update((offer.agent.id, None) for offer in offers)
                    check_wanted(info, offers)
        for agent_id in offered:
            self._check(step.node, agent_id)

    def _check(self, node: MasterNode, agent_id: AgentId) -> None:
        assert node.machine is not None
        agent = node.machine.state.agents[agent_id]
        used, offered = views.used_on_agent(agent), views.offered_on_agent(agent)
        if not agent.total.subtract(used).contains(offered):
            raise SafetyViolation(f"{agent} has {agent.total}, uses {used} of it, and {offered} is offered")


def check_wanted(info: FrameworkInfo, offers: Iterable[master_effects.OfferRecord]) -> None:
    """Hold offers against the offer filters of their framework."""
    for offer in offers:
        text = info.wanted.get(offer.role)
        wanted = compile_filter(text) if text is not None else None
        if isinstance(wanted, OfferFilter) and not is_wanted(wanted.on(offer.agent.info), offer.resources):
            raise SafetyViolation(f"{info.name} wants {text}, and {offer.resources} is offered")


class Limits:
    """Counts anew what a role with a limit has that is offered something."""

    def observe(self, step: Step) -> None:
        """Look at one step."""
        if not isinstance(step.node, MasterNode) or step.node.machine is None:
            return
        state = step.node.machine.state
        if not state.quotas:
            return
        offered: dict[str, dict[str, int]] = {}
        for effect in step.effects:
            match effect:
                case master_effects.SendToFramework(message=master_effects.Offered(offers=offers)):
                    for offer in offers:
                        offered.setdefault(top_of(offer.role), {}).update(contested(offer.resources))
        for role, names in offered.items():
            self._check(state, role, names)

    def _check(self, state: State, role: str, names: Mapping[str, int]) -> None:
        """Look at what was just offered; the rest may be above its limit since that was set."""
        limits = state.quotas.get(role, NO_QUOTA).limits
        limited = [name for name in names if names[name] and name in limits]
        had = self._had(state, role) if limited else {}
        for name in limited:
            if had.get(name, 0) > limits[name]:
                raise SafetyViolation(f"role {role} has {had[name]} of {name}, and may have {limits[name]}")

    def _had(self, state: State, role: str) -> dict[str, int]:
        """Add up what a top-level role has: what is reserved to it, used, and offered, in thousandths."""
        totals: dict[str, int] = {}
        for agent in state.agents.values():
            reserved = [amount for of, amount in agent.total.reservations().items() if top_of(of) == role]
            holders = [*users_on_agent(agent), *agent.offers.values()]
            held = [contested(holder.resources) for holder in holders if top_of(holder.role) == role]
            for amounts in (*held, *(each.quantities() for each in reserved)):
                for name, amount in amounts.items():
                    totals[name] = totals.get(name, 0) + amount
        return totals


REVOKED = "master/tasks_revoked"


class Guarantees:
    """Counts anew what the roles keep whose tasks were just killed for the guarantee of another."""

    def __init__(self) -> None:
        self._counts: dict[MasterId, int] = {}
        self._seen: set[tuple[FrameworkId, TaskId]] = set()

    def observe(self, step: Step) -> None:
        """Look at one step."""
        if not isinstance(step.node, MasterNode) or step.node.machine is None:
            return
        state = step.node.machine.state
        count = state.counters[REVOKED]
        if count != self._counts.get(state.config.id, 0):
            self._counts[state.config.id] = count
            self._check(state)

    def _check(self, state: State) -> None:
        ending = [
            state.frameworks[framework_id].tasks[task_id]
            for agent in state.agents.values()
            for framework_id, task_id in agent.revoked
        ]
        new = [task for task in ending if (task.framework_id, task.task_id) not in self._seen]
        self._seen.update((task.framework_id, task.task_id) for task in new)
        sums = role_sums(state)
        for role in sorted({top_of(task.role) for task in new}):
            kept = sums[role].consumed.nonrevocable()
            for task in ending:
                if top_of(task.role) == role and task.holds_resources:
                    kept -= task.resources.unreserved()
            for name, guarantee in state.quotas.get(role, NO_QUOTA).guarantees.items():
                if kept.scalar(name) < guarantee and any(
                    task.resources.scalar(name) for task in new if top_of(task.role) == role
                ):
                    raise SafetyViolation(
                        f"role {role} is guaranteed {guarantee} of {name}, and killing leaves it {kept}"
                    )


class Acknowledgements:
    """Compares what reaches agents with what frameworks have settled."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def observe(self, step: Step) -> None:
        """Look at one step."""
        event = step.event
        if isinstance(event, agent_events.UpdateAcknowledged) and not any(
            event.uuid in framework.settled for framework in self._cluster.frameworks
        ):
            raise SafetyViolation(
                f"{step.node.name} is told that update {event.uuid.hex()[:8]} of {event.task_id} is"
                " acknowledged, but its framework did not do that"
            )


class Admissions:
    """Compares what agents are told with what the registry holds."""

    def __init__(self, cluster: Cluster) -> None:
        self._registry = cluster.registry

    def observe(self, step: Step) -> None:
        """Look at one step."""
        for effect in step.effects:
            match effect:
                case master_effects.SendToAgent(
                    message=master_effects.AgentRegistered(agent_id=agent_id)
                    | master_effects.AgentReregistered(agent_id=agent_id)
                ) if agent_id not in self._registry.held.agents and self._is_latest(step):
                    raise SafetyViolation(
                        f"{step.node.name} tells {agent_id} that it is registered, and no registry knows it"
                    )

    def _is_latest(self, step: Step) -> bool:
        """Tell whether no other master may have changed the registry since."""
        return isinstance(step.node, MasterNode) and step.node.term == self._registry.term


class Leaders:
    """Watches that masters lead one after the other."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._is_lax = cluster.plan.faults.expiries_s > 0

    def observe(self, step: Step) -> None:
        """Look at one step."""
        if self._is_lax or not isinstance(step.node, MasterNode):
            return
        for process in self._cluster.masters:
            other = process.node
            if other is not step.node and other.up and other.may_serve():
                raise SafetyViolation(f"{step.node.name} acts while {other.name} leads, too")


class Started(NamedTuple):
    """Where a task was started: by which agent in which container, or by which executor at which address."""

    where: str
    place: str


class Runs:
    """Remembers every task that was started."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.started: dict[str, Started] = {}

    def observe(self, step: Step) -> None:
        """Look at one step."""
        for effect in step.effects:
            if isinstance(effect, agent_effects.StartContainer):
                program = program_of(effect.plan.argv[-1])
                if not isinstance(program, ExecutorProgram):
                    self._start(program.what, Started(step.node.name, effect.plan.container_id))
            elif isinstance(effect, executor_events.Deliver):
                for task in launched_tasks(effect.payload):
                    self._start(task.task_id, Started(step.node.name, step.node.address))
            elif isinstance(effect, agent_effects.SendToMaster):
                self._hear(step, effect.message)

    def _start(self, what: str, where: Started) -> None:
        if what in self.started:
            raise SafetyViolation(
                f"task {what} is started on {where.where}, after {self.started[what].where}"
            )
        self.started[what] = where

    def _hear(self, step: Step, message: object) -> None:
        match message:
            case agent_effects.UpdateStatus(update=update) if (
                update.status.reason is TaskReason.REASON_RECONCILIATION
                and isinstance(step.node, AgentNode)
                and update.status.task_id in step.node.containers.ran
                and self._is_to_be_known(update.status.task_id)
            ):
                raise SafetyViolation(f"{step.node.name} does not know {update.status.task_id} any more")

    def _is_to_be_known(self, task_id: TaskId) -> bool:
        """Tell whether an agent must know a task through all its lives: its framework knows no end of it."""
        for framework in self._cluster.frameworks:
            job = framework.jobs.get(task_id)
            if job is not None:
                is_current = job.framework_id == framework.framework_id
                return is_current and job.end is None and framework.temper.checkpoint
        return False
