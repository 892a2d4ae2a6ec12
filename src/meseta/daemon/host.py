"""Which address and name a daemon has."""

from __future__ import annotations

import ipaddress
import socket

from meseta.errors import ConfigError


def address_of_host(ip: str | None) -> str:
    """Return the IPv4 address to listen on and to tell others.

    Raises:
        ConfigError: `ip` is no IPv4 address.
    """
    if ip is None:
        return _default_address()
    try:
        return str(ipaddress.IPv4Address(ip))
    except ValueError:
        raise ConfigError(f"--ip={ip} is not usable: expected an IPv4 address such as 127.0.0.1") from None


def _default_address() -> str:
    """The address that this host's name resolves to, as Mesos chooses it; the loopback one failing that."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"


def name_of_host(hostname: str | None, ip: str, *, lookup: bool) -> str:
    """Return the name to tell others: as given, or what the address is called, or the address."""
    if hostname is not None:
        return hostname
    if not lookup:
        return ip
    try:
        return socket.gethostbyaddr(ip)[0]
    except OSError:
        return ip
