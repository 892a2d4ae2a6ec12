"""Whose tasks are ended for a guarantee."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meseta.allocator.victims import Runner, Shortage, fault_of, least_work
from meseta.ids import AgentId, FrameworkId, TaskId

TOTAL = {"cpus": 100_000, "mem": 100_000}


def runner(
    name: str, agent: str = "a", role: str = "batch", running_s: float = 10.0, **amounts: int
) -> Runner:
    return Runner(FrameworkId("f"), TaskId(name), AgentId(agent), role, amounts, running_s)


def names(victims: list[Runner]) -> list[str]:
    return sorted(one.task_id for one in victims)


def test_the_youngest_of_equal_tasks_is_ended() -> None:
    shortage = Shortage({"cpus": 1000}, TOTAL, {})
    runners = [runner("old", cpus=1000, running_s=100), runner("young", cpus=1000, running_s=1)]
    assert names(least_work(shortage, runners)) == ["young"]


def test_one_large_task_is_ended_rather_than_many_with_more_work() -> None:
    shortage = Shortage({"cpus": 4000}, TOTAL, {})
    small = [runner(f"s{number}", cpus=1000, running_s=100) for number in range(4)]
    assert names(least_work(shortage, [*small, runner("large", cpus=4000, running_s=50)])) == ["large"]


def test_one_agent_that_is_enough_comes_before_several_that_cost_less() -> None:
    shortage = Shortage({"cpus": 2000}, TOTAL, {})
    spread = [runner("b", agent="b", cpus=1000, running_s=1), runner("c", agent="c", cpus=1000, running_s=1)]
    together = [runner("a1", cpus=1000, running_s=20), runner("a2", cpus=1000, running_s=20)]
    assert names(least_work(shortage, [*spread, *together])) == ["a1", "a2"]
    assert names(least_work(shortage, [*spread, together[0]])) == ["b", "c"]


def test_nobody_is_ended_for_what_cannot_be_had() -> None:
    shortage = Shortage({"cpus": 3000}, TOTAL, {})
    assert least_work(shortage, [runner("a", cpus=1000), runner("b", cpus=1000)]) == []


def test_no_role_goes_below_its_guarantee() -> None:
    shortage = Shortage({"cpus": 2000}, TOTAL, {"batch": {"cpus": 1000}})
    assert least_work(shortage, [runner("a", cpus=1000), runner("b", cpus=1000)]) == []
    other = runner("c", role="other", cpus=1000, running_s=1000)
    assert "c" in names(least_work(shortage, [runner("a", cpus=1000), runner("b", cpus=1000), other]))


def test_those_that_turn_out_to_be_needless_are_let_go() -> None:
    shortage = Shortage({"cpus": 3000}, TOTAL, {})
    runners = [runner("tiny", cpus=500, running_s=0), runner("fits", cpus=3000, running_s=10)]
    assert names(least_work(shortage, runners)) == ["fits"]


def test_a_policy_of_others_is_checked() -> None:
    shortage = Shortage({"cpus": 1000}, TOTAL, {"batch": {"cpus": 1000}})
    one, two = runner("a", cpus=1000), runner("b", cpus=1000)
    assert fault_of(shortage, [one], [one, two]) is None
    assert fault_of(shortage, [], [one, two]) is None
    assert "twice" in str(fault_of(shortage, [one, one], [one, two]))
    assert "not given" in str(fault_of(shortage, [two], [one]))
    assert "guarantee" in str(fault_of(shortage, [one, two], [one, two]))
    assert "does not cover" in str(fault_of(shortage, [runner("c", cpus=1)], [runner("c", cpus=1)]))


AMOUNTS = st.fixed_dictionaries({"cpus": st.integers(0, 8000), "mem": st.integers(0, 8000)})
RUNNERS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["r", "s"]), AMOUNTS, st.floats(0, 1000)), max_size=12
).map(
    lambda rows: [
        Runner(FrameworkId("f"), TaskId(str(number)), AgentId(agent), role, amounts, running_s)
        for number, (agent, role, amounts, running_s) in enumerate(rows)
    ]
)


@settings(max_examples=200)
@given(missing=AMOUNTS, runners=RUNNERS, spare=AMOUNTS)
def test_victims_are_enough_and_none_is_needless(
    missing: dict[str, int], runners: list[Runner], spare: dict[str, int]
) -> None:
    shortage = Shortage(missing, TOTAL, {"r": spare})
    victims = least_work(shortage, runners)
    assert fault_of(shortage, victims, runners) is None
    for victim in victims:
        rest = [one for one in victims if one is not victim]
        short = {name: amount - sum(one.amounts[name] for one in rest) for name, amount in missing.items()}
        assert any(amount > 0 for amount in short.values()), "one of them could have been spared"
    assert least_work(shortage, list(reversed(runners))) == victims or names(
        least_work(shortage, list(reversed(runners)))
    ) == names(victims)
