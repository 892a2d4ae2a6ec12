"""Threads beside the loop, for what may block; what becomes of it is told on the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Generic, TypeVar

ResultT = TypeVar("ResultT")
FaultT = TypeVar("FaultT", bound=BaseException)


class Worker:
    """A thread that does one thing after the other. It does not keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def do(self, work: Callable[[], None]) -> None:
        """Have this done after what was asked for before."""
        self._work.put(work)

    def end(self) -> None:
        """Let the thread end after what was asked for."""
        self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


class Teller:
    """Calls things on the loop that it was made on, from any thread, until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_closed = False

    def tell(self, callback: Callable[..., None], *arguments: object) -> None:
        """Have this called on the loop."""
        with suppress(RuntimeError):  # With the end of the process there may be no loop any more.
            self._loop.call_soon_threadsafe(self._call, callback, *arguments)

    def close(self) -> None:
        """Call nothing more, not even what was told before."""
        self._is_closed = True

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        if not self._is_closed:
            callback(*arguments)


class Errands(Generic[FaultT]):
    """A worker whose work is answered on the loop. Use it there."""

    def __init__(self, name: str, fault: type[FaultT]) -> None:
        """`fault` is what work may raise; anything else is a bug."""
        self._worker = Worker(name)
        self._fault = fault
        self._teller = Teller()

    def do(
        self,
        work: Callable[[], ResultT],
        on_done: Callable[[ResultT], None],
        on_failed: Callable[[FaultT], None],
    ) -> None:
        """Have something done in the thread, after all earlier work, and be told how it ended."""

        def attempt() -> None:
            try:
                result = work()
            except self._fault as fault:
                self._teller.tell(on_failed, fault)
            else:
                self._teller.tell(on_done, result)

        self._worker.do(attempt)

    def ask(self, work: Callable[[], ResultT]) -> asyncio.Future[ResultT]:
        """Have something done, as `do`, and return what completes with it."""
        answer: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self.do(work, partial(_complete, answer), partial(_fail, answer))
        return answer

    def tell(self, callback: Callable[..., None], *arguments: object) -> None:
        """Have something called on the loop, from any thread."""
        self._teller.tell(callback, *arguments)

    def close(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Tell nothing more. Have this done last, and complete the future then."""
        self._teller.close()
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        last = Teller()

        def attempt() -> None:
            try:
                work()
            finally:
                last.tell(_complete, closed, None)

        self._worker.do(attempt)
        self._worker.end()
        return closed


# Whoever waited may have given up: then the future is done already.
def _complete(future: asyncio.Future[ResultT], result: ResultT) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[ResultT], fault: BaseException) -> None:
    if not future.done():
        future.set_exception(fault)
