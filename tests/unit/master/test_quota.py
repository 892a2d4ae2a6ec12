"""Quota that operators set: what is refused and in which words, and what follows when it is written."""

from __future__ import annotations

import math
from typing import Any

import pytest

from meseta.allocator.quota import Quota
from meseta.master import effects, events
from meseta.master import quota as quotas
from meseta.master.effects import Reply
from meseta.master.events import QuotaConfig, RequestId, StreamId
from meseta.master.registry import Recovered, UpdateQuota
from meseta.master.state import State
from tests.unit.master.master_kit import STREAM, Playground, agent_info, replaced, task, told

OK = (200, "")
REQUEST = RequestId(7)
OTHER = StreamId(2)
CPUS = {"cpus": 2000}


def config(role: str, guarantees: Any = None, limits: Any = None) -> QuotaConfig:
    return QuotaConfig(role=role, guarantees=guarantees or {}, limits=limits or {})


def answer(done: list[Any]) -> tuple[int, str]:
    (reply,) = (effect for effect in done if isinstance(effect, Reply))
    assert reply.request == REQUEST
    return reply.code, reply.text


def update(play: Playground, *configs: QuotaConfig, force: bool = False) -> tuple[int, str]:
    return answer(play.feed(events.QuotaUpdateRequested(request=REQUEST, configs=configs, force=force)))


def set_legacy(play: Playground, role: str = "web", cpus: int = 2000, **more: Any) -> tuple[int, str]:
    event = events.QuotaSetRequested(request=REQUEST, role=role, guarantee={"cpus": cpus}, **more)
    return answer(play.feed(event))


def remove(play: Playground, role: str, path: str | None = None) -> tuple[int, str]:
    return answer(play.feed(events.QuotaRemovalRequested(request=REQUEST, role=role, path=path)))


def with_agents(count: int = 1, **more: Any) -> Playground:
    play = Playground(**more)
    for number in range(1, count + 1):
        play.register(f"a{number}")
    return play


# Updates ----------------------------------------------------------------------------------------------


def test_a_quota_counts_when_the_registry_has_written_it() -> None:
    play = with_agents()
    play.persists = False
    done = play.feed(
        events.QuotaUpdateRequested(
            request=REQUEST, configs=(config("web", {"cpus": 1, "mem": 0}, {"cpus": 2.5}),)
        )
    )
    quota = Quota({"cpus": 1000}, {"cpus": 2500})
    assert [effect.mutation for effect in done if isinstance(effect, effects.Persist)] == [
        UpdateQuota((("web", quota),))
    ]
    assert not play.state.quotas
    assert not any(isinstance(effect, Reply) for effect in done)
    (ticket,) = play.state.pending
    assert answer(play.feed(events.Persisted(ticket=ticket))) == OK
    assert play.state.quotas == {"web": quota}
    assert play.state.allocator.ledger.quotas.of("web") == quota


def test_of_several_quotas_all_count_or_none() -> None:
    play = with_agents()
    code, text = update(play, config("a", limits={"cpus": 1}), config("b", limits={"cpus": -1}))
    assert (code, text) == (
        400,
        "Invalid QuotaConfig: Invalid limit configuration {'cpus': -1}: Negative values not supported",
    )
    assert not play.state.quotas
    assert update(play, config("a", limits={"cpus": 1}), config("b", limits={"cpus": 3})) == OK
    assert sorted(play.state.quotas) == ["a", "b"]
    assert update(play, config("a"), config("b", limits={"cpus": 3}), config("b", {"cpus": 1})) == OK
    assert play.state.quotas == {"b": Quota({"cpus": 1000})}


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        (config("a b"), "Invalid 'QuotaConfig.role': Role component 'a b' is invalid because it contains"),
        (config(""), "Invalid 'QuotaConfig.role': Role names cannot be the empty string"),
        (
            config("x", {"cpus": 2}, {"cpus": 1}),
            "'QuotaConfig.guarantees' { cpus: 2 } is not contained within the"
            " 'QuotaConfig.limits' { cpus: 1 }",
        ),
        (
            config("x", {"mem": 2.0**40 + 1024}),
            "Invalid 'QuotaConfig.guarantees': {'mem': 1099511628800} is invalid: values greater than"
            " 1 exabyte (1099511627776) are not supported",
        ),
        (
            config("x", limits={"gpus": 2e12}),
            "Invalid 'QuotaConfig.limits': {'gpus': 2000000000000} is invalid: values greater than"
            " 1 trillion (1000000000000) are not supported",
        ),
        (config("x", {"cpus": math.nan}), "Invalid guarantee configuration {'cpus': nan}: NaN not supported"),
        (
            config("x", {"cpus": -math.inf}),
            "Invalid guarantee configuration {'cpus': -inf}: Infinite values not supported",
        ),
        (
            config("x", {"cpus": 1e-310}),
            "Invalid guarantee configuration {'cpus': 9.99999999999997e-311}: Subnormal values not supported",
        ),
    ],
)
def test_what_is_no_quota_is_refused(asked: QuotaConfig, fault: str) -> None:
    code, text = update(with_agents(), asked, force=True)
    assert code == 400
    assert text.startswith(f"Invalid QuotaConfig: {fault}")


