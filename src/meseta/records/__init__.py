"""Domain records, lifted once from the wire: what the machines know of the messages that pass.

A record holds the fields that a decision needs, plus `raw`, the message as it came (the bytes of its v1
protobuf form). Machines decide on the fields; edges pass `raw` on, splice it into other messages and
decode it for display. So a message is parsed once, unknown fields survive, and no machine imports
protobuf. Records are immutable values and are shared freely.
"""

from meseta.records.agents import AgentInfo, Domain, Unavailability
from meseta.records.commands import CommandInfo, HealthCheck, HealthCheckType, Uri
from meseta.records.frameworks import (
    NO_OPTIONS,
    AttributeConstraint,
    AttributeConstraints,
    Filters,
    FrameworkCapability,
    FrameworkInfo,
    FrameworkOptions,
    OfferConstraints,
)
from meseta.records.maintenance import NO_MAINTENANCE, MachineId, MachineKey, Schedule, Window
from meseta.records.operations import (
    ENDED_OPERATIONS,
    Launch,
    LaunchGroup,
    Operation,
    OperationState,
    OperationStatus,
    OperationType,
    ResourceOperation,
)
from meseta.records.statuses import (
    TERMINAL_STATES,
    ContainerStatus,
    LateStatuses,
    Statuses,
    StatusUpdate,
    TaskReason,
    TaskSource,
    TaskState,
    TaskStatus,
    is_terminal,
)
from meseta.records.tasks import ExecutorInfo, ExecutorType, TaskGroupInfo, TaskInfo, TaskRecord

__all__ = [
    "ENDED_OPERATIONS",
    "NO_MAINTENANCE",
    "NO_OPTIONS",
    "TERMINAL_STATES",
    "AgentInfo",
    "AttributeConstraint",
    "AttributeConstraints",
    "CommandInfo",
    "ContainerStatus",
    "Domain",
    "ExecutorInfo",
    "ExecutorType",
    "Filters",
    "FrameworkCapability",
    "FrameworkInfo",
    "FrameworkOptions",
    "HealthCheck",
    "HealthCheckType",
    "LateStatuses",
    "Launch",
    "LaunchGroup",
    "MachineId",
    "MachineKey",
    "OfferConstraints",
    "Operation",
    "OperationState",
    "OperationStatus",
    "OperationType",
    "ResourceOperation",
    "Schedule",
    "StatusUpdate",
    "Statuses",
    "TaskGroupInfo",
    "TaskInfo",
    "TaskReason",
    "TaskRecord",
    "TaskSource",
    "TaskState",
    "TaskStatus",
    "Unavailability",
    "Uri",
    "Window",
    "is_terminal",
]
