"""From protobuf messages to records: each message is lifted once, at the edge.

A record gets the fields that decisions need and the message's bytes as `raw`. What is wrong with a
message itself is found here too and carried as `fault`, so that a machine can refuse it in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from sys import intern
from typing import Any, TypeVar

from meseta.attributes import Attribute, AttributeType
from meseta.errors import WireError
from meseta.ids import AgentId, ExecutorId, FrameworkId, OperationId, TaskId
from meseta.records import (
    NO_OPTIONS,
    AgentInfo,
    AttributeConstraint,
    CommandInfo,
    Domain,
    ExecutorInfo,
    ExecutorType,
    Filters,
    FrameworkCapability,
    FrameworkInfo,
    FrameworkOptions,
    HealthCheck,
    HealthCheckType,
    OfferConstraints,
    OperationState,
    OperationStatus,
    StatusUpdate,
    TaskGroupInfo,
    TaskInfo,
    TaskReason,
    TaskSource,
    TaskState,
    TaskStatus,
    Uri,
)
from meseta.resources import Ranges, to_milli
from meseta.wire import faults
from meseta.wire.container_ids import nesting_fault
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.resources import lift_resources

STATES = {int(state): state for state in TaskState}
_SOURCES = {int(source): source for source in TaskSource}
_REASONS = {int(reason): reason for reason in TaskReason}
_CAPABILITIES = {int(capability): capability for capability in FrameworkCapability}
_NS = 1_000_000_000

CHECK_INTERVAL_MIN_S = 0.1
"""Between two health checks of a task, however often they are asked for."""

BRIEF_FROM_BYTES = 1024
"""A task that is at least so long is kept without its command and data."""

IdT = TypeVar("IdT")


def text(value: str) -> str:
    """Return the value of a string field that must be text.

    protobuf hands out bytes for a string field whose bytes are not UTF-8.

    Raises:
        WireError: it is not text.
    """
    if type(value) is not str:
        raise WireError(f"{value!r} is not UTF-8 text")
    return value


def seconds(holder: Any, field: str) -> float | None:
    """Return a time or duration, if there is one in the field."""
    return getattr(holder, field).nanoseconds / _NS if holder.HasField(field) else None


def shared(kind: Callable[[str], IdT], value: str) -> IdT:
    """Return an id of which there are few, as an object that all who name it share: it is kept per task.

    Raises:
        WireError: it is not text.
    """
    return kind(intern(text(value)))


def optional(kind: Callable[[str], IdT], message: Any, field: str) -> IdT | None:
    """Return the id in an optional field of `message`; None if it is not set.

    Raises:
        WireError: it is not text.
    """
    return kind(text(getattr(message, field).value)) if message.HasField(field) else None


# ── frameworks ────────────────────────────────────────────────────────────────────────────────────────


def _options(info: m.FrameworkInfo) -> FrameworkOptions:
    if not info.HasField("meseta"):
        return NO_OPTIONS
    demands = {
        role: {name: to_milli(amount) for name, amount in sorted(of_role.demand.items()) if isfinite(amount)}
        for role, of_role in sorted(info.meseta.roles.items())
        if of_role.demand
    }
    return FrameworkOptions(revocation_notices=info.meseta.revocation_notices, demands=demands)


def lift_framework(info: m.FrameworkInfo) -> FrameworkInfo:
    """Lift what a framework says of itself."""
    capabilities = frozenset(_CAPABILITIES[c.type] for c in info.capabilities if c.type in _CAPABILITIES)
    multi_role = FrameworkCapability.MULTI_ROLE in capabilities
    fault = faults.framework_fault(info)
    offer_filters = info.offer_filters if fault is None else {}
    return FrameworkInfo(
        user=text(info.user),
        name=text(info.name),
        id=FrameworkId(text(info.id.value)) if info.HasField("id") and info.id.value else None,
        roles=tuple(text(role) for role in info.roles) if multi_role else (text(info.role),),
        capabilities=capabilities,
        checkpoint=info.checkpoint,
        failover_timeout_s=info.failover_timeout,
        principal=text(info.principal) if info.HasField("principal") else None,
        hostname=text(info.hostname),
        webui_url=text(info.webui_url),
        offer_filters={role: _quantity_sets(f) for role, f in sorted(offer_filters.items())},
        wanted={
            role: text(options.offer_filter)
            for role, options in sorted(info.meseta.roles.items())
            if options.HasField("offer_filter")
        },
        options=_options(info),
        fault=fault,
        raw=info.SerializeToString(),
    )


def _quantity_sets(filters: m.OfferFilters) -> tuple[dict[str, int], ...]:
    return tuple(
        {name: round(scalar.value * 1000) for name, scalar in sorted(q.quantities.items())}
        for q in filters.min_allocatable_resources.quantities
    )


def lift_filters(filters: m.Filters) -> Filters:
    """Lift how long a refused agent is not to be offered again."""
    return Filters(filters.refuse_seconds)


def lift_constraints(constraints: s.OfferConstraints) -> OfferConstraints:
    """Lift which agents a framework wants to be offered."""
    return OfferConstraints(
        {
            role: tuple(
                tuple(_constraint(c) for c in group.attribute_constraints) for group in alternatives.groups
            )
            for role, alternatives in sorted(constraints.role_constraints.items())
        },
        raw=constraints.SerializeToString(),
    )


def _constraint(constraint: s.AttributeConstraint) -> AttributeConstraint:
    selector = constraint.selector
    if selector.WhichOneof("selector") == "attribute_name":
        chosen = ("attribute", selector.attribute_name)
    else:
        kinds = s.AttributeConstraint.Selector.PseudoattributeType
        chosen = ("pseudo", kinds.Name(selector.pseudoattribute_type))
    predicate = constraint.predicate.WhichOneof("predicate") or ""
    argument = getattr(constraint.predicate, predicate) if predicate else None
    value = getattr(argument, "value", None)
    if value is None:
        value = getattr(argument, "regex", None)
    return AttributeConstraint(chosen, predicate, value)


# ── agents ────────────────────────────────────────────────────────────────────────────────────────────


def lift_agent(info: m.AgentInfo | i.SlaveInfo) -> AgentInfo:
    """Lift what an agent says of itself."""
    region_zone = info.domain.fault_domain
    return AgentInfo(
        hostname=text(info.hostname),
        port=info.port,
        resources=lift_resources(info.resources).resources,
        attributes=tuple(lift_attribute(attribute) for attribute in info.attributes),
        id=AgentId(text(info.id.value)) if info.HasField("id") and info.id.value else None,
        domain=Domain(region_zone.region.name, region_zone.zone.name)
        if info.domain.HasField("fault_domain")
        else None,
        raw=info.SerializeToString(),
    )


def lift_attribute(attribute: m.Attribute) -> Attribute:
    """Lift one fact about an agent."""
    kind = AttributeType(attribute.type)
    if kind is AttributeType.SCALAR:
        return Attribute(attribute.name, kind, attribute.scalar.value)
    if kind is AttributeType.RANGES:
        return Attribute(
            attribute.name, kind, Ranges.from_pairs((r.begin, r.end) for r in attribute.ranges.range)
        )
    if kind is AttributeType.SET:
        return Attribute(attribute.name, kind, frozenset(attribute.set.item))
    return Attribute(attribute.name, kind, attribute.text.value)


def agent_capabilities(capabilities: Iterable[m.AgentInfo.Capability]) -> tuple[str, ...]:
    """Return the names of an agent's capabilities; unknown ones are dropped."""
    names = m.AgentInfo.Capability.Type
    return tuple(names.Name(c.type) for c in capabilities if c.type)


