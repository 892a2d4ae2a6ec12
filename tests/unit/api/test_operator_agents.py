"""Calls that take agents out of use, and what endpoints show of such agents."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.api.api_kit import FakeResponder, MasterSite
from tests.unit.master.master_kit import Playground
from tests.unit.master.test_draining import CAPABLE


@pytest.fixture
def site() -> MasterSite:
    play = Playground()
    play.register(capabilities=CAPABLE)
    return MasterSite(play)


def call(site: MasterSite, type: str, agent_id: str = "m-S0", **fields: Any) -> FakeResponder:
    """Make a call about an agent."""
    return site.call(type, **{type.lower(): {"agent_id": {"value": agent_id}, **fields}})


def test_draining_is_shown(site: MasterSite) -> None:
    got = call(site, "DRAIN_AGENT", max_grace_period={"seconds": 2, "nanos": 500_000_000})
    assert (got.code, got.text) == (200, "")
    info = {
        "state": "DRAINED",
        "config": {"max_grace_period": {"nanoseconds": 2_500_000_000}, "mark_gone": False},
    }
    (agent,) = site.call("GET_AGENTS").json["get_agents"]["agents"]
    assert (agent["active"], agent["deactivated"], agent["drain_info"]) == (False, True, info)
    assert agent["estimated_drain_start_time"]["nanoseconds"] > 0
    (agent,) = site.get("/slaves").json["slaves"]
    assert (agent["active"], agent["deactivated"], agent["drain_info"]) == (False, True, info)
    assert agent["estimated_drain_start_time_seconds"] > 0
    assert call(site, "REACTIVATE_AGENT").code == 200
    (agent,) = site.get("/slaves").json["slaves"]
    assert (agent["active"], agent["deactivated"], agent.get("drain_info")) == (True, False, None)


def test_deactivation_is_shown(site: MasterSite) -> None:
    assert call(site, "DEACTIVATE_AGENT").code == 200
    (agent,) = site.call("GET_AGENTS").json["get_agents"]["agents"]
    assert (agent["active"], agent["deactivated"], "drain_info" in agent) == (False, True, False)


def test_gone_agents_are_not_shown(site: MasterSite) -> None:
    assert call(site, "MARK_AGENT_GONE", "nobody").code == 404
    assert call(site, "MARK_AGENT_GONE").code == 200
    assert site.call("GET_AGENTS").json["get_agents"]["agents"] == []
    assert call(site, "MARK_AGENT_GONE").code == 200
