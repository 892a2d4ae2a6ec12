"""What must be true some time after everything was healed and no new tasks are launched.

Every question yields sentences about what is still missing; nothing missing is what a run must come to.
"""

from __future__ import annotations

from collections.abc import Iterator

from meseta.agent.state import Phase
from meseta.allocator.allocator import Question
from meseta.allocator.verdict import Reason
from meseta.ids import AgentId, FrameworkId, TaskId
from meseta.master import views
from meseta.master.state import State
from meseta.master.sums import by_role, users_of_framework
from meseta.records import TaskState, is_terminal
from meseta.resources import EMPTY
from meseta.sim.agent_node import AgentNode
from meseta.sim.cluster import Cluster
from meseta.sim.jobs import Job
from meseta.sim.workload import Framework

EXPLAINED_MAX = 100_000
"""Pairs of an agent and a role that an explanation tells of; more than any simulated cluster has."""

Tasks = dict[tuple[FrameworkId, TaskId], str]
"""Names of states by task."""


def missing(cluster: Cluster) -> list[str]:
    """Say what is not as it must be in the end."""
    down = [f"{master.name} does not run" for master in cluster.masters if not master.up]
    leader = cluster.leader
    master = leader.machine if leader is not None else None
    if down or leader is None or master is None:
        return down or ["no master leads"]
    state = master.state
    return [
        *(fault for agent in cluster.agents for fault in _agent_faults(state, agent)),
        *(fault for framework in cluster.frameworks for fault in _framework_faults(state, framework)),
        *_process_faults(cluster),
        *_task_faults(cluster, state),
        *_job_faults(cluster, state),
        *_offer_faults(cluster, state),
        *_explanation_faults(state, leader.clock.now()),
        *_quota_faults(cluster, state),
        *_registry_faults(cluster, state),
    ]


def _agent_faults(state: State, node: AgentNode) -> Iterator[str]:
    """Every agent is registered, and has nothing left to say."""
    if node.machine is None:
        yield f"{node.name} does not run{'' if node.exit is None else f': {node.exit.message}'}"
        return
    agent = node.machine.state
    if agent.phase is not Phase.RUNNING:
        yield f"{node.name} is {agent.phase.value}"
        return
    known = state.agents.get(agent.agent_id())
    if known is None or not known.connected or not known.active or known.pid != node.config.pid:
        yield f"{node.name} takes itself for registered, the master does not"
        return
    if len(state.agents) > 1 and list(state.agent_pids.values()).count(known.id) != 1:
        yield f"{node.name} is found by several pids"
    for key in agent.updates.unsettled():
        yield f"{node.name} has updates of {key[1]} that nobody acknowledged"
    if agent.writing:
        yield f"{node.name} waits for its disk"
    if lost := node.containers.unsettled():
        yield f"{node.name} never let {len(lost)} containers go that have ended"


def _framework_faults(state: State, framework: Framework) -> Iterator[str]:
    """Every framework is subscribed, and the master has no others but those that wait for their scheduler."""
    known = state.frameworks.get(framework.framework_id) if framework.framework_id is not None else None
    if not framework.subscribed:
        yield f"{framework.name} is not subscribed"
    elif known is None or not known.connected or not known.active:
        yield f"{framework.name} takes itself for subscribed, the master does not"


def _process_faults(cluster: Cluster) -> Iterator[str]:
    """Schedulers that were replaced have noticed. Standbys wait."""
    current = {p for framework in cluster.frameworks for p in (framework.process, framework.standby)}
    for scheduler in cluster.schedulers:
        if scheduler.up and scheduler not in current and not scheduler.stopped:
            yield f"a scheduler of {scheduler.name} at {scheduler.address} was replaced and does not know"


def _task_faults(cluster: Cluster, state: State) -> Iterator[str]:
    """Master, agents and processes know the same tasks, in the same states."""
    ours: Tasks = {
        (framework.id, task.task_id): task.state.name
        for framework in state.frameworks.values()
        for task in framework.tasks.values()
    }
    theirs: Tasks = {}
    for node in cluster.agents:
        if node.machine is None:
            continue
        running = node.containers.tasks()
        for framework in node.machine.state.frameworks.values():
            for executor in framework.executors.values():
                for task in executor.tasks.values():
                    key = (framework.id, task.info.task_id)
                    theirs[key] = task.state.name
                    if not task.over and task.info.task_id not in running:
                        yield f"{node.name} has {key[1]} in {task.state.name}, and no process of it"
                    running.discard(task.info.task_id)
        for what in sorted(running):
            yield f"{node.name} runs {what}, and its agent does not know"
    for key in sorted({*ours, *theirs}):
        here, there = ours.get(key, "nothing"), theirs.get(key, "nothing")
        if here != there:
            yield f"task {key[1]} is {here} at the master and {there} at its agent"


