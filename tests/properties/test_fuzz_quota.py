"""Whatever an operator asks of quotas and weights is answered, and all that know of it agree."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meseta.allocator.invariants import check
from meseta.ids import FrameworkId
from meseta.master import effects, events
from meseta.master.registry import Recovered
from meseta.wire.gen import master_pb2 as ma
from meseta.wire.registry import changes_of, read_registry
from tests.unit.api.api_kit import MasterSite
from tests.unit.master.master_kit import Playground, task

ROLES = st.sampled_from(["web", "db", "*", "web/x", "", "a b", ".", "-x", "é"])
NAMES = st.sampled_from(["cpus", "mem", "gpus", "ports", "", "x"])
NUMBERS = st.one_of(st.floats(), st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0, 1e15, -1.0, 0.0004]))
AMOUNTS = st.dictionaries(NAMES, NUMBERS, max_size=3)
CODES = (200, 400, 409)


@st.composite
def calls(draw: Any) -> ma.Call:
    kind = draw(st.sampled_from(["UPDATE_QUOTA", "SET_QUOTA", "REMOVE_QUOTA", "UPDATE_WEIGHTS"]))
    call = ma.Call(type=kind)
    if kind == "UPDATE_QUOTA":
        call.update_quota.force = draw(st.booleans())
        for role in draw(st.lists(ROLES, max_size=2)):
            config = call.update_quota.quota_configs.add(role=role)
            for field in (config.guarantees, config.limits):
                for name, value in draw(AMOUNTS).items():
                    field[name].value = value
    elif kind == "SET_QUOTA":
        request = call.set_quota.quota_request
        request.role, request.force = draw(ROLES), draw(st.booleans())
        for name, value in draw(st.lists(st.tuples(NAMES, NUMBERS), max_size=2)):
            request.guarantee.add(name=name, type=draw(st.integers(0, 3))).scalar.value = value
    elif kind == "REMOVE_QUOTA":
        call.remove_quota.role = draw(ROLES)
    else:
        for role, weight in draw(st.lists(st.tuples(ROLES, NUMBERS), max_size=2)):
            call.update_weights.weight_infos.add(role=role, weight=weight)
        call.update_weights.SetInParent()
    return call


class Recording(Playground):
    """A playground that keeps what is written to the registry."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, bytes] = {}

    def feed(self, event: Any) -> list[effects.MasterEffect]:
        done = super().feed(event)
        for effect in done:
            if isinstance(effect, effects.Persist):
                for key, record in changes_of((effect.mutation,)).items():
                    self.records.pop(key, None)
                    if record is not None:
                        self.records[key] = record
        return done


def busy() -> tuple[Recording, FrameworkId]:
    """A master with two agents and two frameworks, one of which runs something."""
    play = Recording()
    first = play.subscribe()
    for name in ("a1", "a2"):
        play.register(name)
    offer, *_ = play.offers(first)
    play.launch(first, offer, task("t1", offer.agent.id))
    play.subscribe(events.StreamId(2), roles=("db", "web"))
    return play, first


@settings(max_examples=100)
@given(st.lists(calls(), min_size=1, max_size=6))
def test_everything_that_is_asked_is_answered(asked: list[ma.Call]) -> None:
    play, _ = busy()
    site = MasterSite(play)
    headers = {"content-type": "application/x-protobuf"}
    for call in asked:
        body = call.SerializePartialToString()
        answer = site.ask("POST", "/api/v1", body, headers)
        assert answer.code in CODES, answer.text
        assert answer.code == 200 or answer.text
        play.run(1.0)
        check(play.state.allocator)
    agree(play, site)


def agree(play: Recording, site: MasterSite) -> None:
    """The state, the allocator, the registry and what is told are the same."""
    state = play.state
    assert state.quotas == state.asked.quotas
    assert state.weights == state.asked.weights
    kept = state.allocator.ledger.quotas
    assert {role: kept.of(role) for role in kept.roles()} == state.quotas
    found: Recovered = read_registry(play.records)
    assert dict(found.quotas) == state.quotas
    assert dict(found.weights) == state.weights
    assert [each["role"] for each in site.get("/quota").json.get("configs", [])] == sorted(state.quotas)
    assert {each["role"]: each["weight"] for each in site.get("/weights").json} == state.weights
    assert Playground(recovered=found).state.quotas == state.quotas
