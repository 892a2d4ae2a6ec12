"""Operations on resources that an operator asked a live Mesos for, in order: our master answers the same.

What was free on the recorded agent depended on what ran there, so that of conflicts only what was missing is
compared.
"""

from __future__ import annotations

import json
from pathlib import Path

from meseta.ids import AgentId, Pid
from meseta.master import events
from meseta.records import AgentInfo
from meseta.resources import parse_resources
from tests.unit.api.api_kit import MasterSite
from tests.unit.master.test_operations import AGENT, VERSION

DATA = Path(__file__).parent / "data" / "operator_operations.jsonl"
THEIRS = "63058143-67e5-4714-8ba7-527949192760-S0"


def recorded_agent(site: MasterSite) -> AgentId:
    """Register an agent with what was free on the recorded one."""
    info = AgentInfo(
        hostname="127.0.0.1",
        port=17141,
        resources=parse_resources("cpus:5.4;mem:6048;disk:20000;ports:[31002-31999]"),
    )
    event = events.RegistrationRequested(
        sender=Pid("slave(1)@127.0.0.1:17141"),
        info=info,
        version="1.12.0",
        capabilities=AGENT,
        resource_version=VERSION,
    )
    site.play.feed(event)
    (id,) = site.play.state.agents
    return id


def is_same(ours: str, theirs: str) -> bool:
    """Compare what must be as recorded: not the words of the JSON parser, and not what was free."""
    told, error, _ = theirs.partition("syntax error")
    if error:
        return ours.startswith(told)
    _, conflict, missing = theirs.partition(" does not contain ")
    if conflict:  # Of several resources that are missing Mesos may name the first alone.
        return ours.partition(conflict)[2].startswith(missing)
    return ours == theirs


def test_operations_are_answered_as_mesos_answered_them() -> None:
    site = MasterSite()
    ours = recorded_agent(site)
    for line in DATA.read_text().splitlines():
        exchange = json.loads(line)
        body = exchange["body"].replace(THEIRS, ours).encode()
        got = site.ask("POST", exchange["target"], body, {"content-type": exchange["type"]})
        assert got.code == exchange["code"], (exchange["what"], got.text)
        theirs = exchange["answer"].replace(THEIRS, ours)
        assert is_same(got.text, theirs), (exchange["what"], got.text, theirs)
