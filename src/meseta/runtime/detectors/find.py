"""The forms of a master's address, and what finds the leading master by each.

10.0.0.1:5050                              one master; the port may be left out
zk://[user:password@]host:port[,…]/mesos   the one that leads, by ZooKeeper
etcd://[user:password@]host:port[,…]/mesos the same, by etcd
file:///path                               what is in the file, one of the forms above
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from meseta.errors import ConfigError, UnreachableError
from meseta.machine import Entropy
from meseta.runtime.detectors.contender import Group
from meseta.runtime.detectors.detector import Detector, OnDetected, Warn
from meseta.runtime.detectors.static import StaticDetector
from meseta.runtime.service_address import PORTS, parse_address
from meseta.wire.master_info import MasterInfo

SESSION_TIMEOUT_S = 10.0
"""Mesos's."""
FILE = "file://"


def read_address(address: str) -> str:
    """Return the address, or what the file that it names holds. Raises ConfigError."""
    if not address.startswith(FILE):
        return address.strip()
    path = address.removeprefix(FILE)
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{address} cannot be read: {getattr(fault, 'strerror', None) or fault}") from None


def is_service(address: str) -> bool:
    """Tell whether this is the address of a service that knows who leads, rather than of a master."""
    return address.partition("://")[0] in PORTS


def find_detector(
    address: str,
    entropy: Entropy,
    on_detected: OnDetected,
    *,
    warn: Warn,
    session_timeout_s: float = SESSION_TIMEOUT_S,
) -> Detector:
    """Return what finds the master; see above for the forms. Raises ConfigError."""
    address = read_address(address)
    # Imported here, and below: who does not use a service need not have its client.
    if address.startswith("zk://"):
        from meseta.runtime.detectors.zookeeper import ZooKeeperDetector

        return ZooKeeperDetector(parse_address(address), session_timeout_s, entropy, on_detected, warn)
    if address.startswith("etcd://"):
        from meseta.runtime.detectors.etcd import EtcdDetector

        return EtcdDetector(parse_address(address), session_timeout_s, entropy, on_detected, warn)
    return StaticDetector(address, entropy, on_detected, warn)


def find_group(address: str, data: bytes, session_timeout_s: float = SESSION_TIMEOUT_S) -> Group:
    """Return the candidates among whom a master contends; its entry says `data`. Raises ConfigError."""
    address = read_address(address)
    if address.startswith("zk://"):
        from meseta.runtime.detectors.zookeeper import ZooKeeperGroup

        return ZooKeeperGroup(parse_address(address), session_timeout_s, data)
    if address.startswith("etcd://"):
        from meseta.runtime.detectors.etcd import EtcdGroup

        return EtcdGroup(parse_address(address), session_timeout_s, data)
    raise ConfigError(f"--zk={address} is not usable: expected zk://host:port/path, or etcd:// and the same")


async def detect_leader(address: str, entropy: Entropy, timeout_s: float) -> MasterInfo:
    """Return who leads. Raises ConfigError, and UnreachableError if that is not known within the time."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[MasterInfo] = loop.create_future()

    def on_detected(leader: MasterInfo | None) -> None:
        if leader is not None and not found.done():
            found.set_result(leader)

    detector = find_detector(address, entropy, on_detected, warn=lambda text: None)
    detector.start()
    try:
        async with asyncio.timeout(timeout_s):
            return await found
    except TimeoutError:
        raise UnreachableError(
            f"no leading master is known after {timeout_s:g} s: do {address.rpartition('@')[2]} "
            "and a master that names it run?"
        ) from None
    finally:
        detector.stop()
