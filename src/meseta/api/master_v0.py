"""The master's v0 endpoints: JSON for dashboards and scripts, and forms for operators.

All of them but those about the process itself are the leader's to answer: another master redirects.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from meseta.api.allocator_v0 import allocator_routes
from meseta.api.asking import Asked, Read, ask, asking, form_of
from meseta.api.build import version_head
from meseta.api.context import MasterContext
from meseta.api.daemon_v0 import daemon_routes
from meseta.api.explaining import explain_page
from meseta.api.negotiation import plain, refuse_method
from meseta.api.operator_maintenance import down_of_body, schedule_of_body, up_of_body
from meseta.api.operator_operations import ENDPOINTS, operation_of_form
from meseta.api.operator_roles import quota_of_body, removal_of_path, weights_of_body
from meseta.api.queries import Query, encoded_answer, parse_int
from meseta.api.router import Handler, Route
from meseta.errors import WireError
from meseta.ids import FrameworkId
from meseta.master.events import FrameworkTeardownRequested
from meseta.records import Domain
from meseta.runtime.http1 import NOT_FOUND, Request, Response
from meseta.runtime.streams import Responder
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.v0_json import values
from meseta.wire.v0_json.master import TASKS_LIMIT, MasterV0, flag_head

PROCESS = "/master"

_PAGES = ("state", "state-summary", "slaves", "frameworks", "tasks", "roles", "metrics/snapshot", "version")
_LINKS = "".join(f'<li><a href="/{page}">/{page}</a></li>' for page in _PAGES)
INDEX = Response(
    200,
    (("Content-Type", "text/html"),),
    f"<!DOCTYPE html><html><head><title>Meseta</title></head><body><ul>{_LINKS}</ul></body></html>".encode(),
)
"""The root of the site: clients that probe a master want a 200 there."""


def master_routes(context: MasterContext, operator: Handler) -> list[Route]:
    """Return all endpoints of a master but the scheduler API; `operator` answers /api/v1.

    Those that are the leader's to answer are redirected when this master does not lead.
    """
    v0 = _Endpoints(context)
    leaders: dict[str, Handler] = {
        "api/v1": operator,
        "state": v0.read(v0.state),
        "state-summary": v0.read(v0.summary),
        "slaves": v0.read(lambda query: v0.pages.agents(query.get("slave_id"))),
        "frameworks": v0.read(lambda query: v0.pages.frameworks(query.get("framework_id"))),
        "tasks": v0.read(v0.tasks),
        "roles": v0.read(lambda query: v0.pages.roles()),
        "weights": v0.kept(lambda query: v0.pages.weights(), PUT=weights_of_body),
        "quota": v0.kept(lambda query: v0.pages.quota(), POST=quota_of_body, DELETE=removal_of_path),
        "maintenance/schedule": v0.kept(lambda query: v0.pages.maintenance_schedule(), POST=schedule_of_body),
        "maintenance/status": v0.read(lambda query: v0.pages.maintenance_status(), "GET"),
        "machine/down": asking(context, down_of_body),
        "machine/up": asking(context, up_of_body),
        "teardown": asking(context, _teardown_of_form),
        "explain": v0.explain,
        **{name: asking(context, partial(operation_of_form, name)) for name in ENDPOINTS},
    }
    return [
        *(Route(f"{PROCESS}/{name}", led(context, handler)) for name, handler in leaders.items()),
        Route(PROCESS, lambda request, responder, rest: responder.send(INDEX)),
        Route(f"{PROCESS}/redirect", redirect_handler(context)),
        *allocator_routes(context),
        *daemon_routes(context, PROCESS),
    ]


# Leading ----------------------------------------------------------------------------------------------


def led(context: MasterContext, handler: Handler) -> Handler:
    """Return a handler that sends requests on to the leader unless this master is it."""

    def handle(request: Request, responder: Responder, rest: str) -> None:
        leader = context.leader()
        if leader is None or leader.id != context.info.id:
            responder.send(redirection(leader, internal_target(request)))
        elif not context.has_recovered:
            responder.send(plain(503, "Master has not finished recovery"))
        else:
            handler(request, responder, rest)

    return handle


def redirection(leader: m.MasterInfo | None, target: str) -> Response:
    """Return where to ask instead; 503 if that is not known."""
    if leader is None:
        return plain(503, "No leader elected")
    host = leader.hostname or leader.address.ip
    return Response(307, (("Location", f"//{host}:{leader.port}{target}"),))


def internal_target(request: Request) -> str:
    """Return the request's target with the master's name in front, which is how Mesos redirects."""
    path = "/" + request.path.lstrip("/")
    if path != PROCESS and not path.startswith(f"{PROCESS}/"):
        path = PROCESS + path
    return f"{path}?{request.query}" if request.query else path


def redirect_handler(context: MasterContext) -> Handler:
    """Return the handler of /redirect: to the leader, whoever it is, and to nothing below it."""

    def handle(request: Request, responder: Responder, rest: str) -> None:
        if rest or request.path.endswith("/"):
            responder.send(NOT_FOUND)
        else:
            responder.send(redirection(context.leader(), ""))

    return handle


# Endpoints --------------------------------------------------------------------------------------------


class _Endpoints:
    """The pages of one master."""

    def __init__(self, context: MasterContext) -> None:
        self._context = context
        self.pages = MasterV0(context.state)

    def read(self, page: Callable[[Query], bytes], *methods: str) -> Handler:
        """Return the handler of a page. Where `methods` are named only these are allowed."""

        def handle(request: Request, responder: Responder, rest: str) -> None:
            if methods and request.method not in methods:
                responder.send(refuse_method(request, *methods))
                return
            query = Query(request)
            responder.send(encoded_answer(page(query), query))

        return handle

    def kept(self, page: Callable[[Query], bytes], **reads: Read) -> Handler:
        """Return the handler of what GET shows, and other methods change: `reads`, by their names."""
        show = self.read(page, "GET", *reads)

        def handle(request: Request, responder: Responder, rest: str) -> None:
            read = reads.get(request.method)
            if read is not None:
                ask(self._context, responder, partial(read, request))
            else:
                show(request, responder, rest)

        return handle

    def state(self, query: Query) -> bytes:
        """/state"""
        context = self._context
        head = version_head(context.version) | {
            "start_time": context.start_time,
            "elected_time": context.elected_time,
            "id": context.info.id,
            "pid": context.info.pid,
            "hostname": context.info.hostname,
            "capabilities": _capabilities(context.info),
            **self.pages.counts(),
            **_domain(context.info),
        }
        leader = context.leader()
        if leader is not None:
            head |= {"leader": leader.pid, "leader_info": _leader_info(leader)}
        head |= flag_head(context.flags, ("cluster", "log_dir", "external_log_file"))
        return self.pages.state(head)

    def summary(self, query: Query) -> bytes:
        """/state-summary"""
        head = {"hostname": self._context.info.hostname}
        if "cluster" in self._context.flags:
            head["cluster"] = self._context.flags["cluster"]
        return self.pages.summary(head)

    def tasks(self, query: Query) -> bytes:
        """/tasks"""
        return self.pages.tasks(
            limit=_number(query, "limit", TASKS_LIMIT),
            offset=_number(query, "offset", 0),
            ascending=query.get("order") == "asc",
            framework_id=query.get("framework_id"),
            task_id=query.get("task_id"),
        )

    def explain(self, request: Request, responder: Responder, rest: str) -> None:
        """/explain"""
        if request.method == "GET":
            responder.send(explain_page(self._context, Query(request)))
        else:
            responder.send(refuse_method(request, "GET"))


def _teardown_of_form(request: Request) -> Asked:
    form = form_of(request)
    if "frameworkId" not in form:
        raise WireError("Missing 'frameworkId' query parameter in the request body")
    return partial(FrameworkTeardownRequested, framework_id=FrameworkId(form["frameworkId"]))


def _number(query: Query, name: str, default: int) -> int:
    """Return a number of the query; what is not one does not count, as in Mesos."""
    try:
        return parse_int(query.get(name) or "")
    except ValueError:
        return default


def _capabilities(info: m.MasterInfo) -> list[str]:
    names = m.MasterInfo.Capability.Type
    return [names.Name(capability.type) for capability in info.capabilities]


def _domain(info: m.MasterInfo) -> dict[str, Any]:
    if not info.HasField("domain"):
        return {}
    fault = info.domain.fault_domain
    return {"domain": values.domain(Domain(fault.region.name, fault.zone.name))}


def _leader_info(leader: m.MasterInfo) -> dict[str, Any]:
    shown = {"id": leader.id, "pid": leader.pid, "port": leader.port, "hostname": leader.hostname}
    return shown | _domain(leader)
