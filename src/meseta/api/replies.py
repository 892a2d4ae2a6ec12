"""Requests that wait for a machine's `Reply`."""

from __future__ import annotations

from meseta.master.events import RequestId
from meseta.runtime.http1 import Response, text_response
from meseta.runtime.streams import Responder


class Replies:
    """Numbers requests and answers them when their reply comes; a peer that left is forgotten."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: dict[int, Responder] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def later(self, responder: Responder) -> RequestId:
        """Return the number under which the answer will come."""
        self._count += 1
        number = self._count
        self._waiting[number] = responder
        responder.on_closed(lambda reason: self._forget(number))
        return RequestId(number)

    def _forget(self, number: int) -> None:
        self._waiting.pop(number, None)

    def send(self, request: int, code: int, text: str) -> None:
        """Answer a waiting request."""
        responder = self._waiting.pop(request, None)
        if responder is not None:
            responder.send(text_response(code, text) if text else Response(code))
