"""The network: pipes that keep their order, and break.

A pipe is one direction of one connection: what is sent arrives in order, or is lost with all after it. What
processes make of pipes is in `connections`.

What goes wrong, each with its own likelihood: slow messages, connections that break with or without what is
under way (so that a new connection may overtake the old one), messages that their senders repeat and that
arrive twice, and partitions, in both directions or one. As TCP does, a pipe waits through a short partition
and breaks in a long one, and its ends learn of that at different times, or only when they next use it.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from meseta.ids import Pid
from meseta.sim.world import World

if TYPE_CHECKING:
    from meseta.sim.connections import Exchange

CONNECT_TIMEOUT_S = 10.0
BUFFERED_S = 0.2
"""What is this near to its receiver when its connection breaks may still be read from it."""
KERNEL = 0.5
"""Likelihood that what waits for the end of a partition outlives its sender's process."""


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """How the network behaves. Likelihoods are per message."""

    delay_s: float = 0.0005
    """Least delay."""
    jitter_s: float = 0.0005
    """Mean of what comes on top of it."""
    slow: float = 0.0
    """Likelihood of a delay of up to `slow_s`."""
    slow_s: float = 0.0
    breaks: float = 0.0
    """Likelihood that a connection between two machines breaks at this message."""
    repeats: float = 0.0
    """Likelihood that a message that its sender may repeat arrives twice."""
    overtaking: float = 0.0
    """Likelihood that a broken connection still delivers what was under way."""
    patience_s: float = 15.0
    """How long a connection waits through a partition, at most."""


CALM = Weather()

Way = tuple[str, str]
"""From one machine to another, by their IP addresses."""


class Mail(NamedTuple):
    """A libprocess message."""

    sender: Pid
    receiver: Pid
    record: Any
    registration: bytes | None = None
    """Under which request of an agent it counts."""


class End(NamedTuple):
    """The proper end of a pipe."""


END = End()


class Host(Protocol):
    """A process that can be reached."""

    name: str
    address: str
    incarnation: int
    up: bool

    def on_mail(self, mail: Mail, /) -> None: ...

    def on_peer_exited(self, address: str, /) -> None: ...

    def serve(self, exchange: Exchange, message: Any, /) -> None: ...

    def on_client_gone(self, exchange: Exchange, /) -> None: ...


class _Envelope:
    """One message under way."""

    __slots__ = ("arrived", "due", "lost", "message")

    def __init__(self, message: Any, due: float) -> None:
        self.message = message
        self.due = due
        self.arrived = False
        """It has come to the receiver's side, and maybe waits for those before it."""
        self.lost = False


class Pipe:
    """One direction of a connection. `receive` gets what arrives; `on_broken` tells the sender of a break."""

    __slots__ = (
        "_accepted",
        "_delivered_s",
        "_last",
        "_network",
        "_under_way",
        "_waiting",
        "alive",
        "on_broken",
        "receive",
        "source",
        "target",
        "way",
    )

    def __init__(
        self,
        network: Network,
        source: str,
        target: str,
        receive: Callable[[Any], None],
        on_broken: Callable[[], None],
    ) -> None:
        self.source = source
        self.target = target
        self.way = (ip_of(source), ip_of(target))
        self.receive = receive
        self.on_broken = on_broken
        self.alive = True
        """Whether its sender can use it, as far as the sender knows."""
        self._network = network
        self._under_way: deque[_Envelope] = deque()
        self._last = 0.0
        self._waiting = False
        """Something waits for a partition to end."""
        self._accepted: int | None = None
        """Which life of the target it leads to."""
        self._delivered_s = 0.0
        """When something arrived last."""

    def send(self, message: Any) -> None:
        """Send a message; a pipe that is dead swallows it."""
        if not self.alive:
            return
        network = self._network
        self._last = max(self._last, network.world.now + network.delay_s())
        envelope = _Envelope(message, self._last)
        self._under_way.append(envelope)
        network.world.at(self._last, partial(self._arrive, envelope))
        weather = network.weather
        may_break = weather.breaks and message is not END and not self.is_local()
        if may_break and network.chance.random() < weather.breaks:
            network.world.after(network.delay_s(), self.reset)

    def is_local(self) -> bool:
        """Tell whether both ends are on one machine."""
        return self.way[0] == self.way[1]

    def _arrive(self, envelope: _Envelope) -> None:
        if not envelope.lost:
            envelope.arrived = True
            self._deliver()

    def _deliver(self) -> None:
        """Hand over what has arrived, in order, unless a partition is in the way."""
        network = self._network
        while self._under_way and self._under_way[0].arrived:
            if network.is_blocked(self.way):
                self._wait()
                return
            host = network.hosts.get(self.target)
            if host is None or not host.up or self._accepted not in (None, host.incarnation):
                network.trace_lost(self, "refused")
                self._drop()
                self._notice(network.delay_s())
                return
            self._accepted = host.incarnation
            self._delivered_s = network.world.now
            self.receive(self._under_way.popleft().message)

    def _wait(self) -> None:
        """Something is held up by a partition: the connection breaks if that lasts."""
        if not self._waiting:
            self._waiting = True
            self._network.held.setdefault(self.way, {})[self] = None
            patience_s = self._network.weather.patience_s
            connect_s = CONNECT_TIMEOUT_S if self._accepted is None else patience_s
            self._network.world.after(
                min(connect_s, patience_s) * self._network.chance.uniform(0.3, 1.0), self._lose_patience
            )

    def _lose_patience(self) -> None:
        if self._waiting:
            self._network.trace_lost(self, "timed out")
            self.release()
            self._drop()
            self._notice(0.0)

    def acknowledges(self, within_s: float) -> bool:
        """Tell whether nothing is under way, or something arrived of late; and whether word of it does."""
        network = self._network
        if network.is_blocked((self.way[1], self.way[0])):
            return False
        return not self._under_way or network.world.now - self._delivered_s <= within_s

    def release(self) -> None:
        """A partition is over: what waited arrives."""
        if self._waiting:
            self._waiting = False
            self._network.held.get(self.way, {}).pop(self, None)
            if not self._network.is_blocked(self.way):
                self._deliver()

    def reset(self) -> None:
        """Break, with or without what is under way."""
        if not self.alive:
            return
        network = self._network
        network.trace_lost(self, "broke")
        self._drop_all_but_buffered(network.weather.overtaking)
        self._notice(network.delay_s())

    def abandon(self) -> None:
        """The sender is no more: nobody is told, and what is under way may still arrive.

        What a partition holds up lies in the kernel of the sender's machine, which may go on to try.
        """
        self.alive = False
        self._network.forget(self)
        if self._waiting and self._network.chance.random() < KERNEL:
            return
        self._drop_all_but_buffered(0.5)

    def hang_up(self) -> None:
        """The sender closes: what is under way arrives, then the end does."""
        self.send(END)
        self.alive = False
        self._network.forget(self)

    def _drop_all_but_buffered(self, likelihood: float) -> None:
        """Lose what is under way, but maybe what is as good as there."""
        network = self._network
        kept = 0
        if not self._waiting and network.chance.random() < likelihood:
            kept = sum(envelope.due < network.world.now + BUFFERED_S for envelope in self._under_way)
        self._drop(kept)

    def _drop(self, kept: int = 0) -> None:
        """Lose what is under way, but for the first `kept`."""
        while len(self._under_way) > kept:
            self._under_way.pop().lost = True

    def _notice(self, delay_s: float) -> None:
        """Let the sender learn that the pipe is gone."""
        if self.alive:
            self.alive = False
            self._network.forget(self)
            self._network.world.after(delay_s, self.on_broken)


