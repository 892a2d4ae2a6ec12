"""Files over v0 and v1."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from meseta.runtime.files import VirtualFiles
from tests.unit.api.api_kit import MasterSite


@pytest.fixture
def site(tmp_path: Path) -> MasterSite:
    (tmp_path / "stdout").write_text("out\n")
    (tmp_path / "b\u00e4d\n.log").write_text("x")
    files = VirtualFiles()
    files.attach(str(tmp_path), "/box")
    return MasterSite(files=files)


def test_browse_lists(site: MasterSite) -> None:
    shown = site.get("/files/browse?path=/box").json
    assert [each["path"] for each in shown][-1] == "/box/stdout"
    assert list(shown[-1]) == ["gid", "mode", "mtime", "nlink", "path", "size", "uid"]
    infos = site.call("LIST_FILES", list_files={"path": "/box"}).json["list_files"]["file_infos"]
    assert infos[-1]["path"] == "/box/stdout"
    assert infos[-1]["size"] == 4


def test_read_gives_parts_and_sizes(site: MasterSite) -> None:
    read = "/files/read?path=/box/stdout"
    assert site.get(f"{read}&offset=1&length=2").json == {"data": "ut", "offset": 1}
    assert site.get(read).json == {"data": "", "offset": 4}
    assert site.get(f"{read}&offset=-1").json == {"data": "", "offset": 4}
    assert site.get(f"{read}&offset=0&length=-1").json == {"data": "out\n", "offset": 0}
    assert site.get(f"{read}&offset=99").json == {"data": "", "offset": 99}
    shown = site.call("READ_FILE", read_file={"path": "/box/stdout", "offset": 1}).json["read_file"]
    assert (shown["size"], base64.b64decode(shown["data"])) == (4, b"ut\n")


@pytest.mark.parametrize(
    ("target", "code", "sentence"),
    [
        (
            "/files/read?path=/box/stdout&offset=x",
            400,
            "Failed to parse offset: Failed to convert 'x' to number.\n",
        ),
        (
            "/files/read?path=/box/stdout&length=x",
            400,
            "Failed to parse length: Failed to convert 'x' to number.\n",
        ),
        ("/files/read?path=/box/stdout&offset=-2", 400, "Negative offset provided: -2.\n"),
        ("/files/read?path=/box&offset=0", 400, "Cannot read a directory.\n"),
        ("/files/download?path=/box", 400, "Cannot download a directory.\n"),
    ],
)
def test_refusals(site: MasterSite, target: str, code: int, sentence: str) -> None:
    got = site.get(target)
    assert (got.code, got.text) == (code, sentence)


def test_download_is_an_attachment(site: MasterSite) -> None:
    got = site.get("/files/download?path=/box/stdout")
    assert got.headers["Content-Disposition"] == "attachment; filename=stdout"
    assert got.text == "out\n"
    odd = site.get("/files/download?path=/box/b%C3%A4d%0A.log")
    assert odd.headers["Content-Disposition"] == "attachment; filename=b?d?.log"


def test_debug_shows_what_is_attached(site: MasterSite, tmp_path: Path) -> None:
    assert site.get("/files/debug").json == {"/box": str(tmp_path)}
