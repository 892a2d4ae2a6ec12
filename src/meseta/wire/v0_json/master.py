"""The master's v0 endpoints, from its state. What is shown of tasks and agents is kept from one
request to the next, as long as it does not change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from meseta.allocator.quota import NO_QUOTA, Quota
from meseta.ids import AgentId, FrameworkId
from meseta.master.state import AgentState, Executor, FrameworkState, State, Task
from meseta.master.sums import (
    RoleSums,
    agent_version,
    by_role,
    role_sums,
    total,
    users_of_framework,
    users_on_agent,
)
from meseta.records import TaskState
from meseta.resources import Resources
from meseta.wire import json
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lower import framework_message
from meseta.wire.maintenance import schedule_message, status_message
from meseta.wire.quota import quota_status
from meseta.wire.v0_json import objects, values
from meseta.wire.v0_json.fragments import Fragments
from meseta.wire.v1_operator_master import (
    constraints_message,
    drain_info,
    executor_info,
    sorted_capabilities,
    task_message,
)

Json = dict[str, Any]

COUNTED_STATES = (
    TaskState.TASK_STAGING,
    TaskState.TASK_STARTING,
    TaskState.TASK_RUNNING,
    TaskState.TASK_KILLING,
    TaskState.TASK_FINISHED,
    TaskState.TASK_KILLED,
    TaskState.TASK_FAILED,
    TaskState.TASK_LOST,
    TaskState.TASK_ERROR,
    TaskState.TASK_UNREACHABLE,
)
"""States that /state-summary counts tasks in."""

TASKS_LIMIT = 100
"""How many tasks /tasks shows if it is not told."""


class MasterV0:
    """The bodies of the master's v0 endpoints, as JSON text."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._tasks: Fragments[Task, msgspec.Raw] = Fragments(
            lambda task: objects.encode(objects.task(task_message(task), task.resources)),
            lambda task: (task.state, task.statuses),
        )
        self._agents: Fragments[AgentState, Json] = Fragments(agent, agent_version)

    # Endpoints ----------------------------------------------------------------------------------------

    def state(self, head: Json) -> bytes:
        """Return /state; `head` is what it says of the master itself, in order."""
        self._forget_the_gone()
        state = self._state
        shown = head | {
            "slaves": [self._agents.get(each) for each in state.agents.values()],
            "recovered_slaves": [objects.agent_info(info) for info in state.recovered_agents.values()],
            "frameworks": [self._framework(each) for each in state.frameworks.values()],
            "completed_frameworks": [self._framework(each) for each in state.completed_frameworks.values()],
            "orphan_tasks": [],
            "unregistered_frameworks": [],
        }
        return msgspec.json.encode(shown)

    def counts(self) -> Json:
        """Return how many agents there are, as the head of /state tells."""
        agents = self._state.agents.values()
        active = sum(agent.active for agent in agents)
        return {
            "activated_slaves": float(active),
            "deactivated_slaves": float(len(agents) - active),
            "unreachable_slaves": float(len(self._state.past.unreachable)),
        }

    def summary(self, head: Json) -> bytes:
        """Return /state-summary."""
        self._forget_the_gone()
        frameworks, agents = self._summaries()
        nothing = _Summary()
        shown = head | {
            "slaves": [
                self._agents.get(each)
                | agents.get(each.id, nothing).counts()
                | {"framework_ids": list(agents.get(each.id, nothing).others)}
                for each in self._state.agents.values()
            ],
            "frameworks": [
                self._framework_summary(each)
                | frameworks.get(each.id, nothing).counts()
                | {"slave_ids": list(frameworks.get(each.id, nothing).others)}
                for each in self._state.frameworks.values()
            ],
        }
        return msgspec.json.encode(shown)

    def agents(self, agent_id: str | None) -> bytes:
        """Return /slaves: all agents, or one."""
        self._forget_the_gone()
        state = self._state
        wanted = (each for each in state.agents.values() if agent_id in (None, each.id))
        recovered = (info for id, info in state.recovered_agents.items() if agent_id in (None, id))
        shown = {
            "slaves": [self._agents.get(each) | agent_resources(each) for each in wanted],
            "recovered_slaves": [objects.agent_info(info) for info in recovered],
        }
        return msgspec.json.encode(shown)

    def frameworks(self, framework_id: str | None) -> bytes:
        """Return /frameworks: all frameworks, or one."""
        self._forget_the_gone()
        state = self._state
        shown = {
            "frameworks": [
                self._framework(each) for each in state.frameworks.values() if framework_id in (None, each.id)
            ],
            "completed_frameworks": [
                self._framework(each)
                for each in state.completed_frameworks.values()
                if framework_id in (None, each.id)
            ],
            "unregistered_frameworks": [],
        }
        return msgspec.json.encode(shown)

    def tasks(
        self,
        *,
        limit: int = TASKS_LIMIT,
        offset: int = 0,
        ascending: bool = False,
        framework_id: str | None = None,
        task_id: str | None = None,
    ) -> bytes:
        """Return /tasks: some tasks, in the order of their first statuses. A negative limit means all."""
        self._forget_the_gone()
        wanted = [
            task
            for task in self._all_tasks()
            if framework_id in (None, task.framework_id) and task_id in (None, task.task_id)
        ]
        wanted.sort(key=_first_seen, reverse=not ascending)
        start = max(0, offset)
        end = len(wanted) if limit < 0 else start + limit
        return msgspec.json.encode({"tasks": [self._tasks.get(task) for task in wanted[start:end]]})

    def roles(self) -> bytes:
        """Return /roles."""
        shown = [self._role(name, sums) for name, sums in role_sums(self._state).items()]
        return msgspec.json.encode({"roles": shown})

    def maintenance_schedule(self) -> bytes:
        """Return /maintenance/schedule."""
        return json.to_json(schedule_message(self._state))

    def maintenance_status(self) -> bytes:
        """Return /maintenance/status."""
        return json.to_json(status_message(self._state))

    def weights(self) -> bytes:
        """Return /weights."""
        weights = self._state.weights
        return msgspec.json.encode([{"role": role, "weight": weights[role]} for role in sorted(weights)])

    def quota(self) -> bytes:
        """Return /quota."""
        return json.to_json(quota_status(self._state.quotas))

    # Parts --------------------------------------------------------------------------------------------

    def _role(self, name: str, sums: RoleSums) -> Json:
        state = self._state
        return role(name, sums, state.weights.get(name, 1.0), state.quotas.get(name, NO_QUOTA))

    def _framework(self, of: FrameworkState) -> Json:
        message = framework_message(of.info, of.id)
        used, offered = total(by_role(users_of_framework(of))), total(by_role(of.offers.values()))
        shown = framework_summary(of, message, used, offered) | {
            "user": of.info.user,
            "failover_timeout": of.info.failover_timeout_s,
            "checkpoint": of.info.checkpoint,
            "registered_time": of.registered_time or 0.0,
            "unregistered_time": of.unregistered_time or 0.0,
        }
        if of.info.principal is not None:
            shown["principal"] = of.info.principal
        shown["resources"] = values.resources(used + offered)
        if of.reregistered_time not in (None, of.registered_time):
            shown["reregistered_time"] = of.reregistered_time
        shown |= objects.framework_roles(message)
        tasks = self._tasks.get
        shown["tasks"] = [tasks(task) for task in of.tasks.values()]
        shown["unreachable_tasks"] = [tasks(task) for task in of.unreachable_tasks.values()]
        shown["completed_tasks"] = [tasks(task) for task in of.completed_tasks]
        shown["offers"] = [
            objects.offer(each.id, of.id, each.role, each.agent_id, each.resources)
            for each in of.offers.values()
        ]
        shown["executors"] = [executor(each) for by_id in of.executors.values() for each in by_id.values()]
        if message.HasField("labels"):
            shown["labels"] = values.labels(message.labels)
        shown["offer_constraints"] = json.to_dict(constraints_message(of))
        return shown

    def _framework_summary(self, of: FrameworkState) -> Json:
        used, offered = total(by_role(users_of_framework(of))), total(by_role(of.offers.values()))
        return framework_summary(of, framework_message(of.info, of.id), used, offered)

    def _forget_the_gone(self) -> None:
        state = self._state
        everybody = (*state.frameworks.values(), *state.completed_frameworks.values())
        self._tasks.limit(
            sum(len(f.tasks) + len(f.unreachable_tasks) + len(f.completed_tasks) for f in everybody)
        )
        self._agents.limit(len(state.agents))

    def _all_tasks(self) -> Iterator[Task]:
        state = self._state
        for framework in (*state.frameworks.values(), *state.completed_frameworks.values()):
            yield from tasks_of(framework)

    def _summaries(self) -> tuple[dict[FrameworkId, _Summary], dict[AgentId, _Summary]]:
        frameworks: dict[FrameworkId, _Summary] = {}
        agents: dict[AgentId, _Summary] = {}
        for framework in self._state.frameworks.values():
            mine = frameworks[framework.id] = _Summary()
            for task in tasks_of(framework):
                mine.count(task, task.agent_id)
                agents.setdefault(task.agent_id, _Summary()).count(task, framework.id)
        return frameworks, agents


