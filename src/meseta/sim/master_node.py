"""A master that leads: the machine, its registry, its links, and its scheduler API.

What it is a part of, and how it comes to lead, is in `master_process`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from meseta.allocator.allocator import AllocatorOptions
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.allocator.policies.priority import PriorityAllocator
from meseta.ids import FrameworkId, MasterId, Pid, new_uuid_text
from meseta.master import effects as x
from meseta.master import events as e
from meseta.master.config import MasterConfig
from meseta.master.master import Master
from meseta.master.registry import Recovered
from meseta.master.validation import call_refusal, subscribe_refusal
from meseta.records import FrameworkInfo
from meseta.security.approvers import PERMISSIVE
from meseta.sim import driver_messages as drivers
from meseta.sim import routing
from meseta.sim.clock import Clock
from meseta.sim.connections import Exchange, Mailer
from meseta.sim.disk import Disk
from meseta.sim.network import Mail, Network
from meseta.sim.node import Node, Observer
from meseta.sim.terms import SharedRegistry

EPOCH_S = 1_700_000_000.0
"""What the calendar says when a run begins."""
ACCEPTED = 202
STORE_TIMEOUT_S = 20.0
"""How long a write of the registry may take, until the master ends (see `runtime.stores.registrar`)."""


class Subscribe(NamedTuple):
    """A scheduler's SUBSCRIBE."""

    info: FrameworkInfo
    suppressed_roles: tuple[str, ...]
    standby: bool


class Opened(NamedTuple):
    """The answer to it: a stream, on which `FrameworkMessage`s follow."""

    stream_id: str


class Redirected(NamedTuple):
    """The answer of a master that does not lead: who does, if that is known."""

    address: str | None


class Post(NamedTuple):
    """Any other call of a scheduler; `number` names it in its answer."""

    number: int
    stream_id: str | None
    framework_id: FrameworkId
    call: Any


class Answer(NamedTuple):
    """The answer to a `Post`, or to a `Subscribe` that is refused."""

    number: int
    status: int
    reason: str


