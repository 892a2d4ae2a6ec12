from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meseta.runtime import checkpoints
from meseta.runtime.checkpoints import CheckpointError, RecordLog, frame, split_records

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
    for sync in (False, True):
        checkpoints.replace_file(str(path), b"x", sync=sync)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    checkpoints.write_records(str(path), RECORDS)
    assert checkpoints.read_records(str(path)).records == RECORDS
    assert checkpoints.read_record(str(path)) == b"one"
    assert os.listdir(path.parent) == ["slave.info"]


def test_a_failed_replacement_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "info" / "sub").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        checkpoints.replace_file(str(tmp_path / "info"), b"new")
    assert os.listdir(tmp_path) == ["info"]


def test_text_files_have_no_frame(tmp_path: Path) -> None:
    checkpoints.write_text(str(tmp_path / "boot_id"), "some-boot")
    assert (tmp_path / "boot_id").read_bytes() == b"some-boot"
    assert checkpoints.read_text(str(tmp_path / "boot_id")) == "some-boot"


def test_missing_files_hold_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "nope")
    assert checkpoints.read_text(path) is None
    assert checkpoints.read_record(path) is None
    assert checkpoints.read_records(path) == ([], 0, False)


def test_a_log_grows_and_is_recovered(tmp_path: Path) -> None:
    path = tmp_path / "tasks" / "t" / "task.updates"
    for expected in ([], RECORDS):
        log = RecordLog(str(path))
        assert log.recovered.records == expected
        for record in RECORDS:
            log.append(record)
        log.close()
    assert checkpoints.read_records(str(path)).records == RECORDS * 2


def test_a_log_goes_on_after_half_a_record(tmp_path: Path) -> None:
    path = tmp_path / "task.updates"
    path.write_bytes(frame(b"one") + frame(b"two")[:-1])
    log = RecordLog(str(path))
    assert log.recovered == ([b"one"], 7, True)
    log.append(b"new")
    log.close()
    assert checkpoints.read_records(str(path)) == ([b"one", b"new"], 14, False)


def test_a_full_disk_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = RecordLog(str(tmp_path / "log"))
    log.append(b"one")
    write = os.write
    calls = iter([2])

    def short(fd: int, data: bytes) -> int:
        for count in calls:
            return write(fd, data[:count])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "write", short)
        with pytest.raises(OSError, match="No space"):
            log.append(b"lost")
    log.append(b"two")
    log.close()
    assert checkpoints.read_records(str(tmp_path / "log")).records == [b"one", b"two"]
