"""The virtual file system; the texts are those that a live Mesos agent gave."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meseta.runtime.files import READ_BYTES_MAX, FilesError, FilesFault, VirtualFiles

LATEST = "/frameworks/f/executors/e/runs/latest"


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    sandbox = tmp_path / "run1"
    (sandbox / "sub").mkdir(parents=True)
    (sandbox / "stdout").write_text("out\n")
    (sandbox / "sub" / "page.html").write_text("x")
    (tmp_path / "run10").mkdir()
    (tmp_path / "run10" / "secret").write_text("s")
    return sandbox


@pytest.fixture
def files(sandbox: Path, tmp_path: Path) -> VirtualFiles:
    files = VirtualFiles()
    files.attach(str(sandbox), str(sandbox), subject="executor e")
    files.attach(str(sandbox), LATEST)
    (tmp_path / "agent.log").write_text("log")
    files.attach(str(tmp_path / "agent.log"), "/slave/log")
    return files


def fault(call: object, *args: object) -> tuple[FilesFault, str]:
    with pytest.raises(FilesError) as caught:
        call(*args)  # type: ignore[operator]
    return caught.value.fault, str(caught.value)


def test_browse_lists_what_is_there_under_its_virtual_path(files: VirtualFiles, sandbox: Path) -> None:
    os.utime(sandbox / "stdout", (5.9, 5.9))
    stdout, sub = files.browse(f"{LATEST}/")
    assert (stdout.path, stdout.size, stdout.nlink, stdout.mtime) == (f"{LATEST}/stdout", 4, 1, 5.0)
    assert stdout.mode_text == "-rw-r--r--"
    assert (stdout.uid, stdout.gid) == ((sandbox / "stdout").owner(), (sandbox / "stdout").group())
    assert sub.mode_text == "drwxr-xr-x"
    assert [info.path for info in files.browse(f"{sandbox}/sub")] == [f"{sandbox}/sub/page.html"]
    assert files.browse(f"{sandbox}/stdout") == []


def test_browse_copes_with_any_name_and_with_dangling_links(files: VirtualFiles, sandbox: Path) -> None:
    (sandbox / "sub" / "dangling").symlink_to("nowhere")
    os.mkdir(os.fsencode(sandbox / "sub") + b"/\xff")
    assert [info.path.rpartition("/")[2] for info in files.browse(f"{sandbox}/sub")] == [
        "page.html",
        "\ufffd",
    ]


@pytest.mark.parametrize(
    ("offset", "length", "answer"),
    [
        (0, 1000, b"out\n"),
        (0, None, b"out\n"),
        (0, -1, b"out\n"),
        (2, 3, b"t\n"),
        (-1, 3, b""),
        (4, 3, b""),
        (99, 3, b""),
        (0, 0, b""),
    ],
)
def test_read(files: VirtualFiles, offset: int, length: int | None, answer: bytes) -> None:
    assert files.read(f"{LATEST}/stdout", offset, length) == (4, answer)


def test_a_read_is_limited(files: VirtualFiles, sandbox: Path) -> None:
    (sandbox / "large").write_bytes(b"x" * (READ_BYTES_MAX + 5))
    size, data = files.read(f"{LATEST}/large", 0)
    assert (size, len(data)) == (READ_BYTES_MAX + 5, READ_BYTES_MAX)


def test_download(files: VirtualFiles) -> None:
    download = files.download(f"{LATEST}/stdout")
    assert (download.name, download.size, download.content_type) == ("stdout", 4, "application/octet-stream")
    with download.file as file:
        assert file.read() == b"out\n"
    page = files.download(f"{LATEST}/sub/page.html")
    page.file.close()
    assert page.content_type == "text/html"


def test_a_file_may_be_attached_itself(files: VirtualFiles) -> None:
    assert files.read("/slave/log", 0) == (3, b"log")
    assert fault(files.read, "/slave/log/x", 0) == (FilesFault.NOT_FOUND, "")
    files.detach("/slave/log")
    assert fault(files.read, "/slave/log", 0) == (FilesFault.NOT_FOUND, "")


@pytest.mark.parametrize(
    "path", ["", "/", "/nope", "/slave", "relative", f"{LATEST}/nope", f"{LATEST}/stdout/x", "\0"]
)
def test_what_is_not_attached_is_not_found(files: VirtualFiles, path: str) -> None:
    for call in (files.browse, files.download):
        assert fault(call, path) == (FilesFault.NOT_FOUND, "")
    assert fault(files.read, path, 0) == (FilesFault.NOT_FOUND, "")


def test_texts_of_refusals(files: VirtualFiles, sandbox: Path) -> None:
    invalid = FilesFault.INVALID
    assert fault(files.read, str(sandbox), 0) == (invalid, "Cannot read a directory.\n")
    assert fault(files.download, str(sandbox)) == (invalid, "Cannot download a directory.\n")
    assert fault(files.browse, f"{sandbox}/..") == (invalid, f"'{sandbox}/..' is inaccessible.\n")
    assert fault(files.read, LATEST, -2) == (invalid, "Negative offset provided: -2.\n")
    assert fault(files.read, LATEST, 0, -2) == (invalid, "Negative length provided: -2.\n")


@pytest.mark.parametrize("target", ["/etc/passwd", "../run10/secret", "/etc"])
def test_no_link_leads_out_of_the_sandbox(files: VirtualFiles, sandbox: Path, target: str) -> None:
    (sandbox / "link").symlink_to(target)
    assert fault(files.read, f"{LATEST}/link", 0) == (
        FilesFault.INVALID,
        f"'{sandbox}/link' is inaccessible.\n",
    )
    assert fault(files.browse, f"{LATEST}/link")[0] is FilesFault.INVALID
    assert fault(files.download, f"{LATEST}/link")[0] is FilesFault.INVALID


def test_a_link_put_in_place_between_the_check_and_the_opening_gains_nothing(
    files: VirtualFiles, sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swap(path: str, *, strict: bool = False) -> str:
        (sandbox / "stdout").unlink(missing_ok=True)
        (sandbox / "stdout").symlink_to("/etc/passwd")
        return path

    monkeypatch.setattr(os.path, "realpath", swap)
    assert fault(files.read, f"{LATEST}/stdout", 0)[0] is FilesFault.INVALID


def test_links_within_the_sandbox_work(files: VirtualFiles, sandbox: Path) -> None:
    (sandbox / "link").symlink_to("sub/page.html")
    assert files.read(f"{LATEST}/link", 0) == (1, b"x")


def test_a_link_loop_and_a_fifo_do_no_harm(files: VirtualFiles, sandbox: Path) -> None:
    (sandbox / "loop").symlink_to("loop")
    os.mkfifo(sandbox / "fifo")
    assert "canonical path" in fault(files.read, f"{LATEST}/loop", 0)[1]
    assert fault(files.read, f"{LATEST}/fifo", 0) == (
        FilesFault.INVALID,
        f"'{sandbox}/fifo' is inaccessible.\n",
    )


def test_debug_and_subject(files: VirtualFiles, sandbox: Path, tmp_path: Path) -> None:
    real = str(sandbox)
    assert files.debug() == {real: real, LATEST: real, "/slave/log": str(tmp_path / "agent.log")}
    assert files.subject(f"{sandbox}/sub/page.html") == "executor e"
    assert files.subject("/slave/log") is None
    assert files.subject("/nope") is None


def test_only_what_exists_is_attached(files: VirtualFiles, tmp_path: Path) -> None:
    assert fault(files.attach, str(tmp_path / "nope"), "/x")[0] is FilesFault.NOT_FOUND
