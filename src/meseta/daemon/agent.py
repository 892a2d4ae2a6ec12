"""`meseta agent`: one agent machine, put together with its master link, executors, containers and disk."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

import structlog

from meseta import ids
from meseta.agent import effects as x
from meseta.agent import events as e
from meseta.agent import paths, views
from meseta.agent.agent import Agent
from meseta.agent.state import AgentConfig, Phase
from meseta.agent.written_first import WrittenFirst
from meseta.api.agent_messages import AGENT, AgentMessages
from meseta.api.agent_operator import AgentOperatorApi
from meseta.api.agent_v0 import agent_routes
from meseta.api.build import this_build
from meseta.api.context import AgentContext
from meseta.api.executor import ExecutorApi
from meseta.api.router import Route, Router
from meseta.api.verbosity import Verbosity
from meseta.attributes import parse_attributes
from meseta.containers.effects import Sandbox
from meseta.daemon.agent_cleanup import clean_up, is_cleanup
from meseta.daemon.agent_setup import agent_resources, executor_environment, find_isolation, find_places
from meseta.daemon.config import AGENT_FLAGS
from meseta.daemon.flags import Flags
from meseta.daemon.foreign_flags import FOREIGN_AGENT_FLAGS
from meseta.daemon.host import address_of_host, listen_address, name_of_host
from meseta.daemon.logs import log_counters, log_path, set_verbosity
from meseta.daemon.process import run_daemon, transport_metrics
from meseta.daemon.quantities import parse_domain
from meseta.runtime.agent_recovery import recover
from meseta.runtime.checkpoint_format import check_format
from meseta.runtime.checkpointer import Checkpointer
from meseta.runtime.checkpoints import write_text
from meseta.runtime.container_host import ContainerHost
from meseta.runtime.container_usage import measure
from meseta.runtime.detectors.find import find_detector
from meseta.runtime.driver import Driver
from meseta.runtime.fetcher import Fetcher
from meseta.runtime.files import FilesError, VirtualFiles
from meseta.runtime.http1 import Request
from meseta.runtime.links import Links
from meseta.runtime.linux import hostinfo
from meseta.runtime.linux.supervisor_client import SupervisorClient
from meseta.runtime.linux.usage import Statistics
from meseta.runtime.sandbox import parse_run_dir
from meseta.runtime.server import HttpServer
from meseta.runtime.streams import Responder
from meseta.runtime.volumes import make_volume
from meseta.version import MESOS_VERSION
from meseta.wire.executor_link import executor_message_bytes
from meseta.wire.master_info import MasterInfo
from meseta.wire.master_link import master_message_bytes

FLUSH_TIMEOUT_S = 10.0
"""How long the end of an agent waits for a disk that does not take its checkpoints."""

log = structlog.get_logger()


def end_process(code: int) -> None:
    """End this process at once; what is to survive it is stored by then."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class AgentDaemon:
    """A running agent. Its tasks are children of a supervisor and go on when it stops.

    `on_bug` is called when the machine cannot go on, `on_exit` with an exit status when it has decided to
    end; a daemon then ends its process.
    """

    def __init__(
        self,
        flags: Flags,
        on_bug: Callable[[BaseException], None],
        on_exit: Callable[[int], None] = end_process,
    ) -> None:
        self.flags = flags
        self.ip = address_of_host(flags["ip"])
        self.hostname = name_of_host(flags["hostname"], self.ip, lookup=flags["hostname_lookup"])
        self.port = 0
        self._on_bug = on_bug
        self._on_exit = on_exit
        self._entropy = random.SystemRandom()
        self._epoch_offset_s = time.time() - time.monotonic()
        self._early: list[e.AgentEvent] = []
        self._driver: Driver[e.AgentEvent, x.AgentEffect] | None = None
        self._exiting: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._master_hostname: str | None = None

    async def start(self) -> None:
        """Take up what an earlier agent has left, listen, and look for the master.

        Raises:
            MesetaError: a flag's value cannot be used, the earlier agent was another one, or there is no
                supervisor.
            OSError: the port cannot be listened on.
        """
        flags = self.flags
        cleanup = is_cleanup(flags)
        self._detector = find_detector(
            flags.require("master"),
            self._entropy,
            self._on_detected,
            warn=log.warning,
            session_timeout_s=flags["zk_session_timeout"],
        )
        self._places = find_places(flags)
        self._groups, isolation = find_isolation(flags)
        if cleanup:
            await clean_up(self._places, self._groups)
            self._is_stopped = True
            os.close(self._places.lock)
            self._on_exit(0)
            return
        check_format(self._places.work)
        self._make_edges()
        _, self.port = await self._server.listen(listen_address(flags["ip"]), flags["port"])
        host = hostinfo.detect(self._places.work)
        self.machine = Agent(self._make_config(host, isolation), self._entropy)
        self._make_apis()
        containers = self._host.adopt(await self._supervisor.connect_or_start())
        recovered = await asyncio.to_thread(self._read_checkpoints, host.boot_id, containers)
        write_text(os.path.join(self._places.work, paths.BOOT_ID), host.boot_id)
        self._begin(recovered)
        log.info(f"agent listens at {self.ip}:{self.port} ({self.hostname}), with {self.machine.state.total}")

    async def stop(self) -> None:
        """Stop serving. Tasks go on, but for those of frameworks that do not checkpoint."""
        if self._is_stopped:
            return
        self._is_stopped = True
        asyncio.get_running_loop().remove_signal_handler(signal.SIGUSR1)
        self._detector.stop()
        if self._driver is not None:
            self._driver.stop()
            self._end_what_cannot_be_recovered()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._checkpointer.flush(), FLUSH_TIMEOUT_S)
        self._checkpointer.close()
        await self._server.close()
        await self._links.close()
        self._host.close()
        self._supervisor.close()
        os.close(self._places.lock)

    # ── putting together ──────────────────────────────────────────────────────────────────────────────

    def _make_edges(self) -> None:
        flags, places = self.flags, self._places
        self.files = VirtualFiles()
        if flags["log_dir"] is not None:
            self._show(str(log_path("agent", flags["log_dir"])), "/slave/log")
        self._fetcher = Fetcher(
            places.cache,
            cache_bytes_max=flags["fetcher_cache_size"],
            frameworks_home=flags["frameworks_home"],
        )
        self._supervisor = SupervisorClient(places.socket, places.journal)
        self._host = ContainerHost(
            self._feed, self._supervisor, self._fetcher, self._groups, self._on_sandbox
        )
        self._checkpointer = Checkpointer(
            places.work, lambda ticket: self._feed(e.Checkpointed(ticket)), self._on_bug
        )
        self._links = Links()
        self._links.on_exited(self._on_link_ended)
        self._server = HttpServer(self._on_request, on_message=self._on_message)

    def _make_config(self, host: hostinfo.HostInfo, isolation: tuple[str, ...]) -> AgentConfig:
        flags = self.flags
        switch_user = flags["switch_user"] and os.geteuid() == 0
        if flags["switch_user"] and not switch_user:
            log.warning("tasks run as this agent's user: only root can switch users")
        return AgentConfig(
            pid=ids.Pid(f"{AGENT}@{self.ip}:{self.port}"),
            hostname=self.hostname,
            ip=self.ip,
            port=self.port,
            resources=agent_resources(flags, host),
            work_dir=self._places.work,
            attributes=parse_attributes(flags["attributes"] or ""),
            domain=parse_domain(flags["domain"]),
            version=MESOS_VERSION,
            registration_backoff_factor_s=flags["registration_backoff_factor"],
            executor_registration_timeout_s=flags["executor_registration_timeout"],
            executor_reregistration_timeout_s=flags["executor_reregistration_timeout"],
            executor_reregistration_retry_interval_s=flags["executor_reregistration_retry_interval"],
            executor_shutdown_grace_period_s=flags["executor_shutdown_grace_period"],
            recovery_timeout_s=flags["recovery_timeout"],
            gc_delay_s=flags["gc_delay"],
            gc_disk_headroom=flags["gc_disk_headroom"],
            disk_watch_interval_s=flags["disk_watch_interval"],
            switch_user=switch_user,
            max_completed_executors_per_framework=flags["max_completed_executors_per_framework"],
            isolation=isolation,
            libprocess_ip=flags["ip"] or os.environ.get("LIBPROCESS_IP"),
            path=os.environ.get("PATH", os.defpath),
            executor_environment=executor_environment(flags["executor_environment_variables"]),
        )

    def _make_apis(self) -> None:
        flags, state = self.flags, self.machine.state
        loop = asyncio.get_running_loop()
        self._messages = AgentMessages(self._feed, lambda: state.counters.add("dropped_messages"))
        self._executor_api = ExecutorApi(self.machine, self._feed)
        context = AgentContext(
            version=this_build(),
            flags=flags.texts,
            files=self.files,
            verbosity=Verbosity(loop.call_later, set_verbosity),
            clock=time.time,
            start_time=time.time(),
            metrics=(self._fetcher_metrics, self._transport_metrics),
            state=state,
            feed=self._feed,
            statistics=self._statistics,
            master_hostname=lambda: self._master_hostname,
        )
        self._operator_api = AgentOperatorApi(context)
        routes = agent_routes(context, self._operator_api.handle)
        executor_route = Route(f"/{AGENT}/api/v1/executor", self._executor_call)
        self._router = Router(AGENT, [executor_route, *routes])

    def _read_checkpoints(self, boot_id: str, containers: tuple[e.RecoveredContainer, ...]) -> e.Recovered:
        """Read what an earlier agent has written; called beside the loop, before the machine is started."""
        state, flags = self.machine.state, self.flags

        def tolerate(fault: str) -> None:
            log.error(f"passed over: {fault}")
            state.counters.add("recovery_errors")

        return recover(
            self._places.work,
            state.info(),
            boot_id,
            containers,
            policy=flags["reconfiguration_policy"],
            tolerate=None if flags["strict"] else tolerate,
        )

    def _begin(self, recovered: e.Recovered) -> None:
        """Start the machine: first what there is, then what has happened meanwhile, then the master."""
        self._driver = Driver(self.machine, self._performers(), clock=self._now, on_bug=self._on_bug)
        self._driver.start()
        self._driver.feed(recovered)
        for _, executor in views.executors(self.machine.state):
            self._on_sandbox(Sandbox(path=os.path.join(self._places.work, executor.directory), latest=""))
        for event in self._early:
            self._driver.feed(event)
        self._early.clear()
        self._detector.start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._unregister)

    def _now(self) -> float:
        """Seconds since the epoch, of a clock that never goes back."""
        return self._epoch_offset_s + time.monotonic()

    # ── events ────────────────────────────────────────────────────────────────────────────────────────

    def _feed(self, event: e.AgentEvent) -> None:
        if self._driver is None:
            self._early.append(event)
        else:
            self._driver.feed(event)

    def _on_request(self, request: Request, responder: Responder) -> None:
        self._router.handle(request, responder)

    def _on_message(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        return self._messages.on_message(receiver, sender, name, body)

    def _executor_call(self, request: Request, responder: Responder, rest: str) -> None:
        self._executor_api.post_call(request, responder)

    def _on_detected(self, info: MasterInfo | None) -> None:
        state = self.machine.state
        master = None if info is None else ids.Pid(info.pid)
        self._master_hostname = None if info is None else info.hostname
        if state.phase is Phase.RUNNING and state.master == master:
            self._links.link(str(master))
        else:
            log.info(f"the master is {master or 'not known'}")
            self._feed(e.MasterDetected(master))

    def _on_link_ended(self, address: str) -> None:
        state = self.machine.state
        is_master = state.master is not None and state.master.rpartition("@")[2] == address
        if is_master and state.phase is Phase.RUNNING:
            log.warning(f"the connection to the master at {address} has ended")
            self._detector.on_reached()
        elif is_master:
            self._detector.on_lost()
        self._feed(e.PeerExited(address))

    def _unregister(self) -> None:
        self._feed(e.AgentUnregisterRequested())

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────

    def _performers(self) -> dict[type, Callable[[Any], None]]:
        """Return what performs each effect. (`Authenticate` is for agents with a credential.)"""
        return {
            x.SendToMaster: self._send_to_master,
            x.SendToFramework: self._send_to_framework,
            x.Link: self._link,
            x.Checkpoint: self._checkpointer.write,
            x.RemovePath: self._remove_path,
            x.MakeVolume: lambda effect: make_volume(effect.path),
            x.RemoveVolume: self._checkpointer.remove_volume,
            x.SampleDiskUsage: lambda effect: self._checkpointer.measure_disk(
                lambda used: self._feed(e.DiskUsageSampled(used))
            ),
            x.Reply: self._operator_api.perform,
            x.Exit: self._exit,
            **WrittenFirst(self._first_performers(), self._checkpointer.after).performers(),
        }

    def _first_performers(self) -> dict[type, Callable[[Any], None]]:
        """What performs effects that may have to wait for the disk."""
        return {
            x.SendToExecutor: self._send_to_executor,
            x.CloseExecutorStream: lambda effect: self._executor_api.close(effect.stream),
            **self._host.performers(),
        }

    def _send_to_master(self, effect: x.SendToMaster) -> None:
        self._links.send(effect.master, self.machine.state.config.pid, *master_message_bytes(effect.message))

    def _send_to_framework(self, effect: x.SendToFramework) -> None:
        self._links.send(effect.pid, self.machine.state.config.pid, *master_message_bytes(effect.message))

    def _send_to_executor(self, effect: x.SendToExecutor) -> None:
        if isinstance(effect.peer, int):
            self._executor_api.send(effect.peer, effect.message)
            return
        encoded = executor_message_bytes(effect.message)
        if encoded is not None:
            self._links.send(effect.peer, self.machine.state.config.pid, *encoded)

    def _link(self, effect: x.Link) -> None:
        # The machine asks for a master again when it is silent: the old connection may be dead.
        self._links.link(effect.pid, reconnect=effect.pid == self.machine.state.master)

    def _remove_path(self, effect: x.RemovePath) -> None:
        path = os.path.join(self._places.work, effect.path)
        run = parse_run_dir(self._places.work, path)
        self.files.detach(path)
        if run is not None:
            virtual = paths.virtual_run(run.framework, run.executor)
            if self.files.subject(virtual) == path:
                self.files.detach(virtual)
        self._checkpointer.remove(effect)

    def _exit(self, effect: x.Exit) -> None:
        log.warning(f"the agent ends: {effect.message}")
        self._exiting = asyncio.get_running_loop().create_task(self._stop_and_exit(effect.code))

    async def _stop_and_exit(self, code: int) -> None:
        await self.stop()
        self._on_exit(code)

    # ── files, metrics, the end ───────────────────────────────────────────────────────────────────────

    def _on_sandbox(self, sandbox: Sandbox) -> None:
        """Show an executor's sandbox under its path, and the newest one of an executor under its ids."""
        run = parse_run_dir(self._places.work, sandbox.path)
        if run is None or sandbox.latest is None:
            return
        self._show(sandbox.path, sandbox.path)
        self._show(sandbox.path, paths.virtual_run(run.framework, run.executor))

    def _show(self, path: str, virtual_path: str) -> None:
        with suppress(FilesError):
            self.files.attach(path, virtual_path, subject=path)

    def _statistics(self, container_ids: Collection[ids.ContainerId]) -> Mapping[ids.ContainerId, Statistics]:
        return measure(container_ids, self._host.pids, self._groups, time.time())

    def _fetcher_metrics(self) -> dict[str, float]:
        prefix = "containerizer/fetcher"
        return {
            f"{prefix}/cache_size_total_bytes": self.flags["fetcher_cache_size"],
            f"{prefix}/cache_size_used_bytes": self._fetcher.cache_used_bytes,
            f"{prefix}/task_fetches_failed": self._fetcher.failed,
            f"{prefix}/task_fetches_succeeded": self._fetcher.succeeded,
        }

    def _transport_metrics(self) -> dict[str, float]:
        return transport_metrics(
            self._server.counters, self._links.counters, self._executor_api.counters, log_counters
        )

    def _end_what_cannot_be_recovered(self) -> None:
        """Kill what the next agent would not know: that of frameworks that do not checkpoint."""
        for shown in views.containers(self.machine.state):
            if shown.framework is None or not shown.framework.info.checkpoint:
                self._host.signal(shown.container_id, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Run `meseta agent`; return the exit status."""
    return run_daemon("agent", arguments, AGENT_FLAGS, FOREIGN_AGENT_FLAGS, AgentDaemon)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
