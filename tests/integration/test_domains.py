"""Fault domains: a master that has one lets agents in that have one, and shows where everybody stands."""

from __future__ import annotations

from pathlib import Path

from tests.integration.daemons import cluster

DOMAIN = '{"fault_domain":{"region":{"name":"eu"},"zone":{"name":"a"}}}'
SHOWN = {"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "a"}}}


def test_agents_and_master_say_where_they_stand(tmp_path: Path) -> None:
    with cluster(tmp_path, flags=[f"--domain={DOMAIN}"]) as (master, _):
        state = master.get("/state")
        assert state["domain"] == SHOWN
        assert [agent["domain"] for agent in state["slaves"]] == [SHOWN]
