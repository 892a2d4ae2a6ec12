"""What an agent does to the directories of persistent volumes."""

from __future__ import annotations

import os
import pwd
import shutil
from contextlib import ExitStack, suppress

from meseta.containers.effects import Sandbox, VolumeLink
from meseta.runtime.sandbox import SandboxError, replace_link_in

VOLUME_MODE = 0o755


def make_volume(path: str) -> None:
    """Make the directory of a volume; one that is there is left as it is. Raises OSError."""
    os.makedirs(path, VOLUME_MODE, exist_ok=True)


def empty_mount(path: str) -> None:
    """Remove all that is in a directory, and leave the directory."""
    with suppress(FileNotFoundError):
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)


def link_volumes(sandbox: Sandbox) -> None:
    """Let the names of volumes in a sandbox lead to them, and give them to who runs there.

    Raises:
        SandboxError: it cannot be done.
    """
    for volume in sandbox.volumes:
        try:
            make_volume(volume.path)
            _hand_over(volume, sandbox.user)
            replace_link_in(sandbox.path, volume.name, volume.path)
        except OSError as error:
            reason = f"{volume.name} in {sandbox.path} to {volume.path}: {error.strerror}"
            raise SandboxError(f"Cannot link the volume {reason}") from error


def _hand_over(volume: VolumeLink, user: str | None) -> None:
    """Let a user own a volume; a shared one stays with the first who had it, who may still use it."""
    if user is None:
        return
    try:
        entry = pwd.getpwnam(user)
    except (KeyError, ValueError):  # the second for a name that no user can have
        raise SandboxError(f"There is no user '{user}' on this machine") from None
    with ExitStack() as stack:
        fd = os.open(volume.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, fd)
        owner = os.fstat(fd).st_uid
        if owner != entry.pw_uid and entry.pw_uid != 0 and not (volume.shared and owner != os.geteuid()):
            os.fchown(fd, entry.pw_uid, entry.pw_gid)
