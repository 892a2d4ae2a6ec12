"""Processes as /proc shows them: identity across pid reuse, trees and sessions, signals to all of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from typing import NamedTuple

ROUNDS_MAX = 8
"""How often a tree is walked again because it grew meanwhile."""


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
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
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


def read_stats() -> dict[int, Stat]:
    """Return the stat of every process of the machine, by pid."""
    stats = (read_stat(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {stat.pid: stat for stat in stats if stat is not None}


def tree(leader: int, start_ticks: int, stats: dict[int, Stat]) -> set[int]:
    """Return the living members of the tree of `leader`: its descendants and those of its session.

    A descendant whose parent has died is found by its session, unless it made one of its own as a
    daemon does. `start_ticks` tells the leader from a later process that was given the same pid.
    """
    other = stats.get(leader)
    if other is not None and other.start_ticks != start_ticks:
        return set()
    children: dict[int, list[int]] = {}
    members = set()
    for stat in stats.values():
        children.setdefault(stat.parent, []).append(stat.pid)
        if leader in (stat.pid, stat.session):
            members.add(stat.pid)
    pending = list(members)
    while pending:
        for pid in children.get(pending.pop(), ()):
            if pid not in members:
                members.add(pid)
                pending.append(pid)
    return {pid for pid in members if stats[pid].state not in "ZX"}


def signal_tree(leader: int, start_ticks: int, signum: int) -> set[int]:
    """Send `signum` to the whole tree of `leader` and return whom it was sent to.

    The tree is stopped first, round after round until it no longer grows, so that nobody escapes by
    forking between the walk and the signal; survivors are continued afterwards.
    """
    members: set[int] = set()
    for _ in range(ROUNDS_MAX):
        newcomers = tree(leader, start_ticks, read_stats()) - members
        if not newcomers:
            break
        send(newcomers, signal.SIGSTOP)
        members |= newcomers
    send(members, signum)
    send(members, signal.SIGCONT)
    return members


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
