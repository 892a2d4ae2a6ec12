"""Addresses of ZooKeeper and etcd."""

from __future__ import annotations

import pytest

from meseta.errors import ConfigError
from meseta.runtime.service_address import PORTS, Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("etcd://h/m", Address("etcd", (("h", 2379),), "/m")),
        ("zk://h/m", Address("zk", (("h", 2181),), "/m")),
        ("zk://a:1,b:2/m/n/", Address("zk", (("a", 1), ("b", 2)), "/m/n")),
        ("etcd://u:p:q@a:1/m", Address("etcd", (("a", 1),), "/m", ("u", "p:q"))),
        ("zk://u:p%@q@a:1/m", Address("zk", (("a", 1),), "/m", ("u", "p%@q"))),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address._replace(credential=None)
    assert address.hosts in str(address)


@pytest.mark.parametrize("scheme", PORTS)
@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("h", "names no path"),
        ("h/", "names no path"),
        ("/m", "'' is no host:port"),
        ("a:b/m", "'a:b' is no host:port"),
        ("a:0/m", "'a:0' is no host:port"),
        ("a,:1/m", "':1' is no host:port"),
        ("a,,b/m", "'' is no host:port"),
    ],
)
def test_unusable_addresses_are_named(scheme: str, rest: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"^{scheme}://{rest} is not usable: .*{words}.* write {scheme}://"):
        parse_address(f"{scheme}://{rest}")


@pytest.mark.parametrize("user", ["", "secret", ":secret"])
def test_a_password_without_a_user_is_refused_and_not_shown(user: str) -> None:
    with pytest.raises(ConfigError, match="write user:password before the @") as refusal:
        parse_address(f"zk://{user}@h/m")
    assert "secret" not in str(refusal.value)
