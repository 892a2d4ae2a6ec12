"""Which format a call comes in and which its answer goes out in: rules that all v1 APIs share.

The ladder is Mesos's, and so are the texts: method (405), Content-Type (400, 415), then parsing and
validation (400), then Accept (406). JSON wins wherever it is acceptable at all. Media types of requests are
compared as text, so that a charset is refused; those in Accept are parsed.

The agent's operator API knows a third type, RecordIO, for bodies that are streams: `agent_media`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message

from meseta.errors import WireError
from meseta.runtime.http1 import Request, Response, text_response
from meseta.wire import json
from meseta.wire.call_limits import CALL_BYTES_MAX
from meseta.wire.missing import missing_fields

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
RECORDIO = "application/recordio"

NOT_IMPLEMENTED = text_response(501, "501 Not Implemented.")
"""What a call gets that this daemon knows and cannot do."""

MessageT = TypeVar("MessageT", bound=Message)


@dataclass(frozen=True, slots=True)
class Formats:
    """The format of an answer: JSON or protobuf."""

    as_json: bool

    REFUSAL: ClassVar[str] = f"Expecting 'Accept' to allow '{PROTOBUF}' or '{JSON}'"

    @property
    def media_type(self) -> str:
        """Its Content-Type."""
        return JSON if self.as_json else PROTOBUF


def plain(code: int, text: str, *headers: tuple[str, str]) -> Response:
    """Return an answer for people."""
    return text_response(code, text, headers)


def empty(code: int = 200) -> Response:
    """Return an answer without a body."""
    return Response(code)


def refuse_method(request: Request, *allowed: str) -> Response:
    """Return the answer to a method other than those allowed; POST if none is named."""
    names = allowed or ("POST",)
    listed = ", ".join(f"'{name}'" for name in names)
    text = f"405 Method Not Allowed. Expecting one of {{ {listed} }}, but received '{request.method}'."
    return plain(405, text, ("Allow", ", ".join(names)))


def body_format(request: Request) -> bool | Response:
    """Return whether the body is JSON; the refusal if it is neither that nor protobuf, or too large."""
    if len(request.body) > CALL_BYTES_MAX:
        return plain(413, f"A call may have at most {CALL_BYTES_MAX} bytes, not {len(request.body)}")
    content_type = request.headers.get("content-type")
    if content_type == JSON:
        return True
    if content_type == PROTOBUF:
        return False
    if content_type is None:
        return plain(400, "Expecting 'Content-Type' to be present")
    return plain(415, f"Expecting 'Content-Type' of {JSON} or {PROTOBUF}")


def accepted(request: Request) -> Formats | None:
    """Return the format to answer in; None if the peer takes neither."""
    accept = request.headers.get("accept")
    if accepts(accept, JSON):
        return Formats(True)
    if accepts(accept, PROTOBUF):
        return Formats(False)
    return None


def accepts(header: str | None, media_type: str) -> bool:
    """Tell whether an Accept header admits `media_type`; a missing one admits everything.

    A quality of zero forbids its type; other qualities and parameters are ignored, as in Mesos.
    """
    if header is None:
        return True
    for item in header.split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        if name in (media_type, "*/*", media_type.partition("/")[0] + "/*"):
            return not any(_is_zero(parameter) for parameter in parameters)
    return False


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return False
    try:
        return float(value) == 0.0
    except ValueError:
        return True


def parse_call(cls: type[MessageT], body: bytes, *, as_json: bool, api: str) -> MessageT:
    """Return the call that a body holds; `api` is `scheduler`, `executor`, `master` or `agent`.

    Raises WireError in Mesos's words, which are others for the agent.
    """
    of_agent = api == "agent"
    if as_json:
        try:
            return json.from_json(cls, body)
        except json.JsonError as error:
            raise WireError(error.reason if of_agent else str(error)) from None
    try:
        call = cls.FromString(body)
    except DecodeError:
        text = "a protobuf object" if of_agent else f"{cls.DESCRIPTOR.name} protobuf"
        raise WireError(f"Failed to parse body into {text}") from None
    if not call.IsInitialized():
        missing = missing_fields(call)
        raise WireError(f"Failed to validate {api}::{cls.DESCRIPTOR.name}: Not initialized: {missing}")
    return call


# The agent's operator API ---------------------------------------------------------------------------


class AgentMedia(NamedTuple):
    """The formats of a request to the agent's operator API and of its answer."""

    body_is_json: bool
    body_is_stream: bool
    answer: Formats
    """Of the answer; of the messages in it if that is a stream."""
    answer_is_stream: bool


def agent_media(request: Request) -> AgentMedia | Response:
    """Return the formats that the headers ask for, or the refusal.

    (Mesos looks at them before it parses the body, unlike the master.)
    """
    body = _agent_body(request)
    if isinstance(body, Response):
        return body
    answer = _agent_answer(request)
    if isinstance(answer, Response):
        return answer
    return AgentMedia(body[0], body[1], answer[0], answer[1])


def _agent_body(request: Request) -> tuple[bool, bool] | Response:
    """Return (is JSON, is a stream)."""
    content_type = request.headers.get("content-type")
    message_type = request.headers.get("message-content-type")
    if content_type is None:
        return plain(400, "Expecting 'Content-Type' to be present")
    if content_type not in (JSON, PROTOBUF, RECORDIO):
        return plain(415, f"Expecting 'Content-Type' of {JSON} or {PROTOBUF} or {RECORDIO}")
    if content_type != RECORDIO:
        if message_type is not None:
            return plain(415, "Expecting 'Message-Content-Type' to be not set for non-streaming requests")
        return content_type == JSON, False
    if message_type is None:
        return plain(400, "Expecting 'Message-Content-Type' to be set for streaming requests")
    if message_type not in (JSON, PROTOBUF):
        return plain(415, f"Expecting 'Message-Content-Type' of {JSON} or {PROTOBUF}")
    return message_type == JSON, True


def _agent_answer(request: Request) -> tuple[Formats, bool] | Response:
    """Return (format, is a stream)."""
    formats = accepted(request)
    if formats is not None:
        if "message-accept" in request.headers:
            return plain(406, "Expecting 'Message-Accept' to be not set for non-streaming responses")
        return formats, False
    if not accepts(request.headers.get("accept"), RECORDIO):
        return plain(406, f"Expecting 'Accept' to allow {JSON} or {PROTOBUF} or {RECORDIO}")
    message_accept = request.headers.get("message-accept")
    for as_json, name in ((True, JSON), (False, PROTOBUF)):
        if accepts(message_accept, name):
            return Formats(as_json), True
    return plain(406, f"Expecting 'Message-Accept' to allow {JSON} or {PROTOBUF}")
