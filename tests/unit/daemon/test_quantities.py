"""Values of flags that are small languages: what they mean, and what cannot be used."""

from __future__ import annotations

import pytest

from meseta.daemon.quantities import (
    parse_domain,
    parse_names,
    parse_percent,
    parse_priorities,
    parse_quantity_sets,
    parse_rate,
    parse_role_minimums,
    parse_sorter,
    parse_weights,
)
from meseta.errors import ConfigError
from meseta.records import Domain


def test_quantities_are_alternatives_of_sums() -> None:
    assert parse_quantity_sets("f", "cpus:0.01|mem:32;disk: 1") == (
        {"cpus": 10},
        {"mem": 32_000, "disk": 1000},
    )
    assert parse_quantity_sets("f", " ") == ()


@pytest.mark.parametrize("text", ["cpus", "cpus:", ":1", "cpus:many", "cpus:inf", "cpus:nan", "cpus:1|"])
def test_unusable_quantities_are_refused_in_words(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--f: '.*' is not usable: expected name:amount, such as cpus:0.1"):
        parse_quantity_sets("f", text)


def test_minimums_by_role() -> None:
    assert parse_role_minimums("f", "ml=cpus:4;mem:8192, eng/db = gpus:1|cpus:8") == {
        "ml": ({"cpus": 4000, "mem": 8_192_000},),
        "eng/db": ({"gpus": 1000}, {"cpus": 8000}),
    }
    assert parse_role_minimums("f", None) == {}


@pytest.mark.parametrize("text", ["ml", "ml=", "=cpus:1", "ml=cpus", "ml=cpus:1;"])
def test_what_is_no_minimum_of_a_role(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--f: '.*' is not usable: expected "):
        parse_role_minimums("f", text)


def test_priorities() -> None:
    assert parse_priorities("prod=10, eng/db = -1") == {"prod": 10, "eng/db": -1}
    assert parse_priorities(None) == {}


@pytest.mark.parametrize("text", ["prod", "prod=", "prod=high", "prod=1.5", "=3"])
def test_what_is_no_priority(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"--role_priorities: '.*' is not usable: expected role=whole number"
    ):
        parse_priorities(text)


def test_weights_and_names() -> None:
    assert parse_weights("web=2, eng/db = 0.5") == {"web": 2.0, "eng/db": 0.5}
    assert parse_weights(None) == {}
    assert parse_names("a, b,,") == {"a", "b"}


@pytest.mark.parametrize("text", ["web", "web=", "web=0", "web=-1", "web=inf", "web=nan"])
def test_a_weight_is_a_number_above_zero(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--weights: '.*' is not usable: expected role=weight, above 0"):
        parse_weights(text)


def test_a_domain_is_a_region_and_a_zone() -> None:
    text = '{"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "a"}}}'
    assert parse_domain(text) == Domain("eu", "a")
    assert parse_domain(None) is None


@pytest.mark.parametrize("text", ["eu", "{}", '{"fault_domain": {"region": {"name": "eu"}}}'])
def test_half_a_domain_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--domain=.* is not usable: expected .*fault_domain"):
        parse_domain(text)


def test_sorters() -> None:
    assert [parse_sorter("f", text) for text in ("drf", "random")] == ["drf", "random"]
    with pytest.raises(ConfigError, match="--f: there is no sorter 'fifo': use drf or random"):
        parse_sorter("f", "fifo")


@pytest.mark.parametrize(("text", "interval_s"), [(None, None), ("1/10mins", 600.0), ("4 / 1hrs", 900.0)])
def test_a_rate_is_an_interval(text: str | None, interval_s: float | None) -> None:
    assert parse_rate("agent_removal_rate_limit", text) == interval_s


@pytest.mark.parametrize("text", ["", "1", "10mins", "0/1secs", "1/0secs", "-1/1secs", "a/1secs", "1/soon"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(ConfigError, match="expected number/duration"):
        parse_rate("agent_removal_rate_limit", text)


def test_percentages() -> None:
    assert parse_percent("recovery_agent_removal_limit", "12.5%") == 0.125
    for text in ("", "5", "%", "101%", "-1%", "50%%", "nan%"):
        with pytest.raises(ConfigError, match="expected a percentage"):
            parse_percent("recovery_agent_removal_limit", text)
