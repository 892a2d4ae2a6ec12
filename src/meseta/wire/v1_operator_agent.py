"""What the agent's operator API tells of its state: tasks, executors, frameworks, containers, the agent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from meseta.agent.reports import operation_report, task_report
from meseta.agent.state import Executor, Framework, State, Task, TaskPhase
from meseta.ids import ContainerId, ExecutorId, FrameworkId
from meseta.records import AgentInfo, TaskState
from meseta.resources import Format
from meseta.wire import v1_operator as v1
from meseta.wire.container_ids import fill_container_id
from meseta.wire.gen import agent_pb2 as a
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lower import (
    agent_message,
    drain_config,
    executor_message,
    fill_domain,
    framework_message,
    nanoseconds,
)
from meseta.wire.lower_attributes import fill_attribute
from meseta.wire.master_link import operation_of, task_of
from meseta.wire.resources import fill_resources

Statistics = Mapping[str, float | int]
"""Fields of ResourceStatistics by name."""

_NO_LIMITS: Statistics = {}
_R = a.Response
_MIB = 1 << 20


# Objects ----------------------------------------------------------------------------------------------


def frameworks_of(state: State) -> Iterator[Framework]:
    """Yield the frameworks that run here, then those that did."""
    yield from state.frameworks.values()
    yield from state.completed_frameworks.values()


def task_message(state: State, framework: Framework, executor: Executor, task: Task) -> m.Task:
    """Return a task with its statuses, without the data in them."""
    message = task_of(task_report(state, framework, executor, task))
    for status in message.statuses:
        status.ClearField("data")
    return message


def executor_info(framework: Framework, executor: Executor) -> m.ExecutorInfo:
    """Return an executor's description; that of a command executor is made up by the agent."""
    info = executor.info
    if info.raw:
        return executor_message(info, info.allocation_role, framework.id)
    message = m.ExecutorInfo(name=info.name, source=info.source)
    message.executor_id.value = info.executor_id
    message.framework_id.value = framework.id
    if info.command is not None:
        message.command.shell = info.command.shell
        if info.command.value is not None:
            message.command.value = info.command.value
        message.command.arguments.extend(info.command.arguments)
    fill_resources(message.resources, info.resources, Format.POST, info.allocation_role)
    for task in (*executor.tasks.values(), *executor.completed):
        labels = m.TaskInfo.FromString(task.info.raw)
        if labels.HasField("labels"):
            message.labels.CopyFrom(labels.labels)
    return message


def agent_info(info: AgentInfo) -> m.AgentInfo:
    """Return the agent's description of itself."""
    if info.raw:
        return agent_message(info)
    message = m.AgentInfo(hostname=info.hostname, port=info.port)
    if info.id is not None:
        message.id.value = info.id
    fill_resources(message.resources, info.resources, Format.POST, None)
    for attribute in info.attributes:
        fill_attribute(message.attributes.add(), attribute)
    if info.domain is not None:
        fill_domain(message.domain, info.domain)
    return message


class ShownContainer(NamedTuple):
    """A container as endpoints show it; without an executor it is a standalone one."""

    id: ContainerId
    pid: int | None
    framework_id: FrameworkId | None = None
    executor_id: ExecutorId | None = None
    executor_name: str = ""
    source: str = ""
    limits: Statistics = _NO_LIMITS
    """What its executor may use."""

    @property
    def status(self) -> m.ContainerStatus:
        """What is known of it."""
        message = m.ContainerStatus()
        fill_container_id(message.container_id, self.id)
        if self.pid is not None:
            message.executor_pid = self.pid
        return message


def containers(state: State, *, nested: bool, standalone: bool) -> list[ShownContainer]:
    """Return the containers of executors, and on demand those in them and those of nobody."""
    shown = []
    for framework in state.frameworks.values():
        for executor in framework.executors.values():
            mine = ShownContainer(
                id=executor.container_id,
                pid=_pid(state, executor),
                framework_id=framework.id,
                executor_id=executor.id,
                executor_name=executor.info.name,
                source=executor.info.source,
                limits=_limits(executor),
            )
            shown.append(mine)
            if nested:
                prefix = f"{executor.container_id}."
                inner = (each for each in state.containers if each.id.startswith(prefix))
                shown += [mine._replace(id=each.id, pid=each.pid, limits={}) for each in inner]
    if standalone:
        shown += [
            ShownContainer(each.id, each.pid)
            for each in state.containers
            if "." not in each.id and each.id not in state.owners
        ]
    return shown


def _pid(state: State, executor: Executor) -> int | None:
    container = state.containers.get(executor.container_id)
    return executor.pid if container is None or container.pid is None else container.pid


def _limits(executor: Executor) -> Statistics:
    """Return what the executor and its tasks may use, in the fields of Mesos's posix isolators."""
    allocated = executor.allocated()
    mem_bytes = allocated.scalar("mem") * _MIB // 1000
    return {
        "cpus_soft_limit": allocated.scalar("cpus") / 1000,
        "mem_limit_bytes": mem_bytes,
        "mem_soft_limit_bytes": mem_bytes,
    }


