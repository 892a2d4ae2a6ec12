"""Paths lead to handlers by libprocess's rules."""

from __future__ import annotations

import pytest

from meseta.api.router import Route, Router
from meseta.runtime.http1 import Request
from tests.unit.api.api_kit import FakeResponder


def _router(found: list[tuple[str, str]]) -> Router:
    def route(path: str) -> Route:
        return Route(path, lambda request, responder, rest: found.append((path, rest)))

    paths = (
        "/master",
        "/master/state",
        "/master/slaves",
        "/master/api/v1",
        "/master/api/v1/scheduler",
        "/version",
    )
    return Router("master", [*map(route, paths), route("/slave(1)/state")])


@pytest.mark.parametrize(
    ("target", "endpoint", "rest"),
    [
        ("/state", "/master/state", ""),
        ("/master/state", "/master/state", ""),
        ("//state", "/master/state", ""),
        ("/state/?a=b", "/master/state", ""),
        ("/%73tate", "/master/state", ""),
        ("/slaves/S1/x", "/master/slaves", "S1/x"),
        ("/api/v1/nope", "/master/api/v1", "nope"),
        ("/api/v1/scheduler/x", "/master/api/v1/scheduler", "x"),
        ("/version/", "/version", ""),
        ("/slave%281%29/state", "/slave(1)/state", ""),
        ("/", "/master", ""),
        ("/master/", "/master", ""),
    ],
)
def test_the_longest_endpoint_wins(target: str, endpoint: str, rest: str) -> None:
    found: list[tuple[str, str]] = []
    router = _router(found)
    router.handle(Request("GET", target, {}), FakeResponder())  # type: ignore[arg-type]
    assert found == [(endpoint, rest)]
    assert router.requests[endpoint] == 1


@pytest.mark.parametrize("target", ["/nope", "/version/x", "/api", "/statex", "/slave/state", "/st%zzate"])
def test_what_leads_nowhere_is_404(target: str) -> None:
    responder = FakeResponder()
    _router([]).handle(Request("GET", target, {}), responder)  # type: ignore[arg-type]
    assert (responder.code, responder.text) == (404, "404 Not Found.")


def test_a_broken_query_ends_the_connection() -> None:
    responder = FakeResponder()
    _router([]).handle(Request("GET", "/state?a=%zz", {}), responder)  # type: ignore[arg-type]
    assert responder.aborted
    assert responder.response is None
