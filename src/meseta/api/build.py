"""Which version answers: that of the Mesos whose protocols we speak, and when we were installed.

Clients take the version for a promise and compare it, so it is Mesos's and dotted integers only. Our own one
is beside it in /version, as `meseta_version`. There is no build in the sense of Mesos; its time is that of
the installation.
"""

from __future__ import annotations

import os
import time
from typing import Any

import meseta
from meseta.version import MESETA_VERSION, MESOS_VERSION
from meseta.wire import json
from meseta.wire.gen import mesos_pb2 as m


def this_build() -> m.VersionInfo:
    """Return what is known of the running installation."""
    installed = float(int(os.stat(meseta.__file__).st_mtime))
    return m.VersionInfo(
        version=MESOS_VERSION,
        build_date=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(installed)),
        build_time=installed,
        build_user="",
    )


def version_json(info: m.VersionInfo) -> dict[str, Any]:
    """Return the body of /version, in the order of names."""
    return dict(sorted((json.to_dict(info) | {"meseta_version": MESETA_VERSION}).items()))


def version_head(info: m.VersionInfo) -> dict[str, Any]:
    """Return how /state begins."""
    known = json.to_dict(info)
    order = ("version", "git_sha", "git_branch", "git_tag", "build_date", "build_time", "build_user")
    return {name: known[name] for name in order if name in known}
