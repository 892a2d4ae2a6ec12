"""`--whitelist`: a file of host names, read again every few seconds; only agents on these are offered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from meseta.daemon.flags import read_text
from meseta.errors import ConfigError

POLL_S = 5.0
"""As in Mesos."""

log = structlog.get_logger()


def read_whitelist(path: str) -> frozenset[str]:
    """Return the host names in the file, one a line.

    Raises:
        ConfigError: the file cannot be read.
    """
    lines = read_text(f"--whitelist={path}", path).splitlines()
    return frozenset(line.strip() for line in lines if line.strip())


async def watch_whitelist(path: str, on_change: Callable[[frozenset[str]], None]) -> None:
    """Tell `on_change` the names, and again whenever they change; an unreadable file changes nothing."""
    known: frozenset[str] | None = None
    while True:
        try:
            names = read_whitelist(path)
        except ConfigError as fault:
            log.warning(f"{fault}; the last names read stay in force")
        else:
            if names != known:
                known = names
                on_change(names)
        await asyncio.sleep(POLL_S)
