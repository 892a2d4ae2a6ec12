"""Agents and machines that an operator of a live Mesos took out of use, in order: ours answers the same.

Of agents the record keeps what is about that. What follows "syntax error" is in the words of the JSON parser.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.api.api_kit import MasterSite
from tests.unit.master.master_kit import Playground
from tests.unit.master.test_draining import CAPABLE

DATA = Path(__file__).parent / "data" / "operator_agents_and_machines.jsonl"
EXCHANGES = [json.loads(line) for line in DATA.read_text().splitlines()]
AGENT = "m-S1"
SHOWN = ("active", "deactivated", "drain_info")
JSON = {"content-type": "application/json", "accept": "application/json"}


def same(text: str) -> Any:
    """What of an answer must be as recorded."""
    if not text.startswith(("{", "[")):
        return text.partition("syntax error")[0]
    answer = json.loads(text)
    agents = answer.get("slaves") or answer.get("get_agents", {}).get("agents", ())
    for agent in agents:
        id = agent["id"] if "id" in agent else agent["agent_info"]["id"]["value"]
        if id == AGENT:
            return {name: agent[name] for name in SHOWN if name in agent}
    return answer


def test_agents_and_machines_are_taken_out_of_use_as_with_mesos() -> None:
    play = Playground()
    for name in ("a1", "a2"):
        play.register(name, capabilities=CAPABLE)
    site = MasterSite(play)
    for each in EXCHANGES:
        got = site.ask(each["method"], each["target"], each["body"].encode(), JSON)
        assert (got.code, same(got.text)) == (each["code"], same(each["answer"])), each["what"]
