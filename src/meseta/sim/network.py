"""The network: pipes that keep their order, and break.

    Pipe          one direction of one connection: what is sent arrives in order, or is lost with all after it
    Mailer        libprocess messages: one pipe per remote address; a link tells when its pipe is gone
    Exchange      HTTP: requests one way, replies or an endless stream the other way

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
from typing import Any, NamedTuple, Protocol

import msgspec

from meseta.ids import Pid
from meseta.sim.world import World

CONNECT_TIMEOUT_S = 10.0
BUFFERED_S = 0.2
"""What is this near to its receiver when its connection breaks may still be read from it."""


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
    """Likelihood that the connection breaks at this message."""
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
        if weather.breaks and message is not END and network.chance.random() < weather.breaks:
            network.world.after(network.delay_s(), self.reset)

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
        """The sender is no more: nobody is told, and what is under way may still arrive."""
        self.alive = False
        self._network.forget(self)
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
        """Break a pipe that `chance` picks; False if there is none."""
        if not self._pipes:
            return False
        pipes = list(self._pipes)
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


class Mailer:
    """Sends the libprocess messages of one life of one process (see `runtime.links`)."""

    def __init__(self, network: Network, host: Host, repeated: Callable[[Any], bool]) -> None:
        self._network = network
        self._host = host
        self._repeated = repeated
        self._pipes: dict[str, Pipe] = {}
        self._linked: set[str] = set()

    def send(self, mail: Mail) -> None:
        """Send a message, at most once unless its sender repeats such messages anyway."""
        pipe = self._pipe(_address(mail.receiver))
        pipe.send(mail)
        weather = self._network.weather
        if (
            weather.repeats
            and self._repeated(mail.record)
            and self._network.chance.random() < weather.repeats
        ):
            pipe.send(mail)

    def link(self, pid: Pid) -> None:
        """Keep a pipe to the address of a pid, and tell once when it is gone."""
        address = _address(pid)
        pipe = self._pipe(address)
        self._linked.add(address)
        pipe.send(None)

    def unlink(self, pid: Pid) -> None:
        """Tell nothing of the pipe to the address of a pid; each process has an address of its own."""
        self._linked.discard(_address(pid))

    def close(self) -> None:
        """The process is gone."""
        for pipe in self._pipes.values():
            pipe.abandon()
        self._pipes.clear()
        self._linked.clear()

    def _pipe(self, address: str) -> Pipe:
        pipe = self._pipes.get(address)
        if pipe is None:
            pipe = self._pipes[address] = self._network.pipe(
                self._host.address, address, partial(self._deliver, address), partial(self._broke, address)
            )
        return pipe

    def _deliver(self, address: str, mail: Mail | None) -> None:
        if mail is not None:
            self._network.hosts[address].on_mail(mail)

    def _broke(self, address: str) -> None:
        self._pipes.pop(address, None)
        if address in self._linked:
            self._linked.discard(address)
            self._host.on_peer_exited(address)


class Exchange:
    """An HTTP connection: a client's requests, and what the server answers.

    `on_reply` gets each answer, `on_lost` tells the client that no more will come, and why.
    """

    def __init__(
        self,
        network: Network,
        client: str,
        server: str,
        on_reply: Callable[[Any], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.server = server
        self._network = network
        self._on_reply = on_reply
        self._on_lost = on_lost
        self._client_open = True
        self._server_open = True
        self._requests = network.pipe(
            client, server, self._serve, partial(self._lose, "the connection broke")
        )
        self._replies = network.pipe(server, client, self._reply, self._client_gone)

    def request(self, message: Any) -> None:
        """The client sends a request."""
        self._requests.send(message)

    def reply(self, message: Any) -> None:
        """The server answers, or adds to its answer."""
        self._replies.send(message)

    def close(self) -> None:
        """The client ends the connection; what is under way to it is not wanted any more."""
        if self._client_open:
            self._client_open = False
            self._requests.hang_up()

    def finish(self) -> None:
        """The server ends its answer properly."""
        if self._server_open:
            self._server_open = False
            self._replies.hang_up()

    def die_at_client(self) -> None:
        """The client's process is gone."""
        self._client_open = False
        self._requests.abandon()

    def die_at_server(self) -> None:
        """The server's process is gone."""
        self._server_open = False
        self._replies.abandon()

    def _serve(self, message: Any) -> None:
        if message is END:
            self._client_gone()
        elif self._server_open:
            self._network.hosts[self.server].serve(self, message)
        else:
            self._requests.reset()

    def _reply(self, message: Any) -> None:
        if message is END:
            self._lose("the server closed the connection")
        elif self._client_open:
            self._on_reply(message)
        else:
            self._replies.reset()

    def _lose(self, reason: str) -> None:
        """The client learns that the connection is gone; so does the server, if word gets through."""
        if not self._client_open:
            return
        self._client_open = False
        self._requests.abandon()
        self._tell(self._requests, self._replies)
        self._on_lost(reason)

    def _client_gone(self) -> None:
        """The server learns that the connection is gone; so does the client, if word gets through."""
        if not self._server_open:
            return
        self._server_open = False
        self._replies.abandon()
        self._tell(self._replies, self._requests)
        self._network.hosts[self.server].on_client_gone(self)

    def _tell(self, used: Pipe, other: Pipe) -> None:
        network = self._network
        if not network.is_blocked(used.way):
            network.world.after(network.delay_s(), other.reset)


def ip_of(address: str) -> str:
    """Return the machine that an `ip:port` is on."""
    return address.rpartition(":")[0]


def _address(pid: Pid) -> str:
    """Return the `ip:port` part of a pid."""
    return pid.rpartition("@")[2]
