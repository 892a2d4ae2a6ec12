"""A master's process: a candidate that waits until it leads, and the master that it is then.

    starts ── contends ── elected ── claims the registry ── leads ── deposed, or killed ── starts again
                │ meanwhile it sends schedulers to who leads

Without a coordination service it leads as soon as it has claimed the registry.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from meseta.election import events as e
from meseta.election.candidate import Candidate
from meseta.ids import Pid
from meseta.master.registry import Recovered
from meseta.sim.clock import Clock
from meseta.sim.connections import Exchange
from meseta.sim.coordination import Client, Coordination, Entries
from meseta.sim.disk import Disk
from meseta.sim.master_node import Answer, MasterNode, Redirected, Subscribe
from meseta.sim.network import Mail, Network
from meseta.sim.node import Node, Observer
from meseta.sim.terms import SharedRegistry

RESTART_S = 1.0
"""How long a supervisor waits before it starts a process again that has ended by itself."""
LATE_S = 5.0
"""How late what a process asked of the service before it ended may still be done."""


class MakeMaster(Protocol):
    """Makes the part that leads."""

    def __call__(
        self, *, disk: Disk, may_serve: Callable[[], bool], leave: Callable[[str], None]
    ) -> MasterNode: ...


class MasterProcess(Node[e.Event, e.Effect]):
    """The process; as a node it is its candidacy."""

    def __init__(
        self,
        network: Network,
        name: str,
        address: str,
        clock: Clock,
        observers: list[Observer],
        *,
        make: MakeMaster,
        registry: SharedRegistry,
        disk: Disk,
        service: Coordination | None,
    ) -> None:
        super().__init__(network.world, name, address, clock, observers)
        self.network = network
        self.disk = disk
        self.node = make(disk=disk, may_serve=self.may_serve, leave=self._leave)
        self._registry = registry
        self._service = service
        self._client: Client | None = None
        self._candidate: Candidate | None = None
        self._leading: str | None = None
        network.add(self)

    # ── life ──────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Contend, or lead at once where nobody else can."""
        self.world.trace.line(self.world.now, self.name, "proc", "starts")
        self._leading = None
        lease_s = 1.0 if self._service is None else self._service.session_s
        self._candidate = Candidate(lease_s)
        self.boot(self._candidate, self.performers())
        if self._service is None:
            self._claim()
            return
        life = self.incarnation
        self._client = Client(
            self._service,
            self.address,
            is_running=lambda: self.up and self.incarnation == life and not self.paused,
            on_seen=self._on_seen,
            feed=self.feed,
        )
        self.feed(e.ContendRequested())

    def crash(self, *, silent: bool) -> None:
        """End at once; `silent`: peers are not told by their kernels."""
        self.world.trace.line(self.world.now, self.name, "proc", "crashes", "silently" if silent else "")
        self.halt()
        self.node.end()
        self.disk.crash(0.0 if self._service is None else LATE_S)
        if self._client is not None:
            self._client.close()
            self._client = None
        if not silent:
            self.network.host_died(self.address)

    def pause(self) -> None:
        """Let the process hang."""
        super().pause()
        self.node.pause()

    def resume(self) -> None:
        """Let it go on: what it is to do as a master may come before it has noticed how late it is."""
        self.node.resume()
        super().resume()

    def may_serve(self) -> bool:
        """Tell whether it may lead at this moment, by its own clock."""
        if self._service is None:
            return True
        return self._candidate is not None and self._candidate.leads(self.clock.now())

    def start_if_down(self) -> None:
        """Start unless it runs."""
        if not self.up:
            self.start()

    def _leave(self, reason: str) -> None:
        """End as it must, and be started again."""
        self.world.trace.line(self.world.now, self.name, "proc", "leaves", reason)
        if self.up:
            self.crash(silent=False)
            self.world.after(RESTART_S, self.start_if_down)

    # ── what arrives ──────────────────────────────────────────────────────────────────────────────────

    def on_mail(self, mail: Mail) -> None:
        """A message of an agent: one who does not lead has nothing to say."""
        if self.node.up:
            self.node.on_mail(mail)

    def on_peer_exited(self, address: str) -> None:
        """Only who leads has links."""
        raise AssertionError(f"{self.name} has no links")

    def serve(self, exchange: Exchange, message: Any) -> None:
        """A scheduler's request: one who does not lead sends it to who does."""
        if self.node.up:
            self.node.serve(exchange, message)
        elif isinstance(message, Subscribe):
            exchange.reply(Redirected(self._leading))
        else:
            exchange.reply(Answer(message.number, 307, "another master leads"))

    def on_client_gone(self, exchange: Exchange) -> None:
        """A scheduler's connection is gone."""
        if self.node.up:
            self.node.on_client_gone(exchange)

    def _on_seen(self, entries: Entries) -> None:
        first = entries[0].address if entries else None
        self._leading = None if first == self.address else first

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────

    def performers(self) -> dict[type, Callable[[Any], None]]:
        """Return what performs each kind of effect."""
        return {
            e.Enrol: self._enrol,
            e.ConfirmLease: self._confirm,
            e.Lead: lambda effect: self._claim(),
            e.StepDown: self._step_down,
            e.Withdraw: self._withdraw,
        }

    def _enrol(self, effect: e.Enrol) -> None:
        assert self._client is not None, "a session has a client"
        self._client.enrol(effect.session)

    def _confirm(self, effect: e.ConfirmLease) -> None:
        assert self._client is not None, "a session has a client"
        self._client.confirm(effect.session, effect.asked_at)

    def _step_down(self, effect: e.StepDown) -> None:
        self.node.end()
        self.world.after(0.0, partial(self._leave, effect.reason))

    def _withdraw(self, effect: e.Withdraw) -> None:
        assert self._client is not None, "a candidacy has a client"
        self._client.resign()

    def _claim(self) -> None:
        claims: list[tuple[int, Recovered]] = []
        self.disk.write(lambda: claims.append(self._registry.claim(self.name)), partial(self._lead, claims))

    def _lead(self, claims: list[tuple[int, Recovered]]) -> None:
        (claim,) = claims
        self.node.start(*claim)
        if self.paused:
            self.node.pause()


def leading(processes: list[MasterProcess]) -> MasterNode | None:
    """Return who leads: of several that take themselves for it, the one of the latest term."""
    nodes = [process.node for process in processes if process.node.up]
    return max(nodes, key=lambda node: node.term, default=None)


def pid_of(entries: Entries) -> Pid | None:
    """Return the pid of the master that leads, as those who watch take it."""
    return Pid(f"master@{entries[0].address}") if entries else None
