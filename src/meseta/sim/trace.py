"""What happened, one line per event, in columns of fixed width.

       when  where       what  event                     details
     12.345  agent-2     in    RunTaskReceived           framework=1c4e-0000 task=framework-1.7

`what` is `in` (an event reached a machine), `tick` (a timer of a machine), `net` (something happened to a
connection), `proc` (to a process), or `fault` (the run's own doing). Equal runs have equal lines, so one
digest over all lines tells whether two runs are the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

DETAILS_MAX = 120
HEADER = f"{'when':>11}  {'where':<12}{'what':<6}{'event':<28}details"
_shorten = re.compile(r"([0-9a-f]{4})[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").sub


class Trace:
    """Collects lines into a digest, and hands them to `sink` if there is one. Off, it costs nothing."""

    def __init__(self, sink: Callable[[str], None] | None = None, *, on: bool = True) -> None:
        self.on = on
        self._sink = sink
        self._digest = hashlib.blake2b(digest_size=16)

    def line(self, now: float, where: str, what: str, event: str, details: str = "") -> None:
        """Add one line."""
        if not self.on:
            return
        details = _shorten(r"\1", details)[:DETAILS_MAX]
        text = f"{now:11.6f}  {where:<12}{what:<6}{event:<28}{details}".rstrip()
        self._digest.update(text.encode())
        if self._sink is not None:
            self._sink(text)

    def digest(self) -> str:
        """Return a fingerprint of all lines so far."""
        return self._digest.hexdigest()


def describe(record: Any) -> str:
    """Return the short fields of a record, in one line."""
    parts = []
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if name in _OPAQUE:
            parts.append(getattr(value, "name", type(value).__name__))
        if text := _short(value):
            parts.append(f"{name}={text}")
    return " ".join(parts)


def _short(value: Any) -> str:
    """Return how a field is shown; empty if it is not."""
    if value is None or value == ():
        return ""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value[:4].hex()
    if isinstance(value, bool | int | float):
        return f"{value:g}"
    if type(value) is tuple:
        return f"[{','.join(filter(None, map(_short, value)))}]"
    if isinstance(value, msgspec.Struct):
        return _named(value)
    return ""


def _named(record: msgspec.Struct) -> str:
    """Return what tells a record in a field from its like."""
    shown = (_short(getattr(record, name)) for name in _NAMES if name in record.__struct_fields__)
    return "/".join(filter(None, shown))


_NAMES = (
    "id",
    "offer_id",
    "offers",
    "task_id",
    "executor_id",
    "container_id",
    "state",
    "status",
    "latest_state",
    "uuid",
    "update",
    "tasks",
    "group",
)
_OPAQUE = ("payload", "call")
"""Fields that may hold anything, of which the type is shown too."""
