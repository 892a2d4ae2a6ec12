"""The checkpoints of a live Mesos agent: each is read, and what is read is written as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meseta.agent import effects as x
from meseta.ids import ContainerId
from meseta.runtime.checkpoints import split_records
from meseta.wire import checkpoints
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.resources import lift_resources

FILES = [
    (row["name"], split_records(bytes.fromhex(row["hex"]), row["name"]).records)
    for row in map(
        json.loads, (Path(__file__).parent / "data/agent_checkpoints.jsonl").read_text().splitlines()
    )
]


def files(name: str) -> list[Any]:
    return [pytest.param(records, id=str(number)) for number, (n, records) in enumerate(FILES) if n == name]


def written(record: x.CheckpointRecord) -> bytes:
    encoded = checkpoints.checkpoint_records(record)
    assert isinstance(encoded, list)
    return encoded[0]


@pytest.mark.parametrize("records", files("slave.info"))
def test_an_agent(records: list[bytes]) -> None:
    info = checkpoints.read_agent(records[0])
    described = type(info)(
        **{field: getattr(info, field) for field in info.__struct_fields__ if field != "raw"}
    )
    again = i.SlaveInfo.FromString(written(x.AgentCheckpoint(described)))
    assert again == i.SlaveInfo.FromString(records[0])


@pytest.mark.parametrize("records", files("framework.info"))
def test_a_framework(records: list[bytes]) -> None:
    info = checkpoints.read_framework(records[0])
    again = m.FrameworkInfo.FromString(written(x.FrameworkCheckpoint(info)))
    assert again == m.FrameworkInfo.FromString(records[0])


@pytest.mark.parametrize("records", files("executor.info"))
def test_an_executor(records: list[bytes]) -> None:
    info = checkpoints.read_executor(records[0])
    assert info.command is not None or info.type == m.ExecutorInfo.DEFAULT
    again = m.ExecutorInfo.FromString(written(x.ExecutorCheckpoint(executor=info, command_task=False)))
    assert again == m.ExecutorInfo.FromString(records[0])


@pytest.mark.parametrize("records", files("task.info"))
def test_a_task(records: list[bytes]) -> None:
    info = checkpoints.read_task(records)
    task = m.Task.FromString(records[0])
    assert info.task_id == task.task_id.value
    assert info.resources == lift_resources(task.resources).resources


@pytest.mark.parametrize("records", files("task.updates"))
def test_updates(records: list[bytes]) -> None:
    read = checkpoints.read_updates(records)
    assert len(read.updates) + len(read.acknowledged) == len(records)
    uuids = [status.uuid for status in read.updates]
    assert set(read.acknowledged) <= set(uuids)
    for status in read.updates:
        where = status.container_status
        assert where is None or len(ContainerId(where.container_id).split(".")) in (1, 2)


@pytest.mark.parametrize("records", files("resources_and_operations.state"))
def test_resources(records: list[bytes]) -> None:
    resources = checkpoints.read_checkpointed_resources(records[0])
    assert resources.persistent_volumes()
