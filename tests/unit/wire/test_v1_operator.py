"""Answers joined from parts are the same in both formats."""

from __future__ import annotations

from json import loads

import pytest

from meseta.master.effects import TaskAdded
from meseta.wire import json
from meseta.wire import v1_operator as v1
from meseta.wire.gen import master_pb2 as ma
from meseta.wire.v0_json.fragments import SPARE, Fragments
from meseta.wire.v1_operator_events import event
from meseta.wire.v1_operator_master import MasterAnswers
from tests.unit.api.api_kit import MasterSite
from tests.unit.master.master_kit import Playground, task


@pytest.fixture
def answers() -> list[MasterAnswers]:
    play = Playground(weights={"web": 2.0})
    framework_id = play.subscribe()
    agent_id = play.register()
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, task("t1", agent_id, raw=b""))
    play.run(1.0)
    context = MasterSite(play).context
    return [MasterAnswers(form, play.state, context.offers) for form in (v1.JSON, v1.PROTOBUF)]


@pytest.mark.parametrize(
    "name",
    [
        "state",
        "tasks",
        "executors",
        "frameworks",
        "agents",
        "roles",
        "weights",
        "quota",
        "maintenance_status",
    ],
)
def test_both_formats_say_the_same(answers: list[MasterAnswers], name: str) -> None:
    as_json, as_protobuf = (getattr(each, name)() for each in answers)
    told = ma.Response.FromString(as_protobuf)
    assert told.IsInitialized()
    assert loads(as_json) == json.to_dict(told)
    assert told.type == ma.Response.Type.Value(f"GET_{name.upper()}")


def test_events_are_the_same_in_both_formats(answers: list[MasterAnswers]) -> None:
    state = answers[0]._state
    ((framework_id, framework),) = state.frameworks.items()
    (task_id,) = framework.tasks
    as_json, as_protobuf = (event(each, state, TaskAdded(framework_id, task_id)) for each in answers)
    assert as_json is not None
    assert as_protobuf is not None
    assert json.from_json(ma.Event, as_json) == ma.Event.FromString(as_protobuf)


def test_a_fragment_lives_until_its_owner_changes() -> None:
    rendered: list[str] = []

    class Owner:
        version = 1

    def render(owner: Owner) -> str:
        rendered.append(f"v{owner.version}")
        return rendered[-1]

    fragments: Fragments[Owner, str] = Fragments(render, lambda owner: owner.version)
    owner = Owner()
    assert [fragments.get(owner), fragments.get(owner)] == ["v1", "v1"]
    owner.version = 2
    assert fragments.get(owner) == "v2"
    assert rendered == ["v1", "v2"]


def test_fragments_of_the_gone_are_forgotten() -> None:
    fragments: Fragments[list[int], int] = Fragments(len, lambda owner: 0)
    owners = [[n] for n in range(SPARE + 3)]
    for owner in owners:
        fragments.get(owner)
    fragments.limit(len(owners))
    assert len(fragments) == len(owners)
    fragments.limit(1)
    assert len(fragments) == 0
