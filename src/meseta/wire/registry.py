"""The master's registry as records: a key and bytes for each thing that it remembers, and back.

    agents/<agent id>   {"type": "admitted", "version": 1, "info": <v1 AgentInfo as the agent sent it>}
                        {"type": "unreachable", "version": 1, "since": <seconds since the epoch>}

One record says all about one agent, so it can never be admitted and unreachable at once, and a mutation is
one record written or deleted. Records are MessagePack. Fields may be added without a new version; a version
goes up when an older Meseta must not read a record any more, and then it refuses to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from meseta.errors import WireError
from meseta.ids import AgentId
from meseta.master.registry import (
    AdmitAgent,
    MarkReachable,
    MarkUnreachable,
    Mutation,
    Recovered,
    RemoveAgent,
    UpdateAgentInfo,
)
from meseta.records import AgentInfo
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_agent
from meseta.wire.lower import agent_message
from meseta.wire.scheduler_calls import parse

VERSION = 1
"""The newest version of a record that is read, and the one that is written."""
AGENTS = "agents/"


Change = tuple[str, bytes | None]
"""A key, and the record to be put in the place of the one under it; None: there is to be none."""


class _Admitted(msgspec.Struct, tag="admitted", gc=False):
    version: int
    info: bytes


class _Unreachable(msgspec.Struct, tag="unreachable", gc=False):
    version: int
    since: float


class _AnyRecord(msgspec.Struct):
    version: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Admitted | _Unreachable).decode
_decode_version = msgspec.msgpack.Decoder(_AnyRecord).decode


def change_of(mutation: Mutation) -> Change:
    """Return what a mutation changes."""
    return _CHANGES[type(mutation)](mutation)


def _admitted(mutation: AdmitAgent | UpdateAgentInfo | MarkReachable) -> Change:
    info = mutation.info
    assert info.id is not None, "the registry holds agents with their ids"
    raw = info.raw or agent_message(info).SerializeToString()
    return AGENTS + info.id, _encode(_Admitted(VERSION, raw))


def _unreachable(mutation: MarkUnreachable) -> Change:
    return AGENTS + mutation.agent_id, _encode(_Unreachable(VERSION, mutation.since))


def _removed(mutation: RemoveAgent) -> Change:
    return AGENTS + mutation.agent_id, None


_CHANGES: dict[type, Callable[[Any], Change]] = {
    AdmitAgent: _admitted,
    UpdateAgentInfo: _admitted,
    MarkReachable: _admitted,
    MarkUnreachable: _unreachable,
    RemoveAgent: _removed,
}


def read_registry(records: Mapping[str, bytes]) -> Recovered:
    """Return what records say; agents in the order of the records.

    Raises:
        WireError: a record is not one of ours, or a newer Meseta has written it.
    """
    agents: list[AgentInfo] = []
    unreachable: list[tuple[AgentId, float]] = []
    for key, body in records.items():
        if not key.startswith(AGENTS):
            raise WireError(f"the record {key!r} is of a kind that this version of Meseta does not know")
        id, record = AgentId(key.removeprefix(AGENTS)), _read(key, body)
        if isinstance(record, _Unreachable):
            unreachable.append((id, record.since))
        else:
            agents.append(_read_info(key, id, record.info))
    return Recovered(tuple(agents), tuple(sorted(unreachable, key=lambda entry: entry[1])))


def _read(key: str, body: bytes) -> _Admitted | _Unreachable:
    try:
        _check_version(key, _decode_version(body).version)
        record: _Admitted | _Unreachable = _decode(body)
    except msgspec.MsgspecError as fault:
        raise WireError(f"the record {key!r} cannot be read: {fault}") from None
    return record


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
