"""An agent's process: the machine, its checkpoints, and the machine room of its containers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from meseta.agent import effects as x
from meseta.agent import events as e
from meseta.agent.agent import Agent
from meseta.agent.state import AgentConfig
from meseta.agent.written_first import WrittenFirst
from meseta.containers.effects import StartContainer
from meseta.containers.events import ContainerEvent
from meseta.ids import Pid
from meseta.sim import routing
from meseta.sim.clock import Clock
from meseta.sim.connections import Exchange, Mailer
from meseta.sim.containers import Machine, Speed
from meseta.sim.coordination import Client, Coordination, Entries
from meseta.sim.disk import Disk, WorkDirectory
from meseta.sim.executor_door import ExecutorDoor
from meseta.sim.executor_node import ExecutorNode
from meseta.sim.executor_routing import V0_EVENTS
from meseta.sim.master_process import pid_of
from meseta.sim.network import Mail, Network
from meseta.sim.node import Node, Observer
from meseta.sim.programs import ExecutorProgram

EXECUTOR_PORTS = 32_768
"""The first of the ports that executors listen on, each on one of its own."""


class AgentNode(Node[e.AgentEvent, x.AgentEffect]):
    """An agent that may be started again; its containers go on meanwhile, unless the machine reboots."""

    def __init__(
        self,
        network: Network,
        config: AgentConfig,
        name: str,
        clock: Clock,
        observers: list[Observer],
        *,
        speed: Speed,
        disk: Disk,
        master: Pid,
        service: Coordination | None,
    ) -> None:
        """`service` is where it learns who leads; without one `master` does."""
        super().__init__(network.world, name, config.pid.rpartition("@")[2], clock, observers)
        self.config = config
        self.network = network
        self.machine: Agent | None = None
        self.exit: x.Exit | None = None
        """How the process ended by itself."""
        self._disk = disk
        self._files = WorkDirectory()
        self._master: Pid | None = master
        self._service = service
        self._client: Client | None = None
        self.executors: list[ExecutorNode] = []
        """All executors of frameworks' own that were ever started here."""
        chance = self.world.chance(f"{name}/containers")
        self.containers = Machine(self.world, name, speed, chance, self._feed_container, self._spawn_executor)
        network.add(self)

    # ── life ──────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start, and take up what is there."""
        entropy = self.world.chance(f"{self.name}/{self.incarnation + 1}")
        self.machine = Agent(self.config, entropy)
        self.exit = None
        self._mailer = Mailer(self.network, self, routing.is_repeated)
        self._door = ExecutorDoor(self.machine, self.feed)
        self.world.trace.line(self.world.now, self.name, "proc", "starts")
        self.boot(self.machine, self.performers())
        self.feed(self._files.recovered(self.containers.recovered()))
        if self._service is None:
            self.feed(e.MasterDetected(self._master))
            return
        life = self.incarnation
        self._master = None
        self._client = Client(
            self._service,
            self.address,
            is_running=lambda: self.up and self.incarnation == life and not self.paused,
            on_seen=self._on_seen,
        )

    def crash(self, *, silent: bool) -> None:
        """End at once; `silent`: peers are not told by their kernel."""
        self.world.trace.line(self.world.now, self.name, "proc", "crashes", "silently" if silent else "")
        self._leave(silent=silent)

    def lose_power(self) -> None:
        """The whole machine stops, with all containers."""
        self.world.trace.line(self.world.now, self.name, "proc", "loses power")
        if self.up:
            self._leave(silent=True)
        self.containers.reboot()

    def forget(self) -> None:
        """Somebody removes what tells the agent who it was, while it is down."""
        self._files.forget_agent()

    def _leave(self, *, silent: bool) -> None:
        self.halt()
        self.machine = None
        self._disk.crash()
        self._mailer.close()
        self._door.close()
        if self._client is not None:
            self._client.close()
            self._client = None
        if not silent:
            self.network.host_died(self.address)

    # ── what arrives ──────────────────────────────────────────────────────────────────────────────────

    def on_mail(self, mail: Mail) -> None:
        """A message of the master or of an executor arrives."""
        if isinstance(mail.record, V0_EVENTS):
            self.feed(mail.record)
        else:
            self.feed(routing.agent_event(mail.record, mail.sender, mail.registration))

    def on_peer_exited(self, address: str) -> None:
        """A link broke."""
        self.feed(e.PeerExited(address))

    def serve(self, exchange: Exchange, message: Any) -> None:
        """An executor calls."""
        self._door.serve(exchange, message)

    def on_client_gone(self, exchange: Exchange) -> None:
        """An executor's connection is gone."""
        self._door.on_client_gone(exchange)

    def _on_seen(self, entries: Entries) -> None:
        """The detector looks who leads."""
        master = pid_of(entries)
        if master != self._master:
            self._master = master
            self.feed(e.MasterDetected(master))

    def _feed_container(self, event: ContainerEvent) -> None:
        self.feed(event)

    def _spawn_executor(
        self, start: StartContainer, program: ExecutorProgram, on_exit: Callable[[int], None]
    ) -> ExecutorNode:
        """Start an executor of a framework's own on this machine."""
        port = EXECUTOR_PORTS + len(self.executors)
        executor = ExecutorNode(
            self.network,
            f"{self.config.ip}:{port}",
            self.clock,
            self._observers,
            agent=self.config.pid,
            start=start,
            program=program,
            ran=self.containers.ran,
            on_exit=on_exit,
        )
        self.executors.append(executor)
        return executor

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────

    def performers(self) -> dict[type, Callable[[Any], None]]:
        """Return what performs each kind of effect."""
        return {
            x.SendToMaster: self._send_to_master,
            x.SendToFramework: self._send_to_driver,
            x.Link: lambda effect: self._mailer.link(effect.pid),
            x.Authenticate: lambda effect: self.feed(e.Authenticated(effect.master)),
            x.Checkpoint: self._checkpoint,
            x.RemovePath: lambda effect: self._disk.write(partial(self._files.apply, effect), None),
            x.MakeVolume: lambda effect: None,
            x.RemoveVolume: lambda effect: None,
            x.SampleDiskUsage: lambda effect: self.feed(e.DiskUsageSampled(0.5)),
            x.Reply: self._send_to_nobody,
            x.Exit: self._exit,
            **WrittenFirst(self._first_performers(), self._after).performers(),
        }

    def _first_performers(self) -> dict[type, Callable[[Any], None]]:
        """Return what performs effects that may have to wait for the disk."""
        containers = self.containers
        return {
            x.SendToExecutor: self._send_to_executor,
            x.CloseExecutorStream: self._door.close_stream,
            x.PrepareSandbox: containers.prepare,
            x.StartContainer: containers.start,
            x.SignalContainer: containers.signal,
            x.DestroyContainer: containers.destroy,
            x.UpdateContainer: lambda effect: None,
            x.LinkVolumes: lambda effect: None,
            x.RemoveContainer: containers.remove,
            x.RunCheck: containers.check,
        }

    def _after(self, action: Callable[[], None]) -> None:
        """Do something once the disk has taken what was asked for before."""
        self._disk.write(lambda: None, action)

    def _send_to_master(self, effect: x.SendToMaster) -> None:
        self._mailer.send(Mail(self.config.pid, effect.master, effect.message))

    def _send_to_driver(self, effect: x.SendToFramework) -> None:
        self._mailer.send(Mail(self.config.pid, effect.pid, effect.message))

    def _send_to_executor(self, effect: x.SendToExecutor) -> None:
        if isinstance(effect.peer, int):
            self._door.send(effect.peer, effect.message)
        elif not isinstance(effect.message, x.ErrorEvent):  # For which v0 has no message.
            self._mailer.send(Mail(self.config.pid, effect.peer, effect.message))

    def _send_to_nobody(self, effect: Any) -> None:
        raise AssertionError(f"{self.name} has no operator to send {effect} to")

    def _checkpoint(self, effect: x.Checkpoint) -> None:
        done = None if effect.ticket is None else partial(self.feed, e.Checkpointed(effect.ticket))
        self._disk.write(partial(self._files.apply, effect), done)

    def _exit(self, effect: x.Exit) -> None:
        self.world.trace.line(self.world.now, self.name, "proc", "exits", effect.message)
        self.exit = effect
        self.world.after(0.0, partial(self._exited, self.incarnation))

    def _exited(self, incarnation: int) -> None:
        if self.up and self.incarnation == incarnation:
            self._leave(silent=False)
