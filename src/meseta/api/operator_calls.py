"""What both operator APIs do alike: reading calls, and answering those about the daemon itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from google.protobuf.message import Message

from meseta.api.context import DaemonContext
from meseta.api.files import info_message, refusal
from meseta.api.metrics import snapshot
from meseta.api.negotiation import JSON, PROTOBUF, empty, parse_call
from meseta.errors import WireError
from meseta.runtime.files import FilesError
from meseta.runtime.http1 import Response
from meseta.wire import v1_operator as v1

CallT = TypeVar("CallT", bound=Message)

EMPTY_OK = empty()


def read_call(cls: type[CallT], body: bytes, *, as_json: bool, api: str, may_lack: frozenset[str]) -> CallT:
    """Return a call that has a type, and the field that belongs to the type unless it `may_lack` that.

    Raises WireError in Mesos's words.
    """
    call: Any = parse_call(cls, body, as_json=as_json, api=api)
    if not call.HasField("type"):
        raise WireError(f"Failed to validate {api}::Call: Expecting 'type' to be present")
    field = type_name(call).lower()
    if field in cls.DESCRIPTOR.fields_by_name and field not in may_lack and not call.HasField(field):
        raise WireError(f"Failed to validate {api}::Call: Expecting '{field}' to be present")
    found: CallT = call
    return found


def type_name(call: Any) -> str:
    """Return the name of a call's type."""
    name: str = type(call).Type.Name(call.type)
    return name


def answered(form: v1.Form, body: bytes) -> Response:
    """Return a 200 with a response, encoded in `form`."""
    return Response(200, (("Content-Type", JSON if form.as_json else PROTOBUF),), body)


class CommonCalls:
    """Answers the calls about a daemon itself, with messages of `response`'s API."""

    def __init__(self, context: DaemonContext, response: v1.Response) -> None:
        self._context = context
        self._response = response
        self._calls: dict[str, Callable[[v1.Form, Any], Response]] = {
            "GET_HEALTH": self._get_health,
            "GET_FLAGS": self._get_flags,
            "GET_VERSION": self._get_version,
            "GET_METRICS": self._get_metrics,
            "GET_LOGGING_LEVEL": self._get_logging_level,
            "SET_LOGGING_LEVEL": self._set_logging_level,
            "LIST_FILES": self._list_files,
            "READ_FILE": self._read_file,
        }

    def answer(self, form: v1.Form, call: Any) -> Response | None:
        """Return the answer to a call, None if it is not one of these."""
        known = self._calls.get(type_name(call))
        return None if known is None else known(form, call)

    def _get_health(self, form: v1.Form, call: Any) -> Response:
        return answered(form, v1.health(form, self._response))

    def _get_flags(self, form: v1.Form, call: Any) -> Response:
        return answered(form, v1.flags(form, self._response, self._context.flags))

    def _get_version(self, form: v1.Form, call: Any) -> Response:
        return answered(form, v1.version(form, self._response, self._context.version))

    def _get_metrics(self, form: v1.Form, call: Any) -> Response:
        return answered(form, v1.metrics(form, self._response, snapshot(self._context)))

    def _get_logging_level(self, form: v1.Form, call: Any) -> Response:
        return answered(form, v1.logging_level(form, self._response, self._context.verbosity.level))

    def _set_logging_level(self, form: v1.Form, call: Any) -> Response:
        wanted = call.set_logging_level
        self._context.verbosity.set(wanted.level, wanted.duration.nanoseconds / 1e9)
        return EMPTY_OK

    def _list_files(self, form: v1.Form, call: Any) -> Response:
        try:
            infos = self._context.files.browse(call.list_files.path)
        except FilesError as error:
            return refusal(error)
        return answered(form, v1.file_list(form, self._response, map(info_message, infos)))

    def _read_file(self, form: v1.Form, call: Any) -> Response:
        wanted = call.read_file
        length = wanted.length if wanted.HasField("length") else None
        try:
            size, data = self._context.files.read(wanted.path, wanted.offset, length)
        except FilesError as error:
            return refusal(error)
        return answered(form, v1.file_part(form, self._response, size, data))
