"""What an agent says when it comes back: who it is, and all that it runs.

After a failover every agent of the cluster says so to one new master, with every task that it has. That is
the largest thing that a master ever has to read at once, so it is read as shallowly as it can be
(`shallow.proto`): the message is taken apart, and most of what is within it is met again and again in the
same bytes, as descriptions of frameworks are, or in bytes that are alike, as machines and tasks are
(`meseta.wire.stencils`). Such bytes are looked up, and read only when they are new. Nothing is believed
because of that: what is kept as bytes is complete and well-formed all the way down, as `parse` would have
demanded of the whole.

A field that is there twice, which no encoder writes, counts as it came last, and is kept so, too.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from meseta.errors import WireError
from meseta.ids import AgentId, Pid, id_fault, is_uuid
from meseta.master import events as e
from meseta.records import AgentInfo, ExecutorInfo
from meseta.wire.agent_faults import held_fault, reregistration_fault
from meseta.wire.faults import Fault, first
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import shallow_pb2 as shallow
from meseta.wire.holes import own_fields, read_number
from meseta.wire.lift import agent_capabilities, lift_agent, lift_executor
from meseta.wire.parsing import parse
from meseta.wire.reported import reported_framework, reported_frameworks
from meseta.wire.reported_tasks import Names, lift_task_record
from meseta.wire.resources import lift_resource_bytes, lift_resources
from meseta.wire.shallow_parts import ABSENT, parse_shallow, remember
from meseta.wire.stencils import Stencils


def lift_reregistration(body: bytes, sender: Pid, principal: str | None) -> e.ReregistrationRequested:
    """Lift a ReregisterSlaveMessage.

    Raises:
        WireError: it is none, or does not say which agent comes back.
    """
    message = parse_shallow(shallow.ShallowReregistration, i.ReregisterSlaveMessage, body)
    info, agent_fault = _lift_agent(message.slave)
    if info.id is None:
        raise WireError(f"{sender} wants to re-register but does not say which agent it was")
    checkpointed = lift_resource_bytes(tuple(message.checkpointed_resources[:]))
    frameworks, frameworks_fault = reported_frameworks(message.frameworks[:])
    executors = [_lift_executor(raw) for raw in message.executor_infos[:]]
    names: Names = {info.id.encode(): info.id}
    event = e.ReregistrationRequested(
        sender=sender,
        info=info,
        version=message.version,
        capabilities=_lift_capabilities(tuple(message.agent_capabilities[:])),
        checkpointed=checkpointed.resources,
        resource_version=_lift_uuid(message.resource_version_uuid),
        registration=request_name(_lift_uuid(message.registration_uuid)),
        frameworks=frameworks,
        executors=tuple([info for info, _ in executors]),
        tasks=tuple([lift_task_record(raw, names) for raw in message.tasks[:]]),
        completed=tuple([_lift_completed(raw) for raw in message.completed_frameworks[:]]),
        principal=principal,
    )
    fault = reregistration_fault(
        event,
        first(agent_fault, checkpointed.fault),
        frameworks_fault,
        first(*[fault for _, fault in executors]),
    )
    return event if fault is None else msgspec.structs.replace(event, fault=fault)


# ── agents ────────────────────────────────────────────────────────────────────────────────────────────

_AGENT_PATHS = ["hostname", "id.value", "port"]
_AGENT_OWN = own_fields(i.SlaveInfo, dict.fromkeys(_AGENT_PATHS, ""))


class _Machine(NamedTuple):
    """An agent, and what is wrong with its resources: other machines differ in name, id and port."""

    agent: AgentInfo
    fault: Fault


_machines: Stencils[_Machine] = Stencils(_AGENT_OWN)


def _lift_agent(raw: bytes) -> tuple[AgentInfo, Fault]:
    """Lift what an agent says of itself, and say what is wrong with it. Most machines are like others."""
    fit = _machines.fit(raw)
    if fit is None:
        info, fault = _read_agent(raw)
    else:
        (like, fault), (hostname, id, port) = fit
        info = AgentInfo(
            hostname=hostname.decode(),
            port=read_number(port),
            resources=like.resources,
            attributes=like.attributes,
            id=AgentId(id.decode()) if id else None,
            domain=like.domain,
            raw=raw,
        )
    wrong = id_fault(info.id) if info.id is not None else None
    return info, fault if wrong is None else f"its ID is invalid: {wrong}"


def _read_agent(raw: bytes) -> _Machine:
    slave = parse(i.SlaveInfo, raw)
    info = msgspec.structs.replace(lift_agent(slave), raw=raw)
    machine = _Machine(info, lift_resources(slave.resources).fault)
    _machines.learn(raw, lambda holes: machine if [hole.own.path for hole in holes] == _AGENT_PATHS else None)
    return machine


def _lift_completed(raw: bytes) -> e.CompletedFramework:
    archived = parse_shallow(shallow.ShallowArchive, i.Archive.Framework, raw)
    names: Names = {}
    return e.CompletedFramework(
        info=reported_framework(archived.framework_info)[0],
        tasks=tuple([lift_task_record(raw, names) for raw in archived.tasks[:]]),
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
        remember(_capabilities, raw, known, sum(map(len, raw)))
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
