"""POST /api/v1/scheduler: schedulers subscribe and call.

Everything that needs no change of state is answered here, synchronously, in Mesos's order of checks:
method, content type, parsing, structure, accept, then what the master knows of the framework. What is left
is fed to the master and answered 202: its outcome comes as events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from meseta import ids
from meseta.api.negotiation import Formats, accepted, body_format, parse_call, plain, refuse_method
from meseta.api.streams import Subscriptions
from meseta.errors import WireError
from meseta.master import events as e
from meseta.master.effects import FrameworkMessage
from meseta.master.master import Master
from meseta.master.validation import Refusal, call_refusal, subscribe_refusal
from meseta.runtime.http1 import ACCEPTED, Request, Response
from meseta.runtime.streams import Responder
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.scheduler_calls import call_event, call_fault, framework_update, subscription
from meseta.wire.scheduler_events import SchedulerEvents

# Reading an enumeration's value from a message class is slow, so the hot path does it once.
SUBSCRIBE = s.Call.SUBSCRIBE
UPDATE_FRAMEWORK = s.Call.UPDATE_FRAMEWORK
UNKNOWN = s.Call.UNKNOWN
ODD_KINDS = frozenset({s.Call.RECONCILE_OPERATIONS, UNKNOWN})

STANDBY_HEADER = "meseta-standby"
"""With the value `true`: wait while another scheduler has the framework. Not in the body, because all
schedulers of a framework describe it alike."""
UNKNOWN_STREAM = e.StreamId(0)
"""Stands for the stream until the subscription is known to get one."""
Feed = Callable[[e.MasterEvent], None]


class SchedulerApi:
    """The scheduler API of one master."""

    def __init__(
        self,
        master: Master,
        feed: Feed,
        encoder: SchedulerEvents,
        entropy: ids.BitSource,
        reply_later: Callable[[Responder], e.RequestId],
        constraints_fault: Callable[[Any], str | None],
    ) -> None:
        self._master = master
        self._feed = feed
        self._encoder = encoder
        self._entropy = entropy
        self._reply_later = reply_later
        self._constraints_fault = constraints_fault
        self.subscriptions = Subscriptions()
        self.counters = {"scheduler_calls_refused": 0}

    # ── requests ──────────────────────────────────────────────────────────────────────────────────────

    def post_call(self, request: Request, responder: Responder, principal: str | None = None) -> None:
        """Answer one POST."""
        if request.method != "POST":
            self._refuse(responder, refuse_method(request))
            return
        as_json = body_format(request)
        if isinstance(as_json, Response):
            self._refuse(responder, as_json)
            return
        try:
            call = parse_call(s.Call, request.body, as_json=as_json, api="scheduler")
            fault = call_fault(call)
            if fault is not None:
                raise WireError(f"Failed to validate scheduler::Call: {fault}")
            if call.type == SUBSCRIBE:
                self._subscribe(call, request, responder, principal)
            else:
                self._call(call, request, responder, principal)
        except WireError as fault:
            self._refuse(responder, plain(400, str(fault)))

    def _refuse(self, responder: Responder, answer: Response) -> None:
        self.counters["scheduler_calls_refused"] += 1
        responder.send(answer)

    def _subscribe(self, call: s.Call, request: Request, responder: Responder, principal: str | None) -> None:
        formats = accepted(request)
        if formats is None:
            self._refuse(responder, plain(406, Formats.REFUSAL))
            return
        stream_header = request.headers.get("mesos-stream-id")
        standby = request.headers.get(STANDBY_HEADER, "").lower() == "true"
        event = subscription(call, UNKNOWN_STREAM, principal, self._constraints_fault, standby=standby)
        refusal = subscribe_refusal(event.info, principal, stream_header)
        if refusal is not None:
            self._refuse(responder, plain(refusal.code, refusal.text))
            return
        opened = self.subscriptions.open(
            responder,
            as_json=formats.as_json,
            stream_id=ids.new_uuid_text(self._entropy),
            on_closed=self._stream_closed,
        )
        self._feed(msgspec.structs.replace(event, peer=e.StreamId(opened.number)))

    def _stream_closed(self, number: int, reason: str) -> None:
        self._feed(e.StreamClosed(stream=e.StreamId(number), reason=reason))

    def _call(self, call: s.Call, request: Request, responder: Responder, principal: str | None) -> None:
        stream_header = request.headers.get("mesos-stream-id")
        opened = self.subscriptions.by_id(stream_header)
        stream = e.StreamId(opened.number) if opened is not None else None
        framework_id = ids.FrameworkId(call.framework_id.value)
        refusal = call_refusal(self._master.state, framework_id, principal, stream, stream_header)
        kind = call.type
        if refusal is None and kind in ODD_KINDS:
            refusal = kind_refusal(kind, request)
        if refusal is not None:
            self._refuse(responder, plain(refusal.code, refusal.text))
            return
        assert stream is not None, "a call that is not refused came with its framework's stream"
        if kind == UPDATE_FRAMEWORK:
            update = framework_update(call, stream, self._constraints_fault)
            self._feed(msgspec.structs.replace(update, request=self._reply_later(responder)))
            return
        event = call_event(call, stream)
        responder.send(ACCEPTED)
        if event is not None:
            self._feed(event)

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────

    def send(self, stream: int, message: FrameworkMessage) -> None:
        """Perform `SendToFramework` on a stream; one that is gone by now is no error."""
        opened = self.subscriptions.get(stream)
        if opened is not None:
            opened.write(self._encoder.v1(message, as_json=opened.as_json))

    def probe(self, stream: int, within_s: float) -> None:
        """Perform `ProbeStream`."""
        opened = self.subscriptions.get(stream)
        if opened is not None:
            event = e.StreamProbed(stream=e.StreamId(stream), acknowledges=opened.acknowledges(within_s))
            self._feed(event)

    def close(self, stream: int) -> None:
        """Perform `CloseStream`."""
        self.subscriptions.close(stream)


def kind_refusal(kind: int, request: Request) -> Refusal | None:
    """Say why a call of an odd kind is refused: one that nobody knows, or whose answer nobody accepts."""
    if kind == UNKNOWN:
        return Refusal(501, "")
    return Refusal(406, Formats.REFUSAL) if accepted(request) is None else None
