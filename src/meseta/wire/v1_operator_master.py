"""What the master's operator API tells of its state: tasks, executors, frameworks, agents, roles.

Objects are messages of `mesos.v1.master`; `MasterAnswers` joins them into answers, keeping what is encoded of
tasks and agents.
Read calls about what nobody has set answer as Mesos does then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meseta.agent.effects import TaskReport
from meseta.master.effects import OfferRecord
from meseta.master.registry import DrainState
from meseta.master.state import AgentState, Executor, FrameworkState, Offer, Operation, State, Task
from meseta.master.sums import (
    RoleSums,
    agent_version,
    by_role,
    role_sums,
    users_of_framework,
    users_on_agent,
)
from meseta.records import FrameworkCapability, FrameworkInfo, TaskInfo, TaskRecord
from meseta.resources import Format, Kind, Resources
from meseta.wire import v1_operator as v1
from meseta.wire.gen import master_pb2 as ma
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.lower import (
    agent_message,
    drain_config,
    executor_message,
    fill_status,
    framework_message,
    nanoseconds,
    operation_status_message,
)
from meseta.wire.maintenance import schedule_message, status_message
from meseta.wire.master_link import task_of
from meseta.wire.quota import quota_status
from meseta.wire.resources import fill_allocation_role, fill_resources
from meseta.wire.scheduler_events import SchedulerEvents
from meseta.wire.v0_json.fragments import Fragments

_R = ma.Response
_SHOWN_TO = FrameworkInfo(
    user="",
    name="",
    capabilities=frozenset({FrameworkCapability.MULTI_ROLE, FrameworkCapability.RESERVATION_REFINEMENT}),
)
"""Operators see offers as a framework with these capabilities does."""


# Objects ----------------------------------------------------------------------------------------------


def task_message(task: Task) -> m.Task:
    """Return a task with its statuses."""
    record = TaskRecord(
        task_id=task.task_id,
        name=task.info.name,
        framework_id=task.framework_id,
        agent_id=task.agent_id,
        executor_id=task.executor_id,
        state=task.state,
        resources=task.resources,
        allocation_role=task.role,
        statuses=task.statuses,
        status_update_state=task.sent_state,
        status_update_uuid=task.sent_uuid,
    )
    info = task.info
    return task_of(TaskReport(record, info)) if isinstance(info, TaskInfo) else _reported(info, record)


def _reported(info: TaskRecord, newest: TaskRecord) -> m.Task:
    """Return a task that an agent has told of, with what has come since."""
    message = m.Task.FromString(info.common)
    message.name = info.name
    message.task_id.value = info.task_id
    message.agent_id.value = info.agent_id
    if info.executor_id is not None:
        message.executor_id.value = info.executor_id
    message.state = newest.state  # type: ignore[assignment]
    fill_allocation_role(message.resources, newest.allocation_role or "*")
    for status in newest.statuses:
        fill_status(message.statuses.add(), status)
    if newest.status_update_state is not None:
        message.status_update_state = newest.status_update_state  # type: ignore[assignment]
    if newest.status_update_uuid is not None:
        message.status_update_uuid = newest.status_update_uuid
    return message


def operation_details(operation: Operation) -> m.Operation:
    """Return an operation whose end is not acknowledged."""
    message = m.Operation(
        info=m.Offer.Operation.FromString(operation.info.raw),
        latest_status=operation_status_message(operation.status),
        statuses=[operation_status_message(status) for status in operation.statuses],
    )
    message.agent_id.value = operation.agent_id
    message.uuid.value = operation.uuid
    if operation.framework_id is not None:
        message.framework_id.value = operation.framework_id
    return message


def executor_info(executor: Executor) -> m.ExecutorInfo:
    """Return an executor's description."""
    return executor_message(executor.info, executor.role, executor.framework_id)


def framework_details(framework: FrameworkState) -> _R.GetFrameworks.Framework:
    """Return a framework without its offers and constraints, as events show it."""
    message = _R.GetFrameworks.Framework(
        framework_info=framework_message(framework.info, framework.id),
        active=framework.active,
        connected=framework.connected,
        recovered=framework.recovered,
    )
    registered = framework.registered_time or 0.0
    message.registered_time.nanoseconds = nanoseconds(registered)
    message.reregistered_time.nanoseconds = nanoseconds(framework.reregistered_time or registered)
    fill_allocated(message.allocated_resources, by_role(users_of_framework(framework)))
    fill_allocated(message.offered_resources, by_role(framework.offers.values()))
    return message