def test_only_top_level_roles_that_there_can_be_have_quota() -> None:
    play = with_agents(roles=frozenset({"web"}))
    assert update(play, config("x/y")) == (400, "Invalid QuotaConfig: 'x/y' is not on the roles whitelist")
    assert update(play, config("web"), config("*", limits={"cpus": 1})) == OK
    assert update(with_agents(), config("x/y", {"cpus": 1})) == (
        400,
        "Updating quota on nested role 'x/y' is not supported yet",
    )
    assert set_legacy(play, "db")[1] == "Failed to validate set quota request: Unknown role 'db'"
    path = "/master/quota/db"
    assert remove(play, "db", path)[1] == (
        f"Failed to validate remove quota request for path '{path}': Unknown role 'db'"
    )


def test_more_than_there_is_can_be_guaranteed_by_force_only() -> None:
    play = with_agents(2)
    assert update(play, config("a", {"cpus": 5})) == OK
    assert update(play, config("b", {"cpus": 3.5, "gpus": 1})) == (
        400,
        "Invalid QuotaConfig: total quota guarantees 'cpus:8.5; gpus:1' exceed cluster capacity"
        " 'cpus:8; disk:2000; mem:8192' (use 'force' flag to bypass this check)",
    )
    assert update(play, config("a", {"cpus": 4}), config("b", {"cpus": 4})) == OK, "what is replaced is gone"
    assert update(play, config("b", {"cpus": 100}), force=True) == OK


def test_two_requests_under_way_cannot_together_promise_too_much() -> None:
    play = with_agents()
    play.persists = False
    play.feed(events.QuotaUpdateRequested(request=REQUEST, configs=(config("a", {"cpus": 3}),)))
    assert update(play, config("b", {"cpus": 3}))[0] == 400
    assert set_legacy(play, "a")[1].endswith("'a' which already has quota")


def test_a_limit_below_what_a_role_has_needs_force() -> None:
    play = Playground()
    framework, _ = play.running()
    assert update(play, config("web", limits={"cpus": 0.5})) == (
        400,
        "Invalid QuotaConfig: Role 'web' is already consuming 'cpus:1; mem:128'; this is more than the"
        " requested limits 'cpus:0.5' (use 'force' flag to bypass this check)",
    )
    assert update(play, config("web", limits={"cpus": 1})) == OK
    assert update(play, config("web", limits={"cpus": 0.5}), force=True) == OK
    assert play.state.frameworks[framework].tasks, "nothing is killed for a limit"


def test_there_is_a_most_of_quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "QUOTAS_MAX", 2)
    play = with_agents()
    assert update(play, *(config(role, limits={"cpus": 1}) for role in "abc")) == (
        400,
        "Invalid QuotaConfig: there can be 2 roles with quota, not 3",
    )
    assert update(play, *(config(role, limits={"cpus": 1}) for role in "ab")) == OK
    assert set_legacy(play, "c")[1] == (
        "Failed to validate set quota request: There are 2 roles with quota already"
    )


class _Strict:
    def approves(self, action: str, subject: str | None, object: str | None, /) -> bool:
        return action != "update_quotas" or object != "secret"


def test_who_may_not_is_refused() -> None:
    play = with_agents()
    play.state.approvers = _Strict()
    assert update(play, config("web"), config("secret")) == (403, "")
    assert set_legacy(play, "secret") == (403, "")
    play.state.approvers = _Everything()
    assert set_legacy(play, "secret") == OK
    play.state.approvers = _Strict()
    assert remove(play, "secret") == (403, "")


class _Everything:
    def approves(self, action: str, subject: str | None, object: str | None, /) -> bool:
        return True


# The older pair ---------------------------------------------------------------------------------------


