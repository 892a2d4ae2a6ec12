from __future__ import annotations

import os

from meseta.runtime.linux.processes import Forest, Stat, read_forest, read_stat


def stat(pid: int, parent: int, session: int, start: int = 5, state: str = "S") -> Stat:
    return Stat(pid, state, parent, session, 0, 0, start, 0)


def members(*stats: Stat, leader: int = 10, start_ticks: int | None = 5) -> set[int]:
    return Forest(stats).tree(leader, start_ticks)


def test_a_tree_is_descendants_and_session() -> None:
    assert members(
        stat(1, 0, 1),
        stat(10, 1, 10),
        stat(11, 10, 10),
        stat(12, 11, 12),  # a session of its own, below a member
        stat(13, 1, 10),  # its parent is gone, the session tells
        stat(14, 13, 14),
        stat(20, 1, 20),
    ) == {10, 11, 12, 13, 14}


def test_zombies_are_no_members_but_their_children_are() -> None:
    assert members(stat(10, 1, 10, state="Z"), stat(11, 10, 11)) == {11}


def test_a_session_outlives_its_leader() -> None:
    assert members(stat(11, 1, 10)) == {11}


def test_a_pid_given_to_another_process_is_not_the_leader() -> None:
    assert members(stat(10, 1, 10, start=6), stat(11, 10, 10)) == set()
    assert members(stat(10, 1, 10, start=6), start_ticks=None) == {10}


def test_proc_tells_about_this_process() -> None:
    mine = read_stat(os.getpid())
    assert mine is not None
    assert (mine.pid, mine.parent, mine.session) == (os.getpid(), os.getppid(), os.getsid(0))
    assert mine.rss_pages > 0
    assert read_forest().stats[os.getpid()].start_ticks == mine.start_ticks
    assert read_stat(2**22 + 1) is None