def tasks_of(framework: FrameworkState) -> Iterator[Task]:
    """Yield a framework's tasks: those that live, are out of reach, and are over."""
    yield from framework.tasks.values()
    yield from framework.unreachable_tasks.values()
    yield from framework.completed_tasks


def framework_summary(
    of: FrameworkState, message: m.FrameworkInfo, used: Resources, offered: Resources
) -> Json:
    """Return what /state and /state-summary say alike of a framework. Those on HTTP have no pid."""
    shown: Json = {"id": of.id, "name": of.info.name}
    if isinstance(of.peer, str):
        shown["pid"] = of.peer
    return shown | {
        "used_resources": values.resources(used),
        "offered_resources": values.resources(offered),
        "capabilities": objects.framework_capabilities(message),
        "hostname": of.info.hostname,
        "webui_url": of.info.webui_url,
        "active": of.active,
        "connected": of.connected,
        "recovered": of.recovered,
    }


def agent(of: AgentState) -> Json:
    """Return an agent."""
    shown = objects.agent_info(of.info) | {"pid": of.pid, "registered_time": of.registered_time}
    if of.reregistered_time is not None:
        shown["reregistered_time"] = of.reregistered_time
    shown |= {
        "resources": values.resources(of.total),
        "used_resources": values.resources(total(by_role(users_on_agent(of)))),
        "offered_resources": values.resources(total(by_role(of.offers.values()))),
        "reserved_resources": values.reserved(of.total),
        "unreserved_resources": values.resources(of.total.unreserved()),
        "active": of.active,
        "deactivated": of.deactivation is not None,
        "version": of.version,
        "capabilities": sorted_capabilities(of.capabilities),
    }
    info = drain_info(of)
    if info is not None:
        shown["drain_info"] = json.to_dict(info)
    if of.drain_started is not None:
        shown["estimated_drain_start_time_seconds"] = of.drain_started
    return shown


