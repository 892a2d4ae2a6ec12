"""Two machines with a cable between them that can be pulled: network namespaces, where they are permitted.

    program in a namespace ── veth ── program in another namespace

Nobody is told when the cable is pulled, as when a machine loses its power: no FIN, no RST, no ICMP.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

ENTER_TIMEOUT_S = 30.0

Inside = tuple[str, ...]
"""What a command begins with that is to run on a machine."""


class TwoMachines:
    """The one that is `far` has a cable to the one that is `near`, which has the address `NEAR_IP`."""

    NEAR_IP = "10.78.0.1"
    FAR_IP = "10.78.0.2"

    def __init__(self, near: int, far: int) -> None:
        """The machines are the namespaces of two processes."""
        self.near, self.far = _enter(near), _enter(far)
        _ip(
            self.near,
            "link set lo up",
            f"link add cable type veth peer name cable netns {far}",
            f"addr add {self.NEAR_IP}/30 dev cable",
            "link set cable up",
        )
        _ip(self.far, "link set lo up", f"addr add {self.FAR_IP}/30 dev cable", "link set cable up")

    def pull(self) -> float:
        """Pull the cable; return the monotonic time just before."""
        at = time.monotonic()
        _ip(self.far, "link set cable down")
        return at

    def plug(self) -> None:
        """Plug the cable in again."""
        _ip(self.far, "link set cable up")


@contextmanager
def two_machines() -> Iterator[TwoMachines]:
    """Both machines, as long as they are needed."""
    command = ["unshare", "--net", "--", "cat"]  # which ends with its input
    keepers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) for _ in range(2)]
    try:
        for keeper in keepers:
            _wait_for_namespace(keeper.pid)
        near, far = keepers
        yield TwoMachines(near.pid, far.pid)
    finally:
        for keeper in keepers:
            keeper.communicate(timeout=ENTER_TIMEOUT_S)


def _enter(keeper: int) -> Inside:
    return ("nsenter", f"--net=/proc/{keeper}/ns/net", "--")


def _ip(inside: Inside, *commands: str) -> None:
    subprocess.run([*inside, "ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)


def _wait_for_namespace(pid: int) -> None:
    ours = os.readlink("/proc/self/ns/net")
    deadline = time.monotonic() + ENTER_TIMEOUT_S
    while os.readlink(f"/proc/{pid}/ns/net") == ours:
        assert time.monotonic() < deadline, "a namespace was not made in time"
        time.sleep(0.01)
