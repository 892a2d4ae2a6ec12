"""Operations on resources that operators ask for, from both APIs, as events for the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from meseta.api.asking import Asked, form_of
from meseta.errors import WireError
from meseta.ids import AgentId
from meseta.master.events import OperationRequested
from meseta.runtime.http1 import Request
from meseta.wire.gen import master_pb2 as ma
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.json import JsonError, from_dict, value_of
from meseta.wire.operations import lift_resource_operation, operation_message

_O = m.Offer.Operation

_CALLS: dict[str, tuple[m.Offer.Operation.Type, tuple[str, ...]]] = {
    "RESERVE_RESOURCES": (_O.RESERVE, ("resources", "source")),
    "UNRESERVE_RESOURCES": (_O.UNRESERVE, ("resources",)),
    "CREATE_VOLUMES": (_O.CREATE, ("volumes",)),
    "DESTROY_VOLUMES": (_O.DESTROY, ("volumes",)),
    "GROW_VOLUME": (_O.GROW_VOLUME, ("volume", "addition")),
    "SHRINK_VOLUME": (_O.SHRINK_VOLUME, ("volume", "subtract")),
}
"""Calls of the operator API: the operation, and the fields that both have."""

ENDPOINTS: dict[str, tuple[m.Offer.Operation.Type, tuple[str, ...]]] = {
    "reserve": (_O.RESERVE, ("resources", "source")),
    "unreserve": (_O.UNRESERVE, ("resources",)),
    "create-volumes": (_O.CREATE, ("volumes",)),
    "destroy-volumes": (_O.DESTROY, ("volumes",)),
}
"""Endpoints for forms: the operation, and the fields that hold JSON arrays of resources."""

_OPTIONAL = "source"


def _operation(name: str, call: ma.Call) -> Asked:
    kind, fields = _CALLS[name]
    contents = getattr(call, name.lower())
    parts = {field: getattr(contents, field) for field in fields}
    return _asked(kind, contents.agent_id.value, parts)


OPERATION_CALLS: dict[str, Callable[[ma.Call], Asked]] = {name: partial(_operation, name) for name in _CALLS}
"""Calls of the operator API, and what they ask for."""


def operation_of_form(endpoint: str, request: Request) -> Asked:
    """Return what a form asks for. Raises WireError in Mesos's words."""
    form = form_of(request)
    kind, fields = ENDPOINTS[endpoint]
    if "slaveId" not in form:
        raise WireError("Missing 'slaveId' query parameter in the request body")
    parts = {
        field: _resources_of(form, field, kind) for field in fields if field in form or field != _OPTIONAL
    }
    return _asked(kind, form["slaveId"], parts)


def _asked(kind: m.Offer.Operation.Type, agent_id: str, parts: dict[str, Any]) -> Asked:
    operation = lift_resource_operation(operation_message(kind, **parts))
    return partial(OperationRequested, agent_id=AgentId(agent_id), operation=operation)


def _resources_of(form: dict[str, str], field: str, kind: m.Offer.Operation.Type) -> Sequence[m.Resource]:
    if field not in form:
        raise WireError(f"Missing '{field}' query parameter in the request body")
    prefix = "Error parsing" if kind == _O.RESERVE else "Error in parsing"
    where = f"{prefix} '{field}' query parameter in the request body"
    try:
        values = value_of(form[field].encode())
    except ValueError as error:
        raise WireError(f"{where}: {error}") from None
    if not isinstance(values, list):
        raise WireError(f"{where}: not a JSON array")
    try:
        return [from_dict(m.Resource, value) for value in values]
    except JsonError as error:
        raise WireError(f"{where}: {error.reason}") from None
