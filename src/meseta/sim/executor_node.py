"""An executor of a framework's own: a process that an agent starts, and that outlives the agent.

    v1   the session of the SDK, on an HTTP stream and calls beside it
    v0   what libmesos's drivers do, on libprocess messages and links (`libprocess_executor`)

It is on its agent's machine: no partition is between them, and no connection breaks while both live.
What it knows of its agent it has from the environment that this has started it with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from meseta.agent.effects import StartContainer
from meseta.agent.events import (
    ExecutorRegistered,
    ExecutorReregistered,
    ExecutorUpdated,
    MessageForFrameworkReceived,
    UnacknowledgedUpdate,
)
from meseta.ids import Pid, TaskId, new_uuid
from meseta.records import TaskSource, TaskState, TaskStatus, is_terminal
from meseta.sdk import executor_events as sdk
from meseta.sdk.environment import ExecutorEnvironment, read_environment
from meseta.sdk.executor_session import ExecutorSession
from meseta.sim.clock import Clock
from meseta.sim.connections import Exchange, Mailer
from meseta.sim.executor_routing import Refused, Subscribe, session_event
from meseta.sim.executor_tasks import Work
from meseta.sim.libprocess_executor import Heard, LibprocessExecutor, LinkBroken, Register, Reregister
from meseta.sim.network import Mail, Network
from meseta.sim.node import Node, Observer
from meseta.sim.programs import ExecutorProgram

HANGING_S = 0.1
"""How often a process that hangs is looked at by what it has to do."""
OK = 0


class ExecutorNode(Node[sdk.Event, sdk.Effect]):
    """One process of an executor. It lives once."""

    def __init__(
        self,
        network: Network,
        address: str,
        clock: Clock,
        observers: list[Observer],
        *,
        agent: Pid,
        start: StartContainer,
        program: ExecutorProgram,
        ran: set[str],
        on_exit: Callable[[int], None],
    ) -> None:
        """`ran` notes which tasks were started, `on_exit` is told when the process ends by itself."""
        super().__init__(network.world, program.what, address, clock, observers)
        self.network = network
        self.program = program
        self.environment = read_environment(dict(start.plan.environment))
        self._agent = agent
        self._pid = Pid(f"executor(1)@{address}")
        self._on_exit = on_exit
        self._entropy = network.world.chance(f"{address}/executor")
        self._mailer = Mailer(network, self, lambda record: False)
        self._stream: Exchange | None = None
        self._calls: Exchange | None = None
        self.work = Work(self, program, network.world.chance(f"{address}/tasks"), ran)
        network.add(self)
        self._begin()

    def _begin(self) -> None:
        wait_s = _recovery_timeout_s(self.environment)
        if self.program.libprocess:
            self.boot(LibprocessExecutor(recovery_timeout_s=wait_s), self.performers())
        else:
            backoff_max_s = self.environment.backoff_max_s
            session = ExecutorSession(self._entropy, recovery_timeout_s=wait_s, backoff_max_s=backoff_max_s)
            self.boot(session, self.performers())
        self.later(self.program.late, partial(self.feed, sdk.Started()))

    # ── as its machine sees it ────────────────────────────────────────────────────────────────────────

    def kill(self) -> None:
        """End at once."""
        self.halt()
        self._mailer.close()
        for exchange in filter(None, (self._stream, self._calls)):
            exchange.die_at_client()
        self.network.host_died(self.address)

    def tasks(self) -> list[str]:
        """Return the names of the tasks that it runs."""
        return list(self.work.running)

    # ── as its tasks see it ───────────────────────────────────────────────────────────────────────────

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something later: not if the process is over by then, and not while it hangs."""
        self.world.after(delay_s, partial(self._do, action))

    def _do(self, action: Callable[[], None]) -> None:
        if self.paused:
            self.world.after(HANGING_S, partial(self._do, action))
        elif self.up:
            action()

    def report(self, task_id: TaskId, state: TaskState) -> None:
        """Tell the agent of a task."""
        status = TaskStatus(
            task_id=task_id,
            state=state,
            source=TaskSource.SOURCE_EXECUTOR,
            agent_id=self.environment.agent_id,
            executor_id=self.environment.executor_id,
            uuid=new_uuid(self._entropy),
        )
        assert status.uuid is not None
        self.feed(
            sdk.UpdateMade(task_id=task_id, uuid=status.uuid, terminal=is_terminal(state), payload=status)
        )

    def say(self, data: bytes) -> None:
        """Send a message to the framework."""
        self.feed(sdk.MessageMade(payload=data))

    def stop(self) -> None:
        """End, when what was reported has arrived."""
        self.feed(sdk.StopRequested())

    # ── what arrives ──────────────────────────────────────────────────────────────────────────────────

    def on_mail(self, mail: Mail) -> None:
        """A message of the agent arrives."""
        self.feed(Heard(message=mail.record))

    def on_peer_exited(self, address: str) -> None:
        """The link to the agent broke."""
        self.feed(LinkBroken())

    def serve(self, exchange: Exchange, message: Any) -> None:
        """Nobody connects to an executor on HTTP."""
        raise AssertionError(f"{self.name} serves nobody")

    def on_client_gone(self, exchange: Exchange) -> None:
        """See `serve`."""
        raise AssertionError(f"{self.name} serves nobody")

    def _on_record(self, attempt: int, message: Any) -> None:
        if isinstance(message, Refused):
            self.feed(sdk.StreamRefused(attempt=attempt, status=message.status, reason=message.reason))
        else:
            self.feed(session_event(message, attempt))

    def _on_stream_lost(self, attempt: int, reason: str) -> None:
        self._stream = None
        self.feed(sdk.StreamBroken(attempt=attempt, reason=reason))

    def _on_calls_lost(self, reason: str) -> None:
        self._calls = None

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────

    def performers(self) -> dict[type, Callable[[Any], None]]:
        """Return what performs each kind of effect."""
        return {
            Register: self._register,
            Reregister: self._reregister,
            sdk.OpenStream: self._open_stream,
            sdk.CloseStream: self._close_stream,
            sdk.SendUpdate: self._send_update,
            sdk.SendMessage: self._send_message,
            sdk.SendHeartbeat: lambda effect: None,
            sdk.RefuseUpdate: self._refuse_update,
            sdk.Deliver: lambda effect: self.work.on_told(effect.payload),
            sdk.ReportSubscribed: lambda effect: self.work.on_subscribed(effect.payload),
            sdk.ReportDisconnected: lambda effect: None,
            sdk.ReportShutdown: lambda effect: self._leave(),
            sdk.ReportStopped: lambda effect: self._on_exit(OK),
        }

    def _leave(self) -> None:
        """Let the tasks end; drivers of libmesos do not wait for that longer than the agent does."""
        self.work.leave()
        if self.program.libprocess:
            self.later(self.environment.shutdown_grace_s, partial(self._on_exit, OK))

    def _open_stream(self, effect: sdk.OpenStream) -> None:
        attempt = effect.attempt
        self._stream = Exchange(
            self.network,
            self.address,
            _address(self._agent),
            partial(self._on_record, attempt),
            partial(self._on_stream_lost, attempt),
        )
        environment = self.environment
        self._stream.request(
            Subscribe(environment.framework_id, environment.executor_id, effect.tasks, effect.updates)
        )

    def _close_stream(self, effect: sdk.CloseStream) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _send_update(self, effect: sdk.SendUpdate) -> None:
        self._call(
            ExecutorUpdated(
                framework_id=self.environment.framework_id,
                executor_id=self.environment.executor_id,
                status=effect.payload,
                peer=self._pid if self.program.libprocess else None,
            )
        )

    def _send_message(self, effect: sdk.SendMessage) -> None:
        self._call(
            MessageForFrameworkReceived(
                framework_id=self.environment.framework_id,
                executor_id=self.environment.executor_id,
                data=effect.payload,
            )
        )

    def _call(self, call: Any) -> None:
        """Tell the agent something; whether it arrives is not known here."""
        if self.program.libprocess:
            self._mailer.send(Mail(self._pid, self._agent, call))
            return
        if self._calls is None:
            self._calls = Exchange(
                self.network,
                self.address,
                _address(self._agent),
                lambda answer: None,
                self._on_calls_lost,
            )
        self._calls.request(call)

    def _refuse_update(self, effect: sdk.RefuseUpdate) -> None:
        raise AssertionError(f"{self.name} says too much of {effect.task_id}")

    def _register(self, effect: Register) -> None:
        environment = self.environment
        self._mailer.link(self._agent)
        registered = ExecutorRegistered(
            pid=self._pid, framework_id=environment.framework_id, executor_id=environment.executor_id
        )
        self._mailer.send(Mail(self._pid, self._agent, registered))

    def _reregister(self, effect: Reregister) -> None:
        self._mailer.link_anew(self._agent)
        reregistered = ExecutorReregistered(
            pid=self._pid,
            framework_id=self.environment.framework_id,
            executor_id=self.environment.executor_id,
            unacknowledged_tasks=effect.tasks,
            unacknowledged_updates=tuple(map(UnacknowledgedUpdate, effect.updates)),
        )
        self._mailer.send(Mail(self._pid, self._agent, reregistered))


def _recovery_timeout_s(environment: ExecutorEnvironment) -> float | None:
    return environment.recovery_timeout_s if environment.checkpoint else None


def _address(pid: Pid) -> str:
    """Return the `ip:port` part of a pid."""
    return pid.rpartition("@")[2]
