"""Quotas and weights that an operator set on a live Mesos, in order: our master answers the same.

Mesos goes on to list a role whose quota was updated to none; ours does not. The order of roles is theirs of a
hash map, and what follows "syntax error" is in the words of the JSON parser.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from meseta.ids import Pid
from meseta.master import events
from meseta.records import AgentInfo
from meseta.resources import parse_resources
from tests.unit.api.api_kit import MasterSite
from tests.unit.master.master_kit import Playground, replaced, task

DATA = Path(__file__).parent / "data" / "operator_quota.jsonl"
AGENTS = (
    "cpus:6;mem:6144;disk:20000;ports:[31000-31999]",
    "cpus:4;mem:4096;disk:10000;cpus(ads):1;mem(ads):512;ports:[32000-32999]",
)
USED = parse_resources("cpus:0.8;disk:32;mem:160;ports:[31000-31001]")


def recorded_cluster() -> MasterSite:
    """A cluster with as much in it, and as much of it used by the role `golden`, as the recorded one had."""
    play = Playground()
    for number, resources in enumerate(AGENTS):
        play.feed(
            events.RegistrationRequested(
                sender=Pid(f"slave(1)@127.0.0.1:1714{number}"),
                info=AgentInfo(hostname="127.0.0.1", port=17140, resources=parse_resources(resources)),
                version="1.12.0",
                capabilities=frozenset({"MULTI_ROLE", "HIERARCHICAL_ROLE"}),
            )
        )
    framework = play.subscribe(roles=("golden",))
    offer = next(offer for offer in play.offers(framework) if offer.resources.contains(USED))
    play.launch(framework, offer, replaced(task("t1", offer.agent.id), resources=USED))
    return MasterSite(play)


def same(text: str) -> Any:
    """What of an answer must be as recorded."""
    if not text.startswith(("{", "[")):
        return text
    answer = json.loads(text)
    if isinstance(answer, list):
        return answer
    status = answer.get("get_quota", {}).get("status", answer)
    for key in ("infos", "configs"):
        status[key] = {each["role"]: each for each in status.get(key, ()) if len(each) > 1}
    return answer


def test_quotas_and_weights_are_set_as_mesos_set_them() -> None:
    site = recorded_cluster()
    for line in DATA.read_text().splitlines():
        exchange = json.loads(line)
        headers = {"content-type": exchange["type"]} if "type" in exchange else {}
        got = site.ask(exchange["method"], exchange["target"], exchange["body"].encode(), headers)
        assert got.code == exchange["code"], (exchange["what"], got.text)
        told, error, _ = exchange["answer"].partition("syntax error")
        if error:
            assert got.text.startswith(told), exchange["what"]
        else:
            assert same(got.text) == same(told), exchange["what"]