def agent_details(agent: AgentState) -> _R.GetAgents.Agent:
    """Return an agent."""
    message = _R.GetAgents.Agent(
        agent_info=agent_message(agent.info),
        active=agent.active,
        deactivated=agent.deactivation is not None,
        version=agent.version,
        pid=agent.pid,
    )
    message.registered_time.nanoseconds = nanoseconds(agent.registered_time)
    if agent.reregistered_time is not None:
        message.reregistered_time.nanoseconds = nanoseconds(agent.reregistered_time)
    fill_resources(message.total_resources, agent.total, Format.ENDPOINT, None)
    fill_allocated(message.allocated_resources, by_role(users_on_agent(agent)))
    fill_allocated(message.offered_resources, by_role(agent.offers.values()))
    for name in sorted_capabilities(agent.capabilities):
        message.capabilities.add(type=name)
    info = drain_info(agent)
    if info is not None:
        message.drain_info.CopyFrom(info)
    if agent.drain_started is not None:
        message.estimated_drain_start_time.nanoseconds = nanoseconds(agent.drain_started)
    return message


def drain_info(agent: AgentState) -> m.DrainInfo | None:
    """Return how far the draining of an agent is; None: nobody wants it empty."""
    drain = agent.deactivation.drain if agent.deactivation is not None else None
    if drain is None:
        return None
    state = m.DRAINING if drain.state is DrainState.DRAINING else m.DRAINED
    config = drain_config(drain.max_grace_period_s, mark_gone=drain.mark_gone)
    return m.DrainInfo(state=state, config=config)


def sorted_capabilities(names: Iterable[str]) -> list[str]:
    """Return the names of an agent's capabilities in the order of their numbers; unknown ones are dropped."""
    numbers = dict(m.AgentInfo.Capability.Type.items())
    return sorted((name for name in names if name in numbers), key=lambda name: numbers[name])


def fill_allocated(target: Any, sums: Mapping[str, Resources]) -> None:
    """Append resources, role by role."""
    for role, resources in sums.items():
        fill_resources(target, resources, Format.ENDPOINT, role)


# Answers ----------------------------------------------------------------------------------------------


