"""Power cuts: checkpoints of which the last is cut off at any byte are as without it, or as with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from meseta.agent.compatibility import ADDITIVE
from meseta.agent.effects import (
    AgentCheckpoint,
    AgentEffect,
    Checkpoint,
    CheckpointRecord,
    OperationUpdate,
    ResourcesCheckpoint,
    TaskCheckpoint,
    UpdateCheckpoint,
)
from meseta.agent.events import (
    ContainerExited,
    DrainReceived,
    OperationAcknowledged,
    OperationReceived,
    Recovered,
    RecoveredExecutor,
    RunTaskGroupReceived,
)
from meseta.errors import ConfigError, MesetaError
from meseta.ids import OperationId
from meseta.records import AgentInfo, OperationType, ResourceOperation, TaskGroupInfo, TaskInfo
from meseta.resources import Kind, Reservation, Resources, parse_resources
from meseta.runtime.agent_recovery import recover
from meseta.runtime.checkpointer import Checkpointer
from meseta.runtime.checkpoints import frame
from meseta.wire.checkpoints import checkpoint_records
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_executor, lift_task
from tests.unit.agent.agent_kit import AGENT, FRAMEWORK, MASTER, Book, framework

BOOT = "boot"


class Recorder(Book):
    """An agent whose checkpoints are kept, in order."""

    def __init__(self) -> None:
        self.written: list[Checkpoint] = []
        super().__init__()

    def _feed(self, effects: Iterable[AgentEffect]) -> None:
        effects = list(effects)
        self.written += [effect for effect in effects if isinstance(effect, Checkpoint)]
        super()._feed(effects)


def reservation(number: int) -> OperationReceived:
    web = Reservation("web", dynamic=True, principal="ada")
    operation = ResourceOperation(
        type=OperationType.RESERVE,
        resources=Resources.of({Kind("mem", reservations=(web,)): 1000 * number}),
        id=OperationId(f"op-{number}"),
    )
    return OperationReceived(
        sender=MASTER, operation_uuid=bytes(15) + bytes([number]), operation=operation, framework_id=FRAMEWORK
    )


def task(name: str) -> TaskInfo:
    """A task that came as bytes, as all do that are written down."""
    info = m.TaskInfo(name=name, task_id=m.TaskID(value=name), agent_id=m.AgentID(value=AGENT))
    info.command.value = "sleep 1"
    cpus = info.resources.add(name="cpus", type=m.Value.SCALAR)
    cpus.scalar.value = 0.5
    return lift_task(info, with_command=True)


@pytest.fixture(scope="module")
def life() -> tuple[list[Checkpoint], AgentInfo]:
    """What an agent writes that reserves, runs a command task that ends and a pod, and is drained."""
    book = Recorder()
    book.register()
    for number in (1, 2):
        book.do(reservation(number))
        ended = book.only(OperationUpdate)
        assert ended.status.uuid is not None
        if number == 1:
            uuids = {"operation_uuid": ended.operation_uuid, "status_uuid": ended.status.uuid}
            book.do(OperationAcknowledged(sender=MASTER, **uuids))
    book.run(task("t1"), framework(True))
    container_id = next(iter(book.agent.state.owners))
    book.start()
    book.acknowledge()
    pod = m.ExecutorInfo(executor_id=m.ExecutorID(value="pod"), type=m.ExecutorInfo.DEFAULT)
    pod.framework_id.value = FRAMEWORK
    group = TaskGroupInfo(tasks=(task("p1"), task("p2")))
    book.do(
        RunTaskGroupReceived(
            sender=MASTER, framework=framework(True), executor=lift_executor(pod), group=group
        )
    )
    book.start(200)
    book.acknowledge()
    book.do(ContainerExited(container_id=container_id, wait_status=256))
    book.acknowledge()
    book.do(DrainReceived(sender=MASTER, max_grace_period_s=3.5, mark_gone=True))
    return book.written, book.agent.state.info()


def write(work_dir: Path, checkpoints: Iterable[Checkpoint]) -> None:
    async def body() -> None:
        bugs: list[BaseException] = []
        writer = Checkpointer(str(work_dir), lambda ticket: None, bugs.append)
        for checkpoint in checkpoints:
            writer.write(checkpoint)
        async with asyncio.timeout(60):
            await writer.flush()
        writer.close()
        assert not bugs

    asyncio.run(body())


def found(work_dir: Path, agent: AgentInfo, **how: Any) -> Recovered:
    """What the next agent takes up, in order, less what comes to nothing: garbage, idle executors."""
    recovered = recover(str(work_dir), agent, BOOT, (), **how)
    frameworks = tuple(replace(each, executors=in_order(each.executors)) for each in recovered.frameworks)
    return replace(recovered, frameworks=frameworks, garbage=())


def in_order(executors: Iterable[RecoveredExecutor]) -> tuple[RecoveredExecutor, ...]:
    sorted_tasks = (
        replace(each, tasks=tuple(sorted(each.tasks, key=lambda task: task.info.task_id)))
        for each in executors
        if each.tasks
    )
    return tuple(sorted(sorted_tasks, key=lambda each: each.container_id))


def content(checkpoint: Checkpoint) -> bytes:
    records = checkpoint_records(checkpoint.record)
    return records.encode() if isinstance(records, str) else b"".join(map(frame, records))


def ends_of_records(checkpoint: Checkpoint) -> set[int]:
    records = checkpoint_records(checkpoint.record)
    assert isinstance(records, list)
    return set(accumulate(len(frame(record)) for record in records))


def cut_off(path: Path, checkpoint: Checkpoint, old: bytes, length: int) -> None:
    """Leave what a power cut may leave of a write: its beginning, or of a new file nothing."""
    data = content(checkpoint)[:length]
    path.write_bytes(old + data if isinstance(checkpoint.record, UpdateCheckpoint) else data)


def test_a_write_that_is_cut_off_at_any_byte_was_done_or_not(
    tmp_path: Path, life: tuple[list[Checkpoint], AgentInfo]
) -> None:
    written, agent = life
    kinds = {type(checkpoint.record) for checkpoint in written}
    assert kinds == set(get_args(CheckpointRecord)), "there is one of each kind"
    assert sum(isinstance(checkpoint.record, UpdateCheckpoint) for checkpoint in written) >= 10
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/boot_id").write_text("before the power cut")
    for checkpoint in written:
        before = found(tmp_path, agent)
        path = tmp_path / checkpoint.path
        replaces = isinstance(checkpoint.record, ResourcesCheckpoint) or (
            path.exists() and not isinstance(checkpoint.record, UpdateCheckpoint)
        )
        old = path.read_bytes() if path.exists() else b""
        write(tmp_path, [checkpoint])
        after = found(tmp_path, agent)
        # What is replaced is there as it was until the new one is whole and synced: nothing can be cut off.
        for cut in () if replaces else range(len(content(checkpoint))):
            cut_off(path, checkpoint, old, cut)
            left = found(tmp_path, agent)
            if isinstance(checkpoint.record, TaskCheckpoint) and cut in ends_of_records(checkpoint):
                # Mesos writes no more than the first record: enough to tell how the task has ended.
                assert task_names(left) == task_names(after)
            else:
                assert left in (before, after), (checkpoint.path, cut)
        path.write_bytes(content(checkpoint) if replaces else old + content(checkpoint))
        assert found(tmp_path, agent) == after
    assert task_names(found(tmp_path, agent)) == {"t1", "p1", "p2"}


def test_a_file_that_a_power_cut_has_emptied_takes_no_other_with_it(
    tmp_path: Path, life: tuple[list[Checkpoint], AgentInfo]
) -> None:
    written, agent = life
    write(tmp_path, written)
    whole = found(tmp_path, agent)
    all_tasks = task_names(whole)
    # The state of the resources is synced: it is never lost.
    for name in {c.path for c in written if not isinstance(c.record, ResourcesCheckpoint)}:
        path = tmp_path / name
        data = path.read_bytes()
        path.write_bytes(b"")
        left = found(tmp_path, agent)
        assert left.total == whole.total
        assert left.agent_id == (None if name.endswith("slave.info") else AGENT)
        assert task_names(left) == all_tasks - described_by(name), name
        command_executors = {
            executor.info.executor_id
            for framework in left.frameworks
            for executor in framework.executors
            if executor.command_task
        }
        assert command_executors == task_names(left) & {"t1"}, name
        path.write_bytes(data)


def described_by(path: str) -> set[str]:
    """The tasks that nothing is known of without a file."""
    match path.split("/"):
        case [*_, "slave.info" | "framework.info"]:
            return {"t1", "p1", "p2"}
        case [*_, "executors", executor, "executor.info"]:
            return {"p1", "p2"} if executor == "pod" else {executor}
        case [*_, task, "task.info"]:
            return {task}
    return set()


def task_names(recovered: Recovered) -> set[str]:
    return {
        task.info.task_id
        for framework in recovered.frameworks
        for executor in framework.executors
        for task in executor.tasks
    }


def test_an_update_after_a_cut_is_read(tmp_path: Path, life: tuple[list[Checkpoint], AgentInfo]) -> None:
    written, agent = life
    last = next(c for c in reversed(written) if "p1" in c.path and isinstance(c.record, UpdateCheckpoint))
    write(tmp_path, written[: written.index(last)])
    path = tmp_path / last.path
    cut_off(path, last, path.read_bytes(), 7)
    once = found(tmp_path, agent)
    write(tmp_path, [last])
    again = found(tmp_path, agent)
    assert again != once
    assert found(tmp_path, agent) == again


def test_damage_stops_the_start_or_is_passed_over(
    tmp_path: Path, life: tuple[list[Checkpoint], AgentInfo]
) -> None:
    written, agent = life
    write(tmp_path, written)
    (path,) = {c.path for c in written if c.path.endswith("p1/task.updates")}
    (tmp_path / path).write_bytes(b"\xff\xff\xff\x7f and no record")
    with pytest.raises(MesetaError, match=r"p1/task\.updates is damaged"):
        found(tmp_path, agent)
    faults: list[str] = []
    (only,) = found(tmp_path, agent, tolerate=faults.append).frameworks
    assert len(faults) == 1
    tasks = {task.info.task_id for executor in only.executors for task in executor.tasks}
    assert "p2" in tasks
    assert "p1" not in tasks


def test_an_agent_that_has_grown_keeps_its_id_where_that_is_allowed(
    tmp_path: Path, life: tuple[list[Checkpoint], AgentInfo]
) -> None:
    written, agent = life
    write(tmp_path, [c for c in written if isinstance(c.record, AgentCheckpoint)])
    grown = replace(agent, resources=agent.resources + parse_resources("cpus:2"))
    with pytest.raises(ConfigError, match=r"remove .*latest"):
        found(tmp_path, grown)
    taken = found(tmp_path, grown, policy=ADDITIVE)
    assert (taken.agent_id, taken.reconfigured) == (AGENT, True)
    assert found(tmp_path, agent, policy=ADDITIVE).reconfigured is False
    write(tmp_path, [Checkpoint(path=written[0].path, record=AgentCheckpoint(grown))])
    with pytest.raises(ConfigError, match="Value of scalar resource 'cpus' decreased"):
        found(tmp_path, agent, policy=ADDITIVE)


def test_after_a_reboot_an_agent_that_has_changed_is_a_new_one(
    tmp_path: Path, life: tuple[list[Checkpoint], AgentInfo]
) -> None:
    written, agent = life
    write(tmp_path, written)
    (tmp_path / "meta/boot_id").write_text("another")
    assert found(tmp_path, agent).agent_id == AGENT
    grown = replace(agent, hostname="other")
    assert found(tmp_path, grown).agent_id is None
