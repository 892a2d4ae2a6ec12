"""What is true of a master between any two events; tests and the simulator check it after each one.

Conservation: what a framework holds on an agent in a role (tasks that have not ended, executors, open
offers) is exactly what the allocator has allocated to it there, so that nothing is offered twice, lost, or
freed twice.
"""

from __future__ import annotations

from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.ids import AgentId, FrameworkId
from meseta.master.state import ENDED_STATES, AgentState, FrameworkState, State
from meseta.master.sums import users_of_framework
from meseta.records import TaskState
from meseta.resources import Resources

Holding = tuple[AgentId, FrameworkId, str]
"""Who holds something: a framework on an agent in a role."""


def check(state: State) -> None:
    """Fail with a sentence when the accounts do not agree."""
    for framework in state.frameworks.values():
        _check_framework(state, framework)
    for agent in state.agents.values():
        _check_agent(state, agent)
    _check_offers(state)
    _check_inverse_offers(state)
    _check_indexes(state)
    _check_operations(state)
    _check_task_states(state)
    _check_conservation(state)
    _check_revocations(state)


def held(state: State) -> dict[Holding, Resources]:
    """Return who holds what, summed over tasks, executors and offers."""
    sums: dict[Holding, Resources] = {}
    for framework in state.frameworks.values():
        for holder in (*users_of_framework(framework), *framework.offers.values()):
            key = (holder.agent_id, framework.id, holder.role)
            sums[key] = sums.get(key, Resources.EMPTY) + holder.resources
    return {key: resources for key, resources in sums.items() if resources}


def _check_framework(state: State, framework: FrameworkState) -> None:
    assert framework.id not in state.completed_frameworks, f"{framework} lives and is completed"
    assert not (framework.active and not framework.connected), f"{framework} is offered without a scheduler"
    assert not (framework.recovered and framework.connected), f"{framework} is recovered and connected"
    if framework.connected:
        assert framework.peer is not None
        assert state.peers.get(framework.peer) == framework.id, f"{framework} is not found by its peer"
    if not framework.active:
        assert not framework.offers, f"{framework} is inactive and has offers"
    for task in framework.tasks.values():
        agent = state.agents.get(task.agent_id)
        assert agent is not None, f"{task} of {framework} is on agent {task.agent_id}, which is not there"
        assert agent.tasks[framework.id][task.task_id] is task, f"{task} is not found on {agent}"
        assert agent.id in framework.agents, f"{framework} does not know that it runs on {agent}"
    for agent_id, executors in framework.executors.items():
        assert executors == state.agents[agent_id].executors[framework.id], f"executors of {framework} differ"
    for task in framework.unreachable_tasks.values():
        assert task.task_id not in framework.tasks, f"{task} is unreachable and known"
        assert task.state in ENDED_STATES, f"{task} is unreachable and holds resources"


def _check_agent(state: State, agent: AgentState) -> None:
    if agent.connected:
        assert state.agent_pids.get(agent.pid) == agent.id, f"{agent} is not found by its pid"
    assert agent.id not in state.past.unreachable, f"{agent} is there and unreachable"
    assert agent.id not in state.recovered_agents, f"{agent} is there and awaited"
    assert agent.connected or not agent.offers, f"{agent} is disconnected and offered"
    assert agent.id not in state.past.gone, f"{agent} is there and gone"
    assert agent.deactivation is state.wishes.deactivated.get(agent.id), f"{agent} has another deactivation"
    assert agent.active == (agent.connected and agent.deactivation is None), f"{agent} is wrongly active"
    for framework_id, tasks in agent.tasks.items():
        framework = state.frameworks[framework_id]
        assert tasks, f"{agent} keeps an empty account of {framework}"
        for task in tasks.values():
            assert framework.tasks.get(task.task_id) is task, f"{task} on {agent} is not found in {framework}"
    for framework_id, id in agent.killed:
        assert id in agent.tasks.get(framework_id, {}), f"{agent} remembers to kill {id}, which is over"


def _check_offers(state: State) -> None:
    seen = 0
    for framework in state.frameworks.values():
        for offer in framework.offers.values():
            seen += 1
            assert state.offers.get(offer.id) is offer, f"offer {offer.id} is not found"
            assert state.agents[offer.agent_id].offers.get(offer.id) is offer, (
                f"offer {offer.id} is not found"
            )
    assert seen == len(state.offers), "there are offers that no framework has"
    assert seen == sum(len(agent.offers) for agent in state.agents.values()), "agents have other offers"


