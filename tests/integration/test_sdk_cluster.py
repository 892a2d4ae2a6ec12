"""The SDK on a real cluster: a scheduler with its own executor process, commands and groups."""

from __future__ import annotations

import asyncio
import shlex
import sys
from pathlib import Path

from meseta.sdk import ExecutorSpec, Failure, Message, Scheduler, Task, TaskState
from tests.integration.test_examples import real_cluster

LIMIT_S = 120.0
RUNNING, FINISHED, KILLED = TaskState.TASK_RUNNING, TaskState.TASK_FINISHED, TaskState.TASK_KILLED

EXECUTOR = """
import asyncio
from meseta.sdk import Executor, TaskState

executor = Executor()
executor.on_launch(lambda task: task.update(TaskState.TASK_RUNNING, data=task.data))
executor.on_kill(lambda kill: executor.update(kill.task_id, TaskState.TASK_KILLED, message=str(kill.grace_s)))
executor.on_message(lambda data: executor.send_message(data[::-1]))


async def main():
    async with executor:
        await executor.run()


asyncio.run(main())
"""


async def _command_tasks(scheduler: Scheduler) -> None:
    offer = await anext(scheduler.offers())
    tasks = [
        Task(command=command, cpus=0.1, mem=32, ports=1) for command in ("sleep 60", "exit $((PORT0 % 2))")
    ]
    sleeping, ending = await offer.launch_all(tasks, refuse_s=0)
    assert (await sleeping.wait_for(RUNNING)).state is RUNNING
    await sleeping.kill()
    assert (await sleeping.wait()).state is KILLED
    expected = TaskState.TASK_FAILED if ending.ports[0] % 2 else FINISHED
    assert (await ending.wait()).state is expected


async def _own_executor(scheduler: Scheduler, program: Path) -> None:
    messages: asyncio.Queue[Message] = asyncio.Queue()
    failures: asyncio.Queue[Failure] = asyncio.Queue()
    scheduler.on_message(messages.put)
    scheduler.on_failure(failures.put)
    spec = ExecutorSpec(id="own", command=f"exec {shlex.join([sys.executable, str(program)])}")
    offer = await anext(scheduler.offers())
    first, second = await offer.launch_all(
        [Task(executor=spec, cpus=0.1, mem=16, data=b"payload") for _ in range(2)], refuse_s=0
    )
    assert (await first.wait_for(RUNNING)).data == b"payload"
    assert (await second.wait_for(RUNNING)).state is RUNNING
    await first.send(b"abc")
    assert (await messages.get()).data == b"cba"
    await first.kill(grace_s=2)
    assert str(await first.wait()).endswith("TASK_KILLED: 2.0")
    await scheduler.shutdown_executor(second.agent_id, "own")
    assert (await second.wait()).is_terminal
    assert (await failures.get()).executor_id == "own"


async def _group(scheduler: Scheduler) -> None:
    offer = await anext(scheduler.offers())
    tasks = [Task(command="sleep 0.1", cpus=0.1, mem=16) for _ in range(2)]
    for task in await offer.launch_group(tasks, executor_id="pod", refuse_s=0):
        assert (await task.wait()).state is FINISHED


def test_commands_executors_and_groups_run_and_end(tmp_path: Path) -> None:
    program = tmp_path / "executor.py"
    program.write_text(EXECUTOR)

    async def body() -> None:
        async with asyncio.timeout(LIMIT_S), real_cluster() as master, Scheduler(master) as scheduler:
            await _command_tasks(scheduler)
            await _own_executor(scheduler, program)
            await _group(scheduler)

    asyncio.run(body())
