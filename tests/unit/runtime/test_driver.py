"""The driver: events do not nest, effects keep their order, the timer follows the deadline."""

from __future__ import annotations

import asyncio

from meseta.runtime.driver import Driver


class Echo:
    """Answers each event with two effects, wants to tick at `due`."""

    def __init__(self) -> None:
        self.due: float | None = None
        self.ticks: list[float] = []

    def handle(self, event: int, now: float) -> list[int]:
        assert event >= 0, "a negative event is a bug"
        return [event * 10, event * 10 + 1]

    def tick(self, now: float) -> list[int]:
        self.ticks.append(now)
        self.due = None
        return [99]

    def deadline(self) -> float | None:
        return self.due


def test_an_event_fed_by_a_performer_waits_its_turn() -> None:
    async def main() -> list[int]:
        performed: list[int] = []

        def perform(effect: int) -> None:
            performed.append(effect)
            if effect == 10:
                driver.feed(2)

        loop = asyncio.get_running_loop()
        driver = Driver(Echo(), {int: perform}, clock=loop.time, on_bug=lambda bug: None)
        driver.feed(1)
        return performed

    assert asyncio.run(main()) == [10, 11, 20, 21]


def test_the_timer_rings_at_the_deadline_and_not_before() -> None:
    async def main() -> tuple[Echo, float, list[int]]:
        machine, performed = Echo(), []
        loop = asyncio.get_running_loop()
        driver = Driver(machine, {int: performed.append}, clock=loop.time, on_bug=lambda bug: None)
        machine.due = loop.time() + 60
        driver.start()
        due = machine.due = loop.time() + 0.02
        driver.feed(1)
        while not machine.ticks:
            await asyncio.sleep(0.005)
        return machine, due, performed

    machine, due, performed = asyncio.run(main())
    assert machine.ticks[0] >= due
    assert performed == [10, 11, 99]


def test_a_bug_stops_the_machine_and_is_reported() -> None:
    async def main() -> tuple[list[BaseException], list[int]]:
        bugs: list[BaseException] = []
        performed: list[int] = []
        loop = asyncio.get_running_loop()
        driver = Driver(Echo(), {int: performed.append}, clock=loop.time, on_bug=bugs.append)
        driver.feed(-1)
        driver.feed(1)
        return bugs, performed

    bugs, performed = asyncio.run(main())
    assert isinstance(bugs[0], AssertionError)
    assert performed == []
