"""Peers that keep to the protocol and still ask for too much: too slow, too fast, too large, or silent."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from meseta.testing.process import Process
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from tests.integration.bad_input_kit import (
    Bystander,
    HttpScheduler,
    Raw,
    case,
    counted,
    metrics,
    raw_request,
    task,
)
from tests.integration.cluster import PlayedAgent, pid_of, running_master
from tests.integration.daemons import DaemonProcess

MIB = 1024 * 1024
FLOOD_CALLS = 100_000
FLOOD_UPDATES = 20_000


# Silent and slow ----------------------------------------------------------------------------------------


@case
async def test_what_a_silent_framework_is_offered_goes_to_others() -> None:
    async with running_master("--offer_timeout=200ms", "--allocation_interval=50ms") as master:
        address = f"{master.ip}:{master.port}"
        async with PlayedAgent(pid_of(master)), HttpScheduler(address, name="silent") as silent:
            offer = await silent.offer()
            async with counted(address, "master/offers_timed_out"), HttpScheduler(address, name="f") as other:
                rescinded = await silent.event(s.Event.RESCIND)
                assert rescinded.rescind.offer_id == offer.id
                assert (await other.offer()).agent_id == offer.agent_id


@case
async def test_a_framework_that_never_reads_is_cut_off() -> None:
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        call = HttpScheduler(address, wants_offers=False, name="deaf").subscription
        call.subscribe.framework_info.failover_timeout = 1e6
        async with Raw(address) as deaf:
            deaf.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            deaf.send(raw_request(call))
            head = await deaf.reader.readuntil(b"\r\n\r\n")
            deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
            stream_id = head.split(b"Mesos-Stream-Id: ")[1].split(b"\r\n")[0].decode()
            framework_id = next(
                id for id, f in master.machine.state.frameworks.items() if f.info.name == "deaf"
            )
            reconcile = s.Call(type=s.Call.RECONCILE)
            reconcile.framework_id.value = framework_id
            for number in range(10_000):
                reconcile.reconcile.tasks.add().task_id.value = f"{number:0100}"
            async with other.busy(), counted(address, "meseta/streams_cut_slow"), Raw(address) as calls:
                status = 202
                while status == 202:
                    calls.send(raw_request(reconcile, stream_id))
                    status = await calls.status()
                assert status == 403  # "Framework is not subscribed"
        assert not master.machine.state.frameworks[framework_id].connected
        await other.run_task()


# Too many -----------------------------------------------------------------------------------------------


def resident_bytes(daemon: DaemonProcess) -> int:
    """The memory of a process."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.fixture
def master_process(tmp_path: Path) -> Any:
    """A master in a process of its own, which a flood keeps busy."""
    daemon = DaemonProcess("master", tmp_path, "--port=0")
    yield daemon
    daemon.kill()


@pytest.mark.parametrize("reads", [True, False])
def test_a_framework_that_floods_waits_its_turn(master_process: DaemonProcess, reads: bool) -> None:
    """100,000 pipelined calls. Meanwhile others run tasks, and the master holds only what it has read."""

    @case
    async def scenario() -> None:
        address = master_process.address
        async with Bystander(address) as other:
            await other.run_task()
            before = resident_bytes(master_process)
            command = [sys.executable, "-m", "tests.integration.flood", address, str(FLOOD_CALLS), str(reads)]
            flood = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert flood.stdout is not None
            try:
                assert await asyncio.to_thread(flood.stdout.readline) == "flooding\n"
                async with other.busy() as seconds:
                    while len(seconds) < 2:
                        await asyncio.sleep(0.001)
                    served = (await metrics(address))["meseta/http_requests"]
                    assert served < FLOOD_CALLS * 0.8, "the flood was served first"
                    while len(seconds) < 10:
                        await asyncio.sleep(0.001)
                assert resident_bytes(master_process) - before < 100 * MIB
            finally:
                flood.kill()
                flood.wait()
            await other.run_task()

    scenario()


def test_an_agent_that_floods_waits_its_turn(master_process: DaemonProcess) -> None:
    @case
    async def scenario() -> None:
        address = master_process.address
        master = f"master@{address}"
        async with Bystander(address) as other, PlayedAgent(master) as flood:
            await other.run_task()
            before = resident_bytes(master_process)
            update = i.StatusUpdateMessage(pid=flood.process.pid)
            update.update.framework_id.value, update.update.slave_id.value = other.framework.id, flood.id
            update.update.timestamp, update.update.status.state = 1.0, m.TASK_RUNNING
            update.update.status.task_id.value = "no such task"
            async with (
                counted(address, "master/invalid_status_updates", FLOOD_UPDATES),
                other.busy() as seconds,
            ):
                for number in range(FLOOD_UPDATES):
                    update.update.uuid = uuid.uuid4().bytes
                    flood.process.send(master, update)
                    if number % 100 == 0:
                        await asyncio.sleep(0)
                while len(seconds) < 3:
                    await asyncio.sleep(0.01)
            assert resident_bytes(master_process) - before < 100 * MIB

    scenario()