def statistics(of: ShownContainer, measured: Mapping[ContainerId, Statistics]) -> m.ResourceStatistics | None:
    """Return what the container uses, if that could be measured, with its limits."""
    fields = measured.get(of.id)
    return None if fields is None else m.ResourceStatistics(**{**of.limits, **fields})  # type: ignore[arg-type]


# Answers ----------------------------------------------------------------------------------------------


class AgentAnswers:
    """The answers about an agent's state in one format, `form`."""

    def __init__(self, form: v1.Form, state: State) -> None:
        self.form = form
        self._state = state

    def state(self) -> bytes:
        """Answer GET_STATE."""
        body = _R.GetState(
            get_tasks=self._tasks(), get_executors=self._executors(), get_frameworks=self._frameworks()
        )
        return self._answer("get_state", body)

    def tasks(self) -> bytes:
        """Answer GET_TASKS."""
        return self._answer("get_tasks", self._tasks())

    def executors(self) -> bytes:
        """Answer GET_EXECUTORS."""
        return self._answer("get_executors", self._executors())

    def frameworks(self) -> bytes:
        """Answer GET_FRAMEWORKS."""
        return self._answer("get_frameworks", self._frameworks())

    def agent(self) -> bytes:
        """Answer GET_AGENT."""
        body = _R.GetAgent(agent_info=agent_info(self._state.info()))
        draining = self._state.draining
        if draining is not None:
            config = drain_config(draining.max_grace_period_s, mark_gone=draining.mark_gone)
            body.drain_config.CopyFrom(config)
            body.estimated_drain_start_time.nanoseconds = nanoseconds(draining.since)
        return self._answer("get_agent", body)

    def operations(self) -> bytes:
        """Answer GET_OPERATIONS."""
        known = [operation_of(operation_report(each)) for each in self._state.operations.values()]
        return self._answer("get_operations", _R.GetOperations(operations=known))

    def resource_providers(self) -> bytes:
        """Answer GET_RESOURCE_PROVIDERS: there are none."""
        return self._answer("get_resource_providers", _R.GetResourceProviders())

    def containers(
        self, shown: Iterable[ShownContainer], measured: Mapping[ContainerId, Statistics]
    ) -> bytes:
        """Answer GET_CONTAINERS."""
        body = _R.GetContainers(containers=[_container(each, measured) for each in shown])
        return self._answer("get_containers", body)

    def waited(self, field: str, wait_status: int | None, state: str | None, message: str) -> bytes:
        """Answer WAIT_CONTAINER or WAIT_NESTED_CONTAINER: `field` says which."""
        body = _R.WaitContainer() if field == "wait_container" else _R.WaitNestedContainer()
        if wait_status is not None:
            body.exit_status = wait_status
        if state is not None:
            body.state = TaskState[state]  # type: ignore[assignment]
        if message:
            body.message = message
        return self._answer(field, body)

    def _answer(self, field: str, body: Any) -> bytes:
        return v1.answer(self.form, _R, field, self.form.one(body))

    def _tasks(self) -> _R.GetTasks:
        body = _R.GetTasks()
        lists = {
            TaskPhase.QUEUED: body.queued_tasks,
            TaskPhase.LAUNCHED: body.launched_tasks,
            TaskPhase.TERMINATED: body.terminated_tasks,
        }
        for framework in frameworks_of(self._state):
            for executor in (*framework.executors.values(), *framework.completed):
                for task in executor.tasks.values():
                    lists[task.phase].append(task_message(self._state, framework, executor, task))
                body.completed_tasks.extend(
                    task_message(self._state, framework, executor, task) for task in executor.completed
                )
        return body

    def _executors(self) -> _R.GetExecutors:
        body = _R.GetExecutors()
        for framework in frameworks_of(self._state):
            for executor in framework.executors.values():
                body.executors.add(executor_info=executor_info(framework, executor))
            for executor in framework.completed:
                body.completed_executors.add(executor_info=executor_info(framework, executor))
        return body

    def _frameworks(self) -> _R.GetFrameworks:
        body = _R.GetFrameworks()
        for framework in self._state.frameworks.values():
            body.frameworks.add(framework_info=framework_message(framework.info))
        for framework in self._state.completed_frameworks.values():
            body.completed_frameworks.add(framework_info=framework_message(framework.info))
        return body


def _container(of: ShownContainer, measured: Mapping[ContainerId, Statistics]) -> _R.GetContainers.Container:
    message = _R.GetContainers.Container(container_status=of.status)
    message.container_id.value = of.id.rpartition(".")[2]  # the status names the parents too
    if of.framework_id is not None and of.executor_id is not None:
        message.framework_id.value = of.framework_id
        message.executor_id.value = of.executor_id
        message.executor_name = of.executor_name
    used = statistics(of, measured)
    if used is not None:
        message.resource_statistics.CopyFrom(used)
    return message