# ── tasks ─────────────────────────────────────────────────────────────────────────────────────────────


def lift_task(task: m.TaskInfo, *, with_command: bool) -> TaskInfo:
    """Lift a task. The master needs no command, an agent does (`with_command`)."""
    resources = lift_resources(task.resources)
    raw = task.SerializeToString()
    has_command = task.HasField("command")
    return TaskInfo(
        task_id=TaskId(text(task.task_id.value)),
        name=text(task.name),
        agent_id=shared(AgentId, task.agent_id.value),
        resources=resources.resources,
        allocation_role=resources.role,
        limits=tuple(sorted((name, limit.value) for name, limit in task.limits.items())),
        executor=lift_executor(task.executor) if task.HasField("executor") else None,
        has_command=has_command,
        command=lift_command(task.command) if with_command and has_command else None,
        health_check=lift_health_check(task.health_check)
        if with_command and task.HasField("health_check")
        else None,
        container=task.container.SerializeToString() if task.HasField("container") else b"",
        kill_grace_period_s=seconds(task.kill_policy, "grace_period")
        if task.HasField("kill_policy")
        else None,
        max_completion_s=seconds(task, "max_completion_time"),
        fault=faults.task_fault(task) or faults.roles_fault("task", resources.roles_fault),
        resources_fault=resources.fault,
        contents_fault=faults.task_contents_fault(task),
        raw=raw,
        brief=b"" if with_command or len(raw) < BRIEF_FROM_BYTES else _brief(task),
    )


def _brief(task: m.TaskInfo) -> bytes:
    """Return what endpoints show of a task that runs."""
    command = task.command if task.HasField("command") else task.executor.command
    brief = m.TaskInfo()
    brief.CopyFrom(task)
    for name in ("data", "command", "executor"):
        brief.ClearField(name)
    if command.user:
        brief.command.user = command.user
    return brief.SerializeToString()


def lift_task_group(group: m.TaskGroupInfo, *, with_command: bool) -> TaskGroupInfo:
    """Lift a pod."""
    return TaskGroupInfo(
        tasks=tuple(lift_task(task, with_command=with_command) for task in group.tasks),
        raw=group.SerializeToString(),
    )


