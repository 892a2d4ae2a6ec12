"""Cuts agents off, where network namespaces are permitted.

The whole run is in a namespace of its own, where each agent has an address of its own on loopback. What is
sent to that address gets lost while it is cut: the master's messages and all acknowledgements of TCP, while
what the agent sends leaves from another address and arrives. That is a partition in one direction.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

MARK = "MESETA_CHAOS_NETWORK"
"""Set within the namespace."""


def enter(argv: list[str]) -> None:
    """Start this program anew in a network of its own, and do not return; return if that is not permitted."""
    if MARK in os.environ or shutil.which("unshare") is None or shutil.which("ip") is None:
        return
    inside = ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode == 0:
        os.environ[MARK] = "1"
        os.execvp("unshare", [*inside, sys.executable, "-m", "tests.chaos", *argv])


def can_cut() -> bool:
    """Tell whether the network may be cut."""
    return MARK in os.environ


class Cuts:
    """Addresses that are cut, and until when."""

    def __init__(self) -> None:
        self.count = 0
        self._until: dict[str, float] = {}

    def cut(self, ip: str, until: float) -> None:
        """Let nothing arrive at an address for a while."""
        if ip not in self._until:
            self.count += 1
            _route("add", ip)
        self._until[ip] = until

    def look(self, now: float) -> None:
        """Mend what is due."""
        for ip in [ip for ip, until in self._until.items() if until <= now]:
            del self._until[ip]
            _route("del", ip)


def _route(verb: str, ip: str) -> None:
    # In the table that is looked up first, and so before the route to all of loopback.
    subprocess.run(["ip", "route", verb, "blackhole", f"{ip}/32", "table", "local"], check=True)