@case
async def test_a_thousand_subscriptions_that_leave_at_once_leave_nothing() -> None:
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        call = HttpScheduler(address, wants_offers=False).subscription
        async with other.busy():
            for _ in range(20):
                peers = [Raw(address) for _ in range(50)]
                for peer in peers:
                    await peer.__aenter__()
                    peer.send(raw_request(call))
                for peer in peers:
                    await peer.reader.readuntil(b"\r\n\r\n")
                for peer in peers:
                    peer.writer.transport.abort()  # type: ignore[attr-defined]
        while len(master.machine.state.frameworks) > 1:
            await asyncio.sleep(0.01)
        assert len(master.machine.state.completed_frameworks) <= 50
        assert (await metrics(address))["master/frameworks_active"] == 1


# Too large ----------------------------------------------------------------------------------------------


@case
async def test_large_tasks_pass_or_are_refused() -> None:
    """10 MB of data, 100,000 labels and 1,000 resources are allowed; they are passed on as they came."""
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        async with PlayedAgent(pid_of(master)) as agent, HttpScheduler(address, name="large") as framework:
            data = task("data", agent.id)
            data.data = b"\x00\xff" * (5 * MIB)
            labels = task("labels", agent.id)
            for number in range(100_000):
                labels.labels.labels.add(key=f"k{number}", value="v")
            odd = task("odd", agent.id)
            for _ in range(1000):
                odd.resources.add(name="cpus", type=m.Value.SCALAR).scalar.value = 1e300
            offer = await framework.only_offer(agent.id)
            async with other.busy():
                call = framework.launch(offer, data, labels)
                assert (await framework.post(call))[0] == 202
                for info in (data, labels):
                    told = await agent.process.receive(i.RunTaskMessage)
                    assert (told.task.data, len(told.task.labels.labels)) == (
                        info.data,
                        len(info.labels.labels),
                    )
                await framework.post(framework.call(s.Call.REVIVE))
                rest = await framework.only_offer(agent.id)
                assert (await framework.post(framework.launch(rest, odd)))[0] == 202
                error = await framework.event(s.Event.UPDATE)
            assert error.update.status.task_id.value == "odd"
            assert error.update.status.state == m.TASK_ERROR
            assert len(error.update.status.message) < 10_000
        await other.run_task()


@case
async def test_ten_thousand_tasks_in_one_call() -> None:
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        async with PlayedAgent(pid_of(master)) as agent, HttpScheduler(address, name="many") as framework:
            offer = await framework.only_offer(agent.id)
            tasks = [task(f"t{number}", agent.id, cpus=0.001) for number in range(10_000)]
            async with other.busy(), counted(address, "master/tasks_error", 6000):
                assert (await framework.post(framework.launch(offer, *tasks)))[0] == 202
                launched = 0
                while launched < 4000:
                    await agent.process.receive(i.RunTaskMessage)
                    launched += 1
        await other.run_task()


@case
async def test_an_update_of_megabytes_is_passed_on_but_not_kept() -> None:
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        async with PlayedAgent(pid_of(master)) as agent, HttpScheduler(address, name="large") as framework:
            offer = await framework.only_offer(agent.id)
            await framework.post(framework.launch(offer, task("t", agent.id)))
            told = await agent.process.receive(i.RunTaskMessage)
            agent.update(told, m.TASK_RUNNING, uuid.uuid4().bytes, message="x" * (4 * MIB))
            update = await framework.event(s.Event.UPDATE)
            assert len(update.update.status.message) == 4 * MIB
            (kept,) = master.machine.state.frameworks[framework.id].tasks.values()  # type: ignore[index]
            assert sum(len(status.raw) for status in kept.statuses) < 10_000
        await other.run_task()


@case
async def test_calls_and_messages_of_megabytes_have_a_bound() -> None:
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        async with counted(address, "meseta/scheduler_calls_refused"):
            code, text = await other.framework.post(bytes(17 * MIB))
        assert (code, text[:28]) == (413, "A call may have at most 1677")
        async with counted(address, "master/dropped_messages"), Process("driver") as driver:
            driver.send(pid_of(master), bytes(17 * MIB), name="mesos.scheduler.Call")
            await other.run_task()


@case
async def test_too_many_tasks_in_one_call_are_refused() -> None:
    async with running_master() as master, Bystander(address := f"{master.ip}:{master.port}") as other:
        offer = await other.framework.offer()
        tasks = [task(f"t{number}", other.agent.id, cpus=0.001) for number in range(10_001)]
        call = other.framework.launch(offer, *tasks)
        async with counted(address, "meseta/scheduler_calls_refused"):
            code, text = await other.framework.post(call)
        assert (code, "make several calls" in text) == (400, True)
        other.framework.offers[offer.id.value] = offer
        await other.run_task()
