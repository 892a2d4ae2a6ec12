"""Identifiers: their types, their text forms, and which texts are valid.

Formats are those of Mesos: a framework is `<master id>-%04d`, an agent `<master id>-S%d`, an offer
`<master id>-O%d`; ids keep the issuing master's id across a failover. Statuses, operations and
resource versions are named by 16 raw bytes that form a version 4 UUID.
"""

from __future__ import annotations

import re
import uuid
from typing import NewType, Protocol

AgentId = NewType("AgentId", str)
ContainerId = NewType("ContainerId", str)
ExecutorId = NewType("ExecutorId", str)
FrameworkId = NewType("FrameworkId", str)
MasterId = NewType("MasterId", str)
OfferId = NewType("OfferId", str)
OperationId = NewType("OperationId", str)
TaskId = NewType("TaskId", str)

Pid = NewType("Pid", str)
"""Address of a libprocess process: `name@ip:port`."""

NO_PID = Pid("@0.0.0.0:0")
"""How libprocess writes "no process"; frameworks on HTTP have this pid in messages to agents."""

ID_BYTES_MAX = 255
UTF_8_BYTES_MAX = 4
"""Of one character."""
CONTAINER_ID_BYTES_MAX = 242

_FORBIDDEN = re.compile(r"[/\\\x00-\x1f\x7f]")


class BitSource(Protocol):
    """The part of `random.Random` that ids need; seeded in tests, the system's in production."""

    def getrandbits(self, k: int, /) -> int: ...


def new_uuid(entropy: BitSource) -> bytes:
    """Return 16 bytes that form a version 4 UUID (RFC 4122 variant)."""
    bits = entropy.getrandbits(128)
    bits &= ~(0xF000 << 64) & ~(0xC000 << 48)
    bits |= (0x4000 << 64) | (0x8000 << 48)
    return bits.to_bytes(16, "big")


def named_uuid(name: str) -> bytes:
    """Return 16 bytes that form the version 5 UUID of a name that nobody else gives to anything."""
    return uuid.uuid5(uuid.NAMESPACE_OID, name).bytes


def new_uuid_text(entropy: BitSource) -> str:
    """Return a version 4 UUID as text, such as a master or container id."""
    return str(uuid.UUID(bytes=new_uuid(entropy)))


def is_uuid(raw: bytes) -> bool:
    """Tell whether 16 raw bytes say of themselves that they are a UUID of version 1 to 5.

    Mesos looks at the version only, and drops or refuses what is named otherwise.
    """
    return len(raw) == 16 and 1 <= raw[6] >> 4 <= 5


def framework_id(master: MasterId, number: int) -> FrameworkId:
    """Return the id of the `number`th framework that `master` has admitted, from 0."""
    return FrameworkId(f"{master}-{number:04d}")


def agent_id(master: MasterId, number: int) -> AgentId:
    """Return the id of the `number`th agent that `master` has admitted, from 0."""
    return AgentId(f"{master}-S{number}")


def offer_id(master: MasterId, number: int) -> OfferId:
    """Return the id of the `number`th offer or inverse offer of `master`, from 0."""
    return OfferId(f"{master}-O{number}")


def id_fault(value: str) -> str | None:
    """Say what makes `value` no valid task, executor, agent, framework or persistence id, if anything.

    The rules are Mesos's (src/common/validation.cpp): 1 to 255 bytes, neither `.` nor `..`, and no
    control character, slash or backslash.
    """
    if not value:
        return "ID must not be empty"
    if len(value) > ID_BYTES_MAX // UTF_8_BYTES_MAX and len(value.encode()) > ID_BYTES_MAX:
        return f"ID must not be greater than {ID_BYTES_MAX} characters"
    if value in (".", ".."):
        return f"'{value}' is disallowed"
    if _FORBIDDEN.search(value):
        return f"'{value}' contains invalid characters"
    return None
