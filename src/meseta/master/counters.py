"""Counters with Mesos's metric names, incremented by handlers; gauges are computed by `views`."""

from __future__ import annotations

from meseta.records import OperationState, OperationType, TaskReason, TaskSource, TaskState

Counters = dict[str, int]
"""From metric name (`master/…`) to a count that only grows."""

_ENDS = ("finished", "failed", "killed", "lost", "error", "dropped", "gone", "gone_by_operator")
_MESSAGES = (
    "decline_offers",
    "deactivate_framework",
    "executor_to_framework",
    "exited_executor",
    "framework_to_executor",
    "kill_task",
    "launch_tasks",
    "operation_status_update",
    "operation_status_update_acknowledgement",
    "reconcile_operations",
    "reconcile_tasks",
    "register_framework",
    "register_slave",
    "reregister_framework",
    "reregister_slave",
    "resource_request",
    "revive_offers",
    "status_update",
    "status_update_acknowledgement",
    "suppress_offers",
    "unregister_framework",
    "unregister_slave",
    "update_slave",
)
_CHECKED = (
    "executor_to_framework_messages",
    "framework_to_executor_messages",
    "operation_status_update_acknowledgements",
    "operation_status_updates",
    "status_update_acknowledgements",
    "status_updates",
)
_AGENTS = (
    "recovery_slave_removals",
    "slave_registrations",
    "slave_registrations_refused",
    "slave_removals",
    "slave_removals/reason_registered",
    "slave_removals/reason_unhealthy",
    "slave_removals/reason_unregistered",
    "slave_reregistrations",
    "slave_shutdowns_canceled",
    "slave_shutdowns_completed",
    "slave_shutdowns_scheduled",
    "slave_unreachable_canceled",
    "slave_unreachable_completed",
    "slave_unreachable_scheduled",
)

_OPERATION_STATES = (
    "total",
    "pending",
    "recovering",
    "unreachable",
    "finished",
    "failed",
    "error",
    "dropped",
    "gone_by_operator",
)
_CONVERSIONS = tuple(
    type_
    for type_ in OperationType
    if type_ not in (OperationType.UNKNOWN, OperationType.LAUNCH, OperationType.LAUNCH_GROUP)
)

NAMES = (
    *(f"master/tasks_{end}" for end in _ENDS),
    *(f"master/messages_{message}" for message in _MESSAGES),
    *(f"master/{ok}{kind}" for kind in _CHECKED for ok in ("valid_", "invalid_")),
    *(f"master/{name}" for name in _AGENTS),
    "master/dropped_messages",
    "master/allocator_faults",
    "master/offers_held_back",
    "master/offers_timed_out",
    "master/framework_registrations_refused",
    "master/revocation_policy_faults",
    "master/standby_promotions",
    "master/schedulers_silent",
    "master/tasks_revoked",
    *(f"master/operations/{state}" for state in _OPERATION_STATES),
    *(
        f"master/operations/{type_.name.lower()}/{state}"
        for type_ in _CONVERSIONS
        for state in _OPERATION_STATES
    ),
)
"""Counters that exist from the start, so that a first snapshot has them."""

TASK_ENDS = {
    TaskState.TASK_FINISHED: "master/tasks_finished",
    TaskState.TASK_FAILED: "master/tasks_failed",
    TaskState.TASK_KILLED: "master/tasks_killed",
    TaskState.TASK_LOST: "master/tasks_lost",
    TaskState.TASK_ERROR: "master/tasks_error",
    TaskState.TASK_DROPPED: "master/tasks_dropped",
    TaskState.TASK_GONE: "master/tasks_gone",
    TaskState.TASK_GONE_BY_OPERATOR: "master/tasks_gone_by_operator",
}


def new_counters() -> Counters:
    """Return all counters at zero."""
    return dict.fromkeys(NAMES, 0)


def count_operation(counters: Counters, type_: OperationType, state: OperationState, by: int = 1) -> None:
    """Count an operation in, or out of, a state."""
    for name in ("master/operations", f"master/operations/{type_.name.lower()}"):
        counted = state.name.lower().removeprefix("operation_")
        for key in (f"{name}/total", f"{name}/{counted}"):
            counters[key] = counters.get(key, 0) + by


def count_task_end(
    counters: Counters, state: TaskState, source: TaskSource | None, reason: TaskReason | None
) -> None:
    """Count that a task ended in `state`, and who said so and why.

    The detailed names say SLAVE where the rest of this code says AGENT, as Mesos's do.
    """
    name = TASK_ENDS.get(state)
    if name is not None:
        counters[name] += 1
    if reason is not None:
        whose = (source if source is not None else TaskSource.SOURCE_MASTER).name.lower()
        why = reason.name.lower()
        detail = f"master/{state.name.lower()}/{whose}/{why}".replace("_agent", "_slave")
        counters[detail] = counters.get(detail, 0) + 1