class MasterAnswers:
    """The answers about a master's state in one format, `form`."""

    def __init__(self, form: v1.Form, state: State, offers: SchedulerEvents) -> None:
        self.form = form
        self._state = state
        self._offers = offers
        self._tasks: Fragments[Task, v1.Part] = Fragments(
            lambda task: form.one(task_message(task)),
            lambda task: (task.state, task.statuses, task.sent_uuid),
        )
        self._agents: Fragments[AgentState, v1.Part] = Fragments(
            lambda agent: form.one(agent_details(agent)), agent_version
        )

    def state(self) -> bytes:
        """Answer GET_STATE."""
        return self._answer("get_state", self.state_part())

    def tasks(self) -> bytes:
        """Answer GET_TASKS."""
        return self._answer("get_tasks", self._tasks_part())

    def executors(self) -> bytes:
        """Answer GET_EXECUTORS."""
        return self._answer("get_executors", self._executors_part())

    def frameworks(self) -> bytes:
        """Answer GET_FRAMEWORKS."""
        return self._answer("get_frameworks", self._frameworks_part())

    def agents(self) -> bytes:
        """Answer GET_AGENTS."""
        return self._answer("get_agents", self._agents_part())

    def roles(self) -> bytes:
        """Answer GET_ROLES."""
        roles = [self._role(name, sums) for name, sums in role_sums(self._state).items()]
        return self._answer("get_roles", self.form.one(_R.GetRoles(roles=roles)))

    def weights(self) -> bytes:
        """Answer GET_WEIGHTS."""
        weights = self._state.weights
        infos = [m.WeightInfo(role=role, weight=weights[role]) for role in sorted(weights)]
        return self._answer("get_weights", self.form.one(_R.GetWeights(weight_infos=infos)))

    def master(self, info: m.MasterInfo, start_time: float, elected_time: float) -> bytes:
        """Answer GET_MASTER; times are seconds since the epoch."""
        body = _R.GetMaster(master_info=info, start_time=start_time, elected_time=elected_time)
        return self._answer("get_master", self.form.one(body))

    def operations(self) -> bytes:
        """Answer GET_OPERATIONS."""
        known = [
            operation_details(operation)
            for agent in self._state.agents.values()
            for operation in agent.operations.values()
        ]
        return self._answer("get_operations", self.form.one(_R.GetOperations(operations=known)))

    def quota(self) -> bytes:
        """Answer GET_QUOTA."""
        body = _R.GetQuota(status=quota_status(self._state.quotas))
        return self._answer("get_quota", self.form.one(body))

    def maintenance_status(self) -> bytes:
        """Answer GET_MAINTENANCE_STATUS."""
        body = _R.GetMaintenanceStatus(status=status_message(self._state))
        return self._answer("get_maintenance_status", self.form.one(body))

    def maintenance_schedule(self) -> bytes:
        """Answer GET_MAINTENANCE_SCHEDULE."""
        body = _R.GetMaintenanceSchedule(schedule=schedule_message(self._state))
        return self._answer("get_maintenance_schedule", self.form.one(body))

    def task_part(self, task: Task) -> v1.Part:
        """Return one task."""
        return self._tasks.get(task)

    def state_part(self) -> v1.Part:
        """Return tasks, executors, frameworks and agents together."""
        parts: dict[str, v1.Parts] = {
            "get_tasks": self._tasks_part(),
            "get_executors": self._executors_part(),
            "get_frameworks": self._frameworks_part(),
            "get_agents": self._agents_part(),
        }
        return self.form.join(_R.GetState(), parts)

    def _answer(self, field: str, part: v1.Part) -> bytes:
        return v1.answer(self.form, _R, field, part)

    def _tasks_part(self) -> v1.Part:
        live = list(self._state.frameworks.values())
        over = list(self._state.completed_frameworks.values())
        part = self._tasks.get
        parts: dict[str, v1.Parts] = {
            "tasks": [part(task) for framework in live for task in framework.tasks.values()],
            "unreachable_tasks": [
                part(task) for framework in live for task in framework.unreachable_tasks.values()
            ],
            "completed_tasks": [
                part(task) for framework in live + over for task in framework.completed_tasks
            ],
        }
        self._tasks.limit(sum(map(len, parts.values())))
        return self.form.join(_R.GetTasks(), parts)

    def _executors_part(self) -> v1.Part:
        body = _R.GetExecutors()
        for framework in self._state.frameworks.values():
            for agent_id, executors in framework.executors.items():
                for executor in executors.values():
                    item = body.executors.add(executor_info=executor_info(executor))
                    item.agent_id.value = agent_id
        return self.form.one(body)

    def _frameworks_part(self) -> v1.Part:
        state = self._state
        body = _R.GetFrameworks(
            frameworks=[self._framework(framework) for framework in state.frameworks.values()],
            completed_frameworks=[self._framework(f) for f in state.completed_frameworks.values()],
        )
        return self.form.one(body)

    def _framework(self, framework: FrameworkState) -> _R.GetFrameworks.Framework:
        message = framework_details(framework)
        if framework.unregistered_time is not None:
            message.unregistered_time.nanoseconds = nanoseconds(framework.unregistered_time)
        message.offers.extend(self._offer(offer) for offer in framework.offers.values())
        message.offer_constraints.CopyFrom(constraints_message(framework))
        return message

    def _offer(self, offer: Offer) -> m.Offer:
        agent = self._state.agents[offer.agent_id]
        executor_ids = tuple(agent.executors.get(offer.framework_id, {}))
        record = OfferRecord(
            offer.id, offer.framework_id, offer.role, agent.offered, offer.resources, executor_ids
        )
        return self._offers.offer(record, _SHOWN_TO)

    def _agents_part(self) -> v1.Part:
        state = self._state
        parts: dict[str, v1.Parts] = {
            "agents": [self._agents.get(agent) for agent in state.agents.values()],
            "recovered_agents": [
                self.form.one(agent_message(info)) for info in state.recovered_agents.values()
            ],
        }
        self._agents.limit(len(state.agents))
        return self.form.join(_R.GetAgents(), parts)

    def _role(self, name: str, sums: RoleSums) -> m.Role:
        message = m.Role(name=name, weight=self._state.weights.get(name, 1.0))
        for framework_id in sums.frameworks:
            message.frameworks.add(value=framework_id)
        totals = (sums.allocated + sums.offered).quantities()
        scalars = Resources.of([(Kind(name), totals[name]) for name in sorted(totals)])
        fill_resources(message.resources, scalars, Format.POST, None)
        return message


def constraints_message(framework: FrameworkState) -> s.OfferConstraints:
    """Return which agents the framework wants to be offered; empty if it wants all."""
    constraints = framework.constraints
    return s.OfferConstraints.FromString(constraints.raw if constraints is not None else b"")