def _job_faults(cluster: Cluster, state: State) -> Iterator[str]:
    """What frameworks believe of their tasks is so."""
    for framework in cluster.frameworks:
        for job in framework.jobs.values():
            owner = state.frameworks.get(job.framework_id)
            task = owner.tasks.get(job.id) if owner is not None else None
            alive = task is not None and not is_terminal(task.state)
            if job.framework_id != framework.framework_id:
                if owner is None and task is not None:
                    yield f"task {job.id} outlives its framework {job.framework_id}"
            elif alive and job.over:
                assert task is not None
                yield f"{framework.name} takes {job.id} for {job.state.name}, and it is {task.state.name}"
            elif not alive and not job.over and not _is_out_of_reach(state, job):
                yield f"{framework.name} takes {job.id} for {job.state.name}, and it is gone"
            elif alive and task is not None and job.state is not task.state:
                yield f"{framework.name} takes {job.id} for {job.state.name}, and it is {task.state.name}"


def _is_out_of_reach(state: State, job: Job) -> bool:
    """Tell a task of an agent that never learnt its id, and so will never come back under it."""
    absent = job.agent_id not in state.agents
    return absent and job.state in (TaskState.TASK_UNREACHABLE, TaskState.TASK_UNKNOWN)


def _offer_faults(cluster: Cluster, state: State) -> Iterator[str]:
    """Every framework that wants offers was offered every agent that has something free.

    Who holds all that it says it wants to hold is offered no more.
    """
    free: list[AgentId] = []
    for agent in state.agents.values():
        left = agent.total.subtract(views.used_on_agent(agent))
        if left.scalar("cpus") >= 1000 and left.scalar("mem") >= 512_000:
            free.append(agent.id)
    for framework in cluster.frameworks:
        if framework.wants_offers and not _has_its_demand(state, framework):
            for agent_id in free:
                if agent_id not in framework.offered:
                    yield f"{framework.name} was never offered what is free of {agent_id}"


def _has_its_demand(state: State, framework: Framework) -> bool:
    known = state.frameworks.get(framework.framework_id) if framework.framework_id is not None else None
    wanted = known.info.options.demands.get(framework.temper.role) if known is not None else None
    if known is None or wanted is None:
        return False
    held = by_role(users_of_framework(known)).get(framework.temper.role, EMPTY).nonrevocable().quantities()
    return all(held.get(name, 0) >= amount for name, amount in wanted.items())


def _explanation_faults(state: State, now: float) -> Iterator[str]:
    """There is a reason why a framework is not offered an agent in a role, and it is not that it will be."""
    for framework in state.frameworks.values():
        pairs = {(agent_id, role) for agent_id in state.agents for role in framework.info.roles}
        question = Question(limit=EXPLAINED_MAX)
        for skip in state.allocator.explain(framework.id, now, question).skips:
            pairs.discard((skip.agent_id, skip.role))
            if skip.reason == Reason.NEXT.name:
                yield f"{framework.id} is to be offered {skip.agent_id}, and is not"
        for agent_id, role in sorted(pairs):
            yield f"nothing explains why {framework.id} is not offered {agent_id} in {role}"


def _quota_faults(cluster: Cluster, state: State) -> Iterator[str]:
    """The operator has taken all quotas away."""
    if quotas := {*state.quotas, *cluster.registry.held.quotas}:
        yield f"{', '.join(sorted(quotas))} have quota still"


def _registry_faults(cluster: Cluster, state: State) -> Iterator[str]:
    """The next master would know what this one knows."""
    held = cluster.registry.held
    admitted = {id: agent.info for id, agent in state.agents.items()}
    if awaited := {*state.recovered_agents, *state.pending}:
        yield f"the master waits for {awaited}"
    for what, there, here in (
        ("agents", held.agents, admitted),
        ("unreachable agents", held.unreachable, state.past.unreachable),
        ("gone agents", held.gone, state.past.gone),
        ("deactivated agents", held.deactivated, state.wishes.deactivated),
        ("maintenance", held.schedule, state.wishes.schedule),
        ("weights", held.weights or state.weights, state.weights),
    ):
        if there != here:
            yield f"the registry holds {what} {there}, and the master {here}"
