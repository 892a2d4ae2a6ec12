"""Which version of Meseta's checkpoints a work directory holds: a text file, `meta/format`.

The checkpoints are messages in the files of Mesos, and say nothing of a version themselves. Fields and files
may be added, and are passed over by an older agent; the format goes up when an older agent must not touch
them any more. A directory without the file was written by Mesos, or by a Meseta of before it: format 1.
"""

from __future__ import annotations

import os

from meseta.agent import paths
from meseta.errors import ConfigError
from meseta.runtime.checkpoints import read_text, write_text

FORMAT = 1
"""The newest format that is read, and the one that is written."""
READ_MAX = 40
"""Characters of a damaged file that are shown."""


def check_format(work_dir: str) -> None:
    """Refuse checkpoints of a newer Meseta before anything of them is touched, and mark those of this one.

    Raises:
        ConfigError: a newer Meseta has written them, or nobody can tell.
        OSError: the file cannot be read or written.
    """
    path = os.path.join(work_dir, paths.FORMAT)
    text = read_text(path)
    # A power cut may leave the file empty: it was being written for the first time, by this version.
    found = (text or "").strip() or str(FORMAT)
    if not found.isascii() or not found.isdecimal() or int(found) < 1:
        raise ConfigError(
            f"{path} says '{found[:READ_MAX]}', which is no format of checkpoints: put a backup of it in its "
            "place, or start with another --work_dir"
        )
    if int(found) > FORMAT:
        raise ConfigError(
            f"a newer Meseta has written the checkpoints in {work_dir}: they have format {found}, and this "
            f"one reads up to {FORMAT}; start the newer one again, or give another --work_dir"
        )
    write_text(path, str(FORMAT))
