"""What requests ask of the master, and how they get its answer: alike for calls and for endpoints."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from meseta.api.context import MasterContext
from meseta.api.negotiation import plain, refuse_method
from meseta.api.router import Handler
from meseta.errors import WireError
from meseta.master.events import MasterEvent
from meseta.runtime.http1 import Request, parse_query
from meseta.runtime.streams import Responder

Asked = Callable[..., MasterEvent]
"""Makes the event when it is given the `request` that is to be answered."""
Read = Callable[[Request], Asked]
"""Finds what a request to an endpoint asks for. Raises WireError if that is nothing."""


def ask(context: MasterContext, responder: Responder, read: Callable[[], Asked]) -> None:
    """Give the master what `read` finds to be asked; it answers in its turn. 400 for a WireError."""
    try:
        asked = read()
    except WireError as fault:
        responder.send(plain(400, str(fault)))
        return
    context.feed(asked(request=context.replies.later(responder)))


def asking(context: MasterContext, read: Read) -> Handler:
    """Return the handler of an endpoint to which requests are posted."""

    def handle(request: Request, responder: Responder, rest: str) -> None:
        if request.method == "POST":
            ask(context, responder, partial(read, request))
        else:
            responder.send(refuse_method(request))

    return handle


def form_of(request: Request) -> dict[str, str]:
    """Return the fields of the form in a body. Raises WireError in Mesos's words."""
    form = parse_query(request.body.decode(errors="replace"))
    if form is None:
        raise WireError("Unable to decode query string")
    return form
