"""Weights that operators set while the master runs."""

from __future__ import annotations

import math
from typing import Any

import pytest

from meseta.master import effects, events, weights
from meseta.master.effects import Reply
from meseta.master.events import RequestId, StreamId
from meseta.master.registry import Recovered, UpdateWeights
from tests.unit.master.master_kit import STREAM, Playground, told

OK = (200, "")
REQUEST = RequestId(7)
OTHER = StreamId(2)
PREFIX = "Failed to validate update weights request JSON"


def ask(play: Playground, *pairs: tuple[str, float]) -> list[Any]:
    return play.feed(events.WeightsUpdateRequested(request=REQUEST, weights=pairs))


def update(play: Playground, *pairs: tuple[str, float]) -> tuple[int, str]:
    (reply,) = (effect for effect in ask(play, *pairs) if isinstance(effect, Reply))
    return reply.code, reply.text


def in_allocator(play: Playground) -> dict[str, float]:
    """The weights of roles that frameworks have, as the allocator knows them."""
    play.subscribe(OTHER, roles=("old", "web", "a", "b"))
    tree = play.state.allocator.ledger.tree
    return {role: tree.node(role).weight for role in ("old", "web", "a", "b") if tree.node(role).weight != 1}


def test_weights_count_when_the_registry_has_written_all_of_them() -> None:
    play = Playground(weights={"old": 2.0})
    play.persists = False
    done = ask(play, (" web ", 3.0))
    assert [effect.mutation for effect in done if isinstance(effect, effects.Persist)] == [
        UpdateWeights((("old", 2.0), ("web", 3.0)))
    ]
    assert play.state.weights == {"old": 2.0}
    (ticket,) = play.state.pending
    play.feed(events.Persisted(ticket=ticket))
    assert play.state.weights == {"old": 2.0, "web": 3.0}
    assert in_allocator(play) == {"old": 2.0, "web": 3.0}


@pytest.mark.parametrize(
    ("role", "weight", "fault"),
    [
        ("a b", 1, ": Invalid role 'a b': Role component 'a b' is invalid because it contains backspace"),
        ("", 1, ": Invalid role '': Role names cannot be the empty string"),
        ("web", 0, " for role 'web': Invalid weight '0': Weights must be positive"),
        ("web", -1, " for role 'web': Invalid weight '-1': Weights must be positive"),
        ("web", math.nan, " for role 'web': Invalid weight 'nan': Weights must be positive"),
        ("web", math.inf, " for role 'web': Invalid weight 'inf': Weights must be positive"),
        ("db", 1, ": Unknown role 'db'"),
    ],
)
def test_what_is_no_weight_is_refused(role: str, weight: float, fault: str) -> None:
    play = Playground(roles=frozenset({"web"}))
    code, text = update(play, ("web", 2.0), (role, weight))
    assert code == 400
    assert text.startswith(PREFIX + fault)
    assert not play.state.weights


def test_there_is_a_most_of_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "WEIGHTS_MAX", 1)
    play = Playground()
    assert update(play, ("a", 1.0)) == OK
    assert update(play, ("b", 1.0)) == (400, f"{PREFIX}: more than 1 weights")


class _Nobody:
    def approves(self, action: str, subject: str | None, object: str | None, /) -> bool:
        return action != "update_weights"


def test_who_may_not_is_refused() -> None:
    play = Playground()
    play.state.approvers = _Nobody()
    assert update(play, ("a", 1.0)) == (403, "")
    assert update(play) == OK, "nothing is allowed to all"


def test_new_weights_take_offers_back_where_they_matter() -> None:
    play = Playground()
    framework = play.subscribe()
    play.register()
    assert play.offers(framework)
    assert not told(ask(play, ("other", 2.0)), STREAM, effects.Rescinded)
    assert told(ask(play, ("web", 2.0)), STREAM, effects.Rescinded)


def test_weights_of_the_registry_win_over_those_of_the_flag() -> None:
    assert Playground(weights={"a": 2.0}).state.weights == {"a": 2.0}
    recovered = Recovered(weights=(("b", 3.0),))
    play = Playground(weights={"a": 2.0}, recovered=recovered)
    assert play.state.weights == play.state.asked.weights == {"b": 3.0}
    assert in_allocator(play) == {"b": 3.0}
