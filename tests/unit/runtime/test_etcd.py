"""Addresses of etcd, and the parts of its calls."""

from __future__ import annotations

import pytest

from meseta.errors import ConfigError
from meseta.runtime.etcd import Address, after_prefix, entries_of, key_range, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("etcd://h/m", Address((("h", 2379),), "/m")),
        ("etcd://a:1,b:2/m/n/", Address((("a", 1), ("b", 2)), "/m/n")),
        ("etcd://u:p:q@a:1/m", Address((("a", 1),), "/m", ("u", "p:q"))),
        ("etcd://u:p@q@a:1/m", Address((("a", 1),), "/m", ("u", "p@q"))),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address._replace(credential=None)


@pytest.mark.parametrize(
    "text", ["etcd://h", "etcd://h/", "etcd:///m", "etcd://a:b/m", "etcd://a:0/m", "etcd://a,,b/m"]
)
def test_unusable_addresses_are_named(text: str) -> None:
    with pytest.raises(ConfigError, match=f"{text} is not usable: .* write etcd://"):
        parse_address(text)


@pytest.mark.parametrize("user", ["", "secret", ":secret"])
def test_a_password_without_a_user_is_refused_and_not_shown(user: str) -> None:
    with pytest.raises(ConfigError, match="write user:password before the @") as refusal:
        parse_address(f"etcd://{user}@h/m")
    assert "secret" not in str(refusal.value)


def test_a_range_holds_what_begins_with_its_prefix() -> None:
    assert b"/m/" <= b"/m/\xff\xff" < after_prefix(b"/m/") <= b"/m0"
    assert key_range(b"a") == {"key": b"a"}
    assert key_range(b"a", b"b") == {"key": b"a", "range_end": b"b"}


def test_an_empty_value_is_left_out_by_etcd() -> None:
    (entry,) = entries_of({"kvs": [{"key": "YQ==", "create_revision": "2", "mod_revision": "3"}]})
    assert entry == (b"a", b"", 2, 3)
