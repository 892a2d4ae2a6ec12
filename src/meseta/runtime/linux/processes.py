"""Processes as /proc shows them: identity across pid reuse, trees and sessions, signals to all of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping
from typing import NamedTuple

ROUNDS_MAX = 8
"""How often a tree is walked again because it grew meanwhile."""


STAT_BYTES_MAX = 4096


class Stat(NamedTuple):
    """The fields of /proc/<pid>/stat that Meseta reads; times in clock ticks, `rss` in pages."""

    pid: int
    state: str
    parent: int
    session: int
    user_ticks: int
    system_ticks: int
    start_ticks: int
    rss_pages: int


def read_stat(pid: int) -> Stat | None:
    """Return what /proc says about `pid`, or None if there is no such process."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        text = os.read(fd, STAT_BYTES_MAX)
    except ProcessLookupError:
        return None
    finally:
        os.close(fd)
    # The name, in parentheses, may itself hold spaces and parentheses.
    fields = text[text.rindex(b")") + 2 :].split()
    return Stat(
        pid,
        fields[0].decode(),
        int(fields[1]),
        int(fields[3]),
        int(fields[11]),
        int(fields[12]),
        int(fields[19]),
        int(fields[21]),
    )


class Forest:
    """All processes of the machine at one moment, indexed: one walk of /proc serves many trees."""

    __slots__ = ("_children", "_sessions", "stats")

    def __init__(self, stats: Iterable[Stat]) -> None:
        self.stats = {stat.pid: stat for stat in stats}
        self._children: dict[int, list[int]] = {}
        self._sessions: dict[int, list[int]] = {}
        for stat in self.stats.values():
            self._children.setdefault(stat.parent, []).append(stat.pid)
            self._sessions.setdefault(stat.session, []).append(stat.pid)

    def tree(self, leader: int, start_ticks: int | None = None) -> set[int]:
        """Return the living members of the tree of `leader`: its descendants and those of its session.

        A descendant whose parent has died is found by its session, unless it made one of its own as a
        daemon does: only a cgroup holds that. `start_ticks`, if known, tells the leader from a later process
        that was given the same pid.
        """
        there = self.stats.get(leader)
        if there is not None and start_ticks not in (None, there.start_ticks):
            return set()
        members = set(self._sessions.get(leader, ()))
        if there is not None:
            members.add(leader)
        pending = list(members)
        while pending:
            for pid in self._children.get(pending.pop(), ()):
                if pid not in members:
                    members.add(pid)
                    pending.append(pid)
        return {pid for pid in members if self.stats[pid].state not in "ZX"}


def read_forest() -> Forest:
    """Walk /proc."""
    stats = (read_stat(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return Forest(stat for stat in stats if stat is not None)


def signal_tree(leader: int, start_ticks: int, signum: int) -> set[int]:
    """Send `signum` to the whole tree of `leader` and return whom it was sent to.

    The tree is stopped first, round after round until it no longer grows, so that nobody escapes by
    forking between the walk and the signal; survivors are continued afterwards.
    """
    members: set[int] = set()
    for _ in range(ROUNDS_MAX):
        newcomers = read_forest().tree(leader, start_ticks) - members
        if not newcomers:
            break
        send(newcomers, signal.SIGSTOP)
        members |= newcomers
    send(members, signum)
    send(members, signal.SIGCONT)
    return members


def kill_trees(leaders: Mapping[int, int]) -> None:
    """Kill what is there of the trees of many `leaders`, whose start times are given, in few walks."""
    for _ in range(ROUNDS_MAX):
        forest = read_forest()
        members = {pid for leader, ticks in leaders.items() for pid in forest.tree(leader, ticks)}
        if not members:
            return
        send(members, signal.SIGKILL)


def send(pids: Iterable[int], signum: int) -> None:
    """Send `signum` to each of `pids` that still exists and may be signalled."""
    for pid in pids:
        try:
            os.kill(pid, signum)
        except (ProcessLookupError, PermissionError):
            continue


def send_group(leader: int, signum: int) -> None:
    """Send `signum` to the process group of `leader` if there still is one."""
    try:
        os.killpg(leader, signum)
    except (ProcessLookupError, PermissionError):
        return
