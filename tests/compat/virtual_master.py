"""Our master with its edges, on virtual time: recorded calls and messages go in as they came, at their times.

What must come out is compared with what was recorded: events by contents, order and time, messages to the
agent to the byte. Nothing sleeps, so that the timeouts of a recording cost nothing.
"""

from __future__ import annotations

import json
import random
from base64 import b64decode
from collections import deque
from pathlib import Path
from typing import Any

from meseta.allocator.constraints import constraints_fault
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.ids import MasterId, Pid
from meseta.master import effects as x
from meseta.master import events as e
from meseta.master.config import MasterConfig
from meseta.master.invariants import check
from meseta.master.master import Master
from meseta.master.registry import Recovered
from meseta.security.approvers import PERMISSIVE
from meseta.wire.agent_link import agent_event, agent_message_bytes
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.json import from_dict
from meseta.wire.scheduler_calls import call_event, subscription
from meseta.wire.scheduler_events import SchedulerEvents, master_info
from tests.compat.scheduler_replay import Json, normal

DATA = Path(__file__).parent / "data" / "scheduler"
STREAM = e.StreamId(1)
LATE_S = 1.1
"""Mesos allocates once a second, we at once; its timers may be off by what the machine was busy."""


def timed_steps(name: str) -> list[Json]:
    """The steps of a recording, with their times in seconds."""
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def master_of(steps: list[Json]) -> str:
    """The id of the master that subscribed the scheduler of a recording."""
    events = (step["body"] for step in steps if step.get("hear") == "SUBSCRIBED")
    id: str = next(events)["subscribed"]["master_info"]["id"]
    return id


class VirtualMaster:
    """A master of one framework on a stream and one agent."""

    def __init__(self, id: str, address: tuple[str, int], agent: Pid, recovered: Recovered, **config: Any):
        self.now = 0.0
        self.agent_pid = agent
        self.agent_answers = True
        self.events: deque[tuple[float, Json]] = deque()
        """What the scheduler heard and when, but for offers."""
        self.offers: dict[str, Json] = {}
        self.messages: deque[tuple[str, bytes]] = deque()
        """What the agent was told, but for pings."""
        self.ended = False
        ip, port = address
        self._encoder = SchedulerEvents(master_info(id, ip, port, ip, "1.12.0"))
        self.machine = Master(
            MasterConfig(id=MasterId(id), pid=Pid(f"master@{ip}:{port}"), hostname=ip, **config),
            HierarchicalAllocator(random.Random(1)),
            PERMISSIVE,
            epoch_offset_s=1e9,
            recovered=recovered,
        )

    def feed(self, event: e.MasterEvent) -> None:
        """Let an event happen now."""
        self._perform(self.machine.handle(event, self.now))

    def run_until(self, time: float) -> None:
        """Let time pass, ticking at every deadline."""
        while (due := self.machine.deadline()) is not None and due <= time:
            self.now = max(self.now, due)
            self._perform(self.machine.tick(self.now))
        self.now = max(self.now, time)

    def _perform(self, effects: list[x.MasterEffect]) -> None:
        check(self.machine.state)
        for effect in effects:
            if isinstance(effect, x.SendToFramework) and effect.peer == STREAM:
                self._hear(json.loads(self._encoder.v1(effect.message, as_json=True)))
            elif isinstance(effect, x.CloseStream):
                self.ended = True
            elif isinstance(effect, x.Persist):
                self.feed(e.Persisted(ticket=effect.ticket))
            elif isinstance(effect, x.SendToAgent) and effect.pid == self.agent_pid:
                self._tell_agent(effect.message)

    def _hear(self, event: Json) -> None:
        if event["type"] == "OFFERS":
            self.offers |= {offer["id"]["value"]: offer for offer in event["offers"]["offers"]}
        else:
            self.events.append((self.now, event))

    def _tell_agent(self, message: x.AgentMessage) -> None:
        if not isinstance(message, x.Ping):
            self.messages.append(agent_message_bytes(message))
        elif self.agent_answers:
            self.feed(e.PongReceived(sender=self.agent_pid))


