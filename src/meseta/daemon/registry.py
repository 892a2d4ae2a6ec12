"""Which store holds the master's registry."""

from __future__ import annotations

import os

import structlog

from meseta.daemon.flags import Flags
from meseta.errors import ConfigError
from meseta.runtime.stores.memory import MemoryStore
from meseta.runtime.stores.registrar import Timeouts
from meseta.runtime.stores.sqlite import SqliteStore
from meseta.runtime.stores.store import Store

FILE = "registry.db"
"""Below the work directory."""
MESOS_DEFAULT = "replicated_log"
"""What unit files written for Mesos say; the store here is another, in the same directory."""

log = structlog.get_logger()


def find_store(flags: Flags) -> Store:
    """Return the store that the flags ask for; its directory is made.

    Raises:
        ConfigError: there is no such store, or it needs a directory and none is given.
        OSError: the directory cannot be made.
    """
    kind, work_dir = flags["registry"], flags["work_dir"]
    if kind == MESOS_DEFAULT:
        log.warning(f"--registry={MESOS_DEFAULT} is Mesos's: sqlite in --work_dir takes its place")
        kind = "sqlite"
    if kind is None:
        kind = "in_memory" if work_dir is None else "sqlite"
    if kind == "in_memory":
        return MemoryStore()
    if kind != "sqlite":
        raise ConfigError(f"--registry={kind} is not usable: expected sqlite or in_memory")
    if work_dir is None:
        raise ConfigError("--registry=sqlite needs --work_dir: the directory to keep it in")
    os.makedirs(work_dir, exist_ok=True)
    return SqliteStore(os.path.join(os.path.realpath(work_dir), FILE))


def timeouts_of(flags: Flags) -> Timeouts:
    """Return how long the store may take."""
    return Timeouts(fetch_s=flags["registry_fetch_timeout"], store_s=flags["registry_store_timeout"])
