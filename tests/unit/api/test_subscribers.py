"""Event streams of operators."""

from __future__ import annotations

from meseta.master.effects import TaskAdded
from meseta.records import TaskState
from meseta.wire import recordio
from meseta.wire.gen import master_pb2 as ma
from meseta.wire.v1_operator_events import event
from tests.unit.api.api_kit import FakeStream, MasterSite
from tests.unit.master.master_kit import Playground, register, subscribe, task


def _open(site: MasterSite) -> FakeStream:
    responder = site.call("SUBSCRIBE")
    assert responder.stream is not None
    return responder.stream


def test_a_stream_begins_with_all_that_there_is() -> None:
    play = Playground()
    play.running()
    site = MasterSite(play)
    responder = site.call("SUBSCRIBE")
    assert responder.head is not None
    assert responder.head.headers == (("Content-Type", "application/json"),)
    assert responder.stream is not None
    subscribed, heartbeat = responder.stream.events()
    assert subscribed["type"] == "SUBSCRIBED"
    assert subscribed["subscribed"]["heartbeat_interval_seconds"] == 15.0
    assert len(subscribed["subscribed"]["get_state"]["get_tasks"]["tasks"]) == 1
    assert heartbeat == {"type": "HEARTBEAT"}


def test_then_come_changes_as_they_happen() -> None:
    site = MasterSite()
    stream = _open(site)
    site.feed(register())
    site.feed(subscribe(1))  # type: ignore[arg-type]
    (framework_id,), (agent_id,) = site.play.state.frameworks, site.play.state.agents
    (offer,) = site.play.offers(framework_id)
    for effect in site.play.launch(framework_id, offer, task("t1", agent_id, raw=b"")):
        if type(effect).__name__ == "Publish":
            site.operator.publish(effect)  # type: ignore[arg-type]
    for effect in site.play.update(framework_id, agent_id, "t1", TaskState.TASK_RUNNING):
        if type(effect).__name__ == "Publish":
            site.operator.publish(effect)  # type: ignore[arg-type]
    events = stream.events()[2:]
    assert [each["type"] for each in events] == [
        "AGENT_ADDED",
        "FRAMEWORK_ADDED",
        "TASK_ADDED",
        "TASK_UPDATED",
    ]
    assert events[0]["agent_added"]["agent"]["agent_info"]["id"]["value"] == agent_id
    assert events[1]["framework_added"]["framework"]["unregistered_time"] == {"nanoseconds": 0}
    assert events[2]["task_added"]["task"]["state"] == "TASK_STAGING"
    assert events[3]["task_updated"]["state"] == "TASK_RUNNING"
    site.call("TEARDOWN", teardown={"framework_id": {"value": framework_id}})
    assert stream.events()[-1]["type"] == "FRAMEWORK_REMOVED"


def test_an_event_about_what_is_gone_is_left_out() -> None:
    site = MasterSite()
    gone = TaskAdded("f", "t")  # type: ignore[arg-type]
    assert event(site.operator.streams._answers(True), site.play.state, gone) is None


def test_protobuf_streams_are_told_the_same() -> None:
    site = MasterSite()
    headers = {"content-type": "application/x-protobuf", "accept": "application/x-protobuf"}
    body = ma.Call(type=ma.Call.SUBSCRIBE).SerializeToString()
    responder = site.ask("POST", "/api/v1", body, headers)
    site.feed(register())
    assert responder.stream is not None
    decoder = recordio.Decoder(1 << 20)
    records = [record for chunk in responder.stream.written for record in decoder.feed(chunk)]
    kinds = [ma.Event.Type.Name(ma.Event.FromString(record).type) for record in records]
    assert kinds == ["SUBSCRIBED", "HEARTBEAT", "AGENT_ADDED"]


def test_heartbeats_go_on_until_the_peer_leaves() -> None:
    site = MasterSite()
    responder = site.call("SUBSCRIBE")
    site.timers.fire()
    site.timers.fire()
    assert responder.stream is not None
    assert [each["type"] for each in responder.stream.events()].count("HEARTBEAT") == 3
    assert site.play.state.subscribers == 1
    responder.leave()
    assert site.play.state.subscribers == 0
    site.timers.fire()
    assert [each["type"] for each in responder.stream.events()].count("HEARTBEAT") == 3


def test_beyond_the_limit_the_oldest_stream_ends() -> None:
    site = MasterSite(subscribers_max=2)
    first, second, third = _open(site), _open(site), _open(site)
    assert (first.ended, second.ended, third.ended) == (True, False, False)
    assert len(site.operator.streams) == site.play.state.subscribers == 2