class VirtualReplay:
    """A recording under way on a virtual master."""

    def __init__(self, name: str, master: VirtualMaster) -> None:
        self._steps = deque(timed_steps(name))
        self._master = master
        self._id: str = master.machine.state.config.id
        self._offer_ids: dict[str, str] = {}

    def run(self) -> None:
        """Take all steps. What known tasks a reconciliation tells of comes in no order."""
        while self._steps:
            step = self._steps.popleft()
            self._master.run_until(step["t"])
            if "hear" in step and step["hear"] != "OFFERS":
                together = [step]
                while self._steps and self._steps[0].get("hear") == "UPDATE" == step["hear"]:
                    together.append(self._steps.popleft())
                self._hear(together)
            else:
                self._take(step)

    def _take(self, step: Json) -> None:
        kinds = {
            "ask": self._ask,
            "hear": self._find_offer,
            "end": self._end,
            "from_agent": self._from_agent,
            "to_agent": self._to_agent,
            "exited": self._exited,
        }
        next(take for kind, take in kinds.items() if kind in step)(step)

    def _ask(self, step: Json) -> None:
        text = json.dumps(step["body"])
        for theirs, ours in self._offer_ids.items():
            text = text.replace(f'"{theirs}"', f'"{ours}"')
        call = from_dict(s.Call, json.loads(text))
        for offer_id in call.accept.offer_ids:
            del self._master.offers[offer_id.value]
        if call.type == s.Call.SUBSCRIBE:
            self._master.feed(subscription(call, STREAM, None, constraints_fault))
        elif (event := call_event(call, STREAM)) is not None:
            self._master.feed(event)

    def _from_agent(self, step: Json) -> None:
        self._master.agent_answers = True
        event = agent_event(step["from_agent"], b64decode(step["body_b64"]), self._master.agent_pid, None)
        assert event is not None
        self._master.feed(event)

    def _exited(self, step: Json) -> None:
        self._master.agent_answers = False
        self._master.feed(e.PeerExited(address=step["exited"]))

    def _to_agent(self, step: Json) -> None:
        name, body = self._master.messages.popleft()
        assert (name, body) == (step["to_agent"], b64decode(step["body_b64"]))

    def _end(self, step: Json) -> None:
        assert self._master.ended
        assert not self._master.events

    def _hear(self, steps: list[Json]) -> None:
        self._master.run_until(steps[0]["t"] + (LATE_S if not self._master.events else 0))
        expected = [self._comparable(step["body"]) for step in steps]
        heard = []
        for step in steps:
            time, event = self._master.events.popleft()
            assert abs(time - step["t"]) < LATE_S, f"{event['type']} at {time}, recorded at {step['t']}"
            heard.append(self._comparable(event))
        assert sorted(heard, key=str) == sorted(expected, key=str), f"\nheard    {heard}\nrecorded {expected}"

    def _comparable(self, event: Json) -> Json:
        text = json.dumps(event)
        for theirs, ours in self._offer_ids.items():
            text = text.replace(f'"{theirs}"', f'"{ours}"')
        if event["type"] == "RESCIND":
            made: Json = json.loads(text)  # It must be the very offer.
            return made
        comparable: Json = normal(json.loads(text), self._id)
        return comparable

    def _find_offer(self, step: Json) -> None:
        """Let time pass until there is an offer like the recorded one."""
        (recorded,) = step["body"]["offers"]["offers"]
        wanted = normal(recorded, self._id)
        while (found := self._offer_like(wanted)) is None:
            due = self._master.machine.deadline()
            offers = list(self._master.offers.values())
            if due is None or due > step["t"] + LATE_S:
                raise AssertionError(f"\nheard    {normal(offers, self._id)}\nrecorded {wanted}")
            self._master.run_until(due)
        self._offer_ids[recorded["id"]["value"]] = found

    def _offer_like(self, wanted: Json) -> str | None:
        offers = self._master.offers.items()
        return next((id for id, offer in offers if normal(offer, self._id) == wanted), None)
