"""What the simulated network promises: order or nothing, and one word about a broken link."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from meseta.ids import Pid
from meseta.sim.connections import Exchange, Mailer
from meseta.sim.network import CALM, Mail, Network
from meseta.sim.trace import Trace
from meseta.sim.world import World

A, B = "10.0.0.1:1", "10.0.0.2:1"
WAY = ("10.0.0.1", "10.0.0.2")
BACK = ("10.0.0.2", "10.0.0.1")


class Peer:
    """A process that notes what it hears."""

    def __init__(self, network: Network, address: str) -> None:
        self.name = self.address = address
        self.incarnation = 1
        self.up = True
        self.heard: list[Any] = []
        self.exited: list[str] = []
        self.gone = 0
        network.add(self)
        self.mailer = Mailer(network, self, lambda record: record == "again")

    def say(self, address: str, record: Any) -> None:
        self.mailer.send(Mail(Pid(f"me@{self.address}"), Pid(f"you@{address}"), record))

    def on_mail(self, mail: Mail) -> None:
        self.heard.append(mail.record)

    def on_peer_exited(self, address: str) -> None:
        self.exited.append(address)

    def serve(self, exchange: Exchange, message: Any) -> None:
        self.heard.append(message)
        exchange.reply(f"re {message}")

    def on_client_gone(self, exchange: Exchange) -> None:
        self.gone += 1


class Pair:
    """Two processes on a network."""

    def __init__(self, **weather: float) -> None:
        self.world = World(1, Trace(on=False))
        self.network = Network(self.world, replace(CALM, **weather))
        self.a, self.b = Peer(self.network, A), Peer(self.network, B)

    def wait(self, seconds: float = 1.0) -> None:
        self.world.run(self.world.now + seconds)


def test_messages_arrive_in_order_however_slow_some_are() -> None:
    pair = Pair(slow=0.5, slow_s=3.0)
    for number in range(50):
        pair.a.say(B, number)
    pair.wait(200.0)
    assert pair.b.heard == list(range(50))


def test_what_breaks_loses_the_rest_and_says_so_once() -> None:
    pair = Pair(delay_s=0.5)
    pair.a.mailer.link(Pid(f"you@{B}"))
    pair.wait()
    pair.a.say(B, 1)
    pair.wait(0.9)
    pair.a.say(B, 2)
    pair.network.break_one(pair.world.chance("x"))
    pair.wait(2.0)
    pair.a.say(B, 3)
    pair.wait(2.0)
    assert pair.b.heard == [1, 3]
    assert pair.a.exited == [B]


def test_only_messages_that_are_repeated_anyway_come_twice() -> None:
    pair = Pair(repeats=1.0)
    for record in ("once", "again"):
        pair.a.say(B, record)
    pair.wait()
    assert pair.b.heard == ["once", "again", "again"]


def test_a_connection_waits_through_a_short_partition() -> None:
    pair = Pair(patience_s=15.0)
    pair.a.say(B, 1)
    pair.wait()
    pair.network.block(WAY)
    pair.a.say(B, 2)
    pair.b.say(A, "the other way is open")
    pair.wait(2.0)
    assert (pair.b.heard, pair.a.heard) == ([1], ["the other way is open"])
    pair.network.unblock(WAY)
    pair.wait()
    assert pair.b.heard == [1, 2]


def test_nothing_breaks_within_a_machine() -> None:
    pair = Pair(breaks=1.0)
    near = Peer(pair.network, "10.0.0.1:2")
    for number in range(3):
        pair.a.say(near.address, number)
    assert not pair.network.break_one(random.Random(1))
    pair.wait()
    assert near.heard == [0, 1, 2]


def test_a_connection_breaks_in_a_long_partition() -> None:
    pair = Pair(patience_s=15.0)
    pair.a.mailer.link(Pid(f"you@{B}"))
    pair.wait()
    pair.network.block(WAY)
    pair.a.say(B, 1)
    pair.wait(60.0)
    pair.network.unblock(WAY)
    pair.a.say(B, 2)
    pair.wait()
    assert pair.b.heard == [2]
    assert pair.a.exited == [B]


def test_partitions_add_up() -> None:
    pair = Pair()
    for _ in range(2):
        pair.network.block(WAY)
    pair.network.unblock(WAY)
    assert pair.network.is_blocked(WAY)
    pair.network.unblock(WAY)
    assert not pair.network.is_blocked(WAY)


@pytest.mark.parametrize("told", [True, False])
def test_a_link_to_a_process_that_ends_breaks_at_once_or_when_it_is_used(told: bool) -> None:
    pair = Pair()
    pair.a.mailer.link(Pid(f"you@{B}"))
    pair.wait()
    pair.b.up = False
    if told:
        pair.network.host_died(B)
    pair.wait()
    assert pair.a.exited == ([B] if told else [])
    pair.b.up, pair.b.incarnation = True, 2
    pair.a.say(B, "to the first life")
    pair.wait()
    assert pair.a.exited == [B]
    assert pair.b.heard == (["to the first life"] if told else [])


class Client:
    """The client's side of an exchange."""

    def __init__(self, pair: Pair) -> None:
        self.replies: list[Any] = []
        self.lost: list[str] = []
        self.exchange = Exchange(pair.network, A, B, self.replies.append, self.lost.append)


def test_an_exchange_ends_properly_from_either_side() -> None:
    pair = Pair()
    client = Client(pair)
    client.exchange.request("one")
    pair.wait()
    client.exchange.finish()
    pair.wait()
    assert (client.replies, client.lost) == (["re one"], ["the server closed the connection"])
    other = Client(pair)
    other.exchange.request("two")
    other.exchange.close()
    pair.wait()
    assert (pair.b.heard, pair.b.gone, other.lost) == (["one", "two"], 1, [])


def test_both_sides_learn_of_a_broken_exchange_if_word_gets_through() -> None:
    pair = Pair()
    client = Client(pair)
    client.exchange.request("one")
    pair.wait()
    pair.network.break_one(pair.world.chance("x"))
    pair.wait()
    assert len(client.lost) == pair.b.gone == 1


def test_a_client_that_cannot_be_reached_does_not_learn_that_the_server_gave_up() -> None:
    pair = Pair(patience_s=5.0)
    client = Client(pair)
    client.exchange.request("one")
    pair.wait()
    pair.network.block(BACK)
    client.exchange.reply("news")
    pair.wait(20.0)
    assert (pair.b.gone, client.lost) == (1, [])
