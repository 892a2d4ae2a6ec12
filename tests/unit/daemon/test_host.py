"""Which address and name a daemon tells others, and where it listens."""

from __future__ import annotations

import pytest

from meseta.daemon.host import address_of_host, listen_address, name_of_host
from meseta.errors import ConfigError
from meseta.runtime.linux import hostinfo


def test_without_a_flag_it_listens_everywhere_and_tells_what_others_can_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hostinfo, "local_ip", lambda: "192.0.2.7")
    assert (address_of_host(None), listen_address(None)) == ("192.0.2.7", "0.0.0.0")


def test_a_given_address_is_the_only_one() -> None:
    assert (address_of_host("127.0.0.1"), listen_address("127.0.0.1")) == ("127.0.0.1", "127.0.0.1")


@pytest.mark.parametrize("ip", ["localhost", "::1", "1.2.3", ""])
def test_what_is_no_address_is_refused(ip: str) -> None:
    with pytest.raises(ConfigError, match="expected an IPv4 address"):
        address_of_host(ip)


def test_the_name_is_looked_up_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostinfo, "host_name", lambda ip: f"name of {ip}")
    assert name_of_host("given", "192.0.2.7", lookup=True) == "given"
    assert name_of_host(None, "192.0.2.7", lookup=True) == "name of 192.0.2.7"
    assert name_of_host(None, "192.0.2.7", lookup=False) == "192.0.2.7"