class MasterNode(Node[e.MasterEvent, x.MasterEffect]):
    """A master that may be started again and again, each time with a new id and in a new term.

    `may_serve` is asked before every step; `leave` ends the process, for a reason.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        address: str,
        clock: Clock,
        observers: list[Observer],
        *,
        settings: Mapping[str, Any],
        options: AllocatorOptions,
        weights: Mapping[str, float],
        registry: SharedRegistry,
        disk: Disk,
        epoch_offset_s: float,
        may_serve: Callable[[], bool],
        leave: Callable[[str], None],
    ) -> None:
        super().__init__(network.world, name, address, clock, observers)
        self.pid = Pid(f"master@{address}")
        self.network = network
        self._settings = settings
        self._options = options
        self._weights = weights
        self._registry = registry
        self._disk = disk
        self.may_serve = may_serve
        self._leave = leave
        self.term = 0
        """In which it leads, or led last."""
        self._landed = 0
        self._written = 0
        self._epoch_offset_s = epoch_offset_s
        self._streams: dict[e.StreamId, Exchange] = {}
        self._stream_ids: dict[str, e.StreamId] = {}
        self._opened: dict[Exchange, e.StreamId] = {}
        self._asked: dict[e.RequestId, tuple[Exchange, int]] = {}
        self._clients: dict[Exchange, None] = {}
        self._requests = 0
        self.machine: Master | None = None

    # ── life ──────────────────────────────────────────────────────────────────────────────────────────

    def start(self, term: int, recovered: Recovered) -> None:
        """Start to lead, with what the registry holds."""
        self.term = term
        self._landed = self._written = 0
        life = self.incarnation + 1
        entropy = self.world.chance(f"{self.name}/{life}")
        config = MasterConfig(
            id=MasterId(new_uuid_text(entropy)),
            pid=self.pid,
            hostname=self.name,
            weights=self._weights,
            **self._settings,
        )
        make = PriorityAllocator if self._options.role_priorities else HierarchicalAllocator
        self.allocator = make(entropy, self._options)
        self.machine = Master(
            config,
            self.allocator,
            PERMISSIVE,
            epoch_offset_s=self._epoch_offset_s,
            recovered=recovered,
            now=self.clock.now(),
        )
        self._mailer = Mailer(self.network, self, _is_repeated)
        self.world.trace.line(self.world.now, self.name, "proc", "leads", f"{config.id} term={term}")
        self.boot(self.machine, self.performers())

    def end(self) -> None:
        """End at once, if it leads."""
        if not self.up:
            return
        self.halt()
        self.machine = None
        self._mailer.close()
        for exchange in self._clients:
            exchange.die_at_server()
        for memory in (self._streams, self._stream_ids, self._opened, self._asked, self._clients):
            memory.clear()

    def tear_down(self, framework_id: FrameworkId) -> None:
        """An operator ends a framework."""
        self.operate(lambda request: e.FrameworkTeardownRequested(request=request, framework_id=framework_id))

    def operate(self, make: Callable[[e.RequestId], e.MasterEvent]) -> None:
        """An operator asks for something; `make` gets the number of the request."""
        self._requests += 1
        self.feed(make(e.RequestId(self._requests)))

    # ── what arrives ──────────────────────────────────────────────────────────────────────────────────

    def _step(self, event: e.MasterEvent | None, call: Callable[[float], Any]) -> None:
        """Do nothing any more once the lease is over."""
        if self.may_serve():
            super()._step(event, call)
        else:
            self._leave("it may not serve any more")

    def on_mail(self, mail: Mail) -> None:
        """A message of an agent or a driver arrives."""
        if isinstance(mail.record, drivers.DriverMessage):
            self.feed(drivers.master_event(mail.record, mail.sender))
        else:
            self.feed(routing.master_event(mail.record, mail.sender))

    def on_peer_exited(self, address: str) -> None:
        """A link broke."""
        self.feed(e.PeerExited(address=address))

    def serve(self, exchange: Exchange, message: Any) -> None:
        """A scheduler's request arrives."""
        self._clients[exchange] = None
        if isinstance(message, Subscribe):
            self._subscribe(exchange, message)
        else:
            self._call(exchange, message)

    def on_client_gone(self, exchange: Exchange) -> None:
        """A scheduler's connection is gone."""
        self._clients.pop(exchange, None)
        stream = self._opened.pop(exchange, None)
        if stream is not None and self._streams.pop(stream, None) is not None:
            self._stream_ids.pop(self._stream_id(stream), None)
            self.feed(e.StreamClosed(stream=stream, reason="the connection is gone"))

    def _subscribe(self, exchange: Exchange, message: Subscribe) -> None:
        assert subscribe_refusal(message.info, None, None) is None, "nobody is authenticated here"
        self._requests += 1
        stream = e.StreamId(self._requests)
        self._streams[stream] = exchange
        self._opened[exchange] = stream
        self._stream_ids[self._stream_id(stream)] = stream
        exchange.reply(Opened(self._stream_id(stream)))
        self.feed(
            e.SubscribeRequested(
                peer=stream,
                info=message.info,
                suppressed_roles=message.suppressed_roles,
                standby=message.standby,
            )
        )

    def _call(self, exchange: Exchange, post: Post) -> None:
        assert self.machine is not None, "a process that is served runs"
        stream = self._stream_ids.get(post.stream_id or "")
        refusal = call_refusal(self.machine.state, post.framework_id, None, stream, post.stream_id)
        if refusal is not None:
            exchange.reply(Answer(post.number, refusal.code, refusal.text))
            return
        assert stream is not None, "a call that is not refused came with its framework's stream"
        event = routing.call_event(post.call, post.framework_id, stream)
        if isinstance(event, e.FrameworkUpdateRequested):
            self._requests += 1
            request = e.RequestId(self._requests)
            self._asked[request] = (exchange, post.number)
            self.feed(replace(event, request=request))
            return
        exchange.reply(Answer(post.number, ACCEPTED, ""))
        self.feed(event)

    def _stream_id(self, stream: e.StreamId) -> str:
        return f"{self.name}-{self.incarnation}-{stream}"

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────

    def performers(self) -> dict[type, Callable[[Any], None]]:
        """Return what performs each kind of effect."""
        return {
            x.SendToFramework: self._send_to_framework,
            x.CloseStream: self._close_stream,
            x.ProbeStream: self._probe_stream,
            x.SendToAgent: self._send_to_agent,
            x.Link: lambda effect: self._mailer.link(effect.pid),
            x.Unlink: lambda effect: self._mailer.unlink(effect.pid),
            x.Persist: self._persist,
            x.Reply: self._reply,
            x.Resign: self._resign,
            x.Log: self._log,
            x.Publish: self._publish,
        }

    def _send_to_framework(self, effect: x.SendToFramework) -> None:
        if isinstance(effect.peer, str):
            self._mailer.send(Mail(self.pid, effect.peer, effect.message))
            return
        exchange = self._streams.get(effect.peer)
        if exchange is not None:
            exchange.reply(effect.message)

    def _close_stream(self, effect: x.CloseStream) -> None:
        exchange = self._streams.pop(effect.stream, None)
        if exchange is not None:
            self._opened.pop(exchange, None)
            self._clients.pop(exchange, None)
            self._stream_ids.pop(self._stream_id(effect.stream), None)
            exchange.finish()

    def _probe_stream(self, effect: x.ProbeStream) -> None:
        exchange = self._streams.get(effect.stream)
        if exchange is not None:
            acknowledges = exchange.acknowledges(effect.within_s)
            self.feed(e.StreamProbed(stream=effect.stream, acknowledges=acknowledges))

    def _send_to_agent(self, effect: x.SendToAgent) -> None:
        observer = isinstance(effect.message, x.Ping)
        sender = Pid(f"slave-observer(1)@{self.address}") if observer else self.pid
        self._mailer.send(Mail(sender, effect.pid, effect.message, effect.registration))

    def _persist(self, effect: x.Persist) -> None:
        """Have it written; without an answer, or if another one writes by now, the master ends."""
        self._written += 1
        term, written = self.term, list[bool]()

        def write() -> None:
            written.append(self._registry.write(effect.mutation, term, self.name))

        self._disk.write(write, partial(self._on_landed, effect, written))
        self.world.after(STORE_TIMEOUT_S, partial(self._give_up, self.incarnation, self._written))

    def _on_landed(self, effect: x.Persist, written: list[bool]) -> None:
        self._landed += 1
        if all(written):
            self.feed(e.Persisted(ticket=effect.ticket))
        else:
            self._leave("its write was refused: another master leads")

    def _give_up(self, incarnation: int, number: int) -> None:
        if self.up and self.incarnation == incarnation and self._landed < number:
            self._registry.given_up += 1
            self._leave("the registry took no change in time")

    def _reply(self, effect: x.Reply) -> None:
        """Answer a scheduler; the operator does not wait for answers."""
        asked = self._asked.pop(effect.request, None)
        if asked is not None:
            exchange, number = asked
            exchange.reply(Answer(number, effect.code, effect.text))

    def _resign(self, effect: x.Resign) -> None:
        raise AssertionError(f"no simulated master has a reason to end by itself: {effect.message}")

    def _log(self, effect: x.Log) -> None:
        self.world.trace.line(self.world.now, self.name, "log", effect.level, effect.text)

    def _publish(self, effect: x.Publish) -> None:
        self.world.trace.line(self.world.now, self.name, "log", type(effect.event).__name__)


def _is_repeated(message: Any) -> bool:
    return routing.is_repeated(message) or drivers.is_repeated(message)
