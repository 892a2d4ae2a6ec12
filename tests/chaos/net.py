"""A network for the run, of which single ways can be cut, where network namespaces are permitted.

    program in a namespace ── veth ── here, where all is routed ── veth ── program in a namespace

The whole run is in a namespace of its own, and each program in another one, at an address of its own. What
goes from one to another passes here, and rules drop it without a word, in one direction or both. As with a
broken cable nobody is told: TCP waits and tries again, and what is under way may arrive when the way is open
again, after its sender has died.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from tests.integration.places import Place

MARK = "MESETA_CHAOS_NETWORK"
"""Set within the namespace of the run."""
ENTER_TIMEOUT_S = 10.0
NODES_MAX = 250
PRIORITY = 100
"""Of the rules that drop: they come before those of routing."""


def enter(argv: list[str]) -> None:
    """Start this program anew in a network of its own, and do not return; return if that is not permitted."""
    if MARK in os.environ or not is_permitted():
        return
    os.environ[MARK] = "1"
    os.execvp("unshare", ["unshare", "--net", "--", sys.executable, "-m", "tests.chaos", *argv])


def is_permitted() -> bool:
    """Tell whether there can be namespaces, and links between them."""
    if any(shutil.which(tool) is None for tool in ("unshare", "nsenter", "ip")):
        return False
    probe = "ip link add v0 type veth peer name v1 && ip rule add from 10.0.0.1 blackhole"
    command = ["unshare", "--net", "--", "sh", "-c", probe]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def network() -> Iterator[Network | None]:
    """The network of the run, if this process has entered one of its own."""
    if MARK not in os.environ:
        yield None
        return
    made = Network()
    try:
        yield made
    finally:
        made.close()


class Network:
    """The namespaces of programs, each kept by a process, and their links to here."""

    def __init__(self) -> None:
        self._keepers: list[subprocess.Popen[bytes]] = []
        _ip("link set lo up")
        with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
            file.write("1")

    def add(self) -> Place:
        """Make a namespace, and return where programs are in it."""
        number = len(self._keepers) + 1
        assert number <= NODES_MAX, "there are addresses left"
        command = ["unshare", "--net", "--", "cat"]  # which ends when this process does
        keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self._keepers.append(keeper)
        _wait(lambda: _namespace(keeper.pid) != _namespace(os.getpid()))
        inside = ("nsenter", f"--net=/proc/{keeper.pid}/ns/net", "--")
        here, there = f"10.77.{number}.1", f"10.77.{number}.2"
        _ip(
            f"link add v{number} type veth peer name eth0 netns {keeper.pid}",
            f"addr add {here}/30 dev v{number}",
            f"link set v{number} up",
        )
        _ip(
            "link set lo up",
            f"addr add {there}/30 dev eth0",
            "link set eth0 up",
            f"route add default via {here}",
            inside=inside,
        )
        return Place(there, inside)

    def close(self) -> None:
        """Let all namespaces end."""
        for keeper in self._keepers:
            assert keeper.stdin is not None, "it was made with a pipe"
            keeper.stdin.close()
            keeper.wait(timeout=ENTER_TIMEOUT_S)


class Way(NamedTuple):
    """From one address to another."""

    source: str
    target: str


class Cuts:
    """Ways that are cut, and until when. A way may be cut several times; it is open when all are over."""

    def __init__(self) -> None:
        self._counts: Counter[Way] = Counter()
        self._until: list[tuple[float, list[Way]]] = []

    def cut(self, ways: Iterable[Way], until: float) -> None:
        """Let nothing pass for a while."""
        ways = list(dict.fromkeys(ways))
        self._until.append((until, ways))
        _ip(*(_rule("add", way) for way in ways if not self._counts[way]))
        self._counts.update(ways)

    def look(self, now: float) -> None:
        """Mend what is due."""
        due = [way for until, ways in self._until if until <= now for way in ways]
        if due:
            self._until = [entry for entry in self._until if entry[0] > now]
            self._counts.subtract(due)
            _ip(*(_rule("del", way) for way in dict.fromkeys(due) if not self._counts[way]))


def _rule(verb: str, way: Way) -> str:
    return f"rule {verb} from {way.source} to {way.target} blackhole priority {PRIORITY}"


def _ip(*commands: str, inside: tuple[str, ...] = ()) -> None:
    if commands:
        text = "\n".join(commands) + "\n"
        subprocess.run([*inside, "ip", "-batch", "-"], input=text, text=True, check=True)


def _namespace(pid: int) -> int | None:
    with suppress(OSError):
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    return None


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ENTER_TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "a namespace was not made in time"
        time.sleep(0.01)
