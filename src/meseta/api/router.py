"""From a request's path to the handler of it, by the rules of libprocess.

A path names a process and one of its endpoints: `/master/state`, `/slave(1)/state`, `/files/browse`. Without
the process the daemon's own one is meant (`/state`). Escapes are decoded, empty segments do not count, so
that a trailing slash or a doubled one makes no difference. Of several endpoints the longest that the path
starts with wins: `/slaves/<id>` is `/slaves`, `/api/v1/nope` is `/api/v1`. An endpoint that is the process
itself (`/version`) takes no longer paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from meseta.runtime.http1 import NOT_FOUND, Request, decode_path, parse_query
from meseta.runtime.streams import Responder

Handler = Callable[[Request, Responder, str], None]
"""Answers a request; the text is what follows the endpoint in the path, without slashes at its ends."""


PATHS_MAX = 1000
"""Paths whose route is remembered; clients may make up any number of others."""


class Route(NamedTuple):
    """An endpoint by its full path, such as `/master/state`."""

    path: str
    handler: Handler


class Router:
    """The endpoints of one daemon; `delegate` is the process of paths that name none."""

    def __init__(self, delegate: str, routes: Iterable[Route]) -> None:
        self._delegate = delegate
        self._processes: dict[str, dict[str, Handler]] = {}
        self._known: dict[str, tuple[Route, str]] = {}
        self.requests: dict[str, int] = {}
        """How many requests each endpoint has had."""
        for route in routes:
            self.add(route)

    def add(self, route: Route) -> None:
        """Serve one more endpoint."""
        process, *endpoint = _segments(route.path)
        endpoints = self._processes.setdefault(process, {})
        name = "/".join(endpoint)
        assert name not in endpoints, f"two handlers for {route.path}"
        endpoints[name] = route.handler
        self.requests[route.path] = 0
        self._known.clear()

    def handle(self, request: Request, responder: Responder) -> None:
        """Answer one request."""
        if "%" in request.query and parse_query(request.query) is None:
            responder.abort()  # as Mesos does
            return
        found = self._known.get(request.path) or self._learn(request.path)
        if found is None:
            responder.send(NOT_FOUND)
            return
        route, rest = found
        self.requests[route.path] += 1
        route.handler(request, responder, rest)

    def _learn(self, raw_path: str) -> tuple[Route, str] | None:
        """Find the route of a path, and remember it: a few paths make up nearly all requests."""
        path = decode_path(raw_path)
        found = None if path is None else self._find(_segments(path))
        if found is not None and len(self._known) < PATHS_MAX:
            self._known[raw_path] = found
        return found

    def _find(self, segments: list[str]) -> tuple[Route, str] | None:
        process = self._delegate
        if segments and segments[0] in self._processes:
            process, segments = segments[0], segments[1:]
        endpoints = self._processes.get(process, {})
        for length in range(len(segments), 0, -1):
            name = "/".join(segments[:length])
            if name in endpoints:
                return Route(f"/{process}/{name}", endpoints[name]), "/".join(segments[length:])
        if not segments and "" in endpoints:
            return Route(f"/{process}", endpoints[""]), ""
        return None


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]
