"""Whole sessions of schedulers with a live Mesos, replayed to our master: what they hear is the same."""

from __future__ import annotations

import asyncio

import pytest

from meseta.runtime.loop import new_event_loop
from tests.compat.scheduler_replay import RecordedAgent, Replay, steps_of
from tests.integration.cluster import pid_of, running_master


@pytest.mark.parametrize("name", ["session-json.jsonl", "session-protobuf.jsonl", "operations.jsonl"])
def test_a_scheduler_hears_what_mesos_told_it(name: str) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(replay(name))


async def replay(name: str) -> None:
    async with (
        running_master("--hostname=127.0.0.1", "--allocation_interval=20ms") as master,
        RecordedAgent(pid_of(master)) as agent,
    ):
        replay = Replay(master, agent, steps_of(name))
        await replay.run()
        for session, stream in replay.streams.items():
            if session != "E":  # That one is refused.
                assert stream.heard[0] == "SUBSCRIBED"
                assert "HEARTBEAT" in stream.heard[1:3], "the first heartbeat comes at once"
