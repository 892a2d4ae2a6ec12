"""The agent's v0 endpoints, from its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from meseta.agent.state import Executor, Framework, State, Task, TaskPhase
from meseta.ids import ContainerId
from meseta.resources import EMPTY
from meseta.wire import json
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lower import framework_message
from meseta.wire.v0_json import objects, values
from meseta.wire.v1_operator_agent import (
    ShownContainer,
    Statistics,
    containers,
    executor_info,
    statistics,
    task_message,
)

Json = dict[str, Any]


class AgentV0:
    """The bodies of the agent's v0 endpoints, as JSON text."""

    def __init__(self, state: State) -> None:
        self._state = state

    def state(self, head: Json, flags: Json, work_dir: str) -> bytes:
        """Return /state: `head` is what it says of the agent itself, `flags` what follows its resources."""
        state = self._state
        allocated = EMPTY
        for framework in state.frameworks.values():
            for executor in framework.executors.values():
                allocated += executor.allocated()
        shown = head | {
            "resources": values.resources(state.total),
            "reserved_resources": values.reserved(state.total),
            "unreserved_resources": values.resources(state.total.unreserved()),
            "reserved_resources_full": values.reserved_full(state.total),
            "unreserved_resources_full": values.full(state.total.unreserved()),
            "reserved_resources_allocated": values.reserved(allocated),
            "unreserved_resources_allocated": values.resources(allocated.unreserved()),
            "resource_providers": [],
            "attributes": values.attributes(state.config.attributes),
        }
        shown |= flags
        shown["frameworks"] = [self._framework(each, work_dir) for each in state.frameworks.values()]
        shown["completed_frameworks"] = [
            self._framework(each, work_dir) for each in state.completed_frameworks.values()
        ]
        return msgspec.json.encode(shown)

    def containers(
        self,
        measured: Mapping[ContainerId, Statistics],
        container_id: str | None,
        framework_id: str | None,
        executor_id: str | None,
    ) -> bytes:
        """Return /containers: those of executors, of which ids may select some."""
        shown = [
            _container(each, measured)
            for each in containers(self._state, nested=False, standalone=False)
            if container_id in (None, each.id)
            and framework_id in (None, each.framework_id)
            and executor_id in (None, each.executor_id)
        ]
        return msgspec.json.encode(shown, order="sorted")

    def usage(self, measured: Mapping[ContainerId, Statistics]) -> bytes:
        """Return /monitor/statistics: what executors use."""
        shown = []
        for each in containers(self._state, nested=False, standalone=False):
            used = statistics(each, measured)
            if used is not None:
                shown.append(_executor_ids(each) | {"statistics": json.to_dict(used)})
        return msgspec.json.encode(shown, order="sorted")

    def _framework(self, of: Framework, work_dir: str) -> Json:
        message = framework_message(of.info)
        shown: Json = {
            "id": of.id,
            "name": of.info.name,
            "user": of.info.user,
            "failover_timeout": of.info.failover_timeout_s,
            "checkpoint": of.info.checkpoint,
            "hostname": of.info.hostname,
        }
        if of.info.principal is not None:
            shown["principal"] = of.info.principal
        shown |= objects.framework_roles(message)
        shown["executors"] = [self._executor(of, each, work_dir) for each in of.executors.values()]
        shown["completed_executors"] = [self._executor(of, each, work_dir) for each in of.completed]
        return shown

    def _executor(self, framework: Framework, of: Executor, work_dir: str) -> Json:
        ended = [each for each in of.tasks.values() if each.phase is TaskPhase.TERMINATED]
        launched = [each for each in of.tasks.values() if each.phase is TaskPhase.LAUNCHED]
        queued = [each for each in of.tasks.values() if each.phase is TaskPhase.QUEUED]
        role = of.info.allocation_role  # a command executor has one without resources of its own
        return {
            "id": of.id,
            "name": of.info.name,
            "source": of.info.source,
            "container": of.container_id,
            "directory": f"{work_dir}/{of.directory}",
            "resources": values.resources(of.allocated()),
            **({} if role is None else {"role": role}),
            **objects.executor_extras(executor_info(framework, of)),
            "tasks": [self._task(framework, of, each) for each in launched],
            "queued_tasks": [
                objects.task_info(m.TaskInfo.FromString(each.info.raw), each.info.resources)
                for each in queued
            ],
            "completed_tasks": [self._task(framework, of, each) for each in (*of.completed, *ended)],
        }

    def _task(self, framework: Framework, executor: Executor, of: Task) -> Json:
        message = task_message(self._state, framework, executor, of)
        return objects.task(message, of.info.resources)


def _container(of: ShownContainer, measured: Mapping[ContainerId, Statistics]) -> Json:
    shown = _executor_ids(of) | {
        "container_id": of.id.rpartition(".")[2],
        "status": json.to_dict(of.status),
    }
    used = statistics(of, measured)
    return shown if used is None else shown | {"statistics": json.to_dict(used)}


def _executor_ids(of: ShownContainer) -> Json:
    if of.executor_id is None:
        return {}
    return {
        "executor_id": of.executor_id,
        "executor_name": of.executor_name,
        "framework_id": of.framework_id,
        "source": of.source,
    }
