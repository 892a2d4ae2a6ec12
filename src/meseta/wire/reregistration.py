"""What an agent says when it comes back: who it is, and all that it runs.

After a failover every agent of the cluster says so to one new master, with every task that it has. That is
the largest thing that a master ever has to read at once, so it is read as shallowly as it can be
(`shallow.proto`): the message and its tasks are taken apart, and most of what is within them is met again and
again in the same bytes: resources, descriptions of frameworks, ids, labels. Such bytes are looked up, and
read only when they are new. Nothing is believed because of that: what is kept as bytes is complete and
well-formed all the way down, as `parse` would have demanded of the whole.

A field that is there twice, which no encoder writes, counts as it came last, and is kept so, too.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import msgspec
from google.protobuf.message import DecodeError

from meseta.errors import WireError
from meseta.ids import AgentId, ExecutorId, FrameworkId, Pid, TaskId, id_fault, is_uuid
from meseta.master import events as e
from meseta.records import AgentInfo, ExecutorInfo, LateStatuses, TaskRecord, TaskState, TaskStatus
from meseta.resources import Resources
from meseta.wire.agent_faults import held_fault, reregistration_fault
from meseta.wire.faults import Fault, first
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import shallow_pb2 as shallow
from meseta.wire.lift import (
    STATES,
    agent_capabilities,
    check_status,
    lift_agent,
    lift_executor,
    lift_status,
    shared,
)
from meseta.wire.parsing import parse
from meseta.wire.reported import reported_framework
from meseta.wire.resources import lift_resource_bytes, lift_resources
from meseta.wire.splice import field

ABSENT = b"-"
"""The default in `shallow.proto`."""

REMEMBERED_MAX = 10_000
"""Entries of each memory here; then it is emptied."""
REMEMBERED_BYTES_MAX = 4096
"""What is longer is not remembered."""

Names = dict[bytes, AgentId]
"""The ids of agents in one message, of which there should be one, by their bytes."""

KeyT = TypeVar("KeyT", bytes, tuple[bytes, ...])
ValueT = TypeVar("ValueT")


def lift_reregistration(body: bytes, sender: Pid, principal: str | None) -> e.ReregistrationRequested:
    """Lift a ReregisterSlaveMessage.

    Raises:
        WireError: it is none, or does not say which agent comes back.
    """
    message = _parse(shallow.ShallowReregistration, i.ReregisterSlaveMessage, body)
    info, agent_fault = _lift_agent(message.slave)
    if info.id is None:
        raise WireError(f"{sender} wants to re-register but does not say which agent it was")
    checkpointed = lift_resource_bytes(tuple(message.checkpointed_resources[:]))
    frameworks = [reported_framework(raw) for raw in message.frameworks[:]]
    executors = [_lift_executor(raw) for raw in message.executor_infos[:]]
    names: Names = {}
    event = e.ReregistrationRequested(
        sender=sender,
        info=info,
        version=message.version,
        capabilities=_lift_capabilities(tuple(message.agent_capabilities[:])),
        checkpointed=checkpointed.resources,
        resource_version=_lift_uuid(message.resource_version_uuid),
        registration=request_name(_lift_uuid(message.registration_uuid)),
        frameworks=tuple([info for info, _ in frameworks]),
        executors=tuple([info for info, _ in executors]),
        tasks=tuple([lift_task_record(task, names) for task in message.tasks]),
        completed=tuple([_lift_completed(raw) for raw in message.completed_frameworks[:]]),
        principal=principal,
    )
    fault = reregistration_fault(
        event,
        first(agent_fault, checkpointed.fault),
        first(*[fault for _, fault in frameworks]),
        first(*[fault for _, fault in executors]),
    )
    return event if fault is None else msgspec.structs.replace(event, fault=fault)


# ── agents ────────────────────────────────────────────────────────────────────────────────────────────

_AGENT_STAND_INS = i.SlaveInfo(hostname="").SerializeToString()
_machines: dict[bytes, tuple[AgentInfo, Fault]] = {}


def _lift_agent(raw: bytes) -> tuple[AgentInfo, Fault]:
    """Lift what an agent says of itself, and say what is wrong with it. Most machines are like others."""
    agent = _parse(shallow.ShallowAgent, i.SlaveInfo, raw)
    hostname, port, id = agent.hostname, agent.port, _id(m.AgentID, agent.id) if agent.id else ""
    if not (hostname or agent.HasField("hostname")):
        parse(i.SlaveInfo, raw)
    for own in ("hostname", "port", "id"):
        agent.ClearField(own)
    machine, fault = _lift_machine(agent.SerializePartialToString())
    info = AgentInfo(
        hostname=hostname,
        port=port,
        resources=machine.resources,
        attributes=machine.attributes,
        id=AgentId(id) if id else None,
        domain=machine.domain,
        raw=raw,
    )
    wrong = id_fault(id) if id else None
    return info, fault if wrong is None else f"its ID is invalid: {wrong}"


def _lift_machine(raw: bytes) -> tuple[AgentInfo, Fault]:
    known = _machines.get(raw)
    if known is None:
        slave = parse(i.SlaveInfo, _AGENT_STAND_INS + raw)
        known = lift_agent(slave), lift_resources(slave.resources).fault
        _remember(_machines, raw, known, len(raw))
    return known


# ── tasks ─────────────────────────────────────────────────────────────────────────────────────────────

OWN_FIELDS = ("task_id", "name", "agent_id", "statuses", "status_update_uuid")
"""Fields that differ from task to task; so does `executor_id`, where there is one."""

_TASK_STAND_INS = m.Task(
    task_id=m.TaskID(value=""), name="", agent_id=m.AgentID(value="")
).SerializePartialToString()
"""For those of them that every task must have."""


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


_commons: dict[bytes, _Common] = {}


def lift_task_record(task: shallow.ShallowTask, names: Names) -> TaskRecord:
    """Lift a task that exists, as an agent reports it: a Task of v1. `names` may hold ids of agents.

    What is its own is taken out of `task`: the rest is what it has in common with others.

    Raises:
        WireError: it is no task.
    """
    name, task_id, executor_id, agent = task.name, task.task_id, task.executor_id, task.agent_id
    statuses, sent_uuid = task.statuses[:], task.status_update_uuid
    if not (name or task.HasField("name")):
        parse(m.Task, task.SerializePartialToString())
    clear = task.ClearField
    for own in OWN_FIELDS:
        clear(own)
    if executor_id != ABSENT:
        clear("executor_id")
    rest = task.SerializePartialToString()
    common = _commons.get(rest) or _lift_common(rest)
    framework_id, state, sent_state, resources, role, resources_fault, raw = common
    return TaskRecord(
        task_id=TaskId(_id(m.TaskID, task_id)),
        name=name,
        framework_id=framework_id,
        agent_id=names.get(agent) or _learn_agent_id(agent, names),
        executor_id=None if executor_id == ABSENT else ExecutorId(_id(m.ExecutorID, executor_id)),
        state=state,
        resources=resources,
        allocation_role=role,
        statuses=_late(statuses) if statuses else (),
        status_update_state=sent_state,
        status_update_uuid=sent_uuid or None,
        resources_fault=resources_fault,
        common=raw,
    )


def _late(statuses: list[bytes]) -> LateStatuses:
    for raw in statuses:
        check_status(parse(m.TaskStatus, raw))
    return LateStatuses(tuple(statuses), _lift_checked_status)


def _lift_checked_status(raw: bytes) -> TaskStatus:
    """Lift a status that is kept: without its data, which is for its framework only."""
    status = m.TaskStatus.FromString(raw)
    status.ClearField("data")
    return lift_status(status)


def _lift_common(rest: bytes) -> _Common:
    task = parse(m.Task, _TASK_STAND_INS + rest)
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
    _remember(_commons, rest, common, len(rest))
    return common


def _lift_completed(raw: bytes) -> e.CompletedFramework:
    archived = _parse(shallow.ShallowArchive, i.Archive.Framework, raw)
    names: Names = {}
    return e.CompletedFramework(
        info=reported_framework(archived.framework_info)[0],
        tasks=tuple([lift_task_record(task, names) for task in archived.tasks]),
    )


def _lift_executor(raw: bytes) -> tuple[ExecutorInfo, Fault]:
    executor = parse(m.ExecutorInfo, raw)
    return lift_executor(executor), held_fault("Executor", lift_resources(executor.resources).held_fault)


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────

_capabilities: dict[tuple[bytes, ...], frozenset[str]] = {}


def _lift_capabilities(raw: tuple[bytes, ...]) -> frozenset[str]:
    known = _capabilities.get(raw)
    if known is None:
        known = frozenset(agent_capabilities(parse(m.AgentInfo.Capability, each) for each in raw))
        _remember(_capabilities, raw, known, sum(map(len, raw)))
    return known


def request_name(uuid: bytes | None) -> bytes | None:
    """Return by what name an agent calls its request to be let in, if it has one.

    Raises:
        WireError: it is no UUID.
    """
    if uuid is not None and not is_uuid(uuid):
        raise WireError(f"the registration of an agent has a uuid that is none: {uuid[:16].hex()}")
    return uuid


def _lift_uuid(raw: bytes) -> bytes | None:
    return parse(m.UUID, raw).value if raw != ABSENT else None


_ONE_BYTE_LENGTHS = {len(head): head[:2] for head in (field(1, bytes(length)) for length in range(1, 128))}
"""How an id begins, by its length: the tag and the length of its text, if there is nothing else in it."""


def _learn_agent_id(raw: bytes, names: Names) -> AgentId:
    id = names[raw] = shared(AgentId, _id(m.AgentID, raw))
    return id


def _id(kind: type[Any], raw: bytes) -> str:
    """Return the text in a message of an id."""
    if raw[:2] == _ONE_BYTE_LENGTHS.get(len(raw)):
        try:
            return raw[2:].decode()
        except UnicodeDecodeError:
            pass  # As with all else that is unusual, let it be refused in the usual words.
    value: str = parse(kind, raw).value
    return value


def _parse(shallow_kind: type[Any], kind: type[Any], raw: bytes) -> Any:
    """Parse a message shallowly; what is wrong with it is told in the words of its own type."""
    try:
        return shallow_kind.FromString(raw)
    except DecodeError as fault:
        parse(kind, raw)
        raise WireError(f"not a {kind.DESCRIPTOR.full_name}: {fault}") from None


def _remember(memory: dict[KeyT, ValueT], key: KeyT, value: ValueT, size: int) -> None:
    if size <= REMEMBERED_BYTES_MAX:
        if len(memory) >= REMEMBERED_MAX:
            memory.clear()
        memory[key] = value
