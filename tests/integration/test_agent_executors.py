"""Custom executors over HTTP: processes of their own that subscribe, run tasks, and come back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meseta.daemon.local import free_port
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from tests.integration.agent_kit import (
    FRAMEWORK,
    ScriptedMaster,
    agent_process,
    executor_info,
    executor_task,
    master_and_agent,
    output,
    run,
    scripted_master,
    until,
)

SCRIPT = Path(__file__).parent / "http_executor.py"
COMMAND = f"exec {sys.executable} {SCRIPT}"


def ids() -> dict[str, object]:
    return {
        "slave_id": m.AgentID(value="m-S0"),
        "framework_id": m.FrameworkID(value=FRAMEWORK),
        "executor_id": m.ExecutorID(value="e1"),
    }


async def running(master: ScriptedMaster, *names: str) -> None:
    for name in names:
        master.run(executor_task(name, executor_info("e1", COMMAND)))
    for name in names:
        await master.status(name, "TASK_RUNNING")


def test_one_executor_runs_several_tasks(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            await running(master, "t1", "t2")
            master.run(executor_task("t3", executor_info("e1", COMMAND), data=b"finish"))
            finished = await master.status("t3", "TASK_FINISHED")
            assert finished.executor_id.value == "e1"
            assert finished.agent_id.value == "m-S0"
            master.kill("t1")
            await master.status("t1", "TASK_KILLED")
            assert "TASK_KILLED" not in master.states("t2")
            assert output(tmp_path, "e1") == "subscribed\n"

    run(body)


def test_messages_pass_in_both_directions(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            await running(master, "t1")
            master.send(i.FrameworkToExecutorMessage(**ids(), data=b"\x00hello\xff"))  # type: ignore[arg-type]
            echo = await master.wait_for("ExecutorToFrameworkMessage")
            assert echo.data == b"\x00hello\xff"

    run(body)


def test_an_executor_that_dies_takes_its_tasks_along(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            await running(master, "t1", "t2")
            master.send(i.FrameworkToExecutorMessage(**ids(), data=b"die"))  # type: ignore[arg-type]
            for name in ("t1", "t2"):
                failed = await master.status(name, "TASK_FAILED")
                assert failed.reason == m.TaskStatus.REASON_EXECUTOR_TERMINATED
            exited = await master.wait_for("ExitedExecutorMessage")
            assert exited.status == 5 << 8

    run(body)


def test_an_executor_is_shut_down(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, daemon):
            await running(master, "t1")
            shutdown = ids()
            del shutdown["slave_id"]
            master.send(i.ShutdownExecutorMessage(**shutdown))  # type: ignore[arg-type]
            exited = await master.wait_for("ExitedExecutorMessage")
            assert exited.status == 0
            await until(lambda: not daemon.machine.state.frameworks, "everything is settled")

    run(body)


def test_an_executor_that_never_registers_is_given_up(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path, executor_registration_timeout="200ms") as (master, _):
            master.run(executor_task("t1", executor_info("e1", "sleep 1000")))
            failed = await master.status("t1", "TASK_FAILED")
            assert failed.reason == m.TaskStatus.REASON_EXECUTOR_REGISTRATION_TIMEOUT

    run(body)


@pytest.mark.parametrize("comes_back", [True, False])
def test_an_executor_and_a_restarted_agent(tmp_path: Path, comes_back: bool) -> None:
    async def body() -> None:
        flags = {"executor_reregistration_timeout": "60secs" if comes_back else "200ms"}
        async with scripted_master() as master:
            port = str(free_port())
            with agent_process(tmp_path, master, port=port, **flags) as process:
                await master.wait_for("UpdateSlaveMessage")
                await running(master, "t1")
                await process.end()
                if comes_back:
                    process.start()
                    await master.wait_for("ReregisterSlaveMessage")
                    await until(lambda: output(tmp_path, "e1").count("subscribed") == 2, "it is back")
                    master.kill("t1")
                    await master.status("t1", "TASK_KILLED")
                else:
                    # At another port the executor cannot find it.
                    process.arguments = [*process.arguments, f"--port={free_port()}"]
                    process.start()
                    failed = await master.status("t1", "TASK_FAILED")
                    assert failed.reason == m.TaskStatus.REASON_EXECUTOR_REREGISTRATION_TIMEOUT

    run(body)
