from __future__ import annotations

from pathlib import Path

import pytest

from meseta.errors import ConfigError
from meseta.sdk.detect import Masters, find_masters, leader_of, parse_masters


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("127.0.0.1:5050", ["http://127.0.0.1:5050"]),
        ("master.example", ["http://master.example:5050"]),
        ("http://a:1/", ["http://a:1"]),
        ("a:1, b:2,a:1", ["http://a:1", "http://b:2"]),
        ("[::1]:5050", ["http://[::1]:5050"]),
        (["a:1", "http://b:2"], ["http://a:1", "http://b:2"]),
    ],
)
def test_addresses_are_read_in_every_form(text: str | list[str], urls: list[str]) -> None:
    assert parse_masters(text) == urls


@pytest.mark.parametrize("text", ["", " , ", "a:port", "a:99999", "http://", "us er@x", "u:p@a:1"])
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_masters(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a:1,zk://a:2181/mesos", "give its address alone"),
        ("https://a:1", "not https"),
        ("ftp://a", "not ftp"),
    ],
)
def test_other_schemes_say_what_to_do_instead(text: str, part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        parse_masters(text)


def test_a_service_that_knows_the_leader_is_told_from_masters(tmp_path: Path) -> None:
    assert find_masters("a:1,b:2") == Masters(("http://a:1", "http://b:2"))
    assert find_masters("zk://a:1,b:2/mesos") == Masters((), "zk://a:1,b:2/mesos")
    (tmp_path / "zk").write_text("zk://a:1/mesos\n")
    assert find_masters(f"file://{tmp_path}/zk") == Masters((), "zk://a:1/mesos")
    with pytest.raises(ConfigError, match="cannot be read"):
        find_masters(f"file://{tmp_path}/nothing")


def test_locations_of_redirects_are_protocol_relative() -> None:
    assert leader_of("//10.0.0.2:5050/master/api/v1/scheduler") == "http://10.0.0.2:5050"
    assert leader_of("http://a:1/x") == "http://a:1"
    assert leader_of(None) is None
    assert leader_of("ftp://a") is None
