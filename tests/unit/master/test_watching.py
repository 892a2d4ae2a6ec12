"""Schedulers whose machines fall silent while others stand by; the kernels are played by the test."""

from __future__ import annotations

import msgspec

from meseta.ids import FrameworkId
from meseta.master import effects, events
from meseta.master.effects import MasterEffect
from meseta.master.events import StreamId
from meseta.master.invariants import check
from meseta.master.watching import UNACKNOWLEDGED_MAX
from tests.unit.master.master_kit import Playground, subscribe, told

FIRST, SECOND, THIRD = StreamId(1), StreamId(2), StreamId(3)
SHOP = FrameworkId("shop")
ROUND_S = 0.16


class Watch(Playground):
    """A framework with its scheduler, and as many that stand by."""

    def __init__(self, standbys: int) -> None:
        super().__init__()
        self.silent: set[StreamId] = set()
        """Whose machines acknowledge nothing."""
        self.feed(subscribe(FIRST, id=SHOP, failover_timeout_s=0.0))
        for stream in (SECOND, THIRD)[:standbys]:
            asked = subscribe(stream, id=SHOP, failover_timeout_s=0.0)
            self.feed(msgspec.structs.replace(asked, standby=True))

    @property
    def has(self) -> StreamId:
        """Who has the framework."""
        framework = self.state.frameworks[SHOP]
        assert framework.connected
        assert isinstance(framework.peer, int)
        return framework.peer

    def rounds(self, count: int) -> list[MasterEffect]:
        """Let heartbeats be sent so often, and asked for."""
        done: list[MasterEffect] = []
        for _ in range(count):
            ticked = self.run(ROUND_S)
            done += ticked
            for effect in ticked:
                if isinstance(effect, effects.ProbeStream):
                    acknowledges = effect.stream not in self.silent
                    done += self.feed(events.StreamProbed(stream=effect.stream, acknowledges=acknowledges))
                    check(self.state)
        return done


def closed(done: list[MasterEffect]) -> list[int]:
    return [effect.stream for effect in done if isinstance(effect, effects.CloseStream)]


def probed(done: list[MasterEffect]) -> list[int]:
    return [effect.stream for effect in done if isinstance(effect, effects.ProbeStream)]


def test_without_standbys_nobody_is_watched() -> None:
    play = Watch(standbys=0)
    play.silent.add(FIRST)
    assert probed(play.rounds(20)) == []
    assert play.has == FIRST


def test_those_who_wait_and_the_one_they_wait_for_are_asked_each_round() -> None:
    done = Watch(standbys=2).rounds(2)
    assert probed(done) == [SECOND, THIRD, FIRST] * 2
    assert len(told(done, FIRST, effects.Heartbeat)) == 2


def test_a_silent_scheduler_is_followed_within_the_time_promised() -> None:
    play = Watch(standbys=1)
    play.rounds(3)
    play.silent.add(FIRST)
    before = play.now
    assert closed(play.rounds(UNACKNOWLEDGED_MAX - 1)) == []
    done = play.rounds(1)
    assert play.now - before + ROUND_S <= play.config.standby_takeover_timeout_s + 1e-9
    assert closed(done) == [FIRST]
    assert told(done, SECOND, effects.Subscribed)
    assert play.has == SECOND
    assert play.state.counters["master/schedulers_silent"] == 1
    assert play.state.counters["master/standby_promotions"] == 1


def test_nobody_is_watched_any_more_when_the_last_has_taken_over() -> None:
    play = Watch(standbys=1)
    play.silent.add(FIRST)
    play.rounds(UNACKNOWLEDGED_MAX)
    play.silent.add(SECOND)
    assert probed(play.rounds(20)) == []
    assert play.has == SECOND


def test_one_answer_makes_up_for_what_was_missed() -> None:
    play = Watch(standbys=1)
    for _ in range(5):
        play.silent = {FIRST}
        play.rounds(UNACKNOWLEDGED_MAX - 1)
        play.silent = set()
        play.rounds(1)
    assert play.has == FIRST


def test_a_silent_standby_is_forgotten() -> None:
    play = Watch(standbys=2)
    play.silent.add(SECOND)
    assert closed(play.rounds(UNACKNOWLEDGED_MAX)) == [SECOND]
    play.silent.add(FIRST)
    play.rounds(UNACKNOWLEDGED_MAX)
    assert play.has == THIRD


def test_a_scheduler_and_the_next_on_one_machine_are_followed_together() -> None:
    play = Watch(standbys=2)
    play.silent.add(FIRST)
    play.rounds(1)
    play.silent.add(SECOND)  # whose last answer came just before the end
    done = play.rounds(UNACKNOWLEDGED_MAX)
    assert closed(done) == [SECOND, FIRST]
    assert not told(done, SECOND, effects.Subscribed)
    assert play.has == THIRD


def test_a_master_that_is_cut_off_takes_the_framework_from_nobody() -> None:
    play = Watch(standbys=2)
    play.silent = {FIRST}
    play.rounds(1)
    play.silent = {FIRST, SECOND, THIRD}
    assert closed(play.rounds(20)) == [SECOND, THIRD]
    assert play.has == FIRST


def test_an_answer_that_comes_late_says_nothing() -> None:
    play = Watch(standbys=1)
    play.rounds(1)
    play.feed(events.StreamClosed(stream=SECOND))
    for stream in (FIRST, SECOND):
        for _ in range(UNACKNOWLEDGED_MAX):
            play.feed(events.StreamProbed(stream=stream, acknowledges=False))
    assert play.has == FIRST
