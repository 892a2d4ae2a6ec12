"""POST /api/v1/executor: executors subscribe and call.

Everything that needs no change of state is answered here, synchronously, in Mesos's order of checks:
method, content type, parsing, structure, accept, then what the agent knows of the executor. What is left is
fed to the agent and answered 202: its outcome comes as events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from meseta.agent.agent import Agent
from meseta.agent.effects import ExecutorMessage
from meseta.agent.events import AgentEvent, ExecutorStreamClosed
from meseta.agent.state import Phase
from meseta.agent.views import executor_call_fault
from meseta.api.negotiation import (
    NOT_IMPLEMENTED,
    Formats,
    accepted,
    body_format,
    parse_call,
    plain,
    refuse_method,
)
from meseta.api.streams import Subscriptions
from meseta.errors import WireError
from meseta.ids import ExecutorId, FrameworkId
from meseta.runtime.http1 import ACCEPTED, Request, Response
from meseta.runtime.streams import Responder
from meseta.wire.executor_link import call_event, call_fault, event_bytes, heartbeat_bytes, subscription
from meseta.wire.gen import executor_pb2 as v1

HEARTBEAT_S = 1800.0
"""Also the time until the first: there are executors that cannot take any."""
UNKNOWN_STREAM = 0
"""Stands for the stream until the subscription is known to get one."""
RECOVERING = plain(503, "Agent has not finished recovery")


class ExecutorApi:
    """The executor API of one agent."""

    def __init__(
        self, agent: Agent, feed: Callable[[AgentEvent], None], *, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._agent = agent
        self._feed = feed
        self._heartbeat_s = heartbeat_s
        self._heartbeats: dict[int, asyncio.TimerHandle] = {}
        self.subscriptions = Subscriptions()
        self.counters = {"executor_calls_refused": 0}

    # ── requests ──────────────────────────────────────────────────────────────────────────────────────

    def post_call(self, request: Request, responder: Responder) -> None:
        """Answer one POST."""
        refusal = self._early_refusal(request)
        as_json = refusal or body_format(request)
        if isinstance(as_json, Response):
            self._refuse(responder, as_json)
            return
        try:
            call = parse_call(v1.Call, request.body, as_json=as_json, api="executor")
            fault = call_fault(call)
            if fault is not None:
                raise WireError(f"Failed to validate Executor::Call: {fault}")
            self._call(call, request, responder)
        except WireError as fault_of_body:
            self._refuse(responder, plain(400, str(fault_of_body)))

    def _refuse(self, responder: Responder, answer: Response) -> None:
        self.counters["executor_calls_refused"] += 1
        responder.send(answer)

    def _early_refusal(self, request: Request) -> Response | None:
        if self._agent.state.phase is Phase.RECOVERING:
            return RECOVERING
        return refuse_method(request) if request.method != "POST" else None

    def _call(self, call: v1.Call, request: Request, responder: Responder) -> None:
        formats = accepted(request)
        subscribes = call.type == v1.Call.SUBSCRIBE
        if subscribes and formats is None:
            self._refuse(responder, plain(406, Formats.REFUSAL))
            return
        if call.type == v1.Call.HEARTBEAT:
            responder.send(ACCEPTED)
            return
        fault = executor_call_fault(
            self._agent.state,
            FrameworkId(call.framework_id.value),
            ExecutorId(call.executor_id.value),
            subscribe=subscribes,
        )
        if fault is not None:
            self._refuse(responder, plain(fault.code, fault.text))
        elif subscribes:
            assert formats is not None, "checked above"
            self._subscribe(call, responder, formats)
        else:
            event = call_event(call)
            responder.send(NOT_IMPLEMENTED if event is None else ACCEPTED)
            if event is not None:
                self._feed(event)

    def _subscribe(self, call: v1.Call, responder: Responder, formats: Formats) -> None:
        # Lifted before the answer begins, because what cannot be lifted is refused.
        event = subscription(call, UNKNOWN_STREAM)
        opened = self.subscriptions.open(
            responder, as_json=formats.as_json, stream_id=None, on_closed=self._stream_closed
        )
        self._arm_heartbeat(opened.number)
        self._feed(msgspec.structs.replace(event, stream=opened.number))

    def _stream_closed(self, number: int, reason: str) -> None:
        self._cancel_heartbeat(number)
        self._feed(ExecutorStreamClosed(number))

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────

    def send(self, stream: int, message: ExecutorMessage) -> None:
        """Perform `SendToExecutor` on a stream; one that is gone by now is no error."""
        opened = self.subscriptions.get(stream)
        record = None if opened is None else event_bytes(message, as_json=opened.as_json)
        if opened is not None and record is not None:
            opened.write(record)

    def close(self, stream: int) -> None:
        """Perform `CloseExecutorStream`."""
        self._cancel_heartbeat(stream)
        self.subscriptions.close(stream)

    # ── heartbeats ────────────────────────────────────────────────────────────────────────────────────

    def _arm_heartbeat(self, stream: int) -> None:
        loop = asyncio.get_running_loop()
        self._heartbeats[stream] = loop.call_later(self._heartbeat_s, self._beat, stream)

    def _beat(self, stream: int) -> None:
        opened = self.subscriptions.get(stream)
        if opened is not None:
            opened.write(heartbeat_bytes(as_json=opened.as_json))
            self._arm_heartbeat(stream)

    def _cancel_heartbeat(self, stream: int) -> None:
        timer = self._heartbeats.pop(stream, None)
        if timer is not None:
            timer.cancel()
