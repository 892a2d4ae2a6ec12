"""EXPLAIN and /explain."""

from __future__ import annotations

import pytest

from meseta.allocator.allocator import Explanation, Question
from meseta.ids import FrameworkId
from meseta.master.events import OffersDeclined
from meseta.records import Filters
from tests.unit.api.api_kit import MasterSite
from tests.unit.master.master_kit import Playground


def world() -> tuple[Playground, MasterSite, FrameworkId]:
    play = Playground()
    framework_id = play.subscribe()
    for number in range(1, 4):
        play.register(f"a{number}")
    return play, MasterSite(play), framework_id


def test_the_endpoint_and_the_call_say_the_same() -> None:
    play, site, framework_id = world()
    offers = tuple(offer.id for offer in play.offers(framework_id))
    play.call(OffersDeclined, framework_id, offer_ids=offers, filters=Filters(60.0))
    page = site.get(f"/explain?framework_id={framework_id}").json
    assert (page["total"], page["framework_id"]) == (3, framework_id)
    assert {skip["reason"] for skip in page["skips"]} == {"REFUSED"}
    assert {skip["hostname"] for skip in page["skips"]} == {"a1", "a2", "a3"}
    answer = site.call("EXPLAIN", explain={"framework_id": {"value": framework_id}}).json
    assert answer["type"] == "EXPLAIN"
    assert answer["explain"]["total"] == 3
    for skip, shown in zip(answer["explain"]["skips"], page["skips"], strict=True):
        assert skip["agent_id"]["value"] == shown["agent_id"]
        assert (skip["role"], skip["reason"], skip["detail"]) == (
            shown["role"],
            shown["reason"],
            shown["detail"],
        )
        assert skip["left"]["nanoseconds"] == pytest.approx(shown["left_s"] * 1e9, abs=2e9)


def test_roles_agents_and_pages() -> None:
    play, site, framework_id = world()
    (one, *_) = play.state.agents
    asked = f"/explain?framework_id={framework_id}"
    assert [s["agent_id"] for s in site.get(f"{asked}&agent_id={one}").json["skips"]] == [one]
    assert site.get(f"{asked}&role=nobody").json["total"] == 0
    pages = [site.get(f"{asked}&offset={offset}&limit=2").json for offset in (0, 2)]
    assert [len(page["skips"]) for page in pages] == [2, 1]
    assert site.get(f"{asked}&limit=-1").json == {"framework_id": framework_id, "total": 3, "skips": []}
    explain = {"framework_id": {"value": framework_id}, "agent_id": {"value": one}, "role": "web"}
    body = site.call("EXPLAIN", explain=explain).json["explain"]
    assert [skip["agent_id"]["value"] for skip in body["skips"]] == [one]


def test_no_answer_tells_of_more_than_a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    play, site, framework_id = world()
    asked: list[Question] = []

    def explain(framework: FrameworkId, now: float, question: Question) -> Explanation:
        asked.append(question)
        return Explanation(0, [])

    monkeypatch.setattr(play.state.allocator, "explain", explain)
    site.get(f"/explain?framework_id={framework_id}&limit=1000000")
    site.call("EXPLAIN", explain={"framework_id": {"value": framework_id}, "limit": 1000000})
    assert [question.limit for question in asked] == [1000, 1000]


def test_what_cannot_be_answered() -> None:
    _, site, framework_id = world()
    assert site.get("/explain").code == 400
    assert site.get("/explain?framework_id=nobody").code == 404
    assert site.get(f"/explain?framework_id={framework_id}&limit=x").text == "Failed to convert 'x' to number"
    assert site.ask("POST", f"/explain?framework_id={framework_id}").code == 405
    refused = site.call("EXPLAIN", explain={"framework_id": {"value": "nobody"}})
    assert (refused.code, refused.text) == (400, "There is no framework 'nobody'")
    assert site.call("EXPLAIN").code == 400


def test_an_allocation_module_that_cannot_explain() -> None:
    play, site, framework_id = world()

    class Mute(type(play.state.allocator)):  # type: ignore[misc]
        def explain(self, *about: object) -> Explanation:
            raise NotImplementedError("no reasons")

    play.state.allocator.__class__ = Mute
    answer = site.get(f"/explain?framework_id={framework_id}")
    assert answer.code == 501
    assert answer.text.startswith("allocation module ")
    assert play.state.counters["master/allocator_faults"] == 1
