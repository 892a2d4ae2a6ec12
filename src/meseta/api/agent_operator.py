"""POST /api/v1 of the agent: the operator API, which is also that of containers.

Reads are answered from the state at once. Calls about containers are fed to the machine; its `Reply` comes
when the container runs, or is over, as asked, and is turned into the call's answer here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.agent import events as e
from meseta.agent.effects import Reply
from meseta.agent.state import Phase
from meseta.api.context import AgentContext
from meseta.api.negotiation import (
    NOT_IMPLEMENTED,
    RECORDIO,
    AgentMedia,
    agent_media,
    empty,
    plain,
    refuse_method,
)
from meseta.api.operator_calls import EMPTY_OK, CommonCalls, answered, read_call, type_name
from meseta.errors import WireError
from meseta.ids import CONTAINER_ID_BYTES_MAX, id_fault
from meseta.runtime.http1 import Request, Response
from meseta.runtime.streams import Responder
from meseta.wire import json, recordio
from meseta.wire import v1_operator as v1
from meseta.wire.container_ids import lift_container_id, nesting_fault
from meseta.wire.gen import agent_pb2 as a
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_command
from meseta.wire.resources import lift_resources
from meseta.wire.v1_operator_agent import AgentAnswers, containers

RECOVERING = plain(503, "Agent has not finished recovery")
NO_SWITCHBOARD = plain(500, "I/O switchboard server was disabled for this container")

_MAY_LACK = frozenset({"get_containers", "prune_images"})
_STREAMED_ANSWERS = ("ATTACH_CONTAINER_OUTPUT", "LAUNCH_NESTED_CONTAINER_SESSION")
_DONE_BEFORE = ("PRUNE_IMAGES", "MARK_RESOURCE_PROVIDER_GONE")
"""Calls that want to be gone what has never been there."""

_READS: dict[str, Callable[[AgentAnswers], bytes]] = {
    "GET_STATE": AgentAnswers.state,
    "GET_FRAMEWORKS": AgentAnswers.frameworks,
    "GET_EXECUTORS": AgentAnswers.executors,
    "GET_TASKS": AgentAnswers.tasks,
    "GET_AGENT": AgentAnswers.agent,
    "GET_OPERATIONS": AgentAnswers.operations,
    "GET_RESOURCE_PROVIDERS": AgentAnswers.resource_providers,
}


class AgentReplies:
    """Requests that wait for the machine's `Reply`; a peer that has left is forgotten."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: dict[int, tuple[Responder, Callable[[Reply], Response]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def later(self, responder: Responder, answer: Callable[[Reply], Response]) -> int:
        """Return the number under which the reply will come; `answer` makes a response of it."""
        self._count += 1
        number = self._count
        self._waiting[number] = (responder, answer)
        responder.on_closed(lambda reason: self._forget(number))
        return number

    def perform(self, effect: Reply) -> None:
        """Perform the machine's effect."""
        waiting = self._waiting.pop(effect.request, None)
        if waiting is not None:
            responder, answer = waiting
            responder.send(answer(effect))

    def _forget(self, number: int) -> None:
        self._waiting.pop(number, None)


class AgentOperatorApi:
    """The operator API of one agent."""

    def __init__(self, context: AgentContext) -> None:
        self._context = context
        self._common = CommonCalls(context, a.Response)
        self._answers = {form.as_json: AgentAnswers(form, context.state) for form in (v1.JSON, v1.PROTOBUF)}
        self.replies = AgentReplies()

    def handle(self, request: Request, responder: Responder, rest: str = "") -> None:
        """Answer one request."""
        refusal = self._refusal(request)
        if refusal is not None:
            responder.send(refusal)
            return
        media = agent_media(request)
        if isinstance(media, Response):
            responder.send(media)
            return
        try:
            body = first_record(request.body) if media.body_is_stream else request.body
            call = read_call(a.Call, body, as_json=media.body_is_json, api="agent", may_lack=_MAY_LACK)
            check_container_ids(call)
        except WireError as fault:
            responder.send(plain(400, str(fault)))
            return
        refusal = stream_refusal(type_name(call), media)
        if refusal is not None:
            responder.send(refusal)
        else:
            self._call(call, self._answers[media.answer.as_json], responder)

    def perform(self, effect: Reply) -> None:
        """Perform the machine's effect."""
        self.replies.perform(effect)

    def _refusal(self, request: Request) -> Response | None:
        if self._context.state.phase is Phase.RECOVERING:
            return RECOVERING
        return refuse_method(request) if request.method != "POST" else None

    def _call(self, call: a.Call, answers: AgentAnswers, responder: Responder) -> None:
        name = type_name(call)
        feeds = _CONTAINER_CALLS.get(name)
        if feeds is not None:
            self._context.feed(feeds(call, self.replies, answers, responder))
        elif name in ("ATTACH_CONTAINER_INPUT", "ATTACH_CONTAINER_OUTPUT"):
            responder.send(self._attach(getattr(call, name.lower())))
        else:
            responder.send(self._answer(name, call, answers))

    def _answer(self, name: str, call: a.Call, answers: AgentAnswers) -> Response:
        common = self._common.answer(answers.form, call)
        if common is not None:
            return common
        if name == "GET_CONTAINERS":
            return self._get_containers(call, answers)
        if name in _DONE_BEFORE:
            return EMPTY_OK
        read = _READS.get(name)
        return NOT_IMPLEMENTED if read is None else answered(answers.form, read(answers))

    def _get_containers(self, call: a.Call, answers: AgentAnswers) -> Response:
        wanted = call.get_containers
        shown = containers(self._context.state, nested=wanted.show_nested, standalone=wanted.show_standalone)
        measured = self._context.statistics([each.id for each in shown])
        return answered(answers.form, answers.containers(shown, measured))

    def _attach(self, wanted: Any) -> Response:
        container_id = lift_container_id(wanted.container_id)
        if container_id not in self._context.state.containers:
            return plain(404, f"Container {container_id} cannot be found")
        return NO_SWITCHBOARD


