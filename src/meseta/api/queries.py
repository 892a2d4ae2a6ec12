"""Query parameters, and answers to v0 requests."""

from __future__ import annotations

from typing import Any

import msgspec

from meseta.runtime.http1 import Request, Response, parse_query


class Query:
    """The parameters of a request; of those given twice the last counts."""

    def __init__(self, request: Request) -> None:
        self._values = parse_query(request.query) or {}

    def get(self, name: str) -> str | None:
        """Return the value of a parameter, None if it is not there."""
        return self._values.get(name)


def parse_int(text: str) -> int:
    """Return a decimal number. Raises ValueError with Mesos's sentence about what is wrong."""
    try:
        if not text.lstrip("+-").isdecimal():
            raise ValueError
        return int(text)
    except ValueError:
        raise ValueError(f"Failed to convert '{text}' to number") from None


def json_answer(value: Any, query: Query) -> Response:
    """Return `value` as JSON, or as a call of the function that the parameter `jsonp` names."""
    return encoded_answer(msgspec.json.encode(value), query)


def encoded_answer(body: bytes, query: Query) -> Response:
    """Return what is JSON already; see `json_answer`."""
    callback = query.get("jsonp")
    if callback is None:
        return Response(200, (("Content-Type", "application/json"),), body, length_first=True)
    wrapped = callback.encode() + b"(" + body + b");"
    return Response(200, (("Content-Type", "text/javascript"),), wrapped, length_first=True)
