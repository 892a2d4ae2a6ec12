"""Formats of requests and answers."""

from __future__ import annotations

import pytest

from meseta.api.negotiation import accepted, accepts
from meseta.runtime.http1 import Request

JSON = "application/json"
PROTOBUF = "application/x-protobuf"


@pytest.mark.parametrize(
    ("header", "media_type", "admitted"),
    [
        (None, JSON, True),
        ("*/*", JSON, True),
        ("application/*", PROTOBUF, True),
        ("text/html, application/json;q=0.1", JSON, True),
        ("application/json;q=0", JSON, False),
        ("application/json; q=0.0", JSON, False),
        ("application/json;charset=utf-8", JSON, True),
        ("text/html", JSON, False),
    ],
)
def test_accept_is_read_leniently(header: str | None, media_type: str, admitted: bool) -> None:
    assert accepts(header, media_type) is admitted


def test_json_wins_wherever_it_is_acceptable() -> None:
    both = Request("POST", "/api/v1", {"accept": f"{PROTOBUF};q=1, {JSON};q=0.1"})
    formats = accepted(both)
    assert formats is not None
    assert formats.as_json
    only = accepted(Request("POST", "/api/v1", {"accept": PROTOBUF}))
    assert only is not None
    assert only.media_type == PROTOBUF
    assert accepted(Request("POST", "/api/v1", {"accept": "text/html"})) is None
