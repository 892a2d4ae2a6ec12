"""Addresses of the services that know which master leads: ZooKeeper and etcd.

zk://[user:password@]host[:port][,host[:port]…]/path
etcd://…                                            the same
"""

from __future__ import annotations

from typing import NamedTuple

from meseta.errors import ConfigError

PORTS = {"zk": 2181, "etcd": 2379}
"""By the scheme of a service, the port where it listens if an address names none."""


class Address(NamedTuple):
    """What an address says."""

    scheme: str
    servers: tuple[tuple[str, int], ...]
    path: str
    """Where what is ours begins, with `/` before and none behind."""
    credential: tuple[str, str] | None = None
    """User and password."""

    @property
    def hosts(self) -> str:
        """The servers as text."""
        return ",".join(f"{host}:{port}" for host, port in self.servers)

    def __str__(self) -> str:
        """The address without the password."""
        return f"{self.scheme}://{self.hosts}{self.path}"


def parse_address(text: str) -> Address:
    """Read an address of one of the services. Raises ConfigError; the message does not show the password."""
    scheme, _, where = text.partition("://")
    credential, at, rest = where.rpartition("@")
    hosts, _, path = rest.partition("/")
    path = path.strip("/")
    user, colon, password = credential.partition(":")
    if at and not (user and colon):
        raise ConfigError(f"{scheme}://…@{rest} is not usable: write user:password before the @")
    if not path:
        raise ConfigError(
            f"{scheme}://{rest} is not usable: it names no path for the masters; write {scheme}://{hosts}/mesos"
        )
    servers = tuple(_server(scheme, rest, host) for host in hosts.split(","))
    return Address(scheme, servers, f"/{path}", (user, password) if at else None)


def _server(scheme: str, rest: str, text: str) -> tuple[str, int]:
    host, colon, port = text.partition(":")
    if not host or (colon and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise ConfigError(
            f"{scheme}://{rest} is not usable: '{text}' is no host:port; write "
            f"{scheme}://10.0.0.1:{PORTS[scheme]}/mesos"
        )
    return host, int(port) if colon else PORTS[scheme]
