"""Which store holds the master's registry."""

from __future__ import annotations

import os

import structlog

from meseta.daemon.flags import Flags
from meseta.errors import ConfigError
from meseta.runtime.detectors.find import read_address
from meseta.runtime.service_address import parse_address
from meseta.runtime.stores.memory import MemoryStore
from meseta.runtime.stores.registrar import Timeouts
from meseta.runtime.stores.shared import SharedStore
from meseta.runtime.stores.sqlite import SqliteStore
from meseta.runtime.stores.store import Store

FILE = "registry.db"
"""Below the work directory."""
MESOS_DEFAULT = "replicated_log"
"""What unit files written for Mesos say: the registry is where the flags would have it by themselves."""
SERVICES = {"zookeeper": "zk://", "etcd": "etcd://"}
"""Stores that all masters share, where they elect who leads."""
PATIENCE = 0.9
"""The part of a timeout that a service is given, so that the store can say what was wrong with it."""

log = structlog.get_logger()


def find_store(flags: Flags) -> Store:
    """Return the store that the flags ask for; its directory is made.

    Raises:
        ConfigError: there is no such store, or what it needs is not given.
        OSError: the directory cannot be made.
    """
    kind = find_kind(flags)
    if kind in SERVICES:
        return _shared_store(kind, flags)
    if flags["zk"] is not None:
        log.warning(
            f"--registry={kind} is this master's own: another one that leads does not know its agents"
        )
    return MemoryStore() if kind == "in_memory" else _sqlite_store(flags["work_dir"])


def find_kind(flags: Flags) -> str:
    """Return which kind of store the flags ask for. Raises ConfigError."""
    kind: str | None = flags["registry"]
    if kind in (None, MESOS_DEFAULT):
        default = _default_kind(flags, in_memory=kind is None)
        if kind is not None:
            log.warning(f"--registry={MESOS_DEFAULT} is Mesos's: {default} takes its place")
        return default
    if kind not in ("sqlite", "in_memory", *SERVICES):
        raise ConfigError(
            f"--registry={kind} is not usable: expected sqlite, in_memory, zookeeper, etcd or {MESOS_DEFAULT}"
        )
    return kind


def _default_kind(flags: Flags, *, in_memory: bool) -> str:
    if flags["zk"] is not None:
        address = read_address(flags["zk"])
        for kind, scheme in SERVICES.items():
            if address.startswith(scheme):
                return kind
    return "in_memory" if in_memory and flags["work_dir"] is None else "sqlite"


def _sqlite_store(work_dir: str | None) -> SqliteStore:
    if work_dir is None:
        raise ConfigError("--registry=sqlite needs --work_dir: the directory to keep it in")
    os.makedirs(work_dir, exist_ok=True)
    return SqliteStore(os.path.join(os.path.realpath(work_dir), FILE))


def _shared_store(kind: str, flags: Flags) -> SharedStore:
    address = "" if flags["zk"] is None else read_address(flags["zk"])
    if not address.startswith(SERVICES[kind]):
        raise ConfigError(
            f"--registry={kind} needs --zk={SERVICES[kind]}host:port/path: masters elect who may write there"
        )
    timeout_s = PATIENCE * min(timeouts_of(flags))
    # Imported here: who does not use a service need not have its client.
    if kind == "etcd":
        from meseta.runtime.stores.etcd import EtcdSpace

        return SharedStore(EtcdSpace(parse_address(address), timeout_s))
    from meseta.runtime.stores.zookeeper import ZooKeeperSpace

    return SharedStore(ZooKeeperSpace(parse_address(address), timeout_s))


def timeouts_of(flags: Flags) -> Timeouts:
    """Return how long the store may take."""
    return Timeouts(fetch_s=flags["registry_fetch_timeout"], store_s=flags["registry_store_timeout"])
