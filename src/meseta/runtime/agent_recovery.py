"""What an agent finds on its disk when it starts: the checkpoints of an earlier life, as its first event.

A directory without its main file is one that the earlier life did not get to finish: it is skipped. A record
cut off at the end of `task.updates` is removed, so that the next one is appended in its place. What is
damaged in any other way stops the start, with the name of the file: tasks may depend on it. Without
`--strict` it is passed over, with the task, executor or framework that it describes. Text files have no
length: after a reboot, which may have been a power cut, nobody is called by a pid that one of them holds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TypeVar

from meseta.agent import paths
from meseta.agent.compatibility import EQUAL, incompatibility, is_changed
from meseta.agent.events import (
    Recovered,
    RecoveredContainer,
    RecoveredDraining,
    RecoveredExecutor,
    RecoveredFramework,
    RecoveredOperation,
    RecoveredTask,
)
from meseta.errors import ConfigError, WireError
from meseta.ids import NO_PID, AgentId, ContainerId, Pid
from meseta.records import AgentInfo
from meseta.resources import Resources
from meseta.runtime.checkpoints import CheckpointError, read_record, read_records, read_text, recover_records
from meseta.runtime.leftovers import leftovers
from meseta.runtime.sandbox import (
    AGENT_INFO,
    EXECUTOR_GENERATED,
    EXECUTOR_INFO,
    EXECUTOR_SENTINEL,
    FRAMEWORK_INFO,
    FRAMEWORK_PID,
    HTTP_MARKER,
    LATEST,
    LIBPROCESS_PID,
    TASK_INFO,
    TASK_UPDATES,
    directories,
)
from meseta.wire.checkpoints import (
    read_agent,
    read_checkpointed_resources,
    read_drain,
    read_executor,
    read_framework,
    read_group,
    read_operations,
    read_task,
    read_updates,
)

ContentT = TypeVar("ContentT")
RecordT = TypeVar("RecordT")
ItemT = TypeVar("ItemT")

Tolerate = Callable[[str], None] | None
"""Told of what is damaged and passed over; None: damage stops the start."""


def recover(
    work_dir: str,
    agent: AgentInfo,
    boot_id: str,
    containers: tuple[RecoveredContainer, ...],
    *,
    policy: str = EQUAL,
    tolerate: Tolerate = None,
) -> Recovered:
    """Return what is to be taken up: the checkpoints below `work_dir`, and the containers that are there.

    `agent` is how the agent is configured now. After a reboot an agent that has changed starts as a new one;
    otherwise its tasks go on, and it may have changed only as `policy` allows (`agent.compatibility`).

    Raises:
        MesetaError: it has changed otherwise, or a checkpoint is damaged.
    """
    directory = os.path.realpath(os.path.join(work_dir, paths.LATEST_AGENT))
    record = read_record(os.path.join(directory, AGENT_INFO))
    if record is None:
        return _anew(work_dir, agent, containers)
    known = _read(read_agent, record, os.path.join(directory, AGENT_INFO))
    rebooted = read_text(os.path.join(work_dir, paths.BOOT_ID)) not in (None, boot_id)
    fault = incompatibility(policy, known, agent)
    if fault is not None:
        if rebooted:
            return _anew(work_dir, agent, containers)
        raise ConfigError(
            f"{fault}. To start it as a new agent, which ends the tasks of the old one, remove "
            f"{os.path.join(work_dir, paths.LATEST_AGENT)}"
        )
    return Recovered(
        agent_id=known.id,
        reconfigured=is_changed(known, agent),
        total=_total(work_dir, agent.resources),
        operations=_operations(work_dir),
        draining=_draining(work_dir, known.id),
        frameworks=tuple(_frameworks(directory, tolerate, rebooted=rebooted)),
        containers=containers,
        garbage=tuple(leftovers(work_dir, known.id)),
    )


def _anew(work_dir: str, agent: AgentInfo, containers: tuple[RecoveredContainer, ...]) -> Recovered:
    """Start as a new agent, with the reservations and volumes of the old one."""
    return Recovered(
        total=_total(work_dir, agent.resources),
        containers=containers,
        garbage=tuple(leftovers(work_dir, None)),
    )


def _draining(work_dir: str, agent_id: AgentId | None) -> RecoveredDraining | None:
    assert agent_id is not None, "an agent is written down when it has its id"
    path = os.path.join(work_dir, paths.drain_config(agent_id))
    record = read_record(path)
    return None if record is None else _read(read_drain, record, path)


def _total(work_dir: str, own: Resources) -> Resources | None:
    path = os.path.join(work_dir, paths.RESOURCES_STATE)
    record = read_record(path)
    if record is None:
        return None
    total = own.with_checkpointed(_read(read_checkpointed_resources, record, path))
    if total is None:
        raise ConfigError(f"{path} tells of reservations that do not fit this agent's resources {own}")
    return total


def _operations(work_dir: str) -> tuple[RecoveredOperation, ...]:
    path = os.path.join(work_dir, paths.RESOURCES_STATE)
    record = read_record(path)
    return () if record is None else _read(read_operations, record, path)


def _frameworks(agent_dir: str, tolerate: Tolerate, *, rebooted: bool) -> Iterator[RecoveredFramework]:
    def read(directory: str) -> RecoveredFramework | None:
        path = os.path.join(directory, FRAMEWORK_INFO)
        record = read_record(path)
        if record is None:
            return None
        return RecoveredFramework(
            info=_read(read_framework, record, path),
            pid=None if rebooted else _pid(os.path.join(directory, FRAMEWORK_PID)),
            executors=tuple(_executors(directory, tolerate, rebooted=rebooted)),
        )

    return _each(os.path.join(agent_dir, "frameworks"), read, tolerate)


def _executors(framework_dir: str, tolerate: Tolerate, *, rebooted: bool) -> Iterator[RecoveredExecutor]:
    def read(directory: str) -> RecoveredExecutor | None:
        path = os.path.join(directory, EXECUTOR_INFO)
        record = read_record(path)
        run = os.path.realpath(os.path.join(directory, "runs", LATEST))
        if record is None or not os.path.isdir(run):
            return None
        tasks = tuple(_each(os.path.join(run, "tasks"), _task, tolerate))
        return RecoveredExecutor(
            info=_read(read_executor, record, path),
            container_id=ContainerId(os.path.basename(run)),
            command_task=_is_generated(read_text(os.path.join(directory, EXECUTOR_GENERATED)), tasks),
            pid=None if rebooted else _pid(os.path.join(run, LIBPROCESS_PID)),
            http=os.path.exists(os.path.join(run, HTTP_MARKER)),
            completed=os.path.exists(os.path.join(run, EXECUTOR_SENTINEL)),
            tasks=tasks,
        )

    return _each(os.path.join(framework_dir, "executors"), read, tolerate)


def _pid(path: str) -> Pid | None:
    pid = read_text(path)
    return Pid(pid) if pid and pid != NO_PID else None


def _is_generated(mark: str | None, tasks: tuple[RecoveredTask, ...]) -> bool:
    """Tell whether an executor was made for its task; if its mark was lost, by what the task came with."""
    if mark == "":
        return any(task.info.executor is None and task.group is None for task in tasks)
    return mark == "1"


def _task(directory: str) -> RecoveredTask | None:
    path = os.path.join(directory, TASK_INFO)
    records, _, truncated = read_records(path)
    if truncated or not records:
        return None
    info = _read(read_task, records, path)
    path = os.path.join(directory, TASK_UPDATES)
    updates, acknowledged = _read(read_updates, recover_records(path), path)
    return RecoveredTask(info=info, updates=updates, acknowledged=acknowledged, group=read_group(records))


def _each(parent: str, read: Callable[[str], ItemT | None], tolerate: Tolerate) -> Iterator[ItemT]:
    """Read every directory in `parent`, without those that are not finished, or damaged if that is borne."""
    for directory in directories(parent):
        try:
            item = read(directory)
        except (ConfigError, CheckpointError) as fault:
            if tolerate is None:
                raise
            tolerate(str(fault))
            continue
        if item is not None:
            yield item


def _read(read: Callable[[ContentT], RecordT], content: ContentT, path: str) -> RecordT:
    try:
        return read(content)
    except WireError as fault:
        raise ConfigError(f"{path} is damaged: {fault}") from None