class Network:
    """All pipes, who is where, and who cannot reach whom."""

    def __init__(self, world: World, weather: Weather = CALM) -> None:
        self.world = world
        self.weather = weather
        self.hosts: dict[str, Host] = {}
        self.chance = world.chance("network")
        self.held: dict[Way, dict[Pipe, None]] = {}
        """Pipes that wait for a partition to end."""
        self._blocked: dict[Way, int] = {}
        self._pipes: dict[Pipe, None] = {}

    def add(self, host: Host) -> None:
        """Let a process be found at its address."""
        self.hosts[host.address] = host

    def delay_s(self) -> float:
        """Draw how long a message takes."""
        weather, chance = self.weather, self.chance
        delay_s = weather.delay_s + weather.jitter_s * chance.random() * 2
        if weather.slow and chance.random() < weather.slow:
            delay_s += chance.random() * weather.slow_s
        return delay_s

    def pipe(
        self, source: str, target: str, receive: Callable[[Any], None], on_broken: Callable[[], None]
    ) -> Pipe:
        """Open a pipe between two addresses."""
        pipe = Pipe(self, source, target, receive, on_broken)
        self._pipes[pipe] = None
        return pipe

    def forget(self, pipe: Pipe) -> None:
        """Take a pipe that its sender has done with out of those that may break."""
        self._pipes.pop(pipe, None)

    def is_blocked(self, way: Way) -> bool:
        """Tell whether a partition keeps the first of two machines from reaching the second."""
        return bool(self._blocked) and way in self._blocked

    def block(self, way: Way) -> None:
        """Let nothing through from one machine to another, until it is unblocked as often."""
        self._blocked[way] = self._blocked.get(way, 0) + 1

    def unblock(self, way: Way) -> None:
        """Take one block away."""
        self._blocked[way] -= 1
        if not self._blocked[way]:
            del self._blocked[way]
            for pipe in list(self.held.pop(way, {})):
                pipe.release()

    def break_one(self, chance: random.Random) -> bool:
        """Break a pipe between two machines that `chance` picks; False if there is none.

        Within a machine nothing breaks while both ends live, and v0 executors rely on that.
        """
        pipes = [pipe for pipe in self._pipes if not pipe.is_local()]
        if not pipes:
            return False
        pipes[chance.randrange(len(pipes))].reset()
        return True

    def host_died(self, address: str) -> None:
        """A process has ended: those who have a connection to it are told, if they can be reached."""
        for pipe in list(self._pipes):
            if pipe.target == address and not self.is_blocked((pipe.way[1], pipe.way[0])):
                self.world.after(self.delay_s(), pipe.reset)

    def trace_lost(self, pipe: Pipe, how: str) -> None:
        """Note that a connection is gone."""
        trace = self.world.trace
        if trace.on:
            trace.line(self.world.now, pipe.source, "net", how, f"the way to {pipe.target}")


def ip_of(address: str) -> str:
    """Return the machine that an `ip:port` is on."""
    return address.rpartition(":")[0]
