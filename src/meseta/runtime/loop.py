"""The event loop, and writing once per turn of it.

A turn is one pass of the loop over what is ready. Answers and events that one turn produces for one peer are
worth one system call, which costs more than everything else that sending a small message takes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

ResultT = TypeVar("ResultT")

SWITCH_INTERVAL_S = 0.0005
"""How long the loop may keep other threads waiting. A thread that writes checkpoints or a registry gives the
interpreter away with each system call; with a busy loop it would wait Python's 5 ms for every one of them."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A uvloop where it is installed, else asyncio's own loop: the same behaviour at about twice the cost."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def run(main: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run `main` to its end on a new loop, then cancel what it left behind. Returns its result."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(main)
    finally:
        sys.setswitchinterval(before)


class Flushable(Protocol):
    """Something that holds bytes to send."""

    def flush(self) -> None:
        """Send them."""


class TurnFlusher:
    """Flushes what was marked, once, at the end of the current turn of the loop."""

    __slots__ = ("_marked", "_schedule")

    def __init__(self, schedule: Callable[[Callable[[], None]], object] | None = None) -> None:
        """`schedule` runs a callback at the end of the turn; by default `call_soon` of the running loop."""
        self._schedule = schedule
        self._marked: list[Flushable] = []

    def mark(self, flushable: Flushable) -> None:
        """Flush this one at the end of the turn. The caller marks it once per flush."""
        if not self._marked:
            schedule = self._schedule
            if schedule is None:
                schedule = self._schedule = asyncio.get_running_loop().call_soon
            schedule(self._flush)
        self._marked.append(flushable)

    def _flush(self) -> None:
        marked = self._marked
        self._marked = []
        for flushable in marked:
            flushable.flush()
