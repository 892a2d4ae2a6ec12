"""The directories of persistent volumes, and the links to them."""

from __future__ import annotations

import errno
import os
import pwd
from pathlib import Path

import pytest

from meseta.containers.effects import Sandbox, VolumeLink
from meseta.runtime.sandbox import SandboxError
from meseta.runtime.volumes import empty_mount, link_volumes, make_volume


def sandbox(tmp_path: Path, *links: VolumeLink, user: str | None = None) -> Sandbox:
    """A sandbox that is there."""
    path = tmp_path / "sandbox"
    path.mkdir(exist_ok=True)
    return Sandbox(path=str(path), user=user, volumes=links)


def test_a_volume_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "volumes/roles/eng/web/v1"
    make_volume(str(path))
    (path / "file").write_text("kept")
    make_volume(str(path))
    assert (path / "file").read_text() == "kept"


def test_a_link_leads_to_the_volume_whatever_was_there(tmp_path: Path) -> None:
    first, second = (VolumeLink(name="data", path=str(tmp_path / name)) for name in ("v1", "v2"))
    for link in (first, first, second):
        link_volumes(sandbox(tmp_path, link))
        assert os.readlink(tmp_path / "sandbox/data") == link.path
        assert Path(link.path).is_dir()


def test_what_cannot_be_linked_says_why(tmp_path: Path) -> None:
    link = VolumeLink(name="data", path=str(tmp_path / "v1"))
    where = sandbox(tmp_path, link)
    (tmp_path / "sandbox/data").mkdir()
    with pytest.raises(SandboxError, match=f"data in .* to .*v1: {os.strerror(errno.EISDIR)}"):
        link_volumes(where)
    with pytest.raises(SandboxError, match="There is no user 'nobody-at-all' on this machine"):
        link_volumes(sandbox(tmp_path, link, user="nobody-at-all"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_volume_belongs_to_who_uses_it_and_a_shared_one_to_the_first(tmp_path: Path) -> None:
    nobody, daemon = pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("daemon").pw_uid
    own = VolumeLink(name="own", path=str(tmp_path / "own"))
    shared = VolumeLink(name="shared", path=str(tmp_path / "shared"), shared=True)
    link_volumes(sandbox(tmp_path, own, shared, user="nobody"))
    assert (os.stat(own.path).st_uid, os.stat(shared.path).st_uid) == (nobody, nobody)
    link_volumes(sandbox(tmp_path, own, shared, user="daemon"))
    assert (os.stat(own.path).st_uid, os.stat(shared.path).st_uid) == (daemon, nobody)
    link_volumes(sandbox(tmp_path, own, user="root"))
    assert os.stat(own.path).st_uid == daemon


def test_a_mount_is_emptied_and_stays(tmp_path: Path) -> None:
    (tmp_path / "directory/inner").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("/")
    empty_mount(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    empty_mount(str(tmp_path / "not there"))
