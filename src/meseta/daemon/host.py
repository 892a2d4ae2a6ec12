"""Which address and name a daemon has, and where it listens."""

from __future__ import annotations

import ipaddress

from meseta.errors import ConfigError
from meseta.runtime.linux import hostinfo

EVERYWHERE = "0.0.0.0"


def address_of_host(ip: str | None) -> str:
    """Return the IPv4 address to tell others: `ip`, or the one at which they are likely to reach this host.

    Raises:
        ConfigError: `ip` is no IPv4 address.
    """
    if ip is None:
        return hostinfo.local_ip()
    try:
        return str(ipaddress.IPv4Address(ip))
    except ValueError:
        raise ConfigError(f"--ip={ip} is not usable: expected an IPv4 address such as 127.0.0.1") from None


def listen_address(ip: str | None) -> str:
    """Return the IPv4 address to listen on: `ip`, or all of them, as Mesos does."""
    return EVERYWHERE if ip is None else ip


def name_of_host(hostname: str | None, ip: str, *, lookup: bool) -> str:
    """Return the name to tell others: as given, or what the address is called, or the address."""
    if hostname is not None:
        return hostname
    return hostinfo.host_name(ip) if lookup else ip
