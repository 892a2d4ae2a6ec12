"""What a detector tells of what it sees in a service."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from meseta.errors import WireError
from meseta.runtime.detectors.service import ServiceDetector
from meseta.runtime.loop import run
from meseta.wire.master_info import MasterInfo, info_of_address

LIMIT_S = 60.0


class Looking(ServiceDetector):
    """A detector that sees what the test says, and what it told: ports, and sentences."""

    def __init__(self, session_timeout_s: float = LIMIT_S) -> None:
        self.told: list[int | None] = []
        self.warnings: list[str] = []
        super().__init__("any://h/m", session_timeout_s, random.Random(1), self._note, self.warnings.append)

    def start(self) -> None:
        self._doubt()

    def sees(self, *entries: int) -> None:
        self._trust()
        if entries:
            self._see(entries[0], f"e{entries[0]}", lambda: self._read(entries[0]))
        else:
            self._see_nobody()

    def loses(self) -> None:
        self._doubt("it is out of reach")

    def _leave(self) -> None:
        self.told.append(-1)

    def _note(self, leader: MasterInfo | None) -> None:
        self.told.append(leader and leader.port)

    @staticmethod
    def _read(entry: int) -> MasterInfo:
        if entry < 0:
            raise WireError("no port")
        return info_of_address("h", "127.0.0.1", entry)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.001)


def test_each_leader_is_told_once() -> None:
    async def play() -> None:
        detector = Looking()
        detector.start()
        for entries in ((), (), (1, 2), (1,), (2,), (), (), (2,)):
            detector.sees(*entries)
        assert detector.told == [None, 1, 2, None, 2]
        detector.stop()
        assert detector.told[5:] == [-1]

    run(play())


def test_an_entry_that_cannot_be_read_is_named_once_and_leads_nobody() -> None:
    async def play() -> None:
        detector = Looking()
        detector.sees(-7)
        detector.sees(-7)
        assert detector.told == [None]
        assert detector.warnings == ["e-7 in any://h/m does not say which master it is: no port"]
        detector.sees(7)
        assert detector.told == [None, 7]

    run(play())


def test_a_service_out_of_reach_is_said_once_and_its_leader_forgotten_later() -> None:
    async def play() -> None:
        detector = Looking(0.05)
        detector.sees(1)
        detector.loses()
        detector.loses()
        await until(lambda: detector.told == [1, None])
        assert detector.warnings == [
            "it is out of reach",
            "any://h/m cannot be reached: the leading master is not known",
        ]
        detector.sees(1)
        assert detector.told == [1, None, 1]
        detector.stop()

    run(play())


def test_a_service_that_is_back_in_time_is_believed() -> None:
    async def play() -> None:
        detector = Looking(0.05)
        detector.sees(1)
        detector.loses()
        detector.sees(1)
        await asyncio.sleep(0.1)
        assert detector.told == [1]

    run(play())


def test_the_leader_is_told_again_when_it_was_lost_but_not_after_another() -> None:
    async def play() -> None:
        detector = Looking()
        detector.sees(1)
        detector.on_lost()
        await until(lambda: detector.told == [1, 1])
        detector.on_lost()
        detector.sees(2)
        await asyncio.sleep(1.1)
        assert detector.told == [1, 1, 2]
        detector.on_lost()
        detector.stop()

    run(play())
