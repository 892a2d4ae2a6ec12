"""POST /api/v1 of the master: the operator API.

Reads are answered from the state at once, events go to `OperatorStreams`, what is to change to the machine.
What the master cannot do is answered 501, as by a Mesos that does not know the call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from meseta.api.asking import Asked, ask
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
from meseta.api.operator_operations import OPERATION_CALLS
from meseta.api.operator_roles import ROLE_CALLS
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


def _teardown(call: ma.Call) -> Asked:
    return partial(FrameworkTeardownRequested, framework_id=FrameworkId(call.teardown.framework_id.value))


_ASKING: dict[str, Callable[[ma.Call], Asked]] = {
    "TEARDOWN": _teardown,
    **OPERATION_CALLS,
    **AGENT_CALLS,
    **MAINTENANCE_CALLS,
    **ROLE_CALLS,
}
"""Calls that the master answers when it has done what they ask for."""


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
        elif (asking := _ASKING.get(type_name(call))) is not None:
            ask(self._context, responder, partial(asking, call))
        else:
            responder.send(self._answer(call, self._answers[as_json]))

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
