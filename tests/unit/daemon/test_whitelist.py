"""The whitelist: names are read, changes are told, a file that vanishes changes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from meseta.daemon import whitelist
from meseta.errors import ConfigError


def test_names_are_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("one\n\n  two \n")
    assert whitelist.read_whitelist(str(tmp_path / "hosts")) == {"one", "two"}


def test_a_file_that_is_not_there_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        whitelist.read_whitelist(str(tmp_path / "hosts"))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="it is no UTF-8 text"):
        whitelist.read_whitelist(str(tmp_path / "hosts"))


def test_changes_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whitelist, "POLL_S", 0.001)
    path = tmp_path / "hosts"
    path.write_text("one")
    told: list[frozenset[str]] = []

    async def main() -> None:
        watch = asyncio.create_task(whitelist.watch_whitelist(str(path), told.append))
        while not told:
            await asyncio.sleep(0.005)
        path.unlink()
        await asyncio.sleep(0.02)
        path.write_text("two")
        while len(told) < 2:
            await asyncio.sleep(0.005)
        watch.cancel()

    asyncio.run(main())
    assert told == [{"one"}, {"two"}]