def agent_resources(of: AgentState) -> Json:
    """Return an agent's resources in full, by which operators can name them in calls."""
    return {
        "reserved_resources_full": values.reserved_full(of.total),
        "unreserved_resources_full": values.full(of.total.unreserved()),
        "used_resources_full": _allocated_full(by_role(users_on_agent(of))),
        "offered_resources_full": _allocated_full(by_role(of.offers.values())),
    }


def _allocated_full(sums: Mapping[str, Any]) -> list[Json]:
    return [resource for role, resources in sums.items() for resource in values.full(resources, role)]


def executor(of: Executor) -> Json:
    """Return an executor."""
    return objects.executor(executor_info(of), of.resources) | {"slave_id": of.agent_id}


def role(name: str, sums: RoleSums, weight: float, quota: Quota) -> Json:
    """Return a role."""
    held = sums.allocated + sums.offered
    bounds = {
        "role": name,
        "guarantee": values.amounts(quota.guarantees),
        "limit": values.amounts(quota.limits),
        "consumed": values.quantities(sums.consumed),
    }
    return {
        "name": name,
        "weight": weight,
        "quota": bounds,
        "resources": values.quantities(held),
        "allocated": values.quantities(sums.allocated),
        "offered": values.quantities(sums.offered),
        "reserved": values.quantities(sums.reserved),
        "frameworks": list(sums.frameworks),
    }


class _Summary:
    """How many tasks are in which state, and what is at their other end: agents or frameworks."""

    __slots__ = ("_counts", "others")

    def __init__(self) -> None:
        self._counts: dict[TaskState, int] = {}
        self.others: dict[str, None] = {}

    def count(self, task: Task, other: str) -> None:
        self._counts[task.state] = self._counts.get(task.state, 0) + 1
        self.others[other] = None

    def counts(self) -> Json:
        return {state.name: self._counts.get(state, 0) for state in COUNTED_STATES}


def _first_seen(task: Task) -> float:
    """Return when the task's first status was made; tasks without one come first."""
    first = task.statuses[0] if task.statuses else None
    return first.timestamp or 0.0 if first is not None else float("-inf")


def flag_head(flags: Mapping[str, str], names: Iterable[str]) -> Json:
    """Return the flags that the head of /state shows by themselves, then all of them."""
    return {name: flags[name] for name in names if name in flags} | {"flags": dict(sorted(flags.items()))}
