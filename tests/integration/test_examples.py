"""The examples, run as a user runs them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from meseta.testing import FakeAgent, FakeMaster
from meseta.wire.gen import executor_pb2, mesos_pb2

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
LIMIT_S = 120.0


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await test()

    asyncio.run(limited())


async def example(name: str, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Run an example; return its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples" / name),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, output.decode()


def cluster() -> FakeMaster:
    return FakeMaster(runs_tasks=True, offers_always=True, cpus=0.25)


def test_hello_framework_runs_all_its_tasks() -> None:
    async def body() -> None:
        async with cluster() as master:
            status, output = await example("hello_framework.py", "--master", master.address, "--tasks", "5")
            assert status == 0, output
            assert sorted(re.findall(r"hello-\d TASK_FINISHED", output)) == [
                f"hello-{number} TASK_FINISHED" for number in range(5)
            ]

    run(body)


def test_the_echo_scheduler_prints_what_comes_back() -> None:
    async def body() -> None:
        async with FakeMaster(runs_tasks=True, offers_always=True) as master:
            status, output = await example("echo_executor.py", "--master", master.address, "some", "words")
            assert (status, output.split()) == (0, ["some", "words"]), output
            executors = {task.executor.executor_id.value for task in master.tasks.values()}
            assert executors == {"echo"}

    run(body)


def test_the_echo_executor_echoes_louder() -> None:
    async def body() -> None:
        async with FakeAgent() as agent:
            running = asyncio.ensure_future(example("echo_executor.py", environment=agent.environment))
            await agent.next_call(executor_pb2.Call.SUBSCRIBE)
            agent.launch("t", data=b"word")
            while agent.states.get("t", [])[-1:] != [mesos_pb2.TASK_FINISHED]:
                await agent.next_call(executor_pb2.Call.UPDATE)
            agent.shutdown()
            status, output = await running
            assert (status, output) == (0, "")
            assert agent.calls[-1].update.status.data == b"WORD"

    run(body)


def test_the_classic_driver_runs_its_task() -> None:
    async def body() -> None:
        async with FakeMaster(runs_tasks=True, offers_always=True) as master:
            status, output = await example("classic_driver.py", "--master", master.address)
            assert status == 0, output
            assert output.split()[::2] == ["classic-1", "classic-1"]
            assert output.split()[1::2] == ["TASK_RUNNING", "TASK_FINISHED"]

    run(body)


@asynccontextmanager
async def real_cluster() -> AsyncIterator[str]:
    """`meseta local` as a process of its own, so that stopping it ends all that it started."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "meseta.cli", "local", "--agents", "2", "--port", "0", "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        lines = []
        while not lines or lines[-1].strip() != b"}":
            line = await process.stdout.readline()
            assert line, "the cluster did not start"
            lines.append(line)
        yield json.loads(b"".join(lines))["master"]
    finally:
        process.terminate()
        await process.wait()


def test_all_examples_run_on_a_real_cluster() -> None:
    async def body() -> None:
        async with real_cluster() as master:
            status, output = await example("hello_framework.py", "--master", master, "--tasks", "4")
            assert status == 0, output
            assert output.count("TASK_FINISHED") == 4
            status, output = await example("echo_executor.py", "--master", master, "some", "words")
            assert (status, output.split()) == (0, ["SOME", "WORDS"]), output
            status, output = await example("classic_driver.py", "--master", master)
            assert status == 0, output
            assert "classic-1 TASK_FINISHED" in output
            failing = ("--tasks", "1", "--command", "exit 3")
            status, output = await example("hello_framework.py", "--master", master, *failing)
            assert (status, "hello-0 TASK_FAILED" in output) == (1, True), output

    run(body)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_short_enough_to_read_at_once(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 60