def lift_executor(executor: m.ExecutorInfo) -> ExecutorInfo:
    """Lift an executor. Its `raw` is canonical, so that equal executors have equal bytes."""
    resources = lift_resources(executor.resources)
    return ExecutorInfo(
        executor_id=ExecutorId(text(executor.executor_id.value)),
        framework_id=FrameworkId(text(executor.framework_id.value))
        if executor.HasField("framework_id")
        else None,
        type=ExecutorType(executor.type) if executor.HasField("type") else ExecutorType.CUSTOM,
        resources=resources.resources,
        allocation_role=resources.role,
        name=executor.name,
        source=executor.source,
        shutdown_grace_period_s=seconds(executor, "shutdown_grace_period"),
        command=lift_command(executor.command) if executor.HasField("command") else None,
        container=executor.container.SerializeToString() if executor.HasField("container") else b"",
        fault=faults.executor_fault(executor) or faults.roles_fault("executor", resources.roles_fault),
        resources_fault=resources.fault,
        raw=executor.SerializeToString(deterministic=True),
    )


def lift_command(command: m.CommandInfo) -> CommandInfo:
    """Lift a command; variables whose value is a secret are left out."""
    return CommandInfo(
        value=command.value if command.HasField("value") else None,
        shell=command.shell,
        arguments=tuple(command.arguments),
        environment=tuple((v.name, v.value) for v in command.environment.variables if v.HasField("value")),
        user=command.user if command.HasField("user") else None,
        uris=tuple(
            Uri(
                value=uri.value,
                executable=uri.executable,
                extract=uri.extract,
                cache=uri.cache,
                output_file=uri.output_file if uri.HasField("output_file") else None,
            )
            for uri in command.uris
        ),
    )


def lift_health_check(check: m.HealthCheck) -> HealthCheck:
    """Lift a health check with Mesos's defaults.

    `max(least, value)` is `least` for NaN too, which would put timers out of order.
    """
    is_http = check.type == m.HealthCheck.HTTP
    return HealthCheck(
        type=HealthCheckType(check.type),
        delay_s=max(0.0, check.delay_seconds),
        interval_s=max(CHECK_INTERVAL_MIN_S, check.interval_seconds),
        timeout_s=max(0.0, check.timeout_seconds),
        consecutive_failures=check.consecutive_failures,
        grace_period_s=max(0.0, check.grace_period_seconds),
        command=lift_command(check.command) if check.HasField("command") else None,
        scheme=check.http.scheme or "http",
        port=check.http.port if is_http else check.tcp.port,
        path=check.http.path or "/",
    )


# ── statuses ──────────────────────────────────────────────────────────────────────────────────────────


def lift_status(status: m.TaskStatus) -> TaskStatus:
    """Lift a status; everything that has no field of its own stays in `raw`.

    Raises:
        WireError: see `check_status`.
    """
    check_status(status)
    has = status.HasField
    data = status.data if has("data") else None
    task_id = text(status.task_id.value)
    return TaskStatus(
        task_id=TaskId(task_id),
        state=STATES[status.state],
        source=_SOURCES[status.source] if has("source") else None,
        reason=_REASONS.get(status.reason) if has("reason") else None,
        message=text(status.message) if has("message") else None,
        agent_id=shared(AgentId, status.agent_id.value) if has("agent_id") else None,
        executor_id=_executor_of(status, task_id) if has("executor_id") else None,
        timestamp=status.timestamp if has("timestamp") else None,
        uuid=status.uuid or None,
        healthy=status.healthy if has("healthy") else None,
        unreachable_time=seconds(status, "unreachable_time"),
        data=data,
        raw=_without(status, "data") if data is not None else status.SerializeToString(),
    )


def check_status(status: m.TaskStatus) -> None:
    """See whether a complete status can be lifted.

    Raises:
        WireError: it names a container that is too deep within others.
    """
    if status.HasField("container_status"):
        fault = nesting_fault(status.container_status.container_id)
        if fault is not None:
            raise WireError(f"the status of task {status.task_id.value} names no container: {fault}")


def _executor_of(status: m.TaskStatus, task_id: str) -> ExecutorId:
    """A command task's executor is named as the task is: one text for both."""
    executor_id = text(status.executor_id.value)
    return ExecutorId(task_id if executor_id == task_id else executor_id)


def _without(message: Any, field: str) -> bytes:
    """Return the bytes of a message but for one field."""
    rest = type(message)()
    rest.CopyFrom(message)
    rest.ClearField(field)
    raw: bytes = rest.SerializeToString()
    return raw


def lift_status_update(update: i.StatusUpdate) -> StatusUpdate:
    """Lift a status on its way."""
    has = update.HasField
    return StatusUpdate(
        framework_id=FrameworkId(text(update.framework_id.value)),
        executor_id=optional(ExecutorId, update, "executor_id"),
        agent_id=optional(AgentId, update, "slave_id"),
        status=lift_status(update.status),
        timestamp=update.timestamp,
        uuid=update.uuid or None,
        latest_state=STATES[update.latest_state] if has("latest_state") else None,
    )


def lift_operation_status(status: m.OperationStatus) -> OperationStatus:
    """Lift an operation's status."""
    has = status.HasField
    return OperationStatus(
        state=OperationState(status.state),
        operation_id=optional(OperationId, status, "operation_id"),
        agent_id=optional(AgentId, status, "agent_id"),
        message=text(status.message) if has("message") else None,
        uuid=status.uuid.value if has("uuid") else None,
        raw=status.SerializeToString(),
    )
