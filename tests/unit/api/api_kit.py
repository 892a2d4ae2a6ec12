"""Daemons without a network: requests in, answers and streams out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from meseta.agent.state import State as AgentState
from meseta.api.agent_operator import AgentOperatorApi
from meseta.api.agent_v0 import agent_routes
from meseta.api.build import this_build
from meseta.api.context import AgentContext, MasterContext
from meseta.api.master_operator import MasterOperatorApi
from meseta.api.master_v0 import master_routes
from meseta.api.replies import Replies
from meseta.api.router import Router
from meseta.api.verbosity import Verbosity
from meseta.master.effects import Publish, Reply
from meseta.master.state import State as MasterState
from meseta.runtime.files import VirtualFiles
from meseta.runtime.http1 import Request, Response
from meseta.wire import recordio
from meseta.wire.scheduler_events import SchedulerEvents, master_info
from tests.unit.master.master_kit import MASTER_ID, Playground


class FakeStream:
    """What was written to an endless answer."""

    def __init__(self, on_closed: list[Callable[[str], None]]) -> None:
        self.written: list[bytes] = []
        self.ended = False
        self._on_closed = on_closed

    def write(self, record: bytes) -> None:
        self.written.append(record)

    def end(self) -> None:
        self.ended = True

    def on_closed(self, callback: Callable[[str], None]) -> None:
        self._on_closed.append(callback)

    def events(self) -> list[Any]:
        """The JSON records so far."""
        decoder = recordio.Decoder(1 << 24)
        return [json.loads(record) for chunk in self.written for record in decoder.feed(chunk)]


class FakeResponder:
    """Keeps the answer to one request."""

    def __init__(self) -> None:
        self.response: Response | None = None
        self.head: Response | None = None
        self.stream: FakeStream | None = None
        self.aborted = False
        self._callbacks: list[Callable[[str], None]] = []

    def send(self, response: Response) -> None:
        assert self.response is None, "a request is answered once"
        self.response = response

    def start_stream(self, head: Response) -> FakeStream:
        self.head = head
        self.stream = FakeStream(self._callbacks)
        return self.stream

    def abort(self) -> None:
        self.aborted = True

    def on_closed(self, callback: Callable[[str], None]) -> None:
        self._callbacks.append(callback)

    def leave(self) -> None:
        """Let the peer go."""
        for callback in self._callbacks:
            callback("peer")

    @property
    def code(self) -> int:
        assert self.response is not None, "there is no answer yet"
        return self.response.status

    @property
    def text(self) -> str:
        assert self.response is not None, "there is no answer yet"
        return self.response.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def headers(self) -> dict[str, str]:
        assert self.response is not None, "there is no answer yet"
        return dict(self.response.headers)


class FakeTimer:
    """A callback that a test may let happen."""

    def __init__(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.delay_s = delay_s
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Timers:
    """Timers that are set and neither cancelled nor over."""

    def __init__(self) -> None:
        self.all: list[FakeTimer] = []

    def later(self, delay_s: float, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(delay_s, callback)
        self.all.append(timer)
        return timer

    def fire(self) -> None:
        """Let all of them happen."""
        pending, self.all = self.all, []
        for timer in pending:
            if not timer.cancelled:
                timer.callback()


class _Site:
    """A router to ask."""

    router: Router

    def ask(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> FakeResponder:
        """Send a request; return what came back."""
        responder = FakeResponder()
        request = Request(method, target, dict(headers or {}), body)
        self.router.handle(request, responder)  # type: ignore[arg-type]
        return responder

    def get(self, target: str) -> FakeResponder:
        """GET a page."""
        return self.ask("GET", target)

    def call(self, type: str, **fields: Any) -> FakeResponder:
        """Make a call of the operator API, in JSON."""
        body = json.dumps({"type": type, **fields}).encode()
        return self.ask("POST", "/api/v1", body, {"content-type": "application/json"})


class MasterSite(_Site):
    """The endpoints of a master."""

    def __init__(
        self, play: Playground | None = None, state: MasterState | None = None, **changes: Any
    ) -> None:
        self.play = play or Playground()
        self.timers = Timers()
        self.replies = Replies()
        info = master_info(MASTER_ID, "10.0.0.1", 5050, "master", "1.12.0")
        settings: dict[str, Any] = {
            "version": this_build(),
            "flags": {"cluster": "test", "log_dir": "/var/log/meseta", "port": "5050"},
            "files": VirtualFiles(),
            "verbosity": Verbosity(self.timers.later, lambda level: None),
            "clock": lambda: 1_000_100.0,
            "start_time": 1_000_000.0,
            "state": state or self.play.state,
            "feed": self.feed,
            "replies": self.replies,
            "info": info,
            "offers": SchedulerEvents(info),
            "later": self.timers.later,
            "elected_time": 1_000_000.5,
            "leader": lambda: info,
        }
        self.context = MasterContext(**{**settings, **changes})
        self.operator = MasterOperatorApi(self.context)
        self.router = Router("master", master_routes(self.context, self.operator.handle))

    def feed(self, event: Any) -> None:
        """Feed the machine, and perform what concerns operators."""
        for effect in self.play.feed(event):
            if isinstance(effect, Reply):
                self.replies.send(effect.request, effect.code, effect.text)
            elif isinstance(effect, Publish):
                self.operator.publish(effect)


class AgentSite(_Site):
    """The endpoints of an agent."""

    def __init__(self, state: AgentState, **changes: Any) -> None:
        self.timers = Timers()
        self.fed: list[Any] = []
        self.measured: dict[str, dict[str, float]] = {}
        settings: dict[str, Any] = {
            "version": this_build(),
            "flags": {"log_dir": "/var/log/meseta", "port": "5051"},
            "files": VirtualFiles(),
            "verbosity": Verbosity(self.timers.later, lambda level: None),
            "clock": lambda: 1_000_100.0,
            "start_time": 1_000_000.0,
            "state": state,
            "feed": self.fed.append,
            "statistics": lambda ids: {id: self.measured[id] for id in ids if id in self.measured},
            "master_hostname": lambda: "master",
        }
        self.context = AgentContext(**{**settings, **changes})
        self.operator = AgentOperatorApi(self.context)
        process = state.config.pid.partition("@")[0]
        self.router = Router(process, agent_routes(self.context, self.operator.handle))
