"""What is no HTTP, too much of it, or no call: refused as defined, counted, and nobody else is disturbed."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from meseta.testing.process import Process
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from tests.integration.bad_input_kit import Bystander, HttpScheduler, Raw, case, counted, metrics, task
from tests.integration.cluster import pid_of, running_master

CALL = b"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
MIB = 1024 * 1024


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello in TLS",
        b"GET\r\n\r\n",
        b"\x00" * 5000,
        b"POST /master/mesos.internal.RegisterSlaveMessage HTTP/9.9\r\n\r\n",
        CALL + b"Content-Length: -1\r\n\r\n",
        CALL + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        CALL + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["tls", "no target", "zeros", "version", "negative length", "two lengths", "bad chunk", "http2"],
)
@case
async def test_what_is_no_http_ends_its_connection(garbage: bytes) -> None:
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        async with other.busy(), counted(address, "meseta/http_bad_requests"), Raw(address) as raw:
            raw.send(garbage)
            answer = await raw.read_all()
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
        await other.run_task()


@case
async def test_requests_over_a_limit_are_refused() -> None:
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        async with other.busy():
            async with counted(address, "meseta/http_heads_over_limit"), Raw(address) as raw:
                raw.send(b"GET /state HTTP/1.1\r\nX: " + b"x" * MIB + b"\r\n\r\n")
                assert await raw.status() == 431
            async with counted(address, "meseta/http_bodies_over_limit"), Raw(address) as raw:
                raw.send(CALL + b"Content-Length: 100000000000\r\n\r\n{}")
                assert await raw.status() == 413
            async with counted(address, "meseta/http_bodies_over_limit"), Raw(address) as raw:
                bomb = gzip.compress(bytes(80 * MIB))
                raw.send(CALL + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)
                assert await raw.status() == 413
        await other.run_task()


@case
async def test_a_body_that_breaks_off_is_nobodys_call() -> None:
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        before = await metrics(address)
        async with Raw(address) as raw:
            raw.send(CALL + b'Content-Length: 100\r\n\r\n{"type":"TEARDOWN"')
        async with Raw(address) as raw:
            raw.send(b"POST /master/x HTTP/1.1\r\nLibprocess-From: a@b:1\r\nContent-Length: 9\r\n\r\nabc")
        await other.run_task()
        after = await metrics(address)
        assert after["meseta/messages_undeliverable"] == before["meseta/messages_undeliverable"]
        assert after["master/frameworks_active"] == 1


@pytest.mark.parametrize(
    ("body", "headers", "answer"),
    [
        (b"{", {"content_type": "application/json"}, (400, "Failed to parse body into JSON")),
        (b"[" * 100_000, {"content_type": "application/json"}, (400, "Failed to parse body into JSON")),
        (
            b'{"type":"NO_SUCH"}',
            {"content_type": "application/json"},
            (400, "Expecting 'type' to be present"),
        ),
        (b'{"type":7}', {"content_type": "application/json"}, (400, "Not expecting a JSON number")),
        (b"\xff\xff", {}, (400, "Failed to parse body into Call protobuf")),
        (b"\x08\x63", {}, (400, "Expecting 'type' to be present")),
        (b"", {}, (400, "Expecting 'type' to be present")),
        (b"\n\x04\n\x02\xff\xfe", {}, (400, "Failed to parse body into Call protobuf")),
        (b"{}", {"content_type": "text/plain"}, (415, "Expecting 'Content-Type' of")),
        (b"{}", {"content_type": ""}, (415, "Expecting 'Content-Type' of")),
    ],
)
@case
async def test_what_is_no_call_is_refused(
    body: bytes, headers: dict[str, str], answer: tuple[int, str]
) -> None:
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        async with counted(address, "meseta/scheduler_calls_refused"):
            code, text = await other.framework.post(body, **headers)
        assert code == answer[0]
        assert answer[1] in text
        await other.run_task()


@case
async def test_unknown_fields_do_no_harm() -> None:
    async with running_master() as master, Bystander(f"{master.ip}:{master.port}") as other:
        framework = other.framework
        known = framework.call(s.Call.REVIVE).SerializeToString()
        assert await framework.post(known + b"\xfa\x7f\x03abc") == (202, "")
        text = b'{"type":"REVIVE","framework_id":{"value":"%s","x":{}},"y":[1]}' % framework.id.encode()
        assert await framework.post(text, content_type="application/json") == (202, "")
        await other.run_task()


@pytest.mark.parametrize("stream_id", ["", "nonsense", "x" * 10_000, "of another"])
@case
async def test_a_call_with_a_wrong_stream_id_is_refused(stream_id: str) -> None:
    async with (
        running_master() as master,
        Bystander(address := f"{master.ip}:{master.port}") as other,
        HttpScheduler(address, wants_offers=False) as stranger,
        counted(address, "meseta/scheduler_calls_refused"),
    ):
        wrong = stranger.stream_id if stream_id == "of another" else stream_id
        teardown = other.framework.call(s.Call.TEARDOWN)
        code, text = await other.framework.post(teardown, mesos_stream_id=wrong)
        assert code == 400
        assert "didn't match the stream ID" in text or "should include the 'Mesos-Stream-Id' header" in text
        await other.run_task()


@case
async def test_messages_to_nobody_and_of_no_known_kind() -> None:
    async with (
        running_master() as master,
        Bystander(address := f"{master.ip}:{master.port}") as other,
        Process("stranger") as stranger,
    ):
        pid = pid_of(master)
        async with counted(address, "meseta/messages_undeliverable"):
            stranger.send(f"nobody@{address}", b"", name="mesos.internal.PongSlaveMessage")
        async with counted(address, "master/dropped_messages", 3):
            stranger.send(pid, b"", name="mesos.internal.NoSuchMessage")
            stranger.send(pid, b"\xff", name="mesos.internal.RegisterSlaveMessage")
            stranger.send(pid, b"", name="mesos.internal.UnregisterSlaveMessage")
        async with counted(address, "master/dropped_messages"), Raw(address) as raw:
            raw.send(
                b"POST /master/mesos.internal.PongSlaveMessage HTTP/1.1\r\nLibprocess-From: no pid\r\n\r\n"
            )
            assert await raw.status() == 202
        async with counted(address, "meseta/messages_malformed"), Raw(address) as raw:
            raw.send(b"POST /ma%zzster/x HTTP/1.1\r\nLibprocess-From: a@b:1\r\n\r\n")
            assert await raw.status() == 400
        await other.run_task()


@case
async def test_messages_of_agents_that_are_unknown_or_others() -> None:
    async with (
        running_master() as master,
        Bystander(address := f"{master.ip}:{master.port}") as other,
        Process("slave(1)") as stranger,
    ):
        pid = pid_of(master)
        update = i.StatusUpdateMessage(pid=stranger.pid)
        update.update.timestamp, update.update.uuid = 1.0, b"u" * 6 + b"\x40" + b"u" * 9
        update.update.framework_id.value = other.framework.id
        update.update.status.task_id.value, update.update.status.state = "t0", m.TASK_FAILED
        async with counted(address, "master/invalid_status_updates", 2):
            for agent_id in ("no such", other.agent.id):
                update.update.slave_id.value = agent_id
                stranger.send(pid, update)
        stranger.send(pid, i.UnregisterSlaveMessage(slave_id=m.AgentID(value=other.agent.id)))
        gone = i.ExitedExecutorMessage(status=0)
        gone.slave_id.value, gone.framework_id.value = other.agent.id, other.framework.id
        gone.executor_id.value = "e"
        stranger.send(pid, gone)
        stranger.send(pid, i.PongSlaveMessage())
        await other.run_task()
        assert (await metrics(address))["master/slaves_active"] == 1


@pytest.mark.parametrize(
    ("agent_id", "may_join"), [("x-S\n", 0), ("x-S", 1), ("a/b", 0), ("x" * 300, 0), ("x-S٣", 1)]
)
@case
async def test_an_agent_with_an_odd_id(agent_id: str, may_join: int) -> None:
    """Its id is a part of the name of the process that pings it."""
    async with (
        running_master("--agent_ping_timeout=50ms", "--max_agent_ping_timeouts=1000") as master,
        Bystander(address := f"{master.ip}:{master.port}") as other,
        Process("slave(1)") as stranger,
    ):
        message = i.ReregisterSlaveMessage(slave=other.agent.registration().slave, version="1.12.0")
        message.slave.id.value = agent_id
        stranger.send(pid_of(master), message)
        for _ in range(3):
            await asyncio.sleep(0.06)
            await other.run_task()
        assert (await metrics(address))["master/slave_reregistrations"] == may_join


@pytest.mark.parametrize("framework_id", ["a\x01b", "a/b", "..", "x" * 300, "é\n"])
@case
async def test_a_framework_with_an_odd_id(framework_id: str) -> None:
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        scheduler = HttpScheduler(address, name="a\x1b[31m\nb")
        scheduler.subscription.subscribe.framework_info.id.value = framework_id
        call = scheduler.subscription
        call.framework_id.value = framework_id
        body = call.SerializeToString()
        async with Raw(address) as raw:
            raw.send(
                b"POST /api/v1/scheduler HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
                b"Accept: application/x-protobuf\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                % len(body)
            )
            raw.send(body)
            answer = await raw.read_all()
        assert b"200 OK" in answer
        assert (
            b"ID must not be" in answer or b"contains invalid characters" in answer or b"disallowed" in answer
        )
        await other.run_task()


@case
async def test_ids_with_control_characters_in_calls() -> None:
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        framework = other.framework
        offer = await framework.offer()
        bad = [task(name, other.agent.id) for name in ("a\x01", "a/b", "..", "", "x" * 300, "a\n\x7f")]
        async with counted(address, "master/tasks_error", len(bad)):
            assert (await framework.post(framework.launch(offer, *bad)))[0] == 202
        for info in bad:
            event = await framework.event(
                s.Event.UPDATE, lambda e, id=info.task_id.value: e.update.status.task_id.value == id
            )
            assert event.update.status.state == m.TASK_ERROR
        for kind in (s.Call.KILL, s.Call.RECONCILE):
            call = framework.call(kind)
            if kind == s.Call.KILL:
                call.kill.task_id.value = "a\x00"
            else:
                call.reconcile.tasks.add().task_id.value = "a\x00"
            assert (await framework.post(call))[0] == 202
            assert (await framework.event(s.Event.UPDATE)).update.status.task_id.value == "a\x00"
        await other.run_task()
