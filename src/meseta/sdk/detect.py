"""Where the master is: the forms in which people write its address.

127.0.0.1:5050          host and port; the port may be left out
http://master.example   the same as a URL
a:5050,b:5050           several masters, one of which leads
zk://a:2181/mesos       the one that leads, as ZooKeeper knows it
etcd://a:2379/mesos     the same, as etcd knows it
file:///etc/mesos/zk    what is in the file, one of these forms
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from meseta.errors import ConfigError
from meseta.runtime.detectors.find import is_service, read_address
from meseta.wire.master_info import MasterInfo, address_of_info

DEFAULT_PORT = 5050
MASTERS_MAX = 64


class Masters(NamedTuple):
    """Where to look for the leading master: at masters, or at a service that knows which one leads."""

    urls: tuple[str, ...]
    service: str | None = None


def find_masters(masters: str | Iterable[str]) -> Masters:
    """Read addresses of masters, or the address of a service. Raises ConfigError."""
    if isinstance(masters, str):
        masters = read_address(masters)
        if is_service(masters):
            return Masters((), masters)
    return Masters(tuple(parse_masters(masters)))


def url_of(leader: MasterInfo) -> str:
    """Return the base URL of a master that was detected."""
    return f"http://{address_of_info(leader)}"


def parse_masters(masters: str | Iterable[str]) -> list[str]:
    """Return the base URLs (`http://host:port`) of the masters, in the order given.

    Raises ConfigError for anything that is no address.
    """
    texts = masters.split(",") if isinstance(masters, str) else list(masters)
    urls = list(dict.fromkeys(_base_url(text.strip()) for text in texts if text.strip()))
    if not urls:
        raise ConfigError("no master is given; write its address, such as 127.0.0.1:5050")
    if len(urls) > MASTERS_MAX:
        raise ConfigError(f"{len(urls)} masters are given; at most {MASTERS_MAX} can be tried in turn")
    return urls


def leader_of(location: str | None) -> str | None:
    """Return the base URL that a redirect's Location (`//host:port/path`) points to, if it is usable."""
    if not location:
        return None
    try:
        return _base_url(location.removeprefix("//") if location.startswith("//") else location)
    except ConfigError:
        return None


def _base_url(text: str) -> str:
    scheme, separator, _ = text.partition("://")
    if separator and scheme != "http":
        raise ConfigError(_unusable_scheme(text, scheme))
    try:
        parts = urlsplit(text if separator else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"'{text}' is no address of a master ({error}); write host:port") from None
    if not host or parts.username is not None or any(ch.isspace() for ch in text):
        raise ConfigError(f"'{text}' is no address of a master; write host:port, such as 127.0.0.1:5050")
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{DEFAULT_PORT if port is None else port}"


def _unusable_scheme(text: str, scheme: str) -> str:
    if is_service(text):
        return f"'{text}': {scheme} knows which master leads; give its address alone, or those of masters"
    return f"'{text}': masters are reached over http, not {scheme}; write http://host:port"
