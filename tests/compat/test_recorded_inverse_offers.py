"""Inverse offers of a live Mesos: ours are written the same, and come at the same times after the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from meseta.ids import Pid
from meseta.master import effects, events
from meseta.master.events import RequestId, StreamId
from meseta.records import AgentInfo, Filters, MachineId, Unavailability, Window
from meseta.resources import Resources
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.scheduler_events import SchedulerEvents
from tests.unit.master.master_kit import STREAM, Playground, task

DATA = Path(__file__).parent / "data" / "scheduler" / "inverse_offers.jsonl"
ROWS = [json.loads(line) for line in DATA.read_text().splitlines()]
SLACK_S = 1.0
"""Mesos asks again with the batch of its allocator, ours too, but their clocks do not agree."""


def without_ids(value: Any) -> Any:
    """Leave out what differs from run to run."""
    if isinstance(value, list):
        return [without_ids(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: without_ids(each) for key, each in value.items() if not (key == "value" and len(value) == 1)}


def test_inverse_offers_are_as_recorded() -> None:
    first = json.loads(ROWS[0]["body"])["inverse_offers"]["inverse_offers"][0]["unavailability"]
    when = Unavailability(first["start"]["nanoseconds"], first["duration"]["nanoseconds"])
    play = Playground()
    framework_id = play.subscribe()
    pid = Pid("slave(1)@127.0.0.1:17161")
    info = AgentInfo(hostname="127.0.0.1", port=17161, resources=Resources.scalars(cpus=2, mem=1024))
    play.feed(
        events.RegistrationRequested(
            sender=pid, info=info, version="1.12.0", capabilities=frozenset({"MULTI_ROLE"})
        )
    )
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, task("t1", offer.agent.id))
    machine = MachineId("127.0.0.1", "127.0.0.1")
    encoder = SchedulerEvents(m.MasterInfo())
    done = plan(play, Window((machine,), when))
    answered = ROWS[0]["t"]
    for row in ROWS:
        body = json.loads(row["body"])
        if row["what"] in ("ACCEPT_INVERSE_OFFERS", "DECLINE_INVERSE_OFFERS"):
            asked = told(done, effects.InverseOffered)
            ids = tuple(each.offer_id for each in asked.offers)
            answer(play, framework_id, row["what"], ids, body)
            answered = row["t"]
            continue
        if row["what"] == "RESCIND_INVERSE_OFFER":
            done = plan(play)
            message: effects.FrameworkMessage = told(done, effects.InverseRescinded)
        else:
            done = until_asked(play, row["t"] - answered + SLACK_S)
            message = told(done, effects.InverseOffered)
        ours = json.loads(encoder.v1(message, as_json=True))
        assert without_ids(ours) == without_ids(body)


def until_asked(play: Playground, seconds: float) -> list[effects.MasterEffect]:
    """Let time pass until there are inverse offers, at most so many seconds."""
    end = play.now + seconds
    while play.now < end:
        done = play.run(0.1)
        if any(isinstance(getattr(effect, "message", None), effects.InverseOffered) for effect in done):
            return done
    return []


def plan(play: Playground, *windows: Window) -> list[effects.MasterEffect]:
    return play.feed(events.MaintenanceScheduled(request=RequestId(1), windows=windows))


def answer(play: Playground, framework_id: Any, what: str, ids: tuple[Any, ...], body: Any) -> None:
    """Answer as the recorded framework did."""
    kind: type[Any] = events.InverseOffersAccepted if "ACCEPT" in what else events.InverseOffersDeclined
    given = body[what.lower()].get("filters", {}).get("refuse_seconds")
    filters = {} if given is None else {"filters": Filters(refuse_s=given)}
    play.call(kind, framework_id, offer_ids=ids, **filters)


def told(done: list[effects.MasterEffect], kind: type[Any]) -> Any:
    """The only message of a kind."""
    (message,) = [
        effect.message
        for effect in done
        if isinstance(effect, effects.SendToFramework)
        and effect.peer == StreamId(STREAM)
        and isinstance(effect.message, kind)
    ]
    return message
