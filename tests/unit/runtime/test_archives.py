"""Archives of strangers: what comes out, and that nothing else does."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from meseta.runtime.archives import ArchiveError, extract


class Entry(NamedTuple):
    """A member of a tar file."""

    name: str
    data: bytes = b""
    kind: bytes = tarfile.REGTYPE
    target: str = ""
    mode: int = 0o644


def symlink(name: str, target: str) -> Entry:
    return Entry(name, kind=tarfile.SYMTYPE, target=target)


def hard_link(name: str, target: str) -> Entry:
    return Entry(name, kind=tarfile.LNKTYPE, target=target)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    directory = tmp_path / "target"
    directory.mkdir()
    return directory


def extract_tar(target: Path, *entries: Entry) -> None:
    """Make a tar file beside `target`, and extract it there."""
    archive = target.parent / "a.tar"
    with tarfile.open(archive, "w") as tar:
        for entry in entries:
            member = tarfile.TarInfo(entry.name)
            member.type, member.linkname, member.mode = entry.kind, entry.target, entry.mode
            member.size, member.mtime = len(entry.data), 1_000_000_000
            member.uid = member.gid = 12345
            tar.addfile(member, io.BytesIO(entry.data))
    extract(str(archive), str(target), archive.name)


def test_what_a_program_is_shipped_as_comes_out(target: Path) -> None:
    extract_tar(
        target,
        Entry("./", kind=tarfile.DIRTYPE),
        Entry("./app/", kind=tarfile.DIRTYPE),
        Entry("./app/bin/run", b"#!/bin/sh\n", mode=0o6777),
        Entry("app/lib/x.so.1", b"x"),
        symlink("app/bin/x.so", "../lib/x.so.1"),
        hard_link("app/lib/x.so", "app/lib/x.so.1"),
        Entry("/etc/app.conf", b"conf", mode=0o000),
    )
    run = target / "app/bin/run"
    assert run.read_bytes() == b"#!/bin/sh\n"
    assert (stat.S_IMODE(run.stat().st_mode), run.stat().st_mtime) == (0o755, 1_000_000_000)
    assert (run.stat().st_uid, run.stat().st_gid) == (os.geteuid(), os.getegid())
    assert (target / "app/bin/x.so").read_bytes() == b"x"
    assert (target / "app/lib/x.so").samefile(target / "app/lib/x.so.1")
    assert (target / "etc/app.conf").read_bytes() == b"conf"


def test_links_to_directories_are_followed_while_they_stay_inside(target: Path) -> None:
    extract_tar(target, Entry("usr/lib/a"), symlink("lib", "usr/lib"), Entry("lib/b", b"b"))
    assert (target / "usr/lib/b").read_bytes() == b"b"


def test_files_are_made_anew_and_not_written_through_links(target: Path) -> None:
    outside = target.parent / "outside"
    outside.write_text("mine")
    (target / "stdout").symlink_to(outside)
    os.link(outside, target / "stderr")
    extract_tar(target, Entry("stdout", b"theirs"), Entry("stderr", b"theirs"))
    assert (target / "stdout").read_text() == (target / "stderr").read_text() == "theirs"
    assert outside.read_text() == "mine"


@pytest.mark.parametrize(
    "entries",
    [
        [Entry("a/../../escaped", b"x")],
        [symlink("l", "/etc/passwd")],
        [symlink("a/l", "../../escaped")],
        [symlink("here", "."), symlink("here/l", "../escaped")],
        [hard_link("l", "../outside")],
        [Entry("pipe", kind=tarfile.FIFOTYPE)],
        [Entry("null", kind=tarfile.CHRTYPE)],
    ],
    ids=str,
)
def test_what_leads_outside_is_refused(target: Path, entries: list[Entry]) -> None:
    (target.parent / "outside").write_text("mine")
    with pytest.raises(ArchiveError, match=r"outside of itself|a device"):
        extract_tar(target, *entries)
    assert sorted(os.listdir(target.parent)) == ["a.tar", "outside", "target"]


def test_a_link_that_leads_outside_by_now_is_not_gone_through(target: Path) -> None:
    """A task, or another archive, may have made it; nothing is written beyond it."""
    (target / "out").symlink_to(target.parent)
    with pytest.raises(ArchiveError, match="outside of itself"):
        extract_tar(target, Entry("out/escaped", b"x"))
    with pytest.raises(ArchiveError, match="outside of itself"):
        extract_tar(target, hard_link("l", "out/a.tar"))
    assert sorted(os.listdir(target.parent)) == ["a.tar", "target"]


def test_links_too_deep_to_resolve_are_refused(target: Path) -> None:
    """Each step is short, but what it resolves to is longer than a path may be."""
    entries, here = [], ""
    for letter in "abcdefghijklmnopqrs":
        deep = letter * 250
        entries += [Entry(f"{here}{deep}/", kind=tarfile.DIRTYPE), symlink(f"{here}{letter}", deep)]
        here += f"{letter}/"
    entries += [symlink(f"{here}up", "../" * 19 + "x"), Entry(f"{here}up/escaped", b"x")]
    with pytest.raises((ArchiveError, OSError)):
        extract_tar(target, *entries)
    assert sorted(os.listdir(target.parent)) == ["a.tar", "target"]


def test_zip_files_keep_modes_links_and_empty_directories(target: Path) -> None:
    archive = target.parent / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, mode, data in (
            ("app/bin/run", stat.S_IFREG | 0o755, "run"),
            ("app/run", stat.S_IFLNK | 0o777, "bin/run"),
            ("app/lib/run", stat.S_IFLNK | 0o777, "../bin/run"),
            ("app/empty/", stat.S_IFDIR | 0o755, ""),
        ):
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            file.writestr(member, data)
    extract(str(archive), str(target), archive.name)
    assert stat.S_IMODE((target / "app/bin/run").stat().st_mode) == 0o755
    assert (target / "app/run").read_text() == (target / "app/lib/run").read_text() == "run"
    assert os.listdir(target / "app/empty") == []
