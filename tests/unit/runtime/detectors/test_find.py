"""Which detector an address gets, and what a detector for one master does."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from meseta.errors import ConfigError, UnreachableError
from meseta.runtime.detectors.find import detect_leader, find_detector, find_group
from meseta.runtime.detectors.patience import WAIT_MAX_S, WAIT_MIN_S, Patience
from meseta.runtime.detectors.static import StaticDetector
from meseta.runtime.detectors.zookeeper import ZooKeeperDetector, ZooKeeperGroup
from meseta.runtime.loop import run
from meseta.wire.master_info import MasterInfo

LIMIT_S = 60.0


def detector_of(address: str) -> object:
    return find_detector(address, random.Random(1), lambda leader: None, warn=print)


def test_each_form_of_an_address_has_its_detector(tmp_path: Path) -> None:
    (tmp_path / "zk").write_text("zk://a:2181/mesos\n")
    assert isinstance(detector_of("10.0.0.1:5050"), StaticDetector)
    assert isinstance(detector_of("zk://a:2181/mesos"), ZooKeeperDetector)
    assert isinstance(detector_of(f"file://{tmp_path}/zk"), ZooKeeperDetector)
    assert isinstance(find_group("zk://a:2181/mesos", b""), ZooKeeperGroup)


@pytest.mark.parametrize("address", ["a:b", "a:99999", ":5050", "zk://a:2181", "file:///no/such/file"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError):
        detector_of(address)


def test_masters_meet_at_a_service_only() -> None:
    with pytest.raises(ConfigError, match=r"--zk=10\.0\.0\.1:5050 is not usable"):
        find_group("10.0.0.1:5050", b"")


def test_a_master_whose_address_is_given_is_told_again_when_it_was_lost() -> None:
    async def play() -> list[str]:
        told: asyncio.Queue[MasterInfo | None] = asyncio.Queue()
        detector = find_detector("localhost:5051", random.Random(1), told.put_nowait, warn=print)
        detector.start()
        async with asyncio.timeout(LIMIT_S):
            first = await told.get()
            detector.on_lost()
            second = await told.get()
        detector.stop()
        return [leader.pid for leader in (first, second) if leader is not None]

    assert run(play()) == ["master@127.0.0.1:5051"] * 2


def test_a_name_that_nobody_has_is_said_and_not_found() -> None:
    async def play() -> None:
        with pytest.raises(UnreachableError, match="no leading master is known"):
            await detect_leader("no-such-host.invalid:1", random.Random(1), 0.1)

    run(play())


def test_waits_double_and_are_random_within_their_half() -> None:
    waits: list[float] = []

    async def play() -> None:
        loop = asyncio.get_running_loop()
        patience = Patience(random.Random(1), lambda: None)
        for _ in range(8):
            patience.wait()
            timer = patience._timer
            assert timer is not None
            waits.append(timer.when() - loop.time())
            patience.wait()
            assert patience._timer is timer
            patience.stop()

    run(play())
    for number, wait_s in enumerate(waits):
        longest_s = min(WAIT_MIN_S * 2**number, WAIT_MAX_S)
        assert longest_s / 2 - 0.1 < wait_s < longest_s + 0.1
