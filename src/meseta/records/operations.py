"""What a framework does with an offer: operations, applied strictly in order."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from meseta.ids import AgentId, OperationId
from meseta.records.tasks import ExecutorInfo, TaskGroupInfo, TaskInfo
from meseta.resources import Resources


class OperationType(IntEnum):
    """Kinds of operations; numbers are those of the wire."""

    UNKNOWN = 0
    LAUNCH = 1
    RESERVE = 2
    UNRESERVE = 3
    CREATE = 4
    DESTROY = 5
    LAUNCH_GROUP = 6
    GROW_VOLUME = 11
    SHRINK_VOLUME = 12
    CREATE_DISK = 13
    DESTROY_DISK = 14


class OperationState(IntEnum):
    """Where an operation is in its life; numbers are those of the wire."""

    OPERATION_UNSUPPORTED = 0
    OPERATION_PENDING = 1
    OPERATION_FINISHED = 2
    OPERATION_FAILED = 3
    OPERATION_ERROR = 4
    OPERATION_DROPPED = 5
    OPERATION_UNREACHABLE = 6
    OPERATION_GONE_BY_OPERATOR = 7
    OPERATION_RECOVERING = 8
    OPERATION_UNKNOWN = 9


class OperationStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an agent says of an operation."""

    state: OperationState
    operation_id: OperationId | None = None
    agent_id: AgentId | None = None
    message: str | None = None
    uuid: bytes | None = None
    """16 bytes when the receiver must acknowledge, else None."""
    raw: bytes = b""
    """What else the sender said, as v1 OperationStatus bytes. Fields above win."""


ENDED_OPERATIONS = frozenset(
    {
        OperationState.OPERATION_FINISHED,
        OperationState.OPERATION_FAILED,
        OperationState.OPERATION_ERROR,
        OperationState.OPERATION_DROPPED,
        OperationState.OPERATION_GONE_BY_OPERATOR,
    }
)
"""States that operations do not leave."""


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """Start tasks, each on its own or on a shared executor."""

    tasks: tuple[TaskInfo, ...]
    id: OperationId | None = None


class LaunchGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Start a pod; one invalid task fails all."""

    executor: ExecutorInfo
    group: TaskGroupInfo
    id: OperationId | None = None


class ResourceOperation(msgspec.Struct, frozen=True, kw_only=True):
    """Turn resources into others: reserve, unreserve, create, destroy, grow, shrink, disks.

    What it takes and makes is worked out by `records.conversions`.
    """

    type: OperationType
    id: OperationId | None = None
    resources: Resources = Resources.EMPTY
    """What it is about: resources as they are to be reserved, or are; volumes to make, destroy or resize."""
    source: Resources = Resources.EMPTY
    """RESERVE: the same resources as they are reserved now, if they are. GROW_VOLUME: what is added."""
    subtract: int = 0
    """SHRINK_VOLUME: by how much, in milli-units."""
    role: str | None = None
    """Whom its resources are allocated to; None if they do not say so."""
    fault: str | None = None
    """First thing wrong with the message itself; found at the edge."""
    raw: bytes = b""
    """v1 Offer.Operation as it came, with reservations in the new format."""


Operation = Launch | LaunchGroup | ResourceOperation
