"""POST /api/v1 of the master: the operator API.

Reads are answered from the state at once, events go to `OperatorStreams`, TEARDOWN and operations on
resources to the machine. What the master cannot do yet is answered 501, as by a Mesos that does not know the
call.
"""

from __future__ import annotations

from collections.abc import Callable

from meseta.api import operator_roles
from meseta.api.context import MasterContext
from meseta.api.explaining import explain_call
from meseta.api.negotiation import (
    NOT_IMPLEMENTED,
    Formats,
    accepted,
    body_format,
    plain,
    refuse_method,
)
from meseta.api.operator_agents import AGENT_CALLS
from meseta.api.operator_calls import CommonCalls, answered, read_call, type_name
from meseta.api.operator_maintenance import MAINTENANCE_CALLS
from meseta.api.operator_operations import CALLS, operation_of_call
from meseta.api.subscribers import OperatorStreams
from meseta.errors import WireError
from meseta.ids import FrameworkId
from meseta.master.effects import Publish
from meseta.master.events import FrameworkTeardownRequested
from meseta.runtime.http1 import Request, Response
from meseta.runtime.streams import Responder
from meseta.wire import v1_operator as v1
from meseta.wire.gen import master_pb2 as ma
from meseta.wire.v1_operator_master import MasterAnswers

_NOTHING: frozenset[str] = frozenset()

_READS: dict[str, Callable[[MasterAnswers], bytes]] = {
    "GET_STATE": MasterAnswers.state,
    "GET_AGENTS": MasterAnswers.agents,
    "GET_FRAMEWORKS": MasterAnswers.frameworks,
    "GET_EXECUTORS": MasterAnswers.executors,
    "GET_TASKS": MasterAnswers.tasks,
    "GET_ROLES": MasterAnswers.roles,
    "GET_WEIGHTS": MasterAnswers.weights,
    "GET_OPERATIONS": MasterAnswers.operations,
    "GET_QUOTA": MasterAnswers.quota,
    "GET_MAINTENANCE_STATUS": MasterAnswers.maintenance_status,
    "GET_MAINTENANCE_SCHEDULE": MasterAnswers.maintenance_schedule,
}

_ASKING = {**AGENT_CALLS, **MAINTENANCE_CALLS, **operator_roles.CALLS}
"""Calls that are answered when the registry has written what they ask for."""


class MasterOperatorApi:
    """The operator API of one master."""

    def __init__(self, context: MasterContext) -> None:
        self._context = context
        self._common = CommonCalls(context, ma.Response)
        self._answers = {
            form.as_json: MasterAnswers(form, context.state, context.offers)
            for form in (v1.JSON, v1.PROTOBUF)
        }
        self.streams = OperatorStreams(context, self._answers.__getitem__)

    def handle(self, request: Request, responder: Responder, rest: str = "") -> None:
        """Answer one request."""
        if request.method != "POST":
            responder.send(refuse_method(request))
            return
        as_json = body_format(request)
        if isinstance(as_json, Response):
            responder.send(as_json)
            return
        try:
            call = read_call(ma.Call, request.body, as_json=as_json, api="master", may_lack=_NOTHING)
        except WireError as fault:
            responder.send(plain(400, str(fault)))
            return
        formats = accepted(request)
        if formats is None:
            responder.send(plain(406, Formats.REFUSAL))
        else:
            self._call(call, responder, as_json=formats.as_json)

    def publish(self, effect: Publish) -> None:
        """Perform the master's effect."""
        self.streams.publish(effect)

    def _call(self, call: ma.Call, responder: Responder, *, as_json: bool) -> None:
        if call.type == ma.Call.SUBSCRIBE:
            self.streams.subscribe(responder, as_json=as_json)
        elif call.type == ma.Call.TEARDOWN:
            self._teardown(call, responder)
        elif type_name(call) in CALLS:
            asked = operation_of_call(call, type_name(call))
            self._context.feed(asked(request=self._context.replies.later(responder)))
        elif type_name(call) in _ASKING:
            self._ask(call, responder)
        else:
            responder.send(self._answer(call, self._answers[as_json]))

    def _ask(self, call: ma.Call, responder: Responder) -> None:
        try:
            asked = _ASKING[type_name(call)](call)
        except WireError as fault:
            responder.send(plain(400, str(fault)))
            return
        self._context.feed(asked(request=self._context.replies.later(responder)))

    def _teardown(self, call: ma.Call, responder: Responder) -> None:
        request = self._context.replies.later(responder)
        framework_id = FrameworkId(call.teardown.framework_id.value)
        self._context.feed(FrameworkTeardownRequested(request=request, framework_id=framework_id))

    def _answer(self, call: ma.Call, answers: MasterAnswers) -> Response:
        common = self._common.answer(answers.form, call)
        if common is not None:
            return common
        if call.type == ma.Call.EXPLAIN:
            return explain_call(self._context, answers.form, call)
        if call.type == ma.Call.GET_MASTER:
            context = self._context
            body = answers.master(context.info, context.start_time, context.elected_time)
            return answered(answers.form, body)
        read = _READS.get(type_name(call))
        return NOT_IMPLEMENTED if read is None else answered(answers.form, read(answers))
