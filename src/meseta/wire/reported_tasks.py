"""Tasks as agents report them when they come back.

Most are like others in all but their own fields, and are recognised as such (`meseta.wire.stencils`). Others
are read as shallowly as can be: a task is taken apart, and what is left without its own fields is looked up,
and read only when it is new. Nothing is believed because of that: what is kept as bytes is complete and
well-formed all the way down, as `parse` would have demanded of the whole.
"""

from __future__ import annotations

from typing import NamedTuple

from meseta.ids import AgentId, ExecutorId, FrameworkId, TaskId
from meseta.records import LateStatuses, TaskRecord, TaskState, TaskStatus
from meseta.resources import Resources
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import shallow_pb2 as shallow
from meseta.wire.holes import Hole, find_holes, own_fields
from meseta.wire.lift import STATES, check_status, lift_status, shared
from meseta.wire.parsing import parse
from meseta.wire.resources import lift_resources
from meseta.wire.shallow_parts import ABSENT, parse_shallow, read_id, remember
from meseta.wire.splice import field
from meseta.wire.stencils import Stencils

Names = dict[bytes, AgentId]
"""The ids of agents in one message, of which there should be one, by their bytes."""


def lift_task_record(raw: bytes, names: Names) -> TaskRecord:
    """Lift a task that exists, as an agent reports it: a Task of v1. `names` may hold ids of agents.

    Raises:
        WireError: it is no task.
    """
    fit = _alike.fit(raw)
    if fit is None:
        return _read(raw)
    (common, executor, agent, uuid, where, count), own = fit
    framework_id, state, sent_state, resources, role, resources_fault, rest = common
    return TaskRecord(
        task_id=TaskId(own[1].decode()),
        name=own[0].decode(),
        framework_id=framework_id,
        agent_id=names.get(own[agent]) or _learn_agent_id(own[agent], names),
        executor_id=None if executor is None else ExecutorId(own[executor].decode()),
        state=state,
        resources=resources,
        allocation_role=role,
        statuses=LateStatuses(raw[where], count, _lift_checked) if count else (),
        status_update_state=sent_state,
        status_update_uuid=None if uuid is None else own[uuid] or None,
        resources_fault=resources_fault,
        common=rest,
    )


class _Common(NamedTuple):
    """What tasks have in common that differ in nothing but their own fields."""

    framework_id: FrameworkId
    state: TaskState
    sent_state: TaskState | None
    resources: Resources
    role: str | None
    resources_fault: str | None
    raw: bytes
    """See `TaskRecord.common`."""


def _lift_checked(raw: bytes) -> tuple[TaskStatus, ...]:
    """Lift statuses that are kept: without their data, which is for their framework only."""
    statuses = m.Task.FromString(raw).statuses
    for status in statuses:
        status.ClearField("data")
    return tuple([lift_status(status) for status in statuses])


# ── like one before ───────────────────────────────────────────────────────────────────────────────────

_OWN = own_fields(
    m.Task,
    {
        "name": "",
        "task_id.value": "id",
        "executor_id.value": "id",  # That of a command task is named as the task is.
        "agent_id.value": "agent",
        "status_update_uuid": "",
        "statuses.task_id.value": "id",
        "statuses.agent_id.value": "agent",
        "statuses.executor_id.value": "id",
        "statuses.timestamp": "",
        "statuses.uuid": "",
        "statuses.container_status.network_infos.ip_addresses.ip_address": "address",
        "statuses.container_status.executor_pid": "pid",
        "statuses.container_status.container_id.value": "container",
        "statuses.container_status.container_id.parent.value": "container",
    },
)
_STATUSES = own_fields(m.Task, {"statuses": ""})


class _Like(NamedTuple):
    """What is known of tasks that are alike. The first two of their own values are their name and id."""

    common: _Common
    executor: int | None
    agent: int
    uuid: int | None
    """Which of their values these are."""
    statuses: slice
    """Where all of them are in a task's bytes."""
    status_count: int


_alike: Stencils[_Like] = Stencils(_OWN)


def _learn_agent_id(text: bytes, names: Names) -> AgentId:
    id = names[text] = shared(AgentId, text.decode())
    return id


