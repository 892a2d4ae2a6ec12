"""Why a framework is not offered resources: the call EXPLAIN and the endpoint /explain.

Both are Meseta's own. An answer looks at no more than `LIMIT_MAX` pairs of a role and an agent, because the
master does nothing else meanwhile; who wants to know all asks page by page.
"""

from __future__ import annotations

from typing import Any

from meseta.allocator.allocator import Explanation, Question, Skip
from meseta.api.context import MasterContext
from meseta.api.negotiation import plain
from meseta.api.operator_calls import answered
from meseta.api.queries import Query, json_answer, parse_int
from meseta.errors import PolicyError
from meseta.ids import AgentId, FrameworkId
from meseta.master.containment import explain
from meseta.runtime.http1 import Response
from meseta.wire import v1_operator as v1
from meseta.wire.gen import master_pb2 as ma
from meseta.wire.lower import nanoseconds

LIMIT_MAX = 1000


def explain_call(context: MasterContext, form: v1.Form, call: ma.Call) -> Response:
    """Answer EXPLAIN: 400 for an unknown framework."""
    asked = call.explain
    question = Question(
        role=asked.role if asked.HasField("role") else None,
        agent_id=AgentId(asked.agent_id.value) if asked.HasField("agent_id") else None,
        offset=asked.offset,
        limit=min(asked.limit, LIMIT_MAX),
    )
    found = _explanation(context, asked.framework_id.value, question, unknown=400)
    if isinstance(found, Response):
        return found
    body = ma.Response.Explain(total=found.total, skips=map(_skip_message, found.skips))
    return answered(form, v1.answer(form, ma.Response, "explain", form.one(body)))


def explain_page(context: MasterContext, query: Query) -> Response:
    """Answer /explain?framework_id=ID&role=NAME&agent_id=ID&offset=0&limit=1000.

    404 for an unknown framework.
    """
    framework_id, agent_id = query.get("framework_id"), query.get("agent_id")
    if framework_id is None:
        return plain(400, "Missing 'framework_id' query parameter")
    try:
        offset = parse_int(query.get("offset") or "0")
        limit = parse_int(query.get("limit") or str(LIMIT_MAX))
    except ValueError as fault:
        return plain(400, str(fault))
    question = Question(
        role=query.get("role"),
        agent_id=AgentId(agent_id) if agent_id is not None else None,
        offset=max(0, offset),
        limit=min(max(0, limit), LIMIT_MAX),
    )
    found = _explanation(context, framework_id, question, unknown=404)
    if isinstance(found, Response):
        return found
    skips = [_shown(context, skip) for skip in found.skips]
    return json_answer({"framework_id": framework_id, "total": found.total, "skips": skips}, query)


def _explanation(
    context: MasterContext, framework_id: str, question: Question, *, unknown: int
) -> Explanation | Response:
    """Return the explanation, or the refusal to give one."""
    state = context.state
    framework = state.frameworks.get(FrameworkId(framework_id))
    if framework is None:
        return plain(unknown, f"There is no framework '{framework_id}'")
    try:
        return explain(state, framework.id, question, context.clock() - state.epoch_offset_s)
    except PolicyError as fault:
        return plain(501, str(fault))


def _skip_message(skip: Skip) -> ma.Response.Explain.Skip:
    message = ma.Response.Explain.Skip(role=skip.role, reason=skip.reason, detail=skip.detail)
    message.agent_id.value = skip.agent_id
    if skip.left_s is not None:
        message.left.nanoseconds = nanoseconds(skip.left_s)
    return message


def _shown(context: MasterContext, skip: Skip) -> dict[str, Any]:
    agent = context.state.agents.get(skip.agent_id)
    shown: dict[str, Any] = {
        "agent_id": skip.agent_id,
        "hostname": agent.info.hostname if agent is not None else "",
        "role": skip.role,
        "reason": skip.reason,
        "detail": skip.detail,
    }
    return shown if skip.left_s is None else shown | {"left_s": skip.left_s}