# Reading calls ----------------------------------------------------------------------------------------


def check_container_ids(call: a.Call) -> None:
    """Check the container id of a call that has one. Raises WireError in Mesos's words."""
    field = type_name(call).lower()
    body = getattr(call, field, None)
    if body is None or "container_id" not in body.DESCRIPTOR.fields_by_name:
        return
    if not body.HasField("container_id"):
        return  # it is optional there
    fault = nesting_fault(body.container_id) or container_id_fault(body.container_id)
    if fault is not None:
        raise WireError(f"Failed to validate agent::Call: '{field}.container_id' is invalid: {fault}")
    if "nested" in field and not body.container_id.HasField("parent"):
        raise WireError(
            f"Failed to validate agent::Call: Expecting '{field}.container_id.parent' to be present"
        )


def container_id_fault(message: m.ContainerID) -> str | None:
    """Say what is wrong with a container id, if anything."""
    value = message.value
    fault = id_fault(value)
    if fault is not None:
        return fault
    if len(value) > CONTAINER_ID_BYTES_MAX:
        return f"'ContainerID.value' '{value}' exceeds the maximum length ({CONTAINER_ID_BYTES_MAX})"
    if "." in value or " " in value:
        return f"'ContainerID.value' '{value}' contains invalid characters"
    if message.HasField("parent"):
        inner = container_id_fault(message.parent)
        return None if inner is None else f"'ContainerID.parent' is invalid: {inner}"
    return None


def first_record(body: bytes) -> bytes:
    """Return the first RecordIO record of a body. Raises WireError if there is none."""
    records = recordio.Decoder(json.JSON_BYTES_MAX).feed(body)
    if not records:
        raise WireError("Received EOF while reading request body")
    return records[0]


def stream_refusal(name: str, media: AgentMedia) -> Response | None:
    """Return the refusal of a stream where a call takes or gives none, and of none where it takes one."""
    if media.body_is_stream and name != "ATTACH_CONTAINER_INPUT":
        return plain(415, f"Streaming 'Content-Type' {RECORDIO} is not supported for {name} call")
    if not media.body_is_stream and name == "ATTACH_CONTAINER_INPUT":
        return plain(415, f"Expecting 'Content-Type' to be {RECORDIO} for {name} call")
    if media.answer_is_stream and name not in _STREAMED_ANSWERS:
        return plain(406, f"Streaming response is not supported for {name} call")
    return None


# Containers -------------------------------------------------------------------------------------------


def outcome(reply: Reply) -> Response:
    """Return the answer that says what the machine said."""
    if reply.code >= 400:
        return plain(reply.code, reply.message)
    return empty(reply.code)


def _launch(call: a.Call, replies: AgentReplies, answers: AgentAnswers, responder: Responder) -> e.AgentEvent:
    nested = call.type == a.Call.LAUNCH_NESTED_CONTAINER
    wanted: Any = call.launch_nested_container if nested else call.launch_container
    return e.ContainerLaunchRequested(
        request=replies.later(responder, outcome),
        container_id=lift_container_id(wanted.container_id),
        command=lift_command(wanted.command) if wanted.HasField("command") else None,
        resources=lift_resources([] if nested else wanted.resources).resources,
        container=wanted.container.SerializeToString() if wanted.HasField("container") else b"",
    )


def _wait(call: a.Call, replies: AgentReplies, answers: AgentAnswers, responder: Responder) -> e.AgentEvent:
    field = type_name(call).lower()

    def waited(reply: Reply) -> Response:
        if reply.code != 200:
            return outcome(reply)
        body = answers.waited(field, reply.wait_status, reply.state, reply.message)
        return answered(answers.form, body)

    return e.ContainerWaitRequested(
        request=replies.later(responder, waited),
        container_id=lift_container_id(getattr(call, field).container_id),
    )


def _kill(call: a.Call, replies: AgentReplies, answers: AgentAnswers, responder: Responder) -> e.AgentEvent:
    wanted: Any = getattr(call, type_name(call).lower())
    container_id = lift_container_id(wanted.container_id)

    def killed(reply: Reply) -> Response:
        if reply.code != 404:
            return outcome(reply)
        return plain(404, f"Container '{container_id}' cannot be found (or is already killed)")

    return e.ContainerKillRequested(
        request=replies.later(responder, killed),
        container_id=container_id,
        signal=wanted.signal if wanted.HasField("signal") else 9,
    )


def _remove(call: a.Call, replies: AgentReplies, answers: AgentAnswers, responder: Responder) -> e.AgentEvent:
    wanted: Any = getattr(call, type_name(call).lower())
    return e.ContainerRemovalRequested(
        request=replies.later(responder, outcome), container_id=lift_container_id(wanted.container_id)
    )


_CONTAINER_CALLS: dict[str, Callable[[a.Call, AgentReplies, AgentAnswers, Responder], e.AgentEvent]] = {
    "LAUNCH_CONTAINER": _launch,
    "LAUNCH_NESTED_CONTAINER": _launch,
    "WAIT_CONTAINER": _wait,
    "WAIT_NESTED_CONTAINER": _wait,
    "KILL_CONTAINER": _kill,
    "KILL_NESTED_CONTAINER": _kill,
    "REMOVE_CONTAINER": _remove,
    "REMOVE_NESTED_CONTAINER": _remove,
}