def _describe(raw: bytes, common: _Common, holes: tuple[Hole, ...]) -> _Like | None:
    """Say what is known of tasks like one that was read; None if something in it is unusual."""
    paths = [hole.own.path for hole in holes]
    once = [path for path in paths if not path.startswith("statuses.")]
    if paths[:2] != ["name", "task_id.value"] or "agent_id.value" not in once or len(set(once)) < len(once):
        return None
    statuses = find_holes(raw, _STATUSES)
    where = _place(raw, statuses)
    if where is None:
        return None
    executor, uuid = _index(paths, "executor_id.value"), _index(paths, "status_update_uuid")
    return _Like(common, executor, paths.index("agent_id.value"), uuid, where, len(statuses))


def _place(raw: bytes, statuses: tuple[Hole, ...]) -> slice | None:
    """Return where all statuses are in a task's bytes; None if they are not in one place."""
    if not statuses:
        return slice(0, 0)
    told = [raw[hole.start : hole.end] for hole in statuses]
    where = slice(statuses[0].end - len(_written(told[:1])), statuses[-1].end)
    return where if raw[where] == _written(told) else None


def _written(statuses: list[bytes]) -> bytes:
    return b"".join([field(m.Task.STATUSES_FIELD_NUMBER, status) for status in statuses])


def _index(paths: list[str], path: str) -> int | None:
    return paths.index(path) if path in paths else None


# ── unlike all before ─────────────────────────────────────────────────────────────────────────────────

_STAND_INS = m.Task(
    task_id=m.TaskID(value=""), name="", agent_id=m.AgentID(value="")
).SerializePartialToString()
"""For a task's own fields that it must have."""

_ALL_STAND_INS = (
    _STAND_INS + m.Task(framework_id=m.FrameworkID(value=""), state=m.TASK_STAGING).SerializePartialToString()
)

_commons: dict[bytes, _Common] = {}


def _read(raw: bytes) -> TaskRecord:
    """Lift a task, and remember what it has in common with others."""
    task = parse_shallow(shallow.ShallowTask, m.Task, raw)
    name, task_id, executor_id, agent_id = task.name, task.task_id, task.executor_id, task.agent_id
    statuses, uuid = task.statuses[:], task.status_update_uuid
    if not (name or task.HasField("name")):
        parse(m.Task, raw)
    for own in ("name", "task_id", "agent_id", "statuses", "status_update_uuid"):
        task.ClearField(own)
    if executor_id != ABSENT:  # One that is those very bytes is no id, and stays to be refused.
        task.ClearField("executor_id")
    rest = task.SerializePartialToString()
    common = _commons.get(rest) or _lift_common(rest)
    record = TaskRecord(
        task_id=TaskId(read_id(m.TaskID, task_id)),
        name=name,
        framework_id=common.framework_id,
        agent_id=shared(AgentId, read_id(m.AgentID, agent_id)),
        executor_id=None if executor_id == ABSENT else ExecutorId(read_id(m.ExecutorID, executor_id)),
        state=common.state,
        resources=common.resources,
        allocation_role=common.role,
        statuses=_late(statuses) if statuses else (),
        status_update_state=common.sent_state,
        status_update_uuid=uuid or None,
        resources_fault=common.resources_fault,
        common=common.raw,
    )
    _alike.learn(raw, lambda holes: _describe(raw, common, holes))
    return record


def _late(statuses: list[bytes]) -> LateStatuses:
    written = _written(statuses)
    for status in parse(m.Task, _ALL_STAND_INS + written).statuses:  # As deep within as they are lifted.
        check_status(status)
    return LateStatuses(written, len(statuses), _lift_checked)


def _lift_common(rest: bytes) -> _Common:
    task = parse(m.Task, _STAND_INS + rest)
    bare = shallow.ShallowTask.FromString(rest)
    for told in ("state", "status_update_state"):
        bare.ClearField(told)
    held = lift_resources(task.resources)
    common = _Common(
        framework_id=shared(FrameworkId, task.framework_id.value),
        state=STATES[task.state],
        sent_state=STATES[task.status_update_state] if task.HasField("status_update_state") else None,
        resources=held.resources,
        role=held.role,
        resources_fault=held.held_fault,
        raw=bare.SerializePartialToString(),
    )
    remember(_commons, rest, common, len(rest))
    return common
