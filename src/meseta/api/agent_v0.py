"""The agent's v0 endpoints: JSON for dashboards and scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meseta.agent.state import Phase
from meseta.api.agent_operator import RECOVERING
from meseta.api.build import version_head
from meseta.api.context import AgentContext
from meseta.api.daemon_v0 import daemon_routes
from meseta.api.queries import Query, encoded_answer
from meseta.api.router import Handler, Route
from meseta.ids import ContainerId
from meseta.runtime.http1 import Request
from meseta.runtime.streams import Responder
from meseta.wire.json import to_dict
from meseta.wire.lower import drain_config
from meseta.wire.v0_json import values
from meseta.wire.v0_json.agent import AgentV0
from meseta.wire.v0_json.master import flag_head
from meseta.wire.v1_operator_agent import Statistics, containers

NOTHING_PENDING = b'{"pending":[]}'


def agent_routes(context: AgentContext, operator: Handler) -> list[Route]:
    """Return all endpoints of an agent but the executor API; `operator` answers /api/v1."""
    process = f"/{context.state.config.pid.partition('@')[0]}"
    pages = _Pages(context)
    return [
        Route(f"{process}/api/v1", operator),
        Route(f"{process}/state", pages.read(pages.state)),
        Route(f"{process}/containers", pages.read(pages.containers)),
        Route(f"{process}/monitor/statistics", pages.read(pages.statistics)),
        Route(f"{process}/containerizer/debug", pages.read(lambda query: NOTHING_PENDING)),
        *daemon_routes(context, process),
    ]


class _Pages:
    """The pages of one agent."""

    def __init__(self, context: AgentContext) -> None:
        self._context = context
        self._pages = AgentV0(context.state)

    def read(self, page: Callable[[Query], bytes]) -> Handler:
        """Return the handler of a page."""

        def handle(request: Request, responder: Responder, rest: str) -> None:
            if self._context.state.phase is Phase.RECOVERING:
                responder.send(RECOVERING)
                return
            query = Query(request)
            responder.send(encoded_answer(page(query), query))

        return handle

    def state(self, query: Query) -> bytes:
        """/state"""
        context, state = self._context, self._context.state
        config = state.config
        head = version_head(context.version) | {
            "start_time": context.start_time,
            "id": state.id or "",
            "pid": config.pid,
            "hostname": config.hostname,
            "capabilities": list(config.capabilities),
        }
        if config.domain is not None:
            head["domain"] = values.domain(config.domain)
        if state.draining is not None:
            draining = drain_config(state.draining.max_grace_period_s, mark_gone=state.draining.mark_gone)
            head["drain_config"] = to_dict(draining)
            head["estimated_drain_start_time_seconds"] = state.draining.since
        flags = flag_head(context.flags, ("log_dir", "external_log_file"))
        hostname = context.master_hostname()
        if hostname is not None:
            flags = {"master_hostname": hostname} | flags
        return self._pages.state(head, flags, config.work_dir)

    def containers(self, query: Query) -> bytes:
        """/containers"""
        ids = (query.get("container_id"), query.get("framework_id"), query.get("executor_id"))
        return self._pages.containers(self._measure(), *ids)

    def statistics(self, query: Query) -> bytes:
        """/monitor/statistics"""
        return self._pages.usage(self._measure())

    def _measure(self) -> Mapping[ContainerId, Statistics]:
        shown = containers(self._context.state, nested=False, standalone=False)
        return self._context.statistics([each.id for each in shown])
