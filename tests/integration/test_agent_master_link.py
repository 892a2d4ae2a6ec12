"""An agent and its master: lost and found again, and peers that say what they should not."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from meseta.agent.state import Phase
from meseta.runtime.client import HttpClient
from meseta.runtime.links import Links
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.master_link import MASTER_MESSAGES
from tests.integration.agent_kit import (
    PREFIX,
    ScriptedMaster,
    agent,
    command_task,
    executor_info,
    executor_task,
    framework_info,
    master_and_agent,
    run,
    scripted_master,
    until,
)


def test_a_ping_is_answered_to_its_sender(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            observer = f"slave-observer(1)@{master.address}"
            master.send(i.PingSlaveMessage(connected=True), sender=observer)
            await master.wait_for("PongSlaveMessage")

    run(body)


def test_it_registers_again_when_the_master_says_that_it_is_gone(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            master.send(i.PingSlaveMessage(connected=False))
            await master.wait_for("ReregisterSlaveMessage")

    run(body)


def test_it_asks_until_it_is_admitted(tmp_path: Path) -> None:
    async def body() -> None:
        async with scripted_master() as master:
            master.admits = False
            async with agent(tmp_path, master):
                await master.wait_for("RegisterSlaveMessage", count=2)
                master.admits = True
                await master.wait_for("UpdateSlaveMessage")

    run(body)


def test_a_master_that_restarts_is_found_at_once(tmp_path: Path) -> None:
    async def body() -> None:
        master = ScriptedMaster()
        await master.start()
        async with agent(tmp_path, master) as daemon:
            await master.wait_for("UpdateSlaveMessage")
            master.run(command_task("t1", "sleep 1000"))
            await master.status("t1", "TASK_RUNNING")
            await master.stop()
            await until(lambda: daemon.machine.state.phase is Phase.DISCONNECTED, "the link's end is noticed")
            successor = ScriptedMaster()
            await successor.start(master.port)
            back = await successor.wait_for("ReregisterSlaveMessage")
            assert [task.task_id.value for task in back.tasks] == ["t1"]
            await successor.wait_for("UpdateSlaveMessage")
            await successor.stop()

    run(body)


def test_a_master_that_comes_later_is_found(tmp_path: Path) -> None:
    async def body() -> None:
        absent = ScriptedMaster()
        await absent.start()
        await absent.stop()
        async with agent(tmp_path, absent):
            await asyncio.sleep(0.2)
            master = ScriptedMaster()
            await master.start(absent.port)
            await master.wait_for("UpdateSlaveMessage")
            await master.stop()

    run(body)


def test_what_is_not_from_the_master_is_dropped(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, daemon):
            rival = "master@127.0.0.1:1"
            task = i.RunTaskMessage(framework=framework_info(), task=command_task("t1", "true"), pid="")
            master.send(task, sender=rival)
            master.send(i.ShutdownMessage(), sender=rival)
            dropped = daemon.machine.state.counters.as_metrics
            await until(lambda: dropped()["slave/dropped_messages"] == 2, "both are dropped")
            assert not daemon.machine.state.frameworks

    run(body)


def test_no_message_ends_the_agent(tmp_path: Path) -> None:
    chance = random.Random(1)
    names = [*MASTER_MESSAGES, f"{PREFIX}RegisterExecutorMessage", f"{PREFIX}StatusUpdateMessage", "nonsense"]
    bodies = [b"", b"\xff" * 9, b"\n\x04\n\x02\xff\xfe", *(chance.randbytes(40) for _ in range(20))]
    good = i.RunTaskMessage(framework=framework_info(), task=command_task("t1", "sleep 1000"), pid="")
    for fault in ("../../evil", "a/b", "", "\x00"):
        bad = i.RunTaskMessage()
        bad.CopyFrom(good)
        bad.task.task_id.value = fault
        bodies.append(bad.SerializeToString())
    bad.CopyFrom(good)
    bad.framework.ClearField("id")
    bodies.append(bad.SerializeToString())
    bodies.append(good.SerializeToString().replace(b"sleep 1000", b"sleep \xff\xfe00"))

    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, daemon):
            links = Links()
            before = daemon.machine.state.counters.as_metrics()["slave/dropped_messages"]
            for name in names:
                for number, data in enumerate(bodies):
                    sender = master.pid if number % 2 else "somebody"
                    if name != f"{PREFIX}ShutdownMessage":
                        links.send(master.agent_pid, sender, name, data)
            master.run(command_task("t2", "true"))
            await master.status("t2", "TASK_FINISHED")
            assert daemon.machine.state.counters.as_metrics()["slave/dropped_messages"] > before
            await links.close()

    run(body)


def test_a_fresh_agent_survives_tasks_before_it_is_admitted(tmp_path: Path) -> None:
    async def body() -> None:
        async with scripted_master() as master:
            master.admits = False
            async with agent(tmp_path, master):
                registered = await master.wait_for("RegisterSlaveMessage")
                master.agent_pid = f"slave(1)@127.0.0.1:{registered.slave.port}"
                master.run(command_task("t1", "true"))
                master.run(executor_task("t2", executor_info("e", "true")))
                master.kill("t1")
                master.send(i.ReconcileOperationsMessage())
                master.send(i.DrainSlaveMessage(config=m.DrainConfig()))
                master.admits = True
                await master.wait_for("UpdateSlaveMessage")

    run(body)


def test_it_ends_when_the_master_says_so(tmp_path: Path) -> None:
    async def body() -> None:
        ended: list[int] = []
        async with scripted_master() as master, agent(tmp_path, master, keeps_tasks=False) as daemon:
            daemon._on_exit = ended.append
            await master.wait_for("UpdateSlaveMessage")
            master.run(command_task("t1", "sleep 1000"))
            await master.status("t1", "TASK_RUNNING")
            master.send(i.ShutdownMessage(message="go"))
            await until(lambda: ended == [0], "it has ended")

    run(body)


def test_what_it_tells_of_itself(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (_, daemon), HttpClient() as http:
            base = f"http://127.0.0.1:{daemon.port}"
            for path in (
                "/health",
                "/state",
                "/slave(1)/state",
                "/flags",
                "/version",
                "/metrics/snapshot",
                "/containers",
            ):
                answer = await http.request("GET", base + path)
                assert answer.status == 200, path

    run(body)
