"""A scheduler's process: the SDK's session, its connections, and an application that it tells.

A process lives once. The application and what it remembers (`workload`) outlive it, as a database does, and
the next process takes over the framework with the id that is remembered.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from msgspec.structs import replace

from meseta.ids import FrameworkId
from meseta.records import FrameworkInfo
from meseta.sdk import events as sdk
from meseta.sdk.session import Phase, SchedulerSession
from meseta.sim import routing
from meseta.sim.clock import Clock
from meseta.sim.connections import Exchange
from meseta.sim.master_node import Answer, Opened, Post, Redirected, Subscribe
from meseta.sim.network import Mail, Network
from meseta.sim.node import Node, Observer


class Application(Protocol):
    """Who hears what arrives."""

    def on_subscribed(self, framework_id: FrameworkId, again: bool, /) -> None: ...

    def on_disconnected(self, /) -> None: ...

    def on_event(self, payload: Any, token: sdk.Token | None, /) -> None: ...

    def on_concluded(self, outcome: sdk.ConcludeCall, /) -> None: ...

    def on_stopped(self, fault: str | None, /) -> None: ...


class SchedulerNode(Node[sdk.Event, sdk.Effect]):
    """One process of a scheduler."""

    def __init__(
        self,
        network: Network,
        name: str,
        address: str,
        clock: Clock,
        observers: list[Observer],
        *,
        masters: tuple[str, ...],
        info: FrameworkInfo,
        application: Application,
        suppressed_roles: tuple[str, ...] = (),
        standby: bool = False,
    ) -> None:
        """`info.id` names the framework to take over, if there is one, or to stand by for."""
        super().__init__(network.world, name, address, clock, observers)
        self.network = network
        self.application = application
        self._info = info
        self.session = SchedulerSession(
            masters,
            info.roles,
            self.world.chance(f"{address}/session"),
            framework_id=info.id,
            suppressed_roles=suppressed_roles,
            standby=standby,
        )
        self._numbers = itertools.count(1)
        self._attempt: int | None = None
        self._stream: Exchange | None = None
        self._calls: Exchange | None = None
        self._posted: dict[int, int] = {}
        """Calls that wait for an answer, with the attempt that they belong to."""
        self._posts = itertools.count(1)
        self._numbered: dict[int, int] = {}
        """Calls by the number of their post."""
        network.add(self)

    # ── life, and what the application does ───────────────────────────────────────────────────────────

    @property
    def stopped(self) -> bool:
        """Tell whether its session is over."""
        return self.session.phase is Phase.STOPPED

    def start(self) -> None:
        """Subscribe, and stay subscribed."""
        self.world.trace.line(self.world.now, self.name, "proc", "starts", self._info.id or "")
        self.boot(self.session, self.performers())
        self.feed(sdk.Started())

    def end(self) -> None:
        """End if it still runs."""
        if self.up:
            self.crash(silent=False)

    def crash(self, *, silent: bool) -> None:
        """End at once; `silent`: the master is not told by the kernel."""
        self.world.trace.line(self.world.now, self.name, "proc", "crashes", "silently" if silent else "")
        self.halt()
        for exchange in filter(None, (self._stream, self._calls)):
            exchange.die_at_client()
        if not silent:
            self.network.host_died(self.address)

    def next_number(self) -> int:
        """Return a number for the next call, by which its outcome is known."""
        return next(self._numbers)

    def ask(self, kind: type, *, number: int | None = None, **fields: Any) -> None:
        """Make a call."""
        number = self.next_number() if number is None else number
        self.feed(sdk.CallRequested(number=number, call=routing.Ask(kind, fields)))

    def suppress(self, number: int) -> None:
        """Want no offers."""
        self.feed(sdk.SuppressRequested(number=number))

    def revive(self, number: int) -> None:
        """Want offers again."""
        self.feed(sdk.ReviveRequested(number=number))

    def settle(self, token: sdk.Token) -> None:
        """Acknowledge an update."""
        self.feed(sdk.UpdateSettled(token=token))

    def stop(self, *, teardown: bool) -> None:
        """Leave."""
        self.feed(sdk.StopRequested(teardown=teardown))

    # ── what arrives ──────────────────────────────────────────────────────────────────────────────────

    def on_mail(self, mail: Mail) -> None:
        """Schedulers on HTTP get no libprocess messages."""
        raise AssertionError(f"{self.name} has no pid")

    def on_peer_exited(self, address: str) -> None:
        """See `on_mail`."""
        raise AssertionError(f"{self.name} has no links")

    def serve(self, exchange: Exchange, message: Any) -> None:
        """Nobody connects to a scheduler."""
        raise AssertionError(f"{self.name} serves nobody")

    def on_client_gone(self, exchange: Exchange) -> None:
        """See `serve`."""
        raise AssertionError(f"{self.name} serves nobody")

    def _on_record(self, attempt: int, message: Any) -> None:
        match message:
            case Opened(stream_id):
                self.feed(sdk.StreamOpened(attempt=attempt, stream_id=stream_id))
            case Redirected(None):
                self.feed(sdk.StreamRefused(attempt=attempt, status=503, reason="No leader elected"))
            case Redirected(address):
                self.feed(sdk.StreamRedirected(attempt=attempt, address=address))
            case Answer(_, status, reason):
                self.feed(sdk.StreamRefused(attempt=attempt, status=status, reason=reason))
            case _:
                self.feed(routing.scheduler_event(message, attempt))

    def _on_stream_lost(self, attempt: int, reason: str) -> None:
        self._stream = None
        self.feed(sdk.StreamBroken(attempt=attempt, reason=reason))

    def _on_answer(self, answer: Answer) -> None:
        attempt = self._posted.pop(answer.number, None)
        if attempt is not None:
            number = self._numbered.pop(answer.number)
            self.feed(
                sdk.CallAnswered(number=number, status=answer.status, reason=answer.reason, attempt=attempt)
            )

    def _on_calls_lost(self, reason: str) -> None:
        self._calls = None
        lost, self._posted = self._posted, {}
        numbers, self._numbered = self._numbered, {}
        for post in lost:
            self.feed(sdk.CallBroken(number=numbers[post], reason=reason, sent=True))

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────

    def performers(self) -> dict[type, Callable[[Any], None]]:
        """Return what performs each kind of effect."""
        application = self.application
        return {
            sdk.OpenStream: self._open_stream,
            sdk.CloseStream: self._close_stream,
            sdk.SendCall: self._send_call,
            sdk.ConcludeCall: application.on_concluded,
            sdk.Deliver: lambda effect: application.on_event(effect.payload, effect.token),
            sdk.ReportSubscribed: lambda effect: application.on_subscribed(effect.framework_id, effect.again),
            sdk.ReportDisconnected: lambda effect: application.on_disconnected(),
            sdk.ReportStopped: self._stopped,
        }

    def _open_stream(self, effect: sdk.OpenStream) -> None:
        attempt = self._attempt = effect.attempt
        if self._stream is not None:
            self._stream.close()
        self._stream = Exchange(
            self.network,
            self.address,
            effect.address,
            partial(self._on_record, attempt),
            partial(self._on_stream_lost, attempt),
        )
        info = self._info
        if effect.framework_id is not None:
            info = replace(info, id=effect.framework_id)
        self._stream.request(Subscribe(info, effect.suppressed_roles, effect.standby))

    def _close_stream(self, effect: sdk.CloseStream) -> None:
        self._attempt = None
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _send_call(self, effect: sdk.SendCall) -> None:
        if effect.attempt != self._attempt:
            reason = "the subscription was lost before its turn"
            self.feed(sdk.CallBroken(number=effect.number, reason=reason, sent=False))
            return
        if self._calls is not None and self._calls.server != effect.address:
            self._calls.close()
            self._on_calls_lost("the master has moved")
        if self._calls is None:
            self._calls = Exchange(
                self.network, self.address, effect.address, self._on_answer, self._on_calls_lost
            )
        post = next(self._posts)
        self._posted[post] = effect.attempt
        self._numbered[post] = effect.number
        self._calls.request(Post(post, effect.stream_id, effect.framework_id, effect.call))

    def _stopped(self, effect: sdk.ReportStopped) -> None:
        self.world.trace.line(self.world.now, self.name, "proc", "stops", effect.fault or "")
        if self._calls is not None:
            self._calls.close()
        self.halt()
        self.application.on_stopped(effect.fault)
