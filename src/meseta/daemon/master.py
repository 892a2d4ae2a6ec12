"""`meseta master`: one master machine, put together with its allocator, APIs, links and log."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from msgspec.structs import replace

from meseta import ids
from meseta.allocator.constraints import ExpressionLimits, constraints_fault
from meseta.api.build import this_build
from meseta.api.context import MasterContext
from meseta.api.early import EarlyMessages
from meseta.api.master_operator import MasterOperatorApi
from meseta.api.master_v0 import led, master_routes
from meseta.api.messages import MASTER, MasterMessages
from meseta.api.replies import Replies
from meseta.api.router import Route, Router
from meseta.api.scheduler import SchedulerApi
from meseta.api.verbosity import Verbosity
from meseta.daemon.config import MASTER_FLAGS
from meseta.daemon.election import Election
from meseta.daemon.flags import Flags
from meseta.daemon.foreign_flags import FOREIGN_MASTER_FLAGS
from meseta.daemon.host import address_of_host, listen_address, name_of_host
from meseta.daemon.logs import log_counters, log_path, set_verbosity
from meseta.daemon.master_setup import make_allocator, read_config
from meseta.daemon.process import run_daemon, transport_metrics
from meseta.daemon.quantities import parse_domain
from meseta.daemon.registry import find_store, timeouts_of
from meseta.daemon.whitelist import read_whitelist, watch_whitelist
from meseta.errors import DeposedError
from meseta.master import effects as x
from meseta.master import events as e
from meseta.master.master import Master
from meseta.master.registry import NOTHING_RECOVERED, Recovered
from meseta.runtime.driver import Driver
from meseta.runtime.files import VirtualFiles
from meseta.runtime.http1 import Request
from meseta.runtime.links import Links
from meseta.runtime.server import HttpServer
from meseta.runtime.stores.memory import MemoryStore
from meseta.runtime.stores.registrar import Registrar
from meseta.runtime.stores.shared import SharedStore
from meseta.runtime.streams import Responder
from meseta.security.approvers import PERMISSIVE
from meseta.version import MESOS_VERSION
from meseta.wire.agent_link import agent_message_bytes
from meseta.wire.gen.mesos_pb2 import MasterInfo
from meseta.wire.scheduler_events import SchedulerEvents, master_info

log = structlog.get_logger()

EARLY_PER_TURN = 50
"""Messages from before the registry was read that are taken in at once."""


class MasterDaemon:
    """A running master. `on_bug` is called when it cannot go on; a daemon then ends its process."""

    def __init__(self, flags: Flags, on_bug: Callable[[BaseException], None]) -> None:
        self.flags = flags
        self._store = find_store(flags)
        self.ip = address_of_host(flags["ip"])
        self.hostname = name_of_host(flags["hostname"], self.ip, lookup=flags["hostname_lookup"])
        self.domain = parse_domain(flags["domain"])
        self._on_bug = on_bug
        self._replies = Replies()
        self._entropy = random.SystemRandom()
        self._id = ids.MasterId(ids.new_uuid_text(self._entropy))
        self._config = read_config(flags, self._id, self.hostname, self.domain)
        self._pid = ids.Pid("")
        self.port = 0
        self._started = time.time()
        self._is_leading = False
        self._election: Election | None = None
        self._recovering: asyncio.Task[None] | None = None
        self._early = EarlyMessages()
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the registry, then listen and serve; in an election, listen and stand by.

        Raises:
            ConfigError: a flag's value cannot be used.
            StoreError: the registry cannot be read.
            OSError: the port cannot be listened on.
        """
        self._registrar = Registrar(
            self._store,
            lambda ticket: self._feed(e.Persisted(ticket=ticket)),
            self._on_store_lost,
            timeouts_of(self.flags),
        )
        try:
            if self.flags["zk"] is None:
                recovered = await self._registrar.recover()
                await self._listen()
                self._lead(recovered)
            else:
                await self._listen()
                self._stand_by()
        except BaseException:
            await self._registrar.close()
            raise
        log.info(f"master {self._id} listens at {self.ip}:{self.port} ({self.hostname})")

    async def _listen(self) -> None:
        self._server = HttpServer(self._on_request, on_message=self._on_message)
        _, self.port = await self._server.listen(listen_address(self.flags["ip"]), self.flags["port"])
        self._pid = ids.Pid(f"{MASTER}@{self.ip}:{self.port}")
        self._info = master_info(self._id, self.ip, self.port, self.hostname, MESOS_VERSION, self.domain)
        self._links = Links()
        self._links.on_exited(lambda address: self._feed(e.PeerExited(address=address)))

    def _stand_by(self) -> None:
        """Show the way to the leader, until we are it. Meanwhile the machine is empty, and hears nothing."""
        self._election = Election(self.flags, self._info, self._entropy, self._on_elected, self._on_deposed)
        self._make_service(NOTHING_RECOVERED)
        self._election.start()

    def _on_elected(self, entry: str) -> None:
        if isinstance(self._store, SharedStore):
            self._store.leading = entry
        self._recovering = asyncio.get_running_loop().create_task(self._recover_and_lead())

    async def _recover_and_lead(self) -> None:
        try:
            recovered = await self._registrar.recover()
            self._lead(recovered)
            while early := self._early.take(EARLY_PER_TURN):
                for message in early:
                    self._messages.on_message(*message)
                await asyncio.sleep(0)
        except Exception as fault:
            self._on_bug(fault)

    def _lead(self, recovered: Recovered) -> None:
        if not self._may_serve():
            return
        self._is_leading = True
        self._make_service(recovered)
        self._driver.start()
        self._watch = self._watch_whitelist()
        self._log_registry(recovered)

    def _make_service(self, recovered: Recovered) -> None:
        self.machine = self._make_machine(recovered)
        self._driver: Driver[e.MasterEvent, x.MasterEffect] = Driver(
            self.machine, self._performers(), clock=self._clock, on_bug=self._on_bug
        )
        self._make_apis()

    def _may_serve(self) -> bool:
        return self._election is None or self._election.check()

    def _clock(self) -> float:
        """Monotonic seconds, for those who lead: all that the machine does begins with a look at it."""
        self._may_serve()
        return time.monotonic()

    def _on_deposed(self, fault: BaseException) -> None:
        """Serve nobody any more: another master may lead."""
        self._is_leading = False
        self._driver.stop()
        self._on_bug(fault)

    def _log_registry(self, recovered: Recovered) -> None:
        if isinstance(self._store, MemoryStore):
            if self.flags["registry"] is None:
                log.warning("agents are remembered in memory: a restart forgets them; --work_dir keeps them")
            return
        if recovered.weights and self.flags["weights"] is not None:
            log.warning("--weights is ignored: the registry holds weights that an operator has set")
        agents, unreachable = len(recovered.agents), len(recovered.unreachable)
        log.info(f"the registry {self._store.name} holds {agents} agents, and {unreachable} unreachable ones")

    async def stop(self) -> None:
        """Stop serving; streams and links break, as peers must be able to bear at any time."""
        self._is_leading = False
        self._driver.stop()
        for task in (self._watch, self._recovering):
            if task is not None:
                task.cancel()
        await self._server.close()
        await self._links.close()
        if self._election is not None:
            await self._election.stop()
        await self._registrar.close()

    # ── putting together ──────────────────────────────────────────────────────────────────────────────

    def _make_machine(self, recovered: Recovered) -> Master:
        now = time.monotonic()
        return Master(
            replace(self._config, pid=self._pid),
            make_allocator(self.flags, random.Random(), self.domain),  # It draws for every agent: cheaply.
            PERMISSIVE,
            epoch_offset_s=time.time() - now,
            recovered=recovered,
            now=now,
        )

    def _watch_whitelist(self) -> asyncio.Task[None] | None:
        path = self.flags["whitelist"]
        if path is None:
            return None
        self._feed(e.WhitelistChanged(hostnames=read_whitelist(path)))
        watch = watch_whitelist(path, lambda names: self._feed(e.WhitelistChanged(hostnames=names)))
        return asyncio.get_running_loop().create_task(watch)

    def _make_apis(self) -> None:
        self._events = SchedulerEvents(self._info)
        fault = partial(constraints_fault, limits=self._expression_limits())
        self._messages = MasterMessages(self._feed, self._count, fault)
        self._scheduler_api = SchedulerApi(
            self.machine, self._feed, self._events, self._entropy, self._replies.later, fault
        )
        context = self._make_context()
        operators = MasterOperatorApi(context)
        self._publish = operators.publish
        scheduler = Route("/master/api/v1/scheduler", led(context, self._scheduler_call))
        self._router = Router(MASTER, [scheduler, *master_routes(context, operators.handle)])

    def _expression_limits(self) -> ExpressionLimits:
        flags = self.flags
        return ExpressionLimits(
            flags["offer_constraints_re2_max_mem"], flags["offer_constraints_re2_max_program_size"]
        )

    def _make_context(self) -> MasterContext:
        later = asyncio.get_running_loop().call_later
        return MasterContext(
            version=this_build(),
            flags=self.flags.texts,
            files=self._make_files(),
            verbosity=Verbosity(later, set_verbosity),
            clock=time.time,
            start_time=self._started,
            elected_time=time.time(),
            metrics=(self._transport_metrics,),
            state=self.machine.state,
            feed=self._feed,
            replies=self._replies,
            info=self._info,
            offers=self._events,
            later=later,
            leader=self._leader,
            has_recovered=self._is_leading,
            subscribers_max=self.flags["max_operator_event_stream_subscribers"],
        )

    def _leader(self) -> MasterInfo | None:
        return self._info if self._is_leading or self._election is None else self._election.leader

    def _make_files(self) -> VirtualFiles:
        files = VirtualFiles()
        if self.flags["log_dir"] is not None:
            files.attach(str(log_path("master", self.flags["log_dir"])), "/master/log")
        return files

    def _transport_metrics(self) -> dict[str, float]:
        return transport_metrics(
            self._server.counters, self._links.counters, self._scheduler_api.counters, log_counters
        )

    def _scheduler_call(self, request: Request, responder: Responder, rest: str) -> None:
        self._scheduler_api.post_call(request, responder)

    # ── events ────────────────────────────────────────────────────────────────────────────────────────

    def _feed(self, event: e.MasterEvent) -> None:
        if self._is_leading:  # A standby says nothing to agents and drivers: they look for the leader.
            self._driver.feed(event)

    def _on_request(self, request: Request, responder: Responder) -> None:
        if self._is_leading and not self._may_serve():
            responder.abort()
        else:
            self._router.handle(request, responder)

    def _on_message(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        is_reading = self._recovering is not None and not self._is_leading
        if is_reading and self._early.keep(receiver, sender, name, body):
            return True
        self._early.forget(sender)
        return self._messages.on_message(receiver, sender, name, body)

    def _on_store_lost(self, fault: BaseException) -> None:
        """Answer nobody any more: what the registry holds is not known."""
        self._driver.stop()
        self._on_bug(fault)

    def _count(self, name: str) -> None:
        self.machine.state.counters[name] += 1

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────

    def _performers(self) -> dict[type, Callable[[Any], None]]:
        return {
            x.SendToFramework: self._send_to_framework,
            x.CloseStream: lambda effect: self._scheduler_api.close(effect.stream),
            x.ProbeStream: lambda effect: self._scheduler_api.probe(effect.stream, effect.within_s),
            x.SendToAgent: self._send_to_agent,
            x.Link: self._link,
            x.Unlink: lambda effect: self._links.unlink(effect.pid),
            x.Persist: lambda effect: self._registrar.write(effect.mutation, effect.ticket),
            x.Reply: lambda effect: self._replies.send(effect.request, effect.code, effect.text),
            x.Resign: lambda effect: self._on_store_lost(DeposedError(effect.message)),
            x.Log: self._log,
            x.Publish: lambda effect: self._publish(effect),
        }

    def _send_to_framework(self, effect: x.SendToFramework) -> None:
        if isinstance(effect.peer, int):
            self._scheduler_api.send(effect.peer, effect.message)
            return
        encoded = self._events.v0(effect.message)
        if encoded is not None:
            self._links.send(effect.peer, self._pid, *encoded)

    def _send_to_agent(self, effect: x.SendToAgent) -> None:
        is_ping = isinstance(effect.message, x.Ping)
        sender = self._observer(effect.pid) if is_ping else self._pid
        self._links.send(effect.pid, sender, *agent_message_bytes(effect.message, effect.registration))

    def _observer(self, agent: ids.Pid) -> ids.Pid:
        """The process that pings an agent: each has its own, as in Mesos."""
        agent_id = self.machine.state.agent_pids.get(agent, "")
        number = agent_id.rpartition("-S")[2]
        return ids.Pid(f"slave-observer({number or 0})@{self.ip}:{self.port}")

    def _link(self, effect: x.Link) -> None:
        self._links.link(effect.pid)

    def _log(self, effect: x.Log) -> None:
        (log.warning if effect.level == "warning" else log.info)(effect.text)


def main(arguments: list[str]) -> int:
    """Run `meseta master`; return the exit status."""
    return run_daemon("master", arguments, MASTER_FLAGS, FOREIGN_MASTER_FLAGS, MasterDaemon)
