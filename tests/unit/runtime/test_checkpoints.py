from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meseta.runtime import checkpoints
from meseta.runtime.checkpoints import CheckpointError, append, frame, split_records

RECORDS = [b"one", b"", b"three" * 1000]
GOLDEN_ACK = bytes.fromhex("1400000008011a1005dedbb34a4848eeacc477c7252d69f9")
"""The second record of a task.updates file of Mesos: type ACK and a uuid, 20 bytes."""


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 60))
def test_a_tail_that_was_cut_off_is_ignored(records: list[bytes], cut: int) -> None:
    data = b"".join(map(frame, records))
    assert split_records(data, "f") == (records, len(data), False)
    kept = data[:-cut]
    whole, whole_bytes, truncated = split_records(kept, "f")
    assert whole == records[: len(whole)]
    assert truncated == (whole_bytes < len(kept))
    assert len(kept) - whole_bytes < 4 + 50


def test_a_record_of_mesos_is_read() -> None:
    (record,), *_ = split_records(GOLDEN_ACK, "task.updates")
    assert len(record) == 20


def test_an_impossible_length_is_damage() -> None:
    with pytest.raises(CheckpointError, match="is damaged: at byte 7"):
        split_records(frame(b"one") + b"\xff\xff\xff\xff", "task.updates")


def test_files_are_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "slave.info"
    checkpoints.replace_file(str(path), b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    checkpoints.replace_file(str(path), b"".join(map(frame, RECORDS)))
    assert checkpoints.read_records(str(path)).records == RECORDS
    assert checkpoints.read_record(str(path)) == b"one"
    assert os.listdir(path.parent) == ["slave.info"]


@pytest.mark.parametrize("durable", [False, True])
def test_a_power_cut_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, os.rename

    def noted_fsync(fd: int) -> None:
        place = Path(os.readlink(f"/proc/self/fd/{fd}"))
        done.append(f"sync {place.relative_to(tmp_path)}" if place.is_dir() else "sync file")
        fsync(fd)

    def noted_rename(old: str, new: str) -> None:
        done.append("rename")
        rename(old, new)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "rename", noted_rename)
    checkpoints.replace_file(str(tmp_path / "a" / "b" / "state"), b"x", durable=durable)
    directories = ["sync a/b", "sync a", "sync ."]
    assert done == ["sync file", "rename", *(directories if durable else [])]
    done.clear()
    checkpoints.replace_file(str(tmp_path / "a" / "b" / "state"), b"y", durable=durable)
    assert done == ["sync file", "rename", *(directories[:1] if durable else [])]


def test_a_failed_replacement_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "info" / "sub").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        checkpoints.replace_file(str(tmp_path / "info"), b"new")
    assert os.listdir(tmp_path) == ["info"]


def test_text_files_have_no_frame(tmp_path: Path) -> None:
    checkpoints.write_text(str(tmp_path / "boot_id"), "some-boot")
    assert (tmp_path / "boot_id").read_bytes() == b"some-boot"
    assert checkpoints.read_text(str(tmp_path / "boot_id")) == "some-boot"


def test_a_text_that_is_there_already_needs_no_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "boot_id")
    checkpoints.write_text(path, "some-boot")
    monkeypatch.setattr(checkpoints, "replace_file", lambda path, data: pytest.fail("written again"))
    checkpoints.write_text(path, "some-boot")


def test_missing_files_hold_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "nope")
    assert checkpoints.read_text(path) is None
    assert checkpoints.read_record(path) is None
    assert checkpoints.read_records(path) == ([], 0, False)


def test_a_log_grows_and_is_recovered(tmp_path: Path) -> None:
    path = str(tmp_path / "task.updates")
    for expected in ([], RECORDS):
        assert checkpoints.recover_records(path) == expected
        for record in RECORDS:
            append(path, frame(record))
    assert checkpoints.read_records(path).records == RECORDS * 2


def test_a_log_goes_on_after_half_a_record(tmp_path: Path) -> None:
    path = tmp_path / "task.updates"
    path.write_bytes(frame(b"one") + frame(b"two")[:-1])
    assert checkpoints.recover_records(str(path)) == [b"one"]
    append(str(path), frame(b"new"))
    assert checkpoints.read_records(str(path)) == ([b"one", b"new"], 14, False)


def test_a_log_that_a_full_disk_cuts_off_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "log")
    append(path, frame(b"one"))
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda fd, data: write(fd, data[:2]))
        with pytest.raises(OSError, match="No space") as raised:
            append(path, frame(b"lost"))
        assert raised.value.filename == path
        with pytest.raises(OSError, match="No space"):
            append(str(tmp_path / "new"), frame(b"lost"), os.O_EXCL)
    append(path, frame(b"two"))
    assert checkpoints.read_records(path).records == [b"one", b"two"]
    assert os.listdir(tmp_path) == ["log"]
