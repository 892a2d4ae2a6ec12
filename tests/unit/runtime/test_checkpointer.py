"""The checkpointer on a real directory: order, tickets, modes, and a disk that refuses."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from meseta.agent.effects import Checkpoint, RemovePath, TextCheckpoint, UpdateCheckpoint
from meseta.runtime import checkpointer, checkpoints
from meseta.runtime.checkpointer import Checkpointer, CheckpointerError
from meseta.runtime.checkpoints import split_records

RUN = "meta/slaves/a/frameworks/f/executors/e/runs/c"
UUID = b"0123456789abcdef"


def text(path: str, content: str = "", ticket: int | None = None) -> Checkpoint:
    return Checkpoint(path=path, record=TextCheckpoint(content), ticket=ticket)


def acknowledgement(path: str, ticket: int | None = None) -> Checkpoint:
    return Checkpoint(path=path, record=UpdateCheckpoint(acknowledged=UUID), ticket=ticket)


def check(work_dir: Path, test: Callable[[Checkpointer, list[int]], Awaitable[None]]) -> None:
    async def body() -> None:
        stored: list[int] = []
        this = Checkpointer(str(work_dir), stored.append, lambda bug: pytest.fail(str(bug)))
        async with asyncio.timeout(60):
            await test(this, stored)
        this.close()

    asyncio.run(body())


def test_writes_land_in_order_and_tell_their_tickets(tmp_path: Path) -> None:
    async def body(this: Checkpointer, stored: list[int]) -> None:
        this.write(text(f"{RUN}/pids/forked.pid", "1", 1))
        this.write(text(f"{RUN}/pids/forked.pid", "22", 2))
        for ticket in (3, 4):
            this.write(acknowledgement(f"{RUN}/tasks/t/task.updates", ticket))
        assert stored == []
        await this.flush()
        assert stored == [1, 2, 3, 4]
        assert (tmp_path / RUN / "pids/forked.pid").read_text() == "22"
        data = (tmp_path / RUN / "tasks/t/task.updates").read_bytes()
        assert len(split_records(data, "").records) == 2
        assert os.readlink(tmp_path / RUN / "../latest") == str(tmp_path / RUN)

    check(tmp_path, body)


def test_nobody_else_may_read_checkpoints(tmp_path: Path) -> None:
    async def body(this: Checkpointer, stored: list[int]) -> None:
        this.write(text(f"{RUN}/http.marker"))
        this.write(acknowledgement(f"{RUN}/task.updates"))
        await this.flush()
        for name in ("http.marker", "task.updates"):
            assert stat.S_IMODE((tmp_path / RUN / name).stat().st_mode) == 0o600

    check(tmp_path, body)


def test_what_the_disk_refuses_is_tried_again_before_all_that_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointer, "RETRY_S", 0.01)

    async def body(this: Checkpointer, stored: list[int]) -> None:
        (tmp_path / "b").write_text("a file where a directory has to be")
        for ticket, path in enumerate(("a/1", "b/2", "c/3")):
            this.write(text(path, "x", ticket))
        while not stored:
            await asyncio.sleep(0.001)
        assert stored == [0]
        assert not (tmp_path / "c").exists()
        os.unlink(tmp_path / "b")
        await this.flush()
        assert stored == [0, 1, 2]

    check(tmp_path, body)


def test_a_disk_that_refuses_for_too_long_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointer, "QUEUE_MAX", 2)

    async def body(this: Checkpointer, stored: list[int]) -> None:
        for number in range(2):
            this.write(text(str(number)))
        with pytest.raises(CheckpointerError, match="takes no checkpoints: 2 wait"):
            this.write(text("3"))
        await this.flush()

    check(tmp_path, body)


def test_what_is_removed_goes_in_its_turn(tmp_path: Path) -> None:
    async def body(this: Checkpointer, stored: list[int]) -> None:
        this.write(text("meta/slaves/a/x", "old"))
        this.remove(RemovePath("meta/slaves/a"))
        this.remove(RemovePath("meta/slaves/unknown"))
        this.write(text("meta/slaves/a/y", "new"))
        await this.flush()
        assert os.listdir(tmp_path / "meta/slaves/a") == ["y"]

    check(tmp_path, body)


def test_what_is_to_follow_waits_for_what_was_asked_for_before(tmp_path: Path) -> None:
    async def body(this: Checkpointer, stored: list[int]) -> None:
        this.after(lambda: stored.append(0))
        assert stored == [0], "nothing is to be written"
        this.write(text(f"{RUN}/http.marker", ticket=1))
        this.after(lambda: stored.append(2))
        this.write(text(f"{RUN}/other", ticket=3))
        assert stored == [0]
        await this.flush()
        assert stored == [0, 1, 2, 3]

    check(tmp_path, body)


def test_records_that_follow_each_other_in_a_log_are_one_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    appended: list[tuple[str, int]] = []

    def append(path: str, data: bytes, flags: int = 0) -> None:
        appended.append((path.rpartition("/")[2], len(split_records(data, path).records)))
        checkpoints.append(path, data, flags)

    monkeypatch.setattr(checkpointer, "append", append)
    (tmp_path / RUN).mkdir(parents=True)

    async def body(this: Checkpointer, stored: list[int]) -> None:
        for ticket, name in enumerate(("a", "a", "b", "a", "a", "a")):
            this.write(acknowledgement(f"{RUN}/{name}", ticket))
            if ticket == 4:
                this.after(lambda: stored.append(-1))
        await this.flush()
        assert appended == [("a", 2), ("b", 1), ("a", 2), ("a", 1)]
        assert stored == [0, 1, 2, 3, 4, -1, 5]

    check(tmp_path, body)


def test_records_that_a_full_disk_does_not_take_are_tried_again_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointer, "RETRY_S", 0.01)
    path = f"{RUN}/task.updates"
    (tmp_path / RUN).mkdir(parents=True)
    write, calls = os.write, iter(range(100))
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:30] if next(calls) < 2 else data))

    async def body(this: Checkpointer, stored: list[int]) -> None:
        for ticket in range(3):
            this.write(acknowledgement(path, ticket))
        await this.flush()
        assert stored == [0, 1, 2]

    check(tmp_path, body)
    assert len(split_records((tmp_path / path).read_bytes(), path).records) == 3


def test_what_fails_in_its_turn_is_told_as_a_bug_and_holds_nothing_up(tmp_path: Path) -> None:
    async def body() -> None:
        stored: list[int] = []
        bugs: list[BaseException] = []
        this = Checkpointer(str(tmp_path), stored.append, bugs.append)
        this.write(text("a"))
        this.after(lambda: stored[7])  # type: ignore[arg-type]
        this.write(text("b", ticket=1))
        async with asyncio.timeout(60):
            await this.flush()
        this.close()
        assert stored == [1]
        assert [type(bug) for bug in bugs] == [IndexError]

    asyncio.run(body())
