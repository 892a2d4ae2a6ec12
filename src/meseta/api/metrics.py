"""/metrics/snapshot: one flat object of numbers, under Mesos's names.

What the state tells is computed for each snapshot; counters are kept by the machines; what neither knows
(latencies of the allocator, the registry) comes from the context's further sources. Families that exporters
expect are there from the start, at zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from meseta.agent import views as agent_views
from meseta.api import system
from meseta.api.context import AgentContext, DaemonContext, MasterContext
from meseta.api.durations import parse_duration_s
from meseta.api.negotiation import plain
from meseta.api.queries import Query, json_answer
from meseta.api.router import Handler
from meseta.master import views
from meseta.master.state import FrameworkState, State
from meseta.records import TaskState
from meseta.runtime.http1 import Request
from meseta.runtime.streams import Responder

Numbers = Mapping[str, float]

ACTIVE_STATES = ("killing", "running", "staging", "starting", "unknown", "unreachable")
OPERATIONS = (
    "create",
    "create_disk",
    "destroy",
    "destroy_disk",
    "grow_volume",
    "reserve",
    "shrink_volume",
    "unreserve",
)
OPERATION_STATES = (
    "dropped",
    "error",
    "failed",
    "finished",
    "gone_by_operator",
    "pending",
    "recovering",
    "total",
    "unreachable",
)

_MASTER_ZEROS = (
    "allocator/event_queue_dispatches",
    "allocator/mesos/event_queue_dispatches",
    "master/event_queue_dispatches",
    "master/event_queue_http_requests",
    "master/event_queue_messages",
    "master/http_cache_hits",
    "master/messages_authenticate",
    "master/slave_shutdowns_canceled",
    "master/slave_shutdowns_completed",
    "master/slave_shutdowns_scheduled",
    *(f"master/operations/{state}" for state in OPERATION_STATES),
    *(f"master/operations/{kind}/{state}" for kind in OPERATIONS for state in OPERATION_STATES),
)
_AGENT_ZEROS = (
    "containerizer/fetcher/cache_size_total_bytes",
    "containerizer/fetcher/cache_size_used_bytes",
    "containerizer/fetcher/task_fetches_failed",
    "containerizer/fetcher/task_fetches_succeeded",
    "containerizer/mesos/container_destroy_errors",
    "containerizer/mesos/provisioner/bind/remove_rootfs_errors",
    "containerizer/mesos/provisioner/remove_container_errors",
    "gc/path_removals_failed",
    "resource_provider_manager/events/disconnect",
    "resource_provider_manager/events/subscribe",
    "resource_provider_manager/subscribed",
    "slave/recovery_time_secs",
)


def snapshot_handler(context: DaemonContext) -> Handler:
    """Return the handler of /metrics/snapshot. Its answer needs no time, so `timeout` is only checked."""

    def handle(request: Request, responder: Responder, rest: str) -> None:
        query = Query(request)
        timeout = query.get("timeout")
        try:
            if timeout is not None:
                parse_duration_s(timeout)
        except ValueError as error:
            responder.send(plain(400, f"Invalid timeout '{timeout}': {error}.\n"))
            return
        responder.send(json_answer(snapshot(context), query))

    return handle


def snapshot(context: DaemonContext) -> dict[str, float]:
    """Return all metrics of a daemon, in the order of names."""
    if isinstance(context, MasterContext):
        known = master_metrics(context)
    else:
        assert isinstance(context, AgentContext), "there are two kinds of daemons"
        known = agent_metrics(context)
    for source in context.metrics:
        known |= source()
    known |= system.metrics()
    return {name: float(known[name]) for name in sorted(known)}


# Master -----------------------------------------------------------------------------------------------


def master_metrics(context: MasterContext) -> dict[str, float]:
    """Return what the master's state tells."""
    state = context.state
    now = context.clock()
    known: dict[str, float] = dict.fromkeys(_MASTER_ZEROS, 0.0)
    known |= state.counters
    known |= views.gauges(state, now)
    known["master/elected"] = float(context.has_recovered)
    known["master/uptime_secs"] = max(0.0, now - context.start_time)
    known["registrar/queued_operations"] = len(state.pending)
    known |= state.allocator.metrics()
    known |= _allocated(state)
    if context.flags.get("publish_per_framework_metrics") != "false":
        for framework in state.frameworks.values():
            known |= _framework_metrics(framework)
    return known


def _allocated(state: State) -> dict[str, float]:
    """Return totals and what is used or offered of them, under the allocator's names."""
    totals = views.total_quantities(agent.total for agent in state.agents.values())
    held = views.total_quantities(
        part
        for framework in state.frameworks.values()
        for part in (views.used_by_framework(framework), views.offered_to_framework(framework))
    )
    known: dict[str, float] = {}
    for name in dict.fromkeys(name for name, _ in totals):
        prefix = f"allocator/mesos/resources/{name}"
        known[f"{prefix}/total"] = _both(totals, name)
        known[f"{prefix}/offered_or_allocated"] = _both(held, name)
    return known


def _both(amounts: Mapping[tuple[str, bool], int], name: str) -> float:
    """Return an amount, revocable or not, in natural units."""
    return (amounts.get((name, False), 0) + amounts.get((name, True), 0)) / 1000


def _framework_metrics(framework: FrameworkState) -> Iterator[tuple[str, float]]:
    prefix = f"master/frameworks/{encode_name(framework.info.name)}/{framework.id}"
    yield f"{prefix}/subscribed", float(framework.connected)
    counts = views.task_counts((*framework.tasks.values(), *framework.unreachable_tasks.values()))
    for name in ACTIVE_STATES:
        count = counts.get(TaskState[f"TASK_{name.upper()}"], 0)
        yield f"{prefix}/tasks/active/task_{name}", count
    for role in framework.info.roles:
        yield f"{prefix}/roles/{role}/suppressed", float(role in framework.suppressed)


def encode_name(name: str) -> str:
    """Return a framework's name as a part of a metric's name: what could confuse is percent-encoded."""
    return quote(name, safe="!'()*").replace("~", "%7E")


# Agent ------------------------------------------------------------------------------------------------


def agent_metrics(context: AgentContext) -> dict[str, float]:
    """Return what the agent's state tells."""
    known: dict[str, float] = dict.fromkeys(_AGENT_ZEROS, 0.0)
    known |= agent_views.metrics(context.state)
    known["slave/uptime_secs"] = max(0.0, context.clock() - context.start_time)
    return known