def test_the_older_calls_set_a_limit_too_and_remove() -> None:
    play = with_agents()
    assert set_legacy(play) == OK
    assert play.state.quotas == {"web": Quota.legacy(CPUS)}
    assert set_legacy(play) == (
        400,
        "Failed to validate set quota request: Cannot set quota for role 'web' which already has quota",
    )
    assert set_legacy(play, "db", 500_000) == (
        409,
        "Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total quota guarantees"
        " 'cpus:502' exceed cluster capacity 'cpus:4; disk:1000; mem:4096'",
    )
    assert set_legacy(play, "db", 500_000, force=True) == OK
    assert remove(play, "web") == OK
    assert remove(play, "web") == (400, "Failed to remove quota: Role 'web' has no quota set")
    path = "/master/quota/web"
    assert remove(play, "web", path)[1] == (
        f"Failed to remove quota for path '{path}': Role 'web' has no quota set"
    )
    assert list(play.state.quotas) == ["db"]


def test_the_older_call_is_refused_for_its_own_faults() -> None:
    play = with_agents()
    assert set_legacy(play, fault="QuotaInfo with empty 'guarantee'") == (
        400,
        "Failed to validate set quota request: QuotaInfo with empty 'guarantee'",
    )
    assert set_legacy(play, "a/b") == (400, "Setting quota on nested role 'a/b' is not supported yet")


# Consequences -----------------------------------------------------------------------------------------


def test_offers_beyond_a_new_limit_are_taken_back() -> None:
    play = with_agents(3)
    framework = play.subscribe()
    assert len(play.offers(framework)) == 3
    done = play.feed(
        events.QuotaUpdateRequested(request=REQUEST, configs=(config("web", limits={"cpus": 5}),))
    )
    assert len(told(done, STREAM, effects.Rescinded)) == 2
    offers = play.offers(framework)
    assert sum(offer.resources.scalar("cpus") for offer in offers) == 1000


def test_offers_of_others_are_taken_back_for_a_guarantee() -> None:
    play = with_agents(3)
    greedy = play.subscribe()
    assert len(play.offers(greedy)) == 3
    done = play.feed(events.QuotaUpdateRequested(request=REQUEST, configs=(config("db", {"cpus": 6}),)))
    assert len(told(done, STREAM, effects.Rescinded)) == 2, "no more than are needed"
    late = play.subscribe(OTHER, roles=("db",))
    (batch,) = told(play.run(1.0), OTHER, effects.Offered)
    assert sum(offer.resources.scalar("cpus") for offer in batch.offers) >= 6000
    assert late != greedy


def test_what_a_role_has_counts_against_its_guarantee() -> None:
    play = Playground()
    framework, _ = play.running(roles=("db",))
    greedy = play.subscribe(OTHER)
    play.call(events.Suppressed, framework)
    assert play.offers(greedy)
    done = play.feed(events.QuotaUpdateRequested(request=REQUEST, configs=(config("db", {"cpus": 1}),)))
    assert not told(done, OTHER, effects.Rescinded)


def test_a_limit_holds_for_launches_to_come() -> None:
    play = with_agents(2)
    framework = play.subscribe()
    assert update(play, config("web", limits={"cpus": 5})) == OK
    offers = play.offers(framework)
    assert sorted(offer.resources.scalar("cpus") for offer in offers) == [1000, 4000]
    for number, offer in enumerate(offers):
        cpus = offer.resources.scalar("cpus") / 1000
        play.launch(framework, offer, task(f"t{number}", offer.agent.id, cpus=cpus))
    assert not any(offer.resources.scalar("cpus") for offer in play.offers(framework, 10.0))
    assert remove(play, "web") == OK
    assert sum(offer.resources.scalar("cpus") for offer in play.offers(framework, 10.0)) == 3000


# Restarts ---------------------------------------------------------------------------------------------


def known(*names: str) -> Recovered:
    infos = tuple(replaced(agent_info(name), id=f"m-S{number}") for number, name in enumerate(names))
    return Recovered(agents=infos, quotas=(("web", Quota({"cpus": 1000}, {"cpus": 2000})),))


def test_quotas_of_the_registry_count_from_the_start() -> None:
    play = Playground(recovered=known())
    state: State = play.state
    assert state.quotas == state.asked.quotas == {"web": Quota({"cpus": 1000}, {"cpus": 2000})}
    play.register()
    framework = play.subscribe()
    (offer,) = play.offers(framework)
    assert offer.resources.scalar("cpus") == 2000


def test_with_quota_nothing_is_offered_until_most_agents_are_back() -> None:
    play = Playground(recovered=known(*"abcde"), agent_ping_timeout_s=1000.0)
    play.register("a3")
    framework = play.subscribe(roles=("db",))
    assert not play.offers(framework, 500.0)
    assert play.offers(framework, 200.0), "they are not waited for for ever"
