"""How much one call of a scheduler may ask for.

A call is handled in one go, while all others wait: about 50 µs for each task and 15 µs for each other entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.wire.gen import scheduler_pb2 as s

CALL_BYTES_MAX = 16 * 1024 * 1024
"""Of a call in any format. (The largest reports of agents may be larger.)"""
TASKS_MAX = 10_000
"""Launched with one call, in all of its operations; also of these operations themselves."""
ENTRIES_MAX = 100_000
"""Offers answered, and tasks or operations asked about, with one call."""

Fault = str | None


def tasks_fault(count: int) -> Fault:
    """Say that a call launches too many tasks, if so."""
    return None if count <= TASKS_MAX else _too_many("launch", count, "tasks", TASKS_MAX)


def entries_fault(count: int) -> Fault:
    """Say that a call has too many entries, if so."""
    return None if count <= ENTRIES_MAX else _too_many("have", count, "entries", ENTRIES_MAX)


def _too_many(verb: str, count: int, what: str, limit: int) -> str:
    return f"A call may {verb} at most {limit} {what}, not {count}: make several calls"


def _accept_fault(call: Any) -> Fault:
    accept = call.accept
    operations = accept.operations
    if len(operations) > TASKS_MAX:
        return _too_many("have", len(operations), "operations", TASKS_MAX)
    tasks = 0
    for operation in operations:
        tasks += len(operation.launch.task_infos) + len(operation.launch_group.task_group.tasks)
    return tasks_fault(tasks) or entries_fault(len(accept.offer_ids))


SIZE_FAULTS: dict[int, Callable[[Any], Fault]] = {
    s.Call.ACCEPT: _accept_fault,
    s.Call.DECLINE: lambda call: entries_fault(len(call.decline.offer_ids)),
    s.Call.ACCEPT_INVERSE_OFFERS: lambda call: entries_fault(
        len(call.accept_inverse_offers.inverse_offer_ids)
    ),
    s.Call.DECLINE_INVERSE_OFFERS: lambda call: entries_fault(
        len(call.decline_inverse_offers.inverse_offer_ids)
    ),
    s.Call.RECONCILE: lambda call: entries_fault(len(call.reconcile.tasks)),
    s.Call.RECONCILE_OPERATIONS: lambda call: entries_fault(len(call.reconcile_operations.operations)),
    s.Call.REQUEST: lambda call: entries_fault(len(call.request.requests)),
}
"""What is too much in a call, by its type."""
