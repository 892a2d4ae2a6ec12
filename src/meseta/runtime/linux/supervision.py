"""What an agent and its process supervisor say to each other, and how it is framed.

A message is a 4-byte big-endian length and a JSON array `[kind, field, …]`. JSON because the standard
library reads it: the supervisor runs for as long as tasks do, so it imports as little as it can. Texts
may hold the lone surrogates of `os.fsdecode`; they survive the trip.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

PROTOCOL_VERSION = 1
MESSAGE_BYTES_MAX = 8 << 20
"""More than Linux lets a program be given as arguments and environment (a quarter of an 8 MB stack)."""


class Rlimit(NamedTuple):
    """A limit of `setrlimit`; `name` is the part after `RLIMIT_`, `None` means unlimited."""

    name: str
    soft: int | None
    hard: int | None


class Spawn(NamedTuple):
    """Start a process as the leader of a session of its own.

    `argv` includes argument zero; `executable` is what to run if that is not `argv[0]` (searched in the
    `PATH` of `env` when it has no slash). `stdout` and `stderr` are appended to and created if need be.
    `user` is a name or number. `cgroups` are directories that the process joins before it runs.
    """

    key: str
    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    stdout: str = "/dev/null"
    stderr: str = "/dev/null"
    stdin: str = "/dev/null"
    executable: str | None = None
    user: str | None = None
    rlimits: tuple[Rlimit, ...] = ()
    cgroups: tuple[str, ...] = ()


class Signal(NamedTuple):
    """Send `signum` to the process group of `key`, or with `tree` to all that descends from it."""

    key: str
    signum: int
    tree: bool = False


class Forget(NamedTuple):
    """Drop the entry of a process that has exited: the agent has stored what it needs."""

    key: str


class List(NamedTuple):
    """Ask for all entries."""


class Shutdown(NamedTuple):
    """Exit: with `kill` after killing every process, without it leaving them to run."""

    kill: bool


class Spawned(NamedTuple):
    """The process of `key` runs; `pid` is also its session and process group."""

    key: str
    pid: int


class SpawnFailed(NamedTuple):
    """No process was started; there is no entry. `reason` is a sentence, `errno` 0 if not an OS error."""

    key: str
    reason: str
    errno: int


class Exited(NamedTuple):
    """The process has ended. `wait_status` is as of `waitpid`, None if nobody could wait for it.

    `when` is seconds since the epoch: the time at which the supervisor noticed.
    """

    key: str
    wait_status: int | None
    when: float


class Running(NamedTuple):
    """An entry of a listing: a process that runs, since `when` (seconds since the epoch)."""

    key: str
    pid: int
    when: float


class Listed(NamedTuple):
    """Every entry: what runs, and what has exited and was not forgotten."""

    version: int
    pid: int
    running: tuple[Running, ...]
    exited: tuple[Exited, ...]


_to_json = json.JSONEncoder(separators=(",", ":")).encode

Request = Spawn | Signal | Forget | List | Shutdown
Report = Spawned | SpawnFailed | Exited | Listed

KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (Spawn, Signal, Forget, List, Shutdown, Spawned, SpawnFailed, Exited, Listed)
}


class FramingError(Exception):
    """The peer sent what is not a message of this protocol."""


def encode(message: Request | Report) -> bytes:
    """Return the frame of `message`; raises `FramingError` if it is larger than the peer accepts."""
    body = _to_json([type(message).__name__, *message]).encode()
    if len(body) > MESSAGE_BYTES_MAX:
        raise FramingError(f"a {type(message).__name__} of {len(body)} bytes exceeds {MESSAGE_BYTES_MAX}")
    return len(body).to_bytes(4, "big") + body


class Decoder:
    """Cuts a byte stream into messages; holds at most one unfinished message."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Take in `data` and return the messages that it completes; raises `FramingError`."""
        self._buffer += data
        messages = []
        start = 0
        while len(self._buffer) - start >= 4:
            end = start + 4 + int.from_bytes(self._buffer[start : start + 4], "big")
            if end - start > MESSAGE_BYTES_MAX + 4:
                raise FramingError(f"a message of {end - start - 4} bytes exceeds {MESSAGE_BYTES_MAX}")
            if end > len(self._buffer):
                break
            messages.append(_decode(self._buffer[start + 4 : end]))
            start = end
        del self._buffer[:start]
        return messages


def _decode(body: bytes | bytearray) -> Any:
    try:
        kind, *fields = json.loads(body)
        message = KINDS[kind](*fields)
    except (ValueError, TypeError, KeyError) as error:
        raise FramingError(f"not a message of the supervisor: {bytes(body[:80])!r} ({error!r})") from error
    if kind == "Spawn":
        rlimits = tuple(Rlimit(*limit) for limit in message.rlimits)
        return message._replace(argv=tuple(message.argv), rlimits=rlimits, cgroups=tuple(message.cgroups))
    if kind == "Listed":
        running = tuple(Running(*entry) for entry in message.running)
        return message._replace(running=running, exited=tuple(Exited(*entry) for entry in message.exited))
    return message
