"""A scheduler's process that speaks v0: a driver with its links, and an application that it calls back.

As the process of a session (`scheduler_node`) it lives once, and the application outlives it. The driver
has a pid that no other ever has, and learns who leads from the coordination service, if there is one. What
it asks has no answer: its application takes it for done.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Protocol

from meseta.ids import Pid
from meseta.records import FrameworkInfo
from meseta.sdk import events as sdk
from meseta.sim import driver as d
from meseta.sim.clock import Clock
from meseta.sim.connections import Exchange, Mailer
from meseta.sim.coordination import Client, Coordination, Entries
from meseta.sim.driver_messages import is_repeated
from meseta.sim.network import Mail, Network
from meseta.sim.node import Node, Observer
from meseta.sim.routing import Ask
from meseta.sim.scheduler_node import Application, SchedulerNode

ACCEPTED = 202
LINGER_S = 1.0
"""How long a process goes on whose driver is over, so that what it has said last gets out."""


class DriverApplication(Application, Protocol):
    """Who is called back."""

    @property
    def is_heard(self) -> bool:
        """Tell whether its process is its framework's newest."""
        ...


class DriverNode(Node[d.Event, d.Effect]):
    """One process of a driver."""

    def __init__(
        self,
        network: Network,
        name: str,
        address: str,
        clock: Clock,
        observers: list[Observer],
        *,
        master: Pid,
        service: Coordination | None,
        info: FrameworkInfo,
        application: DriverApplication,
        suppressed_roles: tuple[str, ...],
        heeds_exits: bool,
        is_implicit: bool,
    ) -> None:
        """`master` leads where there is no `service`. `is_implicit`: an update counts as acknowledged when
        the application's callback has returned.
        """
        super().__init__(network.world, name, address, clock, observers)
        self.network = network
        self.application = application
        self.pid = Pid(f"scheduler-{address}@{address}")
        self._master = master
        self._service = service
        self._seen: int | None = None
        """The entry of the candidate that leads."""
        self._client: Client | None = None
        self._is_implicit = is_implicit
        self._numbers = itertools.count(1)
        self.machine = d.Driver(
            info,
            self.world.chance(f"{address}/driver"),
            suppressed_roles=suppressed_roles,
            heeds_exits=heeds_exits,
        )
        self._mailer = Mailer(network, self, is_repeated)
        network.add(self)

    # ── life, and what the application does ───────────────────────────────────────────────────────────

    @property
    def stopped(self) -> bool:
        """Tell whether its driver is over."""
        return not self.machine.running

    def start(self) -> None:
        """Register, and stay registered."""
        self.world.trace.line(self.world.now, self.name, "proc", "starts", self.machine.info.id or "")
        self.boot(self.machine, self.performers())
        if self._service is None:
            self.feed(d.MasterDetected(pid=self._master))
            return
        self._client = Client(
            self._service,
            self.address,
            is_running=lambda: self.up and not self.paused,
            on_seen=self._on_seen,
        )

    def end(self) -> None:
        """End if it still runs."""
        if self.up:
            self.crash(silent=False)

    def crash(self, *, silent: bool) -> None:
        """End at once; `silent`: the master is not told by the kernel."""
        self.world.trace.line(self.world.now, self.name, "proc", "crashes", "silently" if silent else "")
        self._leave(silent=silent)

    def _leave(self, *, silent: bool) -> None:
        self.halt()
        self._mailer.close()
        if self._client is not None:
            self._client.close()
        if not silent:
            self.network.host_died(self.address)

    def next_number(self) -> int:
        """Return a number for the next call, by which its outcome is known."""
        return next(self._numbers)

    def ask(self, kind: type, *, number: int | None = None, **fields: Any) -> None:
        """Make a call."""
        self.feed(d.CallRequested(call=Ask(kind, fields)))
        self._conclude(number)

    def suppress(self, number: int) -> None:
        """Want no offers."""
        self.feed(d.SuppressRequested())
        self._conclude(number)

    def revive(self, number: int) -> None:
        """Want offers again."""
        self.feed(d.ReviveRequested())
        self._conclude(number)

    def _conclude(self, number: int | None) -> None:
        if number is not None:
            self.application.on_concluded(sdk.ConcludeCall(number=number, status=ACCEPTED, reason=""))

    def settle(self, token: sdk.Token) -> None:
        """Acknowledge an update, or let a callback return that has taken note of it."""
        self.feed(d.UpdateSettled(token=token))

    def stop(self, *, teardown: bool) -> None:
        """Leave."""
        self.feed(d.StopRequested(teardown=teardown))

    # ── what arrives ──────────────────────────────────────────────────────────────────────────────────

    def on_mail(self, mail: Mail) -> None:
        """A message arrives, of the master or straight from an agent."""
        self.feed(d.MessageArrived(sender=mail.sender, payload=mail.record))

    def on_peer_exited(self, address: str) -> None:
        """A link broke."""
        self.feed(d.PeerExited(address=address))

    def serve(self, exchange: Exchange, message: Any) -> None:
        """Nobody speaks HTTP to a driver."""
        raise AssertionError(f"{self.name} serves nobody")

    def on_client_gone(self, exchange: Exchange) -> None:
        """See `serve`."""
        raise AssertionError(f"{self.name} serves nobody")

    def _on_seen(self, entries: Entries) -> None:
        """The detector looks who leads: a master that has come back is another one."""
        first = entries[0] if entries else None
        number = None if first is None else first.number
        if number != self._seen:
            self._seen = number
            self.feed(d.MasterDetected(pid=None if first is None else Pid(f"master@{first.address}")))

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────

    def performers(self) -> dict[type, Callable[[Any], None]]:
        """Return what performs each kind of effect."""
        application = self.application
        return {
            d.Link: lambda effect: self._mailer.link(effect.pid),
            d.Send: lambda effect: self._mailer.send(Mail(self.pid, effect.receiver, effect.payload)),
            d.TellRegistered: lambda effect: application.on_subscribed(effect.framework_id, effect.again),
            d.TellDisconnected: lambda effect: application.on_disconnected(),
            d.Tell: self._tell,
            d.TellStopped: self._stopped,
            d.Ignore: self._ignore,
        }

    def _tell(self, effect: d.Tell) -> None:
        """Call back. An application whose place was taken aborts before its driver acknowledges for it."""
        if self._is_implicit and effect.token is not None and not self.application.is_heard:
            self.feed(d.AbortRequested())
            return
        self.application.on_event(effect.payload, effect.token)

    def _stopped(self, effect: d.TellStopped) -> None:
        self.world.trace.line(self.world.now, self.name, "proc", "stops", effect.fault or "")
        self.application.on_stopped(effect.fault)
        self.world.after(LINGER_S, self._exit)

    def _exit(self) -> None:
        if self.up:
            self._leave(silent=False)

    def _ignore(self, effect: d.Ignore) -> None:
        what = f"{type(effect.payload).__name__} of {effect.sender}: {effect.why}"
        self.world.trace.line(self.world.now, self.name, "log", "ignores", what)


SchedulerProcess = SchedulerNode | DriverNode
"""A process of a framework's scheduler, of either sort."""
