"""The master's registry as records: a key and bytes for each thing that it remembers, and back.

    agents/<agent id>   {"type": "admitted", "version": 1, "info": <v1 AgentInfo as the agent sent it>}
                        {"type": "unreachable", "version": 1, "since": <seconds since the epoch>}
                        {"type": "gone", "version": 1, "since": <seconds since the epoch>}
    deactivated/<agent id>   {"version": 1, "drain": null, or {"state": "draining" or "drained",
                              "max_grace_period_s": <seconds or null>, "mark_gone": <bool>}}
    maintenance/schedule     {"version": 1, "schedule": {"windows": […], "down": […]}}
    quotas/<role>       {"version": 1, "guarantees": {<name>: <thousandths>}, "limits": {…}}
    weights/<role>      {"version": 1, "weight": <number>}

One record says where an agent stands, so it can never be admitted and unreachable at once. What operators
want of it is a record of its own, so that neither overwrites the other. A Meseta that does not know a kind
of record refuses the registry: that is what Mesos's minimum capabilities are for. Records are MessagePack.
Fields may be added without a new version; a version goes up when an older Meseta must not read a record any
more, and then it refuses to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from meseta.allocator.quota import NO_QUOTA, Quota
from meseta.errors import WireError
from meseta.ids import AgentId
from meseta.master.registry import (
    AdmitAgent,
    Deactivate,
    Deactivation,
    Drain,
    ForgetAgents,
    MarkGone,
    MarkReachable,
    MarkUnreachable,
    Mutation,
    Reactivate,
    Recovered,
    RemoveAgent,
    UpdateAgentInfo,
    UpdateMaintenance,
    UpdateQuota,
    UpdateWeights,
)
from meseta.records import NO_MAINTENANCE, AgentInfo, Schedule
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_agent
from meseta.wire.lower import agent_message
from meseta.wire.parsing import parse

VERSION = 1
"""The newest version of a record that is read, and the one that is written."""
AGENTS = "agents/"
DEACTIVATED = "deactivated/"
MAINTENANCE = "maintenance/schedule"
QUOTAS = "quotas/"
WEIGHTS = "weights/"


Changes = dict[str, bytes | None]
"""By key, the record to be put in the place of the one under it; None: there is to be none."""


class _Admitted(msgspec.Struct, tag="admitted", gc=False):
    version: int
    info: bytes


class _Unreachable(msgspec.Struct, tag="unreachable", gc=False):
    version: int
    since: float


class _Gone(msgspec.Struct, tag="gone", gc=False):
    version: int
    since: float


class _Deactivated(msgspec.Struct, gc=False):
    version: int
    drain: Drain | None


class _Quota(msgspec.Struct, gc=False):
    version: int
    guarantees: dict[str, int]
    limits: dict[str, int]


class _Weight(msgspec.Struct, gc=False):
    version: int
    weight: float


class _Maintenance(msgspec.Struct):
    version: int
    schedule: Schedule


class _AnyRecord(msgspec.Struct):
    version: int


_encode = msgspec.msgpack.Encoder().encode
_decode_agent = msgspec.msgpack.Decoder(_Admitted | _Unreachable | _Gone).decode
_decode_maintenance = msgspec.msgpack.Decoder(_Maintenance).decode
_decode_deactivated = msgspec.msgpack.Decoder(_Deactivated).decode
_decode_quota = msgspec.msgpack.Decoder(_Quota).decode
_decode_weight = msgspec.msgpack.Decoder(_Weight).decode
_decode_version = msgspec.msgpack.Decoder(_AnyRecord).decode

HEADS = 512
"""A shorter description of an agent is put behind a beginning that is known: most agents come all at once."""
_HEADS = tuple(_encode(_Admitted(VERSION, bytes(size)))[: -size or None] for size in range(HEADS))
"""By the size of the description: all that the encoder writes before it."""


def changes_of(mutations: Iterable[Mutation]) -> Changes:
    """Return what these mutations change, one after the other; all of it is one step."""
    changes: Changes = {}
    for mutation in mutations:
        _CHANGES[type(mutation)](mutation, changes)
    return changes


def _admitted(mutation: AdmitAgent | UpdateAgentInfo | MarkReachable, changes: Changes) -> None:
    info = mutation.info
    assert info.id is not None, "the registry holds agents with their ids"
    raw = info.raw or agent_message(info).SerializeToString()
    size = len(raw)
    changes[AGENTS + info.id] = _HEADS[size] + raw if size < HEADS else _encode(_Admitted(VERSION, raw))


def _unreachable(mutation: MarkUnreachable, changes: Changes) -> None:
    changes[AGENTS + mutation.agent_id] = _encode(_Unreachable(VERSION, mutation.since))


def _gone(mutation: MarkGone, changes: Changes) -> None:
    id = mutation.agent_id
    changes[AGENTS + id] = _encode(_Gone(VERSION, mutation.since))
    changes[DEACTIVATED + id] = None


def _removed(mutation: RemoveAgent, changes: Changes) -> None:
    _forgotten(ForgetAgents((mutation.agent_id,)), changes)


def _forgotten(mutation: ForgetAgents, changes: Changes) -> None:
    changes.update({kind + id: None for id in mutation.agent_ids for kind in (AGENTS, DEACTIVATED)})


def _deactivated(mutation: Deactivate, changes: Changes) -> None:
    record = _Deactivated(VERSION, mutation.deactivation.drain)
    changes[DEACTIVATED + mutation.agent_id] = _encode(record)


def _maintained(mutation: UpdateMaintenance, changes: Changes) -> None:
    schedule = mutation.schedule
    changes[MAINTENANCE] = None if schedule == NO_MAINTENANCE else _encode(_Maintenance(VERSION, schedule))


def _reactivated(mutation: Reactivate, changes: Changes) -> None:
    changes[DEACTIVATED + mutation.agent_id] = None


def _quotas(mutation: UpdateQuota, changes: Changes) -> None:
    for role, quota in mutation.quotas:
        changes[QUOTAS + role] = None if quota == NO_QUOTA else _quota(quota)


def _quota(quota: Quota) -> bytes:
    return _encode(_Quota(VERSION, dict(quota.guarantees), dict(quota.limits)))


def _weights(mutation: UpdateWeights, changes: Changes) -> None:
    for role, weight in mutation.weights:
        changes[WEIGHTS + role] = _encode(_Weight(VERSION, weight))


_CHANGES: dict[type, Callable[[Any, Changes], None]] = {
    AdmitAgent: _admitted,
    UpdateAgentInfo: _admitted,
    MarkReachable: _admitted,
    MarkUnreachable: _unreachable,
    RemoveAgent: _removed,
    MarkGone: _gone,
    ForgetAgents: _forgotten,
    Deactivate: _deactivated,
    Reactivate: _reactivated,
    UpdateMaintenance: _maintained,
    UpdateQuota: _quotas,
    UpdateWeights: _weights,
}


class _Found:
    """What has been read so far."""

    def __init__(self) -> None:
        self.agents: list[AgentInfo] = []
        self.unreachable: list[tuple[AgentId, float]] = []
        self.gone: list[tuple[AgentId, float]] = []
        self.deactivated: list[tuple[AgentId, Deactivation]] = []
        self.schedule = NO_MAINTENANCE
        self.quotas: list[tuple[str, Quota]] = []
        self.weights: list[tuple[str, float]] = []


def read_registry(records: Mapping[str, bytes]) -> Recovered:
    """Return what records say; agents in the order of the records.

    Raises:
        WireError: a record is not one of ours, or a newer Meseta has written it.
    """
    found = _Found()
    for key, body in records.items():
        kind = key[: key.find("/") + 1]
        if kind not in _READERS:
            raise WireError(f"the record {key!r} is of a kind that this version of Meseta does not know")
        try:
            _check_version(key, _decode_version(body).version)
            _READERS[kind](found, key, body)
        except msgspec.MsgspecError as fault:
            raise WireError(f"the record {key!r} cannot be read: {fault}") from None
    return Recovered(
        agents=tuple(found.agents),
        unreachable=tuple(sorted(found.unreachable, key=_since)),
        gone=tuple(sorted(found.gone, key=_since)),
        deactivated=tuple(found.deactivated),
        schedule=found.schedule,
        quotas=tuple(found.quotas),
        weights=tuple(found.weights),
    )


def _since(entry: tuple[AgentId, float]) -> float:
    return entry[1]


def _read_agent(found: _Found, key: str, body: bytes) -> None:
    id, record = AgentId(key.removeprefix(AGENTS)), _decode_agent(body)
    if isinstance(record, _Admitted):
        found.agents.append(_read_info(key, id, record.info))
    elif isinstance(record, _Unreachable):
        found.unreachable.append((id, record.since))
    else:
        found.gone.append((id, record.since))


def _read_deactivated(found: _Found, key: str, body: bytes) -> None:
    id = AgentId(key.removeprefix(DEACTIVATED))
    found.deactivated.append((id, Deactivation(_decode_deactivated(body).drain)))


def _read_quota(found: _Found, key: str, body: bytes) -> None:
    record = _decode_quota(body)
    found.quotas.append((key.removeprefix(QUOTAS), Quota(record.guarantees, record.limits)))


def _read_weight(found: _Found, key: str, body: bytes) -> None:
    found.weights.append((key.removeprefix(WEIGHTS), _decode_weight(body).weight))


def _read_maintenance(found: _Found, key: str, body: bytes) -> None:
    found.schedule = _decode_maintenance(body).schedule


_READERS: dict[str, Callable[[_Found, str, bytes], None]] = {
    AGENTS: _read_agent,
    DEACTIVATED: _read_deactivated,
    "maintenance/": _read_maintenance,
    QUOTAS: _read_quota,
    WEIGHTS: _read_weight,
}


def _check_version(key: str, version: int) -> None:
    if version > VERSION:
        raise WireError(
            f"a newer Meseta has written the record {key!r}: it has version {version}, and this one reads up "
            f"to {VERSION}; start the newer one again"
        )
    if version < 1:
        raise WireError(f"the record {key!r} has version {version}, which never was one")


def _read_info(key: str, id: AgentId, raw: bytes) -> AgentInfo:
    try:
        return msgspec.structs.replace(lift_agent(parse(m.AgentInfo, raw)), id=id, raw=raw)
    except WireError as fault:
        raise WireError(f"the record {key!r} cannot be read: {fault}") from None