def _check_inverse_offers(state: State) -> None:
    for offer in state.inverse_offers.values():
        framework, agent = state.frameworks[offer.framework_id], state.agents[offer.agent_id]
        assert framework.inverse_offers.get(offer.id) is offer, f"inverse offer {offer.id} is not found"
        assert agent.inverse_offers.get(offer.id) is offer, f"inverse offer {offer.id} is not found"
        assert framework.active, f"{framework} is inactive and asked to leave {agent}"
        assert agent.active, f"{agent} is inactive and to be left"
    for holders in (state.frameworks.values(), state.agents.values()):
        kept = sum(len(each.inverse_offers) for each in holders)
        assert kept == len(state.inverse_offers), "there are inverse offers that nobody has"


def _check_indexes(state: State) -> None:
    for peer, framework_id in state.peers.items():
        assert state.frameworks[framework_id].peer == peer, f"{peer} leads to another framework"
    for peer, framework_id in state.standbys.items():
        framework = state.frameworks[framework_id]
        assert framework.connected, f"{peer} stands by for {framework}, which has no scheduler"
        assert peer in framework.standbys, f"{peer} is no standby of {framework}"
        assert peer not in state.peers, f"{peer} stands by and has a framework"
        assert ("standbys", framework_id) in state.deadlines, f"nobody watches {framework}"
    for framework in state.frameworks.values():
        assert framework.standbys or not framework.unacknowledged, f"{framework} is watched for nobody"
    for pid, agent_id in state.agent_pids.items():
        assert state.agents[agent_id].pid == pid, f"{pid} leads to another agent"
    for pids in state.addresses.values():
        for pid in pids:
            assert pid in state.agent_pids or pid in state.peers, f"{pid} is watched for nothing"


def _check_operations(state: State) -> None:
    for agent in state.agents.values():
        for uuid, operation in agent.operations.items():
            assert operation.uuid == uuid, f"an operation on {agent} is found by another uuid"
            assert operation.agent_id == agent.id, f"an operation on {agent} is one of {operation.agent_id}"
    for framework_id, operations in state.operations.items():
        assert operations, f"an empty account of operations of {framework_id} is kept"
        for id, operation in operations.items():
            known = state.agents[operation.agent_id].operations.get(operation.uuid)
            assert known is operation, f"operation {id} of {framework_id} is not found on its agent"


def _check_task_states(state: State) -> None:
    counts: dict[TaskState, int] = dict.fromkeys(TaskState, 0)
    for framework in state.frameworks.values():
        for task in framework.tasks.values():
            counts[task.state] += 1
    assert counts == state.task_states, f"tasks are {counts}, counted as {state.task_states}"


def _check_revocations(state: State) -> None:
    revocations = state.revocations
    for (framework_id, task_id), role in revocations.victims.items():
        round = revocations.by_role.get(role)
        assert round is not None, f"{task_id} is to end for role {role}, which has no round"
        assert (framework_id, task_id) in round.victims, f"{task_id} is not in the round of role {role}"
        framework = state.frameworks.get(framework_id)
        assert framework is not None, f"{task_id} is to end and its framework {framework_id} is not there"
        assert task_id in framework.tasks, f"{task_id} of {framework} is to end and not known"
    for role, round in revocations.by_role.items():
        assert all(revocations.victims.get(key) == role for key in round.victims), f"victims of {role} differ"
        timed = ("revoke", role) in state.deadlines
        assert timed != round.killed, f"nothing ends the round of role {role}"
    for agent in state.agents.values():
        assert agent.killed.keys() >= agent.revoked.keys(), f"{agent} has tasks revoked that are not killed"


def _check_conservation(state: State) -> None:
    """Compare with the built-in allocator's ledger; other allocators do not show theirs."""
    if not isinstance(state.allocator, HierarchicalAllocator):
        return
    allocated: dict[Holding, Resources] = {
        (agent.id, client.framework_id, client.role): resources
        for agent in state.allocator.ledger.agents.values()
        for client, resources in agent.held.items()
    }
    _check_offered(state, state.allocator)
    ours = held(state)
    for key in sorted({*ours, *allocated}):
        here, there = ours.get(key, Resources.EMPTY), allocated.get(key, Resources.EMPTY)
        assert here == there, f"{key} holds {here}, the allocator says {there}"


def _check_offered(state: State, allocator: HierarchicalAllocator) -> None:
    """What the allocator takes for offered is what the open offers hold."""
    ours: dict[Holding, Resources] = {}
    for offer in state.offers.values():
        key = (offer.agent_id, offer.framework_id, offer.role)
        ours[key] = ours.get(key, Resources.EMPTY) + offer.resources
    theirs = {
        (agent.id, client.framework_id, client.role): resources
        for agent in allocator.ledger.agents.values()
        for client, resources in agent.offered.items()
    }
    assert ours == theirs, f"offers hold {ours}, the allocator says {theirs}"
