"""The asyncio executor over real sockets, against an agent that says what the tests tell it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from meseta.errors import ConfigError
from meseta.runtime.http1 import text_response
from meseta.sdk import EndedError, Executor, ExecutorTask, Kill, SdkError, TaskState, serve
from meseta.testing import FakeAgent
from meseta.wire.gen import executor_pb2

Call = executor_pb2.Call
STARTING, RUNNING, FINISHED = TaskState.TASK_STARTING, TaskState.TASK_RUNNING, TaskState.TASK_FINISHED
FAILED, KILLED, KILLING = TaskState.TASK_FAILED, TaskState.TASK_KILLED, TaskState.TASK_KILLING
LIMIT_S = 120.0


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await test()

    asyncio.run(limited())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_serve_runs_one_coroutine_per_task() -> None:
    async def work(task: ExecutorTask) -> bytes | None:
        if task.id == "bad":
            raise ValueError("no good")
        if task.id == "long":
            await asyncio.sleep(LIMIT_S)
        return task.data.upper()

    async def body() -> None:
        async with FakeAgent() as agent:
            serving = asyncio.ensure_future(serve(work, agent.environment))
            await agent.next_call(Call.SUBSCRIBE)
            agent.launch("good", data=b"echo")
            agent.launch("bad", "long")
            await until(lambda: RUNNING in agent.states.get("long", []))
            agent.kill("long")
            await until(lambda: KILLED in agent.states["long"])
            agent.shutdown()
            await serving
            assert agent.states == {
                "good": [RUNNING, FINISHED],
                "bad": [RUNNING, FAILED],
                "long": [RUNNING, KILLING, KILLED],
            }
            updates = [call.update.status for call in agent.calls if call.type == Call.UPDATE]
            by_state = {(status.task_id.value, status.state): status for status in updates}
            assert by_state["good", FINISHED].data == b"ECHO"
            assert by_state["bad", FAILED].message == "ValueError: no good"
            assert all(status.agent_id.value == "f-S0" and len(status.uuid) == 16 for status in updates)

    run(body)


def test_shutdown_cancels_what_runs_and_waits_for_the_acknowledgements() -> None:
    async def work(task: ExecutorTask) -> None:
        await asyncio.sleep(LIMIT_S)

    async def body() -> None:
        async with FakeAgent() as agent:
            serving = asyncio.ensure_future(serve(work, agent.environment))
            await agent.next_call(Call.SUBSCRIBE)
            agent.launch("t")
            await until(lambda: "t" in agent.states)
            agent.shutdown()
            await serving
            assert agent.states["t"] == [RUNNING, KILLED]

    run(body)


def test_handlers_and_messages_both_ways() -> None:
    async def body() -> None:
        heard: list[Any] = []
        async with FakeAgent() as agent:
            executor = Executor(agent.environment)
            executor.on_subscribed(heard.append)
            executor.on_launch(lambda task: heard.append(task.id))
            executor.on_kill(heard.append)
            executor.on_message(heard.append)
            executor.on_shutdown(heard.append)
            async with executor:
                assert executor.info.framework_info.name == "fake"
                agent.launch("t")
                agent.kill("t", grace_s=2)
                agent.message(b"to you")
                agent.shutdown()
                await executor.run()
                executor.send_message(b"to me")
                assert (await agent.next_call(Call.MESSAGE)).message.data == b"to me"
        assert heard == [False, "t", Kill("t", 2.0), b"to you", "the agent asked for it"]  # type: ignore[arg-type]

    run(body)


def test_an_agent_that_restarts_gets_what_it_had_not_acknowledged() -> None:
    async def body() -> None:
        async with FakeAgent(acknowledges=False) as agent, Executor(agent.environment) as executor:
            again: list[bool] = []
            executor.on_subscribed(again.append)
            await agent.next_call(Call.SUBSCRIBE)
            agent.launch("t")
            executor.update("t", STARTING)
            await agent.next_call(Call.UPDATE)
            executor.update("t", RUNNING)
            await agent.stop()
            executor.update("t", FINISHED, data=b"result")
            agent.acknowledges = True
            agent.answer_next(text_response(503, "Agent has not finished recovery"))
            await agent.start()
            subscribe = (await agent.next_call(Call.SUBSCRIBE)).subscribe
            assert [info.task_id.value for info in subscribe.unacknowledged_tasks] == ["t"]
            states = [update.status.state for update in subscribe.unacknowledged_updates]
            assert states == [STARTING, RUNNING, FINISHED]
            await until(lambda: again == [True])
            assert agent.states["t"] == [STARTING, RUNNING, FINISHED]

    run(body)


def test_without_checkpointing_a_lost_agent_ends_the_executor() -> None:
    async def body() -> None:
        async with FakeAgent(checkpoint=False) as agent, Executor(agent.environment) as executor:
            reasons: list[str] = []
            executor.on_shutdown(reasons.append)
            await agent.stop()
            await executor.run()
            assert "does not checkpoint" in reasons[0]

    run(body)


def test_an_unwanted_executor_is_told_at_the_start() -> None:
    async def body() -> None:
        async with FakeAgent() as agent:
            agent.answer_next(text_response(400, "Framework cannot be found"))
            with pytest.raises(EndedError, match="Framework cannot be found"):
                await Executor(agent.environment).start()

    run(body)


def test_an_error_event_ends_the_executor() -> None:
    async def body() -> None:
        async with FakeAgent() as agent, Executor(agent.environment) as executor:
            agent.error("unwanted")
            await executor.run()

    run(body)


def test_bad_environments_and_statuses_are_refused_with_a_sentence() -> None:
    async def body() -> None:
        with pytest.raises(ConfigError, match="MESOS_FRAMEWORK_ID is not set"):
            Executor({})
        async with FakeAgent() as agent:
            bad = agent.environment | {"MESOS_RECOVERY_TIMEOUT": "soon"}
            with pytest.raises(ConfigError, match="is no duration"):
                Executor(bad)
            async with Executor(agent.environment) as executor:
                with pytest.raises(SdkError, match="TASK_STAGING"):
                    executor.update("t", TaskState.TASK_STAGING)

    run(body)
