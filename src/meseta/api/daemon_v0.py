"""v0 endpoints that master and agent have alike: health, flags, version, logging, the machine."""

from __future__ import annotations

from meseta.api import system
from meseta.api.build import version_json
from meseta.api.context import DaemonContext
from meseta.api.durations import parse_duration_s
from meseta.api.files import file_routes
from meseta.api.metrics import snapshot_handler
from meseta.api.negotiation import empty, plain
from meseta.api.queries import Query, json_answer, parse_int
from meseta.api.router import Route
from meseta.runtime.http1 import Request, Response
from meseta.runtime.streams import Responder

OK = empty()


def daemon_routes(context: DaemonContext, process: str) -> list[Route]:
    """Return the endpoints of the daemon's own process, such as `/master`, and of its helpers."""

    def health(request: Request, responder: Responder, rest: str) -> None:
        responder.send(OK)

    def flags(request: Request, responder: Responder, rest: str) -> None:
        responder.send(json_answer({"flags": dict(sorted(context.flags.items()))}, Query(request)))

    def version(request: Request, responder: Responder, rest: str) -> None:
        responder.send(json_answer(version_json(context.version), Query(request)))

    def stats(request: Request, responder: Responder, rest: str) -> None:
        responder.send(json_answer(system.stats(), Query(request)))

    def toggle(request: Request, responder: Responder, rest: str) -> None:
        responder.send(toggle_logging(context, Query(request)))

    return [
        Route(f"{process}/health", health),
        Route(f"{process}/flags", flags),
        Route("/version", version),
        Route("/metrics/snapshot", snapshot_handler(context)),
        Route("/system/stats.json", stats),
        Route("/logging/toggle", toggle),
        *file_routes(context.files),
    ]


def toggle_logging(context: DaemonContext, query: Query) -> Response:
    """Return the logging level, or change it for some time."""
    level, duration = query.get("level"), query.get("duration")
    if level is None and duration is None:
        return plain(200, f"{context.verbosity.level}\n")
    if duration is None:
        return plain(400, "Expecting 'duration=value' in query.\n")
    if level is None:
        return plain(400, "Expecting 'level=value' in query.\n")
    try:
        wanted = parse_int(level)
        if wanted < 0:
            raise ValueError(f"Invalid level '{wanted}'")
        if wanted < context.verbosity.original:
            raise ValueError(f"'{wanted}' < original level")
        context.verbosity.set(wanted, parse_duration_s(duration))
    except ValueError as error:
        return plain(400, f"{error}.\n")
    return OK
