"""The supervisor's journal: which processes it has started, and how those ended that nobody consumed yet.

One JSON array a line, appended with `write` and not synced: it has to survive the death of the supervisor,
not that of the machine, which ends every process anyway. The first line names the boot; what a journal of
an earlier boot calls running has ended with unknown status. A line cut off at the end is ignored. When the
disk is full the supervisor goes on from memory and writes the whole journal as soon as it can.
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import Any

LINES_SLACK = 4096
"""Lines beyond four for each entry after which the journal is written anew."""

_to_json = json.JSONEncoder(separators=(",", ":")).encode


class Entry:
    """A process that was started. `start_ticks` tells it from others that get the same pid."""

    __slots__ = ("exited", "pid", "start_ticks", "started", "wait_status")

    def __init__(self, pid: int, start_ticks: int, started: float) -> None:
        self.pid = pid
        self.start_ticks = start_ticks
        self.started = started
        self.exited: float | None = None
        self.wait_status: int | None = None


class JournalError(Exception):
    """The journal's directory cannot be used."""


class Journal:
    """The file and the entries that it stands for. Holds a lock: one supervisor per directory."""

    __slots__ = ("_boot_id", "_directory", "_fd", "_lines", "_lock", "_torn", "entries")

    def __init__(self, directory: str, boot_id: str, now: float) -> None:
        self._directory = directory
        self._boot_id = boot_id
        self._fd = -1
        self._lines = 0
        self._torn = False
        self._lock = _lock(directory)
        self.entries: dict[str, Entry] = {}
        self._load(now)
        self._rewrite()

    def spawned(self, key: str, pid: int, start_ticks: int, now: float) -> None:
        """Record that the process of `key` was started."""
        self.entries[key] = Entry(pid, start_ticks, now)
        self._append(["spawned", key, pid, start_ticks, now])

    def exited(self, key: str, wait_status: int | None, now: float) -> None:
        """Record how and when the process of `key` ended."""
        self._set_exited(key, wait_status, now)
        self._append(["exited", key, wait_status, now])

    def forget(self, key: str) -> None:
        """Drop the entry of `key`, if there is one."""
        if self.entries.pop(key, None) is not None:
            self._append(["forgotten", key])
            if self._lines > 4 * len(self.entries) + LINES_SLACK:
                self._rewrite()

    def close(self) -> None:
        """Let another supervisor have the directory."""
        os.close(self._fd)
        os.close(self._lock)

    def _append(self, line: list[Any]) -> None:
        data = _encode(line)
        self._lines += 1
        try:
            if self._torn:
                self._rewrite()
            else:
                self._torn = os.write(self._fd, data) < len(data)
        except OSError:
            self._torn = True

    def _set_exited(self, key: str, wait_status: int | None, now: float) -> None:
        entry = self.entries[key]
        entry.exited = now
        entry.wait_status = wait_status

    def _load(self, now: float) -> None:
        try:
            with open(f"{self._directory}/journal", "rb") as file:
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return
        boot_id = None
        for line in lines[:-1]:
            match json.loads(line):
                case ["boot", boot_id]:
                    continue
                case ["spawned", key, pid, start_ticks, started]:
                    self.entries[key] = Entry(pid, start_ticks, started)
                case ["exited", key, wait_status, when]:
                    self._set_exited(key, wait_status, when)
                case ["forgotten", key]:
                    self.entries.pop(key, None)
        if boot_id != self._boot_id:
            self._end_all(now)

    def _end_all(self, now: float) -> None:
        for key, entry in self.entries.items():
            if entry.exited is None:
                self._set_exited(key, None, now)

    def _rewrite(self) -> None:
        lines: list[list[Any]] = [["boot", self._boot_id]]
        for key, entry in self.entries.items():
            lines.append(["spawned", key, entry.pid, entry.start_ticks, entry.started])
            if entry.exited is not None:
                lines.append(["exited", key, entry.wait_status, entry.exited])
        path = f"{self._directory}/journal"
        fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "wb", closefd=False) as file:
                file.write(b"".join(map(_encode, lines)))
            os.rename(f"{path}.new", path)
        except OSError:
            os.close(fd)
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd
        self._lines = len(lines)
        self._torn = False


def _encode(line: list[Any]) -> bytes:
    return _to_json(line).encode() + b"\n"


def _lock(directory: str) -> int:
    os.makedirs(directory, mode=0o700, exist_ok=True)
    fd = os.open(f"{directory}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise JournalError(f"another supervisor already runs on {directory}") from None
    return fd
