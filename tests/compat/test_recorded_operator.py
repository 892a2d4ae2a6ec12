"""Answers of a live Mesos 1.12 about its operator endpoints, against ours: codes, texts, types, headers."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.agent.agent_kit import Book
from tests.unit.api.api_kit import AgentSite, FakeResponder, MasterSite

DATA = Path(__file__).parent / "data"
EXCHANGES = [json.loads(line) for line in (DATA / "operator_exchanges.jsonl").read_text().splitlines()]
PARSER_SENTENCE = "Failed to parse body into JSON: "
"""What follows it is in the words of the JSON parser."""


def _ask(exchange: dict[str, Any]) -> FakeResponder:
    body = (
        base64.b64decode(exchange["body_b64"])
        if "body_b64" in exchange
        else exchange.get("body", "").encode()
    )
    site = MasterSite() if exchange["server"] == "master" else AgentSite(Book().register().agent.state)
    return site.ask(exchange["method"], exchange["target"], body, exchange["headers"])


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda e: f"{e['server']}: {e['what']}")
def test_an_exchange_goes_as_with_mesos(exchange: dict[str, Any]) -> None:
    got = _ask(exchange)
    assert got.code == exchange["code"]
    expected = exchange.get("answer")
    if expected is None:
        assert got.response is not None
        assert got.response.body == base64.b64decode(exchange.get("answer_b64", ""))
    elif expected.startswith(PARSER_SENTENCE):
        assert got.text.startswith(PARSER_SENTENCE)
    else:
        assert got.text == expected
    headers = {k: v for k, v in exchange["answer_headers"].items() if k != "Location"}
    assert {k: v for k, v in got.headers.items() if k != "Location"} == headers


def test_redirect_names_the_leader() -> None:
    assert _ask(EXCHANGES[2] | {"target": "/redirect"}).headers["Location"] == "//master:5050"
