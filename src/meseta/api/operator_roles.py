"""Quotas and weights that operators set, from both APIs, as events for the machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from google.protobuf.message import Message

from meseta.api.asking import Asked
from meseta.errors import WireError
from meseta.master.events import (
    QuotaRemovalRequested,
    QuotaSetRequested,
    QuotaUpdateRequested,
    WeightsUpdateRequested,
)
from meseta.runtime.http1 import Request, decode_path
from meseta.wire.gen import master_pb2 as ma
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import quota_pb2 as q
from meseta.wire.json import JsonError, from_dict, value_of
from meseta.wire.quota import lift_config, lift_guarantee, request_fault

MessageT = TypeVar("MessageT", bound=Message)


# Calls ------------------------------------------------------------------------------------------------


def _update_quota(call: ma.Call) -> Asked:
    asked = call.update_quota
    configs = tuple(map(lift_config, asked.quota_configs))
    return partial(QuotaUpdateRequested, configs=configs, force=asked.force)


def _set_quota(call: ma.Call) -> Asked:
    return _asked_quota(call.set_quota.quota_request)


def _remove_quota(call: ma.Call) -> Asked:
    return partial(QuotaRemovalRequested, role=call.remove_quota.role)


def _update_weights(call: ma.Call) -> Asked:
    return _asked_weights(list(call.update_weights.weight_infos))


ROLE_CALLS: dict[str, Callable[[ma.Call], Asked]] = {
    "UPDATE_QUOTA": _update_quota,
    "SET_QUOTA": _set_quota,
    "REMOVE_QUOTA": _remove_quota,
    "UPDATE_WEIGHTS": _update_weights,
}
"""Calls of the operator API, and what they ask for."""


def _asked_quota(request: q.QuotaRequest) -> Asked:
    fault = request_fault(request)
    guarantee = {} if fault is not None else lift_guarantee(request)
    return partial(
        QuotaSetRequested, role=request.role, guarantee=guarantee, force=request.force, fault=fault
    )


def _asked_weights(infos: list[m.WeightInfo]) -> Asked:
    return partial(WeightsUpdateRequested, weights=tuple((info.role, info.weight) for info in infos))


# Endpoints --------------------------------------------------------------------------------------------


def quota_of_body(request: Request) -> Asked:
    """Read POST /quota. Raises WireError in Mesos's words, as all that follow."""
    value = _json_of(request, "set quota request", dict)
    return _asked_quota(_message(q.QuotaRequest, value, request, "Failed to validate set quota request JSON"))


def weights_of_body(request: Request) -> Asked:
    """Read PUT /weights."""
    values = _json_of(request, "update weights request", list)
    where = "Failed to convert weights JSON array to protobuf"
    return _asked_weights([_message(m.WeightInfo, value, request, where) for value in values])


def removal_of_path(request: Request) -> Asked:
    """Read DELETE /quota/<role> or /master/quota/<role>; a role may have slashes."""
    segments = [segment for segment in (decode_path(request.path) or "").split("/") if segment]
    if segments[0] != "master":
        segments.insert(0, "master")
    path = "/" + "/".join(segments)
    if len(segments) < 3:
        raise WireError(
            f"Failed to parse remove quota request for path '{path}': expected 3 tokens, found 2 tokens"
        )
    return partial(QuotaRemovalRequested, role="/".join(segments[2:]), path=path)


def _json_of(request: Request, what: str, kind: type) -> Any:
    where = f"Failed to parse {what} JSON '{_text(request)}'"
    try:
        value = value_of(request.body)
    except ValueError as error:
        raise WireError(f"{where}: {error}") from None
    if not isinstance(value, kind):
        raise WireError(f"{where}: Unexpected JSON type parsed")
    return value


def _message(cls: type[MessageT], value: object, request: Request, where: str) -> MessageT:
    try:
        return from_dict(cls, value)
    except JsonError as error:
        raise WireError(f"{where} '{_text(request)}': {error.reason}") from None


def _text(request: Request) -> str:
    return request.body[:TEXT_BYTES_MAX].decode(errors="replace")


TEXT_BYTES_MAX = 10_000
"""So much of a body is repeated in a refusal."""
