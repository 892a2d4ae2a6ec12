"""An agent's executor API: the streams of its v1 executors, and their calls (see `api.executor`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.agent.agent import Agent
from meseta.agent.effects import CloseExecutorStream, ExecutorMessage
from meseta.agent.events import AgentEvent, ExecutorStreamClosed
from meseta.agent.views import executor_call_fault
from meseta.sim.connections import Exchange
from meseta.sim.executor_routing import NEVER_ON_STREAMS, Refused, Subscribe


class ExecutorDoor:
    """The executor API in one life of one agent."""

    def __init__(self, machine: Agent, feed: Callable[[AgentEvent], None]) -> None:
        self._machine = machine
        self._feed = feed
        self._streams: dict[int, Exchange] = {}
        self._opened: dict[Exchange, int] = {}
        self._clients: dict[Exchange, None] = {}
        self._last = 0

    def serve(self, exchange: Exchange, message: Any) -> None:
        """Take a call; one that is refused is answered, all others only by what comes of them."""
        self._clients[exchange] = None
        subscribes = isinstance(message, Subscribe)
        fault = executor_call_fault(
            self._machine.state, message.framework_id, message.executor_id, subscribe=subscribes
        )
        if not subscribes and fault is None:
            self._feed(message)
        elif fault is None:
            self._last += 1
            self._streams[self._last] = exchange
            self._opened[exchange] = self._last
            self._feed(message.event(self._last))
        elif subscribes:
            exchange.reply(Refused(fault.code, fault.text))

    def on_client_gone(self, exchange: Exchange) -> None:
        """An executor's connection is gone."""
        self._clients.pop(exchange, None)
        stream = self._opened.pop(exchange, None)
        if stream is not None and self._streams.pop(stream, None) is not None:
            self._feed(ExecutorStreamClosed(stream))

    def send(self, stream: int, message: ExecutorMessage) -> None:
        """Perform `SendToExecutor`; a stream that is gone by now is no error."""
        exchange = self._streams.get(stream)
        if exchange is not None and not isinstance(message, NEVER_ON_STREAMS):
            exchange.reply(message)

    def close_stream(self, effect: CloseExecutorStream) -> None:
        """Perform `CloseExecutorStream`."""
        exchange = self._streams.pop(effect.stream, None)
        if exchange is not None:
            self._opened.pop(exchange, None)
            self._clients.pop(exchange, None)
            exchange.finish()

    def close(self) -> None:
        """The agent's process is gone."""
        for exchange in self._clients:
            exchange.die_at_server()
