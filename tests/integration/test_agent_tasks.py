"""Command tasks and pods on a real agent, from the master's word to the acknowledged end."""

from __future__ import annotations

from pathlib import Path

from meseta.wire.gen import mesos_pb2 as m
from tests.integration.agent_kit import command_task, master_and_agent, run, sandbox


def test_registers_and_answers_pings(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path, attributes="rack:r1;slot:3") as (master, daemon):
            registered = await master.wait_for("RegisterSlaveMessage")
            assert registered.slave.port == daemon.port
            assert [(r.name, r.role) for r in registered.slave.resources] == [
                ("cpus", "*"),
                ("mem", "*"),
                ("disk", "*"),
                ("ports", "*"),
            ]
            assert [a.name for a in registered.slave.attributes] == ["rack", "slot"]

    run(body)


def test_runs_a_command(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            master.run(command_task("t1", "echo out; echo err >&2; env > environment"))
            finished = await master.status("t1", "TASK_FINISHED")
            assert master.states("t1") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
            assert finished.message == "Command exited with status 0"
            assert finished.source == m.TaskStatus.SOURCE_EXECUTOR
            place = sandbox(tmp_path, "t1")
            assert (place / "stdout").read_text() == "out\n"
            assert (place / "stderr").read_text() == "err\n"

    run(body)
