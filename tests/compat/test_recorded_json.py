"""JSON bodies that a live Mesos wrote, read or refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from meseta.wire.gen import agent_pb2, executor_pb2, master_pb2, scheduler_pb2
from meseta.wire.gen._pool import POOL
from meseta.wire.json import JsonError, from_json, to_json

DATA = Path(__file__).parent / "data"
MODULES = (agent_pb2, executor_pb2, master_pb2, scheduler_pb2)


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def message_class(row: dict[str, Any]) -> type[Message]:
    return GetMessageClass(POOL.FindMessageTypeByName(row["message"]))


def numbers(text: str) -> list[str]:
    """Return the numbers of JSON text, sorted; doubles by value, for their last digits may differ."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    found = re.findall(r"-?\d[-+.eE\d]*", bare)
    return sorted(str(float(number)) if "." in number else number for number in found)


def test_what_mesos_wrote_is_written_alike() -> None:
    for row in rows("wire_json_written.jsonl"):
        body = row["body"]
        written = to_json(from_json(message_class(row), body.encode())).decode()
        assert json.loads(written) == json.loads(body), body
        assert numbers(written) == numbers(body), body


CALLS = rows("wire_json_calls.jsonl")


def test_what_mesos_took_is_taken() -> None:
    for row in CALLS:
        if "answer" not in row:
            from_json(message_class(row), row["body"].encode())


def comparable(answer: str) -> str:
    """Drop what a parser says about the place of a syntax error, and how an entry of a map is named."""
    if answer.startswith("Failed to parse body into JSON: "):
        return "Failed to parse body into JSON: "
    answer = re.sub(r"(as a JSON number for field '\w+'): .*", r"\1", answer, flags=re.DOTALL)
    return answer.replace("role_constraints[0].value.", 'role_constraints["a"].')


def test_what_mesos_refused_is_refused_with_the_same_answer() -> None:
    refused = [row for row in CALLS if "answer" in row]
    assert len(refused) > 30
    for row in refused:
        with pytest.raises(JsonError) as caught:
            from_json(message_class(row), row["body"].encode())
        # The agent's operator API does not name the message.
        ours = caught.value.reason if row["message"] == "mesos.v1.agent.Call" else str(caught.value)
        assert comparable(ours) == comparable(row["answer"]), row["body"]
